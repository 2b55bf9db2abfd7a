"""The whole analysis on small made-up boxes: truth never matters, interruptions never matter, signal does."""

import json
import logging
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.execution import Workers
from bumphunt.jobs.requests import RunOptions
from bumphunt.jobs.run import run_analysis
from bumphunt.pipeline import hunt as module
from bumphunt.pipeline.further_signals import NUMBERS

MASSES = (3_500.0, 500.0, 100.0)
LIGHT = {
    "searches": ["cwola"],
    "search": {
        "low": 2_850.0,
        "windows": [[3_300.0, 3_710.0], [3_900.0, 4_380.0]],
        "cut_fractions": [0.03],
        "null_width": 1.1,
    },
    "cwola": {"folds": 3, "repeats": 1, "members": 1, "max_iter": 25},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}


@pytest.fixture(autouse=True)
def no_report(monkeypatch):
    """Draw nothing: the report has its own tests."""
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def box(make_events, tmp_path_factory):
    """A box with 130 signal events, as a file with its truth."""
    path = tmp_path_factory.mktemp("box") / "box.parquet"
    make_events(20_000, signal=130, masses=MASSES, seed=5).to_parquet(path)
    return path


RESUME = RunOptions(resume=True)


def analyse(path, output, *, seed=7, changes=None, **options):
    config = config_from_dict({**LIGHT, **(changes or {})})
    return run_analysis(path, output=output, config=config, seed=seed, **options)


def digits(value):
    """Return a number to four digits: pyhf's minimiser stops at a point that memory layout moves in the eighth."""
    return float(f"{value:.3e}") if isinstance(value, float) else value


def answers(output):
    """Return all that a run concluded, without times and paths."""
    result = json.loads((output / "result.json").read_text())
    stages = {
        name: {key: digits(value) for key, value in stage.items() if key != "seconds"}
        for name, stage in result["stages"].items()
    }
    return {
        "answers": result["answers"],
        "checks": result["checks"],
        "stages": stages,
        "products": json.loads((output / "products.json").read_text()),
        "workspace": json.loads((output / "workspace.json").read_text()),
        "candidates": (output / "candidates.csv").read_text(),
    }


@pytest.fixture(scope="module")
def reference(box, tmp_path_factory):
    """The run that others are compared with."""
    output = tmp_path_factory.mktemp("reference") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)
        result = analyse(box, output)
    return result, output


# --- what is found ---------------------------------------------------------------------------------


def test_a_resonance_is_discovered_with_its_masses(reference):
    found = reference[0].answers
    assert found.status == "discovery", found
    assert found.discovery
    assert found.z_global >= 5
    assert found.p_global >= found.p_local
    for interval, true in zip((found.m_resonance, found.m_x, found.m_y), MASSES, strict=True):
        assert abs(interval.value - true) < 2 * max(interval.high - interval.value, interval.value - interval.low), (
            interval
        )
        assert abs(interval.value / true - 1) < 0.1
    # the made-up detector loses no decay products, the shipped response does: the scale is right, the factor is not
    assert 100 < found.n_signal.value < 400
    assert found.n_signal.low < found.n_signal.value < found.n_signal.high
    assert found.n_trials == 2, "two windows, one cut each"


def test_candidates_are_mostly_signal_though_no_label_was_used(reference, box):
    candidates = pd.read_csv(reference[1] / "candidates.csv")
    assert "label" not in candidates.columns
    assert (np.diff(candidates["score"]) <= 0).all()
    truth = pd.read_parquet(box)
    signal = truth.loc[truth["label"] == 1, "mjj"].to_numpy()
    nearest = np.abs(candidates["mjj"].to_numpy()[:, None] - signal[None, :]).min(axis=1)
    assert np.mean(nearest < 0.01) > 0.6


def test_a_signal_so_strong_that_the_cut_keeps_nothing_else_is_not_lost(make_events, tmp_path):
    path = tmp_path / "strong.parquet"
    make_events(14_000, signal=300, masses=MASSES, seed=3).to_parquet(path)
    search = {**LIGHT["search"], "cut_fractions": [0.02]}
    found = analyse(path, tmp_path / "out", changes={"search": search}).answers
    assert found.z_global > 3


@pytest.mark.parametrize("seed", [1, 2])
def test_a_box_without_signal_is_no_discovery(make_events, tmp_path, seed):
    path = tmp_path / "empty.parquet"
    make_events(20_000, seed=40 + seed).to_parquet(path)
    found = analyse(path, tmp_path / "out", seed=seed).answers
    assert found.status == "none"
    assert not found.discovery
    assert found.z_global < 3
    assert found.m_resonance is None
    assert found.m_x is None
    assert found.m_y is None
    assert found.n_signal is None


def test_the_result_says_what_it_was_made_from(reference, box):
    result = json.loads((reference[1] / "result.json").read_text())
    assert result["schema_version"] == "2"
    assert result["seed"] == 7
    assert result["input"]["n_events"] == 20_130
    assert len(result["input"]["sha256"]) == 64
    assert result["config"] == config_from_dict(LIGHT).model_dump(mode="json")
    assert config_from_dict(result["config"]) == config_from_dict(LIGHT)
    assert {check["name"] for check in result["checks"]} >= {"sideband_fit", "sculpting", "fold_agreement", "mass_fit"}


def test_a_failed_check_makes_an_excess_unverified(box, tmp_path):
    # folds are never asked to agree this well: the excess is there, the answer is flagged, the masses are given
    found = analyse(
        box, tmp_path / "out", changes={"checks": {"fold_p_value": 0.999999, "sideband_p_value": 0.999999}}
    ).answers
    assert found.status == "unverified_excess"
    assert not found.discovery
    assert found.m_x is not None


