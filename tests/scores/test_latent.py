import inspect

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bumphunt.errors import InputError, TruthError
from bumphunt.scores import latent
from bumphunt.scores.latent import argos, choose, latent_scores, orient
from bumphunt.scores.protocol import check_features


class Stub:
    """A model whose latent space is known."""

    def encode(self, features):
        matrix = check_features(features)
        return matrix, np.zeros_like(matrix) - 1.0

    def reconstruction_error(self, features):
        return check_features(features)[:, 0] ** 4


def mixture(share, seed=0, n=20_000):
    """Score with a share of signal at 3 sigma in the signal region; returns score, regions and truth."""
    rng = np.random.default_rng(seed)
    in_sr = np.arange(2 * n) < n
    truth = in_sr & (rng.uniform(size=2 * n) < share)
    return np.where(truth, 3.0, 0.0) + rng.normal(size=2 * n), in_sr, ~in_sr, truth


def test_scores_in_one_dimension():
    scores = latent_scores(Stub(), [[-2.0], [1.0]])
    np.testing.assert_array_equal(scores["z"], [-2, 1])
    np.testing.assert_array_equal(scores["z2"], [4, 1])
    np.testing.assert_array_equal(scores["log_var"], [-1, -1])
    np.testing.assert_allclose(scores["kl"], 0.5 * (np.array([4, 1]) + np.exp(-1.0)))
    np.testing.assert_array_equal(scores["reconstruction_error"], [16, 1])


def test_scores_in_more_dimensions_are_sums():
    scores = latent_scores(Stub(), [[-2.0, 1.0]])
    assert (scores["z"][0], scores["z2"][0], scores["log_var"][0]) == (3, 5, -2)


def test_argos_is_the_share_times_the_improvement():
    share, eff_s, eff_b = 0.01, 0.4, 0.002
    expected = share * (eff_s / eff_b**0.5 - eff_b**0.5)
    assert argos(share * eff_s + (1 - share) * eff_b, eff_b) == pytest.approx(expected)
    with pytest.raises(InputError, match="not defined"):
        argos([0.1], [0.0])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", range(3))
def test_orientation_is_found_and_turns_with_the_score(sign, seed):
    score, in_sr, in_sb, _ = mixture(0.03, seed)
    assert orient(sign * score, in_sr, in_sb) == sign


def test_the_better_score_is_chosen():
    score, in_sr, in_sb, _ = mixture(0.03)
    noise = np.random.default_rng(9).normal(size=len(score))
    choice = choose({"noise": noise, "blurred": score + 2 * noise, "sharp": -score}, in_sr, in_sb)
    assert (choice.name, choice.sign) == ("sharp", -1)
    assert choice.argos > 10 * choice.noise
    cut = np.quantile(score[in_sb], 1 - choice.fraction)
    passing = (score >= cut)[in_sr].mean(), (score >= cut)[in_sb].mean()
    assert choice.argos == pytest.approx(float(argos(*passing)), rel=0.02)
    assert choice.from_dict(choice.to_dict()).to_dict() == choice.to_dict()


def test_without_signal_argos_has_the_stated_noise():
    found = []
    for seed in range(150):
        score, in_sr, in_sb, _ = mixture(0.0, seed, n=2000)
        found.append(choose({"a": score}, in_sr, in_sb, fractions=(0.05,)))
    # The larger of the two ends: for independent unit normals that has mean 0.564 and sigma 0.826.
    pulls = np.array([choice.argos / choice.noise for choice in found])
    assert pulls.mean() == pytest.approx(0.564, abs=4 * 0.826 / 150**0.5)
    assert pulls.std() == pytest.approx(0.826, abs=0.2)


@given(st.integers(0, 1000), st.sampled_from([np.exp, np.arctan, lambda x: 7 * x - 3]))
@settings(max_examples=20, deadline=None)
def test_only_the_order_of_a_score_matters(seed, transform):
    score, in_sr, in_sb, _ = mixture(0.05, seed, n=1000)
    first, second = (choose({"a": value}, in_sr, in_sb) for value in (score, transform(score)))
    # Quantiles interpolate between events, so a cut may move by one event.
    assert first.sign == second.sign
    assert first.argos == pytest.approx(second.argos, abs=0.03)


def test_nothing_takes_truth():
    for function in (latent_scores, orient, choose, argos):
        assert {"truth", "label", "labels", "target", "y"}.isdisjoint(inspect.signature(function).parameters)
    assert "quality" not in inspect.getsource(latent)


def test_a_table_with_truth_cannot_get_in():
    with pytest.raises(TruthError):
        latent_scores(Stub(), pd.DataFrame({"mj1": [0.1], "label": [1.0]}))
    score, in_sr, in_sb, truth = mixture(0.1)
    with pytest.raises(TruthError):
        choose({"z": score, "label": truth}, in_sr, in_sb)
    with pytest.raises(TruthError):
        choose(pd.DataFrame({"z": score, "label": truth}), in_sr, in_sb)


def test_events_outside_both_regions_do_not_count():
    score, in_sr, in_sb, _ = mixture(0.03)
    with_others = np.concatenate([score, np.full(500, 1e9)])
    pad = np.zeros(500, bool)
    first = choose({"a": score}, in_sr, in_sb)
    second = choose({"a": with_others}, np.r_[in_sr, pad], np.r_[in_sb, pad])
    assert first.to_dict() == second.to_dict()


@pytest.mark.parametrize(
    ("score", "sr", "sb", "message"),
    [
        (np.ones(99), np.ones(100, bool), np.zeros(100, bool), "in the sidebands"),
        (np.ones(200), np.ones(200, bool), np.ones(200, bool), "disjoint"),
        (np.ones(200), np.ones(200), np.zeros(200), "boolean masks"),
        (np.ones(3), np.arange(200) < 100, np.arange(200) >= 100, "one finite number"),
        (np.full(200, np.nan), np.arange(200) < 100, np.arange(200) >= 100, "one finite number"),
    ],
)
def test_bad_input_is_refused(score, sr, sb, message):
    with pytest.raises(InputError, match=message):
        orient(score, sr, sb)


def test_no_candidates_and_bad_fractions_are_refused():
    score, in_sr, in_sb, _ = mixture(0.1)
    with pytest.raises(InputError, match="at least one"):
        choose({}, in_sr, in_sb)
    with pytest.raises(InputError, match="between 0 and 1"):
        orient(score, in_sr, in_sb, fractions=(0.0,))
