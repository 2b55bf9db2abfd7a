"""Boosted trees: they learn what is there, repeat with their seed, and refuse what cannot be learned."""

import numpy as np
import pytest

from bumphunt.errors import ConfigError, InputError
from bumphunt.scores.trees import BoostedTrees


def samples(number=1_500, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    positive = rng.random(number) < 0.5
    features = rng.standard_normal((number, 2))
    features[positive, 1] += shift
    return features, positive


def area(score, positive):
    order = np.argsort(np.argsort(score)) + 1.0
    n, m = positive.sum(), (~positive).sum()
    return (order[positive].sum() - n * (n + 1) / 2) / (n * m)


def test_two_gaussians_are_told_apart_about_as_well_as_can_be():
    model = BoostedTrees(max_iter=40).fit(*samples())
    features, positive = samples(seed=1)
    best = area(features[:, 1], positive)
    assert best - 0.03 < area(model.anomaly_score(features), positive) < best + 0.01


def test_higher_is_more_like_the_positive_class():
    model = BoostedTrees(members=1, max_iter=20).fit(*samples(shift=3.0))
    low, high = model.anomaly_score(np.array([[0.0, -1.0], [0.0, 4.0]]))
    assert low < 0 < high


def test_the_seed_is_all_there_is_to_chance():
    data, test = samples(), samples(seed=2)[0]
    first, same, other = (BoostedTrees(max_iter=10, seed=seed).fit(*data).anomaly_score(test) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    np.testing.assert_array_equal(first, BoostedTrees(max_iter=10, seed=4).fit(*data).anomaly_score(test))


def test_members_differ_and_their_mean_is_the_score():
    model = BoostedTrees(members=3, max_iter=10).fit(*samples())
    test = samples(seed=3)[0]
    margins = [b.inplace_predict(model.binned(test), predict_type="margin") for b in model.boosters_]
    each = np.array(margins, dtype=np.float64)
    assert len(model.boosters_) == 3
    assert not np.array_equal(each[0], each[1])
    np.testing.assert_allclose(model.anomaly_score(test), each.mean(axis=0))


def test_bins_hold_equal_numbers_of_events_and_never_more_than_asked_for():
    features, positive = samples()
    model = BoostedTrees(members=1, max_iter=2, max_bins=10).fit(features, positive)
    for column in model.binned(features).T:
        assert np.ptp(np.bincount(column.astype(int), minlength=10)) <= 1
    with pytest.raises(ConfigError, match="max_bins is 1"):
        BoostedTrees(max_bins=1).fit(features, positive)
    with pytest.raises(InputError, match="trained on"):
        model.anomaly_score(features[:, :1])


def test_a_feature_of_few_values_keeps_them_apart():
    features, positive = samples()
    features = np.column_stack([features, positive])
    model = BoostedTrees(members=1, max_iter=5).fit(features, positive)
    score = model.anomaly_score(features)
    assert score[positive].min() > score[~positive].max()


def test_events_of_no_weight_teach_nothing():
    features, positive = samples()
    weights = np.ones(len(positive))
    weights[::2] = 0.0
    lied = positive.copy()
    lied[::2] = ~lied[::2]
    test = samples(seed=4)[0]
    scores = [
        BoostedTrees(members=1, max_iter=10).fit(features, labels, weights=weights).anomaly_score(test)
        for labels in (positive, lied)
    ]
    np.testing.assert_allclose(*scores)


@pytest.mark.parametrize("value", [True, False])
def test_one_class_alone(value):
    with pytest.raises(InputError, match="all 50 training events are "):
        BoostedTrees().fit(np.zeros((50, 2)), np.full(50, value))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_among_the_features(value):
    features, positive = samples(100)
    features[7, 1] = value
    with pytest.raises(InputError, match="NaN or infinity"):
        BoostedTrees().fit(features, positive)
