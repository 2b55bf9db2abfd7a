"""Small parts of tables, background and results of the mass fit against values worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.masses import fit
from bumphunt.masses.background_jets import background_jets
from bumphunt.masses.interpolation import half_height_width, highest
from bumphunt.masses.jet_scale import jet_mass_scale
from bumphunt.masses.modes import kernel_mode
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.profile import Curvature, Errors
from bumphunt.masses.substructure import Tau21Scale


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
    bare = fit._result(events, best, [], errors, Curvature(covariance=covariance), None, None)
    assert (bare.acceptance_known, bare.tau21_scale, bare.efficiency) == (False, 1.0, 0.4)
