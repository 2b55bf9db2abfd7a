"""Checks of an excess: they pass what is sound, at the rate they promise, and catch what they are for."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.config import ChecksConfig
from bumphunt.significance.checks import fold_agreement, fold_excesses, mass_fit_check, window_checks
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
        leakage=0.503,
        leakage_error=0.002,
    )


def outcome(window, folds):
    return {
        check.name: check.passed for check in window_checks(window, np.array(folds, dtype=float), thresholds=THRESHOLDS)
    }


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


def test_a_background_that_does_not_fit_is_caught():
    assert not outcome(replace(sound(), sideband_p_value=1e-5), [20, 22, 18, 25, 19])["sideband_fit"]


def test_folds_of_one_sample_disagree_at_the_nominal_rate():
    rng = np.random.default_rng(2)
    p_values = np.array([fold_agreement(row) for row in rng.poisson(20.0, (4_000, 5)).astype(float)])
    assert np.mean(p_values < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p_values < THRESHOLDS.fold_p_value) < 0.005
    assert fold_agreement(np.zeros(5)) == 1.0


def test_excess_of_a_fold_in_its_own_standard_deviations():
    np.testing.assert_allclose(fold_excesses(np.array([20.0, 30.0]), 40.0), [0.0, 10 / np.sqrt(30)])
    assert np.isfinite(fold_excesses(np.zeros(5), 0.0)).all()


def test_masses_that_could_not_be_fitted():
    assert mass_fit_check(True).passed
    assert not mass_fit_check(False).passed
