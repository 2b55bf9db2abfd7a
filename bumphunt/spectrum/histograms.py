"""Histograms of any library, by the UHI protocol: ``kind``, ``axes``, ``values()``, ``variances()``.

:mod:`hist`, boost-histogram and the TH1 of uproot differ in what an axis offers: ``edges`` as an array, ``edges()`` as
a method, or only pairs of lower and upper end, one a bin. All are read; flow bins are left out.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # of typing itself from Python 3.13 on

FloatArray = npt.NDArray[np.float64]


class Histogram(Protocol):
    """What is asked of a histogram; ``kind`` and ``variances()`` are used where they are offered."""

    @property
    def axes(self) -> Any:
        """The axes, in order."""

    def values(self) -> Any:
        """Return the contents of the bins."""


def is_histogram(source: Any) -> "TypeIs[Histogram]":
    """Tell whether an object follows the protocol, by what it offers and not by its type."""
    return hasattr(source, "axes") and callable(getattr(source, "values", None))


def histogram_arrays(histogram: Any) -> tuple[Any, Any, Any | None]:
    """Return values, edges and variances (or None) of a histogram of counts with one axis.

    Raises
    ------
    InputError
        If it is a profile, has several axes, or an axis of names.
    """
    kind = str(getattr(histogram, "kind", "COUNT")).rpartition(".")[2]
    if kind != "COUNT":
        raise InputError(f"the histogram is a profile (its kind is {kind}), not counts; give a histogram of events")
    if len(histogram.axes) != 1:
        raise InputError(f"the histogram has {len(histogram.axes)} axes; project it to one, the mass")
    variances = histogram.variances() if callable(getattr(histogram, "variances", None)) else None
    return histogram.values(), _axis_edges(histogram.axes[0]), variances


def _axis_edges(axis: Any) -> Any:
    if len(axis) and isinstance(axis[0], str):
        raise InputError(f"the axis of the histogram holds names such as {axis[0]!r}, no masses")
    edges = getattr(axis, "edges", None)
    if edges is not None:
        return edges() if callable(edges) else edges
    bins = [axis[number] for number in range(len(axis))]
    for (_, high), (low, _) in pairwise(bins):
        if not np.isclose(high, low, rtol=1e-12):
            raise InputError(f"the axis of the histogram has a gap between {high:g} and {low:g}")
    return [bins[0][0], *(high for _, high in bins)] if bins else []


def numbers(values: Any, what: str) -> FloatArray:
    """Return an array of real numbers, or refuse what only looks like one (booleans, complex numbers, text).

    Parameters
    ----------
    values : array-like
        Numbers.
    what : str
        What they are, for the message.
    """
    try:
        array = np.asarray(values)
        # numpy would make numbers of booleans that stand among numbers
        mixed = values if isinstance(values, list | tuple) else array.ravel() if array.dtype.kind == "O" else ()
        strange = next((item for item in mixed if isinstance(item, bool | np.bool_ | complex | str)), None)
        if strange is not None or (array.size and array.dtype.kind not in "iufO"):
            raise InputError(f"{what} must be real numbers, found {_kind(array, strange)}")
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what} must be a plain list of real numbers ({str(error)[:80]})") from error


def _kind(array: npt.NDArray[Any], strange: object) -> str:
    if strange is not None:
        return f"{str(strange)[:40]!r}"
    return {"b": "booleans", "c": "complex numbers", "U": "text", "S": "text"}.get(array.dtype.kind, str(array.dtype))
