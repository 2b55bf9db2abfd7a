"""Binned spectra from JSON: ``{"edges": [...], "counts": [...]}`` or a UHI histogram.

Here the layout is read; whether the numbers can be a spectrum is for :class:`bumphunt.spectrum.spectrum.Spectrum`, the
same for every source.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bumphunt.errors import InputError

STANDARD_INPUT = "-"
"""In place of a path: the bytes come through a pipe."""

MAX_BINS = 1_000_000
"""Bins of a spectrum, at most: a file that asks for more is damaged or hostile."""

_HINT = 'give {"edges": [...], "counts": [...]} with edges in GeV, or UHI JSON with one axis'


class Contents(NamedTuple):
    """What a file holds, unchecked: contents and edges of the bins, and their variances where it has them."""

    counts: Any
    edges: Any
    variances: Any | None


def looks_like_counts(path: str | Path) -> bool:
    """Tell from its first character whether a file is JSON; standard input always is."""
    if str(path) == STANDARD_INPUT:
        return True
    try:
        with Path(path).open("rb") as stream:
            return stream.read(256).lstrip()[:1] in (b"{", b"[")
    except (OSError, ValueError):  # a folder, a pattern, a tree in a file; whoever reads it next says what is wrong
        return False


def read_counts(path: str | Path) -> Contents:
    """Read contents and bin edges of a spectrum.

    Parameters
    ----------
    path : path
        JSON with ``edges`` (GeV), ``counts`` and perhaps ``variances`` or ``errors``; or the UHI serialisation of a
        histogram with one axis (that of ``hist`` and ``boost-histogram``), dense or sparse, whose flow bins are left
        out. ``-`` is standard input.

    Raises
    ------
    InputError
        If the file is not JSON of either kind.
    """
    try:
        text = sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else Path(path).read_bytes()
        if not text.strip():
            raise InputError(f"{'standard input' if str(path) == STANDARD_INPUT else path} is empty; {_HINT}")
        data = json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise InputError(f"{path}: cannot be read as JSON (nested too deeply); {_HINT}") from error
    except (OSError, ValueError) as error:  # ValueError: no JSON, another encoding, or a number of thousands of digits
        raise InputError(f"{path}: cannot be read as JSON ({' '.join(str(error).split())[:200]})") from error
    try:
        if not isinstance(data, dict):
            raise TypeError(f"the outermost value is a {type(data).__name__}")
        return _uhi(data) if "axes" in data else _plain(data)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        said = str(error)[:200]
        reason = f"there is no {said}" if isinstance(error, KeyError) else f"{type(error).__name__}: {said}"
        raise InputError(f"{path}: no spectrum found ({reason}); {_HINT}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _plain(data: dict[str, Any]) -> Contents:
    if "errors" in data and "variances" in data:
        raise InputError("errors and variances are given; leave one of them out")
    variances = data.get("variances")
    if "errors" in data:
        variances = [float(error) ** 2 for error in data["errors"]]
    return Contents(data["counts"], data["edges"], variances)


def _uhi(data: dict[str, Any]) -> Contents:
    if len(data["axes"]) != 1:
        raise ValueError(f"the histogram has {len(data['axes'])} axes; project it to one, the mass")
    axis, storage = data["axes"][0], data["storage"]
    kind = str(storage.get("type", "double"))
    if "mean" in kind:
        raise InputError(f"the histogram is a profile (storage {kind}), not counts; give a histogram of events")
    edges = _edges(axis)
    n_bins = len(edges) - 1
    flow = bool(axis.get("underflow", len(storage["values"]) == n_bins + 2))
    variances = storage.get("variances")
    return Contents(
        _inside(storage["values"], storage.get("index"), n_bins, flow),
        edges,
        None if variances is None else _inside(variances, storage.get("index"), n_bins, flow),
    )


def _edges(axis: dict[str, Any]) -> Any:
    if axis["type"] == "variable":
        return axis["edges"]
    if axis["type"] != "regular":
        raise ValueError(f"the axis is of type {str(axis['type'])[:40]!r}; a mass needs a regular or variable one")
    bins = int(axis["bins"])
    if not 1 <= bins <= MAX_BINS:
        raise InputError(f"{bins:.6g} bins are no spectrum; between 1 and {MAX_BINS} are read")
    return np.linspace(float(axis["lower"]), float(axis["upper"]), bins + 1)


def _inside(values: Any, index: Any, n_bins: int, flow: bool) -> Any:
    """Return the contents of the bins without flow, those of a sparse histogram put in their places."""
    if index is not None:
        if len(index) != 1 or len(index[0]) != len(values):
            raise ValueError("the index of the sparse storage does not fit its values")
        dense = [0.0] * (n_bins + 2)
        for place, value in zip(index[0], values, strict=True):
            if not 0 <= int(place) < len(dense):
                raise ValueError(f"bin {place} of the sparse storage is none of the axis")
            dense[int(place)] = value
        values = dense
    first = 1 if flow else 0
    return values[first : first + n_bins]
