"""Pull summaries: right for intervals known to cover, and plain where they do not."""

import numpy as np
import pytest

from bumphunt.calibration.pulls import summarise_pulls
from bumphunt.errors import InputError
from bumphunt.results import Interval


def intervals(values, low, high):
    return [Interval(value=v, low=v - low, high=v + high) for v in values]


def test_gaussian_intervals_cover_68_percent():
    truth = np.full(4000, 3500.0)
    found = summarise_pulls(intervals(truth + 20 * np.random.default_rng(3).standard_normal(4000), 20, 20), truth)
    assert abs(found.mean) < 4 * found.mean_error
    assert abs(found.width - 1) < 4 * found.width_error
    assert abs(found.covered - 0.683) < 4 * found.covered_error
    assert found.median_error == pytest.approx(0.6745 * 20 / 3500, rel=0.1)


def test_the_half_towards_the_truth_counts():
    found = summarise_pulls(intervals([10.0, 10.0], 1.0, 4.0), [8.0, 12.0])
    assert found.mean == pytest.approx((2.0 - 0.5) / 2)
    assert found.covered == 0.5
    assert found.covered_twice == 1.0


def test_shapes_must_agree():
    with pytest.raises(InputError, match="at least 2"):
        summarise_pulls(intervals([1.0], 1, 1), [1.0])
    with pytest.raises(InputError, match="shape"):
        summarise_pulls(intervals([1.0, 2.0], 1, 1), [1.0])
