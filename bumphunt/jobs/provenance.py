"""Where an answer comes from: the events that were read, the request, the versions of what computed it."""

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from bumphunt import __version__
from bumphunt.config import AnalysisConfig
from bumphunt.files import file_sha256
from bumphunt.masses.responses import response_named
from bumphunt.results import WindowResult

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "tensorflow", "keras", "pyhf", "iminuit", "fastjet")


def describe_input(events: str | Path | Sequence[str | Path] | None, table: pd.DataFrame) -> dict[str, Any]:
    """Return path, checksum, number of events and columns of events; those in memory have neither path nor checksum.

    A checksum is given where the path is that of one file; several are known by the digest of their content.
    """
    paths = [] if events is None else [events] if isinstance(events, str | Path) else list(events)
    single = Path(paths[0]) if len(paths) == 1 else None
    return {
        "path": None if not paths else str(paths[0]) if len(paths) == 1 else [str(path) for path in paths],
        "sha256": file_sha256(single) if single is not None and single.is_file() else None,
        "n_events": len(table),
        "columns": [str(column) for column in table.columns],
    }


def request(source: dict[str, Any], config: AnalysisConfig, seed: int) -> dict[str, Any]:
    """Return all that the stages of a run depend on."""
    return {
        "events": source["content"],
        "seed": seed,
        "config": config.model_dump(mode="json"),
        "response": response_named(config.masses.response).sha256,
        "version": __version__,
        # stored windows of another form are another run's
        "window": sorted(WindowResult.__dataclass_fields__),
    }


def versions() -> dict[str, str]:
    """Return the versions of the package, of Python and of the libraries that compute."""
    found = {"bumphunt": __version__, "python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
