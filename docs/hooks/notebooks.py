"""Execute the tutorials: ``python docs/hooks/notebooks.py [NAME...]`` leaves them with outputs in out/tutorials."""

import asyncio
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).resolve().parents[1]
OUTPUT = DOCS.parent / "out/tutorials"
LIMIT = 300
"""Seconds a cell may take."""


def notebooks() -> list[Path]:
    """Return the tutorials and the gallery."""
    return [*sorted((DOCS / "tutorials").glob("*.ipynb")), DOCS / "gallery.ipynb"]


def execute(path: Path, output: Path | None = None) -> nbformat.NotebookNode:
    """Run a notebook in its own folder and return it with outputs; write it where ``output`` says."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": path.parent}}
    client = NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", resources=where, extra_arguments=["--log-level=ERROR"]
    )
    asyncio.run(client.async_execute())
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, output / path.name)
    return notebook


def main(names: list[str]) -> None:
    """Execute all, or those whose names are given."""
    for path in notebooks():
        if not names or path.stem in names:
            start = time.monotonic()
            execute(path, OUTPUT)
            sys.stdout.write(f"{path.name}: {time.monotonic() - start:.0f} s\n")


if __name__ == "__main__":
    main(sys.argv[1:])
