"""Masses and yield: intervals, peak scan, likelihood fit."""

import math
from dataclasses import dataclass

from bumphunt.results.base import FloatArray, Result
from bumphunt.results.rounding import pdg_round

LEAST_PART = 0.3
"""Part of the statistical error below which the rest of an error is not told apart: it adds 4 percent."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval(Result):
    """A number with its 68 % interval, and of that the statistical part where it is known apart.

    ``stat`` is the half-width of the statistical part (what more events of the same kind would shrink) and ``scale``
    what is left of the whole: energy scale, shower, efficiency, all that is the same in every event. Both follow from
    the ends, whatever is given for them.

    Examples
    --------
    >>> found = Interval(value=3880.0, low=3830.0, high=3930.0, stat_low=3869.0, stat_high=3891.0)
    >>> found.in_parts()
    '3880 ± 11 (stat) ± 49 (scale)'
    """

    value: float
    low: float
    high: float
    stat_low: float | None = None
    stat_high: float | None = None
    stat: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.stat_low is not None and self.stat_high is not None:
            stat, whole = 0.5 * (self.stat_high - self.stat_low), 0.5 * (self.high - self.low)
            object.__setattr__(self, "stat", stat)
            object.__setattr__(self, "scale", math.sqrt(max(whole**2 - stat**2, 0.0)))

    def in_parts(self, name: str = "scale") -> str:
        """Return the value with both parts of its error, the second by ``name``; as a whole where one says it all."""
        if self.stat is None or self.scale is None or self.scale < LEAST_PART * self.stat or self.stat <= 0.0:
            return str(self)
        text, error = pdg_round(self.value, min(self.stat, self.scale))
        decimals = len(text.partition(".")[2])
        other = f"{max(self.stat, self.scale):.{decimals}f}"
        stat, scale = (error, other) if self.stat <= self.scale else (other, error)
        return f"{text} ± {stat} (stat) ± {scale} ({name})"

    def __str__(self) -> str:
        up, down = self.high - self.value, self.value - self.low
        text, error = pdg_round(self.value, max(up, down))
        if abs(up - down) <= 0.2 * max(up, down):
            return f"{text} ± {error}"
        return f"{text} +{pdg_round(self.value, up)[1]} -{pdg_round(self.value, down)[1]}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeakScan(Result):
    """Position of the histogram maximum against the number of events taken, as in Vaupotič's report.

    ``n_taken`` (steps,); ``modes`` (steps, 3) for mjj, mj1 and mj2 in GeV. ``mean`` and ``spread``
    are over the steps with ``take_low <= n_taken <= take_high``: the spread is *not* an uncertainty,
    since neighbouring steps share their events. ``half_sample`` and ``kernel`` (steps, 3) are modes without bins, the
    latter less background; ``robust`` (3,) is its average and ``robust_error`` the bootstrap error of that.
    ``seed_mean`` and ``seed_spread`` (3,) are those over N = 100 to 1300, as printed there.
    """

    variables: tuple[str, ...]
    n_taken: FloatArray
    modes: FloatArray
    take_low: int
    take_high: int
    mean: FloatArray
    spread: FloatArray
    half_sample: FloatArray | None = None
    kernel: FloatArray | None = None
    robust: FloatArray | None = None
    robust_error: FloatArray | None = None
    seed_mean: FloatArray | None = None
    seed_spread: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection(Result):
    """One variable of the mass fit, binned for drawing: data, signal and background per bin."""

    variable: str
    edges: FloatArray
    counts: FloatArray
    signal: FloatArray
    background: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JetMassScale(Result):
    """Jet masses of background in the data against simulation, as logarithms of their ratio.

    ``log_scale`` is the difference seen, ``statistical`` its error by the number of events, ``error`` that with what is
    assumed of the modelling. ``applied`` is what was taken for a scale of jet masses and taken out of m_x and m_y,
    ``applied_error`` what their intervals hold for it.
    """

    log_scale: float
    statistical: float
    error: float
    applied: float
    applied_error: float

    @property
    def pull(self) -> float:
        """The difference in its errors, without sign."""
        return abs(self.log_scale) / self.error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MassFit(Result):
    """Masses in GeV and yield from the likelihood fit of the selected events.

    ``n_selected`` counts signal among the fitted events, ``n_signal`` in the whole file before any
    selection; ``correlation`` is that of (m_resonance, m_x, m_y, n_selected). ``statistical`` holds
    the half-widths of the three mass intervals without systematic part, GeV; ``systematic`` the relative
    systematic errors of m_resonance, m_x, m_y and n_signal. ``n_signal_box`` counts
    in a box of jet masses without any score; ``second`` are other masses that describe the events nearly
    as well, by ``delta_log_likelihood`` worse. ``acceptance_known``: simulated signal went through the same selection,
    its tau21 scaled by ``tau21_scale`` as the data ask. ``log_widths`` are the logarithms of the fitted resolutions of
    mjj and of the jet masses over the nominal ones. ``excess`` and ``excess_error`` count in the window at the cut of
    the fit, without any model of signal, and ``n_selected_window`` is the signal that the fit has there.
    ``hypothesis`` is the decay of the daughters that was fitted, ``objective`` twice the negative log likelihood with
    what the scale of tau21 costs (``tau21_compared``: the data told it), ``hypotheses`` by how much each that was tried
    is behind the best one in it, or where there was no tau21 to tell them apart behind the first one, which is assumed
    then (negative: it fits better, and ``yields`` has ``n_signal`` under each). ``jet_scale`` compares jet
    masses of background with simulation; what it has as ``applied`` has been taken out of m_x and m_y, and
    :attr:`as_measured` still holds it. ``over_plain`` is twice the log likelihood above that of signal whose daughters,
    one or both, are plain jets without a peak in their mass.
    ``tau21_pull`` is how far tau21 of the signal lies from simulation, in errors of the data and of what is assumed.
    Signal of the data passes a cut as simulated signal passes one that keeps ``cut_scale`` times as many events; its
    logarithm is known to ``cut_scale_error`` (None: not asked), and ``cut_scale_pull`` is as ``tau21_pull``. ``choice``
    is the part taken off ``n_signal`` since masses, window and cut were chosen where most events are.
    """

    m_resonance: Interval
    m_x: Interval
    m_y: Interval
    n_selected: Interval
    n_signal: Interval
    efficiency: float
    efficiency_error: float
    statistical: FloatArray
    correlation: FloatArray
    projections: tuple[Projection, ...]
    n_events: int
    p_value: float
    systematic: FloatArray | None = None
    n_signal_box: Interval | None = None
    second: dict[str, float] | None = None
    acceptance_known: bool = False
    tau21_scale: float = 1.0
    log_widths: FloatArray | None = None
    excess: float | None = None
    excess_error: float | None = None
    n_selected_window: float | None = None
    hypothesis: str = "two prongs"
    objective: float = math.nan
    tau21_compared: bool = False
    hypotheses: dict[str, float] | None = None
    yields: dict[str, float] | None = None
    jet_scale: JetMassScale | None = None
    over_plain: float | None = None
    tau21_pull: float = 0.0
    cut_scale: float = 1.0
    cut_scale_error: float | None = None
    cut_scale_pull: float = 0.0
    choice: float = 0.0

    @property
    def as_measured(self) -> tuple[float, float, float]:
        """m_resonance, m_x and m_y in GeV on the scale of jet masses that the data have: where simulated signal is."""
        factor = 1.0 if self.jet_scale is None else math.exp(self.jet_scale.applied)
        return self.m_resonance.value, self.m_x.value * factor, self.m_y.value * factor

    def __str__(self) -> str:
        return (
            f"m_resonance  {self.m_resonance} GeV\nm_x          {self.m_x} GeV\nm_y          {self.m_y} GeV\n"
            f"n_selected   {self.n_selected} of {self.n_events}\nn_signal     {self.n_signal}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JetPlane(Result):
    """Jet masses (GeV) of the selected events in the best window and of those in its sidebands."""

    mj1_window: FloatArray
    mj2_window: FloatArray
    mj1_sideband: FloatArray
    mj2_sideband: FloatArray
