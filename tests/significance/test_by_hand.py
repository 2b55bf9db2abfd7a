"""Small parts of significances, limits and workspaces against values worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bumphunt.config import ChecksConfig
from bumphunt.errors import InputError
from bumphunt.results import WindowResult
from bumphunt.significance.asymptotics import OnOff
from bumphunt.significance.bumphunter import bump_hunt, window_p_values, windows
from bumphunt.significance.checks import deficit_check, fold_agreement, hypotheses_check, window_checks
from bumphunt.significance.direct import direct_estimate
from bumphunt.significance.efficiency import fit_efficiency
from bumphunt.significance.expected import expected_significance, mask_counts
from bumphunt.significance.form import FormDifference, with_form_difference
from bumphunt.significance.likelihood_scan import likelihood_scan, mass_steps, signal_shapes
from bumphunt.significance.limit_grid import limit_between
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits, window_limits
from bumphunt.significance.p_values import counting_p_value
from bumphunt.significance.patchset import build_patchset
from bumphunt.significance.permutations import Tail, fit_tail
from bumphunt.significance.scan import combine_windows, window_significance
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.significance.toys import most_significant, window_z
from bumphunt.significance.trials import global_p_value, gross_vitells
from bumphunt.significance.workspace import build_counting_workspace
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.signal_fit import fit_signal
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import p_from_z, z_from_p


def a_window(**changes):
    return WindowResult(**{
        "low": 3_400.0, "high": 3_600.0, "cut_fraction": 0.05, "n_window": 500, "n_observed": 100, "n_expected": 60.0,
        "n_expected_error": 6.0, "z_local": 4.0, "p_local": p_from_z(4.0), "leakage": 0.5, "leakage_error": 0.0,
        "sideband_p_value": 0.5, "fit": None, "note": "", **changes,
    })  # fmt: skip


def test_the_deepest_deficit_of_a_bin_is_a_poisson_tail_times_its_looks():
    fit = SimpleNamespace(
        counts=np.array([3.0, 10.0, 0.0, 12.0]),
        expected=np.full(4, 10.0),
        error=np.full(4, 2.0),
        masked=np.array([False, False, True, False]),
        window=np.array([False, False, True, False]),
        edges=np.array([3_000.0, 3_100.0, 3_200.0, 3_300.0, 3_400.0]),
    )
    # the fit is believed to one of its errors; an empty bin counts inside the window, too
    empty = deficit_check(fit, threshold=1e-3)
    assert empty.value == pytest.approx(1.0 - (1.0 - np.exp(-8.0)) ** 4)
    assert empty.passed
    assert "GeV" not in empty.meaning
    failed = deficit_check(fit, threshold=0.01, when="after the cut")
    assert not failed.passed
    assert "3200-3300 GeV holds 0 events after the cut where 10 are expected, a dead bin" in failed.meaning
    two = deficit_check(fit, threshold=0.9, where=np.array([True, True, False, True]), looks=2)
    assert two.value == pytest.approx(1.0 - stats.poisson.sf(3, 8.0) ** 6)
    assert "3000-3100 GeV holds 3 events where 10 are expected, a deficit" in two.meaning
    # asked for everywhere: inside the window only what is empty
    fit.window, fit.counts = np.array([False, True, True, False]), np.array([3.0, 1.0, 0.0, 12.0])
    all_of_it = deficit_check(fit, threshold=0.9, where=np.ones(4, dtype=bool))
    assert all_of_it.value == pytest.approx(1.0 - (1.0 - np.exp(-8.0)) ** 3)


def test_checks_of_a_window_are_the_numbers_they_say():
    assert fold_agreement(np.array([4.0, 8.0, 12.0])) == pytest.approx(stats.chi2.sf(32.0 / 8.0, 2))
    window = a_window(
        leakage=0.46, leakage_error=0.015, ordinary=0.56, ordinary_error=0.01, fold_p_values=np.array([0.2, 0.04, 0.7]),
        n_direct=66.0, n_direct_error=8.0,
    )  # fmt: skip
    values = {each.name: each.value for each in window_checks(window, thresholds=ChecksConfig())}
    assert values["sculpting"] == pytest.approx(0.04 - 0.03)
    assert values["ordinary_events"] == pytest.approx(0.06 - 0.03)
    assert values["fold_agreement"] == pytest.approx(3 * 0.04)
    assert values["estimates_agree"] == pytest.approx(abs(window.estimates_pull))
    uncut = window_checks(a_window(cut_fraction=1.0), thresholds=ChecksConfig())
    assert [each.name for each in uncut] == ["sideband_fit"]


@pytest.mark.parametrize(("elsewhere", "passed"), [(-1.0, True), (4.0, True), (4.01, False)])
def test_an_excess_at_all_masses_of_the_daughters_is_no_hypothesis(elsewhere, passed):
    (check,) = hypotheses_check(elsewhere)
    assert (check.name, check.passed, check.value, check.threshold) == ("one_hypothesis", passed, elsewhere, 4.0)
    assert hypotheses_check(np.nan) == ()


@pytest.mark.parametrize(
    ("z", "exceed", "toys", "upcrossings", "p", "method", "bound"),
    [
        (5.0, 10, 999, 4.0, 0.011, "toys", False),
        (5.0, 9, 999, 4.0, p_from_z(5.0) + 4.0 * np.exp(-12.0), "Gross-Vitells", True),
        (3.0, 9, 999, 4.0, 0.010, "toys", False),
        (3.0, 0, 99, 4.0, 0.01, "toys", True),
        (0.9, 0, 99, 4.0, p_from_z(0.9), "toys", True),
    ],
)
def test_ten_toys_that_exceed_are_enough(z, exceed, toys, upcrossings, p, method, bound):
    found = global_p_value(z, p_from_z(z), n_exceed=exceed, n_toys=toys, upcrossings=upcrossings)
    assert found[0] == pytest.approx(p)
    assert found[1].startswith(method)
    assert found[2] is bound


def test_the_tail_beyond_permutations():
    p = {z: stats.norm.sf(z) for z in (2.0, 4.0, 5.0)}
    rising = Tail(level=1.0, growth=0.5, at=3.0, end=4.0)
    assert rising.p_value(5.0) == pytest.approx(1.0 - np.exp(-np.exp(1.0 + 0.5 * 2.0) * p[5.0]))
    falling = Tail(level=1.0, growth=-0.5, at=3.0, end=4.0)
    assert falling.p_value(5.0) == pytest.approx(1.0 - np.exp(-np.exp(1.0 - 0.5 * 1.0) * p[5.0]))
    # nothing is known below the median, and no global p-value is below the local one
    assert falling.p_value(2.0) == pytest.approx(1.0 - np.exp(-np.exp(1.0) * p[2.0]))
    assert Tail(level=-3.0, growth=0.0, at=3.0, end=4.0).p_value(4.0) == pytest.approx(p[4.0])


def test_a_tail_is_the_most_likely_one():
    maxima = np.sort(np.random.default_rng(3).standard_normal((60, 200)).max(axis=1))
    found = fit_tail(maxima)
    assert (found.at, found.end) == (np.median(maxima), maxima[-1])
    above = maxima[maxima > found.at]

    def log_likelihood(level, growth):
        """Of maxima above the median, and that the others lie below it, with the density as a difference."""

        def survival(z):
            return 1.0 - np.exp(-np.exp(level + growth * (z - found.at)) * stats.norm.sf(z))

        density = (survival(above - 1e-5) - survival(above + 1e-5)) / 2e-5
        return np.log(density).sum() + (len(maxima) - len(above)) * np.log(1.0 - survival(found.at))

    best = log_likelihood(found.level, found.growth)
    for level, growth in ((0.02, 0.0), (-0.02, 0.0), (0.0, 0.05), (0.0, -0.05), (0.02, -0.05), (-0.02, 0.05)):
        assert log_likelihood(found.level + level, found.growth + growth) < best + 1e-6


def test_a_background_without_an_error_is_a_sideband_ten_thousand_times_as_sure():
    model = OnOff.from_background(5.0, 4.0, 0.0)
    assert float(model.tau) == pytest.approx(1e8)
    assert float(model.off) == pytest.approx(4e8)


def test_a_window_without_events_has_a_significance_that_is_a_number(edges, smooth):
    window = np.zeros(len(edges) - 1, dtype=bool)
    window[8:12] = True
    counts = np.where(window, 0.0, smooth(2e4))[None, :]
    assert window_z(counts, edges, window, family="dijet3", sqrt_s=13_000.0)[0] == pytest.approx(-8.2, abs=0.1)


@pytest.mark.parametrize("method", ["CLs", "CLs+b"])
def test_expected_limits_of_spectra_are_quantiles_of_the_observed_one(edges, smooth, method):
    """For many events the limit is the standard error times what eq. 89 of arXiv:1007.1727 says."""
    shape = gaussian_fractions(edges, mass=4_000.0, width=132.0)
    design = make_design(edges, family="dijet3", sqrt_s=13_000.0)
    counts = np.stack([smooth(3e6), smooth(1e6)])
    found = expected_spectrum_limits(counts, design, np.stack([shape, shape]), method=method)
    error = fit_signal(counts, design, shape, null=fit_many(counts, design)).error
    bands = np.arange(-2.0, 3.0)
    level = 0.05 * stats.norm.cdf(bands) if method == "CLs" else np.full(5, 0.05)
    roots = np.maximum(stats.norm.isf(level) + bands, 0.0)
    np.testing.assert_allclose(found, error[:, None] * roots, rtol=0.01, atol=1e-3 * error.max())
    np.testing.assert_allclose(found[:, 2], spectrum_limits(counts, design, shape, method=method), rtol=1e-4)


def test_the_form_moves_the_background_and_not_its_error():
    found = with_form_difference(a_window(fit=SimpleNamespace()), FormDifference(relative=0.1, family="dijet4"))
    assert (found.z_stat, found.n_form, found.form_family) == (4.0, pytest.approx(66.0), "dijet4")
    assert found.p_local == pytest.approx(counting_p_value(100.0, 66.0, 6.0))
    assert found.z_local == pytest.approx(z_from_p(counting_p_value(100.0, 66.0, 6.0)))
    # never more significant than without it
    quiet = a_window(fit=SimpleNamespace(), p_local=0.9)
    assert with_form_difference(quiet, FormDifference(relative=0.1)).p_local == 0.9


def test_limits_between_masses_are_linear_in_their_logarithm_over_a_triangle():
    grid = np.array([[3_000.0, 100.0, 50.0], [5_000.0, 100.0, 50.0], [3_000.0, 300.0, 50.0], [4_000.0, 150.0, 50.0]])
    limits = np.array([10.0, 40.0, 20.0, np.nan])
    found = limit_between(grid, limits, [[3_500.0, 150.0, 50.0], [5_000.0, 300.0, 50.0], [3_500.0, 150.0, 60.0]])
    assert found[0] == pytest.approx(np.exp(np.log(10.0) + 0.25 * np.log(4.0) + 0.25 * np.log(2.0)))
    assert np.isnan(found[1:]).all()
    for wrong in ((grid, limits[:3], grid[0]), (grid, limits, grid[0, :2])):
        with pytest.raises(InputError, match="cannot be interpolated"):
            limit_between(*wrong)
    with pytest.raises(InputError, match="1 points at one place"):
        limit_between(grid[:1], limits[:1], grid[0])


def test_a_counted_window_is_one_bin_with_bounded_variations():
    made = build_counting_workspace(a_window(n_expected=2.0, n_expected_error=10.0), 0.25, channel="one")
    signal, background = made["channels"][0]["samples"]
    assert signal["data"] == [25.0]
    assert background["data"] == [2.0]
    (shift,) = background["modifiers"]
    np.testing.assert_allclose([shift["data"]["hi_data"], shift["data"]["lo_data"]], 2.0 * np.exp([[3.0], [-3.0]]))
    (mu,) = made["measurements"][0]["config"]["parameters"]
    assert mu["inits"] == [0.1]
    assert mu["bounds"][0][1] == pytest.approx((10.0 * np.sqrt(112.0) + 5.0 * 98.0) / 0.25 / 100.0)
    # mu = 1 lies well inside the bounds, however small the signal may be
    few = build_counting_workspace(a_window(n_observed=0, n_expected=0.5, n_expected_error=0.1), 1.0, channel="one")
    assert few["measurements"][0]["config"]["parameters"][0]["bounds"] == [[0.0, 2.0]]


def test_patches_of_another_background_or_of_other_events_are_refused():
    made = build_counting_workspace(a_window(), 0.5, channel="one")
    other_events = build_counting_workspace(a_window(n_observed=101), 0.5, channel="one")
    other_background = build_counting_workspace(a_window(n_expected=61.0), 0.5, channel="one")
    assert len(build_patchset(made, {4_000.0: made}, description="one")[1]["patches"]) == 1
    for other in (other_events, other_background):
        with pytest.raises(InputError, match="another background"):
            build_patchset(made, {4_000.0: other}, description="one")


def test_a_blinded_window_takes_no_weighted_events(edges, smooth):
    window = np.zeros(len(edges) - 1, dtype=bool)
    window[8:12] = True
    weighted = Spectrum(counts=smooth(2e4), edges=edges, sqrt_s=13_000.0, variances=2.0 * smooth(2e4))
    with pytest.raises(InputError, match="are weighted"):
        mask_counts(weighted, window)
    plain = Spectrum(counts=smooth(2e4), edges=edges, sqrt_s=13_000.0)
    assert np.isnan(mask_counts(plain, window)).tolist() == window.tolist()
    with pytest.raises(InputError, match="no window to hide"):
        expected_significance(mask_counts(plain, window), plain)


def test_efficiencies_are_listed_as_they_were_measured():
    curve = fit_efficiency(np.array([0.0, 0.0, 50.0]), np.array([0.1, 0.3, 0.5]), np.full(3, 100.0))
    assert [row[:2] for row in curve.rows()] == [[0.0, pytest.approx(0.2)], [50.0, 0.5]]
    # of one training: at least the binomial error of its signal events
    assert curve.rows()[1][2] >= 0.05


def test_efficiencies_of_sidebands_are_interpolated_in_log_mass():
    mjj = np.array([3_000.0] * 50 + [4_000.0] * 20 + [4_800.0] * 40)
    selected = np.zeros(110, dtype=bool)
    selected[[0, 1, 2, 50, 70]] = True
    regions = {"lower": mjj == 3_000.0, "region": mjj == 4_000.0, "upper": mjj == 4_800.0}
    share = np.log(4.0 / 3.0) / np.log(4.8 / 3.0)
    found = direct_estimate(mjj, selected, **regions)
    assert found.expected == pytest.approx(20 * ((1.0 - share) * 3 / 50 + share * 1 / 40))
    assert found.error == pytest.approx(20 * np.hypot((1.0 - share) * np.sqrt(3) / 50, share * 1 / 40))
    # none that passes is a fluctuation of one
    selected[[0, 1, 2, 70]] = False
    assert direct_estimate(mjj, selected, **regions).error == pytest.approx(
        20 * np.hypot((1.0 - share) / 50, share / 40)
    )
    # sidebands at one mass have nothing to interpolate
    alike = direct_estimate(np.full(110, 3_000.0), np.arange(110) < 10, **regions)
    assert alike.expected == pytest.approx(20 * 0.5 * 10 / 50)


def test_a_window_that_no_fit_describes_is_counted(edges):
    window = np.zeros(len(edges) - 1, dtype=bool)
    window[8:10] = True
    counts = np.zeros(len(edges) - 1)
    counts[[8, 20]] = 3.0, 2.0
    given = Spectrum(counts=counts, edges=edges, sqrt_s=13_000.0).with_window(window)
    before = np.full(len(counts), 100.0)
    found = window_significance(given, family="dijet3", inclusive=before)
    tau = (len(counts) - 2) / 2.0
    assert (found.n_observed, found.n_window, found.cut_fraction) == (3, 3, 1.0)
    assert (found.n_expected, found.n_expected_error) == (
        pytest.approx(2.0 / tau),
        pytest.approx(np.sqrt(2.0) / tau),
    )
    assert found.p_local == pytest.approx(stats.binom.sf(2, 5, 1.0 / (1.0 + tau)))
    assert (found.sideband_p_value, found.leakage, found.leakage_error) == (1.0, 0.5, 0.0)
    assert (found.low, found.high) == (edges[8], edges[10])
    # without events before the selection in the window there is nothing to compare with
    nothing = window_significance(given, family="dijet3", inclusive=np.where(window, 0.0, before))
    assert nothing.note.startswith("not searched")
    assert (nothing.p_local, nothing.z_local) == (1.0, z_from_p(1.0))


def test_independent_windows_are_trials():
    quiet, loud = a_window(p_local=0.3, z_local=0.5, z_stat=0.6), a_window(p_local=1e-3, z_local=3.09, z_stat=3.2)
    failed = a_window(p_local=1e-9, note="not searched: no events")
    found = combine_windows([quiet, failed, loud], searched_low=1.0, searched_high=2.0)
    assert (found.best, found.n_trials, found.n_toys, found.is_bound) == (2, 2, 0, True)
    assert found.p_global == pytest.approx(1.0 - 0.999**2)
    assert found.z_stat == pytest.approx(z_from_p(1.0 - stats.norm.cdf(3.2) ** 2))
    same = combine_windows(
        [quiet, loud], searched_low=1.0, searched_high=2.0, correlation=np.ones((2, 2)), rng=np.random.default_rng(1)
    )
    assert same.p_global == pytest.approx(1e-3, rel=1e-6)
    assert same.z_stat == pytest.approx(3.2)
    assert not same.is_bound


def test_a_place_that_failed_is_the_most_significant():
    assert most_significant(np.array([[1.0, np.nan], [1.0, -2.0]])).tolist() == [np.inf, 1.0]


def test_windows_of_whole_counts_at_their_expectation_are_no_excess_and_no_deficit():
    places = windows(4, widths=(2, 3), step="half")
    assert list(zip(places.first.tolist(), places.last.tolist(), strict=True)) == [
        (0, 2), (1, 3), (2, 4), (0, 3), (1, 4),
    ]  # fmt: skip
    assert windows(9, widths=(4,), step="half").first.tolist() == [0, 2, 4]
    assert windows(9, widths=(4,), step="full").first.tolist() == [0, 4]
    counts, background = np.array([[2.0, 3.0, 0.0, 1.0]]), np.array([2.0, 3.0, 1.0, 0.0])
    pairs = windows(4, widths=(1, 2))
    excess = window_p_values(counts, background, pairs)[0]
    # a bin where nothing is expected says nothing
    assert excess.tolist() == [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    deficit = window_p_values(counts, background, pairs, mode="deficit")[0]
    np.testing.assert_allclose(deficit, [1, 1, np.exp(-1.0), 1, 1, stats.poisson.cdf(3, 4.0), 1])
    louder = window_p_values(counts + 1.0, background, pairs)[0]
    np.testing.assert_allclose(louder[:2], [stats.poisson.sf(2, 2.0), stats.poisson.sf(3, 3.0)])


def test_a_bump_on_a_known_background_is_described_by_its_counts():
    edges, background = 1.0 + np.arange(7.0), np.full(6, 10.0)
    counts = background.copy()
    counts[2:4] = 25.0
    found = bump_hunt(counts, edges, background=background, widths=(2,), n_toys=10_003, rng=np.random.default_rng(1))
    assert (found.best, found.low, found.high, found.n_observed, found.n_expected) == (2, 3.0, 5.0, 50.0, 20.0)
    assert found.p_local == pytest.approx(stats.poisson.sf(49, 20.0))
    assert found.statistics.shape == (10_003,)
    assert found.n_exceed == np.sum(found.statistics >= -np.log(found.p_local) - 1e-9)
    assert found.p_global == (found.n_exceed + 1) / 10_004
    # contents of weight four, and their background, are a quarter as many events
    weighted = Spectrum(counts=4.0 * counts, edges=edges, sqrt_s=None, variances=16.0 * counts)
    again = bump_hunt(weighted, background=4.0 * background, widths=(2,), n_toys=3, rng=np.random.default_rng(1))
    assert (again.n_observed, again.n_expected, again.p_local) == (50.0, 20.0, found.p_local)
    for wrong in (background[:5], np.where(counts > 20.0, -1.0, background), np.full(6, np.nan)):
        with pytest.raises(InputError, match="finite counts"):
            bump_hunt(counts, edges, background=wrong, n_toys=3, rng=np.random.default_rng(1))
    nothing = bump_hunt(counts, edges, background=np.zeros(6), widths=(1,), n_toys=3, rng=np.random.default_rng(1))
    assert nothing.p_local == 1.0


def test_masses_are_tried_in_half_resolutions_two_of_them_from_either_end():
    edges = np.array([2_000.0, 3_000.0, 6_000.0])
    masses = mass_steps(edges, width=0.1)
    assert masses[0] == pytest.approx(2_000.0 / 0.8)
    assert masses[-1] == pytest.approx(6_000.0 / 1.2)
    assert len(masses) == 15  # log 2 over 0.05 is 13.9
    shapes = signal_shapes(edges, np.array([3_000.0, 4_000.0]), np.array([0.05, 0.1]))
    np.testing.assert_allclose(shapes[1], gaussian_fractions(edges, mass=4_000.0, width=200.0))
    np.testing.assert_allclose(shapes[2], gaussian_fractions(edges, mass=3_000.0, width=300.0))


def test_the_best_of_masses_and_widths_is_named(edges, smooth):
    counts = smooth(2e4) + 900.0 * gaussian_fractions(edges, mass=4_200.0, width=0.06 * 4_200.0)
    options = {"family": "dijet3", "masses": [3_600.0, 4_200.0, 5_000.0], "sqrt_s": 13_000.0}
    found = likelihood_scan(counts, edges, widths=(0.03, 0.06), n_toys=20, rng=np.random.default_rng(1), **options)
    assert (found.best_mass, found.best_width) == (4_200.0, 0.06)
    assert found.best_signal == found.n_signal[1, 1]
    assert found.z_local == found.z[1, 1] == found.z.max()
    assert (found.n_toys, found.n_failed, found.p_local) == (20, 0, p_from_z(found.z_local))
    half = likelihood_scan(counts, edges, widths=(0.5,), n_toys=0, rng=np.random.default_rng(1), **options)
    assert half.widths.tolist() == [0.5]
    for place in (edges[0], edges[-1]):
        with pytest.raises(InputError, match="lies outside the spectrum"):
            likelihood_scan(counts, edges, masses=[place], rng=np.random.default_rng(1), sqrt_s=13_000.0)
    for widths in ((), (0.0,), (0.51,)):
        with pytest.raises(InputError, match="must be fractions of the mass"):
            likelihood_scan(counts, edges, widths=widths, rng=np.random.default_rng(1), sqrt_s=13_000.0)


def test_a_resonance_is_described_by_one_and_a_half_resolutions_on_either_side(edges, smooth):
    counts = (smooth(2e4) + 300.0 * gaussian_fractions(edges, mass=4_200.0, width=140.0)).round()
    found = scan_spectrum(
        counts, edges, family="dijet3", method="q0", n_toys=5, rng=np.random.default_rng(1), sqrt_s=13_000.0
    )
    best = likelihood_scan(counts, edges, family="dijet3", n_toys=0, rng=np.random.default_rng(1), sqrt_s=13_000.0)
    reach = 1.5 * 0.033 * best.best_mass
    centres = 0.5 * (edges[1:] + edges[:-1])
    inside = np.flatnonzero(np.abs(centres - best.best_mass) < reach)
    window = found.best_window
    assert (window.low, window.high) == (edges[inside[0]], edges[inside[-1] + 1])
    assert found.z_local == window.z_local == pytest.approx(best.z_local)
    assert (found.n_trials, found.n_toys) == (best.z.size, 5)
    assert (found.searched_low, found.searched_high) == (best.masses[0], best.masses[-1])


def test_a_window_may_lie_next_to_the_last_bin_on_either_side(edges, smooth):
    counts = smooth(2e4).round()
    for low, high in ((edges[1], edges[3]), (edges[-4], edges[-2])):
        found = scan_spectrum(
            counts, edges, window=(low, high), family="dijet3", rng=np.random.default_rng(1), sqrt_s=13_000.0
        )
        assert (found.best_window.low, found.best_window.high) == (low, high)
        assert (found.n_trials, found.is_bound) == (1, False)


@pytest.mark.parametrize("level", [0.0, 0.5, -0.1])
def test_levels_of_limits_lie_between_nothing_and_a_half(level):
    with pytest.raises(InputError, match="makes no sense"):
        window_limits(10.0, 10.0, 1.0, level=level)
    assert gross_vitells(1.0, 0.1) == 1.0
