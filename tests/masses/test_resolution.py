"""A sharper or blunter detector moves the core of a response and leaves its tails."""

import numpy as np
import pytest

from bumphunt.masses.resolution import from_nominal, to_nominal

OFFSETS = np.linspace(-2.0, 2.0, 4001)


@pytest.mark.parametrize("factor", [0.3, 0.7, 1.0, 1.6])
def test_there_and_back(factor):
    nominal, _ = to_nominal(OFFSETS, factor, 0.2)
    assert (np.diff(nominal) > 0).all()
    np.testing.assert_allclose(from_nominal(nominal, factor, 0.2), OFFSETS, atol=1e-5)


@pytest.mark.parametrize("factor", [0.4, 1.5])
def test_the_density_stays_one(factor):
    nominal, derivative = to_nominal(OFFSETS, factor, 0.2)
    density = np.exp(-0.5 * (nominal / 0.05) ** 2) / (0.05 * np.sqrt(2 * np.pi)) * derivative
    assert np.trapezoid(density, OFFSETS) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(derivative, np.gradient(nominal, OFFSETS), atol=2e-3)


def test_the_core_is_scaled_and_tails_stay():
    rng = np.random.default_rng(1)
    core, tail = rng.normal(0.0, 0.03, 20_000), np.array([-0.9, 0.8])
    assert from_nominal(core, 0.5, 0.2).std() == pytest.approx(0.5 * 0.03, rel=0.05)
    np.testing.assert_allclose(from_nominal(tail, 0.5, 0.2), tail, atol=0.06)
