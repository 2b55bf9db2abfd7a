"""The extended unbinned likelihood of selected events in (mjj, mj1, mj2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import BumphuntError
from bumphunt.masses.acceptance import Acceptance, Select, SignalDraws, draw_signal, passed_by
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.plane import MassSpectrum, PlaneDensity
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.fit import fit_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

WIDTH_PRIOR = 0.2
"""Prior uncertainty of the logarithms of the mass resolutions: a detector twice as sharp is three of it away."""

_STEPS = (0.02, 0.03, 0.03, 0.12, 0.12)
"""Steps in the logarithms of the masses and widths from which the efficiency's derivatives are taken."""
_SEPARATIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedEvents:
    """The events that enter the mass fit and the background they stand on (masses in GeV).

    ``mjj, mj1, mj2`` are selected events over the whole range of ``spectrum``; ``in_window``
    flags those in the signal region. Those outside the masked bins give the density of the jet
    masses of background, ``spectrum`` gives its density in mjj. ``tau21`` (2, events) of both jets, where the table
    has it, tells how well simulation knows what the score looks at.
    """

    mjj: FloatArray
    mj1: FloatArray
    mj2: FloatArray
    in_window: BoolArray
    spectrum: SpectrumFit
    growth: MassGrowth = field(default_factory=MassGrowth)
    tau21: FloatArray | None = None

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

    def efficiency(self, masses: Masses, widening: tuple[float, float] = (1.0, 1.0)) -> float:
        """Return the part of signal that is selected, in the range of mjj."""
        scaled = self.draws.widened(self.model, widening[1])
        within = self.model.range_probability(scaled.pull, scaled.whole, masses[0], self.ends, widening[0])
        if self.acceptance is None:
            return float(within.mean())
        mjj = masses[0] * np.exp(scaled.pull + self.model.whole.mode)
        return float((within * self.acceptance(mjj, *scaled.jet_masses(masses))).mean())

    def smooth_efficiency(
        self, masses: Masses, log_widening: tuple[float, float]
    ) -> Callable[[Masses, float, float], float]:
        """Return the efficiency as a quadratic form in the logarithms of masses and widths, quick and smooth.

        It is exact at the given masses (GeV) and logarithms of the widths, and meant for their neighbourhood.
        """
        origin = np.append(np.log(masses), log_widening)

        def value(step: FloatArray) -> float:
            at = np.exp(origin + step)
            efficiency = self.efficiency((float(at[0]), float(at[1]), float(at[2])), (float(at[3]), float(at[4])))
            return float(np.log(max(efficiency, 1e-6)))

        unit = np.diag(_STEPS)
        centre = value(np.zeros(5))
        ahead, behind = (np.array([value(sign * row) for row in unit]) for sign in (1, -1))
        slope = (ahead - behind) / (2.0 * np.array(_STEPS))
        curvature = np.diag((ahead + behind - 2.0 * centre) / np.array(_STEPS) ** 2)
        mixed = (
            value(unit[1] + unit[2]) + value(-unit[1] - unit[2]) - ahead[1] - behind[1] - ahead[2] - behind[2]
        ) / 2.0
        curvature[1, 2] = curvature[2, 1] = (mixed + centre) / (_STEPS[1] * _STEPS[2])

        def efficiency(masses: Masses, log_k_z: float, log_k_j: float) -> float:
            step = np.append(np.log(masses), [log_k_z, log_k_j]) - origin
            return float(np.exp(min(centre + slope @ step + 0.5 * step @ curvature @ step, 0.0)))

        return efficiency


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
    acceptance = Acceptance(mjj, mj1, mj2, passed, growth=growth or MassGrowth(), reference=masses[0])
    # what the cut does to mjj beyond what the jet masses tell: it is read off the events that pass
    kept = passed / acceptance(mjj, mj1, mj2)
    model = model.with_residuals(draws.log_resonance - draws.pull, np.minimum(kept, 5.0) + 1e-3, draws.whole)
    signal = SelectedSignal(model=model, draws=draws, acceptance=acceptance, ends=ends)
    within = float(passed[(mjj > ends[0]) & (mjj < ends[1])].sum()) / len(passed)
    factor = within / max(signal.efficiency(masses), 1e-9)
    return SelectedSignal(model=model, draws=draws, acceptance=acceptance.scaled(max(factor, 1e-3)), ends=ends)


