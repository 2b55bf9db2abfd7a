"""Goodness of fit from toys with refit, where counts are too small for a chi2 distribution."""

import numpy as np

from bumphunt.errors import InputError
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import make_design


def saturated_p_value(fit: SpectrumFit, *, n_toys: int = 1000, rng: np.random.Generator) -> float:
    """Return how often spectra thrown from a fit, and fitted again, are described as badly as the data or worse.

    The statistic is the likelihood ratio to the saturated model (the deviance) of the bins that were fitted.

    Parameters
    ----------
    fit : SpectrumFit
        From :func:`bumphunt.spectrum.fit.fit_spectrum`.
    n_toys : int
        Spectra to throw.
    rng : numpy.random.Generator
        Throws them.

    Returns
    -------
    float
        ``(k + 1) / (n + 1)``; toys whose refit failed count among the k, so that failures are never silent.
    """
    if n_toys < 1:
        raise InputError(f"{n_toys} toys give no p-value; throw at least one")
    toys = rng.poisson(fit.expected, (n_toys, len(fit.expected))).astype(np.float64)
    refits = fit_many(toys, make_design(fit.edges, family=fit.family, masked=fit.masked, sqrt_s=fit.sqrt_s))
    worse = np.sum((refits.deviance >= fit.deviance) | ~refits.converged)
    return float(worse + 1) / (n_toys + 1)
