"""Stage products on disk, so that an interrupted run goes on where it stopped, and where an answer comes from."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.files import file_sha256, write_atomically, write_json
from bumphunt.pipeline.windows import WindowOutcome
from bumphunt.results import WindowResult

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "tensorflow", "keras", "pyhf", "iminuit", "fastjet")

OUTPUTS = (
    "result.json",
    "products.json",
    "report.html",
    "workspace.json",
    "workspace_inclusive.json",
    "candidates.csv",
)
"""Files a run writes; a new run removes those of an old one first."""


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


def output_folder(output: str | Path) -> Path:
    """Return the folder for what a command writes, which need not exist yet.

    Raises
    ------
    InputError
        If it is a file.
    """
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the output")
    return folder


def refuse_foreign(directory: Path) -> None:
    """Raise :class:`InputError` where files would be overwritten that no run of this program made."""
    # a run leaves a request behind, a saved hunt its result; what lies in any other folder is somebody's work
    ours = (directory / "stages" / "request.json", directory / "products.json")
    found = [directory / name for name in ("stages", "figures", *OUTPUTS)]
    found = [path for path in found if path.exists()]
    if found and not any(mark.exists() for mark in ours):
        raise InputError(
            f"{found[0]} was not made by this program and will not be overwritten; choose another --output"
        )


class StageStore:
    """The folder ``stages/`` of a run: arrays and JSON by name, valid for one request only.

    Parameters
    ----------
    directory : Path
        Output folder of the run; made if missing.
    request : dict
        All that the products depend on: input hash, config, seed, version.
    resume : bool
        Keep products of the same request. Those of another request are an error; without
        ``resume`` everything an earlier run wrote is removed.
    """

    def __init__(self, directory: Path, request: dict[str, Any], *, resume: bool) -> None:
        self.directory = directory
        self.folder = directory / "stages"
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        marker = self.folder / "request.json"
        if resume and marker.exists():
            if json.loads(marker.read_text("utf-8")).get("key") != key:
                raise InputError(
                    f"{directory} holds the stages of another run (other events, config, seed or version); "
                    "leave out --resume to start anew, or choose another --output"
                )
        else:
            self._clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"key": key, "request": request})

    def _clear(self) -> None:
        refuse_foreign(self.directory)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.directory / "figures", ignore_errors=True)
        for name in OUTPUTS:
            (self.directory / name).unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        """Tell whether a product is there."""
        return (self.folder / name).exists()

    def save_json(self, name: str, data: Any) -> None:
        """Keep plain data under ``name``."""
        write_json(self.folder / name, data)

    def load_json(self, name: str) -> Any:
        """Return the data kept under ``name``."""
        return json.loads((self.folder / name).read_text("utf-8"))

    def save_arrays(self, name: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Keep arrays under ``name``."""
        write_atomically(self.folder / name, lambda part: np.savez(part, allow_pickle=False, **arrays))

    def load_arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays kept under ``name``."""
        with np.load(self.folder / name, allow_pickle=False) as archive:
            return dict(archive)

    def keep(self, name: str, make: Callable[[], dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays kept under ``name``, making and keeping them first if there are none."""
        if not self.has(f"{name}.npz"):
            self.save_arrays(f"{name}.npz", make())
        return self.load_arrays(f"{name}.npz")


class FolderKeeper:
    """Keeps the stages of a run in its output folder, which is touched only when the first of them is asked for.

    Parameters
    ----------
    directory, request, resume
        As for :class:`StageStore`.
    """

    def __init__(self, directory: Path, request: dict[str, Any], *, resume: bool) -> None:
        self.directory = directory
        self.request = request
        self.resume = resume

    @cached_property
    def store(self) -> StageStore:
        """The folder, opened."""
        return StageStore(self.directory, self.request, resume=self.resume)

    def window(self, number: int) -> WindowOutcome | None:
        """Return what a window gave before, if it is kept."""
        name = f"window_{number:03d}"
        if not self.store.has(f"{name}.json"):
            return None
        return WindowOutcome.from_stored(self.store.load_arrays(f"{name}.npz"), self.store.load_json(f"{name}.json"))

    def keep_window(self, number: int, outcome: WindowOutcome) -> None:
        """Keep what a window gave."""
        name = f"window_{number:03d}"
        # the arrays first: the JSON says that the window is complete
        self.store.save_arrays(f"{name}.npz", outcome.arrays())
        self.store.save_json(f"{name}.json", [found.to_dict() for found in outcome.results])

    def keep(self, name: str, make: Callable[[], dict[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays kept under ``name``, making and keeping them first if there are none."""
        return self.store.keep(name, make)
