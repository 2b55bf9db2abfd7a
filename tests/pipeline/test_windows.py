"""One window, the unit of work: its result is that of its rooms, put together by hand."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth, feature_matrix
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.ordinary_events import left_out
from bumphunt.pipeline.prior_answer import fold_counts, purest_in_each_fold
from bumphunt.pipeline.windows import (
    WindowOutcome,
    WindowTask,
    before_the_cut,
    cross_fit,
    effective_spectrum,
    make_classifier,
    measure,
    measured_again,
    primary_scores,
    search_window,
    single_significances,
    training_sample,
    with_significance_of,
)
from bumphunt.preprocessing.content import content_keys
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.scores.repeats import repeated_scores
from bumphunt.significance.checks import fold_agreement
from bumphunt.significance.form import NO_DIFFERENCE, form_difference
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.spectrum import as_spectrum
from bumphunt.statistics import p_from_z

EDGES = mass_grid(2_850.0, 5_000.0, ratio=1.03)
CONFIG = config_from_dict(
    {
        "search": {"cut_fractions": [0.1, 0.03], "family": "dijet3", "inclusive": True},
        "cwola": {"folds": 3, "repeats": 4, "members": 1, "max_iter": 15},
    }
)
FEATURES = ("mj1", "mj2", "tau21_1", "tau21_2")


@pytest.fixture(scope="module")
def task(make_events):
    events = drop_truth(make_events(12_000, signal=100, seed=5))
    events = drop_truth(events[(events["mjj"] >= EDGES[0]) & (events["mjj"] < EDGES[-1])])
    return WindowTask(
        number=3,
        window=window_on_grid(EDGES, 3_300.0, 3_710.0, sideband=6),
        mjj=events["mjj"].to_numpy(),
        features=feature_matrix(events, FEATURES),
        edges=EDGES,
        config=CONFIG,
        seed=11,
        keys=content_keys(events, ["mjj", *FEATURES], seed=11),
        null=Null(method="for the test", width=1.25),
    )


@pytest.fixture(scope="module")
def outcome(task):
    return search_window(task)


def test_a_window_has_one_result_for_each_cut_and_a_score_for_each_event(task, outcome):
    assert [result.cut_fraction for result in outcome.results] == [1.0, 0.1, 0.03]
    assert outcome.score.shape == outcome.folds.shape == task.mjj.shape
    assert ((outcome.score > 0) & (outcome.score < 1)).all()
    assert set(outcome.folds) == {0, 1, 2}


def test_its_numbers_are_those_of_its_parts(task, outcome):
    window = task.window

    def spectrum(weights):
        return as_spectrum(
            np.histogram(task.mjj, bins=EDGES, weights=weights)[0].astype(float),
            EDGES,
            window=window.bins(EDGES),
            masked=window.masked_bins(EDGES, guard=CONFIG.search.guard_bins),
            sqrt_s=13_000.0,
        )

    beside = ~window.masked_bins(EDGES, guard=CONFIG.search.guard_bins)[np.searchsorted(EDGES, task.mjj, "right") - 1]
    scores = primary_scores(task, task.folds())
    form = form_difference(spectrum(np.ones(len(task.mjj))))
    for result in outcome.results:
        selected = outcome.selected(result.cut_fraction)
        again = window_significance(spectrum(selected.astype(float)), family="dijet3")
        # every repeat counts: weights in effective counts, whose size the sidebands tell
        cut = result.cut_fraction
        often = scores.frequency[scores.place(cut)].astype(float) if cut < 1.0 else np.ones(len(selected))
        effective = often * often[beside].sum() / (often[beside] ** 2).sum()
        together = window_significance(spectrum(effective), family="dijet3")
        width = 1.25 if result.cut_fraction < 1.0 else 1.0
        assert result.n_observed == again.n_observed == np.sum(selected & window.signal_region(task.mjj))
        assert result.n_expected == pytest.approx(again.n_expected)
        assert result.z_stat == pytest.approx(together.z_local / width)
        assert result.z_local <= result.z_stat
        assert result.n_form == pytest.approx(again.n_expected * (1.0 + form.relative))
        assert result.form_family == form.family != ""
        assert result.p_local == pytest.approx(p_from_z(result.z_local))
        assert result.n_window == window.signal_region(task.mjj).sum()
        if result.cut_fraction < 1.0:
            assert result.z_repeats.shape == result.fold_p_values.shape == (4,)
            assert result.z_spread == pytest.approx(np.std(result.z_repeats, ddof=1))
            assert abs(result.leakage - 0.5) < 5 * result.leakage_error


def test_one_repeat_counts_its_events(task):
    config = config_from_dict({**CONFIG.model_dump(mode="json"), "cwola": {"folds": 3, "repeats": 1, "max_iter": 15}})
    outcome = search_window(replace(task, config=config))
    for passes, result in zip(outcome.frequency, outcome.results[1:], strict=True):
        np.testing.assert_array_equal(passes.astype(bool), outcome.selected(result.cut_fraction))
        plain = measure(outcome.selected(result.cut_fraction), task, fraction=result.cut_fraction)
        assert result.z_stat == pytest.approx(plain.z_local / 1.25)
        assert result.n_effective == pytest.approx(result.n_expected)


def test_the_cut_keeps_the_part_it_says(outcome):
    for fraction in (0.1, 0.03):
        assert outcome.selected(fraction).sum() == pytest.approx(fraction * len(outcome.score), abs=1)
    assert outcome.selected(1.0).all()


def test_the_score_is_the_average_of_repeats(task):
    scores = repeated_scores(cross_fit(task, task.folds(), threads=1))
    np.testing.assert_array_equal(primary_scores(task, task.folds()).score, scores.score)
    average, single = scores.score > 0.9, scores.single > 0.9
    each = [np.corrcoef(average, passes)[0, 1] for passes in single]
    between = np.corrcoef(single)[np.triu_indices(4, 1)]
    assert min(each) > max(between), "the average is closer to each repeat than they are to each other"


def test_a_strong_signal_is_left_out_of_the_check_for_sculpting(outcome):
    quiet, strong = outcome.results[0], outcome.results[0]
    assert left_out(replace(quiet, z_local=2.9), 12_000) == 0.05
    strong = replace(strong, z_local=9.0, n_observed=4000, n_expected=2500.0)
    assert left_out(strong, 12_000) == pytest.approx(2 * 1500 / 12_000)
    assert left_out(replace(strong, n_observed=9000), 12_000) == 0.5


def test_it_repeats_and_does_not_depend_on_other_windows(task, outcome):
    again = search_window(task)
    np.testing.assert_array_equal(again.score, outcome.score)
    assert [result.to_dict() for result in again.results] == [result.to_dict() for result in outcome.results]


def test_folds_are_shared_by_all_windows_of_a_run_and_only_by_them(task):
    def folds(**changes):
        fields = {name: getattr(task, name) for name in WindowTask.__dataclass_fields__}
        return WindowTask(**{**fields, **changes}).folds()

    np.testing.assert_array_equal(folds(), folds(number=0))
    assert np.shape(list(folds())) == (4, len(task.mjj))
    assert not np.array_equal(folds()[0], folds()[1])
    assert not np.array_equal(folds(), folds(keys=task.keys[::-1]))


def test_an_outcome_that_was_stored_is_the_same(outcome):
    back = WindowOutcome.from_stored(outcome.arrays(), [result.to_dict() for result in outcome.results])
    np.testing.assert_array_equal(back.score, outcome.score)
    np.testing.assert_array_equal(back.folds, outcome.folds)
    assert (back.score.dtype, back.folds.dtype) == (outcome.score.dtype, outcome.folds.dtype)
    for first, second in zip(back.results, outcome.results, strict=True):
        assert first.to_dict() == second.to_dict()
    for fraction in (0.1, 0.03):
        np.testing.assert_array_equal(back.selected(fraction), outcome.selected(fraction))


def test_rounding_the_score_for_storage_selects_the_same_events(task, outcome):
    # the mass fit selects again from the stored score: its events must be those that were counted
    for result in outcome.results:
        selected = outcome.selected(result.cut_fraction)
        assert np.sum(selected & task.window.signal_region(task.mjj)) == result.n_observed


def test_a_random_selection_is_no_excess(task, make_events):
    mjj = make_events(40_000, seed=6)["mjj"].to_numpy()
    mjj = mjj[(mjj >= EDGES[0]) & (mjj < EDGES[-1])]
    fields = {name: getattr(task, name) for name in WindowTask.__dataclass_fields__}
    nothing = {"features": np.zeros((len(mjj), 1)), "null": Null(method="none")}
    quiet = WindowTask(**{**fields, **nothing, "mjj": mjj})
    rng = np.random.default_rng(2)
    z = [measure(rng.random(len(mjj)) < 0.05, quiet, fraction=0.05).z_local for _ in range(60)]
    assert np.mean(z) == pytest.approx(0.0, abs=0.6)
    assert np.std(z) == pytest.approx(1.0, abs=0.3)


def test_counts_of_folds():
    folds = np.array([0, 1, 2, 2, 1, 0])
    chosen = np.array([True, False, True, True, False, False])
    assert fold_counts(chosen, folds).tolist() == [1.0, 0.0, 2.0]
    assert fold_counts(np.zeros(6, dtype=bool), folds).tolist() == [0.0, 0.0, 0.0]


def test_folds_of_a_strong_signal_agree_though_one_model_is_surer_of_it():
    rng = np.random.default_rng(1)
    folds, signal = rng.integers(0, 2, 60_000), np.zeros(60_000, dtype=bool)
    signal[:300] = True
    region = signal | (rng.random(60_000) < 0.2)
    score = rng.normal(0.0, 1.0, 60_000) + np.where(signal, 6.0 + 2.0 * folds, 0.0)
    together = score >= np.sort(score)[-60]
    assert fold_agreement(fold_counts(together & region, folds)) < 1e-6
    apart = purest_in_each_fold(score, folds, 1e-3)
    assert abs(apart.sum() - 60) <= 1
    assert fold_agreement(fold_counts(apart & region, folds)) > 0.05
    # what only one part of the data holds, as copies of events do, is still found out
    only = purest_in_each_fold(np.where(signal & (folds == 1), 8.0, rng.normal(0.0, 1.0, 60_000)), folds, 2e-3)
    assert fold_agreement(fold_counts(only & region, folds)) < 1e-3


def test_copies_of_an_event_share_a_fold(task):
    fields = {name: getattr(task, name) for name in WindowTask.__dataclass_fields__}
    twice = np.repeat(task.keys[: len(task.keys) // 2], 2)
    for folds in WindowTask(**{**fields, "keys": twice}).folds():
        pairs = folds.reshape(-1, 2)
        assert (pairs[:, 0] == pairs[:, 1]).all()
        assert set(folds) == {0, 1, 2}


def test_the_tails_of_a_strong_signal_do_not_enter_the_direct_estimate(task, outcome):
    selected = outcome.selected(0.1)
    inside = task.window.masked_bins(EDGES, guard=0)
    guard = CONFIG.search.guard_bins

    def direct(*, beside):
        """The estimate with all events selected in the given bins next to the window."""
        bins = np.searchsorted(EDGES, task.mjj, side="right") - 1
        distance = np.minimum(np.abs(bins - np.flatnonzero(inside)[0]), np.abs(bins - np.flatnonzero(inside)[-1]))
        chosen = selected | (np.isin(distance, beside) & ~inside[bins])
        return measure(chosen, task, fraction=0.1).n_direct

    quiet = direct(beside=[])
    assert np.isfinite(quiet)
    assert direct(beside=range(1, guard + 3)) == quiet
    assert direct(beside=[guard + 3]) > 1.02 * quiet, "further out it is background"


def test_scores_are_measured_again_in_a_part_of_the_events(task, outcome):
    again = measured_again(outcome, task, rows=np.arange(len(task.mjj)))
    assert [result.to_dict() for result in again.results] == [result.to_dict() for result in outcome.results]
    rows = np.flatnonzero(np.arange(len(task.mjj)) % 3 > 0)
    part = replace(task, mjj=task.mjj[rows], features=task.features[rows], keys=task.keys[rows])
    left = measured_again(outcome, part, rows=rows)
    np.testing.assert_array_equal(left.score, outcome.score[rows])
    np.testing.assert_array_equal(left.frequency, outcome.frequency[:, rows])
    for new, old in zip(left.results, outcome.results, strict=True):
        selected = left.selected(old.cut_fraction)
        assert new.n_observed == np.sum(selected & task.window.signal_region(part.mjj))
        assert (new.leakage, new.ordinary_error) == (old.leakage, old.ordinary_error)
        np.testing.assert_array_equal(new.z_repeats, old.z_repeats)
    whole = as_spectrum(np.histogram(part.mjj, EDGES)[0], EDGES, sqrt_s=13e3)
    form = form_difference(whole.with_window(window_bins(0), masked=window_bins(1)))
    plain = measure(left.selected(0.03), part, fraction=0.03, form=form)
    with_repeats = with_significance_of(left.frequency[1], plain, part, form=form)
    assert left.results[2].z_local == with_repeats.z_local


def window_bins(guard):
    return window_on_grid(EDGES, 3_300.0, 3_710.0, sideband=6).masked_bins(EDGES, guard=guard)


def test_before_any_cut_every_event_counts_once(outcome, task):
    inclusive, loose, tight = outcome.results
    assert np.isnan(inclusive.n_direct)
    assert np.isfinite(loose.n_direct)
    assert outcome.weights(inclusive, [0.1, 0.03]).tolist() == [1.0] * len(task.mjj)
    for place, result in enumerate((loose, tight)):
        np.testing.assert_array_equal(outcome.weights(result, [0.1, 0.03]), outcome.frequency[place])
    assert outcome.selected(1.0).all()
    only = search_window(
        replace(task, config=changed(search={"inclusive": False}, cwola={"repeats": 1, "max_iter": 1}))
    )
    assert [result.cut_fraction for result in only.results] == [0.1, 0.03]
    assert only.results[0].z_repeats.size == 0


def changed(*, search=None, cwola=None):
    given = CONFIG.model_dump(mode="json")
    return config_from_dict({
        **given, "search": {**given["search"], **(search or {})}, "cwola": {**given["cwola"], **(cwola or {})},
    })  # fmt: skip


@pytest.mark.parametrize("cwola", [{"nested": True}, {"average": "rank"}])
def test_scores_of_several_members_are_ranks_whose_cuts_keep_their_part(task, cwola):
    rows = slice(0, len(task.mjj), 4)
    few = replace(
        task, mjj=task.mjj[rows], features=task.features[rows], keys=task.keys[rows],
        config=changed(cwola={**cwola, "repeats": 2, "folds": 3, "max_iter": 3, "min_samples_leaf": 20}),
    )  # fmt: skip
    found = primary_scores(few, few.folds())
    np.testing.assert_allclose(np.sort(found.score), (np.arange(len(few.mjj)) + 0.5) / len(few.mjj), atol=1e-9)
    assert found.frequency.max() == 2
    for place, cut in enumerate((0.1, 0.03)):
        assert found.frequency[place].sum() == pytest.approx(2 * cut * len(few.mjj), rel=0.05)
    again = primary_scores(few, few.folds())
    np.testing.assert_array_equal(again.score, found.score)
    signal = np.corrcoef(found.frequency[0], few.window.signal_region(few.mjj))[0, 1]
    assert signal > -0.1


def test_a_significance_of_one_repeat_is_that_of_its_counts(task):
    scores = primary_scores(task, task.folds())
    z = single_significances(scores, task, fraction=0.1)
    assert z.shape == (4,)
    counts = scores.counts[2, scores.place(0.1)].astype(float)
    alone = as_spectrum(counts, EDGES, sqrt_s=13e3, masked=window_bins(1), window=window_bins(0))
    assert z[2] == window_significance(alone, family="dijet3").z_local


def test_what_trains_and_how(task):
    plain, narrow = training_sample(task), training_sample(replace(task, config=changed(cwola={"sidebands": "narrow"})))
    assert 0 < (narrow.weights > 0).sum() < (plain.weights > 0).sum()
    np.testing.assert_array_equal(plain.region, task.window.signal_region(task.mjj))
    classifiers = [make_classifier(task, repeat, fold) for repeat, fold in ((0, 0), (0, 1), (1, 0))]
    assert len({each.seed for each in classifiers}) == 3
    assert classifiers[0].learning_rate == 0.1
    assert make_classifier(replace(task, config=changed(cwola={"learning_rate": 0.3})), 0, 0).learning_rate == 0.3
    assert before_the_cut(task) is None
    before = before_the_cut(replace(task, config=changed(search={"selected_background": "efficiency"})))
    np.testing.assert_array_equal(before.masked, window_bins(1))
    np.testing.assert_array_equal(before.counts, np.histogram(task.mjj, EDGES)[0])


def test_nothing_outside_the_window_leaves_a_result_as_it_is(task, outcome):
    inside = np.where(task.window.signal_region(task.mjj), 4, 0).astype(np.uint8)
    assert effective_spectrum(inside, task) is None
    result = outcome.results[1]
    form = NO_DIFFERENCE
    assert with_significance_of(inside, result, task, form=form) is result
    failed = replace(result, note="not searched")
    assert with_significance_of(outcome.frequency[0], failed, task, form=form) is failed
