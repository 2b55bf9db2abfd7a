"""Nested folds, ranks over members, and what stops a training: none of it has seen what it judges."""

import inspect

import numpy as np
import pytest

from bumphunt.errors import ConfigError, InputError
from bumphunt.preprocessing.splits import MassWindow, assign_folds
from bumphunt.scores import stopping
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.protocol import Validation
from bumphunt.scores.stopping import criterion_value
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.weak_supervision import mean_rank, nested_scores, out_of_fold_scores

FOLDS = 3
WINDOW = MassWindow(low=3400.0, high=3800.0, sideband_low=2900.0, sideband_high=4500.0)


def sample(number=1600, seed=0, signal=60):
    """Signal region and sidebands alike, but for some events in the region that lie apart."""
    rng = np.random.default_rng(seed)
    region = rng.random(number) < 0.4
    features = rng.standard_normal((number, 3))
    chosen = rng.choice(np.flatnonzero(region), signal, replace=False)
    features[chosen] = 2.5 + 0.3 * rng.standard_normal((signal, 3))
    weights = np.where(region, 1 / region.mean(), 1 / (~region).mean())
    return features, region, weights, assign_folds(number, folds=FOLDS, rng=rng), chosen


def trees(fold, inner=0, **settings):
    return BoostedTrees(**{"members": 1, "max_iter": 15, "max_leaf_nodes": 8, **settings}, seed=10 * fold + inner)


def network(fold, inner=0, **settings):
    fast = {"members": 1, "hidden": (8,), "epochs": 20, "batch_size": 300, "learning_rate": 2e-2, "dropout": 0.0}
    return NetworkClassifier(**{**fast, **settings}, seed=10 * fold + inner)


def nested(features, region, weights, folds, make=trees, **options):
    return nested_scores(
        features, region, weights, folds, make_classifier=make, rng=np.random.default_rng(0), **options
    )


@pytest.mark.parametrize("make", [trees, network])
def test_signal_is_found_and_the_seed_decides(make):
    features, region, weights, folds, chosen = sample()
    score = nested(features, region, weights, folds, make)
    assert np.mean(score[chosen] > 0.93) > 0.8
    np.testing.assert_array_equal(score, nested(features, region, weights, folds, make))
    for fold in range(FOLDS):
        inside = np.sort(score[folds == fold])
        np.testing.assert_allclose(inside, (np.arange(len(inside)) + 0.5) / len(inside))


def test_an_event_neither_trains_nor_stops_what_scores_it():
    features, region, weights, folds, _ = sample(800)
    before = nested(features, region, weights, folds)
    for fold in range(2):
        lied = np.where(folds == fold, ~region, region)
        reweighted = np.where(folds == fold, 7 * weights, weights)
        after = nested(features, lied, reweighted, folds)
        np.testing.assert_array_equal(after[folds == fold], before[folds == fold])
        assert not np.array_equal(after[folds != fold], before[folds != fold])


def test_each_classifier_is_given_its_own_folds():
    features, region, weights, folds, _ = sample(400)
    weights[:50] = 0.0
    calls = []

    class Spy:
        def __init__(self, fold, inner):
            self.key = fold, inner

        def fit(self, features, positive, *, weights, validation):
            calls.append((self.key, len(features), len(validation.features), weights.min(), validation.weights.min()))
            return self

        def member_scores(self, features):
            return features[None, :, 0]

    nested(features, region, weights, folds, Spy)
    size = np.array([np.sum((folds == fold) & (weights > 0)) for fold in range(FOLDS)])
    assert [key for key, *_ in calls] == [(f, i) for f in range(FOLDS) for i in range(FOLDS) if i != f]
    for (fold, inner), training, stopping_events, least, least_stopping in calls:
        assert training == size.sum() - size[fold] - size[inner]
        assert stopping_events == size[inner]
        assert least > 0
        assert least_stopping > 0


@pytest.mark.parametrize("average", ["score", "rank"])
def test_both_averages_serve_an_ensemble(average):
    features, region, weights, folds, chosen = sample(800)
    score = out_of_fold_scores(
        features,
        region,
        weights,
        folds,
        make_classifier=lambda fold: trees(fold, members=3),
        rng=np.random.default_rng(0),
        average=average,
    )
    assert np.mean(score[chosen] > 0.9) > 0.8


def test_no_member_outvotes_the_others_by_being_surer():
    quiet = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]])
    loud = np.array([[900.0, 0.0, 1.0, 2.0]])
    ranks = mean_rank(np.vstack([quiet, loud]), rng=np.random.default_rng(0))
    assert np.argmax(ranks) == 3
    assert np.argmax(np.vstack([quiet, loud]).mean(axis=0)) == 0


