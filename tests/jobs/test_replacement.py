"""An overwriting run leaves the old result as it was until the new one is complete, wherever it is stopped."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.jobs import replacement
from bumphunt.jobs.blind import run_blind
from bumphunt.jobs.replacement import (
    FOLDER,
    LIMITS_FOLDER,
    PRODUCED,
    begin_replacement,
    finish_replacement,
    replacing,
    replacing_limits,
)
from bumphunt.jobs.requests import RunOptions
from bumphunt.jobs.run import run_analysis
from bumphunt.jobs.store import RunKeeper, output_folder, settle
from bumphunt.pipeline import hunt as chain

OLD, NEW = {"seed": 1}, {"seed": 2}


class KilledError(BaseException):
    """Stands for the end of the process."""


def files(folder):
    """All that is in a folder but its lock and an unfinished replacement."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_text("latin-1") for name, path in found.items() if not name.startswith((FOLDER, ".lock"))}


def write_result(place, text, *, names):
    for name in names:
        path = place / name if "." in name else place / name / "one"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


@pytest.fixture
def output(tmp_path):
    write_result(tmp_path, "old", names=PRODUCED)
    (tmp_path / "looks.json").write_text("looks")
    (tmp_path / "mine.txt").write_text("mine")
    return tmp_path


NAMES = ("stages", "figures", "result.json", "products.json", "report.html", "candidates.csv")


def stopping(monkeypatch, stop):
    """Let so many renames through, then die."""
    moves = []

    def replace(source, target):
        if len(moves) == stop:
            raise KilledError
        moves.append(source)
        os.rename(source, target)  # noqa: PTH104

    monkeypatch.setattr(replacement.os, "replace", replace)


def test_wherever_the_move_stops_it_ends_with_all_of_the_new_result(output, monkeypatch):
    before = files(output)
    # the mark, twelve old names out of the way, six new ones in their places
    for stop in range(20):
        write_result(output, "old", names=PRODUCED)
        write_result(begin_replacement(output), "new", names=NAMES)
        killed = False
        with monkeypatch.context() as patch:
            stopping(patch, stop)
            try:
                finish_replacement(output)
            except KilledError:
                killed = True
        assert killed == (stop < 19)
        if stop == 0:
            assert files(output) == before, "without the mark nothing is touched"
            continue
        if killed:
            assert files(output).get("result.json", "old") == "old", "the new one comes when all else is there"
        with output_folder(output, overwrite=True, resume=False):
            expected = {name if "." in name else f"{name}/one": "new" for name in NAMES}
            assert files(output) == {**expected, "looks.json": "looks", "mine.txt": "mine"}, stop
            assert not (output / FOLDER).exists()


def test_a_folder_is_settled_before_it_is_read(output, monkeypatch):
    write_result(begin_replacement(output), "new", names=NAMES)
    with monkeypatch.context() as patch:
        stopping(patch, 7)
        with pytest.raises(KilledError):
            finish_replacement(output)
    assert not (output / "result.json").exists()
    settle(output)
    assert (output / "result.json").read_text() == "new"
    settle(output)
    (output / FOLDER).mkdir()
    (output / FOLDER / "complete.json").write_text("[")
    with pytest.raises(InputError, match=r"complete\.json is damaged"):
        settle(output)


def test_what_fails_leaves_no_trace(output):
    (output / "limits.json").write_text("limits")
    before = files(output)

    def save():
        with replacing(output) as place:
            write_result(place, "half", names=("result.json",))
            assert (place / "limits.json").read_text() == "limits", "the report shows the limits beside it"
            raise OSError(28, "disk full")

    with pytest.raises(OSError, match="full"):
        save()
    assert files(output) == before
    assert not (output / FOLDER).exists()


OLD_LIMITS = ("limits.json", "limits.csv", "figures/model_limits.png", "figures/limit_plane_3500.png")
NEW_LIMITS = ("limits.json", "limits.csv", "figures/model_limits.png", "figures/model_limits_2.png")


def write_limits(place, text, names):
    for name in names:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)


def test_limits_are_replaced_at_once_wherever_the_move_stops(output, monkeypatch):
    expected = {**files(output), **dict.fromkeys(NEW_LIMITS, "new")}
    for stop in range(10):
        for name in NEW_LIMITS:
            (output / name).unlink(missing_ok=True)
        write_limits(output, "old", OLD_LIMITS)
        before, killed = files(output), False
        with monkeypatch.context() as patch:
            stopping(patch, stop)
            try:
                with replacing_limits(output) as place:
                    write_limits(place, "new", NEW_LIMITS)
                    assert files(output) == before, "all of it is written before anything is replaced"
            except KilledError:
                killed = True
        assert killed == (stop < 9)
        if stop == 0:
            assert files(output) == before, "without the mark nothing is touched"
            continue
        # a limits.json has its own table and figures beside it
        there = files(output)
        assert "limits.json" not in there or there in (before, expected)
        settle(output)
        assert files(output) == expected, stop
        assert not (output / LIMITS_FOLDER).exists()


