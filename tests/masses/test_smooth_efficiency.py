"""The quadratic form of the efficiency is that of the function it stands for, mixed term and all."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.masses.likelihood import SelectedSignal

SLOPE = np.array([0.4, -0.3, 0.2, 0.1, -0.2])
CURVATURE = np.diag([-1.0, -2.0, -1.5, -0.5, -0.7])
MASSES = (3_500.0, 500.0, 100.0)


@pytest.mark.parametrize("mixed", [-0.9, 0.0, 0.9])
def test_it_is_exact_for_a_quadratic_form_in_the_logarithms(mixed):
    curvature = CURVATURE.copy()
    curvature[1, 2] = curvature[2, 1] = mixed

    def efficiency(masses, widening=(1.0, 1.0)):
        step = np.log(np.append(masses, widening)) - np.log([*MASSES, 1.0, 1.0])
        return float(np.exp(-2.0 + SLOPE @ step + 0.5 * step @ curvature @ step))

    smooth = SelectedSignal.smooth_efficiency(SimpleNamespace(efficiency=efficiency), MASSES, (0.0, 0.0))
    for factors in ((1, 1, 1), (1.05, 1, 1), (1, 1.2, 1.2), (1, 1.2, 0.8), (1.1, 0.9, 0.7)):
        masses = tuple(np.array(MASSES) * factors)
        assert smooth(masses, 0.1, -0.2) == pytest.approx(efficiency(masses, tuple(np.exp([0.1, -0.2]))), rel=1e-9)
