"""Limits from a learnt selection: against exact and asymptotic ones, and their coverage over trainings that differ."""

import numpy as np
import pytest
from scipy.stats import nbinom

from bumphunt.errors import InputError
from bumphunt.significance.efficiency import fit_efficiency
from bumphunt.significance.limit_grid import limit_between
from bumphunt.significance.limits import expected_window_limits, poisson_limits, window_limits
from bumphunt.significance.marginal_limits import SelectedCount


def count(observed, expected=100.0, error=0.0, efficiency=1.0, **more):
    return SelectedCount(
        observed=float(observed), expected=expected, error=error, efficiency=lambda n, _: efficiency + 0.0 * n, **more
    )


@pytest.mark.parametrize("observed", [0, 3, 40])
def test_known_background_is_the_exact_limit(observed):
    exact = float(poisson_limits(np.array([float(observed)]), np.array([4.0]))[0])
    assert count(observed, 4.0).limit() == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("method", ["CLs", "CLs+b"])
@pytest.mark.parametrize("observed", [370, 400, 430])
def test_many_events_are_the_asymptotic_limit(observed, method):
    limit = count(observed, 400.0, 12.0).limit(method=method)
    assert limit == pytest.approx(float(window_limits(observed, 400.0, 12.0, method=method)), rel=0.05, abs=1.0)


def test_expected_limits_do_not_know_the_observed_count():
    low, high = count(300, 400.0, 12.0).expected_limits(), count(500, 400.0, 12.0).expected_limits()
    assert np.array_equal(low, high)
    assert low[1:4] == pytest.approx(expected_window_limits(400.0, 400.0, 12.0)[1:4], rel=0.05)


