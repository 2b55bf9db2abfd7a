"""Small parts of the searches with stand-ins: trials of each width, forms that count, spreads of trainings."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance import form, spectrum_scan
from bumphunt.significance.bumphunter import bump_hunt
from bumphunt.significance.efficiency import _near_variance, fit_efficiency
from bumphunt.significance.marginal_limits import SelectedCount
from bumphunt.significance.patchset import resonance_patchset
from bumphunt.significance.scan import window_significance
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.significance.summary import scan_summary, scan_text
from bumphunt.significance.window_likelihood import window_sqrt_q0
from bumphunt.spectrum import batched
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum


@pytest.fixture(scope="module")
def counts(smooth):
    return smooth(2e4).round()


def test_windows_of_two_to_four_bins_are_tried_each_width_a_curve(monkeypatch, edges, counts):
    seen = []
    monkeypatch.setattr(spectrum_scan, "mean_upcrossings", lambda z: float(z.shape[1]))
    asked = spectrum_scan.global_p_value

    def told(*given, upcrossings, **more):
        seen.append(upcrossings)
        return asked(*given, upcrossings=upcrossings, **more)

    monkeypatch.setattr(spectrum_scan, "global_p_value", told)
    found = scan_spectrum(counts, edges, family="dijet3", n_toys=4, rng=np.random.default_rng(1), sqrt_s=13_000.0)
    bins = len(counts)
    assert found.n_trials == sum(bins - width - 1 for width in (2, 3, 4))
    assert seen == [pytest.approx(found.n_trials)], "every window belongs to one curve"
    told_of = scan_summary(found, rng=np.random.default_rng(2))
    # of 500 toys
    assert told_of["goodness"]["p_value_toys"] * 501 == pytest.approx(round(told_of["goodness"]["p_value_toys"] * 501))


def test_bumps_of_two_to_seven_bins_are_looked_for(edges, counts):
    found = bump_hunt(counts, edges, background=counts, n_toys=2, rng=np.random.default_rng(1))
    assert len(found.p_values) == sum(len(counts) - width + 1 for width in range(2, 8))
    assert sorted(set(found.last - found.first)) == [2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("behind", "relative", "family"), [(3.9, 0.2, "other"), (4.1, 0.0, "best")])
def test_forms_count_within_two_standard_deviations(monkeypatch, behind, relative, family):
    def fit(name, deviance, parameters, expected):
        return SimpleNamespace(family=name, deviance=deviance, parameters=[0.0] * parameters, window_expected=expected)

    fits = [fit("best", 20.0, 3, 100.0), fit("other", 19.0 + behind, 4, 120.0), fit("less", 20.0, 3, 90.0)]
    monkeypatch.setattr(form, "fit_all", lambda spectrum, families: fits)
    found = form.form_difference(None)
    assert (found.relative, found.family) == (pytest.approx(relative), family)


def test_trainings_at_one_strength_share_their_spread_with_neighbours():
    # two strengths share a mean, the third has its own: 3 - 1/2, 2 - 1/2 and 4 - 1 degrees of freedom
    squares, curve = np.array([3.0, 1.0, 6.0]), np.array([0.2, 0.2, 0.5])
    found = _near_variance(squares, np.array([3.0, 2.0, 4.0]), curve)
    np.testing.assert_allclose(found, [3.5 / 3.25, 5.5 / 4.25, 6.5 / 3.75])
    assert _near_variance(np.array([1.0]), np.array([1.0]), np.array([0.2])).tolist() == [1.0]


@pytest.mark.parametrize("numbers", [(0, 0, 0), (2, 1, 2), (1, 2, 2), (2, 2, 1)])
def test_a_curve_takes_three_numbers_of_each_training(numbers):
    with pytest.raises(InputError, match="give no curve"):
        fit_efficiency(*(np.full(number, 0.5) for number in numbers))


def test_a_background_is_never_taken_for_less_than_a_tenth_of_it():
    low = SelectedCount(observed=1.0, expected=4.0, error=0.0, efficiency=lambda n, _: 1.0 + 0.0 * n, mean=-5.0)
    assert low._background() == (pytest.approx(0.4), 0.0)
    wide = SelectedCount(
        observed=1.0, expected=100.0, error=5.0, efficiency=lambda n, _: 1.0 + 0.0 * n, mean=-0.5, width=2.0
    )
    assert wide._background() == (pytest.approx(25.0 - 0.25 * np.hypot(5.0, 2.5)), 2.5)


def test_a_prior_belongs_to_the_likelihood_of_a_window(edges, counts):
    window = np.zeros(len(counts), dtype=bool)
    window[8:12] = True
    given = Spectrum(counts=counts + 60.0 * window, edges=edges, sqrt_s=13_000.0).with_window(window)
    goals = []
    for design in (make_design(given, family="gp(0.3,10)", merged=window), make_design(given, family="gp(0.3,10)")):
        fitted = batched.fit_many(given.counts[None], design)
        prior = fitted.coefficients[0] ** 2 @ design.penalty
        goals.append(batched.deviance(fitted.expected, given.counts[None], design)[0] + prior)
        assert prior > 1e-3
    root = window_sqrt_q0(given.counts[None], given, family="gp(0.3,10)")[0]
    assert root == pytest.approx(np.sqrt(goals[0] - goals[1]))
    assert root > 1.0


def test_the_text_tells_the_background_with_its_goodness(edges, counts):
    found = scan_spectrum(
        counts, edges, family="dijet3", window=(edges[8], edges[12]), rng=np.random.default_rng(1), sqrt_s=13_000.0
    )
    told = scan_summary(found, rng=np.random.default_rng(2))
    best = found.best_window
    p_value = told["goodness"]["p_value_toys"]
    line = f"background {best.fit} ({p_value:.3g} from toys); global p-value from one window, no trials"
    assert line in scan_text(found, told).splitlines()
    assert told["window"] == {name: value for name, value in best.to_dict().items() if name != "fit"}
    assert told["fit"] == best.fit.to_dict()
    assert "windows" not in told
    bare = replace(found, windows=(replace(best, fit=None),))
    assert "background" not in scan_text(bare, {**told, "goodness": None})
    # the goodness is judged without the bins beside the window, where tails of a signal lie
    given = Spectrum(counts=counts, edges=edges, sqrt_s=13_000.0)
    window = (np.arange(len(counts)) >= 8) & (np.arange(len(counts)) < 12)
    wider = (np.arange(len(counts)) >= 6) & (np.arange(len(counts)) < 14)
    assert best.sideband_p_value == fit_spectrum(given.with_window(wider), family="dijet3").p_value
    assert best.sideband_p_value != fit_spectrum(given.with_window(window), family="dijet3").p_value
    assert spectrum_scan._judged(given, bare) is bare


def test_trainings_that_agree_have_the_error_of_their_signal_events():
    curve = fit_efficiency(np.zeros(3), np.full(3, 0.2), np.full(3, 100.0))
    ((strength, efficiency, error),) = curve.rows()
    assert (strength, efficiency, error) == pytest.approx((0.0, 0.2, np.sqrt(0.16 / 300.0)))
    nothing = fit_efficiency(np.zeros(2), np.zeros(2), np.full(2, 50.0))
    assert nothing.rows()[0][2] == pytest.approx(np.sqrt(1e-12 / 100.0))


def test_quantiles_of_a_count_are_not_exceeded_as_often_as_they_say():
    number = SelectedCount(observed=1.0, expected=50.0, error=4.0, efficiency=lambda n, _: 1.0 + 0.0 * n)
    for probability in (0.1, 0.5, 0.9):
        found = number._quantile(probability)
        assert float(number._below(found, np.zeros(1))[0]) == pytest.approx(probability, abs=1e-6)


def test_a_window_beside_which_nothing_is_left_has_the_error_of_one_event(edges):
    window = np.arange(len(edges) - 1) == 8
    given = Spectrum(counts=3.0 * window, edges=edges, sqrt_s=13_000.0).with_window(window)
    found = window_significance(given, family="dijet3", inclusive=np.full(len(window), 100.0))
    tau = len(window) - 1.0
    assert (found.n_expected, found.n_expected_error) == (0.0, pytest.approx(1.0 / tau))
    assert found.p_local == pytest.approx((1.0 / (1.0 + tau)) ** 3)


def test_masses_of_a_patch_set_lie_inside_the_window(edges, counts):
    window = (np.arange(len(counts)) >= 8) & (np.arange(len(counts)) < 12)
    given = Spectrum(counts=counts, edges=edges, sqrt_s=13_000.0).with_window(window)
    fit = fit_spectrum(given, family="dijet3")
    for mass in (edges[8], edges[12]):
        with pytest.raises(InputError, match="lies outside the window"):
            resonance_patchset(fit, masses=[4_000.0, mass], width=0.03, channel="one")
    _, patches = resonance_patchset(fit, masses=[1.001 * edges[8], 0.999 * edges[12]], width=0.03, channel="one")
    assert len(patches["patches"]) == 2
    with pytest.raises(InputError, match="at least one mass"):
        resonance_patchset(fit, masses=[], width=0.03, channel="one")
