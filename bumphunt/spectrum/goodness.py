"""How well a fitted background describes a spectrum."""

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, xlogy

FloatArray = npt.NDArray[np.float64]

MIN_EXPECTED = 5.0
"""Expected events in a merged bin from which Pearson's chi2 follows its distribution (the usual rule)."""


def pearson_p_value(
    counts: FloatArray,
    expected: FloatArray,
    *,
    n_parameters: float,
    min_expected: float = MIN_EXPECTED,
    variance: FloatArray | None = None,
) -> tuple[float, int, float]:
    """Return Pearson's chi2, its degrees of freedom and its p-value.

    Neighbouring bins are merged until each holds at least ``min_expected`` expected events, below
    which the chi2 distribution is no longer a good approximation. ``variance`` of each count is what is expected
    (Poisson) unless it is given.

    Examples
    --------
    >>> import numpy as np
    >>> chi2, ndf, p = pearson_p_value(np.array([12.0, 8.0, 10.0]), np.array([10.0, 10.0, 10.0]), n_parameters=1)
    >>> round(chi2, 3), ndf, round(p, 4)
    (0.8, 2, 0.6703)
    """
    merged: list[list[float]] = []
    n = mu = spread = 0.0
    for observed, model, own in zip(counts, expected, expected if variance is None else variance, strict=True):
        n += float(observed)
        mu += float(model)
        spread += float(own)
        if mu >= min_expected:
            merged.append([n, mu, spread])
            n = mu = spread = 0.0
    if mu > 0 and merged:
        merged[-1][0] += n
        merged[-1][1] += mu
        merged[-1][2] += spread
    ndf = round(len(merged) - n_parameters)
    if ndf < 1:
        return 0.0, 0, 1.0
    observed_bins, model_bins, variances = np.array(merged).T
    chi2 = float(np.sum((observed_bins - model_bins) ** 2 / variances))
    return chi2, ndf, float(chdtrc(ndf, chi2))


def poisson_deviance(counts: FloatArray, expected: FloatArray) -> FloatArray:
    """Return twice the log-likelihood ratio of the saturated model to ``expected``, summed over the last axis."""
    terms = xlogy(counts, counts) - xlogy(counts, expected) - counts + expected
    return np.asarray(2.0 * terms.sum(axis=-1), dtype=np.float64)
