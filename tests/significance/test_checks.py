"""Checks of an excess: they pass what is sound, at the rate they promise, and catch what they are for."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.config import ChecksConfig
from bumphunt.significance.checks import (
    deficit_check,
    fold_agreement,
    mass_fit_check,
    neighbourhood_of,
    spectrum_checks,
    verdict,
    window_checks,
)
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.spectrum import as_spectrum

THRESHOLDS = ChecksConfig()


def sound():
    edges = mass_grid(3000, 5000, ratio=1.05)
    counts = np.round(5e3 * (edges[:-1] / 3000) ** -7.0)
    masked = np.zeros(len(counts), dtype=bool)
    masked[4:6] = True
    return replace(
        window_significance(as_spectrum(counts, edges, masked=masked), family="dijet3"),
        cut_fraction=0.05,
        leakage=0.503,
        leakage_error=0.002,
    )


def with_folds(window, *repeats):
    """Return the window with the agreement of the folds of each repeat, given as events in each."""
    return replace(window, fold_p_values=np.array([fold_agreement(np.array(folds, dtype=float)) for folds in repeats]))


def outcome(window, *repeats):
    checks = window_checks(with_folds(window, *repeats), thresholds=THRESHOLDS)
    return {check.name: check.passed for check in checks}


def test_a_sound_excess_passes():
    assert outcome(sound(), [20, 22, 18, 25, 19]) == {"sideband_fit": True, "sculpting": True, "fold_agreement": True}


@pytest.mark.parametrize("leakage", [0.55, 0.45])
def test_a_score_that_follows_the_mass_is_caught_either_way(leakage):
    assert not outcome(replace(sound(), leakage=leakage), [20, 22, 18, 25, 19])["sculpting"]


def test_noise_in_a_small_window_is_not_taken_for_sculpting():
    assert outcome(replace(sound(), leakage=0.55, leakage_error=0.02), [20, 22, 18, 25, 19])["sculpting"]
    assert not outcome(replace(sound(), leakage=0.58, leakage_error=0.02), [20, 22, 18, 25, 19])["sculpting"]


def test_an_excess_of_one_fold_alone_is_caught():
    assert not outcome(sound(), [60, 10, 9, 11, 8])["fold_agreement"]
    assert not outcome(sound(), [20, 22, 18, 25, 19], [60, 10, 9, 11, 8])["fold_agreement"]


def test_each_repeat_had_its_chance_to_disagree():
    folds = [30, 5, 22, 18, 20]
    p_value = fold_agreement(np.array(folds, dtype=float))
    assert THRESHOLDS.fold_p_value < p_value < 0.05
    (check,) = [
        check
        for check in window_checks(with_folds(sound(), *[folds] * 4), thresholds=THRESHOLDS)
        if check.name == "fold_agreement"
    ]
    assert check.value == pytest.approx(4 * p_value)


def test_before_any_cut_there_is_no_score_to_judge():
    assert set(outcome(replace(sound(), cut_fraction=1.0), [60, 10, 9, 11, 8])) == {"sideband_fit"}


def test_a_background_that_does_not_fit_is_caught():
    assert not outcome(replace(sound(), sideband_p_value=1e-5), [20, 22, 18, 25, 19])["sideband_fit"]


def test_folds_of_one_sample_disagree_at_the_nominal_rate():
    rng = np.random.default_rng(2)
    p_values = np.array([fold_agreement(row) for row in rng.poisson(20.0, (4_000, 5)).astype(float)])
    assert np.mean(p_values < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p_values < THRESHOLDS.fold_p_value) < 0.005
    assert fold_agreement(np.zeros(5)) == 1.0


def test_masses_that_could_not_be_fitted():
    assert mass_fit_check(True).passed
    assert not mass_fit_check(False).passed


def with_hole(depth, *, seed=1, total=3e4):
    edges = mass_grid(3000, 6000, ratio=1.03)
    truth = (edges[:-1] / 3000) ** -7.0
    counts = np.random.default_rng(seed).poisson(total * truth / truth.sum())
    counts[10] = round((1 - depth) * counts[10])
    masked = np.zeros(len(counts), dtype=bool)
    masked[12:15] = True
    return window_significance(as_spectrum(counts, edges, masked=masked), family="dijet3")


def test_a_deficit_is_named_with_its_bin_and_noise_is_none():
    passed = [spectrum_checks(with_hole(0.0, seed=seed), thresholds=THRESHOLDS)[1].passed for seed in range(60)]
    assert np.mean(passed) == 1.0
    dead = spectrum_checks(with_hole(1.0), thresholds=THRESHOLDS)[1]
    assert not dead.passed
    assert dead.value < 1e-100
    assert dead.meaning.endswith("a dead bin")
    edges = mass_grid(3000, 6000, ratio=1.03)
    assert f"{edges[10]:.0f}-{edges[11]:.0f} GeV holds 0 events" in dead.meaning
    assert spectrum_checks(with_hole(0.3), thresholds=THRESHOLDS)[1].meaning.endswith("a deficit")


def test_the_deficit_p_value_counts_every_bin_as_a_look():
    """Uniform or above for noise: one bin in 23 below 1 % is no failure."""
    p_values = np.array([deficit_check(with_hole(0.0, seed=s).fit, threshold=0.5).value for s in range(300)])
    for level in (0.05, 0.2):
        assert np.mean(p_values < level) < level + 0.03
    assert np.mean(p_values < 0.5) > 0.1


def test_the_neighbourhood_is_where_tails_are_and_not_where_events_lack():
    window = with_hole(1.0)
    near = np.flatnonzero(neighbourhood_of(window.fit.window, window.fit))
    assert near.tolist() == [11, 15, 16]  # bin 10 is dead
    sound = with_hole(0.0)
    assert np.flatnonzero(neighbourhood_of(sound.fit.window, sound.fit)).tolist() == [10, 11, 15, 16]


@pytest.mark.parametrize(
    ("z", "passed", "status"),
    [
        (2.99, True, "none"),
        (3.0, True, "evidence"),
        (4.99, True, "evidence"),
        (5.0, True, "discovery"),
        (2.99, False, "none"),
        (3.0, False, "unverified_excess"),
        (9.0, False, "unverified_excess"),
    ],
)
def test_the_verdict(z, passed, status):
    checks = spectrum_checks(with_hole(0.0 if passed else 1.0), thresholds=THRESHOLDS)
    assert verdict(z, checks) == status
    assert verdict(9.0, ()) == "discovery"


def test_each_check_says_what_a_failure_looks_like():
    checks = [
        *window_checks(
            with_folds(replace(sound(), n_direct=10.0, n_direct_error=1.0), [20] * 5), thresholds=THRESHOLDS
        ),
        *spectrum_checks(sound(), thresholds=THRESHOLDS),
        mass_fit_check(True),
    ]
    assert len({check.name for check in checks}) == 7
    for check in checks:
        assert "a failure" in check.meaning


def test_a_window_whose_ordinary_events_differ_is_caught_and_a_signal_passes():
    """A feature shifted in a range gives 0.57 to 0.59 in boxes of 50 thousand, 300 signal events 0.50."""
    folds = [20, 22, 18, 25, 19]
    assert "ordinary_events" not in outcome(sound(), folds), "only where it was asked for"
    shifted = replace(sound(), ordinary=0.57, ordinary_error=0.005)
    assert not outcome(shifted, folds)["ordinary_events"]
    assert outcome(replace(shifted, ordinary_error=0.02), folds)["ordinary_events"]
    assert outcome(replace(shifted, ordinary=0.43), folds)["ordinary_events"]
    assert outcome(replace(shifted, ordinary=0.51), folds)["ordinary_events"]


def test_a_window_in_whose_sideband_ordinary_events_differ_is_caught():
    """A feature that is shifted in a sideband alone makes a window claim as well."""
    own = replace(sound(), ordinary=0.525, ordinary_error=0.0034)
    shifted = replace(sound(), ordinary=0.5724, ordinary_error=0.005)
    for beside, passed in (((), True), ((own,), True), ((own, shifted), False)):
        checks = window_checks(own, thresholds=THRESHOLDS, beside=beside)
        assert [check.passed for check in checks if check.name == "ordinary_events"] == [passed]
    # the prior-assisted search has no such score of its own
    checks = window_checks(sound(), thresholds=THRESHOLDS, beside=(own, shifted))
    assert [check.passed for check in checks if check.name == "ordinary_events"] == [False]
