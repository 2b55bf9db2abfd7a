"""One fit with iminuit: slow, independent, and the reference for the batched fits.

What to use when: :func:`bumphunt.spectrum.fit.fit_spectrum` gives the same numbers in a hundredth of the time; this
one shares no code with it beyond the formulas, and is what tests and benchmarks compare with.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.spectrum.families.registry import parametric_family
from bumphunt.spectrum.functions import design_matrix
from bumphunt.spectrum.goodness import poisson_deviance
from bumphunt.spectrum.spectrum import UNSET, Energy, SpectrumLike, as_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinuitFit:
    """Parameters of the family with their covariance, the signal events (last of both, where fitted), the deviance."""

    parameters: FloatArray
    covariance: FloatArray
    deviance: float
    valid: bool


def minuit_fit(
    counts: SpectrumLike,
    edges: FloatArray | None = None,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    signal: FloatArray | None = None,
    sqrt_s: Energy = UNSET,
    start: FloatArray | None = None,
    strategy: int = 1,
) -> MinuitFit:
    """Fit a parametric background, and a signal of known shape if one is given, by Migrad and Hesse.

    Parameters
    ----------
    counts, edges, sqrt_s
        As in :func:`bumphunt.spectrum.fit.fit_spectrum`.
    family : str
        A parametric family.
    masked : bool array of shape (bins,), optional
        Bins left out.
    signal : array of shape (bins,), optional
        Part of the signal in each bin.
    start : array of shape (parameters,), optional
        First coefficients in the orthonormal basis; least squares on log counts otherwise.
    strategy : int
        Of Minuit: 1 is its default, 2 gives more exact errors.
    """
    from iminuit import Minuit

    spectrum = as_spectrum(counts, edges, masked=masked, sqrt_s=sqrt_s)
    used = ~spectrum.masked
    matrix = design_matrix(spectrum.edges, parametric_family(family), sqrt_s=spectrum.sqrt_s)
    basis, triangle = np.linalg.qr(matrix)
    data, rows, widths = spectrum.counts[used], basis[used], np.diff(spectrum.edges)[used]
    shape = None if signal is None else np.asarray(signal, dtype=np.float64)[used]
    weighted = rows * np.sqrt(np.maximum(data, 0.3))[:, None]
    if start is None:
        target = np.log(np.maximum(data, 0.3) / widths) * np.sqrt(np.maximum(data, 0.3))
        start = np.linalg.lstsq(weighted, target, rcond=None)[0]
    n_parameters = len(start)
    # Minuit differentiates numerically: in steps of about one standard error of uncorrelated directions it does so well
    scale = np.linalg.inv(np.linalg.cholesky(weighted.T @ weighted)).T
    first = np.asarray(start, dtype=np.float64)

    def expected(values: FloatArray) -> FloatArray:
        background = np.exp(np.minimum(rows @ (first + scale @ values[:n_parameters]), 60.0)) * widths
        total = background if shape is None else background + values[n_parameters] * shape
        return np.asarray(np.maximum(total, 1e-300), dtype=np.float64)

    def twice_nll(values: FloatArray) -> float:
        return float(poisson_deviance(data, expected(values)))

    size = n_parameters + (shape is not None)
    minuit = Minuit(twice_nll, np.zeros(size))
    minuit.errordef = 1.0
    minuit.strategy = strategy
    minuit.tol = 1e-4
    minuit.print_level = 0
    minuit.errors = np.append(np.ones(n_parameters), np.sqrt(data.sum()) / 10)[:size]
    minuit.migrad()
    minuit.hesse()
    to_family = np.eye(size)
    to_family[:n_parameters, :n_parameters] = np.linalg.inv(triangle) @ scale
    origin = np.zeros(size)
    origin[:n_parameters] = np.linalg.inv(triangle) @ first
    valid = bool(minuit.valid) and minuit.covariance is not None
    covariance = np.asarray(minuit.covariance) if valid else np.full((size, size), np.nan)
    return MinuitFit(
        parameters=origin + to_family @ np.asarray(minuit.values),
        covariance=to_family @ covariance @ to_family.T,
        deviance=float(minuit.fval),
        valid=valid,
    )
