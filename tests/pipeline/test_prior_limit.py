"""Limits by the prior-assisted search: what a hypothesis counts, what signal adds to it, and what cannot be done."""

import pickle
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.errors import NotSearchedError
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.pipeline import prior_answer
from bumphunt.pipeline.prior_limit import PriorData, PriorInjection, PriorSignal, inject_prior, prior_limit
from bumphunt.pipeline.prior_windows import PriorSettings, hypothesis_score
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.signal_limit import signal_sample

CONFIG = config_from_dict(
    {
        "search": {"windows": [[3260, 3670], [3670, 4130]], "low": 2900.0, "high": 5500.0},
        "limit": {"draws": 1},
    }
)


@pytest.fixture(scope="module", autouse=True)
def light() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        light = partial(PriorSettings, simulated=12_000, max_iter=25, min_samples_leaf=40)
        patch.setattr(prior_answer, "PriorSettings", light)
        yield


@pytest.fixture(scope="module")
def search(make_events) -> Search:
    return prepare_search(drop_truth(make_events(12_000, seed=4)), CONFIG, 1)


@pytest.fixture(scope="module")
def data(search) -> PriorData:
    return PriorData.of(search)


@pytest.fixture(scope="module")
def signal(search, data, make_events) -> PriorSignal:
    table = make_events(0, signal=1500, seed=5)
    return PriorSignal.of(data, signal_sample(search, table, name="model"), table, name="model")


@pytest.fixture(scope="module")
def limit(search, data, signal):
    def train(injections):
        # as they travel to other processes
        return [inject_prior(pickle.loads(pickle.dumps(each))) for each in injections]

    return prior_limit(data, search.tasks[0].window, signal, train, n_events=12_000)


def test_what_events_add_sums_up_to_the_excess(data) -> None:
    scores = data.scores(0)
    kept = scores.kept((500.0, 100.0))
    added = kept.adds(scores.score(scores.data, (500.0, 100.0)), scores.data.bins)
    assert added.sum() == pytest.approx(kept.observed - kept.expected)
    assert kept.expected > 0.5
    # the events of the window that count are those that the search itself scores highest
    score = hypothesis_score(scores.task, 500.0, 100.0)
    region = scores.task.window.bins(scores.task.edges)[scores.data.bins]
    assert score[region & (added > 0)].min() > score[region & (added <= 0)].max()


def test_the_hypothesis_is_that_of_the_model(limit) -> None:
    assert limit.hypothesis == pytest.approx((500.0, 100.0), rel=0.15)
    assert limit.search == "prior"


def test_injected_signal_is_counted_as_it_is_said_to_be(data, signal, limit) -> None:
    """The data with 200 events hold that much more than without, in whole the spread of Poisson."""
    injection = PriorInjection(
        request=data.request, number=0, hypothesis=limit.hypothesis, signal=signal, strength=200.0, draw=0
    )
    found = inject_prior(injection)
    rows = np.random.default_rng(1).permutation(len(signal.events))[:200]
    table = BlindEvents(pd.concat([data.request.events, signal.events.iloc[rows]], ignore_index=True))
    mixed = PriorData.of(prepare_search(table, CONFIG, 1)).scores(0).kept(limit.hypothesis)
    assert mixed.observed == pytest.approx(
        mixed.expected + 200.0 * found.added, abs=4.0 * np.sqrt(200.0 * found.squared)
    )
    assert mixed.expected == pytest.approx(data.scores(0).kept(limit.hypothesis).expected, rel=0.3)
    assert 0.2 < found.added < 1.5
    # what the training has seen among the data looks like data
    assert found.added < 0.5 * inject_prior(replace(injection, strength=0.0)).added


def test_limit_and_band(limit) -> None:
    assert (np.diff(limit.expected) >= 0).all()
    assert 3.0 < limit.expected[2] < 60.0
    assert limit.clsb_95 <= limit.n_signal_95
    strengths, efficiency = limit.efficiency[:, 0], limit.efficiency[:, 1]
    assert strengths[0] == 0.0
    assert strengths[2] == pytest.approx(4.0 * strengths[1], rel=0.01)
    assert (efficiency > 0.1).all()


def test_truth_changes_nothing(search, data, signal, limit, make_events) -> None:
    table = make_events(0, signal=1500, seed=5).assign(label=0.0)
    again = PriorSignal.of(data, signal.sample, table, name="model")
    assert "label" not in again.events
    pd.testing.assert_frame_equal(pd.DataFrame(again.events), pd.DataFrame(signal.events))


def test_where_it_cannot_be_done(search, data, signal, make_events) -> None:
    table = make_events(0, signal=1500, seed=5).drop(columns="tau21_2")
    with pytest.raises(NotSearchedError, match="model has no column 'tau21_2'"):
        PriorSignal.of(data, signal.sample, table, name="model")
    with pytest.raises(NotSearchedError, match="no signal is simulated in"):
        data.number(replace(search.tasks[0].window, low=search.edges[0]))
    other = config_from_dict({"daughters": None, "features": ["mj1", "mj2"]})
    with pytest.raises(NotSearchedError, match="two daughters"):
        PriorData.of(replace(search, tasks=(replace(search.tasks[0], config=other),)))
    few = prepare_search(drop_truth(make_events(4_000, seed=4)), AnalysisConfig(), 1)
    with pytest.raises(NotSearchedError, match=r"\d{4} events"):
        PriorData.of(few)
