"""One window, the unit of work: its result is that of its rooms, put together by hand."""

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth, feature_matrix
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, event_folds, fold_counts, measure, search_window
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.selection import select_fraction
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.spectrum import as_spectrum

EDGES = mass_grid(2_850.0, 5_000.0, ratio=1.03)
CONFIG = config_from_dict(
    {
        "search": {"cut_fractions": [0.1, 0.03], "family": "dijet3"},
        "cwola": {"folds": 3, "repeats": 1, "members": 1, "max_iter": 15},
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
    )


@pytest.fixture(scope="module")
def outcome(task):
    return search_window(task)


def test_a_window_has_one_result_for_each_cut_and_a_score_for_each_event(task, outcome):
    assert [result.cut_fraction for result in outcome.results] == [0.1, 0.03]
    assert outcome.score.shape == outcome.folds.shape == task.mjj.shape
    assert ((outcome.score > 0) & (outcome.score < 1)).all()
    assert set(outcome.folds) == {0, 1, 2}


def test_its_numbers_are_those_of_its_parts(task, outcome):
    window = task.window
    for result in outcome.results:
        selected = select_fraction(outcome.score.astype(float), outcome.folds, fraction=result.cut_fraction)
        again = window_significance(
            as_spectrum(
                count(task.mjj[selected], EDGES),
                EDGES,
                window=window.bins(EDGES),
                masked=window.masked_bins(EDGES, guard=CONFIG.search.guard_bins),
            ),
            family="dijet3",
            null_width=CONFIG.search.null_width,
        )
        assert result.n_observed == again.n_observed == np.sum(selected & window.signal_region(task.mjj))
        assert result.n_expected == pytest.approx(again.n_expected)
        assert result.p_local == pytest.approx(again.p_local)
        assert result.n_window == window.signal_region(task.mjj).sum()
        assert len(result.z_folds) == 3
        assert abs(result.leakage - 0.5) < 5 * result.leakage_error


def test_it_repeats_and_does_not_depend_on_other_windows(task, outcome):
    again = search_window(task)
    np.testing.assert_array_equal(again.score, outcome.score)
    assert [result.to_dict() for result in again.results] == [result.to_dict() for result in outcome.results]


def test_folds_are_shared_by_all_windows_of_a_run_and_only_by_them(task):
    def folds(**changes):
        fields = {name: getattr(task, name) for name in WindowTask.__dataclass_fields__}
        return event_folds(len(task.mjj), WindowTask(**{**fields, **changes}))

    np.testing.assert_array_equal(folds(), folds(number=0))
    assert not np.array_equal(folds(), folds(seed=12))


def test_an_outcome_that_was_stored_is_the_same(outcome):
    back = WindowOutcome.from_stored(outcome.arrays(), [result.to_dict() for result in outcome.results])
    np.testing.assert_array_equal(back.score, outcome.score)
    np.testing.assert_array_equal(back.folds, outcome.folds)
    assert (back.score.dtype, back.folds.dtype) == (outcome.score.dtype, outcome.folds.dtype)
    for first, second in zip(back.results, outcome.results, strict=True):
        assert first.to_dict() == second.to_dict()
    for fraction in (0.1, 0.03):
        np.testing.assert_array_equal(
            select_fraction(back.score.astype(float), back.folds, fraction=fraction),
            select_fraction(outcome.score.astype(float), outcome.folds, fraction=fraction),
        )


def test_rounding_the_score_for_storage_selects_the_same_events(task, outcome):
    # the mass fit selects again from the stored score: its events must be those that were counted
    for result in outcome.results:
        selected = select_fraction(outcome.score.astype(float), outcome.folds, fraction=result.cut_fraction)
        assert np.sum(selected & task.window.signal_region(task.mjj)) == result.n_observed


def test_a_random_selection_is_no_excess(task, make_events):
    mjj = make_events(40_000, seed=6)["mjj"].to_numpy()
    mjj = mjj[(mjj >= EDGES[0]) & (mjj < EDGES[-1])]
    fields = {name: getattr(task, name) for name in WindowTask.__dataclass_fields__}
    quiet = WindowTask(**{**fields, "mjj": mjj, "features": np.zeros((len(mjj), 1))})
    folds = event_folds(len(mjj), quiet)
    rng = np.random.default_rng(2)
    z = [
        measure(select_fraction(rng.random(len(mjj)), folds, fraction=0.05), quiet, folds=folds, fraction=0.05).z_local
        for _ in range(60)
    ]
    assert np.mean(z) == pytest.approx(0.0, abs=0.6)
    assert np.std(z) == pytest.approx(1.0, abs=0.3)


def test_counts_of_folds():
    folds = np.array([0, 1, 2, 2, 1, 0])
    chosen = np.array([True, False, True, True, False, False])
    assert fold_counts(chosen, folds).tolist() == [1.0, 0.0, 2.0]
    assert fold_counts(np.zeros(6, dtype=bool), folds).tolist() == [0.0, 0.0, 0.0]


def test_copies_of_an_event_share_a_fold(task):
    fields = {name: getattr(task, name) for name in WindowTask.__dataclass_fields__}
    groups = np.arange(len(task.mjj)) // 2
    folds = event_folds(len(task.mjj), WindowTask(**{**fields, "groups": groups}))
    pairs = folds[: len(folds) // 2 * 2].reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert set(folds) == {0, 1, 2}


def test_the_tails_of_a_strong_signal_do_not_enter_the_direct_estimate(task, outcome):
    selected = select_fraction(outcome.score.astype(float), outcome.folds, fraction=0.1)
    inside = task.window.masked_bins(EDGES, guard=0)
    guard = CONFIG.search.guard_bins

    def direct(*, beside):
        """The estimate with all events selected in the given bins next to the window."""
        bins = np.searchsorted(EDGES, task.mjj, side="right") - 1
        distance = np.minimum(np.abs(bins - np.flatnonzero(inside)[0]), np.abs(bins - np.flatnonzero(inside)[-1]))
        chosen = selected | (np.isin(distance, beside) & ~inside[bins])
        return measure(chosen, task, folds=outcome.folds, fraction=0.1).n_direct

    quiet = direct(beside=[])
    assert np.isfinite(quiet)
    assert direct(beside=range(1, guard + 3)) == quiet
    assert direct(beside=[guard + 3]) > 1.02 * quiet, "further out it is background"
