"""The extended unbinned likelihood of selected events in (mjj, mj1, mj2)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bumphunt.masses.acceptance import Acceptance, Select, SignalDraws, draw_signal, passed_by
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.plane import MassSpectrum, PlaneDensity
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.results import SpectrumFit

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

WIDTH_PRIOR = 0.08
"""Prior relative uncertainty of the mass resolutions, which differ between detectors and showers."""

_STEPS = (0.03, 0.04, 0.04, 0.15, 0.15)
"""Steps in the logarithms of the masses and widths from which the efficiency's derivatives are taken."""
_FARTHEST = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedEvents:
    """The events that enter the mass fit and the background they stand on (masses in GeV).

    ``mjj, mj1, mj2`` are selected events over the whole range of ``spectrum``; ``in_window``
    flags those in the signal region. Those outside the masked bins give the density of the jet
    masses of background, ``spectrum`` gives its density in mjj.
    """

    mjj: FloatArray
    mj1: FloatArray
    mj2: FloatArray
    in_window: BoolArray
    spectrum: SpectrumFit
    growth: MassGrowth = field(default_factory=MassGrowth)

    @property
    def centre(self) -> float:
        """Middle of the window in GeV."""
        window = self.spectrum.window
        return 0.5 * float(self.spectrum.edges[:-1][window].min() + self.spectrum.edges[1:][window].max())

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

    def smooth_efficiency(self) -> Callable[[Masses, float, float], float]:
        """Return the efficiency as a quadratic form in the logarithms of masses and widths, quick and smooth.

        It is exact at the masses of the model, and meant for their neighbourhood.
        """
        origin = np.log(self.model.masses)

        def value(step: FloatArray) -> float:
            masses = np.exp(origin + step[:3])
            widening = (float(np.exp(step[3])), float(np.exp(step[4])))
            efficiency = self.efficiency((float(masses[0]), float(masses[1]), float(masses[2])), widening)
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
            step = np.append(np.log(masses) - origin, [log_k_z, log_k_j])
            step = np.clip(step, -_FARTHEST * np.array(_STEPS), _FARTHEST * np.array(_STEPS))
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

    NAMES = ("m_z", "m_x", "m_y", "n_s", "n_b", "log_k_z", "log_k_j", "bump")

    def __init__(self, events: SelectedEvents, plane: PlaneDensity, signal: SelectedSignal) -> None:
        self.events, self.signal = events, signal
        self._efficiency = signal.smooth_efficiency()
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
        widening = (float(np.exp(values[5])), float(np.exp(values[6])))
        signal, background = self.densities((values[0], values[1], values[2]), widening, values[7])
        return values[3] * signal / np.maximum(values[3] * signal + values[4] * background, 1e-300)

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
        prior = (log_k_z**2 + log_k_j**2) / WIDTH_PRIOR**2 + (bump / max(self.spectrum.error, 1e-3)) ** 2
        return float(2.0 * (expected - found) + prior)