@pytest.mark.parametrize("seed", range(40))
def test_expected_limits_rise_with_the_count(seed):
    """Down to two standard deviations below, where few backgrounds and trainings decide."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0.05, 0.9, 5))
    curve = fit_efficiency(
        np.repeat([0.0, 40.0, 80.0, 160.0, 400.0], 3),
        np.sin(np.repeat(angles, 3) + 0.1 * rng.standard_normal(15)) ** 2,
        np.full(15, 2000.0),
    )
    expected = float(10.0 ** rng.uniform(0.0, 3.0))
    number = SelectedCount(
        observed=0.0,
        expected=expected,
        error=expected * rng.uniform(0.01, 0.2) + 0.5,
        efficiency=curve,
        gain=rng.uniform(1.0, 11.0),
        width=rng.uniform(1.0, 1.4),
        mean=-0.25,
    )
    limits = number.expected_limits()
    assert (np.diff(limits) >= 0.0).all()
    assert limits[4] > 1.1 * limits[2] or expected < 30.0


def test_averages_are_those_of_drawn_counts():
    """The probability of a count as small, against counts drawn one by one."""
    rng, number = np.random.default_rng(5), 1_000_000
    curve = fit_efficiency(
        np.repeat([0.0, 100.0], 8), np.sin(0.6 + 0.15 * rng.standard_normal(16)) ** 2, np.full(16, 1e5)
    )
    limit = SelectedCount(observed=70.0, expected=80.0, error=8.0, efficiency=curve, gain=2.0, weight=0.9)
    background = rng.gamma((80.0 / 8.0) ** 2, 8.0**2 / 80.0, number)
    # in nine of ten repeats each
    passed = rng.poisson(60.0 / 0.9 * curve(np.full(number, 60.0), rng.standard_normal(number)))
    counts = rng.poisson(background) + 2.0 * 0.9 * passed
    assert limit.p_value(60.0) == pytest.approx(float((counts <= 70.0).mean()), rel=0.15)


def test_what_widens_a_null_widens_the_limit():
    narrow, wide = count(400, 400.0, 12.0), count(400, 400.0, 12.0, width=1.5)
    assert wide.limit() == pytest.approx(1.5 * narrow.limit(), rel=0.03)
    # a null that lies low must not exclude more than one that does not
    assert count(380, 400.0, 12.0, mean=-0.5).limit(method="CLs+b") > count(380, 400.0, 12.0).limit(method="CLs+b")


def test_signal_events_that_count_double_fluctuate_more():
    plain = count(100, gain=2.0, weight=0.5).limit(method="CLs+b")
    heavy = count(100, gain=2.0, weight=1.0).limit(method="CLs+b")
    assert heavy > plain


def test_not_even_all_events_are_excluded():
    assert count(100, efficiency=0.001, most=500.0).limit() == np.inf


@pytest.mark.parametrize(
    "changes",
    [{"expected": -1.0}, {"error": -1.0}, {"error": float("nan")}, {"width": 0.0}, {"most": 0.0}, {"mean": np.inf}],
)
def test_no_count(changes):
    with pytest.raises(InputError, match="sets no limit"):
        count(5, **{"expected": 4.0, "error": 1.0, **changes})


def test_numbers_below_one_are_counts_as_well():
    small = count(0.5, expected=0.5, error=0.5, width=0.5, most=0.5)
    assert small.p_value(0.0) > 0.5
    assert small.limit() == np.inf
    # each event that is generated passes ten times as often as it counts: ln 20 over ten
    assert count(0, expected=0.5, gain=20.0, weight=0.1).limit() == pytest.approx(np.log(20.0) / 10.0, rel=1e-3)


def test_counts_about_a_mean_that_spreads_are_negative_binomial():
    number = count(0, expected=80.0, error=6.0)
    for more, variance in ((0.0, 0.0), (20.0, 0.0), (20.0, 30.0)):
        mean = 80.0 + more
        shape = mean**2 / (36.0 + variance)
        exact = nbinom.cdf(90, shape, shape / (shape + mean))
        assert float(number._negative_binomial(90.0, more, variance)) == pytest.approx(exact)
    # of many events what each counts beyond one widens the mean
    many = number._with_many(90.0, np.array([20.0]), 2.5)
    assert float(many[0]) == pytest.approx(float(number._negative_binomial(90.0, 20.0, 30.0)))


def test_levels_and_methods_of_limits():
    for level in (0.0, 0.5):
        with pytest.raises(InputError, match="makes no sense"):
            count(5).limit(level=level)
    with pytest.raises(InputError, match="unknown kind of limit 'CLS'"):
        count(5).limit(method="CLS")
    # no count at all has nothing below it
    assert count(0, expected=0.0).expected_limits()[0] == pytest.approx(3.0, abs=0.01)
    assert count(0, expected=0.0, most=1.0).limit() == np.inf
    assert count(0, expected=0.0, most=4.0).limit() == pytest.approx(3.0, abs=0.01)


def test_coverage_over_trainings_that_differ():
    """CLs+b limits lie below the truth in 5 % of data sets, each with a background and a training of its own."""
    rng, truth, gain, width = np.random.default_rng(3), 150.0, 1.6, 1.3
    strengths = np.repeat([0.0, 40.0, 80.0, 150.0, 300.0], 40)
    angles = np.array([0.05, 0.1, 0.4, 0.6, 0.8])
    found = np.sin(np.clip(np.repeat(angles, 40) + 0.12 * rng.standard_normal(200), 0.0, 1.5)) ** 2
    curve = fit_efficiency(strengths, found, np.full(200, 2000.0))
    assert curve.spread == pytest.approx(np.full(5, 0.12), abs=0.03)
    below = 0
    for _ in range(400):
        efficiency = np.sin(0.6 + 0.12 * rng.standard_normal()) ** 2
        signal = gain * rng.binomial(rng.poisson(truth), efficiency)
        observed = 80.0 + width * np.sqrt(80.0) * rng.standard_normal() + signal
        expected = 80.0 + width * 6.0 * rng.standard_normal()
        number = SelectedCount(
            observed=max(observed, 0.0), expected=expected, error=6.0, efficiency=curve, gain=gain, width=width
        )
        below += number.p_value(truth) < 0.05
    assert 9 <= below <= 33  # 20 expected, three standard deviations of the binomial


def test_curve_rises_then_falls_and_is_held():
    strengths = np.array([0.0, 10.0, 20.0, 30.0, 60.0, 80.0])
    curve = fit_efficiency(strengths, np.array([0.01, 0.3, 0.2, 0.5, 0.3, 0.35]), np.full(6, 1000.0))
    values = curve(np.array([0.0, 10.0, 15.0, 20.0, 30.0]))
    assert (np.diff(values) >= 0).all()
    assert values[1] == pytest.approx(values[3])
    assert values[-1] == pytest.approx(0.5)
    # the signal fills the part that is kept
    assert curve(np.array([60.0, 80.0, 1000.0])) == pytest.approx(np.full(3, 0.3247), abs=1e-3)
    assert (curve(np.array([20.0]), -1.0) < curve(np.array([20.0]))).all()


def test_fewer_repeats_are_not_counted_twice():
    rng = np.random.default_rng(1)
    found = np.sin(0.5 + 0.2 * rng.standard_normal(60)) ** 2
    strengths, probes = np.repeat([0.0, 50.0, 100.0], 20), np.full(60, 1000.0)
    whole = fit_efficiency(strengths, found, probes)
    part = fit_efficiency(strengths, found, probes, excess_variance=0.03)
    assert (part.spread < 0.7 * whole.spread).all()
    assert part.error == pytest.approx(whole.error)


def test_limits_between_points_of_a_grid():
    grid = np.array([[3500.0, x, y] for x, y in ((300, 100), (500, 100), (500, 300), (300, 250))])
    values = np.exp(1.0 + grid[:, 1] / 200.0 - grid[:, 2] / 300.0)
    wanted = np.array([[3500.0, 420.0, 150.0], [3500.0, 900.0, 100.0], [3600.0, 420.0, 150.0]])
    found = limit_between(grid, values, wanted)
    assert found[0] == pytest.approx(np.exp(1.0 + 420.0 / 200.0 - 150.0 / 300.0))
    assert np.isnan(found[1:]).all()  # outside the daughters' masses, and at another resonance


@pytest.mark.parametrize("x", [[300, 400, 500], [300, 300, 300]])
def test_points_in_line_are_no_grid(x):
    grid = np.array([[3500.0, mass, mass / 2] for mass in x])
    with pytest.raises(InputError, match="points"):
        limit_between(grid, np.array([1.0, 2.0, 3.0]), grid[0])
