"""Binned Poisson fit of a smooth background to one spectrum, with its covariance, band and goodness.

For thousands of spectra at once see :mod:`bumphunt.spectrum.batched`; for the choice of a family
:mod:`bumphunt.spectrum.choice`.
"""

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.batched import ManyFits, band, effective_parameters, fit_many, sum_error
from bumphunt.spectrum.choice import choose_family, resolve_family
from bumphunt.spectrum.design import Design, make_design
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.spectrum.goodness import pearson_p_value
from bumphunt.spectrum.profiling import fit_envelope

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

__all__ = [
    "Design",
    "ManyFits",
    "band",
    "choose_family",
    "fit_many",
    "fit_spectrum",
    "make_design",
    "sum_error",
]


def fit_spectrum(
    counts: FloatArray,
    edges: FloatArray,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    window: BoolArray | None = None,
    sqrt_s: float = SQRT_S,
) -> SpectrumFit:
    """Fit one smooth background to one spectrum, with a window masked.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts.
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    family : str
        One of :data:`bumphunt.spectrum.functions.FAMILIES`; ``auto`` for the simplest dijet form that an F-like
        test on the deviance does not reject (:func:`bumphunt.spectrum.choice.choose_family`); ``gp`` for a Gaussian
        process (:mod:`bumphunt.spectrum.gaussian_process`), its kernel chosen by the marginal likelihood, or
        ``gp(length,amplitude)`` with a given one; ``envelope`` for the best of several families with the error
        of all that fit as well (:mod:`bumphunt.spectrum.profiling`). The result names what was used.
    masked : bool array of shape (bins,), optional
        Bins left out of the fit.
    window : bool array of shape (bins,), optional
        Those of the masked bins over which the expected events are summed; all of them otherwise.
    sqrt_s : float
        Collision energy in GeV.

    Raises
    ------
    FitError
        If the fit does not converge.
    InputError
        If the counts are unusable or too few bins are left.
    """
    counts = np.asarray(counts, dtype=np.float64)
    edges = np.asarray(edges, dtype=np.float64)
    if counts.shape != (len(edges) - 1,):
        raise InputError(f"{counts.size} counts do not fit {len(edges)} bin edges; one more edge than counts is needed")
    if not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise InputError("counts must be finite and not negative")
    mask = np.zeros(len(counts), dtype=bool) if masked is None else np.asarray(masked, dtype=bool)
    region = mask if window is None else np.asarray(window, dtype=bool)
    if np.any(region & ~mask):
        raise InputError("the window reaches beyond the masked bins; its events would make their own background")
    if family == "envelope":
        return fit_envelope(counts, edges, masked=mask, window=window, sqrt_s=sqrt_s)
    family = resolve_family(counts, edges, family=family, masked=mask, sqrt_s=sqrt_s)
    design = make_design(edges, family=family, masked=mask, sqrt_s=sqrt_s)
    many = fit_many(counts[None, :], design)
    if not many.converged[0]:
        raise FitError(
            f"the {family} fit of {counts[~mask].sum():.0f} events in {int((~mask).sum())} bins did not converge"
        )
    expected, covariance = many.expected[0], many.covariance[0]
    n_parameters = effective_parameters(many.coefficients[0], expected, counts, design)
    chi2, ndf, p_value = pearson_p_value(counts[~mask], expected[~mask], n_parameters=n_parameters)
    return SpectrumFit(
        edges=edges,
        counts=counts,
        masked=mask,
        window=region,
        family=family,
        expected=expected,
        error=band(expected, covariance, design),
        parameters=design.to_parameters @ many.coefficients[0],
        covariance=design.to_parameters @ covariance @ design.to_parameters.T,
        window_expected=float(expected[region].sum()),
        window_error=sum_error(expected, covariance, design, region),
        window_log_covariance=design.basis[region] @ covariance @ design.basis[region].T,
        deviance=float(many.deviance[0]),
        chi2=chi2,
        ndf=ndf,
        p_value=p_value,
    )
