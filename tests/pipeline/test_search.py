"""What all windows share: which events are searched, and what a default means."""

import numpy as np

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.events import drop_truth, feature_matrix
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
    null = null_of(AnalysisConfig(), 100_000)
    assert null.points, "measured with make nulls"
    by_hand = null_of(config_from_dict({"search": {"null_width": 1.1}}), 100_000)
    small = null_of(AnalysisConfig(), 1_000)
    assert small.points
    assert small != null, "measured with the settings of small files"
    assert null_of(config_from_dict({"search": {"selected_background": "efficiency"}}), 100_000) == small
    assert by_hand.at(n_window=1e4, cut_fraction=0.01, n_features=4, repeats=32) == (0.0, 1.1)


def test_wide_windows_come_beside_the_others(make_events):
    events = drop_truth(make_events(12_000, seed=4))
    usual = {"low": 2_850.0, "high": 6_200.0}
    plain, wide = (
        prepare_search(events, config_from_dict({"search": {**usual, **more}}), 1)
        for more in ({}, {"wide_window_bins": [8]})
    )
    number = len(plain.tasks)
    assert [task.window for task in wide.tasks[:number]] == [task.window for task in plain.tasks]
    assert [task.number for task in wide.tasks[:number]] == [task.number for task in plain.tasks], "the same trainings"
    added = wide.tasks[number:]
    assert added
    assert all(np.isclose(task.window.high / task.window.low, 1.03**8) for task in added)


def test_windows_reach_as_far_as_events_are_asked_for(make_events):
    events = drop_truth(make_events(12_000, seed=4))
    far = {"search": {"low": 2_850.0, "tail_events": 1, "least_training": 10}}
    plain, all_of_them = (prepare_search(events, config_from_dict(c), 1) for c in ({"search": {"low": 2_850.0}}, far))
    highest = events["mjj"].max()
    assert plain.edges[-1] < highest / 1.03
    assert highest / 1.03 <= all_of_them.edges[-1] <= highest
    assert all_of_them.tasks[-1].window.high > plain.tasks[-1].window.high
    assert all_of_them.tasks[-1].window.upper_sideband(all_of_them.mjj).sum() >= 10


def test_features_are_made_independent_of_the_mass_unless_they_are_to_stay(make_events):
    events = drop_truth(make_events(6_000, seed=4))
    usual = {"search": {"low": 2_850.0, "high": 6_200.0}}
    moved, plain = (
        prepare_search(events, config_from_dict({**usual, "cwola": {"decorrelate": each}}), 1) for each in (True, False)
    )
    raw = feature_matrix(plain.events, plain.features)
    assert plain.decorrelation is None
    np.testing.assert_array_equal(plain.tasks[0].features, raw)
    np.testing.assert_array_equal(plain.score_features(plain.events), raw)
    np.testing.assert_array_equal(moved.events["mjj"], plain.events["mjj"])
    np.testing.assert_allclose(moved.tasks[0].features, moved.decorrelation.transform(raw, moved.mjj))
    np.testing.assert_allclose(moved.score_features(moved.events), moved.tasks[0].features)
    assert abs(np.corrcoef(raw[:, 0], plain.mjj)[0, 1]) > 3 * abs(
        np.corrcoef(moved.tasks[0].features[:, 0], moved.mjj)[0, 1]
    )


def test_windows_hold_as_many_events_as_are_asked_for(make_events):
    events = drop_truth(make_events(6_000, seed=4))
    usual = {"low": 2_850.0, "high": 6_200.0, "least_training": 50}
    plain = prepare_search(events, config_from_dict({"search": usual}), 1)
    numbers = [min(part.sum() for part in task.window.parts(plain.mjj)) for task in plain.tasks]
    least = sorted(numbers)[1]
    fewer = prepare_search(events, config_from_dict({"search": {**usual, "least_training": int(least)}}), 1)
    assert [task.number for task in fewer.tasks] == [
        task.number for task, number in zip(plain.tasks, numbers, strict=True) if number >= least
    ]
    assert len(fewer.tasks) == len(plain.tasks) - 1
