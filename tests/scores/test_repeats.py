"""Repeated cross-fitting: rows and threads leave no trace, no event scores itself, simulated signal is unbiased."""

import numpy as np
import pytest

from bumphunt.errors import ConfigError, InputError
from bumphunt.scores import ranks as ranking
from bumphunt.scores.cells import MAX_BINS, Cells, bin_edges
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.passes import PassCounter
from bumphunt.scores.protocol import SharingClassifier
from bumphunt.scores.ranks import RankTable, grouped_ranks, ranks
from bumphunt.scores.repeats import CrossFit, average_ranks, repeated_models, repeated_passes, repeated_scores
from bumphunt.scores.trees import BoostedTrees

REPEATS, FOLDS = 3, 3


def sample(number=3_000, signal=150, seed=0):
    """Return features, region, weights, folds, ties of noise with a signal in the region."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((number, 3))
    region = rng.random(number) < 0.4
    features[np.flatnonzero(region)[:signal]] = 1.8 + 0.4 * rng.standard_normal((signal, 3))
    weights = np.where(region, 1.2, 0.9)
    weights[rng.random(number) < 0.1] = 0.0
    folds = np.stack([rng.permutation(number) % FOLDS for _ in range(REPEATS)])
    return features, region, weights, folds, rng.random((REPEATS, number))


def trees(repeat, fold):
    return BoostedTrees(members=1, max_iter=20, max_leaf_nodes=8, max_bins=16, seed=10 * repeat + fold)


def scored(data, combine="log", threads=1):
    return repeated_scores(cross_fit(*data, threads=threads), combine=combine)


def cross_fit(features, region, weights, folds, ties, make_classifier=trees, threads=1):
    return CrossFit(
        features=features,
        region=region,
        weights=weights,
        folds=folds,
        ties=ties,
        make_classifier=make_classifier,
        threads=threads,
    )


def test_rows_in_another_order_have_the_same_scores():
    data = sample()
    order = np.random.default_rng(1).permutation(len(data[0]))
    moved = tuple(part[order] if part.shape[0] == len(order) else part[:, order] for part in data)
    first, second = scored(data), scored(moved)
    np.testing.assert_array_equal(second.single, first.single[:, order])
    np.testing.assert_array_equal(second.score, first.score[order])


def test_threads_change_nothing():
    data = sample()
    one, many = scored(data), scored(data, threads=3)
    np.testing.assert_array_equal(one.single, many.single)
    np.testing.assert_array_equal(one.score, many.score)


def test_scores_are_ranks_overall_and_single_ones_ranks_in_every_fold():
    data = sample()
    found = scored(data)
    np.testing.assert_allclose(np.sort(found.score), (np.arange(3_000) + 0.5) / 3_000)
    for numbers, single in zip(data[3], found.single, strict=True):
        for fold in range(FOLDS):
            inside = np.sort(single[numbers == fold])
            np.testing.assert_allclose(inside, (np.arange(len(inside)) + 0.5) / len(inside), rtol=1e-6)


def test_an_event_never_has_a_say_in_its_own_score():
    features, region, weights, folds, ties = sample()
    before = scored((features, region, weights, folds, ties)).single
    lied = region ^ (folds[0] == 1)
    after = scored((features, lied, np.where(folds[0] == 1, 5.0, 1.0) * weights, folds, ties)).single
    np.testing.assert_array_equal(after[0, folds[0] == 1], before[0, folds[0] == 1])
    assert not np.array_equal(after[0, folds[0] != 1], before[0, folds[0] != 1])


@pytest.mark.parametrize(("combine", "gain"), [("log", 0.05), ("rank", 0.0)])
def test_the_average_finds_more_than_a_single_repeat(combine, gain):
    features, region, weights, _, _ = sample(6_000, 60, seed=3)
    rng = np.random.default_rng(2)
    folds = np.stack([rng.permutation(6_000) % FOLDS for _ in range(8)])
    found = scored((features, region, weights, folds, rng.random((8, 6_000))), combine=combine)
    signal = np.flatnonzero(region)[:60]
    single = np.mean([np.mean(row[signal] > 0.98) for row in found.single])
    assert np.mean(found.score[signal] > 0.98) > single + gain


def test_equal_scores_are_ordered_by_the_events_own_numbers():
    features, region, weights, folds, ties = sample()
    features[:] = np.random.default_rng(0).integers(0, 2, features.shape)  # eight different events only
    first = scored((features, region, weights, folds, ties))
    second = scored((features, region, weights, folds, 1.0 - ties))
    assert not np.array_equal(first.score, second.score)
    alike = np.flatnonzero((features == features[0]).all(axis=1) & (folds[0] == 0))
    np.testing.assert_array_equal(np.argsort(first.single[0, alike]), np.argsort(ties[0, alike]))


# --- events from outside -------------------------------------------------------------------------


def test_simulated_signal_passes_a_cut_as_often_as_the_signal_of_the_file():
    """Signal of the file that trained nothing (weight 0) against the same events sent through as simulated."""
    features, region, weights, folds, ties = sample(6_000, 300, seed=5)
    rng = np.random.default_rng(6)
    spare = rng.choice(np.flatnonzero(region)[:300], 150, replace=False)
    weights[spare] = 0.0
    folds = np.stack([rng.permutation(6_000) % FOLDS for _ in range(REPEATS)])
    data, ties = (features, region, weights, folds), rng.random((REPEATS, 6_000))
    inside = repeated_scores(cross_fit(*data, ties)).score[spare]
    models = repeated_models(cross_fit(*data, ties))
    np.testing.assert_allclose(
        models.score(features[spare], folds=folds[:, spare], ties=ties[:, spare]), inside, atol=0.02
    )
    outside = np.concatenate([models.score(features[spare], **_draw(models, rng)) for _ in range(20)])
    for cut in (0.95, 0.98):
        error = np.sqrt(0.25 / 150)
        assert np.mean(outside > cut) == pytest.approx(np.mean(inside > cut), abs=2 * error)


def _draw(models, rng):
    folds, ties = models.draw(150, rng=rng)
    return {"folds": folds, "ties": ties}


def test_each_simulated_event_meets_one_model_a_repeat():
    features, region, weights, folds, ties = sample()
    models = repeated_models(cross_fit(features, region, weights, folds, ties))
    rng = np.random.default_rng(1)
    drawn, tie = models.draw(50, rng=rng)
    assert drawn.shape == (REPEATS, 50)
    assert set(np.unique(drawn)) == set(range(FOLDS))
    single = np.empty((REPEATS, 50), dtype=np.float32)
    for repeat, event in np.ndindex(REPEATS, 50):
        model = models.models[repeat][drawn[repeat, event]]
        table = models.tables[repeat][drawn[repeat, event]]
        single[repeat, event] = table.rank(model.anomaly_score(features[[event]]), ties=tie[repeat, [event]])[0]
    by_hand = models.average.rank(average_ranks(single), ties=tie[0])
    np.testing.assert_allclose(models.score(features[:50], folds=drawn, ties=tie), by_hand)
    with pytest.raises(InputError, match="folds have shape"):
        models.score(features[:50], folds=drawn[:1], ties=tie)


def test_a_table_gives_its_own_sample_the_ranks_it_has():
    rng = np.random.default_rng(4)
    for score in (rng.normal(size=40_000), rng.integers(0, 30, 40_000).astype(float)):
        table, ties = RankTable.of(score), rng.random(40_000)
        exact = ranks(score, ties=ties)
        few = len(table.values) == 30  # equal scores come by chance where their ties put them
        top = exact > 0.96
        found = table.rank(score, ties=ties)
        np.testing.assert_allclose(found, exact, atol=0.002)
        np.testing.assert_allclose(found[top], exact[top], atol=1.5e-3 if few else 1e-4)
        assert len(table.values) < 3_100
    with pytest.raises(InputError, match="empty"):
        RankTable.of(np.array([]))


# --- what is refused -----------------------------------------------------------------------------


def test_bad_input_is_refused():
    features, region, weights, folds, ties = sample(300, 10)
    with pytest.raises(InputError, match=r"give \(repeats, events\)"):
        scored((features, region, weights, folds[0], ties[0]))
    with pytest.raises(InputError, match=r"give \(repeats, events\)"):
        scored((features, region, weights, folds, ties[:2]))
    with pytest.raises(InputError, match="from 0 without a gap"):
        scored((features, region, weights, folds * 2, ties))
    with pytest.raises(InputError, match="in 1 folds"):
        scored((features, region, weights, np.zeros_like(folds), ties))
    with pytest.raises(InputError, match="carries no information"):
        scored((np.ones_like(features), region, weights, folds, ties))
    with pytest.raises(ConfigError, match="combine is 'median'"):
        scored((features, region, weights, folds, ties), combine="median")


# --- shared work ---------------------------------------------------------------------------------


def test_a_training_on_cells_is_that_on_events():
    features, region, weights, *_ = sample()
    model = trees(0, 0)
    cells = model.prepare(features, weights > 0)
    assert isinstance(model, SharingClassifier)
    rounded = np.round(features)  # few cells with many events in each
    shared = model.prepare(rounded)
    apart = Cells(edges=shared.edges, max_bins=16, codes=shared.codes[shared.cell], cell=np.arange(len(features)))
    assert len(shared.codes) < len(features) / 5
    every = np.ones(len(features), dtype=bool)

    def of_each(cells):
        scores, cell = trees(0, 0).fit_and_score(cells, region, weights, every)
        return scores[:, cell]

    together, alone = of_each(shared), of_each(apart)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.ptp(together) > 0.1
    with pytest.raises(ConfigError, match="max_bins is 32, but"):
        BoostedTrees(max_bins=32).fit_and_score(cells, region, weights, every)


def test_trainings_on_the_same_cells_leave_nothing_behind():
    features, region, weights, folds, _ = sample()
    cells = trees(0, 0).prepare(features)
    for fold in range(2):
        held_out = folds[0] == fold
        training, model = np.where(held_out, 0.0, weights), trees(0, 0)
        scores, cell = model.fit_and_score(cells, region, training, held_out)
        alone, found = trees(0, 0), trees(0, 0).prepare(features)
        expected, other = alone.fit_and_score(found, region, training, held_out)
        np.testing.assert_array_equal(scores[:, cell], expected[:, other])
        # what training gave the events on the way is what the model says of them
        np.testing.assert_array_equal(scores[:, cell], model.member_scores(features[held_out]))
        flipped = np.where(held_out, ~region, region)  # and the fold has not been trained on
        again, cell = trees(0, 0).fit_and_score(cells, flipped, training, held_out)
        np.testing.assert_array_equal(scores[:, cell], again[:, cell])


def test_events_beyond_counting_in_cells_are_cells_of_their_own():
    features = np.random.default_rng(0).random((500, 9))
    cells = Cells.of(features, bin_edges(features, MAX_BINS), max_bins=MAX_BINS)
    np.testing.assert_array_equal(cells.cell, np.arange(500))


def test_the_finest_bins_are_kept_apart():
    rng = np.random.default_rng(0)
    features = np.repeat(np.arange(MAX_BINS), 40).astype(float)[:, None]
    odd = rng.permutation(MAX_BINS)[: MAX_BINS // 2]
    positive = np.isin(features[:, 0], odd)
    settings = {"members": 1, "max_iter": 400, "learning_rate": 0.3, "min_samples_leaf": 1, "max_leaf_nodes": 64}
    model = BoostedTrees(max_bins=MAX_BINS, **settings).fit(features, positive)
    assert np.array_equal(model.predict(features), positive)


def test_a_classifier_that_shares_nothing_is_trained_fold_by_fold():
    features, region, weights, folds, ties = sample(600, 40)

    def network(repeat, fold):
        return NetworkClassifier(hidden=(8,), members=1, epochs=2, seed=repeat + fold)

    assert not isinstance(network(0, 0), SharingClassifier)
    found = repeated_scores(cross_fit(features, region, weights, folds[:1], ties[:1], network))
    assert found.score.shape == (600,)


def test_cuts_on_the_way_are_the_cuts_on_the_scores():
    features, region, weights, folds, ties = sample()
    fractions = [0.1, 0.02]
    bins = np.random.default_rng(3).integers(5, size=len(features))  # the last is none
    data = cross_fit(features, region, weights, folds, ties)
    scores = repeated_scores(data)
    counter = PassCounter(fractions, region=region, bins=bins, n_bins=4, repeats=REPEATS)
    found = repeated_passes(data, counter=counter)
    np.testing.assert_array_equal(found.score, scores.score)
    for number, fraction in enumerate(fractions):
        passes = scores.single > 1.0 - fraction
        np.testing.assert_array_equal(found.frequency[found.place(fraction)], passes.sum(axis=0))
        for repeat, row in enumerate(passes):
            counts = np.bincount(bins[row], minlength=5)[:4]
            np.testing.assert_array_equal(found.counts[repeat, number], counts)
            inside = np.bincount(folds[repeat][row & region], minlength=FOLDS)
            np.testing.assert_array_equal(found.by_fold[repeat][number], inside)
    with pytest.raises(InputError, match=r"no cut keeps 0\.05"):
        found.place(0.05)


@pytest.mark.parametrize("values", [1, 7, 3_000, 10**9])
def test_ranks_are_in_the_order_of_scores_and_then_of_ties(values):
    rng = np.random.default_rng(values)
    score = rng.integers(-values, values, 3_000) / 7.0
    for ties in (rng.random(3_000), rng.integers(4, size=3_000) / 4.0):
        expected = np.empty(3_000)
        expected[np.lexsort((ties, score))] = (np.arange(3_000) + 0.5) / 3_000
        np.testing.assert_array_equal(ranks(score, ties=ties), expected)


@pytest.mark.parametrize("groups", [1, 40, 2_900])
@pytest.mark.parametrize("bits", [8, 99])
def test_ranks_of_groups_are_those_of_their_events(groups, bits, monkeypatch):
    monkeypatch.setattr(ranking, "LEAST_BITS", bits)  # with more bits than there are, events are sorted themselves
    rng = np.random.default_rng(groups)
    values, group = rng.integers(-groups // 2, groups, groups) / 7.0, rng.integers(groups, size=3_000)
    close = 0.5 + rng.integers(50, size=3_000) * 2.0**-52  # ties that differ in their last digits, or not at all
    for ties in (rng.random(3_000), close, rng.integers(4, size=3_000) / 4.0, rng.integers(-9, 9, size=3_000) * 1.0):
        expected = ranks(values[group], ties=ties)
        np.testing.assert_array_equal(grouped_ranks(values, group, ties=ties), expected)


def test_more_values_than_are_counted_are_ranked_all_the_same():
    rng = np.random.default_rng(1)
    score, ties = rng.integers(100_000, size=150_000) / 3.0, rng.random(150_000)
    expected = np.empty(150_000)
    expected[np.lexsort((ties, score))] = (np.arange(150_000) + 0.5) / 150_000
    np.testing.assert_array_equal(ranks(score, ties=ties), expected)


def test_cells_counted_are_the_cells_that_sorting_finds(monkeypatch):
    features = np.random.default_rng(2).standard_normal((5_000, 3))
    edges = bin_edges(features, 6)
    counted = Cells.of(features, edges, max_bins=6)
    monkeypatch.setattr("bumphunt.scores.cells._MOST_COUNTED", 0)
    sorted_ = Cells.of(features, edges, max_bins=6)
    np.testing.assert_array_equal(counted.cell, sorted_.cell)
    np.testing.assert_array_equal(counted.codes, sorted_.codes)
    assert counted.codes.dtype == sorted_.codes.dtype
