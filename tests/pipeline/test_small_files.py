"""What changes where events are few, and that a configuration has the last word."""

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.small_files import FEW, decorrelation_for, least_leaf, selected_background
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


def test_few_events_have_small_leaves_and_an_efficiency():
    config = config_from_dict({})
    assert [least_leaf(config, n) for n in (1_999, 2_000)] == [10, 40]
    assert [selected_background(config, n) for n in (1_999, 2_000)] == ["efficiency", "form"]
    asked = config_from_dict({"cwola": {"min_samples_leaf": 7}, "search": {"selected_background": "form"}})
    assert least_leaf(asked, 100) == least_leaf(asked, 5_000) == 7
    assert selected_background(asked, 100) == "form"


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


def test_quantiles_of_few_events_do_not_bend_for_a_signal():
    """A parabola takes a third of a signal for how background follows the mass, where a window is a third of all."""
    left = []
    for number in (FEW - 200, FEW):
        rng = np.random.default_rng(7)
        mass = np.concatenate([rng.uniform(9.0, 9.9, number - 180), rng.uniform(9.3, 9.6, 180)])
        feature = np.concatenate([rng.exponential(size=number - 180), rng.exponential(size=180) + 2.0])[:, None]
        quantile = decorrelation_for(number).fit(feature, mass).transform(feature, mass)[:, 0]
        window = (mass > 9.3) & (mass < 9.6)
        left.append((quantile[window] > 0.9).mean() - (quantile[~window] > 0.9).mean())
    plain = feature[:, 0] > np.quantile(feature, 0.9)
    assert left[0] > 0.9 * (plain[window].mean() - plain[~window].mean())
    assert left[1] < 0.75 * left[0]


def test_quantiles_of_few_events_follow_the_mass():
    rng = np.random.default_rng(8)
    mass = rng.uniform(3_000.0, 4_500.0, FEW - 1)
    feature = (mass * rng.exponential(size=FEW - 1))[:, None]
    quantile = decorrelation_for(FEW - 1).fit(feature, mass).transform(feature, mass)[:, 0]
    assert abs(np.corrcoef(quantile, mass)[0, 1]) < 0.03 < np.corrcoef(feature[:, 0], mass)[0, 1] - 0.05
