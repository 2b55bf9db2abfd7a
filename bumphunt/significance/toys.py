"""Pseudo-experiments of one spectrum: thrown from a fit, refitted with every window masked in turn."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtri

from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.spectrum.histograms import Histogram, is_histogram
from bumphunt.spectrum.profiling import ENVELOPE, envelope_interval
from bumphunt.spectrum.spectrum import UNSET, Energy, Spectrum, Unset, as_spectrum
from bumphunt.statistics import SMALLEST_P

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def throw(expected: FloatArray, *, n_toys: int, rng: np.random.Generator) -> FloatArray:
    """Return Poisson toys of a spectrum, shape (n_toys, bins)."""
    return rng.poisson(expected, size=(n_toys, len(expected))).astype(np.float64)


@overload
def window_z(counts: FloatArray, edges: Spectrum, *, family: str) -> FloatArray: ...
@overload
def window_z(
    counts: FloatArray, edges: FloatArray | Histogram, masked: BoolArray, *, family: str, sqrt_s: float | None
) -> FloatArray: ...
def window_z(
    counts: FloatArray,
    edges: FloatArray | Histogram | Spectrum,
    masked: BoolArray | None = None,
    *,
    family: str,
    sqrt_s: Energy = UNSET,
) -> FloatArray:
    """Return the local significance of one window for many spectra, the background refitted for each.

    Parameters
    ----------
    counts : array of shape (toys, bins)
        Spectra.
    edges : array of shape (bins + 1,), histogram or Spectrum
        Bin edges in GeV, or a UHI histogram with them; or their spectrum, with window and collision energy. Counts of
        the two are not looked at.
    masked : bool array of shape (bins,), optional
        The window, with edges or a histogram.
    family : str
        Background family with its kernel, if it has one, or ``envelope``.
    sqrt_s : float or None
        Collision energy in GeV, with edges or a histogram; 13 TeV where a user leaves it out.

    Returns
    -------
    array of shape (toys,)
        As :func:`bumphunt.significance.p_values.counting_p_value`, in standard deviations; NaN where
        the refit did not converge.
    """
    if isinstance(edges, Spectrum):
        spectrum = edges
    elif is_histogram(edges):
        spectrum = as_spectrum(edges, masked=masked, sqrt_s=sqrt_s)
    else:
        energy = SQRT_S if isinstance(sqrt_s, Unset) else sqrt_s
        spectrum = Spectrum(counts=np.zeros(len(edges) - 1), edges=edges, masked=masked, sqrt_s=energy)  # type: ignore[arg-type]
    if family == "envelope":
        expected, error, converged = _envelope(counts, spectrum)
    else:
        expected, error, _, converged = _prediction(counts, spectrum, family)
    observed = counts[:, spectrum.window].sum(axis=1)
    # betainc of (on, off + 1) is the p-value of at least `observed`; with nothing observed it is 1
    tau = expected / np.maximum(error**2, 1e-12 * expected**2 + 1e-300)
    p_value = np.where(observed > 0, betainc(np.maximum(observed, 1.0), expected * tau + 1.0, 1.0 / (1.0 + tau)), 1.0)
    z = -ndtri(np.clip(p_value, SMALLEST_P, 1.0 - 1e-16))
    return np.where(converged, z, np.nan)


def _prediction(
    counts: FloatArray, spectrum: Spectrum, family: str
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Return expected events in the window, their error, the deviance outside, and whether the fits converged."""
    design = make_design(spectrum, family=family)
    fits = fit_many(counts, design)
    inside = fits.expected[:, spectrum.window]
    gradient = inside @ design.basis[spectrum.window]
    variance = np.einsum("tp,tpq,tq->t", gradient, fits.covariance, gradient)
    expected = inside.sum(axis=1)
    return expected, np.sqrt(np.maximum(variance, 0.0)), fits.deviance, fits.converged


def _envelope(counts: FloatArray, spectrum: Spectrum) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Do the same by discrete profiling over families (arXiv:1408.6865)."""
    parts = [_prediction(counts, spectrum, family) for family in ENVELOPE]
    expected: FloatArray = np.stack([part[0] for part in parts], axis=1)
    error: FloatArray = np.stack([part[1] for part in parts], axis=1)
    converged: BoolArray = np.stack([part[3] for part in parts], axis=1)
    deviance = np.where(converged, np.stack([part[2] for part in parts], axis=1), np.inf)
    sizes = np.array([make_design(spectrum, family=family).n_free for family in ENVELOPE], dtype=np.float64)
    best, low, high = envelope_interval(deviance, expected, error, sizes)
    value: FloatArray = np.take_along_axis(expected, best[:, None], axis=1)[:, 0]
    usable = np.asarray(converged.any(axis=1), dtype=np.bool_)
    spread = np.where(usable, np.maximum(high - value, value - low), 1.0)
    return value, np.asarray(spread, dtype=np.float64), usable


def window_curves(counts: FloatArray, spectrum: Spectrum, windows: Sequence[BoolArray], *, family: str) -> FloatArray:
    """Return the local significance of every window for many spectra, shape (toys, windows); NaN for a failed refit."""
    return np.stack([window_z(counts, spectrum.with_window(window), family=family) for window in windows], axis=1)


def most_significant(z: FloatArray) -> FloatArray:
    """Return the largest of each toy's significances (toys, places), shape (toys,).

    A place whose refit failed (NaN) counts as infinitely significant for that toy, so that a failure can
    only make the global p-value larger.
    """
    return np.asarray(np.where(np.isnan(z), np.inf, z).max(axis=1), dtype=np.float64)
