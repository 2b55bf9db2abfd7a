"""False-alarm rates: counted right, and bounds that cover as they say."""

import numpy as np
import pytest
from scipy import stats

from bumphunt.calibration.false_alarms import false_alarms
from bumphunt.errors import InputError


def test_rates_of_a_normal_variable_are_nominal():
    found = false_alarms(np.random.default_rng(1).standard_normal(200_000))
    assert (np.abs(found.rate - found.nominal) < 4 * np.sqrt(found.nominal / 200_000)).all()
    np.testing.assert_allclose(found.nominal, stats.norm.sf([1, 2, 3]))


@pytest.mark.parametrize("count", [0, 3, 20])
def test_bounds_are_clopper_and_pearsons(count):
    found = false_alarms([2.0] * count + [0.0] * (20 - count), thresholds=(1.0,))
    expected = stats.binomtest(count, 20).proportion_ci(confidence_level=0.9, method="exact")
    assert found.upper[0] == pytest.approx(expected.high)
    assert found.lower[0] == pytest.approx(expected.low, abs=1e-12)


def test_the_upper_bound_covers():
    rng = np.random.default_rng(2)
    held = [false_alarms(rng.standard_normal(150), thresholds=(1.0,)).upper[0] >= stats.norm.sf(1) for _ in range(2000)]
    assert np.mean(held) >= 0.94


@pytest.mark.parametrize("z", [[], [0.0, np.nan]])
def test_no_trials_and_nan_are_refused(z):
    with pytest.raises(InputError, match="false alarms"):
        false_alarms(z)
