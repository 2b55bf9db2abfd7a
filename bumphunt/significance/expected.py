"""What a window would say before anyone looks into it: expected significance and limits from its sidebands alone."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.results import Result
from bumphunt.results.rounding import mass_range
from bumphunt.significance.asymptotics import expected_discovery_z
from bumphunt.significance.limits import expected_window_limits
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.histograms import Histogram, is_histogram
from bumphunt.spectrum.spectrum import UNSET, Energy, Spectrum, as_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedSignificance(Result):
    """Median expectations of one blinded window.

    Attributes
    ----------
    low, high : float
        The window in GeV.
    n_expected, n_expected_error : float
        Background the sidebands predict, and its standard error.
    n_signal, z : array of shape (strengths,)
        Signal events inside the window and the significance their median outcome has (arXiv:1007.1727, eq. 97, with the
        error of the background).
    n_signal_3, n_signal_5 : float
        Signal events inside the window for a median of 3 and 5 standard deviations.
    limits : array of shape (5,)
        95 % CLs limits on the events inside, expected without signal at -2, -1, 0, 1 and 2 standard deviations.
    family : str
        Background family.
    sideband_p_value : float
        Goodness of the sideband fit.
    """

    low: float
    high: float
    n_expected: float
    n_expected_error: float
    n_signal: FloatArray
    z: FloatArray
    n_signal_3: float
    n_signal_5: float
    limits: FloatArray
    family: str
    sideband_p_value: float

    def __str__(self) -> str:
        return (
            f"{mass_range(self.low, self.high)} GeV, blinded: {self.n_expected:.1f} ± {self.n_expected_error:.1f} "
            f"background events; {self.n_signal_3:.1f} signal events for 3 sigma, {self.n_signal_5:.1f} for 5, "
            f"expected limit {self.limits[2]:.1f}"
        )


def mask_counts(counts: FloatArray | Histogram | Spectrum, window: BoolArray) -> FloatArray:
    """Return counts with NaN in the window, the only form :func:`expected_significance` takes.

    Parameters
    ----------
    counts : array of shape (bins,), histogram or Spectrum
        Event counts, or what holds them.
    window : bool array of shape (bins,)
        The bins to hide.
    """
    if is_histogram(counts):
        counts = as_spectrum(counts, sqrt_s=None)
    hidden = np.array(_unweighted(counts).counts if isinstance(counts, Spectrum) else counts, dtype=np.float64)
    hidden[window] = np.nan
    return hidden


def _unweighted(spectrum: Spectrum) -> Spectrum:
    # their common weight would be measured in the window as well, which nobody is to look into
    if spectrum.variances is not None:
        raise InputError("the contents are weighted; a blinded window needs counts: give the unweighted events")
    return spectrum


def blinded(counts: FloatArray | Histogram | Spectrum, window: BoolArray) -> FloatArray:
    """Return :func:`mask_counts`, whose old name this is for one release.

    Parameters
    ----------
    counts, window
        As there.
    """
    warnings.warn("blinded is called mask_counts now", DeprecationWarning, stacklevel=2)
    return mask_counts(counts, window)


@overload
def expected_significance(
    counts: FloatArray,
    edges: Spectrum,
    *,
    n_signal: Sequence[float] | FloatArray = (),
    family: str = "auto",
) -> ExpectedSignificance: ...
@overload
def expected_significance(
    counts: FloatArray,
    edges: FloatArray | Histogram,
    *,
    window: BoolArray,
    masked: BoolArray | None = None,
    n_signal: Sequence[float] | FloatArray = (),
    family: str = "auto",
    sqrt_s: float | None,
) -> ExpectedSignificance: ...
def expected_significance(
    counts: FloatArray,
    edges: FloatArray | Histogram | Spectrum,
    *,
    window: BoolArray | None = None,
    masked: BoolArray | None = None,
    n_signal: Sequence[float] | FloatArray = (),
    family: str = "auto",
    sqrt_s: Energy = UNSET,
) -> ExpectedSignificance:
    """Return what a window is expected to show, from a fit of its sidebands.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts with NaN in the window (:func:`mask_counts`); a number there is refused, so that nothing can leak.
    edges : array of shape (bins + 1,), histogram or Spectrum
        Bin edges in GeV, or a UHI histogram with them; or the spectrum, with window, masked bins and energy. Counts of
        the two are not looked at.
    window : bool array of shape (bins,), optional
        The blinded bins, with edges or a histogram.
    masked : bool array of shape (bins,), optional
        Bins left out of the fit, where wider than the window.
    n_signal : sequence of float
        Signal events inside the window to give the significance of.
    family : str
        Background family.
    sqrt_s : float or None
        Collision energy in GeV, with edges or a histogram; 13 TeV where a user leaves it out.

    Raises
    ------
    InputError
        If the window's counts are given, or contents are weighted.
    FitError
        If the sidebands cannot be fitted.
    """
    if isinstance(edges, Spectrum):
        window = edges.window
    if window is None or not np.any(window):
        raise InputError("there is no window to hide; give the blinded bins as window")
    if is_histogram(counts) or not np.isnan((counts := np.asarray(counts, dtype=np.float64))[window]).all():
        raise InputError("the counts of a blinded window must be NaN; pass them through mask_counts(counts, window)")
    hidden = np.where(window, 0.0, counts)
    left_out = window if masked is None else masked
    if is_histogram(edges):
        edges = as_spectrum(edges, masked=left_out, window=window, sqrt_s=sqrt_s)
    if isinstance(edges, Spectrum):
        spectrum = _unweighted(edges).with_counts(hidden)
    else:
        spectrum = as_spectrum(hidden, edges, masked=left_out, window=window, sqrt_s=sqrt_s)
    fit = fit_spectrum(spectrum, family=family)
    strengths = np.asarray(n_signal, dtype=np.float64)
    background, error = fit.window_expected, fit.window_error
    return ExpectedSignificance(
        low=float(spectrum.edges[:-1][window].min()),
        high=float(spectrum.edges[1:][window].max()),
        n_expected=background,
        n_expected_error=error,
        n_signal=strengths,
        z=expected_discovery_z(strengths, background, error),
        n_signal_3=signal_needed(3.0, background, error),
        n_signal_5=signal_needed(5.0, background, error),
        limits=expected_window_limits(background, background, error),
        family=fit.family,
        sideband_p_value=fit.p_value,
    )


def signal_needed(z: float, background: float, error: float) -> float:
    """Return the signal events whose median outcome has significance ``z`` on a background known to ``error``."""
    low, high = 0.0, 1.0
    while float(expected_discovery_z(high, background, error)) < z:
        high *= 2.0
        if high > 1e12:
            return float("inf")
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if float(expected_discovery_z(middle, background, error)) < z else (low, middle)
    return high
