"""Vaupotič's peak scan, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import InputError
from bumphunt.masses.modes import half_sample_mode, histogram_mode, kernel_mode
from bumphunt.masses.peak_scan import PUBLISHED_RANGE, Sideband, default_take, peak_scan, seed_estimate


def test_the_maximum_is_followed_as_more_events_are_taken():
    # the five most anomalous events lie near 500, the following twenty near 300
    mass = np.concatenate([np.full(5, 503.0), np.full(20, 311.0)])
    score = np.linspace(1.0, 0.0, 25)
    found = peak_scan(score, {"mj1": mass}, bin_widths={"mj1": 20.0}, take=(2, 12), steps=100)
    modes = dict(zip(found.n_taken.astype(int), found.modes[:, 0], strict=True))
    assert modes[2] == modes[5] == modes[9] == 510.0
    # equal heights at ten: the first of equals is the lower bin
    assert modes[10] == modes[12] == 310.0
    inside = [mode for n, mode in modes.items() if 2 <= n <= 12]
    assert found.mean[0] == pytest.approx(np.mean(inside))
    assert found.spread[0] == pytest.approx(np.std(inside))
    assert found.n_taken[-1] == 24


def test_taking_more_than_there_are_takes_all():
    found = peak_scan(np.arange(8.0), {"mjj": np.full(8, 3_525.0)}, bin_widths={"mjj": 50.0}, take=(20, 60))
    assert found.n_taken.max() == 8
    assert found.mean[0] == 3_525.0


@pytest.mark.parametrize("take", [(5, 5), (6, 5), (0, 4)])
def test_a_range_that_is_none(take):
    with pytest.raises(InputError, match=f"rising range of N, not {take[0]} to {take[1]}"):
        peak_scan(np.arange(8.0), {"mjj": np.ones(8)}, bin_widths={"mjj": 50.0}, take=take)


@given(selected=st.integers(0, 5_000))
def test_the_default_range_is_usable_and_holds_the_selection(selected):
    low, high = default_take(selected)
    assert 1 <= low < high
    assert low <= max(selected, 10) <= max(high, 20)


def sample(rng, n_signal=150, n_background=600):
    """Return score and jet mass in a window, and the same of its sidebands: a bump at 500 on background below it."""

    def background(number):
        return 250.0 * np.exp(rng.normal(0, 0.5, number)), rng.beta(1.0, 2.0, number)

    mass, score = background(n_background)
    mass = np.concatenate([mass, rng.normal(500.0, 35.0, n_signal)])
    score = np.concatenate([score, rng.beta(4.0, 1.0, n_signal)])
    beside, other = background(4 * n_background)
    return score, mass, Sideband(score=other, variables={"mj1": beside}, scale=0.25)


def scanned(rng):
    score, mass, sideband = sample(rng)
    return peak_scan(
        score, {"mj1": mass}, bin_widths={"mj1": 20.0}, take=(80, 500), steps=20, sideband=sideband, rng=rng
    )


def test_background_is_taken_off_and_the_bootstrap_error_is_the_spread_of_experiments():
    found = [scanned(np.random.default_rng(seed)) for seed in range(25)]
    robust = np.array([one.robust[0] for one in found])
    assert robust.mean() == pytest.approx(500.0, abs=4.0)
    errors = np.array([one.robust_error[0] for one in found])
    assert np.mean(errors) == pytest.approx(robust.std(), rel=0.5)
    assert (np.abs(robust - 500.0) < errors).mean() > 0.4
    # the report's spread over N is another thing
    assert all(one.kernel.shape == one.modes.shape == one.half_sample.shape for one in found)


def test_the_seed_document_averages_over_its_own_range():
    rng = np.random.default_rng(1)
    score, mass, _ = sample(rng, n_background=3_000)
    mean, spread = seed_estimate(score, {"mj1": mass}, bin_widths={"mj1": 20.0})
    found = peak_scan(score, {"mj1": mass}, bin_widths={"mj1": 20.0}, take=PUBLISHED_RANGE, steps=121)
    assert (mean[0], spread[0]) == (found.mean[0], found.spread[0])
    assert seed_estimate(score[:100], {"mj1": mass[:100]}, bin_widths={"mj1": 20.0}) is not None
    assert seed_estimate(score[:99], {"mj1": mass[:99]}, bin_widths={"mj1": 20.0}) is None


def test_modes_find_the_peak_of_a_skewed_sample():
    values = np.random.default_rng(2).gamma(9.0, 10.0, 40_000)  # its mode lies at 80, its mean at 90
    assert histogram_mode(values, 4.0) == pytest.approx(80.0, abs=6.0)
    assert half_sample_mode(values) == pytest.approx(80.0, abs=8.0)
    # in logarithmic scale the density peaks at the mean of this distribution
    assert kernel_mode(values, np.ones(len(values)), 0.05) == pytest.approx(90.0, abs=3.0)


@given(st.lists(st.floats(1.0, 1e4), min_size=1, max_size=40))
def test_modes_lie_among_the_values(values):
    array = np.array(values)
    assert array.min() <= half_sample_mode(array) <= array.max() * (1 + 1e-12)
    assert 0.8 * array.min() <= kernel_mode(array, np.ones(len(array)), 0.05) <= 1.2 * array.max()
