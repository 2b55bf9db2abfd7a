"""The extended unbinned likelihood of selected events in (mjj, mj1, mj2)."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import BumphuntError
from bumphunt.masses.acceptance import Acceptance, Select, SignalDraws, draw_signal, passed_by
from bumphunt.masses.constants import SEPARATIONS, WIDTH_PRIOR
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plane import MassSpectrum, PlaneDensity
from bumphunt.masses.quadrature import JetPairs, jet_pairs, mjj_of_pairs
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.fit import fit_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedEvents:
    """The events that enter the mass fit and the background they stand on (masses in GeV).

    ``mjj, mj1, mj2`` are selected events over the whole range of ``spectrum``; ``in_window``
    flags those in the signal region. Those outside the masked bins give the density of the jet
    masses of background, ``spectrum`` gives its density in mjj. ``tau21`` (2, events) of both jets, where the table
    has it, tells how well simulation knows what the score looks at. ``n_file``, the number of all events that were
    searched, is the most that signal can be. ``width`` is the spread of an excess of background over Poisson's: a score
    gathers background as well, since each event of a cluster in the window helps to select the others.
    """

    mjj: FloatArray
    mj1: FloatArray
    mj2: FloatArray
    in_window: BoolArray
    spectrum: SpectrumFit
    growth: MassGrowth = field(default_factory=MassGrowth)
    tau21: FloatArray | None = None
    n_file: int | None = None
    width: float = 1.0

    @property
    def centre(self) -> float:
        """Middle of the window in GeV."""
        return 0.5 * sum(self.window)

    @property
    def window(self) -> tuple[float, float]:
        """Ends of the window in GeV."""
        edges, window = self.spectrum.edges, self.spectrum.window
        return float(edges[:-1][window].min()), float(edges[1:][window].max())

    @property
    def outside(self) -> BoolArray:
        """Events outside the masked bins, which the background is estimated from, shape (events,)."""
        bins = np.searchsorted(self.spectrum.edges, self.mjj, side="right") - 1
        return np.asarray(~self.spectrum.masked[np.clip(bins, 0, len(self.spectrum.masked) - 1)], dtype=np.bool_)

    @property
    def range(self) -> tuple[float, float]:
        """Ends of the fitted range in mjj, GeV."""
        return float(self.spectrum.edges[0]), float(self.spectrum.edges[-1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedSignal:
    """Signal after the selection: its density before, the acceptance, and draws to integrate with.

    Without an acceptance all signal in the range of mjj is taken to be selected.
    """

    model: SignalModel
    draws: SignalDraws
    acceptance: Acceptance | None
    ends: tuple[float, float]
    _pairs: dict[float, JetPairs] = field(default_factory=dict, init=False, repr=False)

    def efficiency(self, masses: Masses, widening: tuple[float, float] = (1.0, 1.0)) -> float:
        """Return the part of signal that is selected, in the range of mjj: the integral of the selected density.

        It is summed over quantiles of both jets' masses and of mjj, so that it changes smoothly with the parameters,
        and holds as far from the masses of the model as the density itself: a likelihood whose density and number of
        events go apart has false minima where they do.
        """
        if widening[1] not in self._pairs:  # most steps of a minimiser leave the resolution of jet masses as it is
            self._pairs.clear()
            self._pairs[widening[1]] = jet_pairs(self.model, widening=widening[1])
        pairs = self._pairs[widening[1]]
        log_mjj, weight = mjj_of_pairs(self.model, pairs, masses[0], ends=self.ends, widening=widening[0])
        if self.acceptance is None:
            return float(weight.mean())
        return self.acceptance.mean_over(log_mjj, *pairs.log_masses(masses), weight=weight)


def selected_signal(
    table: SignalTable,
    masses: Masses,
    *,
    ends: tuple[float, float],
    select: Select | None,
    growth: MassGrowth | None = None,
    seed: int = 0,
) -> SelectedSignal:
    """Prepare signal near ``masses`` (GeV) as the selection leaves it.

    Parameters
    ----------
    table : SignalTable
        Simulated signal.
    masses : (m_resonance, m_x, m_y)
        GeV.
    ends : (float, float)
        Range of mjj in GeV.
    select : callable, optional
        Event table -> probability that each event passes the selection.
    growth : MassGrowth, optional
        Lines of equal quantile in background, along which the cut moves with mjj.
    seed : int
        Seed of the draws; the same seed, the same draws.
    """
    model = signal_model(table, masses)
    draws = draw_signal(model, rng=np.random.default_rng(seed))
    if select is None:
        return SelectedSignal(model=model, draws=draws, acceptance=None, ends=ends)
    passed = passed_by(select, draws, masses)
    mjj, (mj1, mj2) = masses[0] * np.exp(draws.log_resonance), draws.jet_masses(masses)
    acceptance = Acceptance(mjj, mj1, mj2, passed, growth=growth or MassGrowth(), reference=masses[0], ends=ends)
    # what the cut does to mjj beyond what the jet masses tell: it is read off the events that pass
    kept = passed / acceptance(mjj, mj1, mj2)
    model = model.with_residuals(draws.log_resonance - draws.pull, np.minimum(kept, 5.0) + 1e-3, draws.contained)
    signal = SelectedSignal(model=model, draws=draws, acceptance=acceptance, ends=ends)
    within = float(passed[(mjj > ends[0]) & (mjj < ends[1])].sum()) / len(passed)
    factor = within / max(signal.efficiency(masses), 1e-9)
    return SelectedSignal(model=model, draws=draws, acceptance=acceptance.scaled(max(factor, 1e-3)), ends=ends)


def _without_signal(events: SelectedEvents, weights: FloatArray) -> SelectedEvents:
    """Return the events with the spectrum fitted again to the sidebands, each event by its probability."""
    spectrum = events.spectrum
    counts, _ = np.histogram(events.mjj[events.outside], spectrum.edges, weights=weights)
    try:
        fit = fit_spectrum(
            counts,
            spectrum.edges,
            family=spectrum.family,
            masked=spectrum.masked,
            window=spectrum.window,
            sqrt_s=spectrum.sqrt_s,
        )
    except BumphuntError:
        return events
    # an error that has more in it than this family's own is kept
    error = fit.window_expected * spectrum.window_error / max(spectrum.window_expected, 1e-9)
    return replace(events, spectrum=replace(fit, window_error=max(fit.window_error, error)))


class Likelihood:
    """Twice the negative log likelihood of the events with what the parameters' priors add.

    Parameters
    ----------
    events : SelectedEvents
        The events.
    plane : PlaneDensity
        Jet masses of background.
    signal : SelectedSignal
        Signal near the masses that will be tried.
    """

    def __init__(self, events: SelectedEvents, plane: PlaneDensity, signal: SelectedSignal) -> None:
        self.events, self.signal = events, signal
        self.spectrum = MassSpectrum(events.spectrum)
        self.plane = plane
        self._background = self.plane(events.mjj, events.mj1, events.mj2) * self.spectrum.density(events.mjj)
        self._bump = self.spectrum.bump(events.mjj)
        masses = [np.maximum(mass, 1e-3) for mass in (events.mjj, events.mj1, events.mj2)]
        self.logs = (np.log(masses[0]), np.log(masses[1]), np.log(masses[2]))
        accepted = 1.0 if signal.acceptance is None else signal.acceptance(events.mjj, events.mj1, events.mj2)
        self.accepted = accepted / (masses[0] * masses[1] * masses[2])
        self._known: tuple[tuple[float, ...], FloatArray, float] | None = None

    def selected_signal(self, at: Parameters) -> tuple[FloatArray, float]:
        """Return the density of selected signal at the events, for one event before selection, and the efficiency."""
        key = (*at.masses, at.log_width_mjj, at.log_width_jets)
        if self._known is None or self._known[0] != key:  # not all parameters of a step change the shape of signal
            density = self.signal.model.density(self.logs, masses=at.masses, widening=at.widening) * self.accepted
            self._known = key, density, max(self.signal.efficiency(at.masses, at.widening), 1e-6)
        return self._known[1:]

    def background(self, shift: float) -> FloatArray:
        """Return the density of background at the events, shape (events,)."""
        return np.asarray(self._background * np.maximum(1.0 + shift * self._bump, 0.05), dtype=np.float64)

    def signal_probability(self, at: Parameters) -> FloatArray:
        """Return the probability of each event to be signal at given values of the parameters."""
        signal, background = self.selected_signal(at)[0], self.background(at.background_shift)
        return at.n_signal * signal / np.maximum(at.n_signal * signal + at.n_background * background, 1e-300)

    def separated(self, at: Parameters) -> tuple[SelectedEvents, PlaneDensity, Parameters]:
        """Return background's spectrum and jet masses without signal's tails in the sidebands, and new numbers.

        Each event is given to signal and background by its probability, and both are counted anew, until that settles
        (expectation-maximisation). A sideband event is judged by the others: its own kernel would claim it.
        """
        events, plane, n_signal, n_background = self.events, self.plane, at.n_signal, at.n_background
        outside = events.outside
        signal, efficiency = self.selected_signal(at)
        spectrum = self.spectrum.density(events.mjj) * np.maximum(1.0 + at.background_shift * self._bump, 0.05)
        weights = np.ones(int(outside.sum()))
        for _ in range(SEPARATIONS):
            background = plane(events.mjj, events.mj1, events.mj2) * spectrum
            to_signal = n_signal * signal / np.maximum(n_signal * signal + n_background * background, 1e-300)
            own = n_background * plane.left_out() * spectrum[outside]
            weights = np.maximum(own / np.maximum(n_signal * signal[outside] + own, 1e-300), 1e-6)
            plane = plane.weighted(weights)
            n_signal, n_background = float(to_signal.sum()) / efficiency, float((1.0 - to_signal).sum())
        counted = at._replace(n_signal=n_signal, n_background=n_background)
        return _without_signal(events, weights), plane, counted

    def expected(self, at: Parameters) -> float:
        """Return the expected number of selected events."""
        n_background = at.n_background * (1.0 + at.background_shift * self.spectrum.share)
        return at.n_signal * self.selected_signal(at)[1] + n_background

    def __call__(self, *values: float) -> float:
        """Return the value at the :class:`~bumphunt.masses.parameters.Parameters`, one argument each."""
        at = Parameters(*values)
        if not np.isfinite(at).all():
            return 1e12  # a minimiser that has lost its way
        signal, background = self.selected_signal(at)[0], self.background(at.background_shift)
        found = np.log(np.maximum(at.n_signal * signal + at.n_background * background, 1e-300)).sum()
        prior = (at.log_width_mjj**2 + at.log_width_jets**2) / WIDTH_PRIOR**2
        prior += (at.background_shift / max(self.spectrum.error, 1e-3)) ** 2
        return float(2.0 * (self.expected(at) - found) + prior)
