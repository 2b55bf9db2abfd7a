"""A full or read-only disk while results are written: one line, exit status 2, and what was there before is intact."""

import errno
import hashlib
import json
import os
import shutil

import pytest
from click.testing import CliRunner

from bumphunt import files
from bumphunt.cli import main
from bumphunt.errors import InputError

WINDOW = ("--window", "3300", "3710")


@pytest.fixture(scope="module")
def folder(finished, light_hunt, make_events, tmp_path_factory):
    """A finished run with report and record, the events it is of, a configuration, and files of earlier commands."""
    folder = tmp_path_factory.mktemp("outputs")
    shutil.copytree(finished[0], folder / "run", ignore=shutil.ignore_patterns("stages"))
    make_events(4_000, seed=5, label=False).to_parquet(folder / "box.parquet")
    (folder / "light.yaml").write_text(json.dumps(light_hunt), "utf-8")
    for name in ("old.yaml", "old.npz", "old.parquet", "old.csv", "old.h5"):
        (folder / name).write_text("before", "utf-8")
    return folder


def state(folder):
    """Return every file with its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refused(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 2, done.output
    last = done.stderr.splitlines()[-1]
    assert last.startswith("bumphunt: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return last


VERBS = {
    "report": ("report", "run"),
    "publish": ("publish", "run"),
    "freeze": ("freeze", "light.yaml", "--output", "old.yaml"),
    "response": ("response", "signal_3500_500_100.parquet", "--output", "old.npz"),
    "score": ("score", "box.parquet", *WINDOW, "--config", "light.yaml", "--output", "old.parquet"),
    "score csv": ("score", "box.parquet", *WINDOW, "--config", "light.yaml", "--output", "old.csv"),
    "score hdf5": ("score", "box.parquet", *WINDOW, "--config", "light.yaml", "--output", "old.h5"),
    "limits": ("limits", "box.parquet", "--masses", "3500", "500", "100", "--config", "light.yaml", "--output", "run"),
    "calibrate": (
        *("calibrate", "box.parquet", "--null", "1", "--size", "3000", "--config", "light.yaml"),
        *("--output", "run"),
    ),
}


@pytest.fixture
def no_work(monkeypatch):
    """Leave out what takes long, and is tested elsewhere."""
    import pandas as pd

    scored = pd.DataFrame({"anomaly_score": [0.5]})
    monkeypatch.setattr("bumphunt.jobs.single_stages.score_events", lambda *_, **__: scored)
    monkeypatch.setattr("bumphunt.jobs.response._points", lambda _: {})
    monkeypatch.setattr("bumphunt.jobs.response.response_content", lambda *_, **__: ({"a": [1.0]}, None))


@pytest.mark.parametrize(
    ("call", "number", "words"),
    [("open", errno.ENOSPC, "no space left on device"), ("open", errno.EROFS, "read-only file system"),
     ("replace", errno.ENOSPC, "no space left on device"), ("replace", errno.EDQUOT, "quota exceeded")],
    ids=["full", "read-only", "full at the end", "quota"],
)  # fmt: skip
@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_refuses_leaves_all_as_it_was(folder, no_work, monkeypatch, verb, call, number, words):
    if verb == "report" and number in (errno.EROFS, errno.EDQUOT):
        pytest.skip("figures take long to draw, and are written as the others are")

    class Refusing:
        """The module os, one call of which the disk refuses inside our folder."""

        def __getattr__(self, name):
            plain = getattr(os, name)
            if name != call:
                return plain

            def refuse(path, *rest):
                raise OSError(number, os.strerror(number), str(path))

            return refuse

    monkeypatch.chdir(folder)
    before = state(folder)
    monkeypatch.setattr(files, "os", Refusing())
    assert words in refused(*VERBS[verb])
    monkeypatch.undo()
    assert state(folder) == before


def test_what_a_full_disk_left_is_no_work_of_others(tmp_path):
    from bumphunt.jobs.store import refuse_foreign

    (tmp_path / "stages").mkdir()
    (tmp_path / "figures").mkdir()
    assert [path.name for path in refuse_foreign(tmp_path)] == ["stages", "figures"]
    (tmp_path / "figures" / "mine.png").write_text("mine", "utf-8")
    with pytest.raises(InputError, match="figures was not made by this program"):
        refuse_foreign(tmp_path)


@pytest.mark.parametrize("output", ["box.parquet/x", "/proc/x", "a" * 300, "no/x"])
@pytest.mark.parametrize("verb", [verb for verb in VERBS if "--output" in VERBS[verb]])
def test_a_place_that_takes_nothing_is_refused(folder, no_work, monkeypatch, verb, output):
    if verb in ("limits", "calibrate") and output == "no/x":
        pytest.skip("folders are made")
    monkeypatch.chdir(folder)
    before = state(folder)
    *rest, old = VERBS[verb]
    suffix = os.path.splitext(old)[1]  # noqa: PTH122
    refused(*rest, output + suffix)
    assert state(folder) == before


@pytest.mark.parametrize("verb", ["report", "publish"])
@pytest.mark.parametrize("place", ["box.parquet", "box.parquet/run", "no", "a" * 300])
def test_a_folder_that_is_none_is_refused(folder, monkeypatch, verb, place):
    monkeypatch.chdir(folder)
    before = state(folder)
    assert place[:50] in refused(verb, place)
    assert state(folder) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_scan_into_a_full_disk_is_one_line(folder):
    import subprocess
    import sys

    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "bumphunt", "scan", folder / "box.parquet", *WINDOW, "--json"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "bumphunt: cannot write the output: no space left on device"
