"""What a window's score does to new events is what it did to those of the file."""

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.fold_selection import window_selection
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window

SETTINGS = {
    "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
    "cwola": {"folds": 3, "repeats": 4, "members": 1, "max_iter": 15},
}


@pytest.fixture(scope="module")
def searched(make_events):
    """A search of a box whose 400 signal events are known to the test alone."""
    table = make_events(20_000, signal=400, seed=6)
    search = prepare_search(drop_truth(table), config_from_dict(SETTINGS), 3)
    return table, search, search_window(search.tasks[0])


def test_simulated_signal_passes_as_often_as_that_in_the_file(searched, make_events):
    table, search, outcome = searched
    selected = outcome.selected(0.05)
    signal = table["label"].to_numpy()[search.rows] > 0.5
    probability = window_selection(search, search.tasks[0], threads=2).at(0.05)
    simulated = make_events(10, signal=4_000, seed=60).query("label == 1")
    expected = probability(simulated).mean()
    found = selected[signal].mean()
    assert found == pytest.approx(expected, abs=4 * np.sqrt(found * (1 - found) / signal.sum()))
    # an event of the file is judged by the one model that has not seen it, at the threshold of its fold
    background = probability(make_events(8_000, seed=61).query("mjj > 2850 and mjj < 5400")).mean()
    assert background == pytest.approx(selected[~signal].mean(), abs=0.01)


@pytest.mark.parametrize("changes", [{"nested": True}, {"average": "rank"}])
def test_without_one_classifier_a_fold_there_is_none(searched, make_events, changes):
    config = config_from_dict({**SETTINGS, "cwola": {**SETTINGS["cwola"], **changes}})
    search = prepare_search(drop_truth(make_events(8_000, seed=6)), config, 3)
    assert window_selection(search, search.tasks[0]) is None
