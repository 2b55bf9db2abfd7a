"""The supervised references, held to one set of promises."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import clone

from bumphunt.errors import ConfigError, InputError, TruthError
from bumphunt.scores.protocol import AnomalyScorer
from bumphunt.scores.quality import log_loss, roc
from bumphunt.scores.supervised.networks import MlpClassifier
from bumphunt.scores.supervised.trees import DecisionTree, SupervisedTrees

MAKERS = {
    "tree": lambda seed=1: DecisionTree(max_depth=5, seed=seed),
    "boosted": lambda seed=1: SupervisedTrees(max_iter=40, seed=seed),
    "network": lambda seed=1: MlpClassifier(epochs=8, batch_size=400, learning_rate=5e-3, seed=seed),
}
EACH = pytest.mark.parametrize("name", MAKERS)


def samples(n_signal, n_background, seed=0):
    """Return two features in units of hundreds and thousandths, of which signal has a shifted first and second."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_signal + n_background, 3))
    rows[:n_signal, 0] += 1.5
    rows[:n_signal, 1] += 1.0
    return rows * [100.0, 1e-3, 1.0] + [500.0, 0.0, 0.0], np.arange(len(rows)) < n_signal


@pytest.fixture(scope="module")
def fitted():
    return {name: make().fit(*samples(1500, 3000)) for name, make in MAKERS.items()}


@EACH
def test_separation_approaches_the_best_possible(name, fitted):
    features, truth = samples(4000, 4000, seed=9)
    model = fitted[name]
    assert isinstance(model, AnomalyScorer)
    score = model.anomaly_score(features)
    assert score.dtype == np.float64
    best = norm.cdf(np.hypot(1.5, 1.0) / np.sqrt(2))  # of the sum of the two, weighted by their shifts
    assert best - (0.04 if name == "tree" else 0.015) < roc(score, truth).auc < best + 0.01
    # Trained on balanced classes: half the events of one class each get about the right probability.
    assert log_loss(score, truth, balanced=True).value < 0.47
    probability = model.probability(features)
    np.testing.assert_allclose(np.log(probability / (1 - probability)), score, atol=1e-9)
    assert probability.mean() == pytest.approx(0.5, abs=0.03)


@EACH
def test_the_seed_is_all_there_is_to_chance(name):
    data, test = samples(200, 400), samples(50, 50, seed=3)[0]
    first, again = (MAKERS[name](seed=4).fit(*data).anomaly_score(test) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    if name != "tree":  # which has nothing random unless two questions tie
        assert not np.array_equal(first, MAKERS[name](seed=5).fit(*data).anomaly_score(test))


@EACH
def test_reloaded_model_answers_identically(name, fitted, tmp_path):
    model, test = fitted[name], samples(20, 20, seed=2)[0]
    path = tmp_path / ("model.keras" if name == "network" else "model.skops")
    model.save(path)
    loaded = type(model).load(path)
    np.testing.assert_array_equal(loaded.anomaly_score(test), model.anomaly_score(test))
    assert loaded.get_params() == model.get_params()
    assert loaded.n_features_in_ == 3
    other = DecisionTree if name == "boosted" else SupervisedTrees
    if name != "network":
        with pytest.raises(InputError, match="load it as what it is"):
            other.load(path)


@EACH
def test_a_clone_has_the_settings_and_nothing_learned(name, fitted, tmp_path):
    copy = clone(fitted[name])
    assert copy.get_params() == fitted[name].get_params()
    with pytest.raises(InputError, match="not fitted"):
        copy.anomaly_score([[1.0, 1.0, 1.0]])
    with pytest.raises(InputError, match="not fitted"):
        copy.save(tmp_path / "model.keras")


FEATURES, TRUTH = samples(30, 30)
NAN, CONSTANT = FEATURES.copy(), FEATURES.copy()
NAN[3, 1], CONSTANT[:, 1] = np.nan, 0.1


@EACH
@pytest.mark.parametrize(
    ("features", "truth", "message"),
    [
        (NAN, TRUTH, "NaN"),
        (CONSTANT, TRUTH, r"'x1' is constant \(0.1\)"),
        (pd.DataFrame(CONSTANT, columns=["a", "b", "c"]), TRUTH, "'b' is constant"),
        (FEATURES, np.zeros(60), "one class"),
        (FEATURES[:35], TRUTH[:35], "30 signal and 5 background events are too few"),
        (FEATURES, TRUTH[:50], "one entry for each of 60"),
        (FEATURES, TRUTH * 2, "neither 0 nor 1"),
        (FEATURES, np.full(60, np.nan), "neither 0 nor 1"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(name, features, truth, message):
    with pytest.raises(InputError, match=message):
        MAKERS[name]().fit(features, truth)


@EACH
def test_truth_among_the_features_and_another_width_are_refused(name, fitted):
    with pytest.raises(TruthError):
        MAKERS[name]().fit(pd.DataFrame({"mj1": FEATURES[:, 0], "label": TRUTH.astype(float)}), TRUTH)
    with pytest.raises(InputError, match="fitted with 3"):
        fitted[name].anomaly_score([[1.0, 2.0]])


@pytest.mark.parametrize(
    "model", [DecisionTree(max_depth=0), SupervisedTrees(members=0), SupervisedTrees(learning_rate=0.0)]
)
def test_bad_settings_are_refused(model):
    with pytest.raises(ConfigError):
        model.fit(FEATURES, TRUTH)


def test_a_pure_box_is_not_certain():
    features = np.arange(200.0)[:, None]
    model = DecisionTree(max_depth=1).fit(features, features[:, 0] >= 100)
    np.testing.assert_allclose(model.probability([[0.0], [199.0]]), [1 / 102, 101 / 102])


def test_unbalanced_trees_know_how_rare_signal_is():
    model = SupervisedTrees(max_iter=40, balanced=False).fit(*samples(500, 4500))
    assert model.probability(samples(500, 4500, seed=8)[0]).mean() == pytest.approx(0.1, abs=0.02)


@pytest.fixture(scope="module")
def dijets(shared_data):
    files = (shared_data / "dev_qcd.parquet", shared_data / "dev_signal_3500_500_100.parquet")
    if not all(file.exists() for file in files):
        pytest.skip("the development sample is not beside the project")
    columns = ["mj1", "mj2", "tau21_1", "tau21_2"]
    background, signal = (pd.read_parquet(file)[columns].iloc[:10_000] for file in files)
    events = pd.concat([background, signal]).astype(float)
    order = np.random.default_rng(0).permutation(len(events))
    return events.iloc[order], (np.arange(len(events)) >= len(background))[order]


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (DecisionTree(), 0.94),
        (SupervisedTrees(), 0.965),
        (MlpClassifier(epochs=30, batch_size=500, learning_rate=3e-3), 0.95),
    ],
    ids=lambda value: type(value).__name__,
)
def test_on_simulated_dijets(model, least, dijets):
    events, truth = dijets
    half = len(events) // 2
    model.fit(events.iloc[:half], truth[:half])
    assert least < roc(model.anomaly_score(events.iloc[half:]), truth[half:]).auc < 0.995
