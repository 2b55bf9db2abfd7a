"""Modes of few points, of histograms and of kernels, and the shapes of a resonance, by hand."""

import numpy as np
import pytest

from bumphunt.masses.modes import half_sample_mode, histogram_mode, kernel_mode
from bumphunt.masses.response import resonance_shapes


@pytest.mark.parametrize(
    ("points", "mode"),
    [
        ([0.0, 1.0, 3.0], 0.5),
        ([0.0, 2.0, 3.0], 2.5),
        ([0.0, 1.0, 2.0], 1.0),
        ([4.0], 4.0),
        ([1.0, 2.0], 1.5),
        ([0.0, 10.0, 11.0, 30.0, 31.5, 50.0], 10.5),
        ([0.0, 4.0, 5.0, 5.5, 20.0], 5.25),
    ],
)
def test_half_sample_mode_of_few_points(points, mode):
    assert half_sample_mode(np.array(points)) == mode
    assert half_sample_mode(np.array(points)[::-1]) == mode


def test_modes_of_histogram_and_kernel():
    assert histogram_mode(np.array([101.0, 103.0, 130.0, 131.0, 132.0]), 10.0) == 135.0
    assert histogram_mode(np.array([-7.0, -8.0, 4.0]), 5.0) == -7.5
    values = np.array([80.0, 100.0, 100.0, 125.0])
    assert kernel_mode(values, np.ones(4), 0.05) == pytest.approx(100.0, rel=5e-3)
    assert kernel_mode(values, np.array([3.0, 1.0, 1.0, 1.0]), 0.05) == pytest.approx(80.0, rel=5e-3)
    # background taken away where most events are
    assert kernel_mode(values, np.array([1.0, 1.0, -1.0, 2.0]), 0.05) == pytest.approx(125.0, rel=5e-3)
    # two of one kernel: the middle of them
    assert kernel_mode(np.array([100.0, 102.0]), np.ones(2), 0.05) == pytest.approx(101.0, rel=3e-3)


def test_a_resonance_without_contained_jets_has_the_shape_of_all():
    rng = np.random.default_rng(1)
    residual, ones = rng.normal(0.0, 0.03, 4_000), np.ones(4_000)
    inner, outer = resonance_shapes(residual, ones, ones)
    np.testing.assert_allclose(outer.log_density, inner.log_density, atol=1e-9)
    # half of the events lie 0.2 lower and are not contained: the outer shape peaks there
    residual[::2] -= 0.2
    contained = np.where(np.arange(4_000) % 2 == 0, 0.0, 1.0)
    inner, outer = resonance_shapes(residual, ones, contained)
    assert (inner.mode, outer.mode) == pytest.approx((0.0, -0.2), abs=0.02)
