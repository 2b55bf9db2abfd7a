import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.metrics import log_loss

from bumphunt.errors import ConfigError
from bumphunt.scores.backend import import_tensorflow
from bumphunt.scores.losses import focal_loss, kl_divergence, reconstruction_loss
from bumphunt.scores.losses import log_loss as loss_of_log_odds


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (1.5, 0.3), (-2.0, 2.0)])
def test_kl_equals_its_integral(mean, sigma):
    p, q = stats.norm(mean, sigma), stats.norm()
    numeric, _ = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), mean - 12 * sigma, mean + 12 * sigma)
    found = kl_divergence(np.array([[mean]]), np.array([[2 * np.log(sigma)]]))
    assert float(found[0]) == pytest.approx(numeric, abs=1e-8)


def test_kl_adds_up_over_dimensions():
    mean, log_var = np.random.default_rng(0).normal(size=(2, 5, 3))
    parts = sum(np.asarray(kl_divergence(mean[:, [i]], log_var[:, [i]])) for i in range(3))
    np.testing.assert_allclose(np.asarray(kl_divergence(mean, log_var)), parts)


def test_squared_error_is_averaged_over_features():
    found = reconstruction_loss(np.array([[0.0, 1.0, 0.5, 0.5]]), np.array([[0.4, 1.0, 0.5, 0.3]]))
    assert float(found[0]) == pytest.approx((0.16 + 0.04) / 4)


def test_cross_entropy_equals_that_of_sklearn():
    rng = np.random.default_rng(3)
    truth, probability = rng.integers(0, 2, 40), rng.uniform(0.05, 0.95, 40)
    found = reconstruction_loss(truth[None].astype(float), probability[None], kind="binary_crossentropy")
    assert float(found[0]) == pytest.approx(log_loss(truth, probability), rel=1e-6)


def test_unknown_reconstruction_is_refused():
    with pytest.raises(ConfigError, match="choose one of mse"):
        reconstruction_loss(np.ones((1, 1)), np.ones((1, 1)), kind="mae")


def labelled(n=60, seed=5):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, n).astype(float), rng.normal(0, 3, n)


def test_log_loss_equals_that_of_sklearn():
    truth, log_odds = labelled()
    found = np.asarray(loss_of_log_odds(truth, log_odds))
    assert found.mean() == pytest.approx(log_loss(truth, 1 / (1 + np.exp(-log_odds))), rel=1e-9)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, None), (0.5, 0.25), (0.0, None)])
def test_focal_loss_equals_its_formula(gamma, alpha):
    truth, log_odds = labelled()
    p = 1 / (1 + np.exp(-log_odds))
    p_t = np.where(truth == 1, p, 1 - p)
    weight = 1.0 if alpha is None else np.where(truth == 1, alpha, 1 - alpha)
    np.testing.assert_allclose(
        np.asarray(focal_loss(truth, log_odds, gamma=gamma, alpha=alpha)), -weight * (1 - p_t) ** gamma * np.log(p_t)
    )


def test_focal_loss_cares_less_for_easy_events():
    truth, log_odds = np.ones(2), np.array([-3.0, 3.0])
    hard, easy = np.asarray(focal_loss(truth, log_odds)) / np.asarray(loss_of_log_odds(truth, log_odds))
    assert hard > 0.9
    assert easy < 0.003


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_losses_stay_finite_however_sure(sign, gamma):
    tf = import_tensorflow()
    log_odds = tf.constant([sign * 300.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(log_odds)
        value = tf.reduce_sum(focal_loss(np.ones(2, "f4"), log_odds, gamma=gamma) + loss_of_log_odds(1.0, log_odds))
    assert np.isfinite(float(value))
    assert np.isfinite(np.asarray(tape.gradient(value, log_odds))).all()


@pytest.mark.parametrize("setting", [{"gamma": -1.0}, {"alpha": 0.0}, {"alpha": 1.0}])
def test_bad_focal_settings_are_refused(setting):
    with pytest.raises(ConfigError, match="gamma"):
        focal_loss(np.ones(1), np.ones(1), **setting)
