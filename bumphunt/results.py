"""What each stage found: frozen dataclasses that carry all their figures need, to and from JSON."""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.rounding import pdg_round as pdg_round

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of all results: plain data in, plain data out."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain lists, numbers and strings (NaN and infinity become null)."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Rebuild the result from :meth:`to_dict`; unknown keys are an error."""
        hints = typing.get_type_hints(cls)
        return cls(**{name: _rebuild(hints[name], value) for name, value in data.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _rebuild(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _rebuild(next(a for a in arguments if a is not type(None)), value)
    if origin is np.ndarray:
        kind = typing.get_args(arguments[1])[0]
        if kind is np.float64:
            return np.array(value, dtype=object).astype(np.float64)
        return np.asarray(value, dtype=kind)
    if origin is tuple:
        return tuple(_rebuild(arguments[0], item) for item in value)
    if origin is dict:
        return {key: _rebuild(arguments[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Result):
        return hint.from_dict(value)
    if hint is float and value is None:
        return math.nan
    return value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval(Result):
    """A number with its 68 % interval, and of that the statistical part where it is known apart."""

    value: float
    low: float
    high: float
    stat_low: float | None = None
    stat_high: float | None = None

    def __str__(self) -> str:
        up, down = self.high - self.value, self.value - self.low
        text, error = pdg_round(self.value, max(up, down))
        if abs(up - down) <= 0.2 * max(up, down):
            return f"{text} ± {error}"
        return f"{text} +{pdg_round(self.value, up)[1]} -{pdg_round(self.value, down)[1]}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectrumFit(Result):
    """A smooth background fitted to a spectrum. Arrays have one entry a bin, ``edges`` one more, in GeV.

    ``expected`` and ``error`` are the fitted events per bin and their standard error; ``masked`` are the
    bins left out of the fit, ``window`` those of them where signal is looked for, ``window_expected``
    and ``window_error`` the sum over these.
    """

    edges: FloatArray
    counts: FloatArray
    masked: BoolArray
    window: BoolArray
    family: str
    expected: FloatArray
    error: FloatArray
    parameters: FloatArray
    covariance: FloatArray
    window_expected: float
    window_error: float
    deviance: float
    chi2: float
    ndf: int
    p_value: float

    def __str__(self) -> str:
        return f"{self.family}: chi2/ndf = {self.chi2:.1f}/{self.ndf}, p = {self.p_value:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowResult(Result):
    """One signal region (low, high in GeV) at one cut: counts, expectation, local significance.

    ``z_folds`` is the excess of each fold in standard deviations; ``leakage`` is the AUC of
    the out-of-fold score for the inner against the outer halves of the sidebands, 0.5 where the score
    does not follow mjj, and ``leakage_error`` its standard error. ``sideband_p_value`` is the goodness
    of a background fit from which the neighbourhood of the window is left out as well, where the tails of a
    strong signal lie.
    ``note`` says why a window was not searched, and is empty otherwise.
    """

    low: float
    high: float
    cut_fraction: float
    n_window: int
    n_observed: int
    n_expected: float
    n_expected_error: float
    z_local: float
    p_local: float
    z_folds: FloatArray
    leakage: float
    leakage_error: float
    sideband_p_value: float
    fit: SpectrumFit | None
    note: str

    @property
    def centre(self) -> float:
        """Middle of the window in GeV."""
        return 0.5 * (self.low + self.high)

    def with_folds(self, z_folds: FloatArray) -> "WindowResult":
        """Return the same result with the excess of each fold."""
        return dataclasses.replace(self, z_folds=z_folds)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanResult(Result):
    """All windows and cuts that were looked at, the best of them, and the global answer."""

    windows: tuple[WindowResult, ...]
    best: int | None
    searched_low: float
    searched_high: float
    p_local: float
    z_local: float
    p_global: float
    z_global: float
    p_global_method: str
    n_trials: int
    n_toys: int
    is_bound: bool

    @property
    def best_window(self) -> WindowResult | None:
        """The window and cut with the smallest local p-value, or None when nothing was searched."""
        return None if self.best is None else self.windows[self.best]

    def __str__(self) -> str:
        window = self.best_window
        if window is None:
            return "nothing searched"
        return (
            f"best window {window.low:.0f}-{window.high:.0f} GeV at a cut of {window.cut_fraction:.2%}: "
            f"{window.n_observed} events on {window.n_expected:.1f} ± {window.n_expected_error:.1f}, "
            f"z = {self.z_local:.2f} local, {self.z_global:.2f} global"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeakScan(Result):
    """Position of the histogram maximum against the number of events taken, as in the seed document.

    ``n_taken`` (steps,); ``modes`` (steps, 3) for mjj, mj1 and mj2 in GeV. ``mean`` and ``spread``
    are over the steps with ``take_low <= n_taken <= take_high``: the spread is *not* an uncertainty,
    since neighbouring steps share their events. ``half_sample`` and ``kernel`` (steps, 3) are modes without bins, the
    latter less background; ``robust`` (3,) is its average and ``robust_error`` the bootstrap error of that.
    ``seed_mean`` and ``seed_spread`` (3,) are those of the seed's own range of N.
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
class MassFit(Result):
    """Masses in GeV and yield from the likelihood fit of the selected events.

    ``n_selected`` counts signal among the fitted events, ``n_signal`` in the whole file before any
    selection; ``correlation`` is that of (m_resonance, m_x, m_y, n_selected). ``statistical`` holds
    the half-widths of the three mass intervals without systematic part, GeV; ``systematic`` the relative
    systematic errors of m_resonance, m_x, m_y and n_signal. ``n_signal_box`` counts
    in a box of jet masses without any score; ``second`` are other masses that describe the events nearly
    as well, by ``delta_log_likelihood`` worse. ``acceptance_known``: simulated signal went through the same selection.
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

    def __str__(self) -> str:
        return (
            f"m_resonance  {self.m_resonance} GeV\nm_x          {self.m_x} GeV\nm_y          {self.m_y} GeV\n"
            f"n_selected   {self.n_selected} of {self.n_events}\nn_signal     {self.n_signal}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UpperLimit(Result):
    """95 % CLs upper limit on the number of signal events of a narrow resonance in the inclusive spectrum.

    ``mass`` and ``width`` (standard deviation of the reconstructed mass) are in GeV; ``expected`` holds
    the limits expected without signal at -2, -1, 0, +1, +2 standard deviations.
    """

    n_signal_95: float
    mass: float
    width: float
    expected: FloatArray
    q0_p_value: float
    best_fit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JetPlane(Result):
    """Jet masses (GeV) of the selected events in the best window and of those in its sidebands."""

    mj1_window: FloatArray
    mj2_window: FloatArray
    mj1_sideband: FloatArray
    mj2_sideband: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossCheck(Result):
    """A second opinion: another score in the best window. Reported, never chosen because it looks better."""

    name: str
    orientation: int
    cut_fraction: float
    n_observed: int
    n_expected: float
    n_expected_error: float
    z_local: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingHistory(Result):
    """Loss of a network per epoch, with the reconstruction and KL parts apart."""

    loss: FloatArray
    reconstruction: FloatArray
    kl: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Check(Result):
    """A quality check with a threshold declared beforehand."""

    name: str
    passed: bool
    value: float
    threshold: float
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers(Result):
    """The three answers of the LHC Olympics. Masses in GeV; None where the data do not support a number."""

    status: str
    discovery: bool
    p_local: float
    z_local: float
    p_global: float
    z_global: float
    p_global_method: str
    n_toys: int
    n_trials: int
    is_bound: bool
    m_resonance: Interval | None
    m_x: Interval | None
    m_y: Interval | None
    n_signal: Interval | None
    upper_limit: dict[str, float] | None

    def __str__(self) -> str:
        def given(interval: Interval | None, unit: str) -> str:
            return "not given" if interval is None else f"{interval}{unit}"

        lines = [
            f"status       {self.status}",
            f"p-value      {self.p_global:.3g} global ({self.z_global:.2f} sigma), "
            f"{self.p_local:.3g} local ({self.z_local:.2f} sigma)",
            f"m_resonance  {given(self.m_resonance, ' GeV')}",
            f"m_x          {given(self.m_x, ' GeV')}",
            f"m_y          {given(self.m_y, ' GeV')}",
            f"n_signal     {given(self.n_signal, '')}",
        ]
        if self.upper_limit is not None:
            lines.append(
                f"upper limit  {self.upper_limit['n_signal_95']:.0f} events at 95 % CLs "
                f"(narrow, inclusive, {self.upper_limit['mass']:.0f} GeV)"
            )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Products(Result):
    """Everything a run found, enough to redraw the report without the events."""

    inclusive: SpectrumFit
    scan: ScanResult
    peak_scan: PeakScan | None
    mass_fit: MassFit | None
    plane: JetPlane | None
    limit: UpperLimit | None
    cross_checks: tuple[CrossCheck, ...]
    training: TrainingHistory | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnalysisResult(Result):
    """The content of ``result.json``."""

    schema_version: str
    input: dict[str, Any]
    seed: int
    versions: dict[str, str]
    config: dict[str, Any]
    answers: Answers
    checks: tuple[Check, ...]
    stages: dict[str, Any]

    def __str__(self) -> str:
        return str(self.answers)
