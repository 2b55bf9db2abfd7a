"""Which family: the simplest dijet form that suffices, or the kernel of a Gaussian process. Both without the window."""

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from bumphunt.errors import FitError
from bumphunt.spectrum.batched import derivatives, fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.spectrum.gaussian_process import AMPLITUDE, LENGTHS, Kernel

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def resolve_family(
    counts: FloatArray, edges: FloatArray, *, family: str, masked: BoolArray | None = None, sqrt_s: float = SQRT_S
) -> str:
    """Return the family that ``auto`` or ``gp`` means for these counts, and any other name as it is.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts on ``edges`` (GeV), of which the ``masked`` ones are not looked at.
    family : str
        ``auto``, ``gp`` or another family.
    sqrt_s : float
        Collision energy in GeV.
    """
    if family == "auto":
        return choose_family(counts, edges, masked=masked, sqrt_s=sqrt_s)
    if family == "gp":
        return choose_kernel(counts, edges, masked=masked, sqrt_s=sqrt_s).family
    return family


def choose_kernel(
    counts: FloatArray, edges: FloatArray, *, masked: BoolArray | None = None, sqrt_s: float = SQRT_S
) -> Kernel:
    """Return the kernel with the largest marginal likelihood of the counts outside the mask.

    The integral over the coefficients is Laplace's: ``log L(c) - |c|^2 / 2 - log det(F + P) / 2`` at the maximum, with
    the Fisher matrix F and the prior precision P (Rasmussen and Williams, Gaussian Processes, eq. 3.32).

    Raises
    ------
    FitError
        If no kernel of the grid can be fitted.
    """
    data = np.asarray(counts, dtype=np.float64)[None, :]
    best: tuple[float, Kernel] | None = None
    for length in LENGTHS:
        kernel = Kernel(length=length, amplitude=AMPLITUDE)
        design = make_design(edges, family=kernel.family, masked=masked, sqrt_s=sqrt_s)
        fit = fit_many(data, design)
        if not fit.converged[0]:
            continue
        fisher = derivatives(fit.coefficients, fit.expected, data, design)[1][0]
        evidence = -0.5 * (
            float(fit.deviance[0])
            + float(fit.coefficients[0] ** 2 @ design.penalty)
            + float(np.linalg.slogdet(fisher)[1])
        )
        if best is None or evidence > best[0]:
            best = evidence, kernel
    if best is None:
        raise FitError("no Gaussian process could be fitted to the spectrum; use a parametric family")
    return best[1]


def choose_family(
    counts: FloatArray,
    edges: FloatArray,
    *,
    masked: BoolArray | None = None,
    candidates: tuple[str, ...] = ("dijet3", "dijet4", "dijet5"),
    threshold: float = 0.05,
    sqrt_s: float = SQRT_S,
) -> str:
    """Return the first nested family that the next one does not improve significantly.

    The gain in deviance of one more parameter is chi2-distributed with one degree of freedom where
    the simpler family is true (Wilks); a p-value above ``threshold`` stops the search.
    """
    previous: tuple[str, float] | None = None
    for name in candidates:
        many = fit_many(
            np.asarray(counts, dtype=np.float64)[None, :], make_design(edges, family=name, masked=masked, sqrt_s=sqrt_s)
        )
        if not many.converged[0]:
            break
        deviance = float(many.deviance[0])
        if previous is not None and float(chdtrc(1, max(previous[1] - deviance, 0.0))) > threshold:
            break
        previous = (name, deviance)
    return candidates[0] if previous is None else previous[0]
