"""Background of the mass fit: lines of equal quantile, and a density that is one."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bumphunt.masses.growth import MassGrowth, _smoothed
from bumphunt.masses.plane import PlaneDensity, _smeared

LOW, HIGH = 2_900.0, 6_000.0


@pytest.fixture(scope="module")
def events(background):
    return background(40_000, np.random.default_rng(1), LOW, HIGH)


@pytest.fixture(scope="module")
def growth(events):
    return MassGrowth(*events)


def test_growth_is_learned(growth):
    for axis, masses in ((0, [200.0, 300.0, 450.0]), (1, [80.0, 150.0, 250.0])):
        for mass in masses:
            at = growth.removed(axis, np.array([3_000.0]), np.log([mass]), reference=4_500.0)
            assert at[0] - np.log(mass) == pytest.approx(0.5 * np.log(1.5), abs=0.04)
            back = growth.removed(axis, np.array([4_500.0]), at, reference=3_000.0)
            assert back[0] == pytest.approx(np.log(mass), abs=0.01)


def test_without_events_masses_grow_by_a_power():
    plain = MassGrowth()
    at = plain.removed(0, np.array([3_000.0]), np.log([300.0]), reference=6_000.0)
    assert at[0] == pytest.approx(np.log(300.0) + 0.5 * np.log(2.0))
    assert plain.stretch(1, np.array([3_000.0]), np.log([80.0]), reference=6_000.0)[0] == pytest.approx(1.0)


def test_the_density_is_that_of_events_in_the_window(events, growth):
    mjj, mj1, mj2 = events
    inside = (mjj > 3_500) & (mjj < 3_800)
    outside = np.flatnonzero(~inside)[::40]
    plane = PlaneDensity(mjj[outside], mj1[outside], mj2[outside], growth=growth, reference=3_650.0)
    edges = np.linspace(0, 900, 13)
    for axis, mass in enumerate((mj1, mj2)):
        found = np.histogram(mass[inside], edges)[0] / inside.sum()
        expected = plane.marginal(axis, edges, mjj[inside], np.ones(inside.sum()))
        assert expected.sum() == pytest.approx(1.0, abs=0.03)
        np.testing.assert_allclose(expected, found, atol=0.03)
    rng = np.random.default_rng(0)
    points = np.sort(np.exp(rng.uniform(np.log(2), np.log(3_000), (200_000, 2))), axis=1)[:, ::-1]
    volume = np.log(1_500) ** 2 / 2
    density = plane(np.full(len(points), 3_650.0), points[:, 0], points[:, 1]) * points.prod(axis=1)
    assert density.mean() * volume == pytest.approx(1.0, abs=0.05)


def test_weights_take_events_away(events, growth):
    mjj, mj1, mj2 = (column[::40] for column in events)
    plane = PlaneDensity(mjj, mj1, mj2, growth=growth, reference=3_650.0)
    lighter = plane.weighted((mj1 < 300).astype(float))
    at = np.array([3_650.0]), np.array([500.0]), np.array([250.0])
    assert lighter(*at)[0] < 0.3 * plane(*at)[0]


def test_neighbouring_slopes_are_averaged_and_the_ends_count_twice():
    assert _smoothed(np.array([0.0, 4.0, 8.0])).tolist() == [1.0, 4.0, 7.0]
    assert _smoothed(np.array([8.0, 0.0])).tolist() == [6.0, 2.0]


@pytest.mark.parametrize("number", [30, 400])
@pytest.mark.parametrize("width", [0.4, 3.0, 40.0])
def test_kernels_are_those_of_the_slow_filter(number, width):
    rng = np.random.default_rng(number)
    cells, weights, table = rng.integers(0, 80, (number, 2)), rng.random(number), np.zeros((80, 80))
    np.add.at(table, tuple(cells.T), weights)
    slow = gaussian_filter(table, width, mode="constant", truncate=3.5)
    np.testing.assert_allclose(_smeared(cells, weights, 80, width=width), slow, rtol=1e-12, atol=1e-14)
