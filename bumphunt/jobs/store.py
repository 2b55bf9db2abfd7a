"""Stage products on disk, so that an interrupted run goes on where it stopped."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.files import write_atomically, write_json

OUTPUTS = (
    "result.json",
    "products.json",
    "report.html",
    "workspace.json",
    "workspace_inclusive.json",
    "candidates.csv",
)
"""Files a run writes; a new run removes those of an old one first."""


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
        # a folder of ours has the marker; what lies in any other is somebody's work
        found = [self.directory / name for name in (self.folder.name, "figures", *OUTPUTS)]
        found = [path for path in found if path.exists()]
        if found and not (self.folder / "request.json").exists():
            raise InputError(
                f"{found[0]} was not made by this program and will not be overwritten; choose another --output"
            )
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
