"""Where an answer comes from: the events that were read, the request, the versions of what computed it."""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.files import file_sha256
from bumphunt.results import WindowResult

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "tensorflow", "keras", "pyhf", "iminuit", "fastjet")


def describe_input(events: pd.DataFrame | str | Path, table: pd.DataFrame) -> dict[str, Any]:
    """Return path, checksum, number of events and columns of an events file; a table in memory has no path."""
    path = None if isinstance(events, pd.DataFrame) else events
    return {
        "path": None if path is None else str(path),
        "sha256": None if path is None else file_sha256(path),
        "n_events": len(table),
        "columns": [str(column) for column in table.columns],
    }


def request(source: dict[str, Any], config: AnalysisConfig, seed: int) -> dict[str, Any]:
    """Return all that the stages of a run depend on."""
    return {
        "sha256": source["sha256"],
        "seed": seed,
        "config": config.model_dump(mode="json"),
        "version": version("bumphunt"),
        # stored windows of another form are another run's
        "window": sorted(WindowResult.__dataclass_fields__),
    }


def versions() -> dict[str, str]:
    """Return the versions of the package, of Python and of the libraries that compute."""
    found = {"bumphunt": version("bumphunt"), "python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
