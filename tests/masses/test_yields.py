"""The yield from a box of jet masses is the number of events that were put in."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.masses.yields import box_yield
from bumphunt.spectrum.binning import mass_grid

EDGES = mass_grid(2_900.0, 5_200.0, ratio=1.03)
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[5:9] = True
MASKED = WINDOW.copy()
MASKED[[4, 9]] = True
MASSES = (3_530.0, 450.0, 150.0)


@pytest.fixture(scope="module")
def factorised(response):
    """The response of detectors whose losses are independent, as the toys draw them."""
    return replace(response, box_correction=np.ones_like(response.box_correction))


def background(number, rng):
    low, high = EDGES[0] ** -7.0, EDGES[-1] ** -7.0
    mjj = (low + rng.random(number) * (high - low)) ** (-1 / 7)
    heavier = 250 * np.exp(rng.normal(0, 0.45, number))
    return mjj, heavier, heavier * rng.beta(2.5, 2.5, number)


def experiment(response, signal, number, rng, events=20_000):
    """Return events with ``number`` of signal, of which the response contains its own part."""
    mjj, mj1, mj2 = signal(response, MASSES, number, rng)
    m_resonance, m_x, m_y = MASSES
    kept = np.ones(number, dtype=bool)
    for mass in (m_x, m_y):
        kept &= rng.random(number) < np.interp(4 * mass / m_resonance, response.openness, response.contained)
    parts = zip(background(events, rng), (mjj[kept], mj1[kept], mj2[kept]), strict=True)
    return tuple(np.concatenate(pair) for pair in parts)


def measured(response, table, **options):
    return box_yield(*table, masses=MASSES, edges=EDGES, window=WINDOW, masked=MASKED, response=response, **options)


@pytest.mark.parametrize("number", [0, 300])
def test_the_yield_is_unbiased_and_its_error_is_its_spread(factorised, signal, number):
    rng = np.random.default_rng(5)
    boxes = [measured(factorised, experiment(factorised, signal, number, rng)) for _ in range(60)]
    raw = np.array([(box.n_observed - box.n_expected) / box.efficiency for box in boxes])
    assert raw.mean() == pytest.approx(number, abs=3 * raw.std() / np.sqrt(60) + 0.02 * number)
    statistical = np.mean([np.sqrt(box.n_observed + box.n_expected_error**2) / box.efficiency for box in boxes])
    assert raw.std() == pytest.approx(statistical, rel=0.3)
    covered = np.mean([box.n_signal.low <= number <= box.n_signal.high for box in boxes])
    assert covered > 0.55
    assert all(box.n_signal.low >= 0 for box in boxes)


@pytest.mark.parametrize("widths", [1.5, 4.0])
def test_another_box_gives_the_same_answer(factorised, signal, widths):
    rng = np.random.default_rng(6)
    raws = []
    for _ in range(15):
        box = measured(factorised, experiment(factorised, signal, 800, rng), widths=widths)
        raws.append((box.n_observed - box.n_expected) / box.efficiency)
    assert np.mean(raws) == pytest.approx(800, rel=0.12)


def test_losses_that_go_together_are_corrected_for(factorised, signal):
    table = experiment(factorised, signal, 300, np.random.default_rng(7))
    halved = replace(factorised, box_correction=0.5 * factorised.box_correction)
    first, second = measured(factorised, table), measured(halved, table)
    assert second.efficiency == pytest.approx(0.5 * first.efficiency)
    assert second.n_signal.value == pytest.approx(2.0 * first.n_signal.value)
    assert second.n_observed == first.n_observed
