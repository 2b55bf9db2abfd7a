import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import ConfigError, InputError
from bumphunt.generation.latent import LatentCopula, LatentMixture, fit_copula, fit_mixture

N = 6000


@pytest.fixture(scope="module")
def two_clouds():
    rng = np.random.default_rng(0)
    first = rng.multivariate_normal([-2.0, 0.0], [[0.2, 0.15], [0.15, 0.3]], size=2 * N // 3)
    second = rng.multivariate_normal([2.0, 1.0], [[0.1, -0.05], [-0.05, 0.2]], size=N // 3)
    return rng.permutation(np.concatenate([first, second]))


def test_a_mixture_finds_two_clouds(two_clouds):
    found = fit_mixture(two_clouds, components=2)
    order = np.argsort(found.means[:, 0])
    np.testing.assert_allclose(found.weights[order], [2 / 3, 1 / 3], atol=0.02)
    np.testing.assert_allclose(found.means[order], [[-2, 0], [2, 1]], atol=0.05)
    np.testing.assert_allclose(found.covariances[order][0], [[0.2, 0.15], [0.15, 0.3]], atol=0.03)
    assert found.bic < fit_mixture(two_clouds, components=1).bic


def test_mixture_draws_follow_it(two_clouds):
    draws = fit_mixture(two_clouds, components=2).draw(20_000, rng=1)
    for column in range(2):
        assert stats.ks_2samp(draws[:, column], two_clouds[:, column]).pvalue > 0.01
    assert np.corrcoef(draws.T)[0, 1] == pytest.approx(np.corrcoef(two_clouds.T)[0, 1], abs=0.03)
    # in random order: the first half is like the second
    assert stats.ks_2samp(draws[:10_000, 0], draws[10_000:, 0]).pvalue > 0.01


def test_log_likelihood_and_bic_are_the_textbook_ones():
    points = np.random.default_rng(1).normal(size=(2000, 1))
    found = fit_mixture(points, components=1)
    expected = stats.norm.logpdf(points, points.mean(), np.sqrt(points.var() + 1e-5)).mean()
    assert found.log_likelihood == pytest.approx(expected)
    assert found.bic == pytest.approx(2 * np.log(2000) - 2 * 2000 * expected)


def test_a_copula_has_margins_and_correlation():
    rng = np.random.default_rng(2)
    normal = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], size=N)
    points = np.column_stack([np.exp(0.5 * normal[:, 0]), 3 + 2 * normal[:, 1]])
    found = fit_copula(points, names=("norm", "lognorm"))
    # a lognorm far from its lower end is a norm, so that only the first margin has one answer
    assert found.margins[0].name == "lognorm"
    assert found.correlation[0, 1] == pytest.approx(0.7, abs=0.02)
    draws = found.draw(N, rng=3)
    assert stats.spearmanr(draws).statistic == pytest.approx(stats.spearmanr(points).statistic, abs=0.03)
    assert stats.ks_2samp(draws[:, 0], points[:, 0]).statistic < 0.03
    assert "lognorm" in str(found)


@pytest.mark.parametrize("kind", [LatentMixture, LatentCopula])
def test_models_survive_json_and_repeat(kind, two_clouds):
    found = fit_mixture(two_clouds, components=2) if kind is LatentMixture else fit_copula(two_clouds, names=["norm"])
    again = kind.from_dict(found.to_dict())
    np.testing.assert_array_equal(again.draw(50, rng=5), found.draw(50, rng=5))
    assert not np.array_equal(found.draw(50, rng=5), found.draw(50, rng=6))
    with pytest.raises(InputError, match="at least 1"):
        found.draw(0)


def test_bad_points_are_refused():
    with pytest.raises(InputError, match="not finite"):
        fit_mixture([[np.nan, 1.0]] * 100)
    with pytest.raises(InputError, match="too few for 32"):
        fit_mixture(np.zeros((100, 2)))
    with pytest.raises(ConfigError, match="components"):
        fit_mixture(np.zeros((100, 2)), components=0)
