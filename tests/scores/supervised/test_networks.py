"""The supervised network: its shape, its samples, what is kept, and what adversarial training changes."""

import numpy as np
import pytest

from bumphunt.errors import ConfigError, FitError, InputError
from bumphunt.scores.quality import log_loss, roc
from bumphunt.scores.supervised.networks import MlpClassifier
from bumphunt.scores.supervised.trees import SupervisedTrees

# Batches too large for XLA, whose compiling takes longer than these trainings.
SMALL = {"epochs": 20, "batch_size": 320, "learning_rate": 1e-2, "seed": 2}


def samples(n_signal=400, n_background=900, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_signal + n_background, 3))
    rows[:, 1] += 0.9 * rows[:, 0]
    rows[:n_signal, 0] += 1.5
    return rows * [50.0, 1.0, 0.01], np.arange(len(rows)) < n_signal


@pytest.fixture(scope="module")
def fitted():
    return MlpClassifier(**SMALL).fit(*samples())


def dense_widths(network):
    return [layer.units for layer in network.body.layers if type(layer).__name__ == "Dense"]


def test_the_width_falls_by_a_step_a_layer(fitted):
    assert MlpClassifier(width=30, depth=3, step=10).widths == (30, 20, 10)
    assert dense_widths(fitted.network_) == [3, 25, 20, 1]
    assert sum(type(layer).__name__ == "Dropout" for layer in fitted.network_.body.layers) == 2


def test_scaling_and_axes_are_those_of_all_events(fitted):
    features, _ = samples()
    rows = fitted.standardise(features)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), 1, atol=1e-5)
    rotated = np.asarray(fitted.network_.rotation(rows))
    covariance = np.cov(rotated.T)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-5)
    assert (np.diff(np.diag(covariance)) < 0).all()
    assert len(fitted.network_.trainable_variables) == 6


def test_samples_are_balanced_and_a_fifth_is_held_out():
    _, signal = samples(100, 900)
    training, held_out = MlpClassifier()._split(signal)
    assert (signal[training].sum(), (~signal[training]).sum()) == (80, 80)
    assert (signal[held_out].sum(), (~signal[held_out]).sum()) == (20, 20)
    assert len(np.union1d(training, held_out)) == 200
    everything = np.concatenate(MlpClassifier(balanced=False)._split(signal))
    np.testing.assert_array_equal(np.sort(everything), np.arange(1000))


def test_the_best_weights_are_kept():
    # A large step soon learns by heart: the last epoch is not the best.
    model = MlpClassifier(**{**SMALL, "epochs": 25, "learning_rate": 0.05, "dropout": 0.0}).fit(*samples())
    held_out = model.history_["validation_loss"]
    assert len(held_out) == len(model.history_["loss"]) == 25
    assert model.best_epoch_ == np.argmin(held_out) + 1
    assert model.best_epoch_ < 25
    features, signal = samples()
    _, rows = model._split(signal)
    assert log_loss(model.anomaly_score(features[rows]), signal[rows]).value == pytest.approx(held_out.min(), rel=1e-4)


def test_patience_stops_early():
    model = MlpClassifier(**{**SMALL, "epochs": 60, "learning_rate": 0.1, "patience": 2}).fit(*samples())
    assert len(model.history_["loss"]) == model.best_epoch_ + 2 < 60


@pytest.mark.parametrize(
    "setting",
    [
        {"loss": "focal", "alpha": 0.25},
        {"activation": "selu", "optimizer": "nadam", "dropout": 0.1, "width": 16, "step": 0},
        {"fgsm_epsilon": 0.05, "batch_size": 160, "width": 12, "depth": 1},
        {"pca": False, "balanced": False},
    ],
    ids=["focal", "selu-nadam", "fgsm-xla", "all-events"],
)
def test_every_kind_of_training_learns_and_repeats(setting):
    models = [MlpClassifier(**{**SMALL, **setting}).fit(*samples()) for _ in range(2)]
    test, truth = samples(seed=1)
    first, again = (model.anomaly_score(test) for model in models)
    np.testing.assert_array_equal(first, again)
    assert roc(first, truth).auc > 0.9
    assert models[0].history_["validation_loss"][-1] < models[0].history_["validation_loss"][0]


def test_adversarial_training_on_nothing_is_plain_training():
    plain, shifted = (
        MlpClassifier(**SMALL, dropout=0.0, fgsm_epsilon=epsilon, fgsm_share=1.0).fit(*samples())
        for epsilon in (0.0, 1e-12)
    )
    np.testing.assert_allclose(plain.history_["loss"], shifted.history_["loss"], rtol=1e-4)


def test_the_global_seeds_are_left_alone():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MlpClassifier(**{**SMALL, "epochs": 1}).fit(*samples())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_history_and_best_epoch_are_saved(fitted, tmp_path):
    fitted.save(tmp_path / "model.keras")
    loaded = MlpClassifier.load(tmp_path / "model.keras")
    assert loaded.best_epoch_ == fitted.best_epoch_
    np.testing.assert_array_equal(loaded.history_["validation_loss"], fitted.history_["validation_loss"])
    with pytest.raises(InputError, match="not a readable"):
        SupervisedTrees.load(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "setting",
    [
        {"width": 5, "depth": 2, "step": 5},
        {"depth": 0},
        {"step": -1},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"patience": 0},
        {"dropout": 1.0},
        {"validation_fraction": 0.0},
        {"loss": "hinge"},
        {"gamma": -1.0},
        {"alpha": 2.0},
        {"fgsm_epsilon": -0.1},
        {"fgsm_share": 0.0},
        {"optimizer": "newton"},
        {"activation": "wiggly"},
    ],
    ids=str,
)
def test_bad_settings_are_refused(setting):
    with pytest.raises(ConfigError):
        MlpClassifier(**{**SMALL, **setting}).fit(*samples())


def test_divergence_is_an_error():
    with pytest.raises(FitError, match="lower learning_rate"):
        MlpClassifier(**{**SMALL, "learning_rate": 1e30, "optimizer": "sgd", "epochs": 20}).fit(*samples())
