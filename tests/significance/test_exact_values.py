"""Numbers that can be worked out by hand: limits, summaries, sidebands and workspaces at their edges."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from bumphunt.errors import InputError
from bumphunt.results import ScanResult, WindowResult
from bumphunt.significance.asymptotics import OnOff
from bumphunt.significance.efficiency import _rising
from bumphunt.significance.limits import cross_section_limit, window_limit
from bumphunt.significance.pyhf_tests import AsymptoticTests
from bumphunt.significance.smooth_sidebands import (
    Sidebands,
    excess_p_values,
    excess_z,
    highest_z,
    rank_weights,
    sidebands,
    weighted,
)
from bumphunt.significance.spectrum_scan import _around, scan_spectrum
from bumphunt.significance.summary import not_searched, scan_summary, scan_text
from bumphunt.significance.workspace import EVENTS_PER_MU, build_workspace
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import z_from_p

EDGES = 3_000.0 * 1.03 ** np.arange(25)


@pytest.fixture(scope="module")
def smooth():
    return 2e4 * np.exp(-(EDGES[:-1] / 600.0)) / np.exp(-(EDGES[0] / 600.0))


@pytest.fixture(scope="module")
def fit(smooth):
    masked = np.zeros(24, dtype=bool)
    masked[10:14] = True
    return fit_spectrum(smooth.round(), EDGES, family="dijet3", masked=masked)


def scanned(smooth, *, window=None, variances=None):
    counts = smooth.round()
    given = Spectrum(
        edges=EDGES,
        counts=counts if variances is None else variances * counts,
        variances=variances and variances**2 * counts,
        sqrt_s=13_000.0,
    )
    return scan_spectrum(given, family="dijet3", window=window, rng=np.random.default_rng(1), n_toys=20)


def test_a_limit_says_what_it_was_made_with():
    plain = window_limit(100.0, 100.0, 5.0)
    assert (plain.confidence, plain.method, plain.acceptance, plain.luminosity, plain.cross_section) == (
        0.95, "CLs", 1.0, None, None,
    )  # fmt: skip
    looser = window_limit(100.0, 100.0, 5.0, level=0.32, luminosity=10.0, acceptance=0.5)
    assert looser.confidence == pytest.approx(0.68)
    assert looser.cross_section == pytest.approx(looser.n_signal / 5.0)
    assert looser.n_signal < plain.n_signal
    # 1.64 standard deviations of a Gaussian, for CLs the asymptotic 1.96 of as many as expected
    assert plain.n_signal == pytest.approx(1.96 * np.hypot(10.0, 5.0), rel=0.05)
    assert window_limit(100.0, 100.0, 5.0, method="CLs+b").n_signal == pytest.approx(
        1.64 * np.hypot(10.0, 5.0), rel=0.06
    )
    np.testing.assert_allclose(plain.expected[2], plain.n_signal, rtol=1e-3)


@pytest.mark.parametrize(
    ("luminosity", "acceptance"), [(0.0, 1.0), (np.inf, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, 1.01)]
)
def test_what_gives_no_cross_section(luminosity, acceptance):
    assert cross_section_limit(10.0, luminosity=1.0, acceptance=1.0) == 10.0
    with pytest.raises(InputError, match="gives no cross section"):
        cross_section_limit(10.0, luminosity=luminosity, acceptance=acceptance)


def window(low, high, fit=None, note="", **more):
    return WindowResult(**{
        "low": low, "high": high, "cut_fraction": 1.0, "n_window": 100, "n_observed": 100, "n_expected": 90.0,
        "n_expected_error": 3.0, "z_local": 1.0, "p_local": 0.16, "leakage": 0.5, "leakage_error": 0.0,
        "sideband_p_value": 0.5, "fit": fit, "note": note, "z_stat": 1.0, **more,
    })  # fmt: skip


def scan_of(*windows, low, high, n_trials=3, best=0):
    return ScanResult(
        windows=windows,
        best=best,
        z_local=1.0,
        p_local=0.16,
        z_global=0.5,
        p_global=0.31,
        p_global_method="toys",
        n_toys=20,
        n_trials=n_trials,
        is_bound=False,
        searched_low=low,
        searched_high=high,
    )


def test_what_no_window_covers_is_named_up_to_its_ends(fit):
    inner = (window(EDGES[8], EDGES[12], fit), window(EDGES[10], EDGES[14], fit))
    parts = not_searched(scan_of(*inner, low=EDGES[0], high=EDGES[-1]))
    assert [(p["low"], p["high"], p["reason"]) for p in parts] == [
        (EDGES[0], EDGES[8], "no sideband below"),
        (EDGES[14], EDGES[-1], "no sideband above"),
    ]
    # one window stands for the range that was asked for, and not for itself
    assert not_searched(scan_of(inner[0], low=EDGES[0], high=EDGES[-1])) == []
    both = (window(EDGES[0], EDGES[12], fit), window(EDGES[10], EDGES[-1], fit))
    assert not_searched(scan_of(*both, low=0.0, high=0.0)) == []
    # a window that failed is named unless another covers it, and counts for nothing
    failed = window(EDGES[3], EDGES[5], note="not searched: no events")
    parts = not_searched(scan_of(*inner, failed, low=EDGES[0], high=EDGES[-1]))
    assert (parts[-1]["low"], parts[-1]["high"], parts[-1]["reason"]) == (EDGES[3], EDGES[5], "no events")
    assert parts[0]["high"] == EDGES[8]
    hidden = window(EDGES[8], EDGES[12], note="not searched: no events")
    assert len(not_searched(scan_of(*inner, hidden, low=EDGES[0], high=EDGES[-1]))) == 2


def test_a_fit_that_fails_is_told_with_its_p_value_and_without_a_significance(smooth):
    bad = smooth.round()
    bad[4] = 0.0
    given = Spectrum(edges=EDGES, counts=bad, sqrt_s=13_000.0)
    found = scan_spectrum(given, family="dijet3", rng=np.random.default_rng(1), n_toys=20)
    told = scan_summary(found, rng=np.random.default_rng(2))
    text = scan_text(found, told)
    [goodness] = [check for check in told["checks"] if check["name"] == "goodness_of_fit"]
    assert not goodness["passed"]
    p = f"{max(goodness['value'], 1e-300):.2g}"
    assert f"the goodness of fit fails (p = {p} < {goodness['threshold']:g})" in text.splitlines()[0]
    assert text.splitlines()[1].startswith("the window that stands out, ")
    assert told["upper_limit"] is None
    assert told["goodness"]["chi2"] == found.best_window.fit.chi2
    assert told["goodness"]["p_value"] == found.best_window.fit.p_value


def test_the_acceptance_names_what_the_cross_section_is_of(smooth):
    found = scanned(smooth, window=(EDGES[10], EDGES[14]))
    for acceptance, words in ((1.0, ", sigma x B x A < "), (0.5, ", sigma x B < ")):
        told = scan_summary(found, luminosity=10.0, acceptance=acceptance, rng=np.random.default_rng(2))
        limit = told["upper_limit"]
        text = scan_text(found, told)
        assert f"{words}{limit['n_signal'] / (10.0 * acceptance):.3g} fb" in text
        assert f"(expected {limit['expected'][2]:.1f})" in text


@pytest.mark.parametrize("weight", [1.0, 2.5, 0.4])
def test_weighted_contents_are_effective_events_and_it_is_said(smooth, weight):
    plain, found = (
        scanned(smooth, window=(EDGES[10], EDGES[14])),
        scanned(smooth, window=(EDGES[10], EDGES[14]), variances=weight),
    )
    assert found.best_window.n_observed == pytest.approx(plain.best_window.n_observed)
    said = [note for note in found.notes if "weighted" in note]
    assert [f"{weight:.3g} times as large" in note and f"contents over {weight:.3g}" in note for note in said] == (
        [True] if weight != 1.0 else []
    )


def test_a_binomial_p_value_is_that_of_scipy():
    """``on`` of ``on + off`` events fall into the window with probability ratio / (1 + ratio)."""
    for on, off, ratio in [(3, 5, 0.4), (12, 20, 0.25), (1, 7, 2.0)]:
        expected = binom.sf(on - 1, on + off, ratio / (1.0 + ratio))
        assert excess_p_values(np.array([float(on)]), np.array([off * ratio]), ratio)[0] == pytest.approx(expected)
        assert excess_z(np.array([float(on)]), np.array([off * ratio]), ratio)[0] == pytest.approx(z_from_p(expected))
        column = np.full((1, 1), float(on)), np.full((1, 1), off * ratio)
        assert highest_z(*column, ratio)[0] == pytest.approx(max(z_from_p(expected), 0.0), abs=1e-6)
    assert excess_p_values(np.array([0.0]), np.array([-1.0]), 1.0)[0] == 1.0
    # no event is no excess, and its significance still a number
    assert excess_z(np.array([0.0]), np.array([5.0]), 1.0)[0] == pytest.approx(-8.2, abs=0.1)


def test_weights_by_rank_are_those_of_the_docstring():
    kept = 6
    weights = rank_weights(kept)
    raw = np.minimum(np.log1p(2.0 / 3.0 * kept / (np.arange(kept) + 0.5)), 3.0)
    np.testing.assert_allclose(weights, raw * raw.sum() / (raw**2).sum())
    many = rank_weights(1_000)
    assert many[0] == many[10]  # the heaviest are alike
    assert many[0] > many[40]
    assert many.sum() == pytest.approx((many**2).sum())
    uncapped = np.log1p(2.0 / 3.0 * 1_000 / (np.arange(1_000) + 0.5))
    # 3 is the largest before scaling
    assert many[0] / many[500] == pytest.approx(3.0 / uncapped[500])


def test_weights_of_bins_keep_mean_and_variance_and_ask_for_events():
    counts = np.array([900.0, 700.0, 500.0, 400.0, 300.0, 200.0, 150.0])
    edges = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7])
    signal = np.array([0.0, 0.0, 0.2, 0.6, 0.2, 0.0, 0.0])
    found = sidebands(counts, edges, signal=signal, side=signal == 0, part=0.1)
    assert found.inside @ counts == pytest.approx(found.inside**2 @ counts)
    assert found.outside @ counts == pytest.approx(found.inside @ counts, rel=0.02)
    assert (found.outside[signal > 0] == 0).all()
    assert (found.inside[signal == 0] == 0).all()
    assert found.ratio == pytest.approx((found.outside**2 @ counts) / (found.outside @ counts))
    # the posterior of an efficiency c (1 + a t + b t^2), by hand
    t = np.log(0.5 * (edges[1:] + edges[:-1]))
    t -= np.average(t, weights=signal)
    powers, beside = t[:, None] ** np.arange(3), signal == 0
    prior = np.diag([0.0, 1.0 / 0.5**2, 1.0 / 1.0**2]) / 0.1
    matrix = np.einsum("bi,bj,b->ij", powers[beside], powers[beside], counts[beside]) + prior
    outside = powers[beside] @ np.linalg.inv(matrix) @ (powers.T @ (found.inside * counts))
    np.testing.assert_allclose(found.outside[beside], outside, rtol=1e-9)
    # wider priors let the efficiency move more, which costs certainty
    loose = sidebands(counts, edges, signal=signal, side=signal == 0, part=0.1, prior=(5.0, 10.0))
    assert loose.ratio > found.ratio
    # signal over background: bins of equal signal count by the smooth inverse of their events
    steep = sidebands(counts, edges, signal=np.where(signal > 0, 0.3, 0.0), side=signal == 0, part=0.1).inside
    t = np.log(0.5 * (edges[1:] + edges[:-1]))
    t -= t[2:5].mean()
    curve = np.polyval(np.polyfit(t, np.log(counts), 2, w=np.sqrt(counts)), t)
    np.testing.assert_allclose(steep[2:5] / steep[2], np.exp(curve[2] - curve[2:5]), rtol=1e-8)
    # with fewer than four bins that hold events, by their events themselves
    few = np.array([9.0, 0.0, 4.0, 0.0, 0.0, 0.0, 5.0])
    inside = sidebands(few, edges, signal=np.where(signal > 0, 0.3, 0.0), side=signal == 0, part=0.1).inside
    np.testing.assert_allclose(inside[2:5] / inside[3], [0.25, 1.0, 1.0])
    # four are enough for a curve, bins of one event among them
    four = np.array([90.0, 0.0, 30.0, 10.0, 0.0, 0.0, 1.0])
    inside = sidebands(four, edges, signal=np.where(signal > 0, 0.3, 0.0), side=signal == 0, part=0.1).inside
    filled = four > 0
    curve = np.polyval(np.polyfit(t[filled], np.log(four[filled]), 2, w=np.sqrt(four[filled])), t)
    np.testing.assert_allclose(inside[3] / inside[2], np.exp(curve[2] - curve[3]), rtol=1e-8)
    for empty in (np.where(signal > 0, 0.0, counts), np.where(signal > 0, counts, 0.0)):
        with pytest.raises(InputError, match="hold no events"):
            sidebands(empty, edges, signal=signal, side=signal == 0, part=0.1)


def test_a_weighted_sum_is_scaled_and_shifted_to_three_moments():
    plain = Sidebands(inside=np.array([0.0, 1.0, 0.0]), outside=np.array([0.5, 0.0, 0.5]), ratio=0.5)
    weights = np.array([2.0, 1.0])  # sum of cubes over sum of squares: 9 / 5
    found = weighted(plain, weights, np.array([300.0, 200.0, 100.0]))
    assert found.ratio == 0.5
    np.testing.assert_allclose(found.outside, plain.outside / 1.8**2)
    np.testing.assert_allclose(found.inside, plain.inside / 1.8 - plain.outside * (1.0 - 1.0 / 1.8) / 1.8)


def test_a_workspace_has_the_signal_and_the_bound_that_it_is_given(fit):
    signal = np.where(fit.masked, 0.2, 0.0)
    made = build_workspace(fit, signal, channel="one", efficiency_error=0.25)
    [channel] = made["channels"]
    first, background = channel["samples"]
    inside = np.flatnonzero(fit.masked)
    np.testing.assert_allclose(np.max(first["data"]), EVENTS_PER_MU * 0.2)
    [mu, efficiency] = first["modifiers"]
    assert mu == {"name": "mu", "type": "normfactor", "data": None}
    assert efficiency["data"] == {"hi": 1.25, "lo": 0.8}
    parameter = made["measurements"][0]["config"]["parameters"][0]
    observed, expected = np.array(made["observations"][0]["data"]), np.array(background["data"])
    assert len(inside) == 4
    room = 10.0 * np.sqrt(observed.sum() + expected.sum() + 10.0) + 5.0 * abs(observed.sum() - expected.sum())
    assert parameter["bounds"] == [[0.0, pytest.approx(room / np.maximum(first["data"], 1e-9 * EVENTS_PER_MU).sum())]]
    for modifier in background["modifiers"]:
        high, low = np.array(modifier["data"]["hi_data"]), np.array(modifier["data"]["lo_data"])
        np.testing.assert_allclose(high * low, expected**2, rtol=1e-9)
    assert len(build_workspace(fit, signal, channel="one")["channels"][0]["samples"][0]["modifiers"]) == 1
    for error in (-0.01, 1.0):
        with pytest.raises(InputError, match="relative error of the efficiency"):
            build_workspace(fit, signal, channel="one", efficiency_error=error)


def test_the_heading_of_a_bound_says_at_least(smooth):
    found = scanned(smooth, window=(EDGES[10], EDGES[14]))
    told = scan_summary(found, rng=np.random.default_rng(2))
    cases = (
        (1.2, 0.115, False, ", 1.20 global"),
        (1.2, 0.115, True, ", at least 1.20 global"),
        (0.0, 0.5, False, ", 0.00 global"),
        (-0.5, 0.69, False, ", nothing globally (p = 0.69)"),
    )
    for z, p, bound, words in cases:
        other = replace(found, z_global=z, p_global=p, is_bound=bound)
        assert words in scan_text(other, told).splitlines()[0]


def test_signals_below_the_best_one_are_not_excluded():
    tests = AsymptoticTests.__new__(AsymptoticTests)
    tests.best, tests._rise = 2.0, lambda kind, strength: {"data": 4.0, "asimov": 9.0}[kind]
    # q of the data counts from the best signal on, and the other tail lies at the root of that of Asimov data
    for strength, root in ((1.9, 0.0), (2.1, 2.0)):
        expected = norm.logcdf(-root) - norm.logcdf(3.0 - root)
        assert tests._log_cls(strength) == pytest.approx(expected)
    assert tests._root_asimov(1.0) == 3.0
    tests._at_none, tests._least = 9.0, 5.0
    assert tests.discovery() == pytest.approx(norm.sf(2.0))
    tests.best = 0.0
    assert tests.discovery() == 0.5


def test_roots_of_small_excesses_and_deficits():
    model = OnOff.from_background(np.array([101.0, 99.0, 100.0]), 100.0, 0.0)
    exact = [2.0 * (n * np.log(n / 100.0) - (n - 100.0)) for n in (101.0, 99.0)]
    np.testing.assert_allclose(model.signed_sqrt_q0(), [exact[0] ** 0.5, -(exact[1] ** 0.5), 0.0], rtol=0.02, atol=1e-3)
    np.testing.assert_allclose(model.q0(), [exact[0], 0.0, 0.0], rtol=0.03, atol=1e-5)


def test_neighbours_that_fall_are_averaged_by_their_weights():
    assert _rising(np.array([3.0, 1.0, 2.0, 5.0]), np.array([1.0, 3.0, 2.0, 1.0])).tolist() == [1.5, 1.5, 2.0, 5.0]
    assert _rising(np.array([5.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0])).tolist() == [2.0, 2.0, 2.0]


def test_a_place_between_the_centres_of_bins_is_the_nearest_bin(smooth):
    given = Spectrum(edges=EDGES, counts=smooth.round(), sqrt_s=13_000.0)
    for low, high in ((EDGES[7] * 1.001, EDGES[7] * 1.002), (EDGES[7] * 1.02, EDGES[7] * 1.025)):
        found = _around(given, low, high, "dijet3")
        assert (found.low, found.high) == (EDGES[7], EDGES[8])
