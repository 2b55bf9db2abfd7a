"""Windows, folds and weights: every event in one place, and no side favoured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import ConfigError, InputError
from bumphunt.preprocessing.splits import MassWindow, assign_folds, balanced_weights, mass_windows, window_on_grid
from bumphunt.spectrum.binning import mass_grid

EDGES = mass_grid(3_000.0, 6_000.0, ratio=1.03)
BINS = len(EDGES) - 1
WINDOW = MassWindow(low=3500.0, high=3700.0, sideband_low=3200.0, sideband_high=4000.0)


@given(mjj=st.lists(st.floats(2_900, 4_300) | st.sampled_from([3200.0, 3500.0, 3700.0, 4000.0]), min_size=1))
def test_region_and_sidebands_share_no_event_and_miss_none(mjj):
    masses = np.array(mjj)
    parts = np.stack([WINDOW.lower_sideband(masses), WINDOW.signal_region(masses), WINDOW.upper_sideband(masses)])
    inside = (masses >= 3200.0) & (masses < 4000.0)
    np.testing.assert_array_equal(parts.sum(axis=0), inside)
    np.testing.assert_array_equal(WINDOW.sidebands(masses), parts[0] | parts[2])


@given(width=st.integers(1, 6), step=st.integers(1, 4), sideband=st.integers(1, 10))
def test_windows_lie_on_the_grid_with_a_sideband_on_either_side(width, step, sideband):
    windows = mass_windows(EDGES, width=width, step=step, sideband=sideband)
    assert windows
    for window in windows:
        assert window.sideband_low < window.low < window.high < window.sideband_high
        assert {window.low, window.high, window.sideband_low, window.sideband_high} <= set(EDGES)
        assert window.bins(EDGES).sum() == width
        # events counted by mass and by bin are the same ones
        centres = 0.5 * (EDGES[1:] + EDGES[:-1])
        np.testing.assert_array_equal(window.signal_region(centres), window.bins(EDGES))
        least = max(min(width // 2, sideband), 1)
        assert min(window.lower_sideband(centres).sum(), window.upper_sideband(centres).sum()) >= least
        assert max(window.lower_sideband(centres).sum(), window.upper_sideband(centres).sum()) <= sideband
    starts = [np.searchsorted(EDGES, window.low) for window in windows]
    assert (np.diff(starts) == step).all()


def test_default_windows_leave_no_resonance_without_a_window():
    windows = mass_windows(EDGES, width=4, step=2, sideband=8)
    for mass in np.linspace(EDGES[3], EDGES[-5], 200):
        # somewhere the resonance lies in the middle half of a window
        assert any(abs(np.log(mass / np.sqrt(w.low * w.high))) <= np.log(1.03) * 1.02 for w in windows), mass


@given(guard=st.integers(0, 3), first=st.integers(1, BINS - 5))
def test_a_guard_widens_the_mask_on_either_side(guard, first):
    window = MassWindow(low=EDGES[first], high=EDGES[first + 4], sideband_low=EDGES[0], sideband_high=EDGES[-1])
    bins = np.flatnonzero(window.masked_bins(EDGES, guard=guard))
    assert bins[0] == max(first - guard, 0)
    assert bins[-1] == min(first + 3 + guard, BINS - 1)
    assert len(bins) == bins[-1] - bins[0] + 1


def test_no_room_for_a_window():
    with pytest.raises(InputError, match=r"no window of 4 bins has sidebands.*search\.low"):
        mass_windows(EDGES[:6], width=4, step=2, sideband=8)


def test_a_window_by_hand_snaps_to_the_grid():
    window = window_on_grid(EDGES, EDGES[8] + 3.0, EDGES[12] - 5.0, sideband=3)
    assert (window.low, window.high) == (EDGES[8], EDGES[12])
    assert (window.sideband_low, window.sideband_high) == (EDGES[5], EDGES[15])


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (3_500.0, 3_400.0, "holds no bin"),
        (3_500.0, 3_501.0, "holds no bin"),
        (7_000.0, 8_000.0, "holds no bin"),
        (2_500.0, 3_300.0, "no sideband below"),
        (5_000.0, 7_000.0, "no sideband above"),
    ],
)
def test_a_window_that_cannot_be_searched(low, high, message):
    with pytest.raises(InputError, match=message) as caught:
        window_on_grid(EDGES, low, high, sideband=8)
    assert f"{low:g}-{high:g} GeV" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(events=st.integers(2, 500), folds=st.integers(2, 20), seed=st.integers(0, 1000))
def test_folds_are_equal_and_cover_all(events, folds, seed):
    if events < folds:
        with pytest.raises(InputError, match="cannot be split"):
            assign_folds(events, folds=folds, rng=np.random.default_rng(seed))
        return
    numbers = assign_folds(events, folds=folds, rng=np.random.default_rng(seed))
    sizes = np.bincount(numbers, minlength=folds)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1


def test_folds_do_not_follow_the_order_of_the_file():
    numbers = assign_folds(10_000, folds=5, rng=np.random.default_rng(1))
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.05


@pytest.mark.parametrize("folds", [1, 0, -2])
def test_too_few_folds(folds):
    with pytest.raises(InputError, match=f"folds is {folds}; at least 2"):
        assign_folds(10, folds=folds, rng=np.random.default_rng(1))


def test_weights_balance_the_region_and_both_sidebands():
    rng = np.random.default_rng(1)
    mjj = 3_000.0 + rng.exponential(400.0, 5_000)
    lower, region, upper = WINDOW.lower_sideband(mjj), WINDOW.signal_region(mjj), WINDOW.upper_sideband(mjj)
    weights = balanced_weights(lower, region, upper)
    total = (lower | region | upper).sum()
    assert weights[region].sum() == pytest.approx(total / 2)
    assert weights[lower].sum() == pytest.approx(total / 4)
    assert weights[upper].sum() == pytest.approx(total / 4)
    assert (weights[~(lower | region | upper)] == 0).all()


@pytest.mark.parametrize(("empty", "name"), [(0, "lower sideband"), (1, "signal region"), (2, "upper sideband")])
def test_a_part_without_events(empty, name):
    parts = [np.array([number == part for number in (0, 1, 2)]) for part in range(3)]
    parts[empty] = np.zeros(3, dtype=bool)
    with pytest.raises(InputError, match=f"the {name} holds no events"):
        balanced_weights(*parts)


def parts(mjj, window=WINDOW):
    return window.lower_sideband(mjj), window.signal_region(mjj), window.upper_sideband(mjj)


def test_narrowed_keeps_the_inner_halves():
    mjj = np.random.default_rng(3).uniform(3_000.0, 4_200.0, 4_000)
    _, inner, _ = WINDOW.sideband_halves(mjj)
    np.testing.assert_array_equal(WINDOW.narrowed().sidebands(mjj), inner)
    np.testing.assert_array_equal(WINDOW.narrowed().signal_region(mjj), WINDOW.signal_region(mjj))


@pytest.mark.parametrize("class_weight", ["sides", "classes", "none"])
def test_class_weights_count_as_they_say(class_weight):
    mjj = 3_000.0 + np.random.default_rng(3).exponential(400.0, 5_000)
    weights = balanced_weights(*parts(mjj), class_weight=class_weight)
    below, inside, above = (weights[mask].sum() for mask in parts(mjj))
    assert weights.sum() == pytest.approx(np.count_nonzero(weights))
    if class_weight == "none":
        assert set(np.unique(weights)) == {0.0, 1.0}
    else:
        assert inside == pytest.approx(below + above)
    assert (below == pytest.approx(above)) == (class_weight == "sides")


def test_an_unknown_class_weight():
    with pytest.raises(ConfigError, match="choose one of"):
        balanced_weights(*parts(np.array([3_300.0, 3_600.0, 3_800.0])), class_weight="balanced")


@pytest.mark.parametrize(("n_bins", "width", "step"), [(20, 4, 2), (21, 4, 2), (20, 3, 1), (9, 4, 3), (17, 5, 4)])
def test_no_window_with_room_for_its_sidebands_is_left_out(n_bins, width, step):
    grid = np.arange(float(n_bins + 1)) + 100.0
    least = width // 2
    expected = [first for first in range(least, n_bins, step) if n_bins - (first + width) >= least]
    found = mass_windows(grid, width=width, step=step, sideband=6)
    assert [int(window.low) - 100 for window in found] == expected
    assert all(window.high - window.low == width for window in found)
