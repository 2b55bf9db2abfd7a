"""Small parts of the spectrum's fits against values worked out by hand."""

from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chi2

from bumphunt.errors import InputError
from bumphunt.spectrum import choice, efficiency, profiling
from bumphunt.spectrum.batched import band, sum_error
from bumphunt.spectrum.binning import _peak, searched_range
from bumphunt.spectrum.choice import choose_kernel
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.gaussian_process import Kernel
from bumphunt.spectrum.goodness import pearson_p_value, poisson_deviance
from bumphunt.spectrum.histograms import histogram_arrays
from bumphunt.spectrum.signal_fit import _evaluate, _residual_curvature, _step
from bumphunt.spectrum.signal_shapes import crystal_ball_fractions, template_fractions, voigt_fractions
from bumphunt.spectrum.spectrum import Spectrum, as_spectrum

CRYSTAL_BALL = {
    "mass": 3_500.0,
    "width": 100.0,
    "alpha_low": 1.5,
    "alpha_high": 2.0,
    "power_low": 3.0,
    "power_high": 4.0,
}


@pytest.mark.parametrize(
    ("counts", "expected", "statistic", "ndf"),
    [
        ([12.0, 8.0, 10.0], [10.0, 10.0, 10.0], 0.8, 2),
        ([1.0], [10.0], 0.0, 0),
        ([1.0, 2.0], [0.1, 0.2], 0.0, 0),
        # three and three make six, 9 against 6; the last one joins the bin before it, 6 against 10
        ([4.0, 5.0, 3.0, 3.0], [3.0, 3.0, 6.0, 4.0], 9.0 / 6.0 + 16.0 / 10.0, 1),
        # exactly five expected events are enough
        ([5.0, 8.0], [5.0, 5.0], 9.0 / 5.0, 1),
    ],
)
def test_neighbouring_bins_are_merged_for_chi2(counts, expected, statistic, ndf):
    found = pearson_p_value(np.array(counts), np.array(expected), n_parameters=1)
    assert found[:2] == (pytest.approx(statistic), ndf)
    if ndf == 0:
        assert found[2] == 1.0
    elif ndf == 2:
        assert found[2] == pytest.approx(np.exp(-0.5 * statistic))


def test_variances_other_than_poisson_are_merged_as_well():
    counts, expected = np.array([4.0, 5.0, 3.0, 3.0]), np.array([3.0, 3.0, 6.0, 4.0])
    statistic = pearson_p_value(counts, expected, variance=np.array([1.0, 2.0, 3.0, 5.0]), n_parameters=1)[0]
    assert statistic == pytest.approx(9.0 / 3.0 + 16.0 / 8.0)


def test_deviance_of_one_bin_and_of_an_empty_one():
    found = poisson_deviance(np.array([[6.0, 0.0], [2.0, 2.0]]), np.array([3.0, 2.0]))
    np.testing.assert_allclose(found, [2.0 * (6.0 * np.log(2.0) - 3.0 + 2.0), 2.0 * (2.0 * np.log(2.0 / 3.0) + 1.0)])


@pytest.mark.parametrize(
    "wrong",
    [{"width": 0.0}, {"alpha_low": 0.0}, {"alpha_high": 0.0}, {"power_low": 1.0}, {"power_high": 1.0}],
)
def test_a_crystal_ball_needs_positive_numbers(wrong):
    with pytest.raises(InputError, match="needs a positive width"):
        crystal_ball_fractions(np.array([3_000.0, 4_000.0]), **(CRYSTAL_BALL | wrong))


def test_a_crystal_ball_is_the_integral_of_its_density():
    t = np.linspace(-400.0, 400.0, 800_001)
    low, high = t < -1.5, t > 2.0
    density = np.exp(-0.5 * np.where(low | high, 0.0, t) ** 2)
    density[low] = np.exp(-0.5 * 1.5**2) * (1.0 - 1.5 / 3.0 * (t[low] + 1.5)) ** -3.0
    density[high] = np.exp(-0.5 * 2.0**2) * (1.0 + 2.0 / 4.0 * (t[high] - 2.0)) ** -4.0
    edges = np.array([-5.0, -1.5, 0.0, 2.0, 6.0])
    parts = [density[(t >= a) & (t < b)].sum() / density.sum() for a, b in pairwise(edges)]
    found = crystal_ball_fractions(3_500.0 + 100.0 * edges, **CRYSTAL_BALL)
    np.testing.assert_allclose(found, parts, atol=1e-3)


