"""The basis functions of a background family on one binning, and the Gaussian shape of a resonance."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from bumphunt.errors import InputError
from bumphunt.spectrum.families.base import Family

FloatArray = npt.NDArray[np.float64]

SQRT_S: Final = 13_000.0
"""Centre-of-mass energy of the LHC Olympics and of Run 2, GeV."""

SCALE_WITHOUT_ENERGY: Final = 2.0
"""Where no collision energy is meant, families are written in x = m / (this times the upper end of the spectrum): x
then ends at one half, as that of dijets does, so that (1 - x) forces no zero at the end of the range."""


def mass_scale(edges: FloatArray, sqrt_s: float | None) -> float:
    """Return the mass in GeV at which x is one: the collision energy, or twice the upper end of the spectrum.

    Examples
    --------
    >>> import numpy as np
    >>> mass_scale(np.array([9.0, 10.6]), None)
    21.2
    """
    return SCALE_WITHOUT_ENERGY * float(edges[-1]) if sqrt_s is None else float(sqrt_s)


def check_edges(edges: FloatArray, sqrt_s: float | None) -> None:
    """Refuse bin edges that do not rise, or reach beyond the collision energy.

    Raises
    ------
    InputError
        With the remedy.
    """
    if edges.ndim != 1 or len(edges) < 2:
        raise InputError("bin edges must be a strictly increasing list of at least two masses in GeV")
    steps = np.diff(edges)
    if not np.all(steps > 0):
        wrong = int(np.argmin(steps)) + 1
        found = "appears twice" if steps[wrong - 1] == 0 else "out of order"
        raise InputError(f"bin edges must rise, a strictly increasing list of masses in GeV; {edges[wrong]:g} {found}")
    if edges[0] <= 0:
        raise InputError(f"bin edges start at {edges[0]:g} GeV; masses lie above 0: leave the bins below out")
    if sqrt_s is not None and edges[-1] >= sqrt_s:
        raise InputError(
            f"bin edges run from {edges[0]:g} to {edges[-1]:g} GeV; they must lie between 0 and sqrt_s = {sqrt_s:g} "
            "GeV: set sqrt_s to the collision energy of these data, or to None (null) where none is meant"
        )


def design_matrix(edges: FloatArray, shape: Family, *, sqrt_s: float | None) -> FloatArray:
    """Return the basis functions at the bin centres, shape (bins, parameters).

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    shape : Family
        The family.
    sqrt_s : float or None
        Collision energy in GeV, see :func:`mass_scale`.

    Raises
    ------
    InputError
        If the edges are not increasing or reach beyond the collision energy.
    """
    edges = np.asarray(edges, dtype=np.float64)
    check_edges(edges, sqrt_s)
    centres = 0.5 * (edges[:-1] + edges[1:])
    return shape.basis(centres / mass_scale(edges, sqrt_s))


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
