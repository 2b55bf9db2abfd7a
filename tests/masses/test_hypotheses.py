"""Hypotheses, simulated events of all masses, and the densities of their jets' masses."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.masses.hypotheses import (
    CELL,
    CELLS,
    LOWEST,
    MassShapes,
    cells,
    hypothesis_grid,
    known_features,
    resonance_share,
    simulated_signal,
)
from bumphunt.masses.response import jet_shape
from bumphunt.masses.signal_table import load_signal
from bumphunt.spectrum.binning import mass_grid


def test_the_grid_is_as_fine_as_the_resolution_and_ordered() -> None:
    grid = hypothesis_grid(3_500.0)
    assert (grid[:, 0] >= grid[:, 1]).all()
    masses = np.unique(grid)
    assert masses[0] == 50.0
    assert 0.9 * 0.24 * 3_500 < masses[-1] <= 0.24 * 3_500
    steps = np.diff(np.log(masses))
    assert (np.diff(steps) < 0).all(), "light jets are measured worse than heavy ones"
    assert steps[-1] < 0.08 < steps[0]


def test_a_resonance_too_light_for_any_daughter_is_refused() -> None:
    with pytest.raises(InputError, match="no daughters between"):
        hypothesis_grid(100.0)


def test_simulated_events_lie_where_they_should() -> None:
    found = simulated_signal(
        load_signal(), [3_500.0, 5_000.0], known_features(load_signal()), number=4_000, rng=np.random.default_rng(1)
    )
    assert found.features.shape == (8_000, 8)
    assert (found.features[:, 0] >= found.features[:, 1]).all(), "the heavier jet comes first"
    for number, reference in enumerate((3_500.0, 5_000.0)):
        assert np.median(found.mjj[found.reference == number]) == pytest.approx(reference, rel=0.05)
    assert np.isfinite(found.features).all()


def test_only_what_is_simulated_can_be_asked_for() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="no simulated signal has the feature 'mass'"):
        simulated_signal(load_signal(), [3_500.0], ["mj1", "mass"], number=10, rng=rng)
    with pytest.raises(InputError, match="none near 900 GeV"):
        simulated_signal(load_signal(), [900.0], ["mj1", "mj2"], number=10, rng=rng)


def test_the_share_of_signal_peaks_at_its_mass() -> None:
    edges = mass_grid(2_500.0, 5_000.0, ratio=1.03)
    share = resonance_share(load_signal(), 3_500.0, edges)
    assert 0.95 < share.sum() <= 1.0
    centre = np.average(np.log(0.5 * (edges[1:] + edges[:-1])), weights=share)
    assert np.exp(centre) == pytest.approx(3_500.0, rel=0.02)


def test_the_ratio_of_densities_singles_out_a_hypothesis() -> None:
    reference = 3_500.0
    found = simulated_signal(load_signal(), [reference], ["mj1", "mj2"], number=30_000, rng=np.random.default_rng(1))
    shapes = MassShapes(load_signal(), reference=reference, jets=found.features - np.log(reference))
    ratio = shapes.log_ratio(500.0, 100.0)
    at = np.log(np.array([[515.0, 106.0], [300.0, 106.0], [515.0, 200.0]]) / reference)
    right, *wrong = ratio[cells(at)]
    assert right > 1.0
    assert all(value < right - 2.0 for value in wrong)
    np.testing.assert_array_equal(shapes.log_ratio(100.0, 500.0), ratio)  # either jet may be that of X
    # no cell of the whole plane is missed that is as dense as that
    places = LOWEST + CELL * (np.arange(CELLS) + 0.5) + np.log(reference)
    first, second = (np.exp(jet_shape(load_signal(), m, reference).log_at(places - np.log(m))) for m in (500.0, 100.0))
    density = np.outer(first, second) + np.outer(second, first)
    np.testing.assert_array_equal(np.isfinite(ratio), (density > 3e-3 * density.max()).ravel())


def test_cells_hold_every_event() -> None:
    assert cells(np.array([[-9.0, -9.0], [3.0, 3.0], [LOWEST + 1.5 * CELL, LOWEST]])).tolist() == [
        0,
        CELLS * CELLS - 1,
        CELLS,
    ]
