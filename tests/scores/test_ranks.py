"""The largest of many values, as a full sort finds them."""

import numpy as np
import pytest

from bumphunt.scores.ranks import largest


@pytest.mark.parametrize(("size", "number"), [(1, 1), (100, 3), (5_000, 4_000), (20_000, 60), (20_000, 1_250)])
@pytest.mark.parametrize("digits", [1, 16])
def test_the_largest_come_first_and_the_first_of_equals(size, number, digits) -> None:
    values = np.round(np.random.default_rng(size).standard_normal(size), digits)
    for each in (values, np.sort(values), np.zeros(size)):
        expected = np.lexsort((np.arange(size), -each))[:number]
        np.testing.assert_array_equal(largest(each, number), expected)


def test_large_values_that_thinning_misses_are_found() -> None:
    values = np.zeros(10_000)
    values[1::16] = np.arange(625) + 1.0  # one in sixteen is looked at first, and none of these
    assert largest(values, 3).tolist() == [9_985, 9_969, 9_953]
    values = np.tile(np.r_[1.0, np.zeros(15)], 625)  # those looked at tell too much: 300 of 625 ones are enough
    assert largest(values, 700).tolist() == [*range(0, 10_000, 16), *[row for row in range(80) if row % 16]]
