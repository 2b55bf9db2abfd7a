"""What a parametric background family is.

Every family is log-linear in its parameters,

    log f(m) = sum_k theta_k b_k(x),    x = m / scale,

so that a binned Poisson fit has one minimum and can be solved for thousands of spectra at once. It needs no start
values: least squares on the logarithm of the counts is close enough for every one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A log-linear background family.

    Attributes
    ----------
    name : str
        As it is asked for in a config or with ``--family``.
    formula, latex : str
        The density, for text and for figures; parameters are p0, p1, ... in the order of ``basis``.
    basis : callable
        Takes ``x`` of shape (bins,) and returns the basis functions, shape (bins, parameters).
    n_parameters : int
        Parameters.
    profiled : bool
        One of the families that ``envelope`` profiles and that measure the systematic of the background form.
    """

    name: str
    formula: str
    latex: str
    basis: Callable[[FloatArray], FloatArray]
    n_parameters: int
    profiled: bool = True
