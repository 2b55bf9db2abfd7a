"""What all windows share: which events are searched, and what a default means."""

import numpy as np

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.null import null_of
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
    assert AnalysisConfig().search.null_width is None
    null = null_of(AnalysisConfig())
    assert null.points, "measured with make nulls"
    by_hand = null_of(config_from_dict({"search": {"null_width": 1.1}}))
    assert by_hand.at(n_window=1e4, cut_fraction=0.01, n_features=4, repeats=32) == (0.0, 1.1)
