"""Studies of a score: hyperparameters, permutation importance, learning curves, sensitivity."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import randint
from sklearn.inspection import permutation_importance as importance_of_sklearn
from sklearn.metrics import roc_auc_score

from bumphunt.errors import InputError
from bumphunt.scores.importance import ImportanceResult, permutation_importance
from bumphunt.scores.quality import roc, significance_improvement
from bumphunt.scores.sensitivity import SigmaMin, sigma_min, sigma_min_of_injections
from bumphunt.scores.supervised.hyperparameters import SearchResult, random_search
from bumphunt.scores.supervised.learning_curve import LearningCurve, learning_curve
from bumphunt.scores.supervised.networks import MlpClassifier
from bumphunt.scores.supervised.trees import DecisionTree, SupervisedTrees


def samples(n=1000, seed=0):
    """Return a strong, a weak and a useless feature."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    return rng.normal(size=(n, 3)) + np.where(truth, 1.0, 0.0)[:, None] * [2.0, 0.7, 0.0], truth


class Linear:
    """The best score for those features, without training."""

    def fit(self, features, truth):
        return self

    def anomaly_score(self, features):
        return np.asarray(features) @ [2.0, 0.7, 0.0] - 2.245

    def predict_proba(self, features):
        probability = 1 / (1 + np.exp(-self.anomaly_score(features)))
        return np.stack([1 - probability, probability], axis=1)


# Hyperparameters


def test_search_finds_the_depth_that_matters_and_repeats():
    features, truth = samples()
    rng = np.random.default_rng(2)
    features[:, 2] = np.where(truth, 1, -1) * np.sign(features[:, 1] - 0.35) + rng.normal(0, 0.3, len(truth))
    space = {"max_depth": [1, 4], "min_samples_leaf": randint(5, 40)}
    model, found = random_search(DecisionTree(), space, features, truth, trials=6, seed=3)
    assert model.max_depth == found.parameters[found.best]["max_depth"] == 4
    assert found.best == found.scores.mean(axis=1).argmax()
    assert found.scores.shape == (6, 3)
    assert np.isfinite(model.anomaly_score(features)).all()
    again = random_search(DecisionTree(), space, features, truth, trials=6, seed=3)[1]
    assert again.to_dict() == found.to_dict() == SearchResult.from_dict(found.to_dict()).to_dict()
    other = random_search(DecisionTree(), space, features, truth, trials=6, seed=4)[1]
    assert other.parameters != found.parameters
    assert "best of 6 trials" in str(found)


