"""A decoder that is told mjj and an encoder that is not: what the latent space then holds, and what comes out."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_selection import mutual_info_regression

from bumphunt.errors import InputError
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.latent import latent_scores
from bumphunt.scores.vae import VariationalAutoencoder

SETTINGS = {
    "hidden": (24,),
    "zeta": 100.0,
    "epochs": 15,
    "batch_size": 500,
    "optimizer": "adam",
    "learning_rate": 1e-2,
    "seed": 2,
}
BOTH = pytest.mark.parametrize("cls", [Autoencoder, VariationalAutoencoder])


def events(n, seed=0):
    """Features of which most follow mjj (GeV), and the rest something that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    mass, other = rng.random((2, n))
    features = np.stack([mass, 1 - mass, mass**2, other, 0.5 + 0.4 * (other - 0.5)], axis=1)
    return np.clip(features + rng.normal(0, 0.03, features.shape), 0, 1), 2500.0 + 3000.0 * mass, other


def information(latent, values):
    return mutual_info_regression(latent[:3000], values[:3000], random_state=0)[0]


@pytest.fixture(scope="module")
def trained():
    features, mjj, other = events(5000)
    plain = VariationalAutoencoder(**SETTINGS).fit(features)
    told = VariationalAutoencoder(**SETTINGS).fit(features, condition=mjj)
    return features, mjj, other, plain, told


def test_the_latent_space_leaves_to_the_decoder_what_it_is_told(trained):
    features, mjj, other, plain, told = trained
    without, with_it = plain.encode(features)[0], told.encode(features)[0]
    # One latent dimension holds what varies most, here the mass, unless the decoder knows that already.
    assert information(without, mjj) > 1.0
    assert information(with_it, mjj) < 0.35
    assert abs(np.corrcoef(with_it[:, 0], mjj)[0, 1]) < 0.15
    assert information(with_it, other) > 2 * information(without, other)
    assert told.reconstruction_error(features, condition=mjj).mean() < 0.5 * plain.reconstruction_error(features).mean()


def test_the_decoder_says_what_an_event_of_that_mass_looks_like(trained):
    told = trained[-1]
    masses = np.array([3000.0, 4000.0, 5000.0])
    rows = told.decode(np.zeros((3, 1)), condition=masses)
    np.testing.assert_allclose(rows[:, 0], (masses - 2500) / 3000, atol=0.06)
    np.testing.assert_allclose(rows[:, 3], rows[0, 3], atol=0.1)
    # as many rows: products of other shapes may differ in the last bit
    np.testing.assert_array_equal(told.decode(np.zeros((3, 1)), condition=4000.0)[1], rows[1])


def test_latent_scores_do_not_take_the_mass_and_the_error_does(trained):
    features, mjj, _, _, told = trained
    assert "condition" not in inspect.signature(told.encode).parameters
    one, other = (latent_scores(told, features[:200], condition=value) for value in (mjj[:200], mjj[200:400]))
    for name in ("z", "z2", "log_var", "kl"):
        np.testing.assert_array_equal(one[name], other[name])
    assert not np.array_equal(one["reconstruction_error"], other["reconstruction_error"])
    np.testing.assert_array_equal(told.anomaly_score(features[:200]), one["z2"])


@BOTH
def test_saved_and_loaded_it_answers_identically(cls, tmp_path):
    features, mjj, _ = events(1000)
    both = np.stack([mjj, mjj**0.5], axis=1)
    settings = {key: value for key, value in SETTINGS.items() if key != "zeta"} | {"epochs": 2}
    model = cls(**settings).fit(features, condition=both)
    model.save(tmp_path / "model.keras")
    loaded = cls.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.reconstruct(features, condition=both), model.reconstruct(features, condition=both)
    )
    again = cls(**settings).fit(features, condition=both)
    np.testing.assert_array_equal(
        again.reconstruction_error(features, condition=both), model.reconstruction_error(features, condition=both)
    )
    with pytest.raises(InputError, match="1 columns, but the model was fitted with 2"):
        loaded.reconstruct(features, condition=mjj)
    assert clone(model).fit(features).decode(np.zeros((1, model.latent_dim))).shape == (1, 5)


def test_copies_shown_in_training_know_the_condition():
    features, mjj, _ = events(1000)
    seen = []
    VariationalAutoencoder(**{**SETTINGS, "epochs": 2}).fit(
        features,
        condition=mjj,
        on_epoch=lambda _, copy: seen.append(copy.reconstruction_error(features, condition=mjj).mean()),
    )
    assert seen[1] < seen[0]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (np.full(100, 3000.0), "same value"),
        (3000.0, "same value"),
        (np.arange(99), "99 rows for 100"),
        (np.r_[np.nan, np.arange(99)], "NaN"),
        (np.array(["a"] * 100), "not numeric"),
    ],
)
def test_a_condition_that_cannot_be_used_is_refused(condition, message):
    with pytest.raises(InputError, match=message):
        VariationalAutoencoder(**SETTINGS).fit(events(100)[0], condition=condition)


def test_forgetting_the_condition_or_inventing_one_is_refused(trained):
    features, mjj, _, plain, told = trained
    with pytest.raises(InputError, match="give condition= here too"):
        told.decode([[0.0]])
    with pytest.raises(InputError, match="give condition= here too"):
        latent_scores(told, features)
    with pytest.raises(InputError, match="fitted without one"):
        plain.reconstruct(features, condition=mjj)
