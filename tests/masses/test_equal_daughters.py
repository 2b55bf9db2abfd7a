"""Daughters of equal mass: the fit splits them by chance, and the intervals have to know."""

import numpy as np
import pytest

from bumphunt.masses.equal_daughters import RESOLVED, inner_end, ordered, with_shared_response
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import Likelihood, selected_signal
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plane import PlaneDensity
from bumphunt.masses.profile import minimise, rise_when_equal
from bumphunt.results import Interval

from .test_fit import EDGES, experiment

MEAN, MEAN_ERROR, UNIT = 350.0, 2.0, 5.0
"""Mean of both masses, its error, and the root of the error of half of the difference squared (GeV)."""


def found_pair(true_half, rng):
    """Return both intervals of one experiment whose mean and squared difference have normal errors."""
    mean, squared = rng.normal(MEAN, MEAN_ERROR), rng.normal(true_half**2, UNIT**2)
    half = float(np.sqrt(max(squared, 0.0)))
    rise = max(squared, 0.0) ** 2 / UNIT**4
    lowest = min(squared, 0.0) ** 2 / UNIT**4
    # the outer end of a profile: the largest mean + d at which the sum of both parts has risen by one
    angle = np.linspace(-np.pi, np.pi, 400)
    size = np.sqrt(1.0 + lowest)
    outer = MEAN_ERROR * size * np.cos(angle) + np.sqrt(np.maximum(squared + size * UNIT**2 * np.sin(angle), 0.0))
    out = float(outer.max())
    return ordered(
        Interval(value=mean + half, low=mean + half - 1.0, high=mean + out),
        Interval(value=mean - half, low=mean - out, high=mean - half + 1.0),
        rise=rise,
        mean_error=MEAN_ERROR,
    )


@pytest.mark.parametrize("true_half", [0.0, 3.0, 6.0])
def test_intervals_cover_where_daughters_may_be_equal(true_half):
    rng = np.random.default_rng(1)
    pairs = [found_pair(true_half, rng) for _ in range(400)]
    resolved = np.mean([pair[0].value - pair[0].low == pytest.approx(1.0) for pair in pairs])
    assert resolved < 0.2, "the profile's own inner end, here a wrong one, is replaced"
    for index, side in enumerate((1.0, -1.0)):
        covered = np.mean([pair[index].low <= MEAN + side * true_half <= pair[index].high for pair in pairs])
        # two errors of a rate of 400; near the boundary intervals cover more than 68 %
        assert 0.63 < covered < 0.93, (true_half, covered)


def test_far_apart_nothing_changes():
    heavier, lighter = Interval(value=500.0, low=495.0, high=506.0), Interval(value=100.0, low=98.0, high=101.0)
    assert ordered(heavier, lighter, rise=RESOLVED, mean_error=2.0) == (heavier, lighter)
    # and the inner end comes near to that of a profile, d - s / 2 d, where the change sets in
    assert inner_end(10.0, RESOLVED, 0.0) == pytest.approx(10.0 - 10.0 / 6.0, rel=0.03)


def test_values_stay_and_ends_enclose_them():
    for rise in (0.0, 0.3, 1.0, 2.0, 8.9):
        heavier, lighter = ordered(
            Interval(value=355.0, low=352.0, high=358.0), Interval(value=345.0, low=341.0, high=347.0), rise=rise,
            mean_error=2.0,
        )  # fmt: skip
        assert (heavier.value, lighter.value, heavier.high, lighter.low) == (355.0, 345.0, 358.0, 341.0)
        assert heavier.low <= heavier.value
        assert heavier.low + lighter.high == pytest.approx(700.0)
        assert (heavier.low < 350.0) == (rise < 1.0)


def test_daughters_far_apart_cannot_be_one_mass(table, signal, background):
    events = experiment(signal, background, np.random.default_rng(3))
    outside = events.outside
    plane = PlaneDensity(
        events.mjj[outside], events.mj1[outside], events.mj2[outside], growth=events.growth, reference=events.centre
    )
    likelihood = Likelihood(
        events, plane, selected_signal(table, (3_530.0, 480.0, 160.0), ends=(EDGES[0], EDGES[-1]), select=None)
    )
    at = Parameters(3_530.0, 480.0, 160.0, 80.0, 250.0, 0.0, 0.0, 0.0)
    assert rise_when_equal(likelihood, minimise(likelihood, at)) > 10 * RESOLVED


@pytest.mark.long
def test_equal_daughters_are_covered(table, signal, background):
    rng, masses = np.random.default_rng(1), (3_600.0, 350.0, 350.0)
    fits = [fit_masses(experiment(signal, background, rng, masses=masses, n_signal=200), table=table) for _ in range(6)]
    for fit in fits:
        assert fit.m_x.stat_low < fit.m_y.stat_high or fit.m_x.value > fit.m_y.value
    covered = [found.stat_low <= 350.0 <= found.stat_high for fit in fits for found in (fit.m_x, fit.m_y)]
    assert sum(covered) >= 7


def test_exchanging_two_near_daughters_changes_nothing(table, signal, background):
    masses = (3_530.0, 210.0, 190.0)
    events = experiment(signal, background, np.random.default_rng(3), masses=masses, n_signal=200)
    outside = events.outside
    plane = PlaneDensity(
        events.mjj[outside], events.mj1[outside], events.mj2[outside], growth=events.growth, reference=events.centre
    )

    def exchanged(prepared):
        selected = selected_signal(table, prepared, ends=(EDGES[0], EDGES[-1]), select=None)
        likelihood = Likelihood(events, plane, selected)
        at = Parameters(*masses, 200.0, 250.0, 0.0, 0.0, 0.0)
        return likelihood(*at._replace(m_x=at.m_y, m_y=at.m_x)) - likelihood(*at)

    assert abs(exchanged(with_shared_response(masses))) < 0.05
    assert abs(exchanged(masses)) > 0.15
