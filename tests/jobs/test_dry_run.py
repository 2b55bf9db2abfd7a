"""A dry run says what a run would do and refuses what a run refuses, and trains and writes nothing."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.jobs.costs import SECONDS, SPREAD, expected_seconds, stage_costs
from bumphunt.jobs.dry_run import dry_run
from bumphunt.jobs.progress import run_bar
from bumphunt.spectrum import fit_many, make_design, mass_grid


@pytest.fixture
def events(make_events, tmp_path):
    path = tmp_path / "events.parquet"
    make_events(8_000).to_parquet(path)
    return path


def test_it_says_what_would_be_done_and_leaves_nothing(events, tmp_path):
    output = tmp_path / "deep" / "out"
    done = CliRunner().invoke(main, ["run", str(events), "--output", str(output), "--dry-run", "--workers", "2"])
    assert done.exit_code == 0, done.output
    for word in ("8000", "GeV", "1 %, 0.2 %", "tau21_1", "vae, autoencoder", "2 worker(s)"):
        assert word in done.output
    assert not output.exists()


def test_numbers_are_those_of_the_run(events, tmp_path):
    config = config_from_dict(
        {"search": {"windows": [[3300, 3700]]}, "cwola": {"repeats": 2}, "vae": {"enabled": False}}
    )
    planned = dry_run(events, output=tmp_path / "out", config=config)
    assert planned.n_trainings == 2 * 3
    assert planned.networks == ("autoencoder",)
    [window] = planned.windows
    assert window == pytest.approx((3300, 3700), rel=0.02)
    assert json.loads(json.dumps(planned.to_dict()))["n_searched"] == planned.n_searched < planned.n_events


def test_a_search_that_does_not_apply_is_neither_named_nor_counted(make_events, tmp_path):
    for number, searches in ((6_000, ("cwola",)), (20_000, ("cwola", "prior"))):
        make_events(number).to_parquet(tmp_path / "box.parquet")
        planned = dry_run(tmp_path / "box.parquet", output=tmp_path / "out")
        assert planned.searches == searches
        assert ("prior" in planned.seconds) is ("prior" in searches)
        assert f"searches     {', '.join(searches)}" in str(planned)


def test_it_refuses_what_a_run_refuses(events, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("{}")
    for output, more in (("out", []), ("events.parquet", []), ("new", ["--seed", "-1"])):
        arguments = ["run", str(events), "--output", str(tmp_path / output), "--dry-run", *more]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 2, output
    assert (tmp_path / "out" / "result.json").read_text() == "{}"


def test_more_workers_shorten_the_windows_alone():
    costs = stage_costs(AnalysisConfig(), n_events=10**6, n_searched=550_000, n_windows=14)
    one, two = (expected_seconds(costs, workers=workers) for workers in (1, 2))
    assert one - two == pytest.approx((costs["scan"] + 0.7 * costs["prior"]) / 2)


def test_a_calibration_costs_its_searches():
    sizes = {"n_events": 10**5, "n_searched": 50_000, "n_windows": 10}
    for searches in (["cwola"], ["cwola", "prior"]):
        config = AnalysisConfig(searches=searches)
        plain, more = (stage_costs(config, **sizes, calibration=number) for number in (0, 20))
        assert "calibration" not in plain
        once = plain["scan"] - SECONDS["scan"][0] + plain.get("prior", 0.0)
        assert 40 * once < more["calibration"] < 45 * once
        assert expected_seconds(more, workers=2) < 0.6 * expected_seconds(more, workers=1)


def test_the_bar_of_a_run_reaches_its_end(capsys):
    costs = {"events": 1.0, "scan": 8.0, "report": 1.0}
    with run_bar(shown=False) as bar:
        bar.enter("events")
        bar.expect(costs)
        bar.enter("scan")
        assert bar.fraction == pytest.approx(0.1)
        with bar.watch("windows", 4, done=1) as advance:
            assert bar.fraction == pytest.approx(0.3)
            advance()
        assert bar.fraction == pytest.approx(0.5)
        bar.enter("report")
        assert bar.fraction == pytest.approx(0.9)


REFITS = 180_000
"""Spectra of 40 bins that a core refits in a second of CPU time on the machine of the cost model."""


def refits_per_second():
    edges = mass_grid(3_000.0, 9_800.0, ratio=1.03)
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000.0
    shape = (1.0 - x) ** 10 / x**5 * np.diff(edges)
    toys = np.random.default_rng(1).poisson(1e5 * shape / shape.sum(), size=(20_000, len(shape))).astype(float)
    design = make_design(edges, family="dijet3")
    fit_many(toys[:100], design)
    start = time.process_time()
    fit_many(toys, design)
    return len(toys) / (time.process_time() - start)


@pytest.mark.long
def test_a_real_run_costs_what_is_foretold(events, tmp_path):
    """Within the factor that the dry run names, in the speed of this machine at this hour."""
    config = {
        "cwola": {"repeats": 8},
        "searches": ["cwola"],
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    foretold = sum(dry_run(events, output=tmp_path / "out", config=config_from_dict(config)).seconds.values())
    speed, before = [refits_per_second()], resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["run", str(events), "--output", str(tmp_path / "out"), "--config", str(tmp_path / "config.yaml")]
    subprocess.run([sys.executable, "-m", "bumphunt", *command], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    speed.append(refits_per_second())
    spent = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * np.mean(speed) / REFITS
    assert foretold / SPREAD < spent < foretold * SPREAD


def test_the_cost_model_goes_through_the_measured_runs():
    stored = json.loads((Path(__file__).parents[2] / "analysis/results/scale.json").read_text())
    for row in stored["rows"]:
        networks = {"enabled": row["networks"]}
        config = config_from_dict(
            {"searches": row["searches"].split(", "), "cwola": {"repeats": row["repeats"]}, "vae": networks}
            | {"autoencoder": networks}
        )
        sizes = {"n_events": row["events"], "n_searched": row["n_searched"], "n_windows": row["n_windows"]}
        foretold = sum(stage_costs(config, **sizes).values())
        assert 0.7 < foretold / row["cpu_seconds"] < 1.4, row
