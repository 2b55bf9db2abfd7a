"""Fits against an independent minimiser, and the numbers they give against repeated experiments."""

import numpy as np
import pytest
from iminuit import Minuit
from scipy import stats

from bumphunt.errors import FitError, InputError
from bumphunt.spectrum.batched import band, fit_many, sum_error
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.choice import choose_family
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.families.registry import parametric_family
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import SQRT_S, design_matrix
from bumphunt.spectrum.spectrum import as_spectrum

EDGES = mass_grid(3_000.0, 6_000.0, ratio=1.03)
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[8:12] = True


def truth(per_window, edges=EDGES, window=WINDOW):
    """Return an exact dijet3 spectrum with this many events in the window."""
    x = 0.5 * (edges[1:] + edges[:-1]) / SQRT_S
    shape = (1 - x) ** 10 / x**5 * np.diff(edges)
    return shape * per_window / shape[window].sum()


def toys(per_window, number, seed):
    return np.random.default_rng(seed).poisson(truth(per_window), (number, len(EDGES) - 1)).astype(float)


def many(counts, **options):
    """Return the fits of toys with the window masked, their sums over it and the errors of these."""
    design = make_design(EDGES, family="dijet3", masked=WINDOW, **options)
    fits = fit_many(counts, design)
    pairs = list(zip(fits.expected, fits.covariance, strict=True))
    sums = fits.expected[:, WINDOW].sum(axis=1)
    errors = np.array([sum_error(expected, covariance, design, WINDOW) for expected, covariance in pairs])
    bands = np.array([band(expected, covariance, design) for expected, covariance in pairs])
    return fits, sums, errors, bands


@pytest.mark.parametrize("masked", [None, WINDOW], ids=["whole", "masked"])
@pytest.mark.parametrize("name", ["dijet3", "dijet4", "dijet5", "powexp"])
@pytest.mark.parametrize("per_window", [3_000.0, 12.0])
def test_minimum_parameters_and_covariance_agree_with_iminuit(name, masked, per_window):
    counts = toys(per_window, 1, seed=4)[0]
    fit = fit_spectrum(counts, EDGES, family=name, masked=masked)
    used = np.ones(len(counts), dtype=bool) if masked is None else ~masked
    basis = design_matrix(EDGES, parametric_family(name), sqrt_s=SQRT_S)
    # steps of one standard error in uncorrelated directions: a change of variables, not of the likelihood
    values, vectors = np.linalg.eigh(fit.covariance)
    scale = vectors * np.sqrt(values)

    def nll(u):
        expected = np.exp(basis @ (fit.parameters + scale @ u)) * np.diff(EDGES)
        return 2.0 * np.sum((expected - stats_log(counts, expected))[used])

    def stats_log(n, mu):
        return n * np.log(mu)

    minuit = Minuit(nll, np.full(len(values), 0.7))
    minuit.errordef = Minuit.LIKELIHOOD * 2
    minuit.strategy = 2
    minuit.tol = 1e-3
    minuit.migrad()
    minuit.hesse()
    assert minuit.valid
    assert nll(np.zeros(len(values))) - minuit.fval < 1e-4
    assert np.abs(np.array(minuit.values)).max() < 2e-3
    np.testing.assert_allclose(np.array(minuit.covariance), np.eye(len(values)), atol=0.03)


def test_expected_counts_follow_the_parameters():
    fit = fit_spectrum(toys(500.0, 1, seed=5)[0], EDGES, family="dijet4", masked=WINDOW)
    basis = design_matrix(EDGES, parametric_family("dijet4"), sqrt_s=SQRT_S)
    np.testing.assert_allclose(fit.expected, np.exp(basis @ fit.parameters) * np.diff(EDGES), rtol=1e-8)
    gradient = fit.expected[WINDOW] @ basis[WINDOW]
    assert fit.window_expected == pytest.approx(fit.expected[WINDOW].sum())
    assert fit.window_error == pytest.approx(np.sqrt(gradient @ fit.covariance @ gradient), rel=1e-4)
    variance = np.einsum("bp,pq,bq->b", basis, fit.covariance, basis)
    np.testing.assert_allclose(fit.error, fit.expected * np.sqrt(variance), rtol=1e-3)
    # a Poisson fit with a free normalisation conserves the number of events it used
    assert fit.expected[~WINDOW].sum() == pytest.approx(fit.counts[~WINDOW].sum(), rel=1e-6)


