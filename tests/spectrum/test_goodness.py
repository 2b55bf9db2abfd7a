"""Goodness of fit against scipy, and its p-value against its own promise."""

import numpy as np
import pytest
from scipy import stats

from bumphunt.spectrum.goodness import pearson_p_value, poisson_deviance


def test_full_bins_give_pearsons_chi2():
    counts, expected = np.array([12.0, 8.0, 15.0, 9.0]), np.array([10.0, 11.0, 12.0, 11.0])
    chi2, ndf, p_value = pearson_p_value(counts, expected, n_parameters=1)
    reference = stats.chisquare(counts, expected)
    assert chi2 == pytest.approx(reference.statistic)
    assert ndf == 3
    assert p_value == pytest.approx(reference.pvalue)


def test_thin_bins_are_merged_until_each_holds_enough():
    counts = np.array([10.0, 1.0, 0.0, 6.0, 1.0, 1.0])
    expected = np.array([8.0, 2.0, 2.0, 2.0, 3.0, 1.0])
    # groups: 8 | 2+2+2 | 3+1 is left over and joins the last group
    chi2, ndf, _ = pearson_p_value(counts, expected, n_parameters=0)
    assert ndf == 2
    assert chi2 == pytest.approx((10 - 8) ** 2 / 8 + (9 - 10) ** 2 / 10)


def test_nothing_to_test_is_no_objection():
    assert pearson_p_value(np.array([1.0, 2.0]), np.array([1.0, 1.0]), n_parameters=3) == (0.0, 0, 1.0)
    assert pearson_p_value(np.array([]), np.array([]), n_parameters=0) == (0.0, 0, 1.0)


@pytest.mark.parametrize("expected", [np.full(20, 100.0), np.geomspace(80, 0.2, 30)])
def test_p_values_of_true_spectra_are_uniform(expected):
    rng = np.random.default_rng(3)
    p_values = [
        pearson_p_value(row, expected, n_parameters=0)[2] for row in rng.poisson(expected, (1_000, len(expected)))
    ]
    assert stats.kstest(p_values, "uniform").statistic < 0.06
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.025)


def test_the_deviance_is_twice_the_log_likelihood_ratio():
    counts, expected = np.array([[0.0, 3.0, 10.0]]), np.array([[0.5, 4.0, 8.0]])
    ratio = stats.poisson.logpmf(counts, counts + 1e-300) - stats.poisson.logpmf(counts, expected)
    np.testing.assert_allclose(poisson_deviance(counts, expected), 2 * ratio.sum(axis=1))
    assert poisson_deviance(counts, np.maximum(counts, 1e-300))[0] == pytest.approx(0.0)


def test_clusters_are_judged_by_the_variance_that_they_have():
    rng = np.random.default_rng(4)
    # pairs of events: counts spread by twice their number
    expected = np.full(20, 40.0)
    rows = 2.0 * rng.poisson(expected / 2.0, (1_000, len(expected)))
    found = np.array([pearson_p_value(row, expected, variance=2.0 * expected, n_parameters=0)[2] for row in rows])
    assert 0.45 < found.mean() < 0.55
    assert (found < 0.05).sum() == pytest.approx(50, abs=30)
    plain = np.array([pearson_p_value(row, expected, n_parameters=0)[2] for row in rows])
    assert (plain < 0.05).mean() > 0.5