@pytest.mark.parametrize("score", [nested, None])
def test_bad_input_is_refused(score):
    def run(features, region, weights, folds):
        if score is not None:
            return score(features, region, weights, folds)
        return out_of_fold_scores(features, region, weights, folds, make_classifier=trees, rng=np.random.default_rng(0))

    features, region, weights, folds, _ = sample(200)
    with pytest.raises(InputError, match="same value in every event"):
        run(np.where([True, False, True], features, 1.0), region, weights, folds)
    with pytest.raises(InputError, match="NaN"):
        run(np.where(features > 2, np.nan, features), region, weights, folds)
    with pytest.raises(InputError, match="one class"):
        run(features, np.ones(200, bool), weights, folds)
    with pytest.raises(InputError, match="in 1 folds, but at least"):
        run(features, region, weights, np.zeros(200, int))
    with pytest.raises(InputError, match="one row per event"):
        run(features[:-1], region, weights, folds)
    with pytest.raises(InputError, match="2 events cannot be split into 3 folds"):
        assign_folds(2, folds=FOLDS, rng=np.random.default_rng(0))


def test_nesting_needs_three_folds_and_an_average_that_exists():
    features, region, weights, folds, _ = sample(200)
    with pytest.raises(InputError, match="at least 3"):
        nested(features, region, weights, folds % 2)
    with pytest.raises(ConfigError, match="score or rank"):
        nested(features, region, weights, folds, average="median")


# --- what stops a training -----------------------------------------------------------------------


def validation(positive, weights=None):
    positive = np.asarray(positive, dtype=bool)
    return Validation(
        features=np.zeros((len(positive), 1)),
        positive=positive,
        weights=np.ones(len(positive)) if weights is None else np.asarray(weights, dtype=float),
    )


def test_log_loss_by_hand():
    found = criterion_value(
        "log_loss", np.array([0.0, np.log(3), -1000.0]), validation([True, False, False], [1, 1, 2])
    )
    assert found == pytest.approx((np.log(2) + np.log(4) + 0.0) / 4)


def test_argos_prefers_the_score_that_finds_a_rare_signal():
    rng = np.random.default_rng(1)
    known = validation(np.arange(8000) < 4000, np.where(np.arange(8000) < 4000, 3.0, 0.5))
    noise = rng.normal(size=8000)
    finds = noise.copy()
    finds[:60] = 4.0
    assert criterion_value("argos", finds, known) < criterion_value("argos", noise, known) - 0.1
    # At the tightest cut tried (25 of the template must pass, so 1 %) the region holds 60 of 4000 more.
    noise_of_argos = np.sqrt(2 / 4000)
    assert -criterion_value("argos", finds, known) == pytest.approx(60 / 4000 / np.sqrt(0.01), abs=3 * noise_of_argos)
    constant = np.zeros(8000)
    assert criterion_value("argos", constant, known) == pytest.approx(0.0)


def test_stopping_knows_no_truth():
    for function in (criterion_value, nested_scores, out_of_fold_scores, BoostedTrees.fit, NetworkClassifier.fit):
        assert {"truth", "label", "labels", "target", "y"}.isdisjoint(inspect.signature(function).parameters)
    assert set(Validation.__slots__) == {"features", "positive", "weights"}
    assert "quality" not in inspect.getsource(stopping)


@pytest.mark.parametrize("criterion", ["log_loss", "argos"])
def test_trees_keep_the_steps_that_do_best(criterion):
    features, region, weights, folds, _ = sample(1200)
    inner = folds == 0
    held_out = Validation(features=features[inner], positive=region[inner], weights=weights[inner])
    model = trees(0, members=2, max_iter=60, learning_rate=0.3, criterion=criterion).fit(
        features[~inner], region[~inner], weights=weights[~inner], validation=held_out
    )
    assert max(model.steps_) < 60
    all_steps = trees(0, members=2, max_iter=60, learning_rate=0.3).fit(
        features[~inner], region[~inner], weights=weights[~inner]
    )
    codes = model.binned(held_out.features)
    for booster, steps, score in zip(
        all_steps.boosters_, model.steps_, model.member_scores(held_out.features), strict=True
    ):
        values = [
            criterion_value(
                criterion, booster.inplace_predict(codes, predict_type="margin", iteration_range=(0, step)), held_out
            )
            for step in range(1, 61)
        ]
        assert steps == np.argmin(values) + 1
        assert criterion_value(criterion, score, held_out) == pytest.approx(min(values), rel=1e-6)
