import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.metrics import log_loss

from bumphunt.errors import ConfigError
from bumphunt.scores.losses import kl_divergence, reconstruction_loss


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
