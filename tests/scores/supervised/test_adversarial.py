"""Shifts against a network, and what training on them changes."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.scores.quality import log_loss
from bumphunt.scores.supervised.adversarial import RobustnessResult, fgsm, mismodelled, robustness
from bumphunt.scores.supervised.networks import MlpClassifier

SMALL = {"width": 16, "epochs": 12, "batch_size": 400, "learning_rate": 5e-3}


def samples(n=1200, seed=0):
    """Return one feature that tells much, robustly, and ten weak ones that add up: a shift undoes those."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    sign = np.where(truth, 1.0, -1.0)[:, None]
    rows = rng.normal(size=(n, 11)) + sign * np.array([1.0] + 10 * [0.3])
    return rows * np.geomspace(1, 1000, 11), truth


@pytest.fixture(scope="module")
def fitted():
    return MlpClassifier(**SMALL).fit(*samples())


def test_the_attack_moves_every_feature_by_epsilon_and_raises_the_loss(fitted):
    features, truth = samples(600, seed=1)
    before = log_loss(fitted.anomaly_score(features), truth).value
    losses = [before]
    rng = np.random.default_rng(0)
    for epsilon in (0.01, 0.1):
        moved = fgsm(fitted, features, truth, epsilon=epsilon)
        steps = np.abs(moved - features) / (epsilon * fitted.scale_)
        felt = steps.any(axis=1)  # an event that no rectified unit sees has no direction
        assert felt.mean() > 0.98
        np.testing.assert_allclose(steps[felt], 1.0, rtol=1e-6)
        losses.append(log_loss(fitted.anomaly_score(moved), truth).value)
        # As large a step in random directions does next to nothing.
        noise = features + epsilon * fitted.scale_ * rng.choice([-1.0, 1.0], features.shape)
        aside = log_loss(fitted.anomaly_score(noise), truth).value
        assert abs(aside - before) < 0.3 * (losses[-1] - before)
    assert losses == sorted(losses)
    np.testing.assert_array_equal(fgsm(fitted, features, truth, epsilon=0.0), features)


def test_adversarial_training_withstands_the_attack_it_was_trained_for():
    test, truth = samples(1000, seed=1)
    found = robustness(
        *samples(),
        (test, truth),
        shifts={"smeared": mismodelled(test, smear=0.5, rng=np.random.default_rng(3))},
        model=MlpClassifier(**SMALL, fgsm_share=1.0),
        epsilon=0.3,
        seeds=(0, 1),
    )
    assert found.samples == ("clean", "smeared", "attacked")
    assert found.auc_plain.shape == found.log_loss_fgsm.shape == (2, 3)
    assert (found.log_loss_fgsm[:, 2] < found.log_loss_plain[:, 2]).all()
    assert (found.log_loss_plain[:, 1] > found.log_loss_plain[:, 0]).all()
    assert found.auc_fgsm[:, 0].min() > 0.85
    again = RobustnessResult.from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert "attacked: AUC" in str(again)


def test_mismodelling_is_of_the_size_asked_for():
    features = samples(20_000)[0]
    moved = mismodelled(features, scale=1.02, smear=0.1, rng=np.random.default_rng(0))
    np.testing.assert_allclose((moved - 1.02 * features).std(axis=0), 0.1 * features.std(axis=0), rtol=0.03)
    for bad in ({"scale": 0.0}, {"smear": -1.0}):
        with pytest.raises(InputError, match="smear"):
            mismodelled(features, rng=np.random.default_rng(0), **bad)


def test_bad_input_is_refused(fitted):
    features, truth = samples(60)
    with pytest.raises(InputError, match="not fitted"):
        fgsm(MlpClassifier(), features, truth)
    with pytest.raises(InputError, match="epsilon"):
        fgsm(fitted, features, truth, epsilon=-0.1)
    with pytest.raises(InputError, match="one entry for each"):
        fgsm(fitted, features, truth[:5])
    for shifts in ({"clean": features}, {"short": features[:10]}):
        with pytest.raises(InputError, match="shifted sample"):
            robustness(features, truth, (features, truth), shifts=shifts)
    with pytest.raises(InputError, match="positive epsilon"):
        robustness(features, truth, (features, truth), shifts={}, epsilon=0.0)