def test_a_perfect_spectrum_gives_back_its_parameters():
    centres = 0.5 * (EDGES[1:] + EDGES[:-1]) / SQRT_S
    counts = 1e3 * (1 - centres) ** 10 / centres**5 * np.diff(EDGES)
    fit = fit_spectrum(counts, EDGES, family="dijet3", masked=WINDOW)
    np.testing.assert_allclose(fit.parameters, [np.log(1e3), 10.0, 5.0], rtol=1e-5)
    assert fit.deviance == pytest.approx(0.0, abs=1e-5)
    assert fit.p_value == pytest.approx(1.0)


def test_what_lies_in_the_window_does_not_move_the_fit():
    counts = toys(500.0, 1, seed=6)[0]
    first = fit_spectrum(counts, EDGES, family="dijet3", masked=WINDOW)
    second = fit_spectrum(counts + 1_000.0 * WINDOW, EDGES, family="dijet3", masked=WINDOW)
    np.testing.assert_allclose(first.expected, second.expected, rtol=1e-9)
    assert first.deviance == pytest.approx(second.deviance)
    assert (first.ndf, first.p_value) == (second.ndf, pytest.approx(second.p_value))


def test_a_guard_is_left_out_of_the_fit_but_not_counted():
    counts = toys(500.0, 1, seed=6)[0]
    guarded = WINDOW.copy()
    guarded[[7, 12]] = True
    fit = fit_spectrum(counts, EDGES, family="dijet3", masked=guarded, window=WINDOW)
    moved = fit_spectrum(counts + 300.0 * guarded, EDGES, family="dijet3", masked=guarded, window=WINDOW)
    np.testing.assert_allclose(fit.expected, moved.expected, rtol=1e-9)
    assert fit.window_expected == pytest.approx(fit.expected[WINDOW].sum())
    assert fit.window_error < fit_spectrum(counts, EDGES, family="dijet3", masked=guarded).window_error
    np.testing.assert_array_equal(fit.window, WINDOW)
    np.testing.assert_array_equal(fit.masked, guarded)
    with pytest.raises(InputError, match="beyond the masked bins"):
        fit_spectrum(counts, EDGES, family="dijet3", masked=WINDOW, window=guarded)


def test_one_fit_and_many_fits_are_the_same():
    counts = toys(40.0, 5, seed=7)
    fits, sums, errors, _ = many(counts)
    for row, counted in enumerate(counts):
        fit = fit_spectrum(counted, EDGES, family="dijet3", masked=WINDOW)
        np.testing.assert_allclose(fit.expected, fits.expected[row], rtol=1e-6)
        assert fit.window_expected == pytest.approx(sums[row], rel=1e-6)
        assert fit.window_error == pytest.approx(errors[row], rel=1e-5)


def test_merged_bins_enter_as_their_sum():
    counts = toys(300.0, 1, seed=8)
    shifted = counts.copy()
    shifted[0, 8] += 7
    shifted[0, 11] -= 7
    design = make_design(EDGES, family="dijet3", merged=WINDOW)
    first, second = fit_many(counts, design), fit_many(shifted, design)
    np.testing.assert_allclose(first.expected, second.expected, rtol=1e-9)
    # the sum is used: an excess in it pulls the fit, where a masked one would not
    pulled = fit_many(counts + 200.0 * WINDOW, design)
    assert pulled.expected[0, WINDOW].sum() > first.expected[0, WINDOW].sum() + 10


@pytest.mark.parametrize(("per_window", "number"), [(1_000.0, 3_000), (20.0, 3_000)])
def test_pulls_of_the_window_and_coverage_of_the_band(per_window, number):
    fits, sums, errors, bands = many(toys(per_window, number, seed=9))
    assert fits.converged.all()
    # the error grows with the expectation, so that few events skew the pulls; the expectation itself is unbiased
    assert sums.mean() == pytest.approx(per_window, rel=0.005 + 1.0 / per_window / 4)
    pulls = (sums - per_window) / errors
    assert pulls.mean() == pytest.approx(0.0, abs=0.2)
    assert pulls.std() == pytest.approx(1.0, abs=0.08)
    covered = np.mean(np.abs(fits.expected - truth(per_window)) < bands, axis=0)
    expected = np.diff(stats.norm.cdf([-1, 1]))[0]
    assert np.abs(covered - expected).max() < 0.04, covered
    assert covered.mean() == pytest.approx(expected, abs=0.02)


