"""Small parts of the search's pipeline against values worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.pipeline import prior_null
from bumphunt.pipeline.final_state import content_columns
from bumphunt.pipeline.fold_selection import FoldSelection, models_can_be_kept
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.ordinary_events import left_out
from bumphunt.pipeline.prior_counts import KeptList, weight_of
from bumphunt.pipeline.small_files import least_leaf, selected_background


@pytest.mark.parametrize(
    ("observed", "expected", "z", "part"),
    [
        (150.0, 100.0, 3.1, 0.10),  # twice an excess of 50 among 1,000
        (150.0, 100.0, 3.0, 0.05),
        (110.0, 100.0, 9.0, 0.05),
        (900.0, 100.0, 9.0, 0.50),
    ],
)
def test_checks_of_the_score_leave_out_twice_a_clear_excess(observed, expected, z, part):
    excess = SimpleNamespace(n_observed=observed, n_expected=expected, z_local=z)
    assert left_out(excess, 1_000) == pytest.approx(part)


def test_few_events_have_small_leaves_and_an_efficiency():
    config = config_from_dict({})
    assert [least_leaf(config, n) for n in (1_999, 2_000)] == [10, 40]
    assert [selected_background(config, n) for n in (1_999, 2_000)] == ["efficiency", "form"]
    asked = config_from_dict({"cwola": {"min_samples_leaf": 7}, "search": {"selected_background": "form"}})
    assert least_leaf(asked, 100) == least_leaf(asked, 5_000) == 7
    assert selected_background(asked, 100) == "form"


def test_weights_by_rank_among_kept_events():
    kept, weights = np.array([5.0, 3.0, 3.0, 1.0]), np.array([4.0, 3.0, 2.0, 1.0])
    scores = np.array([9.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5, -np.inf])
    assert weight_of(scores, kept, weights).tolist() == [4.0, 4.0, 3.0, 2.0, 1.0, 1.0, 0.0, 0.0]


def test_events_beside_the_window_add_less_than_nothing():
    sidebands = SimpleNamespace(inside=np.array([0.0, 1.0, 0.0]), outside=np.array([0.25, 0.0, 0.5]))
    kept = KeptList(
        scores=np.array([2.0, 1.0]), weights=np.array([3.0, 2.0]), sidebands=sidebands, part=0.1, observed=1.0,
        expected=1.0, error=1.0,
    )  # fmt: skip
    assert kept.adds(np.array([3.0, 3.0, 1.5, 0.0]), np.array([0, 1, 2, 1])).tolist() == [-0.75, 3.0, -1.0, 0.0]


@pytest.mark.parametrize(
    ("mean", "width", "z"),
    [(0.2, 1.25, 3.04), (-0.5, 1.25, 3.2), (0.2, 0.5, 3.8), (-1.0, 0.5, 4.0), (0.0, 1.0, 4.0)],
)
def test_what_searches_without_signal_say_only_lowers_a_significance(mean, width, z):
    assert prior_null.calibrated(4.0, Null(method="by hand", mean=mean, width=width)) == pytest.approx(z)
    assert prior_null.calibrated(-1.0, Null(method="by hand", mean=0.0, width=2.0)) == -1.0


def test_the_nearest_tested_number_of_events_counts(monkeypatch):
    sizes = [
        {"n_searched": size, "mean": mean, "width": 1.0, "n_searches": 9}
        for size, mean in ((1_000, 0.1), (16_000, 0.2))
    ]
    monkeypatch.setattr(prior_null, "_measured", lambda: {"method": "by hand", "sizes": sizes})
    # 4,000 is as near to one as to the other in its logarithm
    assert [prior_null.prior_null(n).mean for n in (10, 3_900, 4_100, 10**6)] == [0.1, 0.1, 0.2, 0.2]
    assert [bool(prior_null.not_tested(n)) for n in (499, 500, 32_000, 32_001)] == [True, False, False, True]
    assert "1000 to 16000" in prior_null.not_tested(499)[0]


class Models:
    """Scores of 0.90, 0.95 and 0.96 for everyone in the three draws in turn."""

    def __init__(self):
        self.folds = iter([0, 1, 2])

    def draw(self, number, *, rng):
        return next(self.folds), rng

    def score(self, features, *, folds, ties):
        return np.full(len(features), [0.90, 0.95, 0.96][folds])


def test_how_often_an_event_passes_in_three_draws():
    selection = FoldSelection(models=Models(), features=lambda table: table.to_numpy(), seed=1)
    assert selection.at(0.0625)(pd.DataFrame({"a": [1.0, 2.0]})).tolist() == pytest.approx([2 / 3, 2 / 3])


def test_models_are_kept_where_a_score_is_that_of_one_classifier():
    for settings, kept in (
        ({"nested": False, "average": "score"}, True),
        ({"nested": True, "average": "score"}, False),
        ({"nested": False, "average": "rank"}, False),
    ):
        config = SimpleNamespace(cwola=SimpleNamespace(**settings))
        assert models_can_be_kept(config) is kept


def test_an_event_is_what_its_numbers_say():
    table = pd.DataFrame({"mjj": [1.0], "mj1": [1.0], "mj2": ["a"], "tau21_1": [1.0], "own": [2.0], "extra": [1.0]})
    table["tau21_2"] = [1j]
    config = config_from_dict({"cwola": {"features": ["mj1", "own"]}})
    assert sorted(content_columns(config, table)) == ["mj1", "mjj", "own", "tau21_1"]