def test_search_of_a_network_by_log_loss_tries_each_setting_once():
    model = MlpClassifier(epochs=2, batch_size=400)
    best, found = random_search(
        model, {"gamma": [1.5], "loss": ["focal"]}, *samples(1600), folds=2, metric="neg_log_loss", trials=10
    )
    assert found.parameters == ({"gamma": 1.5, "loss": "focal"},)
    assert (found.scores < 0).all()
    assert not hasattr(model, "network_")
    assert len(best.history_["loss"]) == 2
    trees = random_search(DecisionTree(), {"max_depth": [1, 2], "balanced": [True]}, *samples(400), trials=10)[1]
    assert sorted(trial["max_depth"] for trial in trees.parameters) == [1, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": {}}, "cannot search nothing"),
        ({"space": {"colour": [1]}}, "cannot search colour"),
        ({"folds": 1}, "folds"),
        ({"folds": 500}, "folds"),
        ({"trials": 0}, "trial"),
        ({"metric": "accuracy"}, "choose one of"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(options, message):
    options = {"space": {"max_depth": [1, 2]}, **options}
    with pytest.raises(InputError, match=message):
        random_search(DecisionTree(), options.pop("space"), *samples(100), **options)


# Permutation importance


def test_importance_equals_that_of_sklearn_within_its_spread():
    features, truth = samples(4000, seed=1)
    found = permutation_importance(Linear(), features, truth, repeats=20)
    theirs = importance_of_sklearn(
        Linear(), features, truth, n_repeats=20, random_state=0,
        scoring=lambda model, rows, labels: roc_auc_score(labels, model.anomaly_score(rows)),
    )  # fmt: skip
    error = np.hypot(found.spread, theirs.importances_std) / np.sqrt(20)
    assert (np.abs(found.mean - theirs.importances_mean) <= 4 * error + 1e-12).all()
    assert found.reference == pytest.approx(roc(Linear().anomaly_score(features), truth).auc)
    assert found.mean[0] > 10 * found.mean[1] > 0
    assert found.mean[2] == found.spread[2] == 0  # the score does not look at it


def test_importance_is_out_of_fold():
    features, truth = samples(600)
    folds = np.arange(600) % 3
    features[:, 2] = np.random.default_rng(5).permutation(600)  # learned by heart, were it in fold
    scorers = {
        f: DecisionTree(max_depth=12, min_samples_leaf=1).fit(features[folds != f], truth[folds != f]) for f in range(3)
    }
    table = pd.DataFrame(features, columns=["strong", "weak", "noise"])
    found = permutation_importance(scorers, table, truth, folds=folds, repeats=5)
    by_hand = [roc(scorers[f].anomaly_score(features[folds == f]), truth[folds == f]).auc for f in range(3)]
    assert found.reference == pytest.approx(np.mean(by_hand))
    assert found.names == ("strong", "weak", "noise")
    assert abs(found.mean[2]) < 0.05 < 0.1 < found.mean[0]
    assert found.to_dict() == permutation_importance(scorers, table, truth, folds=folds, repeats=5).to_dict()
    assert ImportanceResult.from_dict(found.to_dict()).to_dict() == found.to_dict()


def test_features_that_stand_in_for_each_other_matter_together():
    features, truth = samples(2000)
    twins = np.column_stack([features[:, 0], features[:, 0] + 1e-3 * features[:, 2], features[:, 1]])
    model = SupervisedTrees(members=1, max_iter=60).fit(twins[:1000], truth[:1000])
    alone = permutation_importance(model, twins[1000:], truth[1000:])
    together = permutation_importance(model, twins[1000:], truth[1000:], groups={"twins": ["x0", 1], "weak": ["x2"]})
    assert together.names == ("twins", "weak")
    assert together.mean[0] > alone.mean[:2].max() + 3 * together.spread[0] / np.sqrt(10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 1}, "at least 2"),
        ({"metric": "f1"}, "choose one of"),
        ({"labels": np.ones(3)}, "labels have shape"),
        ({"labels": np.ones(40)}, "both classes"),
        ({"folds": np.zeros(40, int)}, "mapping"),
        ({"scorers": {0: Linear()}}, "which event is in which"),
        ({"scorers": {0: Linear()}, "folds": np.arange(40) % 2}, "no scorer for fold 1"),
        ({"scorers": {0: Linear()}, "folds": np.zeros(3, int)}, "folds have shape"),
        ({"groups": {"a": ["x9"]}}, "no feature 'x9'"),
        ({"groups": {}}, "groups are empty"),
        ({"features": np.full((40, 3), np.nan)}, "NaN"),
    ],
)
def test_importance_refuses_what_has_no_answer(options, message):
    features, truth = samples(40)
    options = {"scorers": Linear(), "features": features, "labels": truth, **options}
    with pytest.raises(InputError, match=message):
        permutation_importance(options.pop("scorers"), options.pop("features"), options.pop("labels"), **options)


# Learning curves


def test_more_events_help_until_the_best_possible_is_reached():
    found = learning_curve(
        lambda seed: SupervisedTrees(members=1, max_iter=20, min_samples_leaf=5, seed=seed),
        *samples(3000), samples(3000, seed=1), sizes=[60, 400, 3000], repeats=4,
    )  # fmt: skip
    assert found.test.shape == found.training.shape == (3, 4)
    means = found.test.mean(axis=1)
    assert means[0] < means[1] < means[2] < roc(Linear().anomaly_score(samples(3000, seed=1)[0]), samples(3000)[1]).auc
    gaps = (found.training - found.test).mean(axis=1)
    assert gaps[0] > gaps[1] > gaps[2] > 0  # what is learned by heart
    assert LearningCurve.from_dict(found.to_dict()).to_dict() == found.to_dict()
    assert "3000: 0.9" in str(found)


