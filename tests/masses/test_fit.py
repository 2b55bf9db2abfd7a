"""The mass fit on experiments drawn from its own model: pulls, a cut that shapes the masses, and refusals."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.errors import FitError, InputError
from bumphunt.masses.constants import DETECTOR_PRIOR, MINIMUM_SIDEBAND
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.systematics import detector_shift
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

EDGES = mass_grid(2_900.0, 4_800.0, ratio=1.03)
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[5:9] = True
MASKED = WINDOW.copy()
MASKED[[4, 9]] = True
LOW, HIGH = EDGES[5], EDGES[9]
MASSES = (3_530.0, 480.0, 160.0)
QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")


def as_selected(events):
    """Return events (3, n) as the fit takes them."""
    events = events[:, (events[0] >= EDGES[0]) & (events[0] < EDGES[-1])]
    return SelectedEvents(
        mjj=events[0],
        mj1=events[1],
        mj2=events[2],
        in_window=(events[0] >= LOW) & (events[0] < HIGH),
        spectrum=fit_spectrum(count(events[0], EDGES), EDGES, family="dijet3", masked=MASKED, window=WINDOW),
    )


def experiment(signal, background, rng, *, n_signal=80, n_background=250, masses=MASSES, cut=None):
    """Return the selected events of one experiment; ``cut`` gives the probability of signal to pass at its masses."""
    found = np.stack(signal(masses, n_signal, rng))
    if cut is not None:
        found = found[:, rng.random(found.shape[1]) < cut(found[1], found[2])]
    return as_selected(np.concatenate([found, background(rng.poisson(n_background), rng, EDGES[0], EDGES[-1])], axis=1))


def pulls(fits, truth):
    """Return pulls by the statistical intervals, shape (fits, 4)."""
    found = []
    for fit in fits:
        row = []
        for name, true in zip(QUANTITIES, truth, strict=True):
            interval = getattr(fit, name)
            side = interval.stat_high - interval.value if true > interval.value else interval.value - interval.stat_low
            row.append((interval.value - true) / side)
        found.append(row)
    return np.array(found)


@pytest.fixture(scope="module")
def alone(table, signal, background):
    """Return one experiment and its fit, without a second detector."""
    events = experiment(signal, background, np.random.default_rng(9))
    return events, fit_masses(events, table=table)


@pytest.fixture(scope="module")
def fits(table, signal, background):
    rng = np.random.default_rng(12)
    return [fit_masses(experiment(signal, background, rng), table=table) for _ in range(16)]


@pytest.mark.long
def test_pulls_of_masses_and_number(fits):
    found = pulls(fits, (*MASSES, 80.0))
    # the mean of 16 pulls has an error of 0.25
    assert np.abs(found.mean(axis=0)).max() < 0.8, found.mean(axis=0)
    assert ((found.std(axis=0) > 0.55) & (found.std(axis=0) < 1.5)).all(), found.std(axis=0)
    assert (np.abs(found) < 1).mean() == pytest.approx(0.68, abs=0.14)


@pytest.mark.long
def test_what_a_fit_says_hangs_together(fits):
    for fit in fits:
        assert fit.m_x.value >= fit.m_y.value
        for interval in (fit.m_resonance, fit.m_x, fit.m_y):
            assert interval.low <= interval.stat_low < interval.value < interval.stat_high <= interval.high
        np.testing.assert_allclose(np.diag(fit.correlation), 1.0)
        assert np.abs(fit.correlation).max() <= 1 + 1e-9
        assert fit.n_selected.value == pytest.approx(fit.efficiency * fit.n_signal.value)
        for projection in fit.projections:
            assert len(projection.counts) == len(projection.edges) - 1 == len(projection.signal)
            assert (projection.signal >= 0).all()
            assert (projection.background >= 0).all()
    # the model describes its own events
    assert np.mean([fit.p_value < 0.05 for fit in fits]) < 0.3


@pytest.mark.slow
def test_a_cut_that_shapes_the_masses_biases_unless_it_is_known(table, signal, background):
    # keeps heavy X jets only: the peak moves up by a fraction of its width
    def cut(mj1, mj2):
        return 0.05 + 0.9 / (1 + np.exp(-(mj1 - 495.0) / 12.0))

    def select(events):
        return cut(events["mj1"].to_numpy(), events["mj2"].to_numpy())

    rng = np.random.default_rng(5)
    known, ignored = [], []
    for _ in range(4):
        events = experiment(signal, background, rng, n_signal=500, n_background=250, cut=cut)
        known.append(fit_masses(events, table=table, select=select))
        ignored.append(fit_masses(events, table=table))
    shift = np.mean([fit.m_x.value for fit in ignored]) - MASSES[1]
    error = known[0].m_x.stat_high - known[0].m_x.value
    assert shift > 2.5 * error
    assert abs(np.mean([fit.m_x.value for fit in known]) - MASSES[1]) < 0.4 * shift
    found = pulls(known, (*MASSES, 500.0))
    # means of four, known to 0.5; m_x is 1.6 high behind a cut this sharp, whose kept signal is summed coarsely
    assert np.abs(found.mean(axis=0)).max() < 2.0, found
    assert np.mean([fit.n_signal.value for fit in known]) == pytest.approx(500, rel=0.12)
    assert known[0].acceptance_known
    assert not ignored[0].acceptance_known


def test_a_heavy_daughter_that_leaks_is_found(table, signal, background):
    masses = (3_530.0, 680.0, 350.0)  # opening 4 m_x / m_resonance = 0.77
    rng = np.random.default_rng(8)
    fit = fit_masses(experiment(signal, background, rng, masses=masses, n_signal=150), table=table)
    assert fit.m_x.value == pytest.approx(masses[1], abs=4 * (fit.m_x.stat_high - fit.m_x.value))
    assert fit.m_x.value == pytest.approx(masses[1], rel=0.04)
    assert fit.m_y.value == pytest.approx(masses[2], rel=0.06)


def test_the_answer_does_not_depend_on_the_order_of_events(table, alone):
    selected, first = alone
    order = np.random.default_rng(4).permutation(len(selected.mjj))
    shuffled = replace(
        selected,
        mjj=selected.mjj[order],
        mj1=selected.mj1[order],
        mj2=selected.mj2[order],
        in_window=selected.in_window[order],
    )
    second = fit_masses(shuffled, table=table)
    for name in ("m_resonance", "m_x", "m_y"):
        interval = getattr(first, name)
        assert getattr(second, name).value == pytest.approx(interval.value, abs=0.25 * (interval.high - interval.low))


def test_two_signals_give_a_second_solution(table, signal, background):
    rng = np.random.default_rng(6)
    parts = [np.stack(signal(masses, 90, rng)) for masses in (MASSES, (3_530.0, 240.0, 90.0))]
    events = as_selected(np.concatenate([*parts, background(200, rng, EDGES[0], EDGES[-1])], axis=1))
    fit = fit_masses(events, table=table)
    found = {round(fit.m_x.value, -2)}
    if fit.second is not None:
        assert fit.second["delta_log_likelihood"] >= 0
        assert fit.second["m_x"] >= fit.second["m_y"]
        found.add(round(fit.second["m_x"], -2))
    assert found <= {500.0, 200.0}


def test_the_other_detector_widens_the_intervals(table, varied, alone):
    events, one = alone
    both = fit_masses(events, table=table, varied=varied)
    shift = detector_shift(table, varied, MASSES, ends=(EDGES[0], EDGES[-1]), select=None)
    # calorimeters that measure 3 % too little move mjj down by about as much
    assert -0.045 < shift.m_resonance < -0.015
    assert both.m_resonance.value == one.m_resonance.value
    statistical = one.m_resonance.high - one.m_resonance.value
    systematic = DETECTOR_PRIOR * abs(shift.m_resonance) * MASSES[0]
    assert both.m_resonance.high - both.m_resonance.value == pytest.approx(np.hypot(statistical, systematic), rel=0.1)


def test_too_little_background_is_refused(table, signal, background):
    rng = np.random.default_rng(7)
    events = experiment(signal, background, rng)
    keep = np.flatnonzero(events.in_window)
    few = replace(
        events, mjj=events.mjj[keep], mj1=events.mj1[keep], mj2=events.mj2[keep], in_window=events.in_window[keep]
    )
    with pytest.raises(FitError, match=f"0 selected events .* at least {MINIMUM_SIDEBAND}"):
        fit_masses(few, table=table)


def test_a_selection_that_gives_no_probabilities_is_refused(table, signal, background):
    events = experiment(signal, background, np.random.default_rng(2))
    with pytest.raises(InputError, match="one probability between 0 and 1"):
        fit_masses(events, table=table, select=lambda table: np.full(len(table), 3.0))
