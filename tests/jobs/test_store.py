"""Stage products: kept for the same request, refused for another, and nobody else's files touched."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.store import OUTPUTS, StageStore

REQUEST = {"sha256": "abc", "seed": 1, "config": {"search": {"windows": None}}, "version": "1"}


def test_products_come_back_as_they_were(tmp_path):
    store = StageStore(tmp_path / "run", REQUEST, resume=False)
    arrays = {"score": np.array([0.25, 0.5], dtype=np.float32), "folds": np.array([0, 1], dtype=np.int8)}
    assert not store.has("window_000.npz")
    store.save_arrays("window_000.npz", arrays)
    store.save_json("window_000.json", [{"z": 1.5}])
    assert store.has("window_000.npz")
    for name, values in store.load_arrays("window_000.npz").items():
        assert values.dtype == arrays[name].dtype
        np.testing.assert_array_equal(values, arrays[name])
    assert store.load_json("window_000.json") == [{"z": 1.5}]
    assert not [path for path in (tmp_path / "run").rglob("*") if ".part" in path.name]


def test_resuming_keeps_what_is_there_and_starting_anew_does_not(tmp_path):
    StageStore(tmp_path, REQUEST, resume=False).save_json("a.json", 1)
    assert StageStore(tmp_path, dict(reversed(REQUEST.items())), resume=True).has("a.json")
    assert not StageStore(tmp_path, REQUEST, resume=False).has("a.json")


def test_resuming_where_nothing_was_begun_begins(tmp_path):
    assert not StageStore(tmp_path / "new", REQUEST, resume=True).has("a.json")


@pytest.mark.parametrize("change", [{"seed": 2}, {"sha256": "abd"}, {"version": "2"}, {"config": {}}])
def test_another_request_cannot_go_on_with_these_stages(tmp_path, change):
    StageStore(tmp_path, REQUEST, resume=False).save_json("a.json", 1)
    with pytest.raises(InputError, match=r"another run.*resume") as caught:
        StageStore(tmp_path, {**REQUEST, **change}, resume=True)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert StageStore(tmp_path, REQUEST, resume=True).has("a.json"), "the refusal must not have touched them"


def test_starting_anew_removes_the_old_answer_so_that_it_cannot_be_taken_for_the_new_one(tmp_path):
    StageStore(tmp_path, REQUEST, resume=False)
    for name in OUTPUTS:
        (tmp_path / name).write_text("old")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "old.png").write_text("old")
    (tmp_path / "mine.txt").write_text("keep")
    StageStore(tmp_path, {**REQUEST, "seed": 2}, resume=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "stages"]


def test_a_folder_called_stages_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(InputError, match="was not made by this program and will not be overwritten"):
            StageStore(tmp_path, REQUEST, resume=resume)
    assert (tmp_path / "stages" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["figures/plot.pdf", "report.html", "result.json", "candidates.csv"])
def test_files_of_somebody_else_are_left_alone_too(tmp_path, name):
    theirs = tmp_path / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("years of work")
    with pytest.raises(InputError, match="will not be overwritten"):
        StageStore(tmp_path, REQUEST, resume=False)
    assert theirs.read_text() == "years of work"
