"""The Crystal Ball: a density that is one, and a distribution function that is its integral."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from bumphunt.masses.shapes import crystal_ball_cdf, crystal_ball_pdf

shapes = st.fixed_dictionaries(
    {
        "mode": st.floats(0.8, 1.3),
        "width": st.floats(0.01, 0.2),
        "alpha_low": st.floats(0.3, 3.5),
        "n_low": st.floats(1.5, 8.0),
        "alpha_high": st.floats(0.3, 3.5),
        "n_high": st.floats(1.5, 8.0),
    }
)


def pdf(x, shape):
    return float(crystal_ball_pdf(np.array([x]), **shape)[0])


@given(shape=shapes, x=st.floats(0.3, 2.0))
def test_the_distribution_function_is_the_integral_of_the_density(shape, x):
    start = 0.2
    kinks = [shape["mode"] + side * shape["width"] for side in (-shape["alpha_low"], shape["alpha_high"])]
    points = [start, *sorted(kink for kink in kinks if start < kink < x), x]
    area = sum(
        integrate.quad(pdf, a, b, args=(shape,), limit=200, points=[shape["mode"]] if a < shape["mode"] < b else None)[
            0
        ]
        for a, b in pairwise(points)
    )
    found = crystal_ball_cdf(x, **shape) - crystal_ball_cdf(start, **shape)
    assert found == pytest.approx(area, abs=1e-6)


@given(shape=shapes)
def test_it_is_normalised_and_rises_from_nought_to_one(shape):
    values = [crystal_ball_cdf(x, **shape) for x in (-1e9, 0.5, shape["mode"], 1.5, 1e9)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(0.0, abs=1e-2 if shape["n_low"] < 2 else 1e-6)
    assert values[-1] == pytest.approx(1.0, abs=1e-2 if shape["n_high"] < 2 else 1e-6)


@given(shape=shapes)
def test_the_tails_join_the_core_smoothly(shape):
    for kink in (-shape["alpha_low"], shape["alpha_high"]):
        x = shape["mode"] + kink * shape["width"]
        step = 1e-6 * shape["width"]
        before, at, after = (pdf(x + shift, shape) for shift in (-step, 0.0, step))
        assert after == pytest.approx(before, rel=1e-4)
        assert (at - before) / step == pytest.approx((after - at) / step, rel=1e-2)


def test_without_tails_it_is_a_gaussian():
    shape = {"mode": 1.0, "width": 0.05, "alpha_low": 8.0, "n_low": 3.0, "alpha_high": 8.0, "n_high": 3.0}
    x = np.linspace(0.8, 1.2, 41)
    np.testing.assert_allclose(crystal_ball_pdf(x, **shape), stats.norm(1.0, 0.05).pdf(x), rtol=1e-9)
    assert crystal_ball_cdf(1.05, **shape) == pytest.approx(stats.norm.cdf(1.0))


def test_the_lower_tail_is_that_of_scipy():
    shape = {"mode": 0.0, "width": 1.0, "alpha_low": 1.2, "n_low": 3.0, "alpha_high": 30.0, "n_high": 3.0}
    x = np.linspace(-8.0, 5.0, 60)
    np.testing.assert_allclose(crystal_ball_pdf(x, **shape), stats.crystalball(1.2, 3.0).pdf(x), rtol=1e-8)


def test_the_peak_is_at_the_mode():
    shape = {"mode": 1.02, "width": 0.06, "alpha_low": 0.8, "n_low": 2.5, "alpha_high": 1.5, "n_high": 2.5}
    grid = np.linspace(0.5, 1.5, 10_001)
    assert grid[np.argmax(crystal_ball_pdf(grid, **shape))] == pytest.approx(1.02, abs=2e-4)
