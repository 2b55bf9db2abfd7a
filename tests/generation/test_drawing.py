import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import FitError, InputError
from bumphunt.generation.distributions import DistributionFit, rank_distributions
from bumphunt.generation.drawing import Residuals, fold, generate
from bumphunt.generation.latent import LatentMixture


def normal(mean=0.0, spread=1.0):
    return DistributionFit(name="norm", parameters=(mean, spread), ks=0.0, aic=0.0, squared_error=0.0, n_events=100)


def same(values):
    return values


def test_generated_events_follow_the_events_learned():
    rng = np.random.default_rng(3)
    latent = rng.normal(1.0, 0.5, 20_000)
    (fit,) = rank_distributions(latent, names=["norm"])

    def decode(z):
        assert z.shape[1] == 1
        return stats.norm.cdf(np.hstack([z, -z]), loc=[1.0, -1.0], scale=0.5)

    def inverse(unit):
        return 100 + 400 * unit

    rows = generate(decode, inverse, fit, 250_000, rng=1)
    assert rows.shape == (250_000, 2)
    # The decoder maps the latent Gaussian to a uniform variable, the second its mirror image.
    assert stats.kstest((rows[:, 0] - 100) / 400, "uniform").statistic < 0.02
    np.testing.assert_allclose(rows.sum(axis=1), 600)
    np.testing.assert_array_equal(rows, generate(decode, inverse, fit, 250_000, rng=1))


def test_one_distribution_for_each_latent_dimension():
    rows = generate(same, same, [normal(0.0, 0.1), normal(5.0, 0.1)], 4000, rng=2)
    assert rows.mean(axis=0) == pytest.approx([0, 5], abs=0.01)
    assert abs(np.corrcoef(rows.T)[0, 1]) < 0.06


def test_folding_keeps_a_flat_density_flat_at_its_ends():
    rng = np.random.default_rng(0)
    smeared = fold(rng.random(50_000) + 0.05 * rng.standard_normal(50_000))
    assert stats.kstest(smeared, "uniform").statistic < 0.01
    assert ((smeared >= 0) & (smeared <= 1)).all()


def flat(z):
    """A decoder that knows nothing."""
    return np.full((len(z), 1), 0.5)


def test_residuals_bring_back_the_spread_that_the_decoder_leaves_out():
    rng = np.random.default_rng(1)
    points = rng.standard_normal((4000, 1))
    # what is left out is wider on one side of the latent space
    left_out = np.where(points > 0, 0.05, 0.01) * rng.standard_normal((4000, 1))
    assert generate(flat, same, normal(), 20_000, rng=2).std() == 0
    near = Residuals(points, left_out)
    for mean, spread in ((2.0, 0.05), (-2.0, 0.01)):
        rows = generate(flat, same, normal(mean, 0.3), 20_000, residuals=near, rng=2)
        assert rows.std() == pytest.approx(spread, rel=0.15)


def test_uniform_margins_are_uniform_and_keep_the_order():
    def decode(z):
        return stats.norm.cdf(np.hstack([z, -z]), loc=0.5)

    fixed = generate(decode, same, normal(), 30_000, uniform_margins=True, rng=3)
    assert stats.kstest(generate(decode, same, normal(), 30_000, rng=3)[:, 0], "uniform").statistic > 0.1
    for column in fixed.T:
        assert stats.kstest(column, "uniform").statistic < 0.015
    assert stats.spearmanr(fixed).statistic == pytest.approx(-1, abs=1e-6)


def test_impossible_events_are_drawn_again():
    rows = generate(same, same, normal(), 5000, accept=lambda rows: rows[:, 0] > 0, rng=3)
    assert rows.shape == (5000, 1)
    assert stats.kstest(rows[:, 0], "halfnorm").pvalue > 0.01
    with pytest.raises(FitError, match="0 of 10 events"):
        generate(same, same, normal(), 10, accept=lambda rows: np.zeros(len(rows), dtype=bool))


def test_a_mixture_is_drawn_from():
    model = LatentMixture(
        weights=np.array([0.5, 0.5]), means=np.array([[-1.0, 5.0], [1.0, -5.0]]),
        covariances=0.01 * np.stack([np.eye(2)] * 2), log_likelihood=0.0, bic=0.0,
    )  # fmt: skip
    rows = generate(same, same, model, 4000, rng=4)
    assert np.corrcoef(rows.T)[0, 1] < -0.9
    np.testing.assert_array_equal(rows, generate(same, same, model, 4000, rng=4))


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match="one for each latent"):
        generate(same, same, [], 5)
    with pytest.raises(InputError, match="at least 1"):
        generate(same, same, normal(), 0)
    with pytest.raises(InputError, match="one row for each point"):
        Residuals(np.zeros((5, 2)), np.zeros((4, 3)), neighbours=2)