ONE_BIN = SimpleNamespace(
    basis=np.ones((1, 1)),
    products=np.ones((1, 1)),
    single=np.array([True]),
    log_width=np.array([np.log(4.0)]),
    penalty=np.zeros(1),
)


def test_curvature_that_residuals_add_in_one_bin():
    # 4 of background and 2 of signal, 12 seen: twice what is expected
    found = _residual_curvature(
        np.zeros((1, 1)), np.ones(1), np.array([[4.0]]), np.array([[12.0]]), np.array([[2.0]]), ONE_BIN
    )
    np.testing.assert_allclose(found[0], [[16.0 / 6.0 - 4.0, 8.0 / 6.0], [8.0 / 6.0, 4.0 / 6.0]])


def test_likelihood_of_one_bin_with_signal():
    background, goal = _evaluate(
        np.zeros((3, 1)),
        np.array([1.0, -1.5, -3.0]),
        np.full((3, 1), 12.0),
        np.full((3, 1), 2.0),
        ONE_BIN,
    )
    np.testing.assert_allclose(background, 4.0)
    np.testing.assert_allclose(goal[:2], [2.0 * (6.0 - 12.0 * np.log(6.0)), 2.0 * (1.0 - 0.0)])
    assert goal[2] == np.inf


def test_a_held_signal_takes_no_step():
    gradient, curvature = np.array([[3.0, 5.0]]), np.array([[[2.0, 1.0], [1.0, 4.0]]])
    np.testing.assert_allclose(np.abs(_step(gradient.copy(), curvature, False)), [[1.5, 0.0]])
    np.testing.assert_allclose(np.abs(_step(gradient.copy(), curvature, True)), [[1.0, 1.0]])
    assert curvature.tolist() == [[[2.0, 1.0], [1.0, 4.0]]]


@dataclass(frozen=True)
class Fit:
    expected: np.ndarray
    error: np.ndarray
    window_expected: float
    window_error: float
    window_log_covariance: np.ndarray | None = None


def test_errors_before_and_of_the_cut_add_in_squares(monkeypatch):
    after = Fit(np.array([10.0, 20.0]), np.array([3.0, 0.0]), 30.0, 3.0, np.eye(2))
    before = Fit(np.array([100.0, 50.0]), np.array([40.0, 10.0]), 300.0, 40.0, 2.0 * np.eye(2))
    monkeypatch.setattr(efficiency, "fit_efficiency", lambda *_, **__: after)
    found = efficiency.fit_selected(None, before)
    np.testing.assert_allclose(found.error, [5.0, 4.0])
    assert found.window_error == pytest.approx(5.0)
    np.testing.assert_allclose(found.window_log_covariance, 3.0 * np.eye(2))


def test_twenty_events_lie_above_the_range():
    low = 6_000.0 / 1.03**20
    mjj = np.concatenate([np.full(300, 4_000.0), np.full(5, 5_900.0), [6_000.0], np.full(19, 7_000.0)])
    assert searched_range(mjj, low=low, ratio=1.03)[-1] == pytest.approx(6_000.0)
    assert searched_range(mjj[:-1], low=low, ratio=1.03)[-1] == pytest.approx(6_000.0 / 1.03)


