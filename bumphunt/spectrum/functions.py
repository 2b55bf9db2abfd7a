"""Background families and signal shapes of a mass spectrum.

Every background family here is log-linear in its parameters,

    log f(m) = sum_k theta_k b_k(x),    x = m / sqrt(s),

so that a binned Poisson fit has one minimum and can be solved for thousands of spectra at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]

SQRT_S = 13_000.0
"""Centre-of-mass energy of the LHC Olympics and of Run 2, GeV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A log-linear background family: its name, formula and the basis functions of ``x = m / sqrt(s)``."""

    name: str
    formula: str
    basis: Callable[[FloatArray], FloatArray]
    n_parameters: int


def _dijet(n_parameters: int) -> Callable[[FloatArray], FloatArray]:
    def basis(x: FloatArray) -> FloatArray:
        log_x = np.log(x)
        columns = [np.ones_like(x), np.log1p(-x), -log_x, -(log_x**2), -(log_x**3)]
        return np.stack(columns[:n_parameters], axis=-1)

    return basis


def _power_exponential(x: FloatArray) -> FloatArray:
    return np.stack([np.ones_like(x), -np.log(x), -x], axis=-1)


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(name="dijet3", formula="p0 (1-x)^p1 / x^p2", basis=_dijet(3), n_parameters=3),
        Family(name="dijet4", formula="p0 (1-x)^p1 / x^(p2 + p3 log x)", basis=_dijet(4), n_parameters=4),
        Family(name="dijet5", formula="p0 (1-x)^p1 / x^(p2 + p3 log x + p4 log^2 x)", basis=_dijet(5), n_parameters=5),
        Family(name="powexp", formula="p0 exp(-p2 x) / x^p1", basis=_power_exponential, n_parameters=3),
    )
}
"""Families by name. The dijet forms are those of the CMS and ATLAS dijet searches (arXiv:1911.03947, eq. 1)."""


def family(name: str) -> Family:
    """Return the family called ``name``, or raise :class:`InputError` listing those there are."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise InputError(f"unknown background family {name!r}; use one of {', '.join(FAMILIES)}, gp or auto") from None


def design_matrix(edges: FloatArray, shape: Family, *, sqrt_s: float = SQRT_S) -> FloatArray:
    """Return the basis functions at the bin centres, shape (bins, parameters).

    Raises
    ------
    InputError
        If the edges are not increasing or reach beyond the collision energy.
    """
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise InputError("bin edges must be a strictly increasing list of at least two masses in GeV")
    if edges[0] <= 0 or edges[-1] >= sqrt_s:
        raise InputError(
            f"bin edges run from {edges[0]:g} to {edges[-1]:g} GeV; they must lie between 0 and {sqrt_s:g} GeV"
        )
    centres = 0.5 * (edges[:-1] + edges[1:])
    return shape.basis(centres / sqrt_s)


def gaussian_fractions(edges: FloatArray, *, mass: float, width: float) -> FloatArray:
    """Return the part of a Gaussian resonance that falls in each bin, shape (bins,).

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    mass, width : float
        Mean and standard deviation of the reconstructed mass in GeV.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_fractions(np.array([3400.0, 3500.0, 3600.0]), mass=3500.0, width=100.0).round(4).tolist()
    [0.3413, 0.3413]
    """
    return np.diff(ndtr((np.asarray(edges, dtype=np.float64) - mass) / width))
