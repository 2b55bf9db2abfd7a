"""What a window leaves behind in memory: a search of many windows must not grow with their number and repeats."""

import tracemalloc

import numpy as np

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window
from bumphunt.preprocessing.content import Folds, TieBreakers, fold_assignments, tie_breakers


def test_an_outcome_keeps_a_few_bytes_an_event_however_many_repeats(make_events):
    config = config_from_dict({"cwola": {"repeats": 6}, "search": {"windows": [[3300, 3700]]}})
    search = prepare_search(drop_truth(make_events(4_000)), config, 1)
    outcome = search_window(search.tasks[0])
    # an array that is a view keeps all of its base alive
    held = [array if array.base is None else array.base for array in outcome.arrays().values()]
    assert sum(array.nbytes for array in held) <= 8 * len(search.mjj)


def test_ties_are_made_when_asked_for_and_are_the_same():
    keys = np.random.default_rng(1).integers(2**63, size=100).astype(np.uint64)
    ties = TieBreakers(keys, repeats=3)
    assert len(list(ties)) == len(ties) == 3
    for repeat in (2, 0, 0, 1):
        np.testing.assert_array_equal(ties[repeat], tie_breakers(keys, repeat=repeat))


def test_folds_are_made_when_asked_for_and_are_the_same():
    keys = np.random.default_rng(1).integers(2**63, size=100).astype(np.uint64)
    folds = Folds(keys, folds=3, repeats=3)
    assert len(list(folds)) == len(folds) == 3
    for repeat in (2, 0, 0, 1):
        np.testing.assert_array_equal(folds[repeat], fold_assignments(keys, folds=3, repeat=repeat))
    assert folds[0].dtype == np.uint8


def test_a_window_needs_as_much_memory_with_many_repeats_as_with_few(make_events):
    """Traced at its peak: arrays of a byte for each event and repeat would show."""
    events, peaks = drop_truth(make_events(6_000)), []
    for repeats in (2, 2, 12):  # the first imports what it needs
        config = config_from_dict(
            {"cwola": {"repeats": repeats, "folds": 2, "max_iter": 2}, "search": {"windows": [[3300, 3700]]}}
        )
        task = prepare_search(events, config, 1).tasks[0]
        tracemalloc.start()
        search_window(task)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 5 * len(task.mjj)
