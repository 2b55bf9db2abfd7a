"""Pseudo-experiments of one spectrum: thrown from a fit, refitted with every window masked in turn."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtri

from bumphunt.significance.profile import SMALLEST_P
from bumphunt.spectrum.fit import fit_many, make_design

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def throw(expected: FloatArray, *, n_toys: int, rng: np.random.Generator) -> FloatArray:
    """Return Poisson toys of a spectrum, shape (n_toys, bins)."""
    return rng.poisson(expected, size=(n_toys, len(expected))).astype(np.float64)


def window_z(counts: FloatArray, edges: FloatArray, masked: BoolArray, *, family: str) -> FloatArray:
    """Return the local significance of one window for many spectra, the background refitted for each.

    Parameters
    ----------
    counts : array of shape (toys, bins)
        Spectra on ``edges`` (GeV).
    masked : bool array of shape (bins,)
        The window.
    family : str
        Background family.

    Returns
    -------
    array of shape (toys,)
        As :func:`bumphunt.significance.profile.counting_p_value`, in standard deviations; NaN where
        the refit did not converge.
    """
    design = make_design(edges, family=family, masked=masked)
    fits = fit_many(counts, design)
    observed = counts[:, masked].sum(axis=1)
    expected = fits.expected[:, masked].sum(axis=1)
    gradient = fits.expected[:, masked] @ design.basis[masked]
    variance = np.einsum("tp,tpq,tq->t", gradient, fits.covariance, gradient)
    # betainc of (on, off + 1) is the p-value of at least `observed`; with nothing observed it is 1
    tau = expected / np.maximum(variance, 1e-12 * expected**2 + 1e-300)
    p_value = np.where(observed > 0, betainc(np.maximum(observed, 1.0), expected * tau + 1.0, 1.0 / (1.0 + tau)), 1.0)
    z = -ndtri(np.clip(p_value, SMALLEST_P, 1.0 - 1e-16))
    return np.where(fits.converged, z, np.nan)


def best_window_z(counts: FloatArray, edges: FloatArray, windows: Sequence[BoolArray], *, family: str) -> FloatArray:
    """Return the largest local significance over all windows for many spectra, shape (toys,).

    A window whose refit failed counts as infinitely significant for that toy, so that a failure can
    only make the global p-value larger.
    """
    z = np.stack([window_z(counts, edges, masked, family=family) for masked in windows])
    return np.asarray(np.where(np.isnan(z), np.inf, z).max(axis=0), dtype=np.float64)