def test_goodness_of_true_spectra_is_uniform():
    p_values = [fit_spectrum(counts, EDGES, family="dijet3").p_value for counts in toys(500.0, 400, seed=10)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
    assert np.mean(np.array(p_values) < 0.05) < 0.1


def test_a_bump_that_is_not_masked_is_a_bad_fit():
    counts = truth(3_000.0) + 600.0 * WINDOW
    assert fit_spectrum(counts, EDGES, family="dijet3").p_value < 1e-6
    assert fit_spectrum(counts, EDGES, family="dijet3", masked=WINDOW).p_value > 0.99


def test_the_simplest_sufficient_family_is_chosen_at_the_rate_promised():
    chosen = [choose_family(as_spectrum(counts, EDGES)) for counts in toys(500.0, 300, seed=11)]
    # one test in twenty takes a fourth parameter that is not needed
    assert np.mean(np.array(chosen) != "dijet3") == pytest.approx(0.05, abs=0.035)
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / SQRT_S
    curved = 3e4 * np.exp(4.0 * np.log(x / 0.3) ** 2 * 2) * (x / 0.3) ** -6
    assert choose_family(as_spectrum(curved, EDGES)) == "dijet4"


@pytest.mark.parametrize("sparse", [0.3, 1.0, 5.0])
def test_sparse_spectra_converge_or_say_so(sparse):
    fits = fit_many(toys(sparse, 500, seed=12), make_design(EDGES, family="dijet3", masked=WINDOW))
    assert np.isfinite(fits.expected).all()
    assert fits.converged.mean() > (0.7 if sparse < 1 else 0.99)
    assert (fits.covariance[~fits.converged] == 0).all()


def test_the_collision_energy_is_used():
    counts = toys(500.0, 1, seed=13)[0]
    lower, higher = (fit_spectrum(counts, EDGES, family="dijet3", sqrt_s=energy) for energy in (13e3, 100e3))
    assert lower.parameters[1] != pytest.approx(higher.parameters[1], rel=0.01)


# --- bad input ---------------------------------------------------------------------------------


def test_counts_and_edges_that_do_not_fit_together():
    with pytest.raises(InputError, match="3 counts do not fit 3 bin edges"):
        fit_spectrum(np.ones(3), np.array([3e3, 4e3, 5e3]))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_counts_that_are_none(value):
    counts = np.full(len(EDGES) - 1, 5.0)
    counts[3] = value
    with pytest.raises(InputError, match="finite and not negative"):
        fit_spectrum(counts, EDGES)


def test_fewer_bins_than_parameters():
    with pytest.raises(InputError, match="2 bins are left to fit the 3 parameters of dijet3"):
        fit_spectrum(np.ones(4), EDGES[:5], masked=np.array([False, True, True, False]), family="dijet3")


@pytest.mark.parametrize("bins", [2, 3, 4])
def test_fewer_bins_than_parameters_are_said_whatever_the_family(bins):
    edges = EDGES[: bins + 1]
    for family, needed in (("dijet3", 3), ("dijet4", 4), ("dijet5", 5), ("powexp", 3), ("gp(0.3,10)", 3)):
        if bins < needed:
            with pytest.raises(InputError, match=f"{bins} bins are left to fit the {needed} parameters"):
                make_design(edges, family=family, sqrt_s=SQRT_S)
        else:
            assert make_design(edges, family=family, sqrt_s=SQRT_S).n_free == needed


@pytest.mark.parametrize("family", ["auto", "gp", "envelope"])
def test_two_bins_are_too_few_for_any_choice(family):
    with pytest.raises(InputError, match="2 bins are left to fit the 3 parameters"):
        fit_spectrum(np.full(2, 50.0), EDGES[:3], family=family, sqrt_s=SQRT_S)


def test_an_unknown_family_and_an_edge_beyond_the_collision_energy():
    with pytest.raises(InputError, match="unknown background family"):
        fit_spectrum(np.ones(len(EDGES) - 1), EDGES, family="poly")
    with pytest.raises(InputError, match="5000 GeV"):
        fit_spectrum(np.ones(len(EDGES) - 1), EDGES, sqrt_s=5_000.0)


def test_an_empty_spectrum_predicts_nothing():
    try:
        fit = fit_spectrum(np.zeros(len(EDGES) - 1), EDGES, family="dijet3", masked=WINDOW)
    except (FitError, InputError):
        return
    assert fit.window_expected < 1e-6
    assert fit.window_error > fit.window_expected
