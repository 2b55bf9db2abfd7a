"""The study of reach: its boxes, its curves, and real signal where it lies beside the project."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "analysis"))
    return importlib.import_module


@pytest.fixture
def curves(load: Any) -> ModuleType:
    return load("reach_curves")


def line(number: int, z: tuple[float, float, float], *, found_by: str | None = "prior", **more: Any) -> dict[str, Any]:
    name = "rnd 100000 0.4 near"
    searches = {search: {"z_global": each} for search, each in zip(("cwola", "prior"), z[:2], strict=True)}
    kind = {"set": name, "number": number, "model": "rnd", "size": 100_000, "strength": 0.4, "near": True}
    return {**kind, "injected": 60 + number, "per_search": searches, "z_global": z[2], "found_by": found_by, **more}


LINES = [
    line(0, (9.0, 9.0, 9.0)),
    line(0, (1.0, 4.0, 3.0)),  # of a box the last line counts
    line(1, (2.0, 5.0, 5.0)),
    line(2, (-1.0, 1.0, 0.0), found_by=None),
]


def test_a_curve_has_the_median_of_the_last_line_of_each_box(curves: ModuleType) -> None:
    (row,) = curves.curves(LINES)
    assert (row["boxes"], row["injected"], row["found by prior"]) == (3, 61, 2)
    assert [row[name][1] for name in ("cwola", "prior", "both")] == [1.0, 4.0, 3.0]
    assert row["both"][::2] == np.quantile([3.0, 5.0, 0.0], [0.16, 0.84]).round(2).tolist()
    assert (row["above 3"], row["above 5"]) == (2, 1)
    assert curves.BEFORE not in row


def test_the_older_version_is_drawn_beside_the_same_boxes_only(curves: ModuleType) -> None:
    name = LINES[0]["set"]
    before = [{"set": name, "number": 1, "z_global": 0.5}, {"set": name, "number": 7, "z_global": 8.0}]
    (row,) = curves.curves(LINES, before)
    assert row[curves.BEFORE] == [0.5, 0.5, 0.5]


def test_windows_of_all_kinds_are_told_apart(curves: ModuleType) -> None:
    everywhere = [{**line(0, (0.0, 1.0, 1.0)), "set": "rnd 100000 0.4", "near": False}]
    header, rows = curves.table([*LINES, *everywhere], [])
    assert [row[0] for row in rows] == [
        "3500/500/100 GeV; 100,000, three windows",
        "3500/500/100 GeV; 100,000, all windows",
    ]
    assert len(header) == len(rows[0])
    assert rows[0][5] == "1.0 (−0.4…1.7)"
    assert rows[0][4] == ""


def test_curves_are_drawn_from_five_boxes_on(curves: ModuleType, tmp_path: Path) -> None:
    boxes = [line(number, (0.1 * number, 3.0, 3.0)) for number in range(5)]
    curves.draw(boxes, [], tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no kind of box"):
        curves.draw(boxes[:4], [], tmp_path / "drawn.png")


def test_every_model_has_a_title(load: Any, curves: ModuleType) -> None:
    assert list(curves.TITLES) == list(load("reach").MODELS)


def test_three_windows_lie_about_the_resonance(load: Any) -> None:
    windows = load("reach").near_windows(3500.0)
    assert windows[1] == [3300, 3700]
    assert [low for low, _ in windows] == sorted(low for low, _ in windows)
    assert windows[0][1] > windows[1][0], "neighbours overlap"


def test_real_signal_is_that_of_the_labels_and_loses_them(load: Any, tmp_path: Path) -> None:
    reach = load("reach")
    if not reach.REAL_EVENTS.exists():
        pytest.skip(f"{reach.REAL_EVENTS.name} is not beside the project")
    events = reach.signal_of(reach.REAL, tmp_path)
    assert len(events) == 93
    assert "label" not in events.columns
    assert abs(float(events["mjj"].median()) / 3500.0 - 1.0) < 0.03
    assert {"tau32_1", "massdrop_2"} <= set(events.columns)


def test_of_weak_signals_those_near_the_threshold_count(load: Any) -> None:
    injections = load("injections")
    row = {"set": "weak", "masses_verified": True, "masses": [3500.0, 500.0, 100.0], "injected": 60}
    rows = [{**row, "z_global": z, "n_signal": [50.0, 60.0, 90.0, 120.0, 130.0]} for z in (2.9, 3.0, 5.0, 5.1)]
    assert [injections.counts(each) for each in rows] == [False, True, True, False]
    # above the truth the lower half of an interval counts: 30 of 40
    np.testing.assert_allclose(injections.pulls_by(rows, "n_signal", total=True), [0.75, 0.75])
    np.testing.assert_allclose(injections.pulls_by(rows, "n_signal", total=False), [1.0, 1.0])
    strong = {**rows[0], "set": "nominal"}
    del strong["injected"]
    np.testing.assert_allclose(injections.pulls_by([strong], "n_signal", total=True), [-210.0 / 40.0])


def test_weak_signals_are_searched_where_there_is_a_sideband(load: Any) -> None:
    injections = load("injections")
    low, usual = (injections.weak_settings(centre).search.windows for centre in (3300.0, 4400.0))
    assert len(usual) == 3
    assert len(low) == 2
    assert all(window[0] >= injections.LOWEST_WINDOW for window in low)
