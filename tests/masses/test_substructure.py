"""The scale of tau21 is found in the selected events, and the yield follows it."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.calibration.drawn_detector import DrawnDetector, draw_detector
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.constants import DETECTOR_PRIOR, TAU21_PRIOR, WIDTH_PRIOR
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.response import signal_model
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

EDGES = mass_grid(2_900.0, 4_800.0, ratio=1.03)
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[5:9] = True
MASKED = WINDOW.copy()
MASKED[[4, 9]] = True
LOW, HIGH = EDGES[5], EDGES[9]
MASSES = (3_530.0, 480.0, 160.0)
COLUMNS = ["mjj", "mj1", "mj2", "tau21_1", "tau21_2"]


def select(events):
    """Keep clear prongs, as a score does."""
    product = events["tau21_1"].to_numpy() * events["tau21_2"].to_numpy()
    return 1.0 / (1.0 + np.exp((np.log(np.maximum(product, 1e-4)) + 2.6) / 0.15))


@pytest.fixture(scope="module")
def selected(table, background):
    """Return a maker of selected events: 600 signal events whose tau21 is scaled, on 250 selected background events."""

    def make(scale, *, n_signal=600, seed=4):
        rng = np.random.default_rng(seed)
        events = draw_signal(signal_model(table, MASSES), 20 * n_signal, rng=rng).table(MASSES)
        events = events.iloc[rng.permutation(20 * n_signal)[:n_signal]].copy()
        events[["tau21_1", "tau21_2"]] *= scale
        events = events[rng.random(n_signal) < select(events)]
        masses = np.stack(background(250, rng, EDGES[0], EDGES[-1]))
        tau21 = np.exp(rng.normal(-1.5, 0.25, (2, 250)))
        both = np.concatenate([events[COLUMNS].to_numpy().T, np.concatenate([masses, tau21])], axis=1)
        both = both[:, (both[0] >= EDGES[0]) & (both[0] < EDGES[-1])]
        return SelectedEvents(
            mjj=both[0],
            mj1=both[1],
            mj2=both[2],
            in_window=(both[0] >= LOW) & (both[0] < HIGH),
            spectrum=fit_spectrum(count(both[0], EDGES), EDGES, family="dijet3", masked=MASKED, window=WINDOW),
            tau21=both[3:],
        )

    return make


@pytest.mark.parametrize("scale", [pytest.param(1.0, marks=pytest.mark.long), 0.85])
def test_the_scale_is_found_and_the_yield_follows(table, selected, scale):
    """Scale and yield scatter by 0.04 and 45 events: two experiments are averaged. The prior draws the scale in."""
    fits = [fit_masses(selected(scale, seed=seed), table=table, select=select) for seed in (4, 5)]
    error = np.mean([fit.n_signal.stat_high - fit.n_signal.value for fit in fits])
    assert np.mean([fit.tau21_scale for fit in fits]) == pytest.approx(scale, abs=0.05)
    assert np.mean([fit.n_signal.value for fit in fits]) == pytest.approx(600, abs=2.5 * error / 2.0**0.5)
    fit, unaware = fits[0], fit_masses(replace(selected(scale), tau21=None), table=table, select=select)
    assert unaware.tau21_scale == 1.0
    assert unaware.m_x.value == fit.m_x.value
    # what is not known of the scale widens the interval
    assert unaware.n_signal.high - unaware.n_signal.value > fit.n_signal.high - fit.n_signal.value
    if scale < 1:
        again = fit_masses(replace(selected(scale, seed=5), tau21=None), table=table, select=select)
        plain = [unaware, again]
        assert np.mean([each.n_signal.value for each in plain]) > 1.1 * np.mean([each.n_signal.value for each in fits])


def test_a_score_that_does_not_look_at_it_is_left_alone(table, selected):
    def blind(events):
        return np.full(len(events), 0.5)

    fit = fit_masses(selected(1.0), table=table, select=blind)
    assert fit.n_signal.value == pytest.approx(2.0 * fit.n_selected.value, rel=0.1)


def test_a_drawn_detector_changes_what_it_says(table):
    events = draw_signal(signal_model(table, MASSES), 4000, rng=np.random.default_rng(2)).table(MASSES)
    sharp = DrawnDetector(shift=0.0, log_k_z=-0.6, log_k_j=-0.6, log_tau21=-0.1).seen(events, MASSES)

    def core(column, mass):
        logs = np.log(column / mass)
        return np.percentile(logs[np.abs(logs) < 0.15], [16, 84])

    for name, mass in (("mjj", MASSES[0]), ("mj1", MASSES[1])):
        before, after = np.diff(core(events[name], mass)), np.diff(core(sharp[name], mass))
        assert after < 0.75 * before, name
    assert (sharp["mj1"] >= sharp["mj2"]).all()
    assert sharp["tau21_1"].median() == pytest.approx(events["tau21_1"].median() * np.exp(-0.1), rel=0.03)
    nothing = DrawnDetector(shift=0.0, log_k_z=0.0, log_k_j=0.0, log_tau21=0.0).seen(events, MASSES)
    np.testing.assert_allclose(nothing.to_numpy(), events.to_numpy(), rtol=1e-9)


def test_detectors_are_drawn_by_their_priors():
    rng = np.random.default_rng(0)
    drawn = [draw_detector(rng) for _ in range(2000)]
    assert np.std([each.shift for each in drawn]) == pytest.approx(DETECTOR_PRIOR, rel=0.06)
    assert np.std([each.log_k_j for each in drawn]) == pytest.approx(WIDTH_PRIOR, rel=0.06)
    assert np.std([each.log_tau21 for each in drawn]) == pytest.approx(TAU21_PRIOR, rel=0.06)
