"""One fit with iminuit: slow, independent, and the reference for the batched fits.

What to use when: :func:`bumphunt.spectrum.fit.fit_spectrum` gives the same numbers in a hundredth of the time; this
one shares no code with it beyond the formulas, and is what tests and benchmarks compare with.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.spectrum.functions import SQRT_S, design_matrix
from bumphunt.spectrum.functions import family as family_by_name
from bumphunt.spectrum.goodness import poisson_deviance

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
    counts: FloatArray,
    edges: FloatArray,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    signal: FloatArray | None = None,
    sqrt_s: float = SQRT_S,
    start: FloatArray | None = None,
) -> MinuitFit:
    """Fit a parametric background, and a signal of known shape if one is given, by Migrad and Hesse.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts on ``edges`` (GeV).
    family : str
        A parametric family.
    masked : bool array of shape (bins,), optional
        Bins left out.
    signal : array of shape (bins,), optional
        Part of the signal in each bin.
    sqrt_s : float
        Collision energy in GeV.
    start : array of shape (parameters,), optional
        First coefficients in the orthonormal basis; least squares on log counts otherwise.
    """
    from iminuit import Minuit

    counts = np.asarray(counts, dtype=np.float64)
    used = np.ones(len(counts), dtype=bool) if masked is None else ~np.asarray(masked, dtype=bool)
    basis, triangle = np.linalg.qr(design_matrix(edges, family_by_name(family), sqrt_s=sqrt_s))
    width = np.diff(edges)
    data, rows, widths = counts[used], basis[used], width[used]
    shape = None if signal is None else np.asarray(signal, dtype=np.float64)[used]
    if start is None:
        weight = np.sqrt(np.maximum(data, 0.3))
        target = np.log(np.maximum(data, 0.3) / widths)
        start = np.linalg.lstsq(rows * weight[:, None], target * weight, rcond=None)[0]
    n_parameters = len(start)

    def expected(values: FloatArray) -> FloatArray:
        background = np.exp(np.minimum(rows @ values[:n_parameters], 60.0)) * widths
        total = background if shape is None else background + values[n_parameters] * shape
        return np.asarray(np.maximum(total, 1e-300), dtype=np.float64)

    def twice_nll(values: FloatArray) -> float:
        return float(poisson_deviance(data, expected(values)))

    first = np.append(start, 0.0) if shape is not None else start
    minuit = Minuit(twice_nll, first)
    minuit.errordef = 1.0
    minuit.strategy = 1
    minuit.tol = 1e-3
    minuit.print_level = 0
    minuit.errors = np.append(np.full(n_parameters, 0.05), np.sqrt(data.sum()) / 10)[: len(first)]
    minuit.migrad()
    minuit.hesse()
    to_family = np.eye(len(first))
    to_family[:n_parameters, :n_parameters] = np.linalg.inv(triangle)
    valid = bool(minuit.valid) and minuit.covariance is not None
    covariance = np.asarray(minuit.covariance) if valid else np.full((len(first), len(first)), np.nan)
    return MinuitFit(
        parameters=to_family @ np.asarray(minuit.values),
        covariance=to_family @ covariance @ to_family.T,
        deviance=float(minuit.fval),
        valid=valid,
    )
