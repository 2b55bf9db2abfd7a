"""What the operating system refuses ends in one line, with nothing half-written and what was there before intact."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bumphunt.cli import main
from bumphunt.cli.group import report_errors
from bumphunt.errors import InputError
from bumphunt.execution import parallel_map

ROOT = Path(__file__).resolve().parents[1]
LIMITED = """
import os, resource, sys
os.environ["PYTHONDONTWRITEBYTECODE"], sys.dont_write_bytecode = "1", True  # compiled modules would be cut off as well
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv[:2] = ["bumphunt"]
from bumphunt.cli import main
main()
"""
LIGHT = """
searches: [cwola]
search: {windows: [[3250.0, 3750.0]], cut_fractions: [0.1]}
cwola: {repeats: 1, members: 1, max_iter: 5, folds: 2}
vae: {enabled: false}
autoencoder: {enabled: false}
limit: {enabled: false}
"""
WINDOW = ("--window", "3250", "3750")


def start(*arguments, code="from bumphunt.cli import main; main()", cwd=None, **options):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def program(*arguments, **options):
    """Run the command line; return its exit status and what it wrote to standard error."""
    with start(*arguments, **options) as process:
        _, said = process.communicate(timeout=120)
        return process.returncode, said


def one_line_of(code_and_text, *words):
    code, text = code_and_text
    assert code == 2, text
    assert text.startswith("bumphunt: ")
    assert text.count("\n") == 1, text
    for word in words:
        assert word in text, text


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_events):
    folder = tmp_path_factory.mktemp("refusals")
    make_events(6_000).to_parquet(folder / "box.parquet")
    (folder / "light.yaml").write_text(LIGHT)
    (folder / "file").write_text("mine")
    (folder / "folder").mkdir()
    return folder


FILES = {
    "score": ("score", "box.parquet", "--config", "light.yaml", *WINDOW),
    "simulate": ("simulate", "--background", "20"),
    "generate": ("generate", "box.parquet"),
    "raw": ("simulate", "--background", "20", "--raw"),
}
FOLDERS = {
    "run": ("run", "box.parquet", "--config", "light.yaml"),
    "blind": ("run", "box.parquet", "--config", "light.yaml", "--blind"),
    "calibrate": ("calibrate", "box.parquet", "--config", "light.yaml", "--null", "1", "--size", "3000"),
}


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("file/x.parquet", "is not a folder"),
        ("no/x.parquet", "does not exist"),
        ("a" * 300 + ".parquet", "name too long"),
        ("/proc/x.parquet", "cannot write"),
        ("folder.parquet", "is a folder"),
        ("", "the path is empty"),
    ],
)
@pytest.mark.parametrize("verb", FILES)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(folder, monkeypatch, verb, output, words):
    from click.testing import CliRunner

    monkeypatch.chdir(folder)
    (folder / "folder.parquet").mkdir(exist_ok=True)
    for work in ("bumphunt.jobs.intake.ingest_events", "bumphunt.jobs.generation.take_in"):
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("the work has begun"))
    monkeypatch.setattr("bumphunt.simulation.samples.make_block", lambda *_: pytest.fail("the work has begun"))
    before = sorted(folder.rglob("*"))
    done = CliRunner().invoke(main, [*FILES[verb], "--output", output])
    one_line_of((done.exit_code, done.stderr), words)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("file/x", "not a directory"),
        ("file", "is a file"),
        ("a" * 300, "name too long"),
        ("/proc/x", "cannot write into"),
        (" ", "the path is empty"),
    ],
)
@pytest.mark.parametrize("verb", FOLDERS)
def test_a_folder_that_cannot_be_filled_is_refused_before_the_work(folder, monkeypatch, verb, output, words):
    from click.testing import CliRunner

    monkeypatch.chdir(folder)
    monkeypatch.setattr("bumphunt.jobs.intake.ingest_events", lambda *_, **__: pytest.fail("the work has begun"))
    before = sorted(folder.rglob("*"))
    done = CliRunner().invoke(main, [*FOLDERS[verb], "--output", output])
    one_line_of((done.exit_code, done.stderr), words)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
@pytest.mark.parametrize(
    ("arguments", "output", "limit"),
    [
        (FILES["score"], "s.parquet", 10_000),
        (FILES["score"], "s.csv", 10_000),
        (FILES["score"], "s.h5", 10_000),
        (FOLDERS["run"], "run", 10_000),
        (("simulate", "--background", "10"), "m.parquet", 4_500),
    ],
)
def test_a_disk_that_fills_up(folder, tmp_path, arguments, output, limit):
    old = tmp_path / output
    if old.suffix:
        old.write_text("before")
    done = program(limit, *arguments, "--output", old, code=LIMITED, cwd=folder)
    one_line_of(done, "file too large", output)
    assert not list(tmp_path.rglob("*.part*/*.part*")), "nothing half-written"
    assert not [path for path in tmp_path.rglob(".*") if ".part" in path.name]
    if old.suffix:
        assert old.read_text() == "before"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("config",), ("--help",), ("run", "--help"), ("--version",)])
def test_standard_output_on_a_full_disk(arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        one_line_of(program(*arguments, stdout=full), "no space left")


def test_a_closed_pipe_ends_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    code, said = program("config", stdout=writing)
    os.close(writing)
    assert (code, said) == (141, "")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            OSError(28, "No space left on device", "/x/y"),
            2,
            "/x/y: no space left on device; no file was left half-written",
        ),
        (OSError(24, "Too many open files"), 2, "too many open files; no file was left half-written"),
        (MemoryError(), 2, "not enough memory; give fewer events or --workers"),
        (MemoryError("Unable to allocate 8 TiB"), 2, "not enough memory (Unable to allocate 8 TiB); give fewer"),
        (RecursionError(), 2, "the input is nested too deeply; check its brackets"),
        (InputError("column 'a\x1b[2J'"), 2, "column 'a\\x1b[2J'"),
        (KeyboardInterrupt(), 130, "interrupted; repeat the command with --resume where it has one"),
    ],
)
def test_each_kind_of_error_is_one_line(error, status, line, capsys):
    with pytest.raises(SystemExit) as ended, report_errors():
        raise error
    assert ended.value.code == status
    said = capsys.readouterr().err
    assert said.startswith(f"bumphunt: {line}")
    assert said.count("\n") == 1


def test_a_value_of_megabytes_is_cut(capsys):
    with pytest.raises(SystemExit), report_errors():
        raise InputError(f"seed is {'9' * 5_000_000}; give a number")
    said = capsys.readouterr().err
    assert len(said) < 600
    assert said.startswith("bumphunt: seed is 999")
    assert said.endswith("; give a number\n")


def test_sigterm_ends_as_an_interruption_does():
    def be_terminated():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    with pytest.raises(SystemExit) as ended, report_errors():
        be_terminated()
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_where_no_process_can_be_started_it_is_said(monkeypatch):
    def refuse(*_, **__):
        raise FileNotFoundError(2, "No such file or directory", "/dev/shm")

    monkeypatch.setattr("joblib.externals.loky.get_reusable_executor", refuse)
    with pytest.raises(InputError, match="cannot be started: no such file or directory; give --workers 1"):
        list(parallel_map(abs, [1, 2], workers=2))


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "x", "--luminosity"),
        ("scan", "x", "--window", "3000"),
        ("simulate", "--output", "x.parquet", "--masses", "3500", "500"),
        ("simulate", "--output", "x.parquet", "--widths", "0.1", "0.1"),
        ("calibrate", "x", "--output", "x", "--masses", "3500", "500"),
    ],
)
def test_a_number_is_finite_and_positive(arguments, value):
    from click.testing import CliRunner

    done = CliRunner().invoke(main, [*arguments, value])
    one_line_of((done.exit_code, done.stderr), arguments[-1] if arguments[-1].startswith("--") else "--", value)


@pytest.mark.parametrize("value", [10**18, -(10**18), "9" * 5_000], ids=["large", "negative", "digits"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "x", "--toys"),
        ("run", "x", "--output", "x", "--workers"),
        ("generate", "x", "--output", "x.parquet", "--number"),
        ("calibrate", "x", "--output", "x", "--size"),
        ("calibrate", "x", "--output", "x", "--null"),
        ("calibrate", "x", "--output", "x", "--signal"),
        ("calibrate", "x", "--output", "x", "--repeats"),
        ("calibrate", "x", "--output", "x", "--detectors"),
        ("simulate", "--output", "x.parquet", "--background"),
        ("simulate", "--output", "x.parquet", "--signal"),
        ("response", "x", "--output", "x.npz", "--events"),
        ("limits", "x", "x", "--output", "x", "--windows"),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_a_number_that_nobody_can_mean_is_refused_by_its_option(arguments, value):
    from click.testing import CliRunner

    done = CliRunner().invoke(main, [*arguments, str(value)])
    one_line_of((done.exit_code, done.stderr), arguments[-1])
    assert len(done.stderr) < 700


@pytest.mark.parametrize("asked", [str(10**18), "9" * 5_000, "²", "1" * 18])
def test_a_calibration_that_nobody_can_mean_is_one_line(make_events, tmp_path, asked):
    from click.testing import CliRunner

    make_events(3_000, seed=1).to_parquet(tmp_path / "events.parquet")
    run = ["run", str(tmp_path / "events.parquet"), "--output", str(tmp_path / "out"), "--dry-run"]
    done = CliRunner().invoke(main, [*run, "--calibration", asked])
    one_line_of((done.exit_code, done.stderr), "calibration")
