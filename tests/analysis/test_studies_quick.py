"""Every study runs from beginning to end on small samples, keeps its record, and is not run twice."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDIES = (
    "mnist", "lhco_truth", "lhco_training", "generated", "blackbox", "classifiers", "monitor", "fitting", "compression",
)  # fmt: skip


def studies(output, *options):
    command = [sys.executable, "-W", "ignore", "analysis/studies.py", "--quick", "--output", str(output), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)


def test_one_study_runs(tmp_path):
    done = studies(tmp_path, "--only", "fitting")
    assert done.returncode == 0, done.stderr[-3000:]
    assert record(tmp_path, "fitting")["numbers"]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    done = studies(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def record(output, name):
    return json.loads((output / f"{name}.json").read_text("utf-8"))


@pytest.mark.long
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_leaves_numbers_and_figures(output, name):
    found = record(output, name)
    assert found["quick"]
    assert found["numbers"]
    assert found["figures"]
    for file in found["figures"]:
        assert (output / file).read_bytes().startswith(b"\x89PNG")
        assert (output / file).stat().st_size < 120_000, file


@pytest.mark.long
def test_every_figure_of_the_main_seed_has_its_counterpart(output):
    files = {path.stem for path in output.glob("*.png")}
    for number in range(1, 22):
        assert any(stem.startswith(f"fig{number:02d}") for stem in files), number


@pytest.mark.long
def test_what_is_up_to_date_is_left_alone(output):
    before = (output / "fitting.json").stat().st_mtime_ns
    begun = time.monotonic()
    done = studies(output, "--only", "fitting", "mnist")
    assert "fitting: up to date" in done.stdout
    assert "mnist: up to date" in done.stdout
    assert (output / "fitting.json").stat().st_mtime_ns == before
    assert time.monotonic() - begun < 120
    done = studies(output, "--only", "fitting", "--seed", "2")
    assert "up to date" not in done.stdout
    assert record(output, "fitting")["seed"] == 2


@pytest.mark.long
def test_numbers_say_what_the_documents_say(output):
    generated = record(output, "generated")["numbers"]["closeness"]
    assert generated["report, best fit"]["auc"] > 0.95, "events on a curve are told from real ones"
    best = generated["mixture, residuals, margins"]
    assert best["auc"] < 0.75
    assert best["largest_ks"] < 0.5 * generated["report, best fit"]["largest_ks"]
    assert abs(generated["real events (floor)"]["auc"] - 0.5) < 0.1
    models = record(output, "classifiers")["numbers"]["models"]
    assert models["boosted trees"]["auc"] > models["decision tree"]["auc"] > 0.8
    errors = record(output, "fitting")["numbers"]["rms_error"]
    for name in ("network, 2 x 32 tanh", "polynomial, 11 terms"):
        assert errors[name]["outside"] > 5 * errors[name]["inside"]
    assert record(output, "mnist")["numbers"]["kl_only_distance_from_normal"][0] < 0.1


def test_an_unknown_study_is_refused(tmp_path):
    done = studies(tmp_path, "--only", "nonsense")
    assert done.returncode == 1
    assert "no study 'nonsense'" in done.stderr
