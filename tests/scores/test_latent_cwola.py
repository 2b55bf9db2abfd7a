"""Weak supervision in the latent space: out of fold from the VAE on."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import ConfigError, InputError, TruthError
from bumphunt.preprocessing.splits import assign_folds
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.latent_cwola import LatentClassifier, latent_features
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.vae import VariationalAutoencoder
from bumphunt.scores.weak_supervision import nested_scores, out_of_fold_scores

FOLDS = 3


def vae(seed=0, **settings):
    fast = {"hidden": (16,), "latent_dim": 2, "zeta": 100.0, "epochs": 12, "batch_size": 600}
    return VariationalAutoencoder(**{**fast, "optimizer": "adam", "learning_rate": 1e-2, **settings}, seed=seed)


def classifier(fold):
    return LatentClassifier(vae(fold), BoostedTrees(members=1, max_iter=15, max_leaf_nodes=8, seed=fold))


def sample(number=1500, signal=50, seed=0):
    rng = np.random.default_rng(seed)
    t = 0.5 + 0.1 * rng.normal(size=(number, 1))
    region = rng.random(number) < 0.4
    features = np.hstack([t, t, 1 - t, rng.uniform(0.3, 0.7, (number, 1))])
    chosen = rng.choice(np.flatnonzero(region), signal, replace=False)
    features[chosen] = [0.95, 0.9, 0.05, 0.95]
    features = np.clip(features + rng.normal(0, 0.02, features.shape), 0, 1)
    return features, region, np.where(region, 1.5, 0.75), assign_folds(number, folds=FOLDS, rng=rng), chosen


def test_signal_is_found_in_the_latent_space_by_models_that_never_saw_it():
    features, region, weights, folds, chosen = sample()
    trained = []

    def make(fold):
        trained.append(classifier(fold))
        return trained[-1]

    score = out_of_fold_scores(features, region, weights, folds, make_classifier=make, rng=np.random.default_rng(0))
    assert np.mean(score[chosen] > 0.93) > 0.8
    again = out_of_fold_scores(
        features, region, weights, folds, make_classifier=classifier, rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(score, again)

    # The VAE of a fold is that of the other folds' events, told nothing about regions.
    alone = vae(0).fit(features[folds != 0])
    np.testing.assert_array_equal(trained[0].encoder_.encode(features)[0], alone.encode(features)[0])


def test_it_nests_as_any_other_base():
    features, region, weights, folds, _ = sample(900)

    def make(fold, inner):
        return LatentClassifier(vae(epochs=1), BoostedTrees(members=1, max_iter=8, seed=fold + inner))

    score = nested_scores(features, region, weights, folds, make_classifier=make, rng=np.random.default_rng(0))
    assert np.isfinite(score).all()


def test_a_fitted_encoder_is_used_as_it_is():
    features, region, *_ = sample(600)
    encoder = vae().fit(features[:300])
    before = encoder.encode(features)[0]
    model = LatentClassifier(encoder, BoostedTrees(members=1, max_iter=5)).fit(features, region)
    np.testing.assert_array_equal(model.encoder_.encode(features)[0], before)
    unfitted = LatentClassifier(vae(), BoostedTrees(members=1, max_iter=5)).fit(features[:300], region[:300])
    np.testing.assert_array_equal(unfitted.encoder_.encode(features)[0], before)
    unfitted.fit(features[300:], region[300:])
    assert not np.array_equal(unfitted.encoder_.encode(features)[0], before)


def test_columns():
    features = sample(300)[0]
    model = vae(epochs=1).fit(features)
    mean, log_var = model.encode(features)
    np.testing.assert_array_equal(latent_features(model, features), mean)
    np.testing.assert_array_equal(
        latent_features(model, features, columns=("log_var", "mean")), np.hstack([log_var, mean])
    )
    for columns in ((), ("label",)):
        with pytest.raises(ConfigError, match="choose among"):
            latent_features(model, features, columns=columns)


@pytest.mark.parametrize("base", [BoostedTrees(members=2, max_iter=5), NetworkClassifier(hidden=(8,), epochs=1)])
def test_saved_and_loaded(base, tmp_path):
    features, region, *_ = sample(400)
    model = LatentClassifier(vae(epochs=1), base, columns=("mean", "log_var")).fit(features, region)
    path = tmp_path / "model.zip"
    model.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.zip"]
    loaded = LatentClassifier.load(path)
    np.testing.assert_array_equal(loaded.member_scores(features), model.member_scores(features))
    with zipfile.ZipFile(path) as archive:
        assert not any("pkl" in name or "pickle" in name for name in archive.namelist())


def test_files_that_are_not_ours_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        LatentClassifier.load(tmp_path / "absent.zip")
    (tmp_path / "damaged.zip").write_bytes(b"x")
    with pytest.raises(InputError, match="not a saved latent classifier"):
        LatentClassifier.load(tmp_path / "damaged.zip")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("settings.json", '{"classifier": "os.system"}')
    with pytest.raises(InputError, match="not a saved latent classifier"):
        LatentClassifier.load(tmp_path / "foreign.zip")
    with pytest.raises(InputError, match=r"ends in '\.zip'"):
        LatentClassifier(vae(), BoostedTrees()).save(tmp_path / "model.pkl")
    with pytest.raises(InputError, match="not fitted"):
        LatentClassifier(vae(), BoostedTrees()).save(tmp_path / "model.zip")
    assert not (tmp_path / "model.zip").exists()


def test_truth_cannot_enter():
    features, region, *_ = sample(300)
    table = pd.DataFrame(features, columns=["mj1", "mj2", "tau21_1", "label"])
    with pytest.raises(TruthError):
        classifier(0).fit(table, region)
    with pytest.raises(TruthError):
        classifier(0).fit(features, pd.Series(region, name="label"))


def test_an_autoencoder_has_no_latent_gaussian():
    with pytest.raises((ValueError, InputError)):
        latent_features(Autoencoder(latent_dim=3), sample(300)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows, region: (np.where(rows > 0.9, np.nan, rows), region), "NaN or infinity"),
        (lambda rows, region: (3 * rows, region), "QuantileFrontEnd"),
        (lambda rows, region: (rows, np.ones_like(region)), "of one class"),
        (lambda rows, region: (np.full_like(rows, 0.5), region), "has the same value in every event"),
        (lambda rows, region: (rows, region[:-1]), "one row per event"),
    ],
)
def test_events_that_cannot_be_learned_from_are_refused_before_any_training(change, message, monkeypatch):
    features, region, weights, folds, _ = sample(number=300, signal=5)
    monkeypatch.setattr("bumphunt.scores.training.train", lambda *_, **__: pytest.fail("trained"))
    rows, classes = change(features, region)
    with pytest.raises(InputError, match=message):
        out_of_fold_scores(rows, classes, weights, folds, make_classifier=classifier, rng=np.random.default_rng(0))


def test_a_fold_of_its_own_for_every_event_is_the_most_there_can_be():
    with pytest.raises(InputError, match="2 events cannot be split into 3 folds"):
        assign_folds(2, folds=FOLDS, rng=np.random.default_rng(0))


def test_one_latent_classifier_refuses_what_its_parts_refuse():
    features, region, *_ = sample(number=300, signal=5)
    for rows, classes, message in (
        (np.where(features > 0.9, np.nan, features), region, "NaN"),
        (2 * features, region, "outside"),
        (features, np.zeros_like(region), "one class"),
        (np.full_like(features, 0.5), region, "all 300 events are the same"),
    ):
        with pytest.raises(InputError, match=message):
            classifier(0).fit(rows, classes)
