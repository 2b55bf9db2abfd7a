"""Orientation and choice by ARGOS, each fold's by the others."""

import inspect

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bumphunt.errors import InputError, TruthError
from bumphunt.scores import blind_choice
from bumphunt.scores.blind_choice import OutOfFoldChoice, choose_out_of_fold

FOLDS = 4


def candidates(signal, seed=0, n=4000):
    """A good score upside down, its square, and noise; half signal region, half sidebands."""
    rng = np.random.default_rng(seed)
    region = np.arange(2 * n) < n
    truth = np.arange(2 * n) < signal
    good = np.where(truth, 3.5, 0.0) + rng.normal(size=2 * n)
    scores = {"noise": rng.normal(size=2 * n), "square": good**2, "upside_down": -good}
    return scores, region, ~region, rng.permutation(np.arange(2 * n) % FOLDS), truth


def run(scores, region, sideband, folds):
    return choose_out_of_fold(scores, region, sideband, folds, rng=np.random.default_rng(0))


def test_the_best_is_found_and_turned_round():
    scores, region, sideband, folds, truth = candidates(200)
    found = run(scores, region, sideband, folds)
    assert [(choice.name, choice.sign) for choice in found.choices] == [("upside_down", -1)] * FOLDS
    assert np.median(found.score[truth]) > 0.98
    for fold in range(FOLDS):
        assert stats.kstest(found.score[folds == fold], "uniform").statistic < 0.001
    rebuilt = OutOfFoldChoice.from_dict(found.to_dict())
    np.testing.assert_array_equal(rebuilt.score, found.score)
    assert rebuilt.choices[0].name == "upside_down"


def test_events_have_no_say_in_the_choice_made_for_them():
    scores, region, sideband, folds, truth = candidates(200)
    before = run(scores, region, sideband, folds)
    turned = {name: np.where(folds == 0, -values, values) for name, values in scores.items()}
    after = run(turned, region, sideband, folds)
    assert before.choices[0].to_dict() == after.choices[0].to_dict()
    # Turned round against the choice of the others, the fold's own signal is at the wrong end: no one saw it.
    assert np.median(after.score[(folds == 0) & truth]) < 0.02
    swapped = run(scores, np.where(folds == 0, sideband, region), np.where(folds == 0, region, sideband), folds)
    assert swapped.choices[0].to_dict() == before.choices[0].to_dict()
    np.testing.assert_array_equal(swapped.score[folds == 0], before.score[folds == 0])


def test_without_signal_the_choice_puts_no_events_into_the_window():
    pulls = []
    for seed in range(40):
        scores, region, sideband, folds, _ = candidates(0, seed=seed, n=1500)
        score = run(scores, region, sideband, folds).score
        pulls.append((np.sum(score[region] > 0.98) - 30) / np.sqrt(30 / 2))
    # In fold the same choice would gain the mean of the largest of six, more than one sigma.
    assert np.mean(pulls) == pytest.approx(0.0, abs=3.5 * 1.1 / np.sqrt(40))


def test_truth_has_no_way_in():
    assert {"truth", "label", "labels", "y"}.isdisjoint(inspect.signature(choose_out_of_fold).parameters)
    assert "quality" not in inspect.getsource(blind_choice)
    scores, region, sideband, folds, truth = candidates(100)
    for given in ({**scores, "label": truth}, pd.DataFrame({**scores, "label": truth})):
        with pytest.raises(TruthError):
            run(given, region, sideband, folds)


def test_bad_input_is_refused():
    scores, region, sideband, folds, _ = candidates(100)
    with pytest.raises(InputError, match="at least 2 folds"):
        run(scores, region, sideband, np.zeros_like(folds))
    with pytest.raises(InputError, match="one fold number per event"):
        run(scores, region, sideband, folds[:-1])
    with pytest.raises(InputError, match="one number per event"):
        run({"z": np.ones(3)}, region, sideband, folds)
    with pytest.raises(InputError, match="one finite number"):
        run({"z": np.full(len(folds), np.nan)}, region, sideband, folds)
    with pytest.raises(InputError, match="at least one"):
        run({}, region, sideband, folds)
