"""Where limits are kept and written: points that are done, ``limits.json``, a table, figures."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bumphunt.errors import InputError
from bumphunt.files import make_folder, write_json, write_text
from bumphunt.jobs.replacement import LIMITS, replacing_limits
from bumphunt.jobs.store import FolderKeeper, output_folder
from bumphunt.results import ModelLimit, SignalLimits

RESULT, TABLE = LIMITS
"""What is written into the output folder, which may be that of a run."""

FOLDER = "limits"
"""Folder in it for what an interrupted grid goes on with."""


class LimitStore(FolderKeeper):
    """Keeps the points and windows that are done."""

    def __init__(self, output: Path, request: dict[str, Any], *, resume: bool) -> None:
        self.output = output
        make_folder(output / FOLDER)
        super().__init__(output / FOLDER, request, resume=resume)

    def point(self, key: str) -> ModelLimit | None:
        """Return the limit on a model, if it is kept."""
        name = f"point_{key}.json"
        return ModelLimit.from_dict(self.store.load_json(name)) if self.store.has(name) else None

    def keep_point(self, key: str, found: ModelLimit) -> None:
        """Keep the limit on a model."""
        self.store.save_json(f"point_{key}.json", found.to_dict())


@contextmanager
def limit_store(output: str | Path, request: dict[str, Any], *, resume: bool, overwrite: bool) -> Iterator[LimitStore]:
    """Give the store in an output folder, which other processes cannot use meanwhile.

    Raises
    ------
    InputError
        If the folder cannot be used, or holds finished limits and neither ``resume`` nor ``overwrite`` is given.
    """
    folder = Path(output)
    if resume and overwrite:
        raise InputError("resume keeps what is in the output folder and overwrite removes it; give one of the two")
    if (folder / RESULT).exists() and not (resume or overwrite):
        raise InputError(
            f"{folder / RESULT} is there already; give --overwrite to replace it, --resume to add to it, or another "
            "--output"
        )
    with output_folder(folder, resume=True) as directory:
        yield LimitStore(directory, request, resume=resume)


def write_limits(found: SignalLimits, folder: Path) -> None:
    """Replace the limits in the output folder at once: JSON, table, and figures from two points on."""
    with replacing_limits(folder) as place:
        _write(found, place)


def _write(found: SignalLimits, folder: Path) -> None:
    write_json(folder / RESULT, found.to_dict())
    write_text(folder / TABLE, table(found))
    curves, planes = found.curves(), found.planes()
    if not (curves or planes):
        return
    from bumphunt.plots import limit_plane, limits
    from bumphunt.plots.style import style
    from bumphunt.report.figure_files import save
    from bumphunt.report.figures import status_text

    figures, status = folder / "figures", status_text(found, luminosity=found.luminosity)
    with style():
        for number, curve in enumerate(curves):
            name = "model_limits" if not number else f"model_limits_{number + 1}"
            save(limits(curve, status=status)[0], figures / name)
        for plane in planes:
            save(limit_plane(plane, status=status)[0], figures / f"limit_plane_{plane.m_resonance:.0f}")


def table(found: SignalLimits) -> str:
    """Return limits as CSV, a row a model: events, and fb where there is a luminosity."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    bands = ("minus2", "minus1", "median", "plus1", "plus2")
    units = ("events", "fb")
    header = [f"{kind}_{unit}" for unit in units for kind in ("observed", *(f"expected_{band}" for band in bands))]
    writer.writerow(["name", "m_resonance", "m_x", "m_y", "low", "high", "chosen", *header, "inclusive_events"])
    for point in found.points:
        numbers = [float(point.n_signal_95), *map(float, point.answer.expected)]
        writer.writerow(
            [
                point.name,
                *(point.masses or ("", "", "")),
                f"{point.low:.1f}",
                f"{point.high:.1f}",
                point.chosen,
                *map(_number, numbers),
                *(_number(point.in_fb(number)) for number in numbers),
                _number(point.inclusive.n_signal_95),
            ]
        )
    return stream.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None or value != value or value == float("inf") else f"{value:.6g}"
