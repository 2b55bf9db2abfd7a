"""Simulated events through the selection of the data: every fold's model with that fold's threshold."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.pipeline.fold_selection import fold_selection
from bumphunt.selection import select_fraction


class Shifted:
    """A scorer that adds a constant, as folds need not share a scale."""

    def __init__(self, shift):
        self.shift = shift

    def anomaly_score(self, features):
        return features[:, 0] + self.shift


@pytest.fixture
def trained():
    rng = np.random.default_rng(1)
    features, folds = rng.normal(size=(20_000, 1)), rng.integers(4, size=20_000)
    models = [Shifted(shift) for shift in (0.0, 3.0, -7.0, 40.0)]
    selection = fold_selection(
        models, trained_on=features, folds=folds, features=lambda table: table[["x"]].to_numpy(float)
    )
    return selection, features, folds


@pytest.mark.parametrize("fraction", [0.2, 0.01])
def test_new_events_pass_as_often_as_those_of_the_data(trained, fraction):
    selection = trained[0]
    new = pd.DataFrame({"x": np.random.default_rng(2).normal(size=50_000)})
    passed = selection.at(fraction)(new)
    assert ((passed >= 0) & (passed <= 1)).all()
    assert passed.mean() == pytest.approx(fraction, rel=0.15)
    # an event far above every threshold passes in all folds, one far below in none
    assert selection.at(fraction)(pd.DataFrame({"x": [9.0, -9.0]})).tolist() == [1.0, 0.0]


def test_the_thresholds_are_those_of_the_selection(trained):
    selection, features, folds = trained
    score = np.array([selection.models[fold].anomaly_score(features[[i]])[0] for i, fold in enumerate(folds)])
    kept = select_fraction(score, folds, fraction=0.05)
    passed = selection.at(0.05)(pd.DataFrame({"x": features[:, 0]}))
    # where all folds agree, so does the selection of the data
    assert kept[passed == 1.0].all()
    assert not kept[passed == 0.0].any()
