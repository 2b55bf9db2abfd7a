"""Simulated events through the selection of the data: one fold a repeat, by the models that scored it."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.pipeline.fold_selection import FoldSelection
from bumphunt.scores.ranks import RankTable
from bumphunt.scores.repeats import RepeatedModels, average_ranks


class Shifted:
    """A scorer that adds a constant, as folds need not share a scale."""

    def __init__(self, shift):
        self.shift = shift

    def anomaly_score(self, features):
        return features[:, 0] + self.shift


@pytest.fixture(scope="module")
def selection():
    rng = np.random.default_rng(1)
    shifts, data = [(0.0, 3.0, -7.0), (40.0, 1.0, 2.0)], rng.normal(size=20_000)
    single = np.stack([(np.argsort(np.argsort(data)) + 0.5) / len(data)] * 2).astype(np.float32)
    models = RepeatedModels(
        models=tuple(tuple(Shifted(shift) for shift in row) for row in shifts),
        tables=tuple(tuple(RankTable.of(rng.normal(size=20_000) + shift) for shift in row) for row in shifts),
        average=RankTable.of(average_ranks(single, combine="log")),
        combine="log",
    )
    return FoldSelection(models=models, features=lambda table: table[["x"]].to_numpy(float), seed=3)


@pytest.mark.parametrize("fraction", [0.2, 0.01])
def test_new_events_pass_as_often_as_those_of_the_data(selection, fraction):
    new = pd.DataFrame({"x": np.random.default_rng(2).normal(size=50_000)})
    passed = selection.at(fraction)(new)
    assert ((passed >= 0) & (passed <= 1)).all()
    assert passed.mean() == pytest.approx(fraction, rel=0.15)
    # an event far above every threshold passes in all folds, one far below in none
    assert selection.at(fraction)(pd.DataFrame({"x": [9.0, -9.0]})).tolist() == [1.0, 0.0]


def test_the_same_events_pass_the_same_way_each_time(selection):
    new = pd.DataFrame({"x": np.random.default_rng(2).normal(size=1_000)})
    np.testing.assert_array_equal(selection.at(0.1)(new), selection.at(0.1)(new))
