"""What changes where events are few, and that a configuration has the last word."""

import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.small_files import FEW, least_leaf, selected_background
from bumphunt.pipeline.windows import before_the_cut, make_classifier


@pytest.mark.parametrize(
    ("changes", "number", "leaf", "background"),
    [
        ({}, FEW, 40, "form"),
        ({}, FEW - 1, 10, "efficiency"),
        ({"cwola": {"min_samples_leaf": 25}}, 1_000, 25, "efficiency"),
        ({"search": {"selected_background": "form"}}, 1_000, 10, "form"),
        ({"search": {"selected_background": "efficiency"}}, 100_000, 40, "efficiency"),
    ],
)
def test_the_rule(changes, number, leaf, background):
    config = config_from_dict(changes)
    assert least_leaf(config, number) == leaf
    assert selected_background(config, number) == background


def test_a_search_of_few_events_follows_it(make_events):
    config = config_from_dict({"search": {"low": 2_850.0, "windows": [[3_300.0, 3_710.0]]}})
    few, many = (
        prepare_search(drop_truth(make_events(number, seed=4)), config, 1).tasks[0] for number in (2_000, 30_000)
    )
    assert len(few.mjj) < FEW <= len(many.mjj)
    assert [make_classifier(task, 0, 0).min_samples_leaf for task in (few, many)] == [10, 40]
    assert before_the_cut(many) is None
    fit = before_the_cut(few)
    assert fit is not None
    assert fit.counts.sum() == len(few.mjj)
