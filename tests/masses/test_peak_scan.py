"""The seed document's peak scan, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import InputError
from bumphunt.masses.peak_scan import default_take, peak_scan


def test_the_maximum_is_followed_as_more_events_are_taken():
    # the five most anomalous events lie near 500, the following twenty near 300
    mass = np.concatenate([np.full(5, 503.0), np.full(20, 311.0)])
    score = np.linspace(1.0, 0.0, 25)
    found = peak_scan(score, {"mj1": mass}, bin_widths={"mj1": 20.0}, take=(2, 12), steps=100)
    modes = dict(zip(found.n_taken.astype(int), found.modes[:, 0], strict=True))
    assert modes[2] == modes[5] == modes[9] == 510.0
    # equal heights at ten: the first of equals is the lower bin
    assert modes[10] == modes[12] == 310.0
    inside = [mode for n, mode in modes.items() if 2 <= n <= 12]
    assert found.mean[0] == pytest.approx(np.mean(inside))
    assert found.spread[0] == pytest.approx(np.std(inside))
    assert found.n_taken[-1] == 24


def test_taking_more_than_there_are_takes_all():
    found = peak_scan(np.arange(8.0), {"mjj": np.full(8, 3_525.0)}, bin_widths={"mjj": 50.0}, take=(20, 60))
    assert found.n_taken.max() == 8
    assert found.mean[0] == 3_525.0


@pytest.mark.parametrize("take", [(5, 5), (6, 5), (0, 4)])
def test_a_range_that_is_none(take):
    with pytest.raises(InputError, match=f"rising range of N, not {take[0]} to {take[1]}"):
        peak_scan(np.arange(8.0), {"mjj": np.ones(8)}, bin_widths={"mjj": 50.0}, take=take)


@given(selected=st.integers(0, 5_000))
def test_the_default_range_is_usable_and_holds_the_selection(selected):
    low, high = default_take(selected)
    assert 1 <= low < high
    assert low <= max(selected, 10) <= max(high, 20)