def test_limits_that_cannot_be_written_leave_the_old_ones(output):
    write_limits(output, "old", OLD_LIMITS)
    before = files(output)

    def save():
        with replacing_limits(output) as place:
            write_limits(place, "half", NEW_LIMITS[:1])
            raise OSError(28, "disk full")

    with pytest.raises(OSError, match="full"):
        save()
    assert files(output) == before
    assert not (output / LIMITS_FOLDER).exists()


def test_a_new_run_keeps_the_figures_of_limits(output):
    write_limits(output, "limits", OLD_LIMITS)
    with replacing(output) as place:
        write_result(place, "new", names=NAMES)
    found = files(output)
    assert {found[name] for name in OLD_LIMITS} == {"limits"}
    assert found["figures/one"] == "new"


def test_which_run_is_resumed_is_told_by_its_request(tmp_path):
    first = RunKeeper(tmp_path, OLD, resume=False)
    first.store.save_json("a.json", "old")
    assert first.place == tmp_path, "with nothing to lose a run works in its folder"
    (tmp_path / "result.json").write_text("old")
    second = RunKeeper(tmp_path, NEW, resume=False)
    second.store.save_json("a.json", "new")
    assert second.place == tmp_path / FOLDER
    for request, text in ((OLD, "old"), (NEW, "new")):
        assert RunKeeper(tmp_path, request, resume=True).store.load_json("a.json") == text
    with pytest.raises(InputError, match="another run"):
        _ = RunKeeper(tmp_path, {"seed": 3}, resume=True).store
    assert not RunKeeper(tmp_path, NEW, resume=False).store.has("a.json"), "overwriting begins anew"
    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / FOLDER, elsewhere)
    (tmp_path / FOLDER).symlink_to(elsewhere)
    assert RunKeeper(tmp_path, OLD, resume=True).store.load_json("a.json") == "old"
    assert not (tmp_path / FOLDER).is_symlink()
    assert (elsewhere / "stages").exists()


CHILD = """
import os, sys
from pathlib import Path
from bumphunt.jobs.store import RunKeeper, output_folder
with output_folder(sys.argv[1], resume=False, overwrite=True) as folder:
    keeper = RunKeeper(folder, {"seed": 2}, resume=False)
    keeper.store.save_json("a.json", "new")
    (keeper.begin_writing() / "result.json").write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_a_killed_process_leaves_the_old_result_and_its_own_stages(tmp_path):
    RunKeeper(tmp_path, OLD, resume=False).store.save_json("a.json", "old")
    (tmp_path / "result.json").write_text("old")
    before = files(tmp_path)
    done = subprocess.run([sys.executable, "-c", CHILD, tmp_path], check=False)
    assert done.returncode == -9
    assert files(tmp_path) == before
    with output_folder(tmp_path, resume=True) as folder:
        assert RunKeeper(folder, NEW, resume=True).store.load_json("a.json") == "new"


@pytest.fixture
def run(make_events, light_hunt, tmp_path, monkeypatch):
    """A light run of one box, blinded or not."""
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
    path = tmp_path / "box.parquet"
    make_events(7_000, seed=9).to_parquet(path)
    config = config_from_dict(light_hunt)

    def run_light(seed, *, analyse=run_analysis, **options):
        return analyse(path, output=tmp_path / "out", config=config, seed=seed, options=RunOptions(**options))

    return run_light


def test_an_overwriting_run_that_fails_late_keeps_the_old_answer_and_can_be_resumed(run, tmp_path, monkeypatch):
    output = tmp_path / "out"
    run(1)
    before = files(output)

    def fail(folder):
        with pytest.raises(InputError, match="in use"), output_folder(output):
            pass
        raise InputError(f"cannot write {folder}: no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("bumphunt.report.html.write_report", fail)
        with pytest.raises(InputError, match="no space left"):
            run(2, overwrite=True)
    looks = json.loads(files(output)["looks.json"])["looks"]
    assert [look["seed"] for look in looks] == [1, 2], "the look was taken, whatever became of its report"
    assert {**files(output), "looks.json": before["looks.json"]} == before
    with monkeypatch.context() as patch:
        patch.setattr(chain, "search_window", lambda task: pytest.fail("searched again"))
        found = run(2, resume=True)
    assert json.loads(files(output)["result.json"]) == found.to_dict()
    assert found.seed == 2
    assert found.looks["number"] == 2
    assert len(json.loads(files(output)["looks.json"])["looks"]) == 2
    assert not (output / FOLDER).exists()


def test_a_blinded_run_that_overwrites_can_be_resumed(run, tmp_path, monkeypatch):
    output = tmp_path / "out"
    run(1, analyse=run_blind)
    (output / "result.json").write_text('{"blind": false}')
    with monkeypatch.context() as patch:
        patch.setattr("bumphunt.jobs.blind.BlindResult", lambda **_: pytest.fail("stopped"))
        with pytest.raises(pytest.fail.Exception, match="stopped"):
            run(2, analyse=run_blind, overwrite=True)
    assert files(output)["result.json"] == '{"blind": false}'
    with pytest.raises(InputError, match="not blinded"):
        run(1, analyse=run_blind, resume=True)
    found = run(2, analyse=run_blind, resume=True)
    assert json.loads(files(output)["result.json"]) == found.to_dict()
