"""The part of signal that a cut keeps changes with masses and resolutions as the density of selected signal does."""

import numpy as np
import pytest

from bumphunt.masses.growth import MassGrowth, TabulatedGrowth
from bumphunt.masses.likelihood import selected_signal
from bumphunt.masses.quadrature import jet_pairs, mjj_of_pairs
from bumphunt.masses.response import containment

ENDS = (2_900.0, 5_000.0)
EVENTS = 300_000


def passing(events):
    """A cut that keeps the core of jets near 350 GeV and loses their tails, as a classifier does."""
    jets = [np.log(events[name].to_numpy() / 352.0) for name in ("mj1", "mj2")]
    return 0.05 + 0.9 * np.exp(-0.5 * sum((jet / 0.12) ** 2 for jet in jets))


@pytest.fixture(scope="module", params=[(3_600.0, 350.0, 350.0), (3_500.0, 400.0, 330.0)], ids=["equal", "apart"])
def selected(table, request):
    return request.param, selected_signal(table, request.param, ends=ENDS, select=passing)


@pytest.fixture(scope="module")
def events(selected):
    """Logarithms of mjj and of the ordered jet masses of events drawn from the density of signal, one by one."""
    masses, signal = selected
    model, rng = signal.model, np.random.default_rng(3)
    ratios = [jet.shape.quantile(rng.random(EVENTS)) for jet in (model.heavy, model.light)]
    held = rng.random(EVENTS) < containment(ratios[0]) * containment(ratios[1])
    parts = rng.random(EVENTS)
    residual = np.where(held, model.contained.quantile(parts), model.uncontained.quantile(parts))
    log_mjj = np.log(masses[0]) + model.heavy.pull_at(ratios[0]) + model.light.pull_at(ratios[1]) + residual
    jets = np.sort(np.stack([np.log(mass) + ratio for mass, ratio in zip(masses[1:], ratios, strict=True)]), axis=0)
    return log_mjj, jets[1], jets[0]


def slow_sum(signal, events, masses, at, widening):
    """Return the efficiency at other parameters: events by their densities' ratio, each with its own probability."""
    mass = [np.exp(log) for log in events]
    inside = (mass[0] > ENDS[0]) & (mass[0] < ENDS[1])
    ratio = signal.model.density(events, masses=at, widening=widening) / signal.model.density(events, masses=masses)
    return ratio * signal.acceptance(*mass) * inside


MOVED = {
    "nothing": ((0.0, 0.0, 0.0), (0.0, 0.0)),
    "m_resonance": ((0.02, 0.0, 0.0), (0.0, 0.0)),
    "m_x": ((0.0, 0.03, 0.0), (0.0, 0.0)),
    "daughters apart": ((0.0, 0.03, -0.03), (0.0, 0.0)),
    "jets sharper": ((0.0, 0.0, 0.0), (0.0, -0.15)),
    "mjj blunter": ((0.0, 0.0, 0.0), (0.15, 0.0)),
}


@pytest.mark.parametrize("name", MOVED)
def test_the_efficiency_changes_as_the_density_does(selected, events, name):
    masses, signal = selected
    moved, log_widths = MOVED[name]
    at, widening = tuple(np.multiply(masses, np.exp(moved)).tolist()), tuple(np.exp(log_widths).tolist())
    base = slow_sum(signal, events, masses, masses, (1.0, 1.0))
    here = slow_sum(signal, events, masses, at, widening)
    assert signal.efficiency(at, widening) == pytest.approx(here.mean(), rel=0.004)
    change, known = np.log(signal.efficiency(at, widening) / signal.efficiency(masses)), here.mean() / base.mean()
    error = np.std(here - known * base) / base.mean() / EVENTS**0.5
    assert change == pytest.approx(np.log(known), abs=0.0008 + 2.5 * error)


def test_pairs_hold_the_probability_of_mjj_between_two_ends(selected):
    masses, signal = selected
    pairs = jet_pairs(signal.model)
    for ends, widening in (((3_300.0, 3_800.0), 1.0), ((3_550.0, 9_000.0), 1.2)):
        log_mjj, weight = mjj_of_pairs(signal.model, pairs, masses[0], ends=ends, widening=widening)
        within = signal.model.range_probability(pairs.pull, pairs.contained, masses[0], ends, widening)
        assert weight.mean() == pytest.approx(within.mean(), rel=2e-3)
        assert (weight >= 0).all()
        assert np.log(ends[0]) - 1e-6 <= log_mjj.min() <= log_mjj.max() <= np.log(ends[1]) + 1e-6


def test_lines_of_equal_quantile_are_read_off_a_table():
    growth, rng = MassGrowth(), np.random.default_rng(4)
    table = TabulatedGrowth(growth, reference=3_600.0, ends=ENDS)
    mjj, log_mass = rng.uniform(*ENDS, 1000), rng.uniform(1.0, 7.0, 1000)
    for axis in (0, 1):
        expected = growth.removed(axis, mjj, log_mass, reference=3_600.0)
        np.testing.assert_allclose(table.removed(axis, np.log(mjj), log_mass), expected, atol=2e-4)
