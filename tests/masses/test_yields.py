"""The yield from a box of jet masses is the number of events that were put in."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import Response
from bumphunt.masses.yields import MassBox, box_yield
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.spectrum import Spectrum

EDGES = mass_grid(2_900.0, 5_200.0, ratio=1.03)
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[5:9] = True
MASKED = WINDOW.copy()
MASKED[[4, 9]] = True
MASSES = (3_530.0, 450.0, 150.0)


def experiment(signal, background, number, rng, events=20_000):
    parts = zip(background(events, rng, EDGES[0], EDGES[-1]), signal(MASSES, number, rng), strict=True)
    return tuple(np.concatenate(pair) for pair in parts)


BINS = Spectrum(counts=np.zeros(len(EDGES) - 1), edges=EDGES, sqrt_s=13_000.0, masked=MASKED, window=WINDOW)


def measured(table, events, *, varied=None, **box):
    response = Response(name="own", table=table, varied=varied)
    return box_yield(events, BINS, MassBox(masses=MASSES, **box), response)


@pytest.mark.parametrize("number", [0, 300])
def test_the_yield_is_unbiased_and_its_error_is_its_spread(table, signal, background, number):
    rng = np.random.default_rng(5)
    boxes = [measured(table, experiment(signal, background, number, rng)) for _ in range(20)]
    raw = np.array([(box.n_observed - box.n_expected) / box.efficiency for box in boxes])
    assert raw.mean() == pytest.approx(number, abs=3 * raw.std() / np.sqrt(20) + 0.03 * number)
    statistical = np.mean([np.sqrt(box.n_observed + box.n_expected_error**2) / box.efficiency for box in boxes])
    assert raw.std() == pytest.approx(statistical, rel=0.35)
    covered = np.mean([box.n_signal.low <= number <= box.n_signal.high for box in boxes])
    assert covered > 0.5
    assert all(0 <= box.n_signal.low <= box.n_signal.stat_low for box in boxes)


@pytest.mark.parametrize("widths", [1.5, 4.0])
def test_another_box_gives_the_same_answer(table, signal, background, widths):
    rng = np.random.default_rng(6)
    boxes = [measured(table, experiment(signal, background, 800, rng), widths=widths) for _ in range(6)]
    raw = [(box.n_observed - box.n_expected) / box.efficiency for box in boxes]
    assert np.mean(raw) == pytest.approx(800, rel=0.12)


def test_another_detector_widens_the_interval(table, varied, signal, background):
    events = experiment(signal, background, 300, np.random.default_rng(7))
    alone, both = measured(table, events), measured(table, events, varied=varied)
    assert both.n_signal.value == alone.n_signal.value
    assert both.n_signal.high > alone.n_signal.high
    assert both.n_signal.stat_high == alone.n_signal.stat_high


def test_the_box_does_not_care_which_daughter_makes_the_heavier_jet(table):
    masses = (3_500.0, 120.0, 110.0)
    model = signal_model(table, masses)
    jets = np.array([[130.0, 118.0], [121.0, 120.0], [400.0, 118.0], [130.0, 20.0], [20.0, 10.0]]).T
    assert MassBox(masses=masses, widths=1.5).holds(*jets, model).tolist() == [True, True, False, False, False]


def test_the_interval_holds_three_percent_for_the_efficiency(table, signal, background):
    box = measured(table, experiment(signal, background, 3000, np.random.default_rng(8)))
    found = box.n_signal
    assert box.efficiency_error == pytest.approx(0.03 * box.efficiency)
    statistical = np.sqrt(box.n_observed + box.n_expected_error**2) / box.efficiency
    assert found.stat_high - found.value == pytest.approx(statistical)
    assert found.high - found.value == pytest.approx(np.hypot(statistical, 0.03 * found.value))
    assert found.value - found.low == pytest.approx(np.hypot(statistical, 0.03 * found.value))


def test_a_sharper_detector_leaves_more_of_the_signal_in_the_box(table, signal, background):
    events = experiment(signal, background, 300, np.random.default_rng(8))
    nominal, sharper = (measured(table, events, widening=(width, width)) for width in (1.0, 0.5))
    assert sharper.efficiency > 1.1 * nominal.efficiency
    assert sharper.n_signal.value < nominal.n_signal.value


def test_a_box_holds_pairs_near_both_daughters_in_either_order():
    shapes = [SimpleNamespace(shape=SimpleNamespace(mode=0.0, core_width=width)) for width in (0.04, 0.08)]
    model = SimpleNamespace(heavy=shapes[0], light=shapes[1])
    box = MassBox(masses=(3_500.0, 500.0, 100.0))  # within 0.1 of log 500 and 0.2 of log 100
    mj1 = np.array([500.0, 100.0, 540.0, 560.0, 500.0, 500.0, 100.0])
    mj2 = np.array([100.0, 500.0, 120.0, 100.0, 125.0, 500.0, 100.0])
    assert box.holds(mj1, mj2, model).tolist() == [True, True, True, False, False, False, False]
