"""The BumpHunter statistic against pyBumpHunter, and its global p-values against what they promise."""

import contextlib
import io

import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import InputError
from bumphunt.significance.bumphunter import bump_hunt, smallest_p_values, window_p_values, windows
from bumphunt.spectrum.design import make_design


def reference(counts, background, *, mode, widths, step, toys):
    """Scan with pyBumpHunter: p-values of all windows of the data, the smallest and its place for data and toys."""
    pytest.importorskip("pyBumpHunter", reason="pyBumpHunter is not installed")
    import pyBumpHunter

    hunter = pyBumpHunter.BumpHunter1D(
        mode=mode, width_min=widths[0], width_max=widths[-1], width_step=1, scan_step=step, npe=toys, nworker=1, seed=5,
        bins=np.arange(len(counts) + 1.0),
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        hunter.bump_scan(counts, background, is_hist=True)
    np.random.seed(5)  # noqa: NPY002  # it draws from the global state, toys in its own order
    drawn = np.random.poisson(background[:, None], (len(background), toys)).T  # noqa: NPY002
    return hunter, drawn


@pytest.mark.parametrize("mode", ["excess", "deficit"])
@pytest.mark.parametrize("step", [1, 2, "half", "full"])
def test_the_same_windows_counts_and_p_values_as_pybumphunter(smooth, mode, step):
    background = smooth(1e4)
    counts = np.random.default_rng(1).poisson(background)
    counts[10:13] += 60
    hunter, toys = reference(counts, background, mode=mode, widths=range(2, 8), step=step, toys=500)
    places = windows(len(counts), widths=range(2, 8), step=step)
    ours = window_p_values(counts, background, places, mode=mode)[0]
    np.testing.assert_allclose(ours, np.concatenate(hunter.res_ar), rtol=1e-9, atol=1e-15)
    best = int(np.argmin(ours))
    assert (places.first[best], places.last[best] - places.first[best]) == (
        hunter.min_loc_ar[0],
        hunter.min_width_ar[0],
    )
    chosen = slice(places.first[best], places.last[best])
    assert counts[chosen].sum() - background[chosen].sum() == pytest.approx(hunter.signal_eval)
    smallest, which = smallest_p_values(toys, background, places, mode=mode)
    np.testing.assert_allclose(smallest, hunter.min_Pval_ar[1:], rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(places.first[which], hunter.min_loc_ar[1:].astype(int))
    np.testing.assert_array_equal((places.last - places.first)[which], hunter.min_width_ar[1:].astype(int))
    # its p-value is k/n, which may be zero
    assert np.mean(smallest <= ours[best]) == pytest.approx(hunter.global_Pval)


@pytest.mark.parametrize("mode", ["excess", "deficit"])
def test_the_table_and_the_formula_agree(smooth, mode):
    background = smooth(300.0)
    toys = np.random.default_rng(2).poisson(background, (400, len(background)))
    places = windows(len(background), widths=(1, 3, 6))
    whole = window_p_values(toys, background, places, mode=mode)
    smallest, which = smallest_p_values(toys, background, places, mode=mode)
    np.testing.assert_array_equal(smallest, whole.min(axis=1))
    np.testing.assert_array_equal(whole[np.arange(400), which], smallest)


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("mode", ["excess", "deficit"])
def test_global_p_values_without_signal_are_uniform(edges, smooth, refit, mode):
    rng = np.random.default_rng(3)
    background = smooth(5e3)
    source = {"design": make_design(edges, family="dijet3")} if refit else {"background": background}
    p_values = [
        bump_hunt(counts, edges, **source, mode=mode, widths=(2, 3, 4), n_toys=200, rng=rng).p_global
        for counts in rng.poisson(background, (200, len(background)))
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_a_bump_is_found_and_toys_without_one_do_not_reach_it(edges, smooth):
    counts = smooth(1e4).round()
    counts[10:13] += 120
    found = bump_hunt(
        counts, edges, design=make_design(edges, family="dijet3"), n_toys=300, rng=np.random.default_rng(4)
    )
    assert (found.low, found.high) == (edges[10], edges[13])
    assert found.z_local > 5
    assert (found.n_exceed, found.p_global) == (0, pytest.approx(1 / 301))
    assert found.refitted
    assert len(found.statistics) == 300
    assert "0 of 300 toys exceed" in str(found)
    again = bump_hunt(
        counts, edges, design=make_design(edges, family="dijet3"), n_toys=300, rng=np.random.default_rng(4)
    )
    assert again.to_dict() == found.to_dict()


def test_what_cannot_be_searched(edges, smooth):
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="either a known background or a family"):
        bump_hunt(smooth(10), edges, rng=rng)
    with pytest.raises(InputError, match="hold no window"):
        windows(3, widths=(5,))
    with pytest.raises(InputError, match="unknown mode"):
        window_p_values(smooth(10), smooth(10), windows(5, widths=(2,)), mode="both")
    with pytest.raises(InputError, match="finite counts"):
        bump_hunt(smooth(10), edges, background=-smooth(10), rng=rng)
