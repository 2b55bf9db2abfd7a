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
    cross_fit,
    measure,
    primary_scores,
    search_window,
)
from bumphunt.preprocessing.content import content_keys
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.scores.repeats import repeated_scores
from bumphunt.significance.checks import fold_agreement
from bumphunt.significance.form import form_difference
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
