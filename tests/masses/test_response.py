"""The detector's response: what is shipped makes sense, and a fit finds the shape events were drawn from."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bumphunt.masses.response import SHAPE_PARAMETERS, fit_response, response_from_dict
from bumphunt.masses.shapes import crystal_ball_cdf

MASSES = (3_500.0, 500.0, 100.0)


def test_the_shipped_response_is_sound(response):
    for points, table in ((response.openness, response.jet), (response.resonance_openness, response.resonance)):
        assert (np.diff(points) >= 0).all(), "np.interp needs rising points"
        assert table.shape == (len(points), len(SHAPE_PARAMETERS))
        assert ((table[:, 0] > 0.9) & (table[:, 0] < 1.15)).all(), "modes lie near the particle's mass"
        assert ((table[:, 1] > 0.005) & (table[:, 1] < 0.2)).all()
    assert ((response.contained > 0.3) & (response.contained <= 1.0)).all()
    assert ((response.box_correction > 0.6) & (response.box_correction < 1.2)).all()
    assert response.scale_error.shape == (3,)
    assert (response.scale_error > 0).all()
    assert 0 < response.efficiency_error < 0.5


def test_light_jets_lie_above_their_particle_and_resolve_worse(response):
    light, heavy = (response.jet_shape(mass, 3_500.0) for mass in (100.0, 400.0))
    assert light["mode"] > heavy["mode"]
    assert light["width"] > heavy["width"]


def test_fractions_are_areas_of_the_contained_part(response):
    assert response.jet_fraction(0.0, 1e6, 400.0, 3_500.0) <= 1.0
    whole = response.resonance_fraction(1.0, 1e9, 3_500.0, 500.0)
    left = response.resonance_fraction(1.0, 3_400.0, 3_500.0, 500.0)
    right = response.resonance_fraction(3_400.0, 1e9, 3_500.0, 500.0)
    assert left + right == pytest.approx(whole)
    shape = response.resonance_shape(3_500.0, 500.0)
    assert left / whole == pytest.approx(crystal_ball_cdf(3_400 / 3_500, **shape), abs=0.01)


def test_a_wider_box_holds_more_and_no_box_holds_all(response):
    held = [
        response.box_efficiency(MASSES, low=3_200.0, high=3_800.0, widths=widths) for widths in (1.0, 2.0, 3.0, 6.0)
    ]
    assert held == sorted(held)
    assert held[0] > 0.1
    assert held[-1] < 1.0


def test_the_box_does_not_care_which_daughter_makes_the_heavier_jet(response):
    masses = (3_500.0, 120.0, 110.0)
    jets = np.array([[125.0, 112.0], [112.0, 125.0], [400.0, 112.0], [125.0, 20.0], [20.0, 10.0]]).T
    assert response.in_box(*jets, masses=masses, widths=1.0).tolist() == [True, True, False, False, False]


def test_the_efficiency_of_the_box_is_that_of_events(response, signal):
    factorised = replace(
        response,
        contained=np.ones_like(response.contained),
        box_correction=np.ones_like(response.box_correction),
    )
    for masses in (MASSES, (3_500.0, 300.0, 200.0)):
        mjj, mj1, mj2 = signal(factorised, masses, 60_000, np.random.default_rng(1))
        for widths in (1.5, 2.5):
            inside = factorised.in_box(mj1, mj2, masses=masses, widths=widths) & (mjj > 3_300) & (mjj < 3_700)
            found = factorised.box_efficiency(masses, low=3_300.0, high=3_700.0, widths=widths)
            assert found == pytest.approx(inside.mean(), rel=0.05)


def test_a_fit_finds_the_shapes_that_events_were_drawn_from(response, signal):
    rng = np.random.default_rng(2)
    points = [(3_500.0, 500.0, 100.0), (3_500.0, 400.0, 200.0)]
    samples = [(masses, np.stack(signal(response, masses, 8_000, rng), axis=1)) for masses in points]
    data = fit_response(samples, scale_error=[0.01, 0.02, 0.03], efficiency_error=0.1)
    back = response_from_dict(json.loads(json.dumps(data)))
    for m_resonance, m_x, m_y in points:
        for mass in (m_x, m_y):
            found, true = back.jet_shape(mass, m_resonance), response.jet_shape(mass, m_resonance)
            assert found["mode"] == pytest.approx(true["mode"], rel=0.01)
            assert found["width"] == pytest.approx(true["width"], rel=0.15)
        found, true = back.resonance_shape(m_resonance, m_x), response.resonance_shape(m_resonance, m_x)
        assert found["mode"] == pytest.approx(true["mode"], rel=0.005)
        assert found["width"] == pytest.approx(true["width"], rel=0.15)
    # these were drawn independently: nothing to correct
    np.testing.assert_allclose(back.box_correction, 1.0, atol=0.08)
    assert back.scale_error.tolist() == [0.01, 0.02, 0.03]


def test_points_whose_decay_does_not_fit_one_jet_are_left_out(response, signal):
    rng = np.random.default_rng(3)
    kept, dropped = (3_500.0, 400.0, 150.0), (2_000.0, 700.0, 150.0)
    samples = [(masses, np.stack(signal(response, masses, 2_000, rng), axis=1)) for masses in (kept, dropped)]
    data = fit_response(samples, scale_error=[0.01] * 3, efficiency_error=0.1)
    assert len(data["openness"]) == 2
    assert len(data["resonance_openness"]) == 1
