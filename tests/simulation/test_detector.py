"""The detector: single particles come out where and as well measured as they should."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest

from bumphunt.simulation.calorimeter import _grouped, ecal_cells, hcal_cells
from bumphunt.simulation.detector import DetectorResponse, reconstruct, surface

RESPONSE = DetectorResponse()


def gun(identity, *, pt, eta, phi=0.4, number=2000, z=0.0, x=0.0):
    """One particle of a kind per event."""
    column = lambda value: ak.Array(np.full((number, 1), float(value)))  # noqa: E731
    return ak.zip(
        {
            "id": ak.Array(np.full((number, 1), identity)),
            "px": column(pt * np.cos(phi)),
            "py": column(pt * np.sin(phi)),
            "pz": column(pt * np.sinh(eta)),
            "e": column(pt * np.cosh(eta)),
            "x": column(x),
            "y": column(0),
            "z": column(z),
        }
    )


def seen(events, response=RESPONSE, seed=1):
    return reconstruct(events, response=response, rng=np.random.default_rng(seed))


def energies(events):
    return np.asarray(ak.sum(events.pt * np.cosh(events.eta), axis=1))


def test_photon_resolution_is_that_of_the_crystal_calorimeter():
    energy = energies(seen(gun(22, pt=100, eta=0.1)))
    expected = np.sqrt(0.4**2 + 0.11**2 * 100 + (0.008 * 100) ** 2)
    assert energy.mean() == pytest.approx(100.5, rel=0.002)
    assert energy.std() == pytest.approx(expected, rel=0.06)


def test_neutral_hadron_resolution():
    energy = energies(seen(gun(130, pt=400, eta=0.0)))
    assert energy.mean() == pytest.approx(400, rel=0.01)
    assert energy.std() == pytest.approx(np.sqrt(1.5**2 * 400 + (0.05 * 400) ** 2), rel=0.06)


def test_track_and_cell_together_measure_better_than_either():
    out = seen(gun(211, pt=50, eta=0.1))
    energy = energies(out)
    # An upward fluctuation of the cell counts as a neutral particle: the rule itself has a positive bias.
    assert np.median(energy) == pytest.approx(50, rel=0.03)
    assert 50 < energy.mean() < 54
    track, cell = np.hypot(0.06, 1.3e-3 * 50) * 50, np.sqrt(1.5**2 * 50 + 2.5**2)
    combined = energy[np.asarray((ak.num(out.pt) == 1) & ak.all(np.abs(out.eta - 0.1) < 1e-9, axis=1))]
    assert len(combined) > 1000
    assert combined.std() < min(track, cell)
    assert np.percentile(combined, [16, 84]) == pytest.approx(
        combined.mean() + np.array([-1, 1]) * combined.std(), rel=0.02
    )


@pytest.mark.parametrize(("eta", "efficiency"), [(0.5, 0.99), (2.0, 0.98), (2.7, 0.0)])
def test_muons_are_seen_by_the_tracker_only(eta, efficiency):
    found = np.asarray(ak.num(seen(gun(13, pt=30, eta=eta, number=4000)).pt))
    assert set(found.tolist()) <= {0, 1}
    assert found.mean() == pytest.approx(efficiency, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "barrel", "endcap"),
    [
        ("hadrons", (0.70, 0.95, 0.95), (0.60, 0.85, 0.85)),
        ("electrons", (0.73, 0.95, 0.99), (0.50, 0.83, 0.90)),
        ("muons", (0.75, 0.99, 0.99), (0.70, 0.98, 0.98)),
    ],
)
def test_tracks_are_found_as_often_as_the_published_card_says(kind, barrel, endcap):
    tracker, pt = getattr(RESPONSE, kind), np.array([0.5, 50.0, 200.0])
    assert tracker.efficiency_at(pt, np.full(3, 1.0)).tolist() == list(barrel)
    assert tracker.efficiency_at(pt, np.full(3, -2.0)).tolist() == list(endcap)
    assert not tracker.efficiency_at(pt, np.full(3, 2.6)).any()


def test_soft_particles_are_lost():
    assert np.mean(ak.num(seen(gun(22, pt=0.3, eta=0.1)).pt)) < 0.1
    assert np.mean(ak.num(seen(gun(211, pt=0.09, eta=0.1)).pt)) < 0.01
    loopers = np.mean(ak.num(seen(gun(211, pt=0.25, eta=0.1)).pt))
    assert loopers < 0.05, "tracks that curl up end on the end cap beyond the tracker's reach"


def test_nothing_beyond_five_and_nothing_made_behind_the_calorimeter():
    assert ak.sum(ak.num(seen(gun(22, pt=50, eta=5.2)).pt)) == 0
    assert ak.sum(ak.num(seen(gun(22, pt=50, eta=0.1, x=1.5)).pt)) == 0
    assert ak.sum(ak.num(seen(gun(22, pt=50, eta=0.1, x=0.5)).pt)) > 0


def test_directions_stay_within_a_cell():
    out = seen(gun(22, pt=100, eta=0.5, phi=-2.0))
    assert np.abs(np.asarray(ak.flatten(out.eta)) - 0.5).max() < 0.0175
    assert np.abs(np.asarray(ak.flatten(out.phi)) + 2.0).max() < 0.0175
    tracks = seen(gun(13, pt=100, eta=0.5, phi=-2.0))
    np.testing.assert_allclose(np.asarray(ak.flatten(tracks.phi)), -2.0)


def test_energy_scale_of_a_shifted_detector():
    nominal = energies(seen(gun(22, pt=200, eta=0.1))).mean()
    shifted = energies(seen(gun(22, pt=200, eta=0.1), replace(RESPONSE, energy_scale=0.97))).mean()
    assert shifted / nominal == pytest.approx(0.97, abs=0.002)


def test_same_generator_state_same_output():
    first, second = (seen(gun(211, pt=20, eta=1.0, number=100), seed=7) for _ in range(2))
    assert ak.all(first.pt == second.pt)
    other = seen(gun(211, pt=20, eta=1.0, number=100), seed=8)
    assert ak.sum(first.pt) != ak.sum(other.pt)


@pytest.mark.parametrize("charge", [-1, 1])
@pytest.mark.parametrize(
    ("pt", "eta", "z", "x"), [(2.0, 0.3, 0.0, 0.0), (0.9, 1.2, 0.1, 0.05), (0.5, 0.2, 0, 0), (5, 2.2, 0, 0)]
)
def test_helix_agrees_with_small_steps(charge, pt, eta, z, x):
    phi = 1.0
    column = {
        "px": np.array([pt * np.cos(phi)]),
        "py": np.array([pt * np.sin(phi)]),
        "pz": np.array([pt * np.sinh(eta)]),
        "x": np.array([x]),
        "y": np.array([0.0]),
        "z": np.array([z]),
    }
    reached, outer_eta, outer_phi = surface(column, np.array([charge]), RESPONSE)
    step, here = 2e-4, np.array([x, 0.0, z])
    turn = -charge * 0.299792458 * RESPONSE.magnetic_field / pt * step
    direction = phi + turn / 2
    while np.hypot(here[0], here[1]) < RESPONSE.radius and abs(here[2]) < RESPONSE.half_length:
        here = here + step * np.array([np.cos(direction), np.sin(direction), np.sinh(eta)])
        direction += turn
    assert reached[0]
    assert outer_eta[0] == pytest.approx(np.arcsinh(here[2] / np.hypot(here[0], here[1])), abs=3e-3)
    assert np.cos(outer_phi[0] - np.arctan2(here[1], here[0])) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("cells", [ecal_cells(), hcal_cells()], ids=["ecal", "hcal"])
def test_every_direction_has_one_cell_that_contains_it(cells):
    rng = np.random.default_rng(0)
    eta, phi = rng.uniform(-5, 5, 20000), rng.uniform(-np.pi, np.pi, 20000)
    index = cells.index(eta, phi)
    ring = cells.ring(index)
    assert index.min() >= 0
    assert index.max() < cells.total
    assert (cells.edges[ring] <= eta).all()
    assert (eta <= cells.edges[ring + 1]).all()
    assert np.all(np.diff(cells.edges) > 0)
    assert cells.index(np.array([-5.1, 5.1]), np.zeros(2)).tolist() == [-1, -1]
    assert cells.index(np.array([0.01]), np.array([np.pi]))[0] == cells.index(np.array([0.01]), np.array([-np.pi]))[0]


@pytest.mark.parametrize("cells", [ecal_cells(), hcal_cells()], ids=["ecal", "hcal"])
def test_ring_table_agrees_with_a_search(cells):
    edges = cells.edges[1:-1]
    eta = np.concatenate([np.linspace(-4.999, 5, 20001), edges, np.nextafter(edges, 9), np.nextafter(edges, -9)])
    expected = np.searchsorted(cells.edges, eta) - 1
    np.testing.assert_array_equal(cells.ring(cells.index(eta, np.full(len(eta), 0.3))), expected)


@pytest.mark.parametrize("largest", [7, 30_000_000, 2**60])
def test_grouped_is_unique_with_its_inverse(largest):
    keys = np.random.default_rng(1).integers(0, largest, 5000)
    keys[2000:2500] = keys[:500]
    for got, expected in zip(_grouped(keys), np.unique(keys, return_inverse=True), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert [len(part) for part in _grouped(keys[:0])] == [0, 0]


def test_particles_unknown_to_the_tracker_are_neutral():
    # nuclei have ten-digit codes; a neutron and its antiparticle leave no track either
    for identity in (1000010020, 2112, -2112):
        assert np.asarray(ak.num(seen(gun(identity, pt=100, eta=0.1, number=50)).pt)).max() == 1
