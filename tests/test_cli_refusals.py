"""The user's mistakes on the command line: status 2, one line that says what to do, and nothing left behind."""

import os
import subprocess
import sys

import numpy as np
import pytest

from .command_line import ROOT, WINDOW, call, refused


def program(*arguments, cwd=None):
    """Run ``python -m bumphunt`` as a user does."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, "-m", "bumphunt", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        cwd=cwd,
        timeout=120,
        check=False,
    )


def bad_column(make_events, tmp_path, change):
    table = make_events(300, label=False)
    path = tmp_path / "bad.parquet"
    change(table).to_parquet(path)
    return path


def with_nan(table):
    table.loc[17:30, "mjj"] = np.nan  # more than may be dropped
    return table


def in_tev(table):
    return table.assign(mjj=table["mjj"] / 1000, mj1=table["mj1"] / 1000, mj2=table["mj2"] / 1000)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_nan, ("'mjj'", "NaN", "row 17")),
        (lambda table: table.drop(columns="mjj"), ("'mjj'", "missing")),
        (in_tev, ("TeV", "GeV", "1000")),
        (lambda table: table.iloc[:0], ("no events",)),
        (lambda table: table.assign(mjj="heavy"), ("'mjj'", "not numeric")),
        (lambda table: table.assign(mjj=-table["mjj"]), ("'mjj'", "outside")),
    ],
    ids=["NaN", "no mjj", "TeV", "no rows", "text", "negative"],
)
@pytest.mark.parametrize("verb", ["run", "score", "masses", "scan"])
def test_bad_tables_are_refused(make_events, tmp_path, change, words, verb):
    path = bad_column(make_events, tmp_path, change)
    before = sorted(tmp_path.iterdir())
    output = {"run": ["--output", tmp_path / "out"], "score": ["--output", tmp_path / "out.parquet"]}.get(verb, [])
    window = ["--window", *WINDOW] if verb in ("score", "masses") else []
    refused(call(verb, path, *output, *window), path.name, *words)
    assert sorted(tmp_path.iterdir()) == before


def test_a_table_of_bad_numbers_in_csv_is_refused(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("mjj,mj1,mj2\n3000,500,100\n3100,oops,100\n", "utf-8")
    refused(call("run", path, "--output", tmp_path / "out"), "'mj1'", "not numeric")
    assert not (tmp_path / "out").exists()


def nothing_there(tmp_path, raw, box):
    return tmp_path / "nothing.parquet"


def empty_file(tmp_path, raw, box):
    path = tmp_path / "empty.parquet"
    path.touch()
    return path


def unknown_kind(tmp_path, raw, box):
    path = tmp_path / "letter.parquet"
    path.write_bytes(b"Dear reader,\x00\x01\x02 this is no table at all.\n" * 40)
    return path


def a_folder(tmp_path, raw, box):
    path = tmp_path / "events.h5"
    path.mkdir()
    return path


def cut_hdf5(tmp_path, raw, box):
    path = tmp_path / "cut.h5"
    path.write_bytes(raw.read_bytes()[: raw.stat().st_size // 2])
    return path


def cut_parquet(tmp_path, raw, box):
    path = tmp_path / "cut.parquet"
    path.write_bytes(box.read_bytes()[: box.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (nothing_there, "no such file"),
        (empty_file, "empty"),
        (unknown_kind, "neither parquet"),
        (a_folder, "holds no events files"),
        (cut_hdf5, "truncated"),
        (cut_parquet, "truncated"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, raw, box, make, word):
    path = make(tmp_path, raw, box)
    before = sorted(tmp_path.iterdir())
    refused(call("run", path, "--output", tmp_path / "out"), path.name, word)
    if make is not cut_parquet:  # that is no raw file, whole or not
        refused(call("features", path, "--output", tmp_path / "out.parquet"), path.name, word)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("searhc:\n  low: 3000\n", ("searhc",)),
        ("search:\n  lwo: 3000\n", ("search.lwo",)),
        ("search:\n  low: three\n", ("search.low", "three")),
        ("search:\n  windows: [[2100.0, 3400.0]]\n", ("sideband below",)),
        ("search:\n  windows: [[9000.0, 12000.0]]\n", ("9000-12000 GeV",)),
        ("search:\n  windows: [[3700.0, 3300.0]]\n", ("below",)),
        ("search: [\n", ("YAML",)),
        ("cwola:\n  features: [label]\n", ("label",)),
        ("cwola:\n  features: [tau99]\n", ("tau99",)),
    ],
)
def test_configs_that_cannot_be_used_are_refused(box, tmp_path, text, words):
    config = tmp_path / "config.yaml"
    config.write_text(text, "utf-8")
    refused(call("run", box, "--output", tmp_path / "out", "--config", config), *words)
    assert not (tmp_path / "out").exists()


def test_a_config_that_is_not_there_is_refused(box, tmp_path):
    refused(call("run", box, "--output", tmp_path / "out", "--config", tmp_path / "no.yaml"), "no.yaml")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused_and_kept(box, tmp_path):
    output = tmp_path / "notes"
    output.write_text("mine", "utf-8")
    refused(call("run", box, "--output", output), "notes", "is a file")
    assert output.read_text("utf-8") == "mine"


def test_an_output_with_a_foreign_folder_of_stages_is_refused_and_kept(box, light, tmp_path):
    mine = tmp_path / "out/stages/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", "utf-8")
    refused(call("run", box, "--output", tmp_path / "out", "--config", light), "not made by this program")
    assert mine.read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ("nothing to simulate", "--background")),
        (["--background", 0, "--signal", 0], ("both 0",)),
        (["--signal", 5], ("masses",)),
        (["--signal", 5, "--masses", 3500, 3400, 500], ("3400",)),
    ],
)
def test_simulating_nothing_or_the_impossible_is_refused(tmp_path, arguments, words):
    refused(call("simulate", "--output", tmp_path / "out.parquet", *arguments), *words)
    assert list(tmp_path.iterdir()) == []


def test_simulating_into_no_folder_is_refused(tmp_path):
    done = call("simulate", "--output", tmp_path / "no/out.parquet", "--background", 1)
    refused(done, "does not exist")


@pytest.mark.parametrize("verb", ["score", "generate", "features"])
def test_outputs_of_unknown_kind_are_refused_before_the_work(box, raw, tmp_path, verb):
    window = ["--window", *WINDOW] if verb == "score" else []
    refused(call(verb, raw if verb == "features" else box, "--output", tmp_path / "out.txt", *window), "'.txt'")
    assert list(tmp_path.iterdir()) == []


def test_events_are_no_raw_particles(box, tmp_path):
    refused(call("features", box, "--output", tmp_path / "out.parquet"), "parquet", "raw")


def test_a_report_of_nothing_is_refused(tmp_path):
    refused(call("report", tmp_path / "nowhere"), "nowhere")
    refused(call("report", tmp_path), "result.json")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_sample_is_refused():
    refused(call("fetch", "lhc-2040"), "lhc-2040")


def test_a_scheduler_that_is_not_there_is_refused(box, light, tmp_path):
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    done = call("run", box, "--output", tmp_path / "out", "--config", light, "--scheduler", "nonsense://1")
    refused(done, "nonsense", "dask scheduler")


def test_one_window_without_sidebands_is_refused(box):
    refused(call("masses", box, "--window", 2100, 3400), "sideband below")
    refused(call("masses", box, "--window", 3700, 3300), "low < high")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run"], "EVENTS"),
        (["run", "events.parquet"], "--output"),
        (["run", "events.parquet", "--output", "out", "--sead", 3], "--sead"),
        (["run", "events.parquet", "--output", "out", "--seed", "x"], "--seed"),
        (["run", "events.parquet", "--output", "out", "--workers", 0], "--workers"),
        (["score", "events.parquet", "--output", "out.csv", "--window", 3000], "--window"),
        (["simulate", "--output", "out.csv", "--preset", "everything"], "everything"),
        (["dance"], "dance"),
        (["--loud"], "--loud"),
    ],
)
def test_misused_commands_end_in_one_line_too(arguments, word):
    refused(call(*arguments), word, "--help")


@pytest.mark.parametrize("arguments", [["run", "no.parquet", "--output", "out"], ["scan", "no.json"]])
def test_mistakes_look_the_same_from_a_shell(tmp_path, arguments):
    refused(program(*arguments, cwd=tmp_path), arguments[1])
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_the_program_exits_with_1(monkeypatch, tmp_path):
    from bumphunt.errors import FitError

    def fails(*_, **__):
        raise FitError("no\nconvergence")

    monkeypatch.setattr("bumphunt.jobs.single_stages.scan_file", fails)
    done = call("scan", tmp_path / "some.json")
    assert done.exit_code == 1
    assert done.stderr == "bumphunt: FitError: no convergence\n"
