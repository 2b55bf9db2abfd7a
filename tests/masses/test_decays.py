"""Three prongs are told from two, and what fits nearly as well is in the interval."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.constants import TAU21_PRIOR
from bumphunt.masses.decays import fit_decays, profiled
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.masses.signal_table import load_three_prongs
from bumphunt.masses.substructure import at_scale
from bumphunt.results import Interval

from .test_fit import EDGES, MASSES, as_selected

N_SIGNAL = 300


def select(events):
    """Keep clear prongs, loosely: most jets of three prongs pass as well."""
    product = events["tau21_1"].to_numpy() * events["tau21_2"].to_numpy()
    return 1.0 / (1.0 + np.exp((np.log(np.maximum(product, 1e-4)) + 1.6) / 0.25))


def experiment(table, background, *, seed=5):
    """Return 300 signal events through the selection, on 250 background events that passed it."""
    rng = np.random.default_rng(seed)
    events = draw_signal(signal_model(table, MASSES), 20 * N_SIGNAL, rng=rng).table(MASSES)
    events = events.iloc[rng.permutation(20 * N_SIGNAL)[:N_SIGNAL]]
    events = events[rng.random(N_SIGNAL) < select(events)]
    beside = [*background(250, rng, EDGES[0], EDGES[-1])]
    beside = np.concatenate([[column[:240] for column in beside], np.exp(rng.normal(-0.9, 0.3, (2, 240)))])
    signal = events[["mjj", "mj1", "mj2", "tau21_1", "tau21_2"]].to_numpy().T
    rows = np.concatenate([signal, beside], axis=1)
    rows = rows[:, (rows[0] >= EDGES[0]) & (rows[0] < EDGES[-1])]
    return replace(as_selected(rows[:3]), tau21=rows[3:])


@pytest.fixture(scope="module")
def tried(background, table):
    """Two prongs whose tau21 is 12 percent higher than simulated, so that three are tried."""
    events = experiment(table, background)
    return fit_decays(replace(events, tau21=1.12 * events.tau21), response_named("shipped"), select=select)


def test_three_prongs_are_found_to_be_three(background):
    fit = fit_decays(experiment(load_three_prongs(), background), response_named("shipped"), select=select)
    assert fit.hypothesis == "three prongs"
    assert fit.hypotheses["two prongs"] > 10.0
    assert abs(np.log(fit.tau21_scale)) < 3 * TAU21_PRIOR
    for name, true in zip(("m_resonance", "m_x", "m_y", "n_signal"), (*MASSES, N_SIGNAL), strict=True):
        interval = getattr(fit, name)
        assert abs(interval.value - true) < 2.5 * (interval.high - interval.low) / 2, name


def test_two_prongs_stay_two(tried):
    assert tried.hypothesis == "two prongs"
    assert tried.hypotheses["three prongs"] > 4.0


def test_decays_are_compared_at_the_scale_they_are_charged_for(tried, background, table):
    events = experiment(table, background)
    events = replace(events, tau21=1.12 * events.tau21)
    again = fit_masses(events, table=table, select=at_scale(select, tried.tau21_scale))
    expected = again.objective - again.tau21_pull**2 + tried.tau21_pull**2
    as_simulated = fit_masses(events, table=table, select=select).objective
    assert abs(tried.objective - expected) < 0.3 * abs(as_simulated - expected)


def test_a_hypothesis_nearly_as_good_widens_the_interval(tried):
    narrow = Interval(value=100.0, low=90.0, high=110.0, stat_low=92.0, stat_high=108.0)
    shifted = Interval(value=120.0, low=110.0, high=130.0, stat_low=112.0, stat_high=128.0)
    one = replace(tried, n_signal=narrow, objective=10.0, hypothesis="a")
    near, far = (replace(tried, n_signal=shifted, objective=at, hypothesis="b") for at in (10.75, 11.5))
    both = profiled([near, one])
    assert both.hypothesis == "a"
    assert (both.n_signal.low, both.n_signal.value, both.n_signal.high) == (90.0, 100.0, 125.0)
    assert both.n_signal.stat_high == 124.0
    assert both.hypotheses == {"a": 0.0, "b": 0.75}
    assert profiled([far, one]).n_signal.high == 110.0


def test_without_tau21_the_first_decay_is_assumed_and_the_others_are_said(background):
    """Also where another one fits better: shapes of jet masses depend on the detector as much as on the decay."""
    events = replace(experiment(load_three_prongs(), background), tau21=None)
    fit = fit_decays(events, response_named("shipped"), select=select)
    assert not fit.tau21_compared
    assert fit.hypothesis == "two prongs"
    assert fit.hypotheses["two prongs"] == 0.0
    assert fit.yields.keys() == fit.hypotheses.keys() == {"two prongs", "three prongs"}
    assert fit.yields["two prongs"] == fit.n_signal.value
    assert fit.yields["three prongs"] > fit.yields["two prongs"], "of signal cut on tau21, as it was simulated"
