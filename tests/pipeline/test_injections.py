"""Injected signal: what is trained on, who is asked, and what a limit makes of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.pipeline import injections, signal_limit
from bumphunt.pipeline.injections import Injection, InjectionResult, dealt, inject
from bumphunt.pipeline.search import prepare_search
from bumphunt.results import MethodLimit
from bumphunt.scores.repeats import RepeatedScores

SETTINGS = {
    "search": {"low": 2900.0, "high": 5500.0, "cut_fractions": [0.1]},
    "cwola": {"repeats": 2, "folds": 2, "max_iter": 8},
    "limit": {"repeats": 1, "draws": 2, "strengths": [0.0, 150.0, 400.0]},
}


@pytest.fixture(scope="module")
def prepared(make_events):
    search = prepare_search(drop_truth(make_events(9000, seed=1)), config_from_dict(SETTINGS), 1)
    table = make_events(0, signal=2000, seed=2)
    return search, signal_limit.signal_sample(search, table, name="signal")


def test_window_is_that_of_the_signal(prepared):
    search, signal = prepared
    task = signal_limit.windows_of(search, signal)[0]
    share = task.window.signal_region(signal.mjj).mean()
    assert share == max(other.window.signal_region(signal.mjj).mean() for other in search.tasks)
    assert len(signal_limit.windows_of(search, signal, number=3)) == 3


def test_features_are_dealt_out_whole_or_nearby(prepared):
    mjj = prepared[0].mjj
    for whole in (True, False):
        giver = dealt(mjj, rng=np.random.default_rng(1), whole=whole)
        assert np.array_equal(np.sort(giver), np.arange(len(mjj)))
        moved = np.log(mjj[giver] / mjj)
        assert (moved.std() < 0.12) != whole
        assert (giver == np.arange(len(mjj))).mean() < 0.01


def test_signal_in_the_data_teaches_nothing(make_events):
    """The efficiency at no injected signal is that of chance, though the data hold a strong one."""
    search = prepare_search(drop_truth(make_events(9000, signal=300, seed=1)), config_from_dict(SETTINGS), 1)
    signal = signal_limit.signal_sample(search, make_events(0, signal=2000, seed=2), name="signal")
    task = signal_limit.windows_of(search, signal)[0]
    none, much = (
        inject(Injection(task=task, signal=signal, strength=n, draw=0, decorrelated=True)) for n in (0.0, 400.0)
    )
    assert none.efficiency[0] < 0.15
    assert none.n_injected == 0
    assert much.efficiency[0] > 0.4
    assert much.n_injected == pytest.approx(400, abs=80)


def test_those_asked_were_not_injected(prepared, monkeypatch):
    search, signal = prepared
    task = signal_limit.windows_of(search, signal)[0]
    trained = []
    monkeypatch.setattr(injections, "window_models", lambda mixed, threads: trained.append(mixed) or Models())

    class Models:
        def draw(self, number, rng):
            return np.zeros((1, number)), np.zeros((1, number))

        def scores(self, features, folds, ties):
            new = trained[0].features[len(search.mjj) :]
            assert not (features[:, None] == new[None]).all(axis=2).any()
            assert len(features) + len(new) == signal.inside.sum()
            return RepeatedScores(score=np.ones(len(features)), single=np.ones((1, len(features)), dtype=np.float32))

    found = inject(Injection(task=task, signal=signal, strength=300.0, draw=0, decorrelated=True))
    # all pass: the efficiency is the part of all signal events that lies in the window
    share = task.window.signal_region(signal.mjj).mean()
    assert found.efficiency[0] == pytest.approx(share, abs=0.03)


def test_too_small_a_sample(prepared):
    search, signal = prepared
    task = signal_limit.windows_of(search, signal)[0]
    few = replace(signal, mjj=signal.mjj[:300], features=signal.features[:300], inside=signal.inside[:300])
    with pytest.raises(InputError, match="holds 300 events, too few to inject 400"):
        signal_limit.injections_of(task, few, (0.0, 400.0))


def test_no_window_for_the_signal(prepared, make_events):
    far = make_events(0, signal=300, masses=(9000.0, 500.0, 100.0))
    sample = signal_limit.signal_sample(prepared[0], far, name="far.csv")
    with pytest.raises(InputError, match=r"far.csv has its median at 8990 GeV, and no window"):
        signal_limit.windows_of(prepared[0], sample, name="far.csv")


def test_missing_feature(prepared, make_events):
    lacking = make_events(0, signal=300).drop(columns="tau21_2")
    with pytest.raises(InputError, match="no column 'tau21_2'"):
        signal_limit.signal_sample(prepared[0], lacking, name="signal")


def test_only_what_is_expected_chooses():
    def method(name, observed, expected):
        return MethodLimit(name=name, cut_fraction=None, n_signal_95=observed, expected=np.full(5, expected))

    inclusive = method("inclusive", 10.0, 100.0)
    lucky, good = method("selected 1 %", 5.0, 120.0), method("selected 2 %", 500.0, 40.0)
    assert signal_limit.choose(inclusive, (lucky, good)).chosen == "selected 2 %"
    worse = signal_limit.choose(inclusive, (lucky,))
    assert worse.chosen == "inclusive"
    assert "less sensitive than the inclusive limit" in worse.notes[0]


def test_limit_falls_with_efficiency_and_covers_what_is_seen(prepared):
    search, signal = prepared
    task = signal_limit.windows_of(search, signal)[0]
    frequency = np.full(len(task.mjj), 0, dtype=np.uint8)
    frequency[np.random.default_rng(3).random(len(frequency)) < 0.1] = 2

    def limit(efficiency):
        trainings = [
            InjectionResult(
                strength=strength,
                n_injected=int(strength),
                n_probes=1000,
                efficiency=np.array([efficiency]),
                weight=np.array([1.0]),
                repeat_variance=np.zeros(1),
                seconds=0.0,
            )
            for strength in (0.0, 300.0)
        ]
        number, _ = signal_limit.selected_count(task, frequency, trainings, place=0, form=0.0, n_events=9000)
        return number

    low, high = limit(0.2), limit(0.4)
    assert high.limit() == pytest.approx(0.5 * low.limit(), rel=0.02)
    inside = task.window.signal_region(task.mjj)
    # an event that passes in every repeat is one event
    assert low.observed == pytest.approx((frequency[inside] > 0).sum())
    assert low.gain == pytest.approx(1.0)
    assert low.mean == signal_limit.NULL_MEAN
    assert low.width > 1.0


def test_mean_of_the_null_is_the_measured_one():
    lines = (Path(__file__).resolve().parents[2] / "analysis/results/nulls.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    z = [row[2] for line in found if line["set"] == "default" for row in line["found"] if row[1] < 1.0]
    # a hundred boxes of a dozen windows that overlap: the mean is known to 0.05
    assert np.mean(z) == pytest.approx(signal_limit.NULL_MEAN, abs=0.1)
