"""Spectra, windows and scans: what was counted and expected, and how significant it is."""

import dataclasses
import math
from dataclasses import dataclass, field

import numpy as np

from bumphunt.results.base import BoolArray, FloatArray, Result
from bumphunt.results.rounding import mass_range


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpectrumFit(Result):
    """A smooth background fitted to a spectrum. Arrays have one entry a bin, ``edges`` one more, in GeV.

    ``expected`` and ``error`` are the fitted events per bin and their standard error; ``masked`` are the
    bins left out of the fit, ``window`` those of them where signal is looked for, ``window_expected`` and
    ``window_error`` the sum over these, ``window_log_covariance`` the covariance of the logarithms in there.
    ``sqrt_s`` is the collision energy in GeV that the family was written in, None where none was meant; results of
    version 1 do not name it. ``mass_label`` and ``mass_unit`` say what the spectrum is of.
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
    window_log_covariance: FloatArray | None = None
    sqrt_s: float | None = 13_000.0
    mass_label: str = "dijet mass"
    mass_unit: str = "GeV"

    def __str__(self) -> str:
        return f"{self.family}: chi2/ndf = {self.chi2:.1f}/{self.ndf}, p = {self.p_value:.3g}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowResult(Result):
    """One signal region (low, high in GeV) at one cut: counts, expectation, local significance.

    ``z_repeats`` (repeats,) is the significance of each division into folds alone, and ``fold_p_values`` (repeats,)
    the p-value for the folds of each to disagree as much as they do; ``leakage`` is the AUC of the out-of-fold
    score for the inner against the outer halves of the sidebands, 0.5 where the score does not follow mjj, and
    ``leakage_error`` its standard error; ``ordinary`` and ``ordinary_error`` are the same for ordinary events of
    the region against those of the sidebands, NaN where this was not asked for. ``sideband_p_value`` is the
    goodness of a background fit from which the neighbourhood of the window is left out as well, where the tails of
    a strong signal lie. ``n_direct`` and ``n_direct_error`` are a second estimate of the background that fits no
    spectrum (:mod:`bumphunt.significance.direct`), NaN where there is none. ``note`` says why a window was not
    searched, and is empty otherwise. ``z_stat`` is the significance over the nominal background form, where
    ``z_local`` has the form in it; ``n_form`` is the largest background that an acceptable form expects and
    ``form_family`` that form. They are NaN and empty where this was not asked for. ``n_effective`` is the expected
    background in effective counts of all repeats together, of which the significance is; ``z_raw`` is ``z_stat`` before
    calibration. ``z_folds`` stands in stored results of version 1 only.
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
    leakage: float
    leakage_error: float
    sideband_p_value: float
    fit: SpectrumFit | None
    note: str
    n_direct: float = math.nan
    n_direct_error: float = math.nan
    z_folds: FloatArray = field(default_factory=lambda: np.array([]))
    z_repeats: FloatArray = field(default_factory=lambda: np.array([]))
    fold_p_values: FloatArray = field(default_factory=lambda: np.array([]))
    n_effective: float = math.nan
    z_stat: float = math.nan
    form_family: str = ""
    n_form: float = math.nan
    z_raw: float = math.nan
    ordinary: float = math.nan
    ordinary_error: float = math.nan

    @property
    def centre(self) -> float:
        """Middle of the window in GeV."""
        return 0.5 * (self.low + self.high)

    @property
    def estimates_pull(self) -> float:
        """Difference of the two background estimates in their standard deviations, direct minus fitted."""
        return (self.n_direct - self.n_expected) / math.hypot(self.n_direct_error, self.n_expected_error)

    @property
    def z_spread(self) -> float:
        """Standard deviation of the significance over single repeats; NaN where there is one only."""
        return float(np.std(self.z_repeats, ddof=1)) if len(self.z_repeats) > 1 else math.nan

    def with_direct(self, expected: float, error: float) -> "WindowResult":
        """Return the same result with the second estimate of the background."""
        return dataclasses.replace(self, n_direct=expected, n_direct_error=error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanResult(Result):
    """All windows and cuts that were looked at, the best of them, and the global answer.

    ``notes`` are sentences that belong to the answer, such as how weighted contents were made counts.
    ``mass_label`` and ``mass_unit`` are those of the spectrum.
    """

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
    z_stat: float = math.nan
    notes: tuple[str, ...] = ()
    mass_label: str = "dijet mass"
    mass_unit: str = "GeV"

    @property
    def best_window(self) -> WindowResult | None:
        """The window and cut with the smallest local p-value, or None when nothing was searched."""
        return None if self.best is None else self.windows[self.best]

    @property
    def best_spectrum(self) -> WindowResult | None:
        """The best window, or where that has no fitted spectrum, as in the prior-assisted search, the best that has."""
        best = self.best_window
        if best is None or best.fit is not None:
            return best
        fitted = [window for window in self.windows if window.fit is not None and not window.note]
        return max(fitted, key=lambda window: window.z_local, default=None)

    def __str__(self) -> str:
        window = self.best_window
        if window is None:
            return "nothing searched"
        cut = "" if window.cut_fraction == 1.0 else f" at a cut of {window.cut_fraction:.2%}"
        return (
            f"best window {mass_range(window.low, window.high)} {self.mass_unit}{cut}: "
            f"{window.n_observed} events on {window.n_expected:.1f} ± {window.n_expected_error:.1f}, "
            f"z = {self.z_local:.2f} local, {self.z_global:.2f} global"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedLimit(Result):
    """95 % CLs upper limit on the signal events of the whole file, from those that pass the cut of the best window.

    ``masses`` (3,) are the fitted ones in GeV, whose simulated signal has ``efficiency`` for the cut, with its relative
    error; ``expected`` (5,) as in :class:`UpperLimit`.
    """

    n_signal_95: float
    expected: FloatArray
    masses: FloatArray
    cut_fraction: float
    efficiency: float
    efficiency_error: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UpperLimit(Result):
    """95 % CLs upper limit on the number of signal events of a narrow resonance in the inclusive spectrum.

    ``mass`` and ``width`` (standard deviation of the reconstructed mass) are in ``mass_unit``; ``expected`` holds
    the limits expected without signal at -2, -1, 0, +1, +2 standard deviations. ``selected`` is the limit after the
    selection, where masses were fitted. ``masses`` (m_resonance, m_x, m_y) are those of the simulated signal whose
    shape was taken; None where it was a Gaussian of ``width``.
    """

    n_signal_95: float
    mass: float
    width: float
    expected: FloatArray
    q0_p_value: float
    best_fit: float
    selected: SelectedLimit | None = None
    mass_unit: str = "GeV"
    masses: FloatArray | None = None
