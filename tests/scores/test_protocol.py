"""Every scorer is held to the same promise: one finite number per event, higher for what is unusual."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError, TruthError
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.protocol import AnomalyScorer, check_features
from bumphunt.scores.quality import roc
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


def boosted_trees(features, is_signal):
    from bumphunt.scores.trees import BoostedTrees

    # A tree ensemble learns signal region against sideband: here a mixture against pure background.
    return BoostedTrees(members=1, max_iter=20).fit(features, is_signal | (np.arange(len(features)) % 2 == 0))


SCORERS = {
    "autoencoder": lambda x, _: Autoencoder(**SMALL, latent_dim=1).fit(x),
    "vae-z2": lambda x, _: VariationalAutoencoder(**SMALL, zeta=100, score="z2").fit(x),
    "vae-kl": lambda x, _: VariationalAutoencoder(**SMALL, zeta=100, score="kl").fit(x),
    "vae-error": lambda x, _: VariationalAutoencoder(**SMALL, zeta=100, score="reconstruction_error").fit(x),
    "trees": boosted_trees,
}


@pytest.mark.parametrize("name", SCORERS)
def test_higher_is_more_anomalous(name):
    train, is_signal = sample(4000, 40, 0)
    test, truth = sample(2000, 200, 1)
    scorer = SCORERS[name](train, is_signal)
    assert isinstance(scorer, AnomalyScorer)
    score = scorer.anomaly_score(test)
    assert score.shape == (len(test),)
    assert score.dtype == np.float64
    assert np.isfinite(score).all()
    assert roc(score, truth).auc > 0.8
    # A score belongs to its event, whoever else is in the file; float32 sums may differ by rounding.
    np.testing.assert_allclose(scorer.anomaly_score(test[::-1])[::-1], score, rtol=1e-4, atol=1e-5)


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
