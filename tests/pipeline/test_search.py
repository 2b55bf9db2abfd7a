"""What all windows share: which events are searched, and what a default means."""

import numpy as np
import pytest

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.search import prepare_search
from bumphunt.spectrum.binning import count


def test_an_event_at_the_upper_end_lies_outside_and_one_at_the_lower_end_inside(make_events):
    config = config_from_dict({"search": {"low": 2_900.0, "high": 5_000.0}})
    table = make_events(8_000, seed=4)
    edges = prepare_search(drop_truth(table), config, 1).edges
    table.loc[table.index[:2], "mjj"] = [edges[-1], edges[0]]
    search = prepare_search(drop_truth(table), config, 1)
    np.testing.assert_array_equal(search.edges, edges)
    assert search.mjj.max() < edges[-1]
    assert search.mjj.min() == edges[0]
    assert len(search.mjj) == ((table["mjj"] >= edges[0]) & (table["mjj"] < edges[-1])).sum()
    assert count(search.mjj, edges).sum() == len(search.mjj)


def test_a_significance_is_never_given_without_the_measured_width_of_the_null():
    width = AnalysisConfig().search.null_width
    assert width is None or width == pytest.approx(1.1), "measured with make null-experiments"