def masses_and_widths(values: Sequence[float]) -> tuple[Masses, tuple[float, float]]:
    """Return the masses (GeV) and the factors on the resolutions of values in the order of ``Likelihood.NAMES``."""
    return (values[0], values[1], values[2]), (float(np.exp(values[5])), float(np.exp(values[6])))


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
    origin : sequence of float
        The three masses (GeV) and the logarithms of the two widths near which the efficiency is prepared.

    Attributes
    ----------
    assumed : (float, float)
        Centres of the priors of the logarithms of the two widths, 0 for the nominal detector.
    """

    NAMES = ("m_z", "m_x", "m_y", "n_s", "n_b", "log_k_z", "log_k_j", "bump")

    def __init__(
        self, events: SelectedEvents, plane: PlaneDensity, signal: SelectedSignal, origin: Sequence[float]
    ) -> None:
        self.events, self.signal, self.origin = events, signal, tuple(origin)
        self.assumed = (0.0, 0.0)
        self._efficiency = signal.smooth_efficiency((origin[0], origin[1], origin[2]), (origin[3], origin[4]))
        self.spectrum = MassSpectrum(events.spectrum)
        self.plane = plane
        self._background = self.plane(events.mjj, events.mj1, events.mj2) * self.spectrum.density(events.mjj)
        self._bump = self.spectrum.bump(events.mjj)
        masses = [np.maximum(mass, 1e-3) for mass in (events.mjj, events.mj1, events.mj2)]
        self._logs = (np.log(masses[0]), np.log(masses[1]), np.log(masses[2]))
        accepted = 1.0 if signal.acceptance is None else signal.acceptance(events.mjj, events.mj1, events.mj2)
        self._accepted = accepted / (masses[0] * masses[1] * masses[2])

    def densities(self, masses: Masses, widening: tuple[float, float], bump: float) -> tuple[FloatArray, FloatArray]:
        """Return at the events the density of selected signal, for one event before selection, and of background."""
        signal = self.signal.model.density(self._logs, masses=masses, widening=widening) * self._accepted
        return signal, self._background * np.maximum(1.0 + bump * self._bump, 0.05)

    def signal_probability(self, values: list[float]) -> FloatArray:
        """Return the probability of each event to be signal at given values of the parameters."""
        signal, background = self.densities(*masses_and_widths(values), values[7])
        return values[3] * signal / np.maximum(values[3] * signal + values[4] * background, 1e-300)

    def separated(self, values: list[float]) -> tuple[SelectedEvents, PlaneDensity, list[float]]:
        """Return background's spectrum and jet masses without signal's tails in the sidebands, and new numbers.

        Each event is given to signal and background by its probability, and both are counted anew, until that settles
        (expectation-maximisation). A sideband event is judged by the others: its own kernel would claim it.
        """
        events, plane, (n_s, n_b) = self.events, self.plane, values[3:5]
        outside, (masses, widening) = events.outside, masses_and_widths(values)
        signal, _ = self.densities(masses, widening, values[7])
        spectrum = self.spectrum.density(events.mjj) * np.maximum(1.0 + values[7] * self._bump, 0.05)
        efficiency = max(self._efficiency(masses, values[5], values[6]), 1e-6)
        weights = np.ones(int(outside.sum()))
        for _ in range(_SEPARATIONS):
            background = plane(events.mjj, events.mj1, events.mj2) * spectrum
            to_signal = n_s * signal / np.maximum(n_s * signal + n_b * background, 1e-300)
            own = n_b * plane.left_out() * spectrum[outside]
            weights = np.maximum(own / np.maximum(n_s * signal[outside] + own, 1e-300), 1e-6)
            plane = plane.weighted(weights)
            n_s, n_b = float(to_signal.sum()) / efficiency, float((1.0 - to_signal).sum())
        return _without_signal(events, weights), plane, [*values[:3], n_s, n_b, *values[5:]]

    def __call__(
        self,
        m_z: float,
        m_x: float,
        m_y: float,
        n_s: float,
        n_b: float,
        log_k_z: float,
        log_k_j: float,
        bump: float,
    ) -> float:
        """Return the value; ``n_s`` is the number of signal events before selection."""
        if not np.isfinite([m_z, m_x, m_y, n_s, n_b, log_k_z, log_k_j, bump]).all():
            return 1e12  # a minimiser that has lost its way
        masses, widening = (m_z, m_x, m_y), (float(np.exp(log_k_z)), float(np.exp(log_k_j)))
        signal, background = self.densities(masses, widening, bump)
        expected = n_s * self._efficiency(masses, log_k_z, log_k_j) + n_b * (1.0 + bump * self.spectrum.share)
        found = np.log(np.maximum(n_s * signal + n_b * background, 1e-300)).sum()
        prior = ((log_k_z - self.assumed[0]) ** 2 + (log_k_j - self.assumed[1]) ** 2) / WIDTH_PRIOR**2 + (
            bump / max(self.spectrum.error, 1e-3)
        ) ** 2
        return float(2.0 * (expected - found) + prior)
