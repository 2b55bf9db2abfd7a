"""The tutorials and the gallery run as they stand, from their own folder, and are kept without outputs."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bumphunt import plots

pytest.importorskip("nbclient", reason="the extra 'docs' is not installed")
DOCS = Path(__file__).resolve().parents[2] / "docs"
spec = importlib.util.spec_from_file_location("docs_hooks_notebooks", DOCS / "hooks/notebooks.py")
assert spec is not None
assert spec.loader is not None
hooks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hooks)
NOTEBOOKS = hooks.notebooks()


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return found


def code(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code")


def prose(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_begins_with_its_title(path: Path) -> None:
    assert not [cell for cell in cells(path) if cell.get("outputs") or cell.get("execution_count")]
    assert "".join(cells(path)[0]["source"]).startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose(path)):
        assert "://" in target or (path.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of jupyter_client about event loops and sockets; those of the cells are outputs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    done = hooks.execute(path)
    shown = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    skipped = "skipped: " in "".join(output.get("text", "") for output in shown)
    assert pictures or skipped, "a tutorial shows something"


def test_the_gallery_draws_every_plot() -> None:
    drawn = set(re.findall(r"\bplots\.(\w+)\(", code(DOCS / "gallery.ipynb")))
    assert drawn == set(plots.__all__)