def test_draws_keep_the_part_of_signal_and_differ():
    seen = []

    class Spy(Linear):
        def fit(self, features, truth):
            seen.append((np.sort(features[:, 0]), truth.mean(), len(truth)))
            return self

    features, truth = samples(1000)
    keep = truth | (np.arange(1000) % 4 == 1)
    learning_curve(lambda _: Spy(), features[keep], truth[keep], (features, truth), sizes=[90, 300], repeats=2)
    assert [number for *_, number in seen] == [90, 90, 300, 300]
    assert all(part == pytest.approx(2 / 3, abs=0.01) for _, part, _ in seen)
    assert not np.array_equal(seen[0][0], seen[1][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [200]}, "up to 100 events"),
        ({"sizes": [50, 50]}, "rising"),
        ({"sizes": []}, "rising"),
        ({"sizes": [50], "repeats": 1}, "2 repeats"),
        ({"sizes": [12]}, "too few to train on"),
        ({"sizes": [50], "metric": "f1"}, "choose one of"),
    ],
)
def test_a_learning_curve_without_events_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        learning_curve(lambda _: DecisionTree(), *samples(100), samples(100), **options)


# Sensitivity


def test_sigma_min_of_a_fixed_score_turns_into_the_target_at_the_best_cut():
    rng = np.random.default_rng(0)
    score = np.concatenate([rng.normal(3, 1, 2000), rng.normal(0, 1, 100_000)])
    sic = significance_improvement(score, np.arange(len(score)) < 2000)
    found = sigma_min(sic)
    assert found.value == pytest.approx(5 / sic.max_sic)
    assert found.low < found.value < found.high
    assert sigma_min(sic, target=3.0).value == pytest.approx(0.6 * found.value)
    # In numbers of events: that much signal on this background is 5 sigma after the cut.
    background = 100_000
    signal = found.value * background**0.5
    best = np.argmax(np.where(sic.valid, sic.sic, 0))
    assert signal * sic.eff_s[best] / (background * sic.eff_b[best]) ** 0.5 == pytest.approx(5)
    noise = significance_improvement(rng.normal(size=4000), np.arange(4000) % 2)
    assert sigma_min(noise).value <= 5.0


def test_sigma_min_of_injections():
    inclusive = [0.5, 1.0, 2.0, 3.0]
    found = sigma_min_of_injections(inclusive, [1.0, 2.0, 4.0, 4.0])
    np.testing.assert_allclose(found.reached, [0.5, 2.0, 8.0, 12.0])
    assert found.value == pytest.approx(1.5)
    assert not found.is_bound
    # The largest crossing counts: at 2.0 the target is missed again.
    assert sigma_min_of_injections(inclusive, [12.0, 6.0, 2.0, 2.0]).value == pytest.approx(2.5)
    bound = sigma_min_of_injections(inclusive, [20.0, 10.0, 8.0, 8.0])
    assert (bound.value, bound.is_bound) == (0.5, True)
    assert "<= 0.50" in str(bound)
    never = sigma_min_of_injections(inclusive, [1.0, 1.0, 1.0, 1.0])
    assert never.value == np.inf
    assert np.isnan(SigmaMin.from_dict(never.to_dict()).value)
    trainings = np.outer([0.8, 1.0, 1.2], [1.0, 2.0, 4.0, 4.0])
    spread = sigma_min_of_injections(inclusive, trainings)
    assert spread.value == pytest.approx(1.5)
    assert spread.low < spread.value < spread.high
    assert SigmaMin.from_dict(spread.to_dict()).to_dict() == spread.to_dict()


@pytest.mark.parametrize(
    ("inclusive", "sic", "message"),
    [
        ([1.0], [1.0], "at least 2"),
        ([1.0, 2.0], [1.0], "one SIC for each"),
        ([2.0, 1.0], [1.0, 1.0], "rise"),
        ([0.0, 1.0], [1.0, 1.0], "positive"),
        ([1.0, 2.0], [1.0, np.nan], "NaN"),
    ],
)
def test_injections_that_make_no_curve_are_refused(inclusive, sic, message):
    with pytest.raises(InputError, match=message):
        sigma_min_of_injections(inclusive, sic)


def test_sigma_min_needs_background_and_a_target():
    tiny = significance_improvement([1.0, 0.0], [1, 0])
    with pytest.raises(InputError, match="use a larger test"):
        sigma_min(tiny)
    with pytest.raises(InputError, match="target"):
        sigma_min_of_injections([1.0, 2.0], [1.0, 1.0], target=0.0)
