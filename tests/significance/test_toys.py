"""False alarms: local p-values of spectra without signal must be what they say."""

import numpy as np
import pytest
from scipy import stats

from bumphunt.significance.p_values import counting_p_value
from bumphunt.significance.scan import window_significance
from bumphunt.significance.toys import most_significant, throw, window_curves, window_z
from bumphunt.spectrum.batched import fit_many, sum_error
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.spectrum.spectrum import as_spectrum
from bumphunt.statistics import z_from_p

EDGES = mass_grid(3_000.0, 6_000.0, ratio=1.03)
BINS = len(EDGES) - 1


def window(first, width=4):
    masked = np.zeros(BINS, dtype=bool)
    masked[first : first + width] = True
    return masked


def truth(per_window, masked):
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / SQRT_S
    shape = (1 - x) ** 10 / x**5 * np.diff(EDGES)
    return shape * per_window / shape[masked].sum()


def null_toys(per_window, masked, number, seed):
    return throw(truth(per_window, masked), n_toys=number, rng=np.random.default_rng(seed))


def test_toys_are_poisson():
    expected = np.array([0.5, 20.0, 400.0])
    toys = throw(expected, n_toys=20_000, rng=np.random.default_rng(1))
    assert toys.shape == (20_000, 3)
    np.testing.assert_allclose(toys.mean(axis=0), expected, rtol=0.03)
    np.testing.assert_allclose(toys.var(axis=0), expected, rtol=0.05)


@pytest.mark.parametrize("family", ["dijet3", "dijet4"])
@pytest.mark.parametrize("first", [2, 8, 17])
def test_local_p_values_are_uniform_without_signal(family, first):
    masked = window(first)
    toys = null_toys(1_000.0, masked, 3_000, seed=2)
    # counts are discrete: a p-value drawn between those of n and n + 1 events is exactly uniform, if either is right
    at_least = stats.norm.sf(window_z(toys, EDGES, masked, family=family))
    one_more = toys.copy()
    one_more[:, np.argmax(masked)] += 1
    above = stats.norm.sf(window_z(one_more, EDGES, masked, family=family))
    drawn = above + np.random.default_rng(3).random(len(toys)) * (at_least - above)
    test = stats.kstest(drawn, "uniform")
    assert test.statistic < 0.035, test


def searched(toys, masked):
    """Return which toys the analysis would search: with so few events around, a window may be left out."""
    design = make_design(EDGES, family="dijet3", masked=masked)
    fits = fit_many(toys, design)
    expected = fits.expected[:, masked].sum(axis=1)
    errors = [sum_error(row, part, design, masked) for row, part in zip(fits.expected, fits.covariance, strict=True)]
    return fits.converged & ~((np.array(errors) > expected) & (expected < 1.0))


@pytest.mark.parametrize(("per_window", "least"), [(1_000.0, 0.75), (50.0, 0.5), (5.0, 0.1), (1.0, 0.0)])
@pytest.mark.parametrize("first", [2, 8, 17])
def test_false_alarms_at_two_and_three_sigma(per_window, least, first):
    number = 4_000
    masked = window(first)
    toys = null_toys(per_window, masked, number, seed=5)
    looked_at = searched(toys, masked)
    for row in range(10):
        assert (
            window_significance(as_spectrum(toys[row], EDGES, masked=masked), family="dijet3").note == ""
        ) == looked_at[row]
    z = window_z(toys, EDGES, masked, family="dijet3")
    alarms = np.where(looked_at, z, -np.inf)
    for sigma in (2.0, 3.0):
        nominal = stats.norm.sf(sigma)
        rate = np.mean(alarms >= sigma)
        noise = np.sqrt(nominal * (1 - nominal) / number)
        assert rate <= 1.1 * nominal + 2 * noise, (sigma, rate / nominal)
        if sigma == 2.0:
            # and not so cautious that nothing could ever be found
            assert rate >= least * nominal, rate / nominal


def test_an_excess_is_seen_at_its_size():
    masked = window(8)
    signal = 160.0 * masked / masked.sum()
    toys = throw(truth(1_000.0, masked) + signal, n_toys=1_000, rng=np.random.default_rng(6))
    z = window_z(toys, EDGES, masked, family="dijet3")
    # 160 on sqrt(1000) and the error of the sidebands, about 3.6 % here or less
    assert 3.0 < np.median(z) < 5.1
    assert z.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("per_window", [800.0, 8.0])
def test_toys_and_single_spectra_give_the_same_z(per_window):
    masked = window(8)
    for counts in null_toys(per_window, masked, 8, seed=7):
        single = window_significance(as_spectrum(counts, EDGES, masked=masked), family="dijet3")
        assert single.note == ""
        assert window_z(counts[None], EDGES, masked, family="dijet3")[0] == pytest.approx(single.z_local, abs=1e-5)


def test_profiled_forms_of_toys_are_those_of_single_spectra():
    masked = window(8)
    for counts in null_toys(60.0, masked, 6, seed=9):
        fit = fit_spectrum(as_spectrum(counts, EDGES, masked=masked), family="envelope")
        p_value = counting_p_value(counts[masked].sum(), fit.window_expected, fit.window_error)
        assert window_z(counts[None], EDGES, masked, family="envelope")[0] == pytest.approx(z_from_p(p_value), abs=1e-4)


def test_the_best_window_is_the_largest_and_a_failed_fit_counts_against_discovery():
    windows = [window(first) for first in (4, 8, 12)]
    toys = null_toys(300.0, windows[1], 50, seed=8)
    each = np.stack([window_z(toys, EDGES, masked, family="dijet3") for masked in windows])
    np.testing.assert_array_equal(
        most_significant(window_curves(toys, as_spectrum(toys[0], EDGES), windows, family="dijet3")), each.max(axis=0)
    )
    lonely = np.zeros((1, BINS))
    lonely[0, 2] = 1.0
    assert np.isnan(window_z(lonely, EDGES, windows[1], family="dijet3")[0])
    assert most_significant(window_curves(lonely, as_spectrum(lonely[0], EDGES), windows, family="dijet3"))[0] == np.inf
