"""Limits beside the inclusive one: after the selection, and along the mass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.masses.expected_shape import broadest_masses, expected_shape
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.hunt import hunt_events
from bumphunt.pipeline.limit import inclusive_limit, inclusive_signal
from bumphunt.pipeline.other_limits import limit_curve, limits_of_windows, selected_limit
from bumphunt.pipeline.verdict import LIMIT_ON_A_GAUSSIAN, LIMIT_ON_SIMULATION, SELECTED_BELOW_THE_YIELD
from bumphunt.results import Interval, Products
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits, window_limit
from bumphunt.significance.workspace import resonance_signal
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


def test_without_masses_the_limit_is_on_the_broadest_simulated_peak(found):
    search, verdict = found.search, replace(found.verdict, mass_fit=None, selection=None)
    _, limit = inclusive_limit(search, verdict)
    masses = broadest_masses(response_named("shipped").table, limit.mass)
    np.testing.assert_array_equal(limit.masses, masses)
    simulated = expected_shape(response_named("shipped").table, masses, search.edges).probabilities
    np.testing.assert_array_equal(inclusive_signal(search, verdict, limit.mass)[0], simulated)
    said = LIMIT_ON_SIMULATION.format(masses[1])
    answers = verdict.answers(limit)
    assert said in answers.assumptions
    assert answers.upper_limit["masses"] == list(masses)
    assert not [each for each in found.answers.assumptions if each.startswith(LIMIT_ON_SIMULATION[:40])]
    curve = limit_curve(search, verdict)
    near = int(np.argmin(np.abs(curve.mass - 4_200.0)))
    counts, design = (
        search.inclusive.counts[None],
        make_design(search.edges, family=search.inclusive.family, sqrt_s=13e3),
    )
    gaussian = resonance_signal(search.edges, mass=curve.mass[near], width=0.033)
    assert curve.expected[near, 2] > 1.3 * expected_spectrum_limits(counts, design, gaussian)[0, 2]


def test_a_gaussian_stays_where_nothing_was_simulated(found):
    verdict = replace(found.verdict, mass_fit=None, selection=None)
    low = inclusive_signal(found.search, verdict, 2_600.0)
    np.testing.assert_array_equal(low[0], resonance_signal(found.search.edges, mass=2_600.0, width=0.033))
    best = verdict.best
    config = config_from_dict({**SETTINGS, "daughters": None, "features": ["mj1"]})
    other = replace(verdict, best=replace(best, task=replace(best.task, config=config)))
    assert inclusive_signal(found.search, other, 3_500.0)[1] is None
    assert low[1] is None
    limit = replace(found.products.limit, masses=None)
    assert LIMIT_ON_A_GAUSSIAN in other.answers(limit).assumptions


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
