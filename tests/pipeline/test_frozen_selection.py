"""A kept selection looks at new events: who is scored, in which order, and which cuts each event passes."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import ConfigError, InputError
from bumphunt.events import BlindEvents
from bumphunt.pipeline import frozen_selection
from bumphunt.pipeline.frozen_selection import FrozenSelection, check_models_can_be_kept
from bumphunt.preprocessing.content import content_digest
from bumphunt.preprocessing.splits import MassWindow

CONTENT = ("mjj", "x")


class Models:
    """Ranks that are the feature itself in the first repeat and half of it in the second."""

    def __init__(self):
        self.seen = []

    def scores(self, features, *, folds, ties):
        assert folds.shape == ties.shape == (2, len(features))
        assert set(folds[0]) <= {0, 1, 2}
        assert set(folds[1]) <= {0, 1}
        self.seen.append(features[:, 0])
        return SimpleNamespace(score=features[:, 0], single=np.stack([features[:, 0], 0.5 * features[:, 0]]))

    def scores_of_all(self, features, *, folds, ties):
        found = self.scores(features, folds=folds, ties=ties)
        return SimpleNamespace(score=found.score + 1.0, single=found.single)


def table(rows):
    return BlindEvents(pd.DataFrame(rows, columns=["mjj", "x"]))


EVENTS = table([(3_500.0, 0.95), (2_999.0, 0.5), (3_000.0, 0.4), (4_000.0, 0.9), (3_999.0, 0.2)])


def selection(**changes):
    inside = EVENTS.iloc[[0, 2, 4]]
    return FrozenSelection(**{
        "models": Models(), "decorrelation": None, "resonance": "mjj", "features": ("x",), "content": CONTENT,
        "window": MassWindow(low=3_300.0, high=3_700.0, sideband_low=3_000.0, sideband_high=4_000.0), "low": 3_000.0,
        "high": 4_000.0, "folds": (3, 2), "cuts": (0.55, 0.1), "best": 0.1, "seed": 5,
        "digest": content_digest(inside, CONTENT), **changes,
    })  # fmt: skip


def test_events_of_the_searched_range_are_scored_and_pass_cuts_in_part_of_the_repeats():
    score, frequency = selection().apply(EVENTS)
    np.testing.assert_allclose(score, [0.95, np.nan, 0.4, np.nan, 0.2], rtol=1e-6)
    # 0.95 and 0.475 are above 0.45, and only the first above 0.9
    np.testing.assert_array_equal(frequency, [[1.0, np.nan, 0.0, np.nan, 0.0], [0.5, np.nan, 0.0, np.nan, 0.0]])


def test_the_order_of_rows_decides_nothing():
    order = [4, 2, 0, 3, 1]
    first, second = selection(), selection()
    straight, turned = first.apply(EVENTS), second.apply(BlindEvents(EVENTS.iloc[order].reset_index(drop=True)))
    np.testing.assert_array_equal(straight[0][order], turned[0])
    np.testing.assert_array_equal(straight[1][:, order], turned[1])
    np.testing.assert_array_equal(first.models.seen[0], second.models.seen[0])


def test_the_events_of_the_training_are_known_by_their_content():
    score, _ = selection().apply(EVENTS, same=True)
    assert score[0] == pytest.approx(1.95, rel=1e-6)
    for other in (EVENTS.iloc[:4], EVENTS.assign(x=0.3), EVENTS.iloc[[1, 3]]):
        with pytest.raises(InputError, match="not the events that the models were trained on"):
            selection().apply(BlindEvents(other.reset_index(drop=True)), same=True)


def test_without_events_in_the_range_or_a_column_there_is_nothing_to_say():
    score, frequency = selection().apply(BlindEvents(EVENTS.iloc[[1, 3]].reset_index(drop=True)))
    assert np.isnan(score).all()
    assert frequency.shape == (2, 2)
    assert np.isnan(frequency).all()
    with pytest.raises(InputError, match="need the column 'x'"):
        selection().apply(BlindEvents(EVENTS[["mjj"]]))


def test_features_are_decorrelated_first():
    lifted = SimpleNamespace(transform=lambda features, mjj: features + 0.01 * (mjj[:, None] > 3_900.0))
    score, _ = selection(decorrelation=lifted).apply(EVENTS)
    np.testing.assert_allclose(score, [0.95, np.nan, 0.4, np.nan, 0.21], rtol=1e-6)


@pytest.mark.parametrize(
    ("cwola", "words"),
    [({}, None), ({"nested": True}, "cwola.nested: false"), ({"average": "rank"}, "cwola.average: score only")],
)
def test_settings_whose_models_cannot_be_kept_are_refused(cwola, words):
    config = config_from_dict({"cwola": cwola})
    if words is None:
        check_models_can_be_kept(config)
    else:
        with pytest.raises(ConfigError, match=words):
            check_models_can_be_kept(config)


@dataclass(frozen=True)
class Task:
    config: object
    window: str = "window"
    edges: tuple = (3_000.0, 3_500.0, 4_000.0)
    seed: int = 9


def test_what_is_frozen_of_a_search(monkeypatch):
    rows = (("model",) * 3, ("model",) * 2)
    monkeypatch.setattr(frozen_selection, "window_models", lambda task, threads: SimpleNamespace(models=rows))
    search = SimpleNamespace(resonance="mjj", features=("x",), decorrelation="straight", events=EVENTS)
    config = config_from_dict({"daughters": None, "features": ["x"], "search": {"cut_fractions": [0.1, 0.01]}})
    found = FrozenSelection.of(search, Task(config), best=0.1)
    assert (found.low, found.high, found.folds, found.cuts) == (3_000.0, 4_000.0, (3, 2), (0.1, 0.01))
    assert (found.content, found.features, found.best, found.seed) == (("mjj", "x"), ("x",), 0.1, 9)
    assert (found.decorrelation, found.window) == ("straight", "window")
    assert found.digest == content_digest(EVENTS, CONTENT)
    with pytest.raises(ConfigError, match=r"cwola\.nested"):
        FrozenSelection.of(search, Task(config_from_dict({"cwola": {"nested": True}})), best=0.1)