# --- truth -------------------------------------------------------------------------------------------


def test_without_truth_and_on_two_workers_the_answers_are_the_same(reference, box, tmp_path):
    path = tmp_path / "box.parquet"
    pd.read_parquet(box).drop(columns="label").to_parquet(path)
    analyse(path, tmp_path / "out", workers=2)
    assert answers(tmp_path / "out") == answers(reference[1])


def test_truth_is_no_feature_whatever_the_config_says():
    with pytest.raises(InputError, match="'label' cannot be a feature"):
        config_from_dict({"cwola": {"features": ["mj1", "label"]}})


def test_shuffled_truth_changes_nothing_and_reaches_no_window(reference, box, tmp_path, monkeypatch):
    seen = []
    search = module.search_window

    def spy(task):
        seen.append(task)
        return search(task)

    events = pd.read_parquet(box)
    events["label"] = np.random.default_rng(1).permutation(events["label"].to_numpy())
    assert set(events["label"]) == {0.0, 1.0}
    events.to_parquet(tmp_path / "box.parquet")
    monkeypatch.setattr(module, "search_window", spy)
    analyse(tmp_path / "box.parquet", tmp_path / "out")
    assert len(seen) == 3, "two windows, and one of them again without the resonance claimed in the other"
    for task in seen:
        assert task.features.shape[1] == 4
        for column in task.features.T:
            assert len(np.unique(column)) > 100, "a column of two values would be the label"
    assert answers(tmp_path / "out") == answers(reference[1])


# --- the same again ------------------------------------------------------------------------------------


def test_another_seed_gives_other_scores_but_the_same_physics(reference, box, tmp_path):
    other = analyse(box, tmp_path / "out", seed=8)
    assert (tmp_path / "out" / "candidates.csv").read_text() != (reference[1] / "candidates.csv").read_text()
    assert other.answers.z_global > 4
    first, second = reference[0].answers, other.answers
    assert abs(first.m_x.value - second.m_x.value) < (first.m_x.high - first.m_x.low)


class KilledError(Exception):
    """Stands for a signal that ends the process."""


def interrupt_after(monkeypatch, number):
    """Let ``number`` windows through, then die."""
    original = Workers.map

    def dying(workers, function, tasks):
        for done, outcome in enumerate(original(workers, function, tasks)):
            if done == number:
                raise KilledError
            yield outcome

    monkeypatch.setattr(Workers, "map", dying)


def test_an_interrupted_run_goes_on_where_it_stopped(reference, box, tmp_path, monkeypatch):
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(KilledError):
            analyse(box, output)
    assert not (output / "result.json").exists(), "half a run leaves no answer"
    assert len(list((output / "stages").glob("window_*.json"))) == 1
    searched = []
    search = module.search_window
    with monkeypatch.context() as patch:
        patch.setattr(module, "search_window", lambda task: searched.append(task.number) or search(task))
        analyse(box, output, options=RESUME)
    first = [number for number in searched if number < NUMBERS]
    assert len(first) == 1, "the window that was done is not done again"
    assert answers(output) == answers(reference[1])


def test_resuming_with_another_seed_or_config_is_refused_and_spoils_nothing(box, tmp_path, monkeypatch):
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(KilledError):
            analyse(box, output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    for other in ({"seed": 8}, {"changes": {"cwola": {"folds": 4}}}):
        with pytest.raises(InputError, match="another run") as caught:
            analyse(box, output, options=RESUME, **other)
        assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_resuming_a_finished_run_gives_its_answers_again(reference, box, tmp_path, monkeypatch):
    output = tmp_path / "out"
    shutil.copytree(reference[1], output)
    monkeypatch.setattr(module, "search_window", lambda task: pytest.fail("searched again"))
    analyse(box, output, options=RESUME)
    assert answers(output) == answers(reference[1])


# --- bad input -------------------------------------------------------------------------------------------


def refused(path, output, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        analyse(path, output, **options)
    assert "\n" not in str(caught.value)
    assert not (output / "stages").exists(), "nothing is begun that cannot be finished"


def test_input_that_cannot_be_used(box, make_events, tmp_path):
    output = tmp_path / "out"
    refused(box, output, "seed is -1", seed=-1)
    refused(tmp_path / "none.parquet", output, "none.parquet")
    few = tmp_path / "few.parquet"
    make_events(150).to_parquet(few)
    refused(few, output, "150 events are too few")
    constant = tmp_path / "constant.parquet"
    make_events(6_000).assign(tau21_1=0.5).to_parquet(constant)
    refused(constant, output, "feature 'tau21_1' has the same value in every event")
    for window, message in (
        ([1_000.0, 1_200.0], "holds no bin|no sideband"),
        ([2_850.0, 3_200.0], "no sideband below"),
    ):
        refused(box, output, message, changes={"search": {"low": 2_850.0, "windows": [window]}})
    refused(box, output, "column 'nsub' is missing", changes={"cwola": {"features": ["mj1", "nsub"]}})
    thin = tmp_path / "thin.parquet"
    make_events(900).to_parquet(thin)
    refused(thin, output, "give more events", changes={"search": {"low": 2_850.0}})


def test_an_output_that_is_a_file(box, tmp_path):
    target = tmp_path / "out"
    target.write_text("mine")
    with pytest.raises(InputError, match="is a file; give a folder"):
        analyse(box, target)
    assert target.read_text() == "mine"


def test_a_table_with_masses_only_is_analysed_with_those(box, tmp_path, caplog):
    path = tmp_path / "masses.csv"
    pd.read_parquet(box)[["mjj", "mj1", "mj2"]].to_csv(path, index=False)
    with caplog.at_level(logging.WARNING), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = analyse(path, tmp_path / "out").answers
    assert found.z_local > 2
