"""The prior-assisted score: out of fold, and never given truth."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError, TruthError
from bumphunt.scores.prior import PriorScore
from bumphunt.scores.trees import BoostedTrees


def light(fold: int) -> BoostedTrees:
    return BoostedTrees(members=1, max_iter=15, min_samples_leaf=20, max_bins=32, seed=fold)


@pytest.fixture(scope="module")
def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    data = rng.normal(0.0, 1.0, (3_000, 2))
    signal = rng.normal([1.5, 1.5], 0.4, (2_000, 2))
    return data, signal, np.arange(3_000) % 3


def test_events_like_the_simulated_score_higher(sample) -> None:
    data, signal, folds = sample
    score = PriorScore(make_classifier=light).fit(data, signal, folds=folds, rng=np.random.default_rng(1))
    found = score.log_ratio(data, folds=folds)
    near = np.linalg.norm(data - 1.5, axis=1) < 0.6
    assert near.sum() > 30
    assert found[near].min() > np.quantile(found[~near], 0.8)


def test_no_event_is_scored_by_a_model_it_trained(sample) -> None:
    data, signal, folds = sample
    other = data.copy()
    other[folds == 1] += 5.0
    scores = [
        PriorScore(make_classifier=light).fit(each, signal, folds=folds, rng=np.random.default_rng(1))
        for each in (data, other)
    ]
    held_out = data[folds == 1]
    ones = np.ones(len(held_out), dtype=np.int64)
    first, second = (score.log_ratio(held_out, folds=ones) for score in scores)
    np.testing.assert_array_equal(first, second)
    zeros = np.zeros(len(held_out), dtype=np.int64)
    first, second = (score.log_ratio(held_out, folds=zeros) for score in scores)
    assert not np.array_equal(first, second)


def test_models_trained_side_by_side_are_the_same(sample) -> None:
    data, signal, folds = sample
    one, two = (
        PriorScore(make_classifier=light, most=50, threads=threads).fit(
            data, signal, folds=folds, rng=np.random.default_rng(1)
        )
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.log_ratio(data, folds=folds), two.log_ratio(data, folds=folds))


def test_truth_is_refused(sample) -> None:
    data, signal, folds = sample
    table = pd.DataFrame(data, columns=["mj1", "label"])
    with pytest.raises(TruthError, match="label"):
        PriorScore(make_classifier=light).fit(table, signal, folds=folds, rng=np.random.default_rng(1))


def test_mistakes_are_named(sample) -> None:
    data, signal, folds = sample
    score = PriorScore(make_classifier=light)
    with pytest.raises(InputError, match="not fitted"):
        score.log_ratio(data, folds=folds)
    with pytest.raises(InputError, match="at least 2 folds"):
        score.fit(data, signal, folds=np.zeros(len(data), dtype=int), rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="signal: 1 features"):
        score.fit(data, signal[:, :1], folds=folds, rng=np.random.default_rng(1))
    score.fit(data, signal, folds=folds, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="no model for fold 7"):
        score.log_ratio(data[:1], folds=np.array([7]))
