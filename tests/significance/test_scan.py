"""From local to global: trials, toys, and the promise of a global p-value."""

import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import InputError
from bumphunt.significance.p_values import counting_p_value, sidak
from bumphunt.significance.scan import combine_windows, window_significance
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import SQRT_S, gaussian_fractions
from bumphunt.spectrum.spectrum import Spectrum, as_spectrum

EDGES = mass_grid(3_000.0, 6_000.0, ratio=1.045)
BINS = len(EDGES) - 1


def truth(total):
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / SQRT_S
    shape = (1 - x) ** 10 / x**5 * np.diff(EDGES)
    return total * shape / shape.sum()


def window(first, width=3):
    masked = np.zeros(BINS, dtype=bool)
    masked[first : first + width] = True
    return masked


def test_one_window_is_its_fit_and_its_count():
    counts = np.round(truth(5_000))
    counts[6] += 40
    found = window_significance(as_spectrum(counts, EDGES, masked=window(5)), family="dijet3")
    fit = fit_spectrum(counts, EDGES, family="dijet3", masked=window(5))
    assert (found.low, found.high) == (EDGES[5], EDGES[8])
    assert found.n_observed == counts[5:8].sum()
    assert found.n_expected == pytest.approx(fit.window_expected)
    assert found.p_local == pytest.approx(counting_p_value(found.n_observed, fit.window_expected, fit.window_error))
    assert found.note == ""


@pytest.mark.parametrize("content", [np.zeros(BINS), np.eye(BINS)[2], 50.0 * window(5)])
def test_a_window_that_cannot_be_searched_says_so_and_claims_nothing(content):
    found = window_significance(as_spectrum(content, EDGES, masked=window(5)), family="dijet3")
    assert found.note.startswith("not searched: ")
    assert "\n" not in found.note
    assert found.p_local == 1.0


def test_every_window_searched_is_a_trial_and_the_best_one_is_named():
    counts = np.round(truth(5_000))
    counts[9] += 60
    results = [
        window_significance(as_spectrum(counts, EDGES, masked=window(first)), family="dijet3") for first in (3, 6, 8)
    ]
    results.append(window_significance(as_spectrum(np.zeros(BINS), EDGES, masked=window(6)), family="dijet3"))
    scan = combine_windows(results, searched_low=3000, searched_high=6000)
    assert scan.n_trials == 3
    assert scan.best == 2
    assert scan.best_window is results[2]
    assert scan.p_global == pytest.approx(sidak(results[2].p_local, 3))
    assert scan.p_global > scan.p_local
    assert scan.is_bound


def test_nothing_searched_is_an_error_of_the_input():
    empty = window_significance(as_spectrum(np.zeros(BINS), EDGES, masked=window(6)), family="dijet3")
    with pytest.raises(InputError, match=r"not one window could be searched.*give more events"):
        combine_windows([empty], searched_low=3000, searched_high=6000)
    with pytest.raises(InputError, match="no window fits the spectrum"):
        combine_windows([], searched_low=3000, searched_high=6000)


def scan(counts, seed, **options):
    return scan_spectrum(counts, EDGES, rng=np.random.default_rng(seed), **options)


@pytest.mark.parametrize("total", [20_000, 400])
def test_global_p_values_without_signal_are_uniform_or_cautious(total):
    rng = np.random.default_rng(11)
    p_values = np.array(
        [
            scan(counts, number, family="dijet3", widths=(3,), n_toys=60).p_global
            for number, counts in enumerate(rng.poisson(truth(total), (100, BINS)))
        ]
    )
    assert ((p_values > 0) & (p_values <= 1)).all()
    # one-sided Kolmogorov-Smirnov: small p-values must not be more frequent than promised
    assert stats.kstest(p_values, "uniform", alternative="greater").pvalue > 0.005
    for level in (0.02, 0.1, 0.3):
        assert stats.binomtest(int(np.sum(p_values <= level)), 100, level, alternative="greater").pvalue > 0.005
    # and they must not be useless either
    assert np.median(p_values) < 0.75