def plateaus(heights):
    """Return events whose spectrum has these heights in turn, on the bins in which a peak is looked for, and edges."""
    edges = np.geomspace(1_000.0, 8_000.0, 80)
    each = np.repeat(heights, -(-79 // len(heights)))[:79].astype(int)
    mjj = np.repeat(np.sqrt(edges[1:] * edges[:-1]), each)
    ends = int(0.0012 * len(mjj)) + 2  # so that the quantiles are the ends of the bins
    return np.concatenate([mjj, np.full(ends, 1_000.0), np.full(ends, 8_000.0)]), edges


@pytest.mark.parametrize(
    ("heights", "peak"),
    [
        # a dip of a tenth is none that counts, nor is one of 60 where the spread is 20; one of a fifth is
        ([500, 2_000, 1_800, 2_300, 200], 3),
        ([100, 400, 330, 440, 100], 3),
        ([500, 2_000, 1_600, 2_300, 200], 1),
    ],
)
def test_the_peak_is_the_first_that_the_spectrum_falls_from(heights, peak):
    mjj, edges = plateaus(heights)
    first = int(np.searchsorted(edges, _peak(mjj) * 1.0001)) - 1
    assert peak * 16 <= first < (peak + 1) * 16


def spectrum(counts, variances):
    edges = 3_000.0 + 100.0 * np.arange(len(counts) + 1)
    found = None if variances is None else np.array(variances)
    return Spectrum(counts=np.array(counts), edges=edges, sqrt_s=13_000.0, variances=found)


def test_effective_counts_of_weighted_ones():
    weighted = spectrum([1_000.0, 0.0, 2_000.0], [4_000.0, 0.0, 8_000.0])
    assert weighted.weight() == 4.0
    assert weighted.effective().counts.tolist() == [250.0, 0.0, 500.0]
    assert spectrum([1_000.0, 0.0], None).weight() == 1.0
    with pytest.raises(InputError, match="no variance"):
        spectrum([1_000.0, 10.0], [4_000.0, 0.0]).weight()
    with pytest.raises(InputError, match="differ from bin to bin"):
        spectrum([1_000.0, 1_000.0], [4_000.0, 400.0]).weight()
    with pytest.raises(InputError, match="all zero"):
        spectrum([0.0, 0.0], [1.0, 1.0]).weight()


def test_weights_may_differ_by_half_where_events_are_many():
    # contents of weight 1 and one of another: the common weight is the mean
    for ratio, good in ((2.9, True), (3.2, False)):
        counts, variances = [1_000.0, 1_000.0], [1_000.0, ratio * 1_000.0]
        if good:
            assert spectrum(counts, variances).weight() == pytest.approx((1.0 + ratio) / 2.0)
        else:
            with pytest.raises(InputError, match=r"from 1 to 3\.2"):
                spectrum(counts, variances).weight()
    # 24 effective events say nothing of their weight, 26 do
    few = spectrum([10_000.0, 10.0 * 24.0], [10_000.0, 100.0 * 24.0])
    assert few.weight() == pytest.approx(12_400.0 / 10_240.0)
    with pytest.raises(InputError, match="differ from bin to bin"):
        spectrum([10_000.0, 10.0 * 26.0], [10_000.0, 100.0 * 26.0]).weight()


def test_what_is_masked_and_windowed_of_a_spectrum_and_of_counts():
    first, both = np.array([True, False, False]), np.array([True, True, False])
    given = spectrum([5.0, 4.0, 3.0], None)
    assert as_spectrum(given) is given
    masked = as_spectrum(given, masked=both)
    assert (masked.masked.tolist(), masked.window.tolist()) == (both.tolist(), both.tolist())
    inner = as_spectrum(masked, window=first)
    assert (inner.masked.tolist(), inner.window.tolist()) == (both.tolist(), first.tolist())
    again = as_spectrum(given, masked=both, window=first)
    assert (again.masked.tolist(), again.window.tolist()) == (both.tolist(), first.tolist())


def test_the_least_there_can_be_of_a_spectrum():
    one = Spectrum(counts=np.array([2.0**53]), edges=np.array([3_000.0, 4_000.0]), sqrt_s=4_001.0)
    assert (one.counts[0], one.centres[0], one.scale) == (2.0**53, 3_500.0, 4_001.0)
    with pytest.raises(InputError, match="no number of events"):
        one.with_counts(np.array([2.0**53 + 2.0]))
    with pytest.raises(InputError, match="no collision energy"):
        Spectrum(counts=np.ones(1), edges=np.array([3.0, 4.0]), sqrt_s=0.0)
    one.with_counts(np.array([3.0 + 2e-6])).check_whole()
    with pytest.raises(InputError, match="is no count of events"):
        one.with_counts(np.array([3.0 + 4e-6])).check_whole()


def test_an_axis_that_gives_pairs_of_edges():
    class Axis(list):
        edges = None

    counts = SimpleNamespace(axes=[Axis([(1.0, 2.0), (2.0, 4.0)])], values=lambda: [5.0, 6.0])
    assert histogram_arrays(counts) == ([5.0, 6.0], [1.0, 2.0, 4.0], None)


def test_one_simulated_event_is_a_template():
    assert template_fractions(np.array([1.0, 2.0, 3.0]), np.array([1.5])).tolist() == [1.0, 0.0]
    assert template_fractions(np.array([1.0, 2.0]), np.array([1.5]), n_total=4).tolist() == [0.25]
    for masses, total in (([], 0), ([1.5, 1.6], 1)):
        with pytest.raises(InputError, match="make no template"):
            template_fractions(np.array([1.0, 2.0]), np.array(masses), n_total=total)


def test_tails_that_are_not_given_are_those_of_the_docstring():
    edges = np.array([2_500.0, 3_200.0, 3_400.0, 3_600.0, 3_900.0, 4_500.0])
    named = {"alpha_low": 1.5, "power_low": 5.0, "alpha_high": 1.5, "power_high": 5.0}
    plain = crystal_ball_fractions(edges, mass=3_500.0, width=100.0)
    np.testing.assert_allclose(plain, crystal_ball_fractions(edges, mass=3_500.0, width=100.0, **named))
    np.testing.assert_allclose(plain.sum(), 1.0, atol=2e-3)


def test_a_line_without_resolution_is_a_breit_wigner_and_wide_bins_are_integrated():
    edges = np.array([60.0, 85.0, 91.0, 93.0, 120.0])
    cauchy = np.arctan((edges - 91.0) / 1.25) / np.pi
    np.testing.assert_allclose(
        voigt_fractions(edges, mass=91.0, width=2.5, resolution=0.05), np.diff(cauchy), atol=2e-4
    )
    for wrong in ({"width": 0.0}, {"resolution": 0.0}):
        with pytest.raises(InputError, match="make no line shape"):
            voigt_fractions(edges, **{"mass": 91.0, "width": 2.5, "resolution": 1.0} | wrong)


def test_the_slope_of_an_efficiency_is_in_log_mass_over_its_range():
    edges = np.geomspace(2_000.0, 4_000.0, 11)
    centres = 0.5 * (edges[1:] + edges[:-1])
    window = np.arange(10) == 5
    before = np.full(10, 1e6)
    after = Spectrum(counts=before * (centres / 3_000.0) ** 2, edges=edges, sqrt_s=None)
    found = efficiency.fit_efficiency(after.with_window(window, masked=window), before)
    assert found.parameters[1] == pytest.approx(2.0 * np.log(centres[-1] / centres[0]), rel=1e-4)
    # parameters are those of the mean place, and of a range of one
    middle = np.log(centres).mean()
    assert found.parameters[0] == pytest.approx(2.0 * (middle - np.log(3_000.0)), rel=1e-4)
    assert efficiency.efficiency_design(after, before, degree=2).n_free == 3
    # three bins are enough for a slope
    few = np.where(np.arange(10) < 3, 1e4, 0.0)
    assert efficiency.fit_efficiency(after.with_counts(0.1 * few), few, degrees=(1,)).family == "efficiency1"
    with pytest.raises(InputError, match="2 bins are left to fit an efficiency of degree 1"):
        efficiency.fit_efficiency(after.with_counts(0.1 * few), np.where(np.arange(10) < 2, 1e4, 0.0))


@pytest.mark.parametrize(("period", "length"), [(0.5, 0.3), (0.7, 0.45), (1.0, 0.7), (1.5, 1.0)])
def test_kernels_are_as_long_as_what_they_describe(period, length):
    edges = np.geomspace(1_000.0, 8_000.0, 61)
    x = np.log(np.sqrt(edges[1:] * edges[:-1]) / 1_000.0)
    counts = 1e6 * np.exp(-3.0 * x + 0.3 * np.sin(2.0 * np.pi * x / period)) * np.diff(edges) / edges[:-1]
    assert choose_kernel(as_spectrum(counts, edges, sqrt_s=None)) == Kernel(length=length, amplitude=10.0)


@pytest.mark.parametrize(("p_value", "chosen"), [(0.045, "dijet4"), (0.055, "dijet3")])
def test_a_parameter_more_has_to_gain_as_much_as_one_in_twenty(monkeypatch, p_value, chosen):
    deviances = {"dijet3": 30.0, "dijet4": 30.0 - chi2.isf(p_value, 1), "dijet5": 30.0 - chi2.isf(p_value, 1)}
    monkeypatch.setattr(choice, "make_design", lambda spectrum, family: family)
    monkeypatch.setattr(
        choice, "fit_many", lambda counts, name: SimpleNamespace(converged=[name != "none"], deviance=[deviances[name]])
    )
    assert choice.choose_family(spectrum([1.0, 2.0, 3.0], None)) == chosen
    deviances["none"] = 0.0
    assert choice.choose_family(spectrum([1.0, 2.0], None), candidates=("dijet3", "none", "dijet5")) == "dijet3"


def test_a_process_leaves_a_parabola_in_the_logarithms_free():
    edges = np.geomspace(3_000.0, 6_000.0, 21)
    design = make_design(edges, family="gp(0.3,10)", sqrt_s=13_000.0)
    x = np.log(0.5 * (edges[1:] + edges[:-1]) / 13_000.0)
    parabola = design.basis[:, :3] @ np.linalg.lstsq(design.basis[:, :3], x**2 - 3.0 * x, rcond=None)[0]
    np.testing.assert_allclose(parabola, x**2 - 3.0 * x, atol=1e-9)
    assert design.penalty.tolist() == [0.0] * 3 + [1.0] * (design.basis.shape[1] - 3)
    # the others make the kernel up
    distance = x[:, None] - x[None, :]
    kernel = 100.0 * np.exp(-0.5 * (distance / 0.3) ** 2)
    np.testing.assert_allclose(design.basis[:, 3:] @ design.basis[:, 3:].T, kernel, atol=1e-4)


def test_errors_of_bins_and_of_sums_are_propagated():
    basis = SimpleNamespace(basis=np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 1.0]]))
    expected, covariance = np.array([2.0, 3.0, 1.0]), np.array([[0.04, 0.01], [0.01, 0.0025]])
    np.testing.assert_allclose(band(expected, covariance, basis), [2.0 * 0.2, 3.0 * np.sqrt(0.09), np.sqrt(0.0625)])
    inside = np.array([True, True, False])
    # the sum moves by 5 and by 6 with either coefficient
    assert sum_error(expected, covariance, basis, inside) == pytest.approx(np.sqrt(25 * 0.04 + 60 * 0.01 + 36 * 0.0025))
    assert sum_error(expected, 1e-4 * covariance, basis, inside) == pytest.approx(1e-2 * np.sqrt(1.69))
    assert sum_error(expected, -covariance, basis, inside) == 0.0
    assert band(expected, -covariance, basis).tolist() == [0.0, 0.0, 0.0]


def test_an_envelope_is_as_wide_as_its_farther_end(monkeypatch):
    @dataclass(frozen=True)
    class Form:
        deviance: float
        window_expected: float
        window_error: float
        parameters: tuple[float, ...]
        window: np.ndarray
        window_log_covariance: np.ndarray

    best = Form(10.0, 20.0, 2.0, (0.0,) * 3, np.array([True]), np.eye(1))
    other = Form(9.5, 26.0, 4.0, (0.0,) * 4, np.array([True]), np.eye(1))
    monkeypatch.setattr(profiling, "fit_all", lambda *_, **__: [best, other])
    found = profiling.fit_envelope(None)
    # the other one is 0.5 worse, charge included, and reaches the level at the root of a half of its errors
    assert found.window_error == pytest.approx(6.0 + 4.0 * np.sqrt(0.5))
    assert found.window_log_covariance[0, 0] == pytest.approx((found.window_error / 2.0) ** 2)
    monkeypatch.setattr(profiling, "fit_all", lambda *_, **__: [other, best])
    assert profiling.fit_envelope(None).window_expected == 20.0
