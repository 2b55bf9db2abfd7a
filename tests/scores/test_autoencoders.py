"""Both autoencoders, held to the same promises."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from bumphunt.errors import ConfigError, FitError, InputError, TruthError
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.vae import VariationalAutoencoder

SMALL = {"hidden": (16, 16), "epochs": 8, "batch_size": 500, "optimizer": "adam", "learning_rate": 5e-3, "seed": 3}
BOTH = pytest.mark.parametrize("cls", [Autoencoder, VariationalAutoencoder])


def curve(n, seed):
    """Events along a line in three dimensions, in [0, 1]."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(size=(n, 1))
    return np.clip(np.hstack([t, 1 - t, t**2]) + rng.normal(0, 0.02, (n, 3)), 0, 1)


@pytest.fixture(scope="module")
def features():
    return curve(4000, 0)


@pytest.fixture(scope="module")
def fitted(features):
    return {cls: cls(**SMALL, latent_dim=1).fit(features) for cls in (Autoencoder, VariationalAutoencoder)}


@BOTH
def test_training_lowers_the_loss_and_rebuilds_events(cls, fitted, features):
    model = fitted[cls]
    history = model.history_
    assert set(history) == {"loss", "L_R", "L_KL"}
    assert all(len(values) == SMALL["epochs"] for values in history.values())
    assert history["L_R"][-1] < 0.5 * history["L_R"][0]
    # A constant answer, the best without a latent space, would leave the variance of the features.
    assert model.reconstruction_error(features).mean() < 0.3 * features.var(axis=0).mean()
    assert model.reconstruct(features).shape == features.shape


def test_history_adds_up_with_its_weights(fitted):
    for model, zeta, xi in ((fitted[Autoencoder], 1, 0), (fitted[VariationalAutoencoder], 5000, 1)):
        history = model.history_
        np.testing.assert_allclose(history["loss"], zeta * history["L_R"] + xi * history["L_KL"])
    assert (fitted[Autoencoder].history_["L_KL"] == 0).all()
    assert (fitted[VariationalAutoencoder].history_["L_KL"] > 0).all()


@BOTH
@pytest.mark.parametrize("batch_size", [200, 500])
def test_a_seed_repeats_bit_for_bit(cls, batch_size, features):
    settings = {**SMALL, "epochs": 2, "batch_size": batch_size}
    first, second = (cls(**settings).fit(features[:2000]) for _ in range(2))
    np.testing.assert_array_equal(first.anomaly_score(features), second.anomaly_score(features))
    np.testing.assert_array_equal(first.history_["loss"], second.history_["loss"])
    if batch_size == 500:  # not again where compiling takes longest
        other = cls(**{**settings, "seed": 4}).fit(features[:2000])
        assert not np.array_equal(first.anomaly_score(features), other.anomaly_score(features))


@BOTH
def test_seeds_leave_the_global_state_alone(cls, features):
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cls(**{**SMALL, "epochs": 1}).fit(features[:1000])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@BOTH
def test_reloaded_model_answers_identically(cls, fitted, features, tmp_path):
    model = fitted[cls]
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = cls.load(path)
    np.testing.assert_array_equal(loaded.anomaly_score(features), model.anomaly_score(features))
    np.testing.assert_array_equal(loaded.decode([[0.3]]), model.decode([[0.3]]))
    np.testing.assert_array_equal(loaded.history_["L_R"], model.history_["L_R"])
    assert loaded.get_params() == model.get_params()
    assert [p.name for p in tmp_path.iterdir()] == ["model.keras"]
    other = VariationalAutoencoder if cls is Autoencoder else Autoencoder
    with pytest.raises(InputError, match="load it as what it is"):
        other.load(path)


@BOTH
def test_estimator_rules(cls, fitted):
    model = cls(latent_dim=3)
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(fitted[cls]), "network_")
    assert set(inspect.signature(cls).parameters) == set(model.get_params())


@BOTH
def test_each_epoch_can_be_watched_but_not_changed(cls, features):
    seen = []

    def spoil(epoch, copy):
        seen.append((epoch, copy.anomaly_score(features[:50])))
        copy.network_.set_weights([weight * 0 for weight in copy.network_.get_weights()])

    settings = {**SMALL, "epochs": 2}
    watched = cls(**settings).fit(features, on_epoch=spoil)
    alone = cls(**settings).fit(features)
    np.testing.assert_array_equal(watched.anomaly_score(features), alone.anomaly_score(features))
    assert [epoch for epoch, _ in seen] == [1, 2]
    np.testing.assert_array_equal(seen[-1][1], watched.anomaly_score(features[:50]))


