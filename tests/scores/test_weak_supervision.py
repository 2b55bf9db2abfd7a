"""CWoLa: an event never judges itself, noise finds nothing, and a slope in mjj makes no bump."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bumphunt.errors import InputError
from bumphunt.preprocessing.splits import MassWindow, assign_folds, balanced_weights
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.weak_supervision import leakage, out_of_fold_scores, rank_within
from bumphunt.selection import select_fraction
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.spectrum import as_spectrum

EDGES = mass_grid(3_000.0, 5_300.0, ratio=1.03)
WINDOW = MassWindow(low=EDGES[7], high=EDGES[11], sideband_low=EDGES[0], sideband_high=EDGES[18])
FOLDS = 3


def masses(number, rng):
    """Draw a power law between the ends of the grid: bins of one factor hold ever fewer events."""
    low, high, power = EDGES[0], EDGES[-1], -7.0
    u = rng.random(number)
    return (low**power + u * (high**power - low**power)) ** (1 / power)


def parts(mjj):
    return WINDOW.lower_sideband(mjj), WINDOW.signal_region(mjj), WINDOW.upper_sideband(mjj)


def classifier(fold):
    return BoostedTrees(members=1, max_iter=25, max_leaf_nodes=8, min_samples_leaf=40, seed=fold)


def scores(features, mjj, folds, *, weights=None, seed=0):
    lower, region, upper = parts(mjj)
    weights = balanced_weights(lower, region, upper) if weights is None else weights
    return out_of_fold_scores(
        features, region, weights, folds, make_classifier=classifier, rng=np.random.default_rng(seed)
    )


def noise(number, seed):
    rng = np.random.default_rng(seed)
    mjj = masses(number, rng)
    return mjj, rng.standard_normal((number, 3)), assign_folds(number, folds=FOLDS, rng=rng)


# --- out of fold means out of fold ---------------------------------------------------------------


def test_an_event_never_has_a_say_in_its_own_score():
    mjj, features, folds = noise(3_000, seed=1)
    lower, region, upper = parts(mjj)
    weights = balanced_weights(lower, region, upper)
    options = {"make_classifier": classifier}
    before = out_of_fold_scores(features, region, weights, folds, rng=np.random.default_rng(0), **options)
    for fold in range(FOLDS):
        lied = region.copy()
        lied[folds == fold] = ~lied[folds == fold]
        reweighted = weights.copy()
        reweighted[folds == fold] *= 7.0
        after = out_of_fold_scores(features, lied, reweighted, folds, rng=np.random.default_rng(0), **options)
        np.testing.assert_array_equal(after[folds == fold], before[folds == fold])
        assert not np.array_equal(after[folds != fold], before[folds != fold])


def test_features_of_a_fold_do_not_train_its_model():
    mjj, features, folds = noise(3_000, seed=2)
    before = scores(features, mjj, folds)
    moved = features.copy()
    chosen = np.flatnonzero(folds == 0)[::2]
    moved[chosen] += 100.0
    after = scores(moved, mjj, folds)
    untouched = np.setdiff1d(np.flatnonzero(folds == 0), chosen)
    # ranks are relative: the order of those left alone must not change
    np.testing.assert_array_equal(np.argsort(before[untouched]), np.argsort(after[untouched]))


def test_events_beyond_the_sidebands_are_scored_but_do_not_train():
    mjj, features, folds = noise(3_000, seed=3)
    far = mjj >= WINDOW.sideband_high
    assert far.sum() > 5
    moved = features.copy()
    moved[far] = np.random.default_rng(1).standard_normal((far.sum(), 3)) + 50.0
    before, after = scores(features, mjj, folds), scores(moved, mjj, folds)
    for fold in range(FOLDS):
        near = (folds == fold) & ~far
        np.testing.assert_array_equal(np.argsort(before[near]), np.argsort(after[near]))


def test_scores_are_ranks_in_every_fold_and_repeat_with_their_seed():
    mjj, features, folds = noise(2_000, seed=4)
    first = scores(features, mjj, folds)
    np.testing.assert_array_equal(first, scores(features, mjj, folds))
    for fold in range(FOLDS):
        inside = np.sort(first[folds == fold])
        np.testing.assert_allclose(inside, (np.arange(len(inside)) + 0.5) / len(inside))


def test_lengths_that_differ_are_refused():
    with pytest.raises(InputError, match="one row per event"):
        out_of_fold_scores(
            np.zeros((4, 1)),
            np.zeros(3, bool),
            np.ones(4),
            np.zeros(4, int),
            make_classifier=classifier,
            rng=np.random.default_rng(0),
        )


def test_a_fold_that_leaves_one_class_is_refused():
    region = np.array([True] * 5 + [False] * 5)
    with pytest.raises(InputError, match="all 5 training events"):
        out_of_fold_scores(
            np.zeros((10, 1)),
            region,
            np.ones(10),
            region.astype(int),
            make_classifier=classifier,
            rng=np.random.default_rng(0),
        )


# --- noise finds nothing -------------------------------------------------------------------------


def test_pure_noise_puts_no_events_into_the_window():
    pulls, leaks = [], []
    for seed in range(10):
        mjj, features, folds = noise(4_000, seed=100 + seed)
        score = scores(features, mjj, folds, seed=seed)
        lower, region, upper = parts(mjj)
        selected = select_fraction(score, folds, fraction=0.05)
        expected = 0.05 * region.sum()
        pulls.append((np.sum(selected & region) - expected) / np.sqrt(expected * 0.95))
        leaks.append(leakage(score, lower, region, upper)[0])
    assert np.mean(pulls) == pytest.approx(0.0, abs=3 / np.sqrt(10))
    assert np.std(pulls) < 1.6
    assert np.mean(leaks) == pytest.approx(0.5, abs=0.01)


def test_the_error_of_the_leakage_is_its_spread_on_noise():
    rng = np.random.default_rng(6)
    mjj = masses(4_000, rng)
    lower, region, upper = parts(mjj)
    areas, errors = np.array([leakage(rng.random(4_000), lower, region, upper) for _ in range(300)]).T
    assert areas.mean() == pytest.approx(0.5, abs=0.003)
    assert areas.std() == pytest.approx(errors.mean(), rel=0.25)


def excess(seed, shape, *, balanced, number=12_000):
    """Return z of the window, leakage and the drift of the score with mjj, for one feature that follows mjj."""
    rng = np.random.default_rng(seed)
    mjj = masses(number, rng)
    folds = assign_folds(number, folds=FOLDS, rng=rng)
    features = np.stack([shape(mjj) + rng.standard_normal(number), rng.standard_normal(number)], axis=1)
    lower, region, upper = parts(mjj)
    weights = None if balanced else (lower | region | upper).astype(float)
    score = scores(features, mjj, folds, weights=weights, seed=seed)
    counts = np.histogram(mjj[select_fraction(score, folds, fraction=0.1)], bins=EDGES)[0].astype(float)
    bins = WINDOW.bins(EDGES)
    found = window_significance(as_spectrum(counts, EDGES, masked=bins), family="dijet3")
    near = lower | region | upper
    return found.z_local, leakage(score, lower, region, upper)[0], stats.spearmanr(score[near], mjj[near]).statistic


def slope(mjj):
    return 1.2 * np.log(mjj / 3_800.0) / np.log(EDGES[18] / EDGES[0])


def test_a_slope_in_mjj_makes_no_bump_with_balanced_weights_and_drifts_without():
    balanced = np.array([excess(seed, slope, balanced=True) for seed in range(6)])
    unbalanced = np.array([excess(seed, slope, balanced=False) for seed in range(6)])
    z, leak, drift = balanced.T
    assert abs(z.mean()) < 3 / np.sqrt(6)
    assert np.abs(leak - 0.5).max() < 0.05
    assert abs(leak.mean() - 0.5) < 0.015
    assert abs(drift.mean()) < 0.08
    # unweighted, the many events of the lower sideband teach the trees the sign of the slope
    assert unbalanced[:, 2].mean() > 0.15
    assert unbalanced[:, 2].min() > np.abs(drift).max()


def test_a_feature_that_peaks_in_the_window_is_caught_by_the_leakage():
    centre = 0.5 * (WINDOW.low + WINDOW.high)

    def peak(mjj):
        return 1.5 * np.exp(-0.5 * ((mjj - centre) / 180.0) ** 2)

    z, leak, _ = excess(1, peak, balanced=True)
    assert leak > 0.55
    assert z > 3, "and that is why it must be caught: this is pure background"


def test_leakage_does_not_look_at_the_anomalous_end():
    rng = np.random.default_rng(7)
    mjj = masses(6_000, rng)
    lower, region, upper = parts(mjj)
    score = rng.random(6_000) * 0.94
    signal = rng.choice(np.flatnonzero(region), 60, replace=False)
    score[signal] = 0.999
    assert leakage(score, lower, region, upper)[0] == pytest.approx(0.5, abs=0.03)
    assert leakage(np.full(6_000, 0.99), lower, region, upper)[0] == 0.5, "nothing left to compare"
    assert leakage(np.full(6_000, 0.3), lower, region, upper)[0] == 0.5, "ties tell nothing"


def test_signal_in_the_window_is_found():
    mjj, features, folds = noise(8_000, seed=8)
    lower, region, upper = parts(mjj)
    signal = np.zeros(len(mjj), dtype=bool)
    signal[np.random.default_rng(9).choice(np.flatnonzero(region), 120, replace=False)] = True
    features[signal] = 0.3 * np.random.default_rng(10).standard_normal((120, 3)) + 2.2
    score = scores(features, mjj, folds)
    assert np.mean(score[signal] > 0.97) > 0.8
    assert leakage(score, lower, region, upper)[0] == pytest.approx(0.5, abs=0.03)


# --- ranks ---------------------------------------------------------------------------------------


@given(values=st.lists(st.integers(-5, 5), min_size=1, max_size=50), seed=st.integers(0, 100))
def test_ranks_keep_the_order_and_lie_between_nought_and_one(values, seed):
    score = np.array(values, dtype=float)
    ranks = rank_within(score, rng=np.random.default_rng(seed))
    assert sorted(ranks) == pytest.approx((np.arange(len(score)) + 0.5) / len(score))
    assert ((ranks > 0) & (ranks < 1)).all()
    order = np.argsort(ranks)
    assert (np.diff(score[order]) >= 0).all()


def test_equal_scores_do_not_keep_the_order_of_the_file():
    ranks = rank_within(np.zeros(2_000), rng=np.random.default_rng(3))
    assert abs(stats.spearmanr(ranks, np.arange(2_000)).statistic) < 0.1
