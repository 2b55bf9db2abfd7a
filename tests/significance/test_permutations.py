"""The null of the largest significance: permuted masses, and the tail beyond them."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kstest

from bumphunt.errors import InputError
from bumphunt.significance.permutations import Selections, fit_tail, permuted_maxima, significances
from bumphunt.significance.smooth_sidebands import rank_weights, sidebands, weighted
from bumphunt.statistics import p_from_z

SELECTIONS, KEPT, EVENTS = 40, 120, 20_000


def pseudo_data(edges: np.ndarray, smooth: Callable[[float], np.ndarray], seed: int, signal: int = 0):
    """Return selections of independent events in three overlapping windows, and the events' mass bins."""
    rng = np.random.default_rng(seed)
    spectrum = smooth(1.0)
    bins = rng.choice(len(spectrum), EVENTS, p=spectrum / spectrum.sum())
    inclusive = np.bincount(bins, minlength=len(spectrum)).astype(np.float64)
    groups = []
    for first in (6, 8, 10):
        window = np.zeros(len(spectrum))
        window[first : first + 4] = 1.0
        side = (window == 0) & (np.arange(len(spectrum)) < first + 14)
        weights = rank_weights(KEPT)
        counted = weighted(
            sidebands(inclusive, edges, signal=window, side=side, part=KEPT / EVENTS), weights, inclusive
        )
        members = np.stack([rng.choice(EVENTS, KEPT, replace=False) for _ in range(SELECTIONS)])
        groups.append(Selections(sidebands=(counted,), members=members, weights=weights))
    if signal:
        bins[groups[1].members[0, :signal]] = 9
    return groups, bins


def largest(groups: list[Selections], bins: np.ndarray) -> float:
    return max(float(significances(group, bins).max()) for group in groups)


def test_global_p_values_without_signal_are_uniform(edges, smooth) -> None:
    p_values = []
    for seed in range(60):
        groups, bins = pseudo_data(edges, smooth, seed)
        maxima = permuted_maxima(groups, bins, number=100, rng=np.random.default_rng(seed))
        p_values.append(fit_tail(maxima).p_value(largest(groups, bins)))
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) < 0.1) < 0.2


def test_a_signal_is_found(edges, smooth) -> None:
    groups, bins = pseudo_data(edges, smooth, 1, signal=50)
    maxima = permuted_maxima(groups, bins, number=100, rng=np.random.default_rng(1))
    top = largest(groups, bins)
    assert top == pytest.approx(float(significances(groups[1], bins)[0, 0]))
    assert fit_tail(maxima).p_value(top) < 1e-3


def test_permuting_by_hand_gives_the_same_distribution(edges, smooth) -> None:
    groups, bins = pseudo_data(edges, smooth, 2)
    rng = np.random.default_rng(4)
    by_hand = [largest(groups, rng.permutation(bins)) for _ in range(300)]
    fast = permuted_maxima(groups, bins, number=300, rng=rng)
    assert np.median(fast) == pytest.approx(np.median(by_hand), abs=0.1)
    assert np.std(fast) == pytest.approx(np.std(by_hand), rel=0.2)


@pytest.mark.parametrize("trials", [30, 1_000])
def test_the_tail_is_that_of_independent_trials(trials: int) -> None:
    z = np.random.default_rng(1).standard_normal((1_000, trials)).max(axis=1)
    tail = fit_tail(z)
    for at in (4.0, 5.0):
        assert 0.6 < tail.p_value(at) / (trials * p_from_z(at)) < 2.0
    assert tail.p_value(float(np.median(z))) == pytest.approx(0.5, abs=0.06)
    assert tail.p_value(30.0) >= p_from_z(30.0) > 0


def test_as_many_permutations_as_are_asked_for(edges, smooth) -> None:
    groups, bins = pseudo_data(edges, smooth, 3)
    fewer = permuted_maxima(groups[:1], bins, number=130, rng=np.random.default_rng(5))
    assert fewer.shape == (130,)
    assert (fewer > 0.5).all()
    assert len(np.unique(fewer)) > 120
    more = permuted_maxima(groups, bins, number=130, rng=np.random.default_rng(5))
    assert np.median(more) > np.median(fewer)
    side_by_side = permuted_maxima(groups, bins, number=130, rng=np.random.default_rng(5), threads=3)
    np.testing.assert_array_equal(side_by_side, more)
    assert fit_tail(np.linspace(2.0, 4.0, 20)).end == 4.0


def test_too_few_maxima_are_refused() -> None:
    with pytest.raises(InputError, match="5 maxima are too few"):
        fit_tail(np.arange(5.0))
