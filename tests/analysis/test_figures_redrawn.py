"""Stored results are enough to redraw their figures, and the picture in README is of the shipped box."""

import importlib
import json
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bumphunt.results import SpectrumFit

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "analysis" / "results"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "analysis"))
    return importlib.import_module("figures")


def test_the_picture_of_the_readme_is_of_the_shipped_box(figures: ModuleType, tmp_path: Path) -> None:
    stored = json.loads((RESULTS / "spectrum_after.json").read_text("utf-8"))
    assert stored["sha256"] == sha256((ROOT / "data" / "blackbox.parquet").read_bytes()).hexdigest()
    assert {"command", "commit", "seed", "config", "version"} <= stored.keys()
    assert not stored["version"].startswith("0.1")
    fit = SpectrumFit.from_dict(stored["fit"])
    assert int(np.sum(fit.counts)) == round(stored["cut_fraction"] * 561_773)
    figures.draw_selected(stored, tmp_path / "spectrum_after.png")
    assert [path.name for path in tmp_path.iterdir()] == ["spectrum_after.png"]


def test_the_picture_of_a_failed_check_is_of_one(figures: ModuleType) -> None:
    stored = json.loads((RESULTS / "failed_check.json").read_text("utf-8"))
    assert stored["status"] == "unverified_excess"
    assert stored["z_global"] > 3.0, "the p-value alone would be believed"
    assert "sculpting" in {check["name"] for check in stored["checks"] if not check["passed"]}
    assert stored["config"]["cwola"]["decorrelate"] is False


def test_a_run_that_searched_nothing_is_refused(figures: ModuleType, tmp_path: Path) -> None:
    stored = ROOT / "tests" / "report" / "stored_v1"
    products = json.loads((stored / "products.json").read_text("utf-8"))
    products["scan"]["best"] = None
    (tmp_path / "products.json").write_text(json.dumps(products))
    (tmp_path / "result.json").write_bytes((stored / "result.json").read_bytes())
    with pytest.raises(SystemExit, match="no window was searched"):
        figures.selected_spectrum(tmp_path)


@pytest.mark.parametrize("name", ["fit_calibration", "injections", "nulls"])
def test_a_stored_result_is_enough_to_draw_it(figures: ModuleType, tmp_path: Path, name: str) -> None:
    path = RESULTS / f"{name}.json"
    if path.exists():
        result = json.loads(path.read_text("utf-8"))
    else:
        result = [json.loads(line) for line in path.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    getattr(figures, name).draw(result, tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


def test_significances_are_of_boxes_that_the_calibration_has_not_seen(figures: ModuleType) -> None:
    lines = [json.loads(line) for line in (RESULTS / "nulls.jsonl").read_text("utf-8").splitlines()]
    every = figures.nulls.local_z(lines)
    surface = json.loads((ROOT / "bumphunt/pipeline/null_surface.json").read_text("utf-8"))
    made_of = surface["boxes"]["default"]
    assert len(made_of) >= 22
    assert all(number % 2 == 0 for number in made_of)
    rest = [line for line in lines if line["set"] == "default" and line["number"] not in made_of]
    assert len(every["as counted"]) == len(every["calibrated"]) == sum(len(line["found"]) for line in rest)
    assert every["calibrated"].std() < every["as counted"].std()