def test_a_resonance_is_found_where_it_is():
    rng = np.random.default_rng(4)
    signal = 700 * gaussian_fractions(EDGES, mass=4_000.0, width=130.0)
    found = scan(rng.poisson(truth(20_000) + signal), 1, n_toys=300)
    assert found.z_local > 5
    assert 5 < found.z_global < found.z_local
    assert found.best_window.low < 4_000 < found.best_window.high
    assert found.is_bound, "toys do not reach that far: the bound is what can be said"
    assert "Gross-Vitells" in found.p_global_method


def test_toys_repeat_with_their_seed_and_never_give_zero():
    counts = np.random.default_rng(5).poisson(truth(5_000))
    first, second, other = (scan(counts, seed, family="dijet3", n_toys=50) for seed in (1, 1, 2))
    assert first.to_dict() == second.to_dict()
    assert first.p_local == other.p_local
    assert first.p_global >= 1 / 51
    assert first.p_global >= first.p_local
    assert first.n_toys == 50


def test_one_window_named_beforehand_has_no_trials():
    counts = np.random.default_rng(6).poisson(truth(5_000))
    found = scan(counts, 1, window=(EDGES[5], EDGES[8]))
    assert (found.best_window.low, found.best_window.high) == (EDGES[5], EDGES[8])
    assert found.p_global == found.p_local
    assert found.n_trials == 1
    assert not found.is_bound


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ((9_000.0, 9_500.0), "holds no bin"),
        ((4_000.0, 4_001.0), "holds no bin"),
        ((4_500.0, 4_000.0), "holds no bin"),
        ((2_900.0, 3_500.0), "no sideband"),
        ((5_000.0, 6_500.0), "no sideband"),
    ],
)
def test_windows_that_cannot_be_searched_are_refused(choice, message):
    with pytest.raises(InputError, match=message) as caught:
        scan(np.round(truth(5_000)), 1, window=choice)
    assert f"{choice[0]:g}-{choice[1]:g} GeV" in str(caught.value)


def test_too_few_bins_for_any_window():
    with pytest.raises(InputError, match="3 bins are too few"):
        scan_spectrum(np.ones(3), EDGES[:4], family="dijet3", rng=np.random.default_rng(1))


def test_on_against_off_leaves_the_guard_bins_out_of_both():
    edges = mass_grid(3_000.0, 5_000.0, ratio=1.03)
    n = len(edges) - 1
    window, masked = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    window[8:11] = masked[7:12] = True
    inclusive = 1000.0 - 20.0 * np.arange(n)
    counts = np.zeros(n)
    counts[[2, 14, 16]] = 1.0
    counts[9] = 4.0
    counts[7] = counts[11] = 5.0  # tails of the signal
    found = window_significance(as_spectrum(counts, edges, window=window, masked=masked), inclusive=inclusive)
    assert found.fit is None
    tau = inclusive[~masked].sum() / inclusive[window].sum()
    assert found.n_expected == pytest.approx(3 / tau)
    assert found.n_expected_error == pytest.approx(np.sqrt(3) / tau)
    assert found.p_local == pytest.approx(stats.binom.sf(3, 7, 1 / (1 + tau)))


def test_a_form_that_runs_away_where_nearly_all_events_are_signal_is_not_believed():
    """A cut leaves three events outside where a tenth of the file is signal; a form expects 10^11 inside."""
    edges = 2_944.89 * 1.03 ** np.arange(29)
    counts = np.zeros(28)
    counts[[2, 3, 4, 5, 6, 7, 27]] = [2, 4, 4, 15, 6, 2, 1]
    window, masked = np.zeros(28, dtype=bool), np.zeros(28, dtype=bool)
    window[4:8], masked[3:9] = True, True
    spectrum = Spectrum(counts=counts, edges=edges, sqrt_s=13_000.0).with_window(window, masked=masked)
    alone = window_significance(spectrum)
    assert alone.n_expected > 1e6
    assert alone.z_local < 0.0
    inclusive = np.round(4_000.0 * np.exp(-np.arange(28) / 4.0))
    found = window_significance(spectrum, inclusive=inclusive)
    assert found.fit is None
    assert found.n_expected == pytest.approx(3.0 * inclusive[window].sum() / inclusive[~masked].sum())
    assert found.z_local > 5.0
