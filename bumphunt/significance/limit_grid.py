"""A limit at masses between those that were tried: linear in its logarithm over the triangles of the grid."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]


def limit_between(masses: FloatArray, limits: FloatArray, at: Sequence[float] | FloatArray) -> FloatArray:
    """Return limits at other masses, interpolated; NaN outside the grid, which is never left.

    Parameters
    ----------
    masses : array of shape (points, masses)
        The grid in GeV, for example ``[point.masses for point in found.points]``.
    limits : array of shape (points,)
        Limits on events or cross sections; points without one (infinite, NaN) are left out.
    at : array of shape (masses,) or (wanted, masses)
        Where limits are wanted. A mass that is the same in the whole grid must be that one.

    Raises
    ------
    InputError
        If shapes do not agree, or the grid is a single point or so flat that it has no triangles.

    Examples
    --------
    >>> import numpy as np
    >>> grid = np.array([[3500.0, 500.0, 100.0], [4500.0, 500.0, 100.0]])
    >>> limit_between(grid, np.array([100.0, 25.0]), [4000.0, 500.0, 100.0]).round(1).tolist()
    [50.0]
    """
    points, values, wanted = np.atleast_2d(masses), np.asarray(limits, dtype=np.float64), np.atleast_2d(at)
    if len(points) != len(values) or points.shape[1] != wanted.shape[1]:
        raise InputError(f"{len(values)} limits at {points.shape} masses cannot be interpolated at {wanted.shape}")
    known = np.isfinite(values) & (values > 0)
    points, logs = points[known], np.log(values[known])
    varied = np.ptp(points, axis=0) > 0 if len(points) else np.zeros(points.shape[1], dtype=np.bool_)
    if not varied.any():
        raise InputError(f"{len(points)} points at one place are no grid; set limits at more masses")
    here = (wanted[:, ~varied] == points[0, ~varied]).all(axis=1)
    scaled, target = (part[:, varied] / np.ptp(points, axis=0)[varied] for part in (points, wanted))
    if varied.sum() == 1:
        order = np.argsort(scaled[:, 0], kind="stable")
        found = np.interp(target[:, 0], scaled[order, 0], logs[order], left=np.nan, right=np.nan)
    else:
        from scipy.interpolate import LinearNDInterpolator
        from scipy.spatial import QhullError

        try:
            found = LinearNDInterpolator(scaled, logs)(target)
        except QhullError as error:
            raise InputError(
                f"{len(points)} points over {int(varied.sum())} masses hold no triangles; add points off the line"
            ) from error
    return np.asarray(np.where(here, np.exp(found), np.nan), dtype=np.float64)