def test_vae_samples_with_the_stated_formula(features):
    from bumphunt.scores.layers import Sampling

    sampling = Sampling(seed=1)
    mean, log_var = np.full((200_000, 1), 2.0, np.float32), np.full((200_000, 1), 2 * np.log(0.3), np.float32)
    z = np.asarray(sampling((mean, log_var)))
    assert z.mean() == pytest.approx(2.0, abs=0.004)
    assert z.std() == pytest.approx(0.3, abs=0.003)
    assert not np.array_equal(z, np.asarray(sampling((mean, log_var))))


def test_kl_only_gives_the_prior_and_reconstruction_only_does_not(features):
    settings = {**SMALL, "epochs": 15}
    prior = VariationalAutoencoder(**settings, zeta=0, xi=1).fit(features)
    mean, log_var = prior.encode(features)
    assert np.abs(mean).mean() < 0.1
    assert np.abs(log_var).mean() < 0.1
    free = VariationalAutoencoder(**settings, zeta=1, xi=0).fit(features)
    assert free.history_["L_R"][-1] < 0.3 * prior.history_["L_R"][-1]
    assert np.exp(free.encode(features)[1]).mean() < 0.3


def test_other_shapes_losses_and_optimisers(features):
    model = VariationalAutoencoder(
        hidden=(8,),
        latent_dim=2,
        zeta=3,
        reconstruction="binary_crossentropy",
        activation="selu",
        optimizer="nadam",
        learning_rate=1e-2,
        batch_size=999,
        epochs=3,
    ).fit(features)
    mean, log_var = model.encode(features)
    assert mean.shape == log_var.shape == (4000, 2)
    assert model.history_["L_R"][-1] < model.history_["L_R"][0]
    for score in ("z2", "kl", "reconstruction_error"):
        assert np.isfinite(model.set_params(score=score).anomaly_score(features)).all()


def test_by_default_the_number_of_steps_is_fixed(features, monkeypatch):
    monkeypatch.setattr("bumphunt.scores.training.DEFAULT_STEPS", 12)
    settings = {**SMALL, "epochs": None}
    epochs = [len(Autoencoder(**settings).fit(features[:n]).history_["loss"]) for n in (500, 1500, 4000)]
    assert epochs == [12, 4, 2]


def test_refit_on_another_width(features):
    model = Autoencoder(**{**SMALL, "epochs": 1}).fit(features)
    assert model.fit(features[:, :2]).n_features_in_ == 2
    with pytest.raises(InputError, match="fitted with 2"):
        model.anomaly_score(features)


@BOTH
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.full((50, 3), np.nan), "NaN"),
        (np.full((50, 3), 3.0), "QuantileFrontEnd"),
        (np.ones(5), "shape"),
        (np.ones((1, 3)), "at least 2"),
        (np.full((50, 3), 0.4), "all 50 events are the same"),
        (np.full((50, 3), np.inf), "NaN or infinite"),
        (np.empty((0, 3)), "non-empty"),
        (np.array([["a", "b"]]), "not numeric"),
    ],
)
def test_bad_features_are_refused(cls, bad, message):
    with pytest.raises(InputError, match=message):
        cls(**SMALL).fit(bad)


@BOTH
@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": -1.0},
        {"hidden": ()},
        {"latent_dim": 0},
        {"reconstruction": "mae"},
        {"optimizer": "newton"},
        {"activation": "wiggly"},
    ],
)
def test_bad_settings_are_refused(cls, setting, features):
    with pytest.raises(ConfigError):
        cls(**{**SMALL, **setting}).fit(features)


@pytest.mark.parametrize("setting", [{"zeta": -1.0}, {"zeta": 0, "xi": 0}, {"score": "z"}])
def test_bad_vae_settings_are_refused(setting, features):
    with pytest.raises(ConfigError):
        VariationalAutoencoder(**SMALL, **setting).fit(features)


@BOTH
def test_a_constant_feature_beside_others_does_no_harm(cls, features):
    dead = np.column_stack([features[:500], np.zeros(500)])  # as the corners of images are
    assert np.isfinite(cls(**{**SMALL, "epochs": 1}).fit(dead).anomaly_score(dead)).all()


def test_divergence_is_an_error(features):
    with pytest.raises(FitError, match="lower learning_rate"):
        VariationalAutoencoder(**{**SMALL, "learning_rate": 1e12, "optimizer": "sgd"}).fit(features)


@BOTH
def test_truth_cannot_enter(cls, fitted, features):
    table = pd.DataFrame(features, columns=["mj1", "mj2", "label"])
    with pytest.raises(TruthError):
        cls(**SMALL).fit(table)
    with pytest.raises(TruthError):
        fitted[cls].anomaly_score(table)


def test_unfitted_model_says_so(features, tmp_path):
    with pytest.raises(InputError, match="not fitted"):
        Autoencoder().anomaly_score(features)
    with pytest.raises(InputError, match="not fitted"):
        VariationalAutoencoder().save(tmp_path / "model.keras")
