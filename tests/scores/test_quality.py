import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss as log_loss_of_probabilities
from sklearn.metrics import roc_auc_score, roc_curve

from bumphunt.errors import InputError
from bumphunt.scores.quality import (
    LogLoss,
    RocResult,
    ScoreDistribution,
    SicResult,
    log_loss,
    measure,
    roc,
    score_distribution,
    sic_at,
    significance_improvement,
)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60))
@settings(max_examples=100, deadline=None)
def test_roc_equals_that_of_sklearn_ties_included(pairs):
    score, truth = np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs])
    if truth.all() or not truth.any():
        with pytest.raises(InputError, match="both classes"):
            roc(score, truth)
        return
    found = roc(score, truth)
    fpr, tpr, _ = roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(found.fpr, fpr)
    np.testing.assert_allclose(found.tpr, tpr)
    assert found.auc == pytest.approx(roc_auc_score(truth, score))


def gaussians(n_signal, n_background, seed=0):
    rng = np.random.default_rng(seed)
    score = np.concatenate([rng.normal(2, 1, n_signal), rng.normal(0, 1, n_background)])
    return score, np.arange(len(score)) < n_signal


def test_auc_of_two_gaussians():
    found = roc(*gaussians(50_000, 50_000))
    assert found.auc == pytest.approx(0.9214, abs=0.003)  # Φ(2/√2)
    assert (found.n_signal, found.n_background) == (50_000, 50_000)
    assert "0.92" in str(found)


def test_improvement_by_hand():
    score = np.r_[np.full(10, 2.0), np.full(30, 2.0), np.full(10, 1.0), np.full(70, 1.0)]
    truth = np.r_[np.ones(10), np.zeros(30), np.ones(10), np.zeros(70)]
    found = significance_improvement(score, truth)
    np.testing.assert_allclose(found.eff_s, [0.5, 1.0])
    np.testing.assert_allclose(found.eff_b, [0.3, 1.0])
    np.testing.assert_allclose(found.sic, [0.5 / 0.3**0.5, 1.0])
    np.testing.assert_allclose(found.band, [0.5 / 0.3**0.5 * (0.5 / 10 + 0.7 / (4 * 30)) ** 0.5, 0.0])
    assert found.max_sic == 1.0
    assert sic_at(found, 0.4) == (found.sic[0], found.band[0])
    assert sic_at(found, 0.5)[0] == found.sic[0]
    assert sic_at(found, 0.51)[0] == 1.0


def test_improvement_is_quoted_only_above_25_background_events():
    score = np.r_[np.full(50, 3.0), np.full(25, 2.0), np.full(50, 1.0), [0.5], np.zeros(900)]
    truth = np.r_[np.ones(50), np.zeros(25), np.ones(50), [0], np.zeros(900)]
    found = significance_improvement(score, truth)
    np.testing.assert_array_equal(found.valid, [False, False, False, True, True])
    assert np.isnan(found.sic[0])
    assert found.max_sic == pytest.approx((26 / 926) ** -0.5)
    with pytest.raises(InputError, match="only 0 background events pass"):
        sic_at(found, 0.5)
    tiny = significance_improvement([1.0, 0.0], [1, 0])
    assert np.isnan(tiny.max_sic)
    assert not tiny.valid.any()


def test_band_covers_repeated_samples():
    # At a fixed cut, the counts of both samples fluctuate; the cut of 2.054 leaves 2 % of background.
    sics, bands = [], []
    for seed in range(200):
        score, truth = gaussians(500, 5000, seed)
        result = significance_improvement(score, truth)
        index = int((np.unique(score) >= 2.054).sum()) - 1
        sics.append(result.sic[index])
        bands.append(result.band[index])
    assert np.std(sics) == pytest.approx(np.mean(bands), rel=0.15)


def test_a_score_without_information_improves_nothing():
    rng = np.random.default_rng(0)
    found = significance_improvement(rng.normal(size=200_000), np.arange(200_000) % 2)
    assert found.max_sic < 1.3
    cuts = np.searchsorted(found.eff_b, [0.001, 0.01, 0.1, 0.5, 0.9])
    pulls = (found.sic - np.sqrt(found.eff_b))[cuts] / found.band[cuts]
    assert np.abs(pulls).max() < 4


def test_results_survive_json():
    score, truth = gaussians(30, 200)
    results = [
        (roc(score, truth), RocResult),
        (significance_improvement(score, truth), SicResult),
        (log_loss(score, truth), LogLoss),
        (score_distribution(score, truth), ScoreDistribution),
    ]
    for result, cls in results:
        again = cls.from_dict(result.to_dict())
        assert again.to_dict() == result.to_dict()
        assert "30 signal" in str(again)


@pytest.mark.parametrize(
    ("score", "truth", "message"),
    [([1.0, np.nan], [0, 1], "NaN"), ([1.0], [0, 1], "shape"), ([[1.0]], [[1]], "shape")],
)
def test_bad_input_is_refused(score, truth, message):
    for function in (roc, significance_improvement, log_loss, score_distribution):
        with pytest.raises(InputError, match=message):
            function(score, truth)


@pytest.mark.parametrize("eff_s", [0.0, 1.1])
def test_bad_efficiency_is_refused(eff_s):
    with pytest.raises(InputError, match="signal efficiency"):
        sic_at(significance_improvement(*gaussians(50, 500)), eff_s)


def test_log_loss_equals_that_of_sklearn():
    score, truth = gaussians(300, 700)
    probability = 1 / (1 + np.exp(-score))
    assert log_loss(score, truth).value == pytest.approx(log_loss_of_probabilities(truth, probability))
    weights = np.where(truth, 1 / 300, 1 / 700)
    assert log_loss(score, truth, balanced=True).value == pytest.approx(
        log_loss_of_probabilities(truth, probability, sample_weight=weights)
    )
    assert np.isfinite(log_loss([1e4, -1e4], [0, 1], balanced=True).value)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_error_of_the_log_loss_covers_repeated_samples(balanced):
    found = [log_loss(*gaussians(200, 400, seed), balanced=balanced) for seed in range(300)]
    assert np.std([r.value for r in found]) == pytest.approx(np.mean([r.error for r in found]), rel=0.15)


def test_score_distribution_counts_every_event_once():
    score, truth = gaussians(300, 700)
    found = score_distribution(score, truth, bins=20, limits=(0.0, 1.0))
    assert (found.signal.sum(), found.background.sum()) == (300, 700)
    assert found.background[0] >= (score[~truth] < 0).sum()
    assert found.signal[-1] >= (score[truth] > 1).sum()
    assert score_distribution([2.0, 2.0], [0, 1]).signal.sum() == 1
    for bad in ({"bins": 0}, {"limits": (1.0, 1.0)}):
        with pytest.raises(InputError, match="bins from"):
            score_distribution(score, truth, **bad)


def test_measures_are_higher_for_the_better_score():
    score, truth = gaussians(500, 5000)
    noise = np.random.default_rng(1).normal(0, 2, len(score))
    for metric in ("auc", "max_sic", "neg_log_loss"):
        assert measure(metric, score - 1.0, truth) > measure(metric, score - 1.0 + noise, truth)
    with pytest.raises(InputError, match="choose one of auc"):
        measure("accuracy", score, truth)
    with pytest.raises(InputError, match="use a larger sample"):
        measure("max_sic", score[490:510], truth[490:510])
