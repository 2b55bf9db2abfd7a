"""The nested dijet forms of the CMS and ATLAS searches (arXiv:1911.03947, eq. 1)."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bumphunt.spectrum.families.base import Family

FloatArray = npt.NDArray[np.float64]


def _basis(n_parameters: int) -> Callable[[FloatArray], FloatArray]:
    def basis(x: FloatArray) -> FloatArray:
        log_x = np.log(x)
        columns = [np.ones_like(x), np.log1p(-x), -log_x, -(log_x**2), -(log_x**3)]
        return np.stack(columns[:n_parameters], axis=-1)

    return basis


dijet3 = Family(
    name="dijet3",
    formula="p0 (1-x)^p1 / x^p2",
    latex=r"p_0 (1-x)^{p_1} / x^{p_2}",
    basis=_basis(3),
    n_parameters=3,
)
dijet4 = Family(
    name="dijet4",
    formula="p0 (1-x)^p1 / x^(p2 + p3 log x)",
    latex=r"p_0 (1-x)^{p_1} / x^{p_2 + p_3 \ln x}",
    basis=_basis(4),
    n_parameters=4,
)
dijet5 = Family(
    name="dijet5",
    formula="p0 (1-x)^p1 / x^(p2 + p3 log x + p4 log^2 x)",
    latex=r"p_0 (1-x)^{p_1} / x^{p_2 + p_3 \ln x + p_4 \ln^2 x}",
    basis=_basis(5),
    n_parameters=5,
)
