"""Features whose quantile no longer depends on mjj: flat where they followed it, ordered as before, blind to a bump."""

import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import InputError
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation


def sample(number, rng):
    mjj = 2_900.0 * (1.0 - rng.random(number)) ** (-1 / 6)
    following = 0.1 * mjj * np.exp(rng.normal(0, 0.3, number))
    free = rng.gamma(2.0, 100.0, number)
    return np.column_stack([following, free]), mjj


def test_a_feature_that_follows_the_mass_becomes_flat():
    features, mjj = sample(60_000, np.random.default_rng(1))
    assert stats.spearmanr(features[:, 0], mjj).statistic > 0.2
    uniform = SmoothDecorrelation().fit(features, mjj).transform(features, mjj)
    for column in uniform.T:
        assert abs(stats.spearmanr(column, mjj).statistic) < 0.01
        for low in (2_900, 3_300, 3_800, 4_600):
            here = column[(mjj > low) & (mjj < 1.1 * low)]
            assert stats.kstest(here, "uniform").statistic < 1.6 / np.sqrt(len(here)) + 0.01


def test_order_is_kept_at_a_given_mass_also_among_the_rarest():
    features, mjj = sample(20_000, np.random.default_rng(2))
    decorrelation = SmoothDecorrelation().fit(features, mjj)
    values = np.linspace(1.0, 5_000.0, 400)
    grid = np.column_stack([values, values])
    uniform = decorrelation.transform(grid, np.full(400, 3_500.0))
    assert (np.diff(uniform, axis=0) >= 0).all()
    assert uniform[-1, 1] > uniform[-50, 1], "the heaviest values do not fall together"


def test_a_bump_in_a_narrow_window_does_not_bend_the_quantiles():
    rng = np.random.default_rng(3)
    features, mjj = sample(60_000, rng)
    clean = SmoothDecorrelation().fit(features, mjj)
    bump = np.column_stack([rng.normal(400, 10, 600), rng.normal(100, 5, 600)])
    bumped = SmoothDecorrelation().fit(np.vstack([features, bump]), np.concatenate([mjj, rng.normal(3_500, 100, 600)]))
    place = np.full(len(features), 3_500.0)
    assert np.abs(clean.transform(features, place) - bumped.transform(features, place)).max() < 0.02


def test_unseen_events_are_flat_too():
    rng = np.random.default_rng(4)
    learned, test = sample(40_000, rng), sample(40_000, rng)
    uniform = SmoothDecorrelation().fit(*learned).transform(*test)
    assert stats.kstest(uniform[:, 0], "uniform").statistic < 0.015


@pytest.mark.parametrize(("number", "what"), [(500, "too few"), (5_000, "same mjj")])
def test_what_cannot_be_learned_is_refused(number, what):
    features, mjj = sample(number, np.random.default_rng(5))
    with pytest.raises(InputError, match=what):
        SmoothDecorrelation().fit(features, mjj if number < 1_000 else np.full(number, 3_500.0))
