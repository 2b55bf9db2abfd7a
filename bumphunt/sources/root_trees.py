"""Flat trees and RNTuples of ROOT files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.sources.layouts import Location, Reading, existing_file, one_line
from bumphunt.table.columns import closest_column


@contextmanager
def open_root(path: str | Path) -> Iterator[Any]:
    """Open for reading; every failure of the library becomes an :class:`InputError` of one line."""
    try:
        import uproot
    except ImportError as error:
        raise MissingExtraError("uproot", "root", "reading ROOT files") from error
    path = existing_file(path)
    try:
        with uproot.open(path) as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # uproot raises many kinds on damaged files
        raise InputError(f"{path}: damaged or truncated ROOT file ({one_line(error)}); make it again") from error


def matches(location: Location) -> bool:
    """Return True: whatever else ROOT files hold is named by :func:`read`."""
    del location
    return True


def read(location: Location) -> Reading:
    """Return the flat columns of the tree that is named, or else of the only one with the required columns."""
    with open_root(location.path) as file:
        trees = trees_of(file)
        tree = trees[_chosen(trees, file, location)]
        columns = {str(name): tree[name].array() for name in tree.keys()}  # noqa: SIM118 (trees are no dicts)
    # Lists per event (particles, say) are no columns of an event table.
    flat = {name: np.asarray(values) for name, values in columns.items() if values.ndim == 1}
    return Reading(table=pd.DataFrame({name: values for name, values in flat.items() if values.dtype.kind in "fiub"}))


def trees_of(file: Any) -> dict[str, Any]:
    """Return the trees and RNTuples of an open file by name."""
    return {name: tree for name, tree in file.items(cycle=False) if hasattr(tree, "num_entries")}


def _chosen(trees: dict[str, Any], file: Any, location: Location) -> str:
    found = ", ".join(trees) or "none"
    if location.member is not None:
        name = location.member.split(";")[0].strip("/")
        if name not in trees:
            raise InputError(
                f"{location.path}: has no tree {location.member!r} (trees found: {found}); name one of them"
            )
        return name
    fitting = [name for name, tree in trees.items() if set(location.required) <= set(tree.keys())]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"{location.path}: {len(fitting)} trees have the columns {', '.join(location.required)} "
            f"({', '.join(fitting)}); choose one by its name, as in '{location.path}:{fitting[0]}'"
        )
    hints = [
        f"; in {name!r}, did you mean {closest!r} for {column!r}? rename it"
        for name, tree in trees.items()
        for column in location.required
        if column not in tree.keys() and (closest := closest_column(column, map(str, tree.keys()))) is not None  # noqa: SIM118
    ]
    others = [f"{name} ({kind})" for name, kind in file.classnames(cycle=False).items() if name not in trees]
    also = f"; it also holds {', '.join(others[:5])}: histograms are for `bumphunt scan`" if others else ""
    raise InputError(
        f"{location.path}: 0 trees have the columns {', '.join(location.required)} (trees found: {found})"
        f"{hints[0] if hints else '; write a tree with these columns'}{also}"
    )
