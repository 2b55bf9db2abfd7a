"""Bins, and how much of a spectrum can be searched at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import InputError
from bumphunt.spectrum.binning import count, mass_grid, searched_range, to_hist
from bumphunt.spectrum.fit import fit_spectrum


@given(low=st.floats(50, 5_000), factor=st.floats(1.0001, 10), ratio=st.floats(1.006, 1.2))
def test_a_grid_rises_by_the_ratio_and_stays_inside(low, factor, ratio):
    edges = mass_grid(low, low * factor, ratio=ratio)
    assert edges[0] == low
    np.testing.assert_allclose(edges[1:] / edges[:-1], ratio)
    assert edges[-1] <= low * factor * (1 + 1e-9)
    assert edges[-1] * ratio > low * factor * (1 - 1e-9)


def test_an_end_on_the_grid_is_the_last_edge():
    assert mass_grid(1000.0, 1000.0 * 1.1**7, ratio=1.1).size == 8
    assert mass_grid(0.5, 0.5 * 1.1**3, ratio=1.1).size == 4, "masses below 1 GeV are masses as well"


@pytest.mark.parametrize(
    ("low", "high", "ratio"), [(0, 1, 1.03), (-1, 1, 1.03), (3, 3, 1.03), (4, 3, 1.03), (3, 4, 1.0), (3, 4, 0.9)]
)
def test_a_grid_that_is_none(low, high, ratio):
    with pytest.raises(InputError, match="cannot bin from"):
        mass_grid(low, high, ratio=ratio)


def test_counting_and_the_hist_agree():
    rng = np.random.default_rng(1)
    edges = mass_grid(3000, 4000, ratio=1.05)
    counts = count(rng.uniform(2900, 4100, 500), edges)
    spectrum = to_hist(counts, edges)
    assert counts.dtype == np.float64
    np.testing.assert_array_equal(spectrum.values(), counts)
    np.testing.assert_allclose(spectrum.axes[0].edges, edges)
    assert spectrum.axes[0].name == "mjj"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_searched_range_starts_above_the_turn_on_and_is_smooth(make_events, seed):
    mjj = make_events(30_000, seed=seed)["mjj"].to_numpy()
    edges = searched_range(mjj, ratio=1.03)
    # the turn-on of these events is half open at 2600 GeV, full near 2800
    assert 2_650 < edges[0] < 3_200
    assert np.sum(mjj > edges[-1]) >= 19
    assert len(edges) >= 20
    assert fit_spectrum(count(mjj, edges), edges, family="dijet4").p_value > 0.05


def test_ends_given_by_hand_are_kept(make_events):
    mjj = make_events(5_000)["mjj"].to_numpy()
    edges = searched_range(mjj, ratio=1.03, low=3_000.0, high=5_000.0)
    assert edges[0] == 3_000.0
    assert 5_000.0 / 1.03 < edges[-1] <= 5_000.0


def test_units_of_events_do_not_matter_to_the_seeming_range(make_events):
    mjj = make_events(20_000)["mjj"].to_numpy()
    whole = searched_range(mjj, ratio=1.03)
    np.testing.assert_array_equal(whole, searched_range(mjj[::-1], ratio=1.03))


def test_too_few_events():
    with pytest.raises(InputError, match=r"199 events are too few"):
        searched_range(np.linspace(3_000, 5_000, 199), ratio=1.03)


@pytest.mark.parametrize("low", [4_900.0, 5_200.0])
def test_a_range_without_room(make_events, low):
    with pytest.raises(InputError, match=r"too short to hold a window.*search\.low and search\.high"):
        searched_range(make_events(2_000)["mjj"].to_numpy(), ratio=1.03, low=low, high=5_000.0)


def test_the_range_ends_where_twenty_events_are_left():
    mjj = np.linspace(1_000.0, 4_000.0, 3_001)
    edges = searched_range(mjj, ratio=1.01, low=2_000.0)
    assert edges[0] == 2_000.0
    # the twentieth from above is 3981
    assert edges[-1] <= 3_981.0 < edges[-1] * 1.01
    edges = searched_range(mjj, ratio=1.0001, low=2_000.0, min_tail=1_000)
    assert edges[-1] == pytest.approx(3_001.0, rel=1e-4)


def test_the_range_begins_three_bins_above_the_peak(make_events):
    mjj = make_events(5_000)["mjj"].to_numpy()
    peak = searched_range(mjj, ratio=1.03, bins_above_peak=0)[0]
    assert searched_range(mjj, ratio=1.03)[0] == pytest.approx(peak * 1.03**3)
    assert searched_range(mjj, ratio=1.02, bins_above_peak=5)[0] == pytest.approx(peak * 1.02**5)


def test_twelve_bins_and_two_hundred_events_are_the_least():
    mjj = np.geomspace(1_000.0, 8_000.0, 200)
    assert len(searched_range(mjj, ratio=1.03, low=2_000.0, high=2_000.0 * 1.03**12 * (1 + 1e-9))) == 13
    with pytest.raises(InputError, match="too short"):
        searched_range(mjj, ratio=1.03, low=2_000.0, high=2_000.0 * 1.03**11.99)
    with pytest.raises(InputError, match=r"199 events are too few .* at least 200"):
        searched_range(mjj[1:], ratio=1.03)


def test_an_upper_end_leaves_twenty_events_and_not_one_more():
    mjj = np.concatenate([np.geomspace(2_000.0, 4_000.0, 300), 5_000.0 + np.arange(20.0)])
    # the twenty-first from above lies at 4000
    assert searched_range(mjj, ratio=1.001, low=2_000.0)[-1] > 4_900.0
