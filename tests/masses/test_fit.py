"""The mass fit on experiments drawn from its own model: pulls, and refusals."""

import numpy as np
import pytest

from bumphunt.errors import FitError
from bumphunt.masses.fit import MINIMUM_SIDEBAND, SelectedEvents, fit_masses
from bumphunt.masses.yields import BoxYield
from bumphunt.results import Interval
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

EDGES = mass_grid(2_900.0, 4_800.0, ratio=1.03)
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[5:9] = True
MASKED = WINDOW.copy()
MASKED[[4, 9]] = True
LOW, HIGH = EDGES[5], EDGES[9]
MASSES = (3_530.0, 480.0, 160.0)


def no_yield(masses):
    return BoxYield(
        n_observed=0.0,
        n_expected=0.0,
        n_expected_error=0.0,
        efficiency=1.0,
        n_signal=Interval(value=0.0, low=0.0, high=0.0),
    )


def experiment(response, signal, rng, *, n_signal=70, n_background=200, masses=MASSES):
    """Return the selected events of one experiment."""
    low, high = EDGES[0] ** -7.0, EDGES[-1] ** -7.0
    number = rng.poisson(n_background)
    mjj = (low + rng.random(number) * (high - low)) ** (-1 / 7)
    mj1 = 300 * np.exp(rng.normal(0, 0.4, number))
    parts = (mjj, mj1, mj1 * rng.beta(2.5, 2.5, number))
    table = np.stack(
        [np.concatenate(pair) for pair in zip(parts, signal(response, masses, rng.poisson(n_signal), rng), strict=True)]
    )
    table = table[:, (table[0] >= EDGES[0]) & (table[0] < EDGES[-1])]
    return SelectedEvents(
        mjj=table[0],
        mj1=table[1],
        mj2=table[2],
        in_window=(table[0] >= LOW) & (table[0] < HIGH),
        spectrum=fit_spectrum(count(table[0], EDGES), EDGES, family="dijet3", masked=MASKED, window=WINDOW),
    )


@pytest.fixture(scope="module")
def fits(response, signal):
    rng = np.random.default_rng(12)
    return [fit_masses(experiment(response, signal, rng), response=response, yield_of=no_yield) for _ in range(25)]


@pytest.mark.slow
def test_pulls_of_the_three_masses(fits):
    found = np.array([[fit.m_resonance.value, fit.m_x.value, fit.m_y.value] for fit in fits])
    errors = np.array([fit.statistical for fit in fits])
    pulls = (found - MASSES) / errors
    # the mean of 25 pulls has an error of 0.2
    assert np.abs(pulls.mean(axis=0)).max() < 0.6, pulls.mean(axis=0)
    assert ((pulls.std(axis=0) > 0.6) & (pulls.std(axis=0) < 1.5)).all(), pulls.std(axis=0)
    # the relative errors are those of some seventy events, not made up
    assert (errors.mean(axis=0) / MASSES < [0.01, 0.02, 0.04]).all()
    assert (errors.mean(axis=0) / MASSES > [0.001, 0.002, 0.003]).all()


@pytest.mark.slow
def test_the_number_of_signal_events_is_found_too(fits):
    pulls = [(fit.n_selected.value - 70) / (0.5 * (fit.n_selected.high - fit.n_selected.low)) for fit in fits]
    assert abs(np.mean(pulls)) < 0.6
    assert 0.5 < np.std(pulls) < 1.5


@pytest.mark.slow
def test_what_a_fit_says_hangs_together(fits, response):
    for fit in fits:
        assert fit.m_x.value >= fit.m_y.value
        for interval, statistical, scale in zip(
            (fit.m_resonance, fit.m_x, fit.m_y), fit.statistical, response.scale_error, strict=True
        ):
            assert interval.low < interval.value < interval.high
            # the scale of the masses is no better known than the response says
            assert interval.high - interval.value >= scale * interval.value
            assert 0.5 * (interval.high - interval.low) >= statistical
        np.testing.assert_allclose(np.diag(fit.correlation), 1.0)
        assert np.abs(fit.correlation).max() <= 1 + 1e-9
        for projection in fit.projections:
            assert len(projection.counts) == len(projection.edges) - 1 == len(projection.signal)
            assert (projection.signal >= 0).all()
            assert (projection.background >= 0).all()
    # the model describes its own events
    assert np.mean([fit.p_value < 0.05 for fit in fits]) < 0.25


def test_the_answer_does_not_depend_on_the_order_of_events_or_on_which_mass_is_named_first(response, signal):
    selected = experiment(response, signal, np.random.default_rng(3))
    order = np.random.default_rng(4).permutation(len(selected.mjj))
    shuffled = SelectedEvents(
        mjj=selected.mjj[order],
        mj1=selected.mj1[order],
        mj2=selected.mj2[order],
        in_window=selected.in_window[order],
        spectrum=selected.spectrum,
    )
    first, second = (fit_masses(events, response=response, yield_of=no_yield) for events in (selected, shuffled))
    for name in ("m_resonance", "m_x", "m_y"):
        interval = getattr(first, name)
        assert getattr(second, name).value == pytest.approx(interval.value, abs=0.1 * (interval.high - interval.low))


def test_the_yield_is_asked_for_at_the_fitted_masses(response, signal):
    asked = []

    def yield_of(masses):
        asked.append(masses)
        return BoxYield(
            n_observed=9.0,
            n_expected=4.0,
            n_expected_error=1.0,
            efficiency=0.5,
            n_signal=Interval(value=10.0, low=5.0, high=15.0),
        )

    fit = fit_masses(experiment(response, signal, np.random.default_rng(5)), response=response, yield_of=yield_of)
    assert asked == [(fit.m_resonance.value, fit.m_x.value, fit.m_y.value)]
    assert (fit.n_signal.value, fit.efficiency) == (10.0, 0.5)


def test_too_little_background_to_stand_on(response, signal):
    selected = experiment(response, signal, np.random.default_rng(6))
    outside = np.flatnonzero(~selected.in_window)
    kept = np.sort(np.concatenate([np.flatnonzero(selected.in_window), outside[: MINIMUM_SIDEBAND - 1]]))
    few = SelectedEvents(
        mjj=selected.mjj[kept],
        mj1=selected.mj1[kept],
        mj2=selected.mj2[kept],
        in_window=selected.in_window[kept],
        spectrum=selected.spectrum,
    )
    with pytest.raises(FitError, match=r"\d+ selected events in the sidebands are too few.*looser cut"):
        fit_masses(few, response=response, yield_of=no_yield)
