"""Discrete profiling: one family's interval where it is clearly best, all of theirs where they fit alike."""

import numpy as np
import pytest

from bumphunt.errors import FitError
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.goodness_toys import saturated_p_value
from bumphunt.spectrum.profiling import ENVELOPE, envelope_interval, fit_envelope
from bumphunt.spectrum.spectrum import as_spectrum


def test_a_family_that_fits_badly_has_no_say():
    best, low, high = envelope_interval(
        np.array([[50.0, 10.0]]), np.array([[30.0, 20.0]]), np.array([[2.0, 3.0]]), np.array([3.0, 4.0])
    )
    assert (best[0], low[0], high[0]) == (1, 17.0, 23.0)


def test_a_family_that_failed_has_no_say():
    best, low, high = envelope_interval(
        np.array([[np.inf, 10.0]]), np.array([[np.nan, 20.0]]), np.array([[np.nan, 3.0]]), np.array([3.0, 4.0])
    )
    assert (best[0], low[0], high[0]) == (1, 17.0, 23.0)


def test_the_charge_is_one_for_each_parameter():
    arguments = np.array([[10.0, 9.2]]), np.array([[20.0, 21.0]]), np.array([[2.0, 2.0]]), np.array([3.0, 4.0])
    assert envelope_interval(*arguments)[0][0] == 0
    assert envelope_interval(*arguments, penalty=0.5)[0][0] == 1


def test_the_envelope_is_never_narrower_and_covers(edges, smooth, window):
    rng = np.random.default_rng(2)
    truth = smooth(2e4)[window].sum()
    wider, covered = [], []
    for counts in rng.poisson(smooth(2e4), (200, len(edges) - 1)).astype(float):
        fit = fit_spectrum(counts, edges, family="envelope", masked=window)
        assert fit.family in ENVELOPE
        single = fit_spectrum(counts, edges, family=fit.family, masked=window)
        wider.append(fit.window_error / single.window_error)
        covered.append(abs(fit.window_expected - truth) < fit.window_error)
        np.testing.assert_allclose(fit.window_log_covariance, single.window_log_covariance * wider[-1] ** 2)
    assert min(wider) >= 1 - 1e-9
    assert np.mean(wider) > 1.05
    assert np.mean(covered) > 0.68


def test_where_nothing_fits_it_is_an_error(edges):
    with pytest.raises(FitError, match="none of dijet3"):
        fit_envelope(as_spectrum(np.eye(len(edges) - 1)[2], edges))


def test_goodness_from_toys_is_uniform_and_finds_a_bad_fit(edges, smooth, window):
    rng = np.random.default_rng(5)
    p_values = [
        saturated_p_value(fit_spectrum(counts, edges, family="dijet3"), n_toys=100, rng=rng)
        for counts in rng.poisson(smooth(400), (200, len(edges) - 1)).astype(float)
    ]
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.07)
    bad = fit_spectrum(smooth(3e4) + 300.0 * window, edges, family="dijet3")
    assert saturated_p_value(bad, n_toys=200, rng=rng) == pytest.approx(1 / 201)
