"""Every scorer is held to the same promises: one finite number per event, higher for what is unusual, and so on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError, TruthError
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.latent_cwola import LatentClassifier
from bumphunt.scores.mahalanobis import MahalanobisDistance
from bumphunt.scores.protocol import AnomalyScorer, check_features, check_training
from bumphunt.scores.quality import roc
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.vae import VariationalAutoencoder

SMALL = {"hidden": (16,), "epochs": 15, "batch_size": 500, "optimizer": "adam", "learning_rate": 1e-2, "seed": 1}


def sample(n_background, n_signal, seed):
    """Background along a line, with signal far from it."""
    rng = np.random.default_rng(seed)
    t = 0.5 + 0.1 * rng.normal(size=(n_background, 1))
    background = np.hstack([t, t, t, t])
    signal = np.tile([0.95, 0.95, 0.6, 0.9], (n_signal, 1))
    events = np.vstack([background, signal])
    return np.clip(events + rng.normal(0, 0.03, events.shape), 0, 1), np.arange(len(events)) >= n_background


def a_vae(score="z2", **settings):
    return VariationalAutoencoder(**{**SMALL, "zeta": 100, **settings}, score=score)


@dataclass
class Case:
    """How one scorer is made, trained and saved: ``regions`` says that it learns signal region against sidebands."""

    make: Any
    suffix: str
    regions: bool = False

    def fit(self, features, is_signal):
        scorer = self.make()
        # A mixture against pure background, as in a signal region with a resonance and its sidebands.
        region = is_signal | (np.arange(len(features)) % 2 == 0)
        return scorer.fit(features, region) if self.regions else scorer.fit(features)


CASES = {
    "autoencoder": Case(lambda: Autoencoder(**SMALL, latent_dim=1), ".keras"),
    "vae-z2": Case(lambda: a_vae("z2"), ".keras"),
    "vae-kl": Case(lambda: a_vae("kl"), ".keras"),
    "vae-error": Case(lambda: a_vae("reconstruction_error"), ".keras"),
    "mahalanobis": Case(MahalanobisDistance, ".npz"),
    "mahalanobis-robust": Case(lambda: MahalanobisDistance(robust=True), ".npz"),
    "trees": Case(lambda: BoostedTrees(members=2, max_iter=20), ".skops", regions=True),
    "network": Case(lambda: NetworkClassifier(**{**SMALL, "epochs": 8}, members=2), ".keras", regions=True),
    "latent-trees": Case(
        lambda: LatentClassifier(a_vae(latent_dim=2), BoostedTrees(members=1, max_iter=20)), ".zip", regions=True
    ),
    "latent-network": Case(
        lambda: LatentClassifier(a_vae(latent_dim=2), NetworkClassifier(**{**SMALL, "epochs": 8})),
        ".zip",
        regions=True,
    ),
}
ALL = pytest.mark.parametrize("name", CASES)
WEAK = pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.regions])


@pytest.fixture(scope="module")
def fitted():
    """Return a function that trains each scorer once."""
    done = {}

    def get(name):
        if name not in done:
            done[name] = CASES[name].fit(*sample(4000, 80, 0))
        return done[name]

    return get


@ALL
def test_higher_is_more_anomalous(name, fitted):
    test, truth = sample(2000, 200, 1)
    scorer = fitted(name)
    assert isinstance(scorer, AnomalyScorer)
    score = scorer.anomaly_score(test)
    assert score.shape == (len(test),)
    assert score.dtype == np.float64
    assert np.isfinite(score).all()
    assert roc(score, truth).auc > 0.8
    # A score belongs to its event, whoever else is in the file; float32 sums may differ by rounding.
    np.testing.assert_allclose(scorer.anomaly_score(test[::-1])[::-1], score, rtol=1e-4, atol=1e-5)


@ALL
def test_two_trainings_with_one_seed_agree_bit_for_bit(name, fitted):
    again = CASES[name].fit(*sample(4000, 80, 0))
    test, _ = sample(300, 30, 2)
    np.testing.assert_array_equal(again.anomaly_score(test), fitted(name).anomaly_score(test))


@ALL
def test_saved_and_loaded_it_answers_identically(name, fitted, tmp_path):
    scorer, path = fitted(name), tmp_path / f"model{CASES[name].suffix}"
    scorer.save(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "nothing temporary is left"
    test, _ = sample(300, 30, 2)
    np.testing.assert_array_equal(type(scorer).load(path).anomaly_score(test), scorer.anomaly_score(test))
    with pytest.raises(InputError, match="no such file"):
        type(scorer).load(tmp_path / f"absent{CASES[name].suffix}")
    path.write_bytes(b"not a model")
    with pytest.raises(InputError):
        type(scorer).load(path)


@ALL
def test_training_on_nan_or_with_truth_is_refused(name):
    features, is_signal = sample(200, 20, 3)
    spoiled = features.copy()
    spoiled[7, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        CASES[name].fit(spoiled, is_signal)
    with pytest.raises(TruthError):
        CASES[name].fit(pd.DataFrame(features, columns=["mj1", "mj2", "tau21_1", "label"]), is_signal)


@ALL
def test_a_scorer_that_learned_nothing_says_so(name, tmp_path):
    with pytest.raises(InputError, match="not fitted"):
        CASES[name].make().anomaly_score(np.zeros((2, 4)))
    with pytest.raises(InputError, match="not fitted"):
        CASES[name].make().save(tmp_path / f"model{CASES[name].suffix}")
    assert not list(tmp_path.iterdir())


@WEAK
def test_one_class_alone_and_rows_that_differ_are_refused(name):
    features, _ = sample(200, 20, 3)
    for value in (True, False):
        with pytest.raises(InputError, match="of one class"):
            CASES[name].make().fit(features, np.full(len(features), value))
    with pytest.raises(InputError, match="one class and weight per event"):
        CASES[name].make().fit(features, np.arange(219) < 100)


@WEAK
def test_members_average_to_the_score(name, fitted):
    test, _ = sample(100, 10, 4)
    scorer = fitted(name)
    np.testing.assert_allclose(scorer.anomaly_score(test), scorer.member_scores(test).mean(axis=0))


def test_check_training_refuses_weights_that_leave_nothing():
    features, positive = np.random.default_rng(0).random((10, 2)), np.arange(10) < 5
    for weights in (positive * 1.0, np.full(10, -1.0), np.full(10, np.nan)):
        with pytest.raises(InputError, match="weights must be"):
            check_training(features, positive, weights)
    with pytest.raises(TruthError):
        check_training(features, pd.Series(positive, name="label"))


def test_check_features_returns_what_it_was_given():
    table = pd.DataFrame({"mj1": [1, 2], "mj2": [3.0, 4.0]})
    np.testing.assert_array_equal(check_features(table), [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("bad", "message"),
    [([1.0], "shape"), (np.ones((0, 2)), "shape"), ([[1.0, np.inf]], "row 0"), ([["x"]], "not numeric")],
)
def test_check_features_refuses(bad, message):
    with pytest.raises(InputError, match=message):
        check_features(bad)


def test_check_features_refuses_truth_and_another_width():
    with pytest.raises(TruthError):
        check_features(pd.DataFrame({"label": [1.0]}))
    with pytest.raises(InputError, match="fitted with 3"):
        check_features([[1.0]], width=3)
