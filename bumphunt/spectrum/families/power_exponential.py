"""A power law with an exponential cut-off."""

import numpy as np
import numpy.typing as npt

from bumphunt.spectrum.families.base import Family

FloatArray = npt.NDArray[np.float64]


def _basis(x: FloatArray) -> FloatArray:
    return np.stack([np.ones_like(x), -np.log(x), -x], axis=-1)


powexp = Family(
    name="powexp",
    formula="p0 exp(-p2 x) / x^p1",
    latex=r"p_0 e^{-p_2 x} / x^{p_1}",
    basis=_basis,
    n_parameters=3,
)
