"""The likelihood is smooth: neither minimum nor errors change with the last digits of the events."""

from dataclasses import replace

import numpy as np
import pytest
from iminuit import Minuit

from bumphunt.masses import profile
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.interpolation import half_height_width, highest, smooth_table
from bumphunt.masses.likelihood import Likelihood, selected_signal
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plane import PlaneDensity

from .test_fit import EDGES, MASSES, QUANTITIES, experiment


def steep(mj1, mj2):
    return 0.05 + 0.9 / (1 + np.exp(-(mj1 - 495.0) / 12.0))


def select(events):
    return steep(events["mj1"].to_numpy(), events["mj2"].to_numpy())


def jittered(events, seed):
    rng = np.random.default_rng(seed)
    moved = {
        name: getattr(events, name) * (1 + 1e-9 * rng.normal(size=len(events.mjj))) for name in ("mjj", "mj1", "mj2")
    }
    return replace(events, **moved)


@pytest.mark.parametrize(("n_signal", "cut", "seed"), [(500, steep, 5), (80, None, 6)])
def test_the_last_digits_change_neither_values_nor_errors(table, signal, background, n_signal, cut, seed):
    events = experiment(signal, background, np.random.default_rng(seed), n_signal=n_signal, cut=cut)
    passing = None if cut is None else select
    fits = [fit_masses(jittered(events, jitter), table=table, select=passing) for jitter in (1, 2)]
    for name in QUANTITIES:
        one, other = (getattr(fit, name) for fit in fits)
        low, high = one.value - one.stat_low, one.stat_high - one.value
        assert abs(one.value - other.value) < 0.01 * min(low, high)
        assert other.value - other.stat_low == pytest.approx(low, rel=0.02)
        assert other.stat_high - other.value == pytest.approx(high, rel=0.02)


@pytest.fixture(scope="module")
def prepared(table, signal, background):
    events = experiment(signal, background, np.random.default_rng(5), n_signal=500, cut=steep)
    outside = events.outside
    plane = PlaneDensity(
        events.mjj[outside], events.mj1[outside], events.mj2[outside], growth=events.growth, reference=events.centre
    )
    return Likelihood(events, plane, selected_signal(table, MASSES, ends=(EDGES[0], EDGES[-1]), select=select))


@pytest.mark.parametrize("factor", [0.91, 0.95, 1.0, 1.05])
def test_the_efficiency_is_the_integral_of_the_selected_density(prepared, factor):
    # a tenth below the masses it was prepared at, the steep cut keeps a fraction of what it keeps there
    signal, masses = prepared.signal, (MASSES[0], factor * MASSES[1], MASSES[2])
    draws = signal.draws
    mjj, (mj1, mj2) = masses[0] * np.exp(draws.log_resonance), draws.jet_masses(masses)
    inside = (mjj > EDGES[0]) & (mjj < EDGES[-1])
    expected = float((signal.acceptance(mjj, mj1, mj2) * inside).mean())
    assert signal.efficiency(masses) == pytest.approx(expected, rel=0.06)


def test_the_likelihood_has_no_kinks(prepared):
    at = Parameters(*MASSES, 500.0, 240.0, 0.05, 0.05, 0.1)
    for name, step in (("m_resonance", 1.0), ("m_x", 0.3), ("log_width_jets", 0.01)):
        values = np.array(
            [prepared(*at._replace(**{name: getattr(at, name) + k * step})) for k in np.arange(-8, 9) / 8]
        )
        # third differences of a smooth function go with the third power of the step
        coarse = np.abs(np.diff(values[::2], 3)).max()
        fine = np.abs(np.diff(values, 3)).max()
        assert fine < 0.5 * coarse + 1e-6, name


def parabola(*values):
    at = Parameters(*values)
    others = at._replace(m_x=0.0)
    return float(np.sum((np.array(others) / 2.0) ** 2)) + well(at.m_x)


def well(m_x):
    # a parabola of error 2 about 100, with a second valley 0.4 above the first at 102.6
    return min((m_x - 100.0) ** 2 / 4.0, (m_x - 102.6) ** 2 / 4.0 + 0.4)


def minimised(function):
    minuit = Minuit(function, *([0.5] * 8), name=Parameters._fields)
    minuit.values["m_x"], minuit.errordef = 100.5, 1.0
    minuit.limits["m_x"] = (80.0, 120.0)
    minuit.migrad()
    return minuit


def test_a_profile_with_a_second_valley_is_scanned():
    minuit = minimised(parabola)
    errors = profile.profile_errors(parabola, minuit, "m_x", shape=profile.curvature(minuit))
    assert errors.low == pytest.approx(2.0, rel=0.02)
    # the second valley has risen by one at 102.6 + 2 sqrt(0.6)
    assert errors.high == pytest.approx(2.6 + 2.0 * 0.6**0.5, rel=0.05)


def test_a_deeper_valley_is_not_passed_over():
    def deeper(*values):
        return parabola(*values) - 0.8 * (values[1] > 101.5)

    minuit = minimised(deeper)
    assert minuit.values["m_x"] == pytest.approx(100.0, abs=0.01)
    with pytest.raises(profile.DeeperMinimumError) as caught:
        profile.profile_errors(deeper, minuit, "m_x", shape=profile.curvature(minuit))
    assert caught.value.at.m_x > 101.5


def test_tables_are_read_between_their_points():
    grid = np.linspace(-1.0, 1.0, 41)
    density = np.exp(-0.5 * ((grid - 0.013) / 0.2) ** 2)
    assert highest(grid, density) == pytest.approx(0.013, abs=1e-3)
    assert half_height_width(grid, density) == pytest.approx(2.355 * 0.2, rel=5e-3)
    x = np.linspace(-0.9, 0.9, 101)
    np.testing.assert_allclose(smooth_table(grid, density)(x), np.exp(-0.5 * ((x - 0.013) / 0.2) ** 2), atol=1e-4)
