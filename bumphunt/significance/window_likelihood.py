"""The profile likelihood ratio of one window: the background fitted with its count against the background without it.

With a signal of any shape inside the window and none outside, the best signal takes up the whole difference between
the window's count and the sidebands' prediction. So q0 is the difference of two background fits, one with the
window's count in the likelihood and one with the window masked: no Gaussian error of the background is assumed, which
matters where counts are small.
"""

import numpy as np
import numpy.typing as npt

from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.spectrum import Spectrum

FloatArray = npt.NDArray[np.float64]


def window_sqrt_q0(counts: FloatArray, spectrum: Spectrum, *, family: str) -> FloatArray:
    """Return the signed root of the window's likelihood ratio for many spectra, shape (rows,); NaN where a fit failed.

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Spectra.
    spectrum : Spectrum
        Their binning, window and collision energy; its own counts are not looked at.
    family : str
        Background family, not ``auto``.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    masked = spectrum.window
    with_window = fit_many(counts, make_design(spectrum, family=family, merged=masked), with_covariance=False)
    outside = make_design(spectrum, family=family)
    without = fit_many(counts, outside, with_covariance=False)
    gain = with_window.deviance - without.deviance
    if outside.penalty.any():
        gain += (with_window.coefficients**2 - without.coefficients**2) @ outside.penalty
    excess = counts[:, masked].sum(axis=1) - without.expected[:, masked].sum(axis=1)
    root = np.sign(excess) * np.sqrt(np.maximum(gain, 0.0))
    return np.asarray(np.where(with_window.converged & without.converged, root, np.nan), dtype=np.float64)
