"""What each verb of the command line prints and writes, on a small box with a resonance."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.results import AnalysisResult

from .command_line import WINDOW, call, done_well, refused

pytestmark = pytest.mark.usefixtures("one_decay")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def finished(folder, box, light):
    """The folder of a finished run, and what the command printed; its report is drawn later, by its own verb."""
    output = folder / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
        done = call("run", box, "--output", output, "--config", light, "--seed", 3, "--json")
    return output, done


def test_run_answers_and_writes(finished, box):
    output, done = finished
    printed = AnalysisResult.from_dict(json.loads(done_well(done)))
    written = json.loads((output / "result.json").read_text("utf-8"))
    assert printed.to_dict() == written
    assert written["seed"] == 3
    assert written["input"]["path"] == str(box)
    assert written["answers"]["status"] in ("evidence", "discovery")
    assert abs(written["answers"]["m_resonance"]["value"] - 3500) < 100
    assert "report.html" in done.stderr
    for name in ("workspace.json", "products.json", "candidates.csv", "stages"):
        assert (output / name).exists(), name
    assert not list(output.rglob("*.part*"))


def test_candidates_lie_in_the_window_most_anomalous_first(finished):
    output, done = finished
    done_well(done)
    table = pd.read_csv(output / "candidates.csv")
    assert list(table.columns[:4]) == ["score", "mjj", "mj1", "mj2"]
    assert table["score"].is_monotonic_decreasing
    scan = json.loads((output / "products.json").read_text("utf-8"))["scan"]
    best = scan["windows"][scan["best"]]
    assert len(table) == best["n_observed"]
    assert table["mjj"].between(best["low"], best["high"]).all()


def test_resume_of_the_same_run_repeats_its_answers(finished, box, light, monkeypatch, tmp_path):
    original, done = finished
    before = json.loads(done_well(done))["answers"]
    output = tmp_path / "copy"
    shutil.copytree(original, output)
    monkeypatch.setattr("bumphunt.pipeline.hunt.search_window", None)  # nothing is to be searched again
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
    again = call("run", box, "--output", output, "--config", light, "--seed", 3, "--resume", "--json")
    assert json.loads(done_well(again))["answers"] == before


def test_resuming_another_run_is_refused_and_leaves_it_alone(finished, box, light):
    output, done = finished
    done_well(done)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    refused(call("run", box, "--output", output, "--config", light, "--seed", 4, "--resume"), "another run", "--resume")
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_report_draws_a_run(finished, tmp_path):
    original, done = finished
    done_well(done)
    for name in ("result.json", "products.json"):
        shutil.copy(original / name, tmp_path / name)
    assert str(tmp_path / "report.html") in done_well(call("report", tmp_path))
    assert '<svg class="drawn"' in (tmp_path / "report.html").read_text("utf-8")
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"scan.pdf", "scan.png", "spectrum_after.pdf", "mass_fit.png"} <= drawn
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "products.json", "report.html", "figures"}


def test_a_blind_run_never_looks(box, light, tmp_path):
    printed = done_well(call("run", box, "--output", tmp_path / "out", "--config", light, "--blind"))
    assert "3 sigma (local) from" in printed
    written = json.loads((tmp_path / "out/result.json").read_text("utf-8"))
    assert written["answers"]["status"] == "blinded"
    assert not written["answers"]["discovery"]
    assert written["answers"]["p_local"] is written["answers"]["m_resonance"] is None
    assert len(written["expected"]) == 2, "at two cuts"
    refused(call("run", box, "--output", box, "--config", light, "--blind"), "is a file")


def test_calibrate_prints_rates_and_pulls(folder, make_events, light, tmp_path):
    pool = folder / "pool.parquet"
    make_events(40_000, seed=4, label=False).to_parquet(pool)
    options = ("--output", tmp_path / "out", "--null", 2, "--size", 15_000, "--config", light)
    printed = done_well(call("calibrate", pool, *options))
    assert "2 boxes without signal" in printed
    assert json.loads(done_well(call("calibrate", pool, *options, "--json")))["null"]["boxes"] == 2
    refused(call("calibrate", pool, "--output", tmp_path / "none", "--null", 0), "nothing to calibrate")
    refused(call("calibrate", pool, "--output", pool), "is a file")
    assert not (tmp_path / "none").exists()


def test_score(box, light, tmp_path):
    output = tmp_path / "scores.csv"
    done_well(call("score", box, "--output", output, "--window", *WINDOW, "--config", light))
    scores = pd.read_csv(output)
    assert list(scores.columns) == ["mjj", "anomaly_score", "fold"]
    assert scores["anomaly_score"].between(0, 1).all()
    assert sorted(scores["fold"].unique()) == [0, 1, 2]


def test_masses(box, light):
    fit = json.loads(done_well(call("masses", box, "--window", *WINDOW, "--config", light, "--json")))
    for name, value, tolerance in (("m_resonance", 3500, 100), ("m_x", 500, 25), ("m_y", 100, 10)):
        assert fit[name]["low"] < fit[name]["value"] < fit[name]["high"]
        assert abs(fit[name]["value"] - value) < tolerance, name
    assert "m_resonance" in done_well(call("masses", box, "--window", *WINDOW, "--config", light))


@pytest.mark.parametrize("method", ["mixture", "distribution"])
def test_generate(box, light, tmp_path, monkeypatch, method):
    from bumphunt.generation.distributions import rank_distributions

    monkeypatch.setattr(
        "bumphunt.jobs.generation.rank_distributions",
        lambda latent, **_: rank_distributions(latent, names=("norm", "johnsonsu")),
    )
    output = tmp_path / "drawn.parquet"
    text = done_well(call("generate", box, "--output", output, "--number", 70, "--method", method, "--config", light))
    assert "largest KS distance" in text
    drawn = pd.read_parquet(output)
    assert list(drawn.columns) == ["mj1", "mj2", "tau21_1", "tau21_2"]
    assert len(drawn) == 70
    assert np.isfinite(drawn.to_numpy()).all()


def test_generate_reads_several_files_as_one(make_events, tmp_path, monkeypatch):
    table = make_events(3_000, seed=4)
    for number in range(3):
        table.iloc[number::3].to_parquet(tmp_path / f"part_{number}.parquet")
    trained = []

    def enough(table, *_, **__):
        trained.append(len(table))
        raise InputError("enough")

    monkeypatch.setattr("bumphunt.jobs.generation.train_vae", enough)
    call("generate", *sorted(tmp_path.glob("part_*")), "--output", tmp_path / "x.parquet")
    assert trained == [3_000]


def test_features(raw, tmp_path):
    output = tmp_path / "table.csv"
    assert str(output) in done_well(call("features", raw, "--output", output))
    table = pd.read_csv(output, comment="#")
    assert len(table) == 30
    assert {"mjj", "mj1", "mj2", "tau21_1", "tau32_2", "massdrop_1", "label"} <= set(table.columns)
    assert (table["mj1"] >= table["mj2"]).all()


def test_simulate(tmp_path):
    pytest.importorskip("pythia8mc", reason="the extra 'simulation' is not installed")
    output = tmp_path / "few.parquet"
    arguments = ("--background", 3, "--signal", 2, "--masses", 3500, 500, 100, "--seed", 9)
    done_well(call("simulate", "--output", output, *arguments))
    assert pd.read_parquet(output)["label"].sum() == 2
    assert [path.name for path in tmp_path.iterdir()] == ["few.parquet"]
