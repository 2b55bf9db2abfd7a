"""Small parts of the searches with stand-ins: trials of each width, forms that count, spreads of trainings."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance import form, spectrum_scan
from bumphunt.significance.bumphunter import bump_hunt
from bumphunt.significance.efficiency import _near_variance, fit_efficiency
from bumphunt.significance.marginal_limits import SelectedCount
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.significance.summary import scan_summary
from bumphunt.significance.window_likelihood import window_sqrt_q0
from bumphunt.spectrum import batched
from bumphunt.spectrum.design import make_design
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
