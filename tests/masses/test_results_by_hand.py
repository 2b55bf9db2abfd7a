"""Small parts of tables, background and results of the mass fit against values worked out by hand."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.errors import FitError, InputError
from bumphunt.masses import fit, substructure
from bumphunt.masses.background_jets import background_jets
from bumphunt.masses.equal_daughters import with_shared_response
from bumphunt.masses.interpolation import half_height_width, highest
from bumphunt.masses.jet_scale import jet_mass_scale, on_scale, seen_scale
from bumphunt.masses.modes import kernel_mode
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.profile import Curvature, Errors
from bumphunt.masses.substructure import Tau21Scale
from bumphunt.results import Interval


def test_tops_at_the_ends_of_a_grid():
    grid = np.arange(5.0)
    assert highest(grid, np.array([0.0, 1.0, 4.0, 1.0, 0.0])) == 2.0
    assert highest(grid, np.array([0.0, 1.0, 4.0, 3.0, 0.0])) == pytest.approx(2.25)
    # the parabola through the last three, no farther than a step from their middle
    assert highest(grid, np.array([0.0, 0.0, 0.0, 2.0, 3.0])) == 4.0
    assert highest(grid, np.array([3.0, 2.0, 0.0, 0.0, 0.0])) == 0.0
    assert highest(grid, np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == 3.0
    density = np.array([0.0, 2.0, 4.0, 2.0, 0.0])
    assert half_height_width(grid, density) == pytest.approx(2.0)
    assert half_height_width(grid, density[::-1] + np.array([9.0, 0.0, 0.0, 0.0, 0.0])) == pytest.approx(0.5 * 9 / 7)
    assert half_height_width(grid, np.array([0.0, 0.0, 0.0, 1.0, 4.0])) == pytest.approx(2.0 / 3.0)


def test_background_of_as_many_jets_as_it_takes():
    rng = np.random.default_rng(1)
    mjj, ratio = rng.uniform(3_000.0, 5_000.0, 12_000), np.exp(rng.normal(-2.5, 0.4, 12_000))
    found = background_jets(mjj, ratio * mjj, 0.5 * ratio * mjj, ends=(2_999.0, 5_001.0))
    np.testing.assert_allclose(np.subtract(found.heavier, found.lighter), [0.0, 0.0, np.log(2.0)], atol=1e-9)
    with pytest.raises(InputError, match="11999 background events"):
        background_jets(mjj[1:], mjj[1:], mjj[1:], ends=(2_999.0, 5_001.0))
    few = slice(0, 500)
    assert jet_mass_scale(mjj[few], mjj[few], mjj[few], known=found) is not None
    assert jet_mass_scale(mjj[1:500], mjj[1:500], mjj[1:500], known=found) is None
    # a scale of both jets is the mean of what is seen of them
    seen, error, number = found.difference(mjj, 1.1 * ratio * mjj, 0.5 * ratio * mjj)
    assert (seen, number) == (pytest.approx(0.5 * np.log(1.1), abs=1e-6), 12_000)
    assert error == pytest.approx(0.4 / np.sqrt(2 * 12_000), rel=0.1)
    assert found.difference(mjj[:1], mjj[:1], mjj[:1]) == (0.0, np.inf, 1)


def test_kernel_modes_near_the_first_and_the_last_event():
    ones = np.ones(3)
    assert kernel_mode(np.array([100.0, 100.0, 900.0]), ones, 0.05) == pytest.approx(100.0, rel=5e-3)
    assert kernel_mode(np.array([100.0, 900.0, 900.0]), ones, 0.05) == pytest.approx(900.0, rel=5e-3)
    # background far from all signal is left out
    far = np.array([100.0, 100.0, 1e6])
    assert kernel_mode(far, np.array([1.0, 1.0, -5.0]), 0.05) == pytest.approx(100.0, rel=5e-3)
    assert kernel_mode(far[::-1] / 1e3, np.array([-5.0, 1.0, 1.0]), 0.05) == pytest.approx(0.1, rel=5e-3)


@pytest.mark.parametrize("correction", [1.0, 0.8])
def test_the_efficiency_is_that_at_the_scale_of_tau21(monkeypatch, correction):
    """Of 100 fitted events 40 are selected; at the scale of the data it would be 100 over the correction."""
    names = ("m_resonance", "m_x", "m_y", "n_signal")
    at = Parameters(3_500.0, 100.0, 500.0, 100.0, 200.0, 0.1, -0.1, 0.0)
    likelihood = SimpleNamespace(
        signal=SimpleNamespace(model=None), selected_signal=lambda at: (None, 0.4),
        events=SimpleNamespace(mjj=np.zeros(9)), signal_probability=lambda at: np.array([0.5, 0.25, 1.0]),
    )  # fmt: skip
    best = SimpleNamespace(at=at, likelihood=likelihood)
    errors = {name: Errors(value=getattr(at, name), low=3.0, high=4.0, assumed=0.0) for name in names}
    shifts = {"m_resonance": 0.0, "m_x": 0.01, "m_y": 0.0, "n_signal": 0.05}
    monkeypatch.setattr(fit, "relative_errors", lambda told: shifts)
    monkeypatch.setattr(fit, "projections", lambda likelihood, at: "drawn")
    monkeypatch.setattr(fit, "goodness", lambda drawn, likelihood, at: 0.3)
    monkeypatch.setattr(fit, "peaks_over_plain", lambda likelihood, at: 12.0)
    monkeypatch.setattr(fit, "_plane_variance", lambda fit: 1.6)
    spectrum = SimpleNamespace(window_expected=1.5, window_error=2.0)
    events = SimpleNamespace(in_window=np.array([True, True, False]), spectrum=spectrum)
    scale = Tau21Scale(log_scale=0.2, correction=correction, statistical=0.03, prior=0.02, cost=1.0, compared=True)
    covariance = np.diag(np.arange(1.0, 9.0)) + 0.5
    found = fit._result(events, best, [], errors, Curvature(covariance=covariance), None, scale)
    # the heavier daughter is X, whichever the fit calls so
    assert (found.m_x.value, found.m_y.value) == (500.0, 100.0)
    assert (found.efficiency, found.efficiency_error) == pytest.approx((0.4 * correction, 0.05 * 0.4 * correction))
    assert (found.n_selected.value, found.n_selected.high) == pytest.approx((40.0, 41.6))
    more = 0.03**2 * 100.0**2 + 1.6 / 0.4**2
    assert found.n_signal.value == pytest.approx(100.0 / correction)
    assert found.n_signal.stat_high == pytest.approx((100.0 + np.sqrt(16.0 + more)) / correction)
    assert found.n_signal.high == pytest.approx((100.0 + np.hypot(np.sqrt(16.0 + more), 5.0)) / correction)
    assert found.statistical.tolist() == [3.5, 3.5, 3.5]
    assert found.systematic.tolist() == pytest.approx([0.0, 0.0, 0.01, 0.05])
    spread = np.sqrt([1.5, 3.5, 2.5, 4.5])
    np.testing.assert_allclose(found.correlation[0], [1.0, *(0.5 / (spread[0] * spread[1:]))])
    assert (found.excess, found.excess_error) == pytest.approx((0.5, np.sqrt(6.0)))
    assert (found.n_selected_window, found.n_events, found.p_value, found.over_plain) == (0.75, 9, 0.3, 12.0)
    assert (found.tau21_scale, found.acceptance_known) == (pytest.approx(np.exp(0.2)), True)
    assert found.log_widths.tolist() == [0.1, -0.1]
    wide = errors | {name: Errors(value=80.0, low=200.0, high=4.0, assumed=6.0) for name in ("m_x", "n_signal")}
    known = fit._result(
        SimpleNamespace(in_window=np.zeros(3, dtype=bool), spectrum=spectrum),
        best,
        [],
        wide,
        Curvature(covariance=covariance),
        None,
        None,
    )
    assert (known.n_signal.value, known.n_signal.low) == (80.0, 0.0)
    # what is assumed of the detector, 6 of 80, is in the systematic part; none seen has the error of one event
    assert known.systematic.tolist() == pytest.approx([0.0, 0.0, np.hypot(0.01, 0.075), np.hypot(0.05, 0.075)])
    assert (known.excess, known.excess_error) == pytest.approx((-1.5, np.sqrt(5.0)))
    bare = fit._result(events, best, [], errors, Curvature(covariance=covariance), None, None)
    assert (bare.acceptance_known, bare.tau21_scale, bare.efficiency) == (False, 1.0, 0.4)


@pytest.mark.parametrize(("beside", "words"), [(14, "14 selected events in the sidebands"), (15, "did not converge")])
def test_fifteen_events_beside_the_window_are_enough_to_try(monkeypatch, beside, words):
    events = SimpleNamespace(outside=np.arange(40) < beside)
    monkeypatch.setattr(fit, "_plane", lambda events: "plane")
    monkeypatch.setattr(fit, "starting_points", lambda events, plane: [])
    with pytest.raises(FitError, match=words):
        fit.fit_masses(events, table=None)


def equal(monkeypatch, *, rise, m_x=(520.0, 12.0), m_y=(500.0, 8.0)):
    """Return the errors of daughters that may be equal, X being the heavier one, or Y."""
    errors = {
        name: Errors(value=value, low=error, high=2.0 * error, assumed=0.0)
        for name, (value, error) in (("m_x", m_x), ("m_y", m_y))
    }
    at = Parameters(3_500.0, m_x[0], m_y[0], 1.0, 1.0, 0.0, 0.0, 0.0)
    monkeypatch.setattr(fit, "rise_when_equal", lambda likelihood, minuit: rise)
    covariance = np.diag([1.0, 30.0, 26.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    covariance[1, 2] = covariance[2, 1] = 4.0
    return fit._where_equal(
        SimpleNamespace(at=at, likelihood=None, minuit=None), Curvature(covariance=covariance), errors
    )


def test_daughters_that_may_be_equal_end_at_their_mean(monkeypatch):
    found = equal(monkeypatch, rise=0.36)
    # the mean is known to 8 / 2 from its covariance; as likely equal its error counts by the root of 1 - 0.36
    inner = 4.0 * 0.8
    assert (found["m_x"].value, found["m_x"].low, found["m_x"].high) == pytest.approx((520.0, 10.0 + inner, 24.0))
    assert (found["m_y"].value, found["m_y"].low, found["m_y"].high) == pytest.approx((500.0, 8.0, 10.0 + inner))
    turned = equal(monkeypatch, rise=0.36, m_x=(500.0, 8.0), m_y=(520.0, 12.0))
    assert (turned["m_y"].low, turned["m_x"].high) == pytest.approx((10.0 + inner, 10.0 + inner))
    assert equal(monkeypatch, rise=9.1) == {}
    assert equal(monkeypatch, rise=8.9) != {}
    # apart by more than six of the errors that face each other: 12 and twice 8
    assert equal(monkeypatch, rise=0.36, m_x=(500.0 + 6.0 * 28.0 + 1.0, 12.0)) == {}
    assert equal(monkeypatch, rise=0.36, m_x=(500.0 + 6.0 * 28.0 - 1.0, 12.0)) != {}


def test_places_of_responses():
    at = fit._place((3_500.0, 500.0, 100.0))
    steps = np.log(at) / np.array([0.016, 0.032, 0.032])
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    np.testing.assert_allclose(np.log(at), np.log([3_500.0, 500.0, 100.0]), atol=0.016)
    for factor, kept in ((1.011, True), (1.013, False)):
        moved = (at[0] * factor, at[1], at[2])
        assert (fit._place(moved, before=at) == at) is kept
    for factor, kept in ((1.023, True), (1.025, False)):
        assert (fit._place((at[0], at[1], at[2] * factor), before=at) == at) is kept
    assert with_shared_response((3_500.0, 113.8, 100.0)) == pytest.approx((3_500.0, *[np.sqrt(11_380.0)] * 2))
    assert with_shared_response((3_500.0, 114.0, 100.0)) == (3_500.0, 114.0, 100.0)


def test_the_scale_of_jet_masses_is_taken_out_of_what_was_fitted():
    interval = Interval(value=100.0, low=90.0, high=120.0, stat_low=95.0, stat_high=110.0)

    @dataclass(frozen=True)
    class Fit:
        m_x: Interval = None
        m_y: Interval = None
        statistical: np.ndarray = None
        systematic: np.ndarray = None
        second: dict = None
        jet_scale: object = None

    given = Fit(
        interval, interval, np.array([1.0, 2.0, 3.0]), np.array([0.01, 0.03, 0.0, 0.1]), {"m_x": 1.0, "m_y": 2.0}
    )
    scale = seen_scale(0.07, statistical=0.021)
    found = on_scale(given, scale)
    factor, more = np.exp(-scale.applied), scale.applied_error
    assert found.jet_scale is scale
    assert (found.m_x.value, found.m_x.stat_low, found.m_x.stat_high) == pytest.approx((
        100.0 * factor, 95.0 * factor, 110.0 * factor,
    ))  # fmt: skip
    assert found.m_y.low == pytest.approx(factor * (100.0 - np.hypot(10.0, 100.0 * more)))
    assert found.m_y.high == pytest.approx(factor * (100.0 + np.hypot(20.0, 100.0 * more)))
    np.testing.assert_allclose(found.statistical, [1.0, 2.0 * factor, 3.0 * factor])
    np.testing.assert_allclose(found.systematic, [0.01, np.hypot(0.03, more), more, 0.1])
    assert found.second == pytest.approx({"m_x": factor, "m_y": 2.0 * factor})
    for nothing in (None, seen_scale(0.01, statistical=0.021)):
        same = on_scale(given, nothing)
        assert (same.m_x, same.statistical, same.jet_scale) == (given.m_x, given.statistical, nothing)


def seen(**changes):
    """Twelve of 30 events in the box and the window are background, whose tau21 lies higher."""
    tau21 = np.full((2, 60), 0.2)
    tau21[:, 18:] = 0.6
    tau21[:, ::2] *= 1.1
    in_window = np.arange(60) < 30
    near = np.ones(60, dtype=bool)
    given = {"tau21": tau21, "in_window": in_window, "outside": ~in_window, "mj1": near, "mj2": near, **changes}
    return SimpleNamespace(
        events=SimpleNamespace(**given), signal=SimpleNamespace(model=None),
        signal_probability=lambda at: np.where(np.arange(60) < 18, 1.0, 0.0),
    )  # fmt: skip


def test_tau21_of_selected_signal_has_its_background_taken_off(monkeypatch):
    monkeypatch.setattr(substructure.MassBox, "holds", lambda self, mj1, mj2, model: mj1)
    at = SimpleNamespace(masses=(1.0, 2.0, 3.0))
    mean, error = substructure._seen(seen(), at)
    half = 0.5 * np.log(1.1)
    assert mean == pytest.approx(np.log(0.2) + half)
    logs = np.log(seen().events.tau21[0])
    variance = 30 * logs[:30].var() + 12.0**2 * half**2 / 30
    assert error == pytest.approx(np.sqrt(variance) / 18.0)
    assert substructure._seen(seen(tau21=None), at) is None
    # too few beside it in the box: all beside it
    box = np.arange(60) < 35
    assert substructure._seen(seen(mj1=box), at)[0] == pytest.approx(np.log(0.2) + half)
    few = np.arange(60) >= 12
    assert substructure._seen(seen(mj1=few), at) is None
