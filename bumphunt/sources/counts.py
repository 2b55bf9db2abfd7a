"""Binned spectra from JSON: ``{"edges": [...], "counts": [...]}`` or a UHI histogram."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]


def looks_like_counts(path: str | Path) -> bool:
    """Tell from its first character whether a file is JSON."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(256).lstrip()[:1] == b"{"
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_counts(path: str | Path) -> tuple[FloatArray, FloatArray]:
    """Read counts and bin edges of a spectrum.

    Parameters
    ----------
    path : path
        JSON with ``edges`` (GeV) and ``counts``, or the UHI serialisation of a histogram with one
        axis (that of ``hist`` and ``boost-histogram``), whose flow bins are left out.

    Returns
    -------
    counts : array of shape (bins,)
    edges : array of shape (bins + 1,)

    Raises
    ------
    InputError
        If the file is not JSON of either kind, or its numbers cannot be a spectrum.
    """
    try:
        data = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({' '.join(str(error).split())})") from error
    try:
        counts, edges = _uhi(data) if "axes" in data else (data["counts"], data["edges"])
        counts, edges = np.asarray(counts, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: no spectrum found ({type(error).__name__}: {error}); "
            'give {"edges": [...], "counts": [...]} with edges in GeV, or UHI JSON with one axis'
        ) from error
    if counts.ndim != 1 or edges.shape != (len(counts) + 1,):
        raise InputError(f"{path}: {counts.size} counts and {edges.size} edges; one more edge than counts is needed")
    if not (np.isfinite(counts).all() and np.isfinite(edges).all()):
        raise InputError(f"{path}: NaN or infinity among counts or edges; repair or leave out those bins")
    if (counts < 0).any():
        raise InputError(f"{path}: count {counts.min():g} is negative; give event counts, not differences")
    if not (np.diff(edges) > 0).all():
        raise InputError(f"{path}: edges must rise; found {edges[int(np.argmin(np.diff(edges))) + 1]:g} out of order")
    if edges[-1] < 20.0:
        raise InputError(f"{path}: edges end at {edges[-1]:g}, which looks like TeV; give GeV: multiply by 1000")
    return counts, edges


def _uhi(data: dict[str, Any]) -> tuple[Any, Any]:
    if len(data["axes"]) != 1:
        raise ValueError(f"the histogram has {len(data['axes'])} axes; project it to one, the mass")
    axis, storage = data["axes"][0], data["storage"]
    if axis["type"] == "regular":
        edges = np.linspace(axis["lower"], axis["upper"], int(axis["bins"]) + 1)
    else:
        edges = np.asarray(axis["edges"], dtype=np.float64)
    counts = np.asarray(storage["values"], dtype=np.float64)
    if axis.get("underflow", len(counts) == len(edges) + 1):
        counts = counts[1:]
    return counts[: len(edges) - 1], edges
