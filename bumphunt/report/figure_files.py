"""Figures on disk, byte for byte the same for the same figure."""

from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bumphunt.files import write_atomically
from bumphunt.plots.style import style
from bumphunt.report.fonts import without_typesetting


def save(figure: Figure, stem: str | Path) -> tuple[Path, Path]:
    """Write ``stem.pdf`` and ``stem.png``, byte for byte the same for the same figure.

    Returns
    -------
    tuple of Path
        The PDF and the PNG file. Each is complete or absent: written beside its target and renamed.
    """
    base = Path(stem)
    base.parent.mkdir(parents=True, exist_ok=True)
    # None leaves an entry out: no date, no name of the program's version
    metadata: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
    }
    written = []
    with style():
        # lay out once, for speed and so that both files agree
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # "none" would leave a placeholder, for which each file is drawn twice
    for kind, entries in metadata.items():
        target = base.with_name(f"{base.name}.{kind}")
        with style(), without_typesetting():
            written.append(write_atomically(target, partial(figure.savefig, format=kind, metadata=entries)))
    return written[0], written[1]
