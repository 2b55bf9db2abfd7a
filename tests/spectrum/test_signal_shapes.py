"""Signal shapes against numerical integration and against simulated masses."""

import numpy as np
import pytest
from scipy import integrate

from bumphunt.errors import InputError
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.signal_shapes import crystal_ball_fractions, template_fractions

SHAPE = {"mass": 4_000.0, "width": 120.0, "alpha_low": 1.2, "power_low": 3.0, "alpha_high": 1.8, "power_high": 4.0}


def density(m):
    t = (m - SHAPE["mass"]) / SHAPE["width"]
    for side, sign in (("low", -1), ("high", 1)):
        alpha, power = SHAPE[f"alpha_{side}"], SHAPE[f"power_{side}"]
        if sign * t > alpha:
            return (power / alpha) ** power * np.exp(-0.5 * alpha**2) * (power / alpha - alpha + sign * t) ** -power
    return np.exp(-0.5 * t**2)


def test_a_crystal_ball_is_its_integral():
    edges = np.array([2_000.0, 3_000.0, 3_700.0, 3_900.0, 4_050.0, 4_200.0, 4_600.0, 8_000.0])
    found = crystal_ball_fractions(edges, **SHAPE)
    breaks = [4_000.0 - 1.2 * 120, 4_000.0 + 1.8 * 120]
    total = (
        integrate.quad(density, -np.inf, breaks[0])[0]
        + integrate.quad(density, *breaks)[0]
        + integrate.quad(density, breaks[1], np.inf)[0]
    )
    for part, low, high in zip(found, edges[:-1], edges[1:], strict=True):
        inside = [place for place in breaks if low < place < high]
        assert part == pytest.approx(integrate.quad(density, low, high, points=inside or None)[0] / total, rel=1e-6)


def test_a_template_is_the_part_of_events():
    rng = np.random.default_rng(1)
    edges = np.linspace(3_500.0, 4_500.0, 11)
    found = template_fractions(edges, rng.normal(4_000.0, 130.0, 200_000), n_total=400_000)
    np.testing.assert_allclose(found, 0.5 * gaussian_fractions(edges, mass=4_000.0, width=130.0), atol=2e-3)


def test_shapes_that_are_none():
    with pytest.raises(InputError, match="powers above one"):
        crystal_ball_fractions(np.array([1.0, 2.0]), mass=1.5, width=0.1, power_low=1.0)
    with pytest.raises(InputError, match="make no template"):
        template_fractions(np.array([1.0, 2.0]), np.array([]))
