import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import ConfigError, TruthError
from bumphunt.scores.epochs import EpochScores
from bumphunt.scores.latent import latent_scores
from bumphunt.scores.quality import roc
from bumphunt.scores.vae import VariationalAutoencoder

SETTINGS = {"hidden": (16,), "zeta": 100.0, "epochs": 6, "batch_size": 300, "optimizer": "adam", "learning_rate": 1e-2}


def test_auc_per_epoch_without_truth_near_the_training():
    rng = np.random.default_rng(0)
    t = 0.5 + 0.1 * rng.normal(size=(2000, 1))
    features = np.hstack([t, t, 1 - t])
    truth = np.arange(2000) < 100
    features[truth] = [0.95, 0.9, 0.05]
    features = np.clip(features + rng.normal(0, 0.02, features.shape), 0, 1)

    kept = EpochScores(features, every=2)
    model = VariationalAutoencoder(**SETTINGS).fit(features, on_epoch=kept)
    assert kept.epochs == [2, 4, 6]
    last = latent_scores(model, features)
    assert set(kept.scores) == set(last)
    for name, score in last.items():
        np.testing.assert_array_equal(kept.scores[name][-1], score)
    areas = [roc(score, truth).auc for score in kept.scores["z2"]]
    assert areas[-1] > 0.9
    alone = VariationalAutoencoder(**SETTINGS).fit(features)
    np.testing.assert_array_equal(alone.history_["L_R"], model.history_["L_R"])


def test_a_conditional_model_is_watched_with_its_condition():
    rng = np.random.default_rng(1)
    mass = rng.random(300)
    features = np.stack([mass, rng.random(300)], axis=1)
    kept = EpochScores(features, condition=mass)
    VariationalAutoencoder(**{**SETTINGS, "epochs": 1}).fit(features, condition=mass, on_epoch=kept)
    assert len(kept.scores["reconstruction_error"]) == 1


def test_truth_and_nonsense_are_refused():
    with pytest.raises(TruthError):
        EpochScores(pd.DataFrame({"mj1": [0.5], "label": [1.0]}))
    with pytest.raises(ConfigError):
        EpochScores([[0.5]], every=0)
