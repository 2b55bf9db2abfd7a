"""The small network of weak supervision: it learns as the trees do, repeats bit for bit, and stops without truth."""

import numpy as np
import pytest

from bumphunt.errors import ConfigError, FitError, InputError
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.protocol import Validation
from bumphunt.scores.stopping import criterion_value

FAST = {"hidden": (16,), "epochs": 6, "batch_size": 300, "learning_rate": 1e-2, "dropout": 0.0}


def samples(number=1500, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    positive = rng.random(number) < 0.5
    features = rng.standard_normal((number, 2)) * [100.0, 0.01] + [3000.0, 0.5]  # of any unit
    features[positive, 1] += 0.01 * shift
    return features, positive


def area(score, positive):
    order = np.argsort(np.argsort(score)) + 1.0
    n, m = positive.sum(), (~positive).sum()
    return (order[positive].sum() - n * (n + 1) / 2) / (n * m)


@pytest.mark.parametrize("settings", [{}, {"activation": "selu", "dropout": 0.1, "optimizer": "nadam"}])
def test_two_gaussians_are_told_apart_about_as_well_as_can_be(settings):
    model = NetworkClassifier(**{**FAST, **settings}).fit(*samples())
    features, positive = samples(seed=1)
    best = area(features[:, 1], positive)
    assert best - 0.03 < area(model.anomaly_score(features), positive) < best + 0.01
    assert model.histories_[0]["loss"][-1] < model.histories_[0]["loss"][0]


@pytest.mark.parametrize("batch_size", [150, 500])
def test_the_seed_is_all_there_is_to_chance(batch_size):
    data, test = samples(), samples(seed=2)[0]
    settings = {**FAST, "batch_size": batch_size, "dropout": 0.2, "epochs": 2}
    first, same, other = (NetworkClassifier(**settings, seed=seed).fit(*data).anomaly_score(test) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_member_does_not_depend_on_how_many_there_are():
    data, test = samples(), samples(seed=3)[0]
    one, three = (NetworkClassifier(**FAST, members=members).fit(*data) for members in (1, 3))
    each = three.member_scores(test)
    assert each.shape == (3, len(test))
    # Matrix products of other shapes may round differently.
    np.testing.assert_allclose(one.member_scores(test)[0], each[0], rtol=1e-5, atol=1e-6)
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(three.anomaly_score(test), each.mean(axis=0))


def test_weights_shift_the_odds_and_events_of_no_weight_teach_nothing():
    features, positive = samples()
    weights = np.where(np.arange(len(positive)) % 2, 1.0, 0.0)
    test = samples(seed=4)[0]
    lied = np.where(weights > 0, positive, ~positive)
    scores = [
        NetworkClassifier(**FAST).fit(features, labels, weights=weights).anomaly_score(test)
        for labels in (positive, lied)
    ]
    np.testing.assert_allclose(*scores, rtol=1e-5, atol=1e-6)
    heavier = NetworkClassifier(**FAST).fit(features, positive, weights=np.where(positive, 4.0, 1.0))
    lighter = NetworkClassifier(**FAST).fit(features, positive)
    assert np.mean(heavier.anomaly_score(test) - lighter.anomaly_score(test)) == pytest.approx(np.log(4), abs=0.3)


@pytest.mark.parametrize("criterion", ["log_loss", "argos"])
def test_validation_keeps_the_best_epoch_and_ends_the_training(criterion):
    features, positive = samples(400)
    held_out = Validation(
        **dict(zip(("features", "positive"), samples(1000, seed=5), strict=True)), weights=np.ones(1000)
    )
    settings = {**FAST, "hidden": (64, 64), "epochs": 60, "batch_size": 50, "patience": 4, "criterion": criterion}
    model = NetworkClassifier(**settings).fit(features, positive, validation=held_out)
    for history, scores in zip(model.histories_, model.member_scores(held_out.features), strict=True):
        seen = history["validation"]
        assert len(seen) == min(60, int(np.argmin(seen)) + 1 + 4)
        assert criterion_value(criterion, scores, held_out) == pytest.approx(seen.min(), abs=1e-6)


def test_a_feature_constant_in_training_does_not_spoil_the_rest():
    features, positive = samples()
    features[:, 0] = 7.0
    score = NetworkClassifier(**FAST).fit(features, positive).anomaly_score(features)
    assert np.isfinite(score).all()
    assert area(score, positive) > 0.7


def test_a_file_of_another_model_is_refused(tmp_path):
    from bumphunt.scores.autoencoder import Autoencoder

    path = tmp_path / "model.keras"
    NetworkClassifier(**{**FAST, "epochs": 1}).fit(*samples(100)).save(path)
    with pytest.raises(InputError, match="holds NetworkClassifier, not Autoencoder"):
        Autoencoder.load(path)
    Autoencoder(hidden=(4,), epochs=1).fit(np.random.default_rng(0).random((50, 3))).save(path)
    with pytest.raises(InputError, match="holds Autoencoder, not NetworkClassifier"):
        NetworkClassifier.load(path)


@pytest.mark.parametrize(
    "setting",
    [
        {"members": 0},
        {"hidden": ()},
        {"dropout": 1.0},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"patience": 0},
        {"criterion": "auc"},
        {"optimizer": "newton"},
        {"activation": "wiggly"},
    ],
)
def test_bad_settings_are_refused(setting):
    with pytest.raises(ConfigError):
        NetworkClassifier(**{**FAST, **setting}).fit(*samples(100))


def test_divergence_is_an_error():
    with pytest.raises(FitError, match="lower learning_rate"):
        NetworkClassifier(**{**FAST, "learning_rate": 1e30, "optimizer": "sgd"}).fit(*samples(400))
