"""Stage products: kept for the same request, refused for another, and nobody else's files touched."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.replacement import OUTPUTS
from bumphunt.jobs.store import StageStore, output_folder

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


# ---------------------------------------------------------------- damage

SCORES = {"score": np.linspace(0, 1, 50)}


def damage_json(path):
    stored = json.loads(path.read_text())
    stored["data"][0]["z"] = 7.0
    path.write_text(json.dumps(stored))


def damage_arrays(path):
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, "score": arrays["score"][::-1]})


DAMAGES = {
    "edited": lambda path: (damage_json if path.suffix == ".json" else damage_arrays)(path),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256))),
    "nested": lambda path: path.write_bytes(b"[" * 100_000),
    "other form": lambda path: path.write_bytes(b'[{"z": 7.0}]'),
    "folder": lambda path: (path.unlink(), path.mkdir(), (path / "x").touch()),
    "dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("name", ["window_000.json", "window_000.npz"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_product_is_never_believed(tmp_path, name, damage):
    store = StageStore(tmp_path, REQUEST, resume=False)
    store.save_json("window_000.json", [{"z": 1.5}])
    store.save_arrays("window_000.npz", SCORES)
    DAMAGES[damage](tmp_path / "stages" / name)
    again = StageStore(tmp_path, REQUEST, resume=True)
    with pytest.warns(UserWarning, match=f"{name} is damaged or belongs to another run .* computed again"):
        assert not again.has(name)
    assert not again.has(name), "it is gone, and said once"
    assert again.has("window_000.npz" if name.endswith("json") else "window_000.json")
    again.save_json(name, [1]) if name.endswith("json") else again.save_arrays(name, SCORES)
    assert again.has(name)


def test_a_product_of_another_request_is_not_believed_under_this_one(tmp_path):
    StageStore(tmp_path / "a", {**REQUEST, "seed": 2}, resume=False).save_json("x.json", [7.0])
    StageStore(tmp_path / "b", REQUEST, resume=False)
    (tmp_path / "a/stages/x.json").rename(tmp_path / "b/stages/x.json")
    with pytest.warns(UserWarning, match="other request"):
        assert not StageStore(tmp_path / "b", REQUEST, resume=True).has("x.json")


def test_what_was_checked_is_what_is_used(tmp_path):
    store = StageStore(tmp_path, REQUEST, resume=False)
    store.save_json("x.json", [{"z": 1.5}])
    assert store.has("x.json")
    damage_json(tmp_path / "stages/x.json")
    assert store.load_json("x.json") == [{"z": 1.5}]
    with pytest.warns(UserWarning, match="checksum differs"), pytest.raises(InputError, match="missing or damaged"):
        store.load_json("x.json")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"[" * 100_000, b"\xff\xfe", b'{"key'])
def test_a_damaged_request_is_said_and_each_stage_checked(tmp_path, text):
    StageStore(tmp_path, REQUEST, resume=False).save_json("a.json", 1)
    (tmp_path / "stages/request.json").write_bytes(text)
    with pytest.warns(UserWarning, match=r"request\.json is damaged"):
        assert StageStore(tmp_path, REQUEST, resume=True).has("a.json")
    (tmp_path / "stages/request.json").write_bytes(text)
    with pytest.warns(UserWarning, match=r"json is damaged") as said:
        assert not StageStore(tmp_path, {**REQUEST, "seed": 2}, resume=True).has("a.json")
    assert "a.json is damaged or belongs to another run" in str(said[-1].message)


def test_the_stages_of_another_version_are_refused_in_a_line(tmp_path):
    StageStore(tmp_path, REQUEST, resume=False)
    marker = tmp_path / "stages/request.json"
    old = json.loads(marker.read_text())
    del old["layout"]
    marker.write_text(json.dumps(old))
    with pytest.raises(InputError, match=r"another version of bumphunt; give --overwrite"):
        StageStore(tmp_path, REQUEST, resume=True)


@pytest.mark.parametrize("resume", [True, False])
def test_stages_that_lead_to_another_folder_are_not_used_and_not_touched(tmp_path, resume):
    StageStore(tmp_path / "other", REQUEST, resume=False).save_json("a.json", 7)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/stages").symlink_to(tmp_path / "other/stages")
    (tmp_path / "mine/figures").symlink_to(tmp_path / "other")
    if resume:
        with pytest.warns(UserWarning, match="link to another folder"):
            store = StageStore(tmp_path / "mine", REQUEST, resume=True)
    else:
        store = StageStore(tmp_path / "mine", REQUEST, resume=False)
    assert not store.has("a.json")
    assert not (tmp_path / "mine/stages").is_symlink()
    assert StageStore(tmp_path / "other", REQUEST, resume=True).load_json("a.json") == 7


# ---------------------------------------------------------------- the output folder

HOLD = """
import sys, time
from bumphunt.jobs.store import output_folder
with output_folder(sys.argv[1]):
    print("in", flush=True)
    time.sleep(60)
"""


def test_the_second_process_in_a_folder_is_refused_until_the_first_is_killed(tmp_path):
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"in\n"
        with pytest.raises(InputError, match="in use by another process"), output_folder(folder):
            pass
        first.kill()
    with output_folder(folder) as mine:
        assert mine == folder


def test_a_finished_result_is_replaced_only_when_told(tmp_path):
    StageStore(tmp_path, REQUEST, resume=False)
    (tmp_path / "result.json").write_text("{}")
    with (
        pytest.raises(InputError, match=r"finished result; give --overwrite .* --resume"),
        output_folder(tmp_path, resume=False),
    ):
        pass
    for options in ({"resume": True}, {"resume": False, "overwrite": True}):
        with output_folder(tmp_path, **options):
            assert (tmp_path / "result.json").exists()
    with pytest.raises(InputError, match="give one of the two"), output_folder(tmp_path, overwrite=True):
        pass


def test_a_folder_made_for_nothing_is_taken_away_again(tmp_path):
    with pytest.raises(InputError, match="bad events"), output_folder(tmp_path / "new"):
        raise InputError("bad events")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("name", "message"), [("file/run", "not a directory"), ("a" * 300, "name too long")])
def test_a_folder_that_cannot_be_is_found_before_the_work(tmp_path, name, message):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message), output_folder(tmp_path / name):
        pytest.fail("the work has begun")
    with pytest.raises(InputError, match="is a file"), output_folder(tmp_path / "file"):
        pytest.fail("the work has begun")


def test_kept_arrays_are_mapped_from_where_numpy_adds_as_it_does_in_memory(tmp_path):
    rng = np.random.default_rng(1)
    arrays = {
        "score": rng.random(999, dtype=np.float32),
        "folds": np.arange(7, dtype=np.uint8),
        "none": np.zeros((0, 2)),
    }
    arrays["frequency"] = np.asfortranarray(rng.integers(9, size=(2, 5)))
    store = StageStore(tmp_path, REQUEST, resume=False)
    store.save_arrays("window_000.npz", arrays)
    mapped = store.map_arrays("window_000.npz")
    assert set(mapped) == set(arrays)
    for name, values in mapped.items():
        assert values.dtype == arrays[name].dtype
        np.testing.assert_array_equal(values, arrays[name])
        assert values.ctypes.data % 64 == 0 or not values.size
    assert isinstance(mapped["score"].base, np.memmap)
    assert not mapped["score"].flags.writeable
    with np.load(tmp_path / "stages" / "window_000.npz") as archive:
        np.testing.assert_array_equal(archive["frequency"], arrays["frequency"])
