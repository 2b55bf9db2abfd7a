"""Local significance against published tables and exact sums."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bumphunt.significance.p_values import counting_p_value, on_off_p_value, sidak
from bumphunt.statistics import SMALLEST_P, p_from_z, z_from_p


def on_off(n_on, n_off, tau):
    return counting_p_value(n_on, n_off / tau, n_off**0.5 / tau)


# Table 1 of arXiv:physics/0702156 (Cousins, Linnemann, Tucker): n_on, n_off, tau, Z_Bi
@pytest.mark.parametrize(
    ("n_on", "n_off", "tau", "z"),
    [
        (4, 5, 5.0, 1.66),
        (6, 18.78, 14.44, 2.63),
        (9, 17.83, 4.69, 1.82),
        (17, 40.11, 10.56, 4.46),
        (50, 55, 2.0, 2.93),
        (67, 15, 0.5, 2.89),
        (200, 10, 0.1, 2.20),
        (523, 2327, 5.99, 5.93),
        (498426, 493434, 1.0, 5.01),
    ],
)
def test_the_published_table_of_z_bi(n_on, n_off, tau, z):
    assert z_from_p(on_off(n_on, n_off, tau)) == pytest.approx(z, abs=0.006)


@pytest.mark.parametrize(
    ("n_on", "n_off", "tau"), [(1, 1, 3), (4, 5, 5), (3, 9, 1), (30, 12, 2), (12, 100, 7), (200, 10, 1)]
)
def test_the_exact_binomial_tail(n_on, n_off, tau):
    total, w = n_on + n_off, Fraction(1, 1 + tau)
    exact = sum(comb(total, k) * w**k * (1 - w) ** (total - k) for k in range(n_on, total + 1))
    assert on_off(n_on, n_off, tau) == pytest.approx(float(exact), rel=1e-10)


@given(observed=st.integers(1, 2_000), expected=st.floats(0.05, 1_500))
def test_a_background_known_exactly_is_the_poisson_tail(observed, expected):
    exact = max(float(stats.poisson.sf(observed - 1, expected)), SMALLEST_P)
    assert counting_p_value(observed, expected, 0.0) == pytest.approx(exact, rel=1e-6)


@given(observed=st.integers(1, 500), expected=st.floats(0.1, 500))
def test_a_small_error_is_the_limit_of_none(observed, expected):
    exact, close = (counting_p_value(observed, expected, error) for error in (0.0, 2e-6 * expected))
    assert z_from_p(close) == pytest.approx(z_from_p(exact), abs=2e-3)


@given(
    observed=st.integers(0, 300),
    expected=st.floats(0.5, 200),
    relative=st.floats(0.01, 0.8),
)
def test_more_events_are_less_likely_and_a_worse_known_background_explains_more(observed, expected, relative):
    error = relative * expected
    p_value = counting_p_value(observed, expected, error)
    assert 0 < p_value <= 1
    assert counting_p_value(observed + 1, expected, error) <= p_value
    assert counting_p_value(observed, 1.1 * expected, 1.1 * error) >= p_value * (1 - 1e-12)
    if observed > 2 * expected + 5:
        assert counting_p_value(observed, expected, 1.3 * error) >= p_value


def test_nothing_seen_is_no_excess_and_nothing_expected_is_no_proof():
    assert counting_p_value(0, 3.0, 1.0) == 1.0
    assert on_off_p_value(0, 5.0, 2.0) == 1.0
    assert on_off_p_value(1e5, 0.0, 1.0) == SMALLEST_P
    assert counting_p_value(0, 0.0, 0.0) == 1.0
    assert 0 < counting_p_value(1, 0.0, 0.0) < 1e-6
    assert counting_p_value(5, 0.0, 2.0) > 0
    assert counting_p_value(100_000, 1.0, 0.0) == SMALLEST_P


@given(z=st.floats(-8, 37))
def test_z_and_p_are_inverse(z):
    assert z_from_p(p_from_z(z)) == pytest.approx(z, abs=1e-6 if z > -6 else 0.2)
    assert p_from_z(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)


def test_z_stays_finite_at_the_ends():
    assert 37 < z_from_p(0.0) < 38
    assert z_from_p(1.0) < -8
    assert z_from_p(0.5) == pytest.approx(0.0, abs=1e-15)


@given(p=st.floats(1e-12, 0.999), trials=st.integers(1, 500))
def test_sidak_is_the_best_of_independent_looks(p, trials):
    glob = sidak(p, trials)
    assert glob == pytest.approx(1.0 - (1.0 - p) ** trials, rel=1e-3, abs=1e-13)
    assert p <= glob <= 1.0
    # Bonferroni is its upper bound
    assert glob <= trials * p * (1 + 1e-9)


def test_sidak_of_one_look_of_tiny_p_and_of_certainty():
    assert sidak(0.3, 1) == pytest.approx(0.3)
    assert sidak(1e-200, 40) == pytest.approx(4e-199)
    assert sidak(1.0, 3) == 1.0


def test_sidak_against_simulated_looks():
    p_values = np.random.default_rng(1).random((200_000, 12)).min(axis=1)
    for p in (0.001, 0.01, 0.1):
        assert np.mean(p_values <= p) == pytest.approx(sidak(p, 12), rel=0.06)
