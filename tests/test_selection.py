"""Cuts at fixed fractions, fold by fold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import InputError
from bumphunt.selection import select_fraction


@given(
    seed=st.integers(0, 2**20),
    events=st.integers(1, 300),
    folds=st.integers(1, 6),
    fraction=st.floats(0.001, 0.999),
)
def test_every_fold_keeps_its_share_and_the_best_of_it(seed, events, folds, fraction):
    rng = np.random.default_rng(seed)
    score, fold = rng.integers(0, 20, events).astype(float), rng.integers(0, folds, events)
    selected = select_fraction(score, fold, fraction=fraction)
    for number in np.unique(fold):
        inside = fold == number
        assert selected[inside].sum() == round(fraction * inside.sum())
        if selected[inside].any() and not selected[inside].all():
            assert score[inside & selected].min() >= score[inside & ~selected].max()


def test_a_fold_with_another_scale_does_not_win():
    score = np.concatenate([np.arange(100.0), 1e6 + np.arange(100.0)])
    selected = select_fraction(score, np.repeat([0, 1], 100), fraction=0.1)
    assert selected[:100].sum() == selected[100:].sum() == 10


def test_tighter_cuts_are_nested():
    rng = np.random.default_rng(2)
    score, fold = rng.random(1_000), rng.integers(0, 5, 1_000)
    loose, tight = (select_fraction(score, fold, fraction=fraction) for fraction in (0.1, 0.02))
    assert not (tight & ~loose).any()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_fraction_that_is_none(fraction):
    with pytest.raises(InputError, match="between 0 and 1"):
        select_fraction(np.arange(4.0), np.zeros(4, dtype=int), fraction=fraction)


def test_without_folds_there_is_one_threshold():
    rng = np.random.default_rng(3)
    score = rng.random(1_000)
    selected = select_fraction(score, fraction=0.05)
    assert selected.sum() == 50
    assert score[selected].min() > score[~selected].max()


@given(seed=st.integers(0, 50), fraction=st.sampled_from([0.01, 0.2, 0.5]))
def test_ties_are_broken_by_the_events_own_numbers_whatever_the_order_of_rows(seed, fraction):
    rng = np.random.default_rng(seed)
    score, ties = rng.integers(0, 4, 200).astype(float), rng.random(200)
    order = rng.permutation(200)
    selected = select_fraction(score, fraction=fraction, ties=ties)
    np.testing.assert_array_equal(select_fraction(score[order], fraction=fraction, ties=ties[order]), selected[order])
    assert selected.sum() == round(200 * fraction)
