"""Where a sample has its peak: fullest bin, half-sample mode, and the highest point of a kernel density."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

FloatArray = npt.NDArray[np.float64]

_MARGIN = 30  # cells beyond the events: five widths of the kernel, which is cut off at four


def histogram_mode(values: FloatArray, width: float) -> float:
    """Return the centre of the fullest bin; bins start at a multiple of their width, the first of equals counts.

    Examples
    --------
    >>> import numpy as np
    >>> histogram_mode(np.array([101.0, 103.0, 130.0, 131.0, 132.0]), 10.0)
    135.0
    """
    index = np.floor(values / width).astype(int)
    fullest = np.bincount(index - index.min()).argmax() + index.min()
    return float((fullest + 0.5) * width)


def half_sample_mode(values: FloatArray) -> float:
    """Return the half-sample mode (Bickel and Fruehwirth, Comput. Stat. Data Anal. 50 (2006) 3500, arXiv:math/0505419).

    Again and again the shortest interval that holds half of the points is kept.

    Examples
    --------
    >>> import numpy as np
    >>> half_sample_mode(np.array([1.0, 5.0, 5.25, 5.5, 9.0, 14.0]))
    5.25
    """
    points = np.sort(np.asarray(values, dtype=np.float64))
    while len(points) > 3:
        half = -(-len(points) // 2)
        start = int(np.argmin(points[half - 1 :] - points[: len(points) - half + 1]))
        points = points[start : start + half]
    if len(points) == 3:
        low, high = points[1] - points[0], points[2] - points[1]
        points = points[1:2] if low == high else (points[:2] if low < high else points[1:])
    return float(points.mean())


def kernel_mode(values: FloatArray, weights: FloatArray, width: float) -> float:
    """Return where a Gaussian kernel density of weighted values is highest, in logarithmic scale.

    Parameters
    ----------
    values : array of shape (events,)
        Positive numbers.
    weights : array of shape (events,)
        Negative ones take background away.
    width : float
        Kernel width as a fraction of the value.

    Examples
    --------
    >>> import numpy as np
    >>> round(kernel_mode(np.array([80.0, 100.0, 100.0, 125.0]), np.ones(4), 0.05))
    100
    """
    cell = width / 6.0
    place = np.log(np.maximum(values, 1e-6)) / cell
    first = int(np.floor(place[weights > 0].min())) - _MARGIN
    index = np.round(place).astype(int) - first
    number = int(np.ceil(place[weights > 0].max())) - first + _MARGIN
    inside = (index >= 0) & (index < number)
    density = gaussian_filter1d(np.bincount(index[inside], weights=weights[inside], minlength=number), 6.0)
    top = int(np.clip(density.argmax(), 1, number - 2))
    left, middle, right = density[top - 1 : top + 2]
    bend = left - 2.0 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(np.exp((top + shift + first) * cell))
