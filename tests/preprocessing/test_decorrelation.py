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


def few_values(number, rng):
    """Features of few values that follow the mass, beside one of many."""
    features, mjj = sample(number, rng)
    log_mass = np.log(mjj / 2_900.0)
    missing = rng.random(number) < 0.2 + 0.3 * log_mass
    return {
        "multiplicity": rng.poisson(25.0 * (mjj / 2_900.0) ** 0.5),
        "flag": rng.random(number) < 0.3 + 0.3 * log_mass,
        "rounded": np.round(features[:, 0], -1),
        "missing": np.where(missing, -999.0, (mjj / 2_900.0) ** 0.5 * rng.exponential(100.0, number)),
        "one value": np.ones(number),
    }, mjj


def spread_over_masses(uniform, mjj):
    """Return chi2 over degrees of freedom of 33 bins of a quantile against 12 ranges of mass."""
    edges = np.append(np.quantile(uniform, np.linspace(0, 1, 33)[1:-1]), np.quantile(uniform, 0.99))
    ranges = np.searchsorted(np.quantile(mjj, np.linspace(0, 1, 13)[1:-1]), mjj)
    table = stats.contingency.crosstab(np.searchsorted(np.sort(edges), uniform), ranges).count
    found = stats.chi2_contingency(table)
    return found.statistic / found.dof


def test_features_of_few_values_become_flat():
    """Quantiles of tied values jump with the mass: chi2/ndf of 8 (rounded) to 570 (missing) before ties were broken."""
    columns, mjj = few_values(60_000, np.random.default_rng(7))
    features = np.column_stack(list(columns.values())).astype(np.float64)
    decorrelation = SmoothDecorrelation().fit(features, mjj)
    uniform = decorrelation.transform(features, mjj)
    for name, column in zip(columns, uniform.T, strict=True):
        assert spread_over_masses(column, mjj) < 1.4, name
        assert stats.kstest(column, "uniform").statistic < 0.02, name
    # the order of values stays, and that of events of one value says nothing of the others
    flag = features[:, 1] == 1
    here = np.abs(np.log(mjj / 3_500.0)) < 0.02
    assert uniform[flag & here, 1].min() > uniform[~flag & here, 1].max() - 0.02
    within = np.corrcoef(uniform[flag & here].T)
    assert abs(within[1, 4]) < 4.0 / np.sqrt((flag & here).sum())


def test_ties_are_broken_by_the_event_and_not_by_its_place():
    columns, mjj = few_values(3_000, np.random.default_rng(8))
    features = np.column_stack(list(columns.values())).astype(np.float64)
    uniform = SmoothDecorrelation().fit(features, mjj).transform(features, mjj)
    order = np.random.default_rng(9).permutation(len(mjj))
    again = SmoothDecorrelation().fit(features[order], mjj[order])
    np.testing.assert_allclose(again.transform(features[order], mjj[order]), uniform[order], atol=1e-12)
    few = again.transform(features[:7], mjj[:7])
    np.testing.assert_allclose(few, uniform[:7], atol=1e-12)


def test_values_that_were_never_seen_have_their_place():
    columns, mjj = few_values(20_000, np.random.default_rng(10))
    features = columns["multiplicity"][:, None].astype(np.float64)
    decorrelation = SmoothDecorrelation().fit(features, mjj)
    asked = np.array([[-5.0], [24.5], [25.0], [1e9]])
    below, between, at, above = decorrelation.transform(asked, np.full(4, 3_500.0))[:, 0]
    assert below < 0.002 < between < at < 0.998 < above
