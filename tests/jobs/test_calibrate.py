"""Pseudo-experiments of the whole analysis: repeatable anywhere, resumable, never told the truth."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.jobs import experiments as module
from bumphunt.jobs.calibrate import CalibrationPlan, calibrate
from bumphunt.jobs.experiments import Experiment, Injection, run_experiment, run_experiments

CONFIG = config_from_dict(
    {
        "searches": ["cwola"],
        "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.03]},
        "cwola": {"folds": 3, "repeats": 1, "members": 1, "max_iter": 15},
    }
)
MASSES = (3_500.0, 500.0, 100.0)


@pytest.fixture(scope="module")
def files(make_events, tmp_path_factory):
    """A pool without signal, whose truth column lies at random, and a file of signal."""
    folder = tmp_path_factory.mktemp("pool")
    pool = make_events(60_000, seed=2)
    pool["label"] = np.random.default_rng(1).integers(0, 2, len(pool))
    pool.to_parquet(folder / "pool.parquet")
    signal = make_events(200, signal=800, masses=MASSES, seed=3)
    signal[signal["label"] == 1].to_parquet(folder / "signal.parquet")
    return folder


def experiments(files, numbers, *, n_signal=0, seed=5, size=12_000):
    injection = None
    if n_signal:
        injection = Injection(events=str(files / "signal.parquet"), masses=MASSES, n_signal=n_signal)
    return [
        Experiment(
            number=number,
            pool=str(files / "pool.parquet"),
            size=size,
            source="subsample",
            injection=injection,
            config=CONFIG,
            seed=seed,
        )
        for number in numbers
    ]


def plain(result):
    """Return a result without its time."""
    return {key: value for key, value in result.to_dict().items() if key != "seconds"}


def test_an_experiment_depends_on_its_number_and_seed_alone(files, tmp_path):
    three = run_experiments(experiments(files, [0, 1, 2]), output=tmp_path / "a", workers=2)
    alone = run_experiment(experiments(files, [1])[0])
    assert plain(three[1]) == plain(alone)
    assert three[0].z_local[0] != three[1].z_local[0]
    assert plain(run_experiment(experiments(files, [1], seed=6)[0])) != plain(alone)


def test_interrupted_experiments_go_on(files, tmp_path, monkeypatch):
    first = run_experiments(experiments(files, [0, 1]), output=tmp_path)
    done = []
    monkeypatch.setattr(module, "run_experiment", lambda task: done.append(task.number) or run_experiment(task))
    again = run_experiments(experiments(files, [0, 1, 2]), output=tmp_path)
    assert done == [2]
    assert [plain(each) for each in again[:2]] == [plain(each) for each in first]


def test_a_folder_keeps_to_its_settings(files, tmp_path):
    run_experiments(experiments(files, [0]), output=tmp_path)
    with pytest.raises(InputError, match="another run"):
        run_experiments(experiments(files, [0], seed=6), output=tmp_path)
    with pytest.raises(InputError, match="other masses or signal"):
        run_experiments(experiments(files, [0], n_signal=50), output=tmp_path)
    with pytest.raises(InputError, match="share pool, size"):
        run_experiments(experiments(files, [1]) + experiments(files, [2], size=9_000), output=tmp_path / "b")
    with pytest.raises(InputError, match="at least 1"):
        run_experiments([], output=tmp_path)


def test_strong_signal_is_found_and_its_masses_come_with_truth_beside_them(files):
    found = run_experiment(experiments(files, [0], n_signal=200)[0])
    assert found.answers.z_global > 5
    assert found.masses.tolist() == list(MASSES)
    assert found.n_signal == 200


def test_a_box_goes_through_all_declared_searches(files, light_prior):
    (experiment,) = experiments(files, [0], n_signal=60)
    both = replace(experiment, config=CONFIG.model_copy(update={"searches": ["cwola", "prior"]}))
    found = run_experiment(both).answers
    assert set(found.per_search) == {"cwola", "prior"}
    assert found.p_global_method.endswith("both counted (Sidak)")


def test_calibrate_sums_up(files, tmp_path):
    found = calibrate(
        files / "pool.parquet", CalibrationPlan(null=4, size=12_000), output=tmp_path, config=CONFIG, seed=2
    )
    assert found.null is not None
    assert found.injections is None
    assert found.null.boxes == 4
    assert found.null.local.n_trials == 4, "four boxes, one cut each"
    assert found.null.claims == 0
    assert json.loads((tmp_path / "calibration.json").read_text()) == found.to_dict()
    assert "4 boxes without signal: 0 claims" in str(found)


def test_the_smooth_source_needs_no_signal_free_pool(files, tmp_path, make_events):
    path = tmp_path / "data.parquet"
    make_events(25_000, signal=250, seed=8, label=False).to_parquet(path)
    plan = CalibrationPlan(null=3, size=9_000, source="smooth")
    found = calibrate(path, plan, output=tmp_path / "out", config=CONFIG)
    assert found.null is not None
    assert found.null.largest_z_global < 3


@pytest.mark.slow
def test_detectors_are_drawn_once_each_and_taken_in_turn(files, tmp_path):
    plan = CalibrationPlan(points=[MASSES], repeats=3, n_signal=60, signal_events=80, size=12_000)
    given = {"output": tmp_path, "workers": 2, "config": CONFIG, "seed": 4}
    found = calibrate(files / "pool.parquet", replace(plan, detectors=2), **given)
    assert found.injections is not None
    assert found.injections.boxes == 3
    drawn = [pd.read_parquet(tmp_path / f"signal_3500_500_100_detector_{number}.parquet") for number in (0, 1)]
    assert [len(events) for events in drawn] == [80, 80]
    assert all((events["mj1"] >= events["mj2"]).all() for events in drawn)
    assert drawn[0]["mjj"].median() != drawn[1]["mjj"].median()
    assert not list(tmp_path.glob("*before*"))
    nominal = calibrate(files / "pool.parquet", plan, **given)
    assert nominal.injections is not None
    assert (tmp_path / "signal_3500_500_100.parquet").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"null": 1, "detectors": -1}, "not be negative"),
        ({"null": 0}, "nothing to calibrate"),
        ({"null": -1}, "not be negative"),
        ({"null": 1, "size": 0}, "at least 1"),
    ],
)
def test_calibrate_refuses_nonsense(files, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        calibrate(files / "pool.parquet", CalibrationPlan(**options), output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
