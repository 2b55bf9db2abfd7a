"""Limits beside the inclusive one: after the selection, and along the mass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.pipeline.hunt import hunt_events
from bumphunt.pipeline.other_limits import limit_curve, limits_of_windows, selected_limit
from bumphunt.pipeline.verdict import SELECTED_BELOW_THE_YIELD
from bumphunt.results import Interval, Products
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits, window_limit
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions

SETTINGS = {
    "searches": ["cwola"],
    "search": {
        "low": 2_850.0,
        "high": 5_400.0,
        "windows": [[3_300.0, 3_710.0], [4_000.0, 4_500.0]],
        "cut_fractions": [0.02],
    },
    "cwola": {"folds": 2, "repeats": 1, "members": 1, "max_iter": 15},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
}
N_SIGNAL = 350


@pytest.fixture(scope="module")
def found():
    """A hunt in simulated events: the toys of other tests have not the substructure that the response knows."""
    table = pd.read_parquet(Path(__file__).parents[2] / "data" / "lhco_rnd.parquet")
    signal = table["label"] == 1
    chosen = [table[signal].sample(N_SIGNAL, random_state=1), table[~signal].sample(18_000, random_state=1)]
    return hunt_events(drop_truth(pd.concat(chosen, ignore_index=True)), config_from_dict(SETTINGS), seed=3)


def test_the_selected_limit_is_below_the_inclusive_one_and_above_what_was_injected(found):
    limit = found.answers.upper_limit
    selected = limit["selected"]
    assert N_SIGNAL < selected["n_signal_95"] < limit["n_signal_95"]
    assert found.answers.n_signal.value < selected["n_signal_95"], "the excess is what both count"
    assert selected["expected"][2] < 0.5 * limit["expected"][2], "background is cut away and signal is not"
    assert (np.diff(limit["expected"]) > 0).all()
    assert 0.3 < selected["efficiency"] < 1.0
    assert f"{selected['n_signal_95']:.0f} from the events that pass" in str(found.answers)


def test_the_curve_stands_out_where_the_signal_is(found):
    curve = found.products.limit_curve
    assert len(curve.mass) >= 20
    above = curve.observed / curve.expected[:, 2]
    assert curve.mass[above.argmax()] == pytest.approx(3_500.0, rel=0.06)
    assert (np.diff(curve.expected, axis=1) > 0).all()
    back = Products.from_dict(found.products.to_dict())
    np.testing.assert_allclose(back.limit_curve.expected, curve.expected)
    assert back.limit.selected.cut_fraction == 0.02


def test_each_window_and_cut_has_its_limit_after_the_selection(found):
    limits, windows = found.products.window_limits, [each for each in found.products.scan.windows if not each.note]
    assert limits.cut_fraction.tolist() == [each.cut_fraction for each in windows]
    for row, each in enumerate(windows):
        alone = window_limit(each.n_observed, each.n_expected, each.n_expected_error)
        assert limits.observed[row] == alone.n_signal
        assert limits.expected[row].tolist() == alone.expected.tolist()
    here = int(np.argmin(np.abs(limits.low - 3_300.0)))
    assert limits.observed[here] > limits.expected[here, 4], "a signal is there"
    again = limits_of_windows([replace(each, note="too few events") for each in windows[:1]] + windows[1:])
    assert len(again.observed) == len(windows) - 1
    assert limits_of_windows([]) is None


def test_without_masses_there_is_no_selected_limit_and_a_curve_all_the_same(found):
    verdict = replace(found.verdict, mass_fit=None, selection=None)
    assert selected_limit(found.search, verdict) is None
    assert np.isfinite(limit_curve(found.search, verdict).observed).all()


def test_a_selected_limit_below_the_yield_is_said(found):
    large = Interval(value=9_000.0, low=8_000.0, high=10_000.0)
    verdict = replace(found.verdict, mass_fit=replace(found.verdict.mass_fit, n_signal=large))
    assert SELECTED_BELOW_THE_YIELD in verdict.answers(found.products.limit).assumptions
    assert SELECTED_BELOW_THE_YIELD not in found.answers.assumptions


def test_expected_bands_are_those_of_pseudo_spectra():
    edges = np.geomspace(3_000.0, 6_000.0, 24)
    design = make_design(edges, family="dijet3", sqrt_s=13_000.0)
    centres = 0.5 * (edges[1:] + edges[:-1])
    truth = 4e4 * (centres / 3_000.0) ** -8 * np.diff(edges) / np.diff(edges)[0] / 10
    signal = gaussian_fractions(edges, mass=4_000.0, width=120.0)
    expected = expected_spectrum_limits(truth[None], design, signal)[0]
    toys = np.random.default_rng(1).poisson(truth, (400, len(truth)))
    seen = np.quantile(spectrum_limits(toys, design, signal), [0.0228, 0.1587, 0.5, 0.8413, 0.9772])
    np.testing.assert_allclose(expected[1:4], seen[1:4], rtol=0.08)
    np.testing.assert_allclose(expected[[0, 4]], seen[[0, 4]], rtol=0.15)
