"""Small parts of the mass fit against values worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.masses import projections as projected
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.likelihood import Likelihood, SelectedEvents
from bumphunt.masses.own_signal import signal_points
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plane import MassSpectrum, PlaneDensity
from bumphunt.masses.profile import (
    Curvature,
    DeeperMinimumError,
    Errors,
    _prepared,
    _Profile,
    _root,
    minimise,
    profile_errors,
    rise_when_equal,
)
from bumphunt.masses.starts import starting_points

BEST = Parameters(3_500.0, 500.0, 480.0, 80.0, 250.0, 0.0, 0.0, 0.0)
SIGMA = Parameters(40.0, 10.0, 20.0, 12.0, 16.0, 0.1, 0.1, 0.2)


class Parabola:
    """Twice a negative log likelihood that is a parabola, or another function of one parameter's pull."""

    def __init__(self, n_file=None, shape=None, of="m_x"):
        self.events = SimpleNamespace(mjj=np.zeros(400), n_file=n_file)
        self.spectrum = SimpleNamespace(error=0.03)
        self.shape, self.index = shape, Parameters._fields.index(of)

    def selected_signal(self, at):
        return np.zeros(400), 0.5

    def __call__(self, *values):
        pulls = (np.array(values) - np.array(BEST)) / np.array(SIGMA)
        squares = pulls**2
        if self.shape is not None:
            squares[self.index] = self.shape(pulls[self.index])
        return 1_000.0 + float(squares.sum())


def shape_at_minimum():
    return Curvature(covariance=np.diag(np.array(SIGMA) ** 2))


def test_a_minimiser_starts_with_steps_and_limits_of_the_numbers_of_events():
    minuit = _prepared(Parabola(n_file=1_200), BEST)
    assert minuit.errordef == 1.0
    # signal: 80 events of which half are selected, so 40; 400 events in all
    root = 40.0**0.5
    assert list(minuit.errors) == pytest.approx(
        [105.0 / root, 35.0 / root, 43.2 / root, 2.6 * root, 20.0, 0.05, 0.05, 0.05]
    )
    assert minuit.limits["n_signal"] == (0.0, 1_200.0)
    assert minuit.limits["n_background"] == (0.0, 800.0)
    assert minuit.limits["background_shift"] == (-0.9, 5.0)
    assert _prepared(Parabola(), BEST).limits["n_signal"] == (0.0, 3_200.0)
    assert _prepared(Parabola(n_file=0), BEST).limits["n_signal"] == (0.0, 1.0)
    low, high = minuit.limits["m_resonance"]
    assert low * high == pytest.approx(3_500.0**2)
    assert low < 3_500.0 < high
    few = _prepared(Parabola(), BEST._replace(n_signal=2.0))
    assert few.errors["m_resonance"] == pytest.approx(105.0 / 2.0)


def test_the_errors_of_a_parabola_are_its_widths():
    likelihood = Parabola()
    found = profile_errors(likelihood, minimise(likelihood, BEST), "m_x", shape=shape_at_minimum())
    assert (found.value, found.low, found.high) == pytest.approx((500.0, 10.0, 10.0), rel=2e-3)
    assert found.assumed == 0.0


def test_the_profile_of_a_skewed_likelihood_crosses_one_where_it_does():
    likelihood = Parabola(shape=lambda d: d**2 + d**3 / 8.0)
    profile = _Profile(likelihood, minimise(likelihood, BEST), "m_x", shape_at_minimum())
    for sign in (1.0, -1.0):
        assert profile.crossing(sign) == pytest.approx(10.0 * _root(1.0, sign / 8.0), rel=3e-3)
    assert profile.rise(10.0) == pytest.approx(1.125, rel=1e-2)


def test_a_profile_that_is_no_parabola_is_scanned():
    # flat up to one width, then as steep as the distance beyond: 1 at two widths
    likelihood = Parabola(shape=lambda d: max(abs(d) - 1.0, 0.0) ** 2)
    minuit = minimise(likelihood, BEST)
    profile = _Profile(likelihood, minuit, "m_x", shape_at_minimum())
    assert profile.crossing(1.0) == pytest.approx(20.0, abs=0.3)
    assert profile.crossing(-1.0) == pytest.approx(20.0, abs=0.3)


def test_a_deeper_point_along_a_profile_is_another_minimum():
    likelihood = Parabola()
    minuit = minimise(likelihood, BEST)
    likelihood.shape = lambda d: d**2 - 5.0 * (d > 0.4)
    with pytest.raises(DeeperMinimumError) as found:
        _Profile(likelihood, minuit, "m_x", shape_at_minimum()).rise(10.0)
    assert found.value.at.m_x == pytest.approx(510.0)


def test_two_daughters_of_one_mass_cost_their_difference_over_its_error():
    likelihood = Parabola()
    minuit = minimise(likelihood, BEST)
    assert rise_when_equal(likelihood, minuit) == pytest.approx(20.0**2 / (10.0**2 + 20.0**2), rel=2e-2)
    # the common mass, 496, is in neither's own limits, but between those of both
    minuit.limits["m_x"], minuit.limits["m_y"] = (498.0, 900.0), (100.0, 482.0)
    assert rise_when_equal(likelihood, minuit) == pytest.approx(0.8, rel=2e-2)


def test_one_mass_that_fits_better_is_another_minimum():
    likelihood = Parabola()
    minuit = minimise(likelihood, BEST)
    likelihood.shape = lambda d: (d + 1.0) ** 2 - 3.0
    with pytest.raises(DeeperMinimumError) as found:
        rise_when_equal(likelihood, minuit)
    assert found.value.at.m_x == found.value.at.m_y


def test_root_of_a_cubic_rise():
    assert _root(1.0, 0.0) == pytest.approx(1.0)
    assert _root(0.25, 0.0) == pytest.approx(2.0)
    assert _root(0.5, 0.5) == pytest.approx(1.0)
    assert _root(1.0, -0.1) == pytest.approx(1.05747, abs=1e-5)  # 1.11825 - 0.11825
    assert _root(-1.0, 0.0) is None


def test_errors_add_in_squares():
    errors = Errors(value=100.0, low=3.0, high=6.0, assumed=4.0)
    whole = errors.interval()
    assert (whole.low, whole.high) == pytest.approx((95.0, 100.0 + 52.0**0.5))
    assert (whole.stat_low, whole.stat_high) == (97.0, 106.0)
    double = errors.interval(scale=2.0, systematic=0.03)  # 4 and 3 are 5; 3 and 5 are 34 ** 0.5
    assert (double.value, double.low) == pytest.approx((200.0, 2.0 * (100.0 - 34.0**0.5)))
    assert (errors.statistical().low, errors.statistical().high) == (97.0, 106.0)
    assert errors.widened(0.04).low == pytest.approx(5.0)
    assert errors.widened(0.08).high == pytest.approx(10.0)
    less = Errors(value=100.0, low=5.0, high=10.0, assumed=0.0).reduced(9.0)
    assert (less.low, less.high) == pytest.approx((4.0, 91.0**0.5))
    assert Errors(value=1.0, low=2.0, high=2.0, assumed=0.0).reduced(4.0).low == pytest.approx(0.4**0.5)


def test_what_is_assumed_of_resolutions_moves_a_parameter():
    from bumphunt.masses.constants import WIDTH_PRIOR

    covariance = np.eye(8)
    mjj, jets = (Parameters._fields.index(name) for name in ("log_width_mjj", "log_width_jets"))
    covariance[1, mjj], covariance[1, jets] = 3.0 * WIDTH_PRIOR, 4.0 * WIDTH_PRIOR
    assert Curvature(covariance=covariance).assumed("m_x") == pytest.approx(5.0)
    assert Curvature(covariance=4.0 * np.eye(8)).error("m_y") == 2.0


PLAIN = MassGrowth()


def plane_without_events():
    plane = object.__new__(PlaneDensity)
    plane.growth, plane.reference = PLAIN, 4_000.0
    return plane


def test_light_jets_are_read_as_one_gev():
    plane, mjj = plane_without_events(), np.full(3, 4_000.0)
    mj1, mj2 = np.array([500.0, 2.0, 0.5]), np.array([1.1, 0.5, 0.0])
    np.testing.assert_allclose(plane._moved(mjj, mj1, mj2), np.log([[500.0, 2.0, 1.0], [1.1, 1.0, 1.0]]), atol=1e-12)
    np.testing.assert_allclose(plane._jacobian(mjj, mj1, mj2), [1 / 550.0, 0.5, 1.0], rtol=1e-6)
    # by powers of mjj to the reference, as far as half a unit in its logarithm
    for mass, steps in ((3_000.0, np.log(4.0 / 3.0)), (2_000.0, 0.5)):
        moved = plane._moved(np.array([mass]), np.array([300.0]), np.array([100.0]))
        np.testing.assert_allclose(moved[:, 0], [np.log(300.0) + 0.5 * steps, np.log(100.0) + 0.3 * steps])


def spectrum_fit(**changes):
    return SimpleNamespace(
        **{
            "edges": np.array([3_000.0, 3_100.0, 3_200.0, 3_400.0, 3_500.0]),
            "expected": np.array([400.0, 300.0, 200.0, 100.0]),
            "window": np.array([False, True, False, False]),
            "masked": np.array([False, True, True, False]),
            "window_error": 30.0,
            "window_expected": 300.0,
        }
        | changes
    )


def test_a_spectrum_as_a_density_and_what_the_error_of_its_window_moves():
    spectrum = MassSpectrum(spectrum_fit())
    assert (spectrum.error, spectrum.share) == pytest.approx((0.1, 0.4))  # all of 300 and half of 200, of 1000
    centres = np.array([3_050.0, 3_150.0, 3_300.0, 3_450.0])
    np.testing.assert_allclose(spectrum.density(centres), [4e-3, 3e-3, 1e-3, 1e-3])
    np.testing.assert_allclose(spectrum.bump(centres), [0.0, 1.0, 0.5, 0.0])
    assert spectrum.density(np.array([3_100.0]))[0] == pytest.approx(12e-6**0.5)


def selected(mjj):
    mjj = np.asarray(mjj, dtype=float)
    return SelectedEvents(mjj=mjj, mj1=mjj, mj2=mjj, in_window=mjj > 0, spectrum=spectrum_fit())


def test_where_selected_events_lie():
    events = selected([3_000.0, 3_100.0, 3_399.0, 3_400.0, 3_500.0])
    assert (events.window, events.centre, events.range) == ((3_100.0, 3_200.0), 3_150.0, (3_000.0, 3_500.0))
    assert events.outside.tolist() == [True, False, False, True, True]


def likelihood_by_hand():
    """Two events: signal's density is 2 and 0 of what is selected, a half; that of background 1 and 4."""
    found = object.__new__(Likelihood)
    found._background, found._bump = np.array([1.0, 4.0]), np.array([1.0, 0.0])
    found.spectrum = SimpleNamespace(share=0.25, error=0.1)
    calls = []
    model = SimpleNamespace(density=lambda *_, **__: calls.append(1) or np.array([2.0, 0.0]))
    found.signal = SimpleNamespace(model=model, efficiency=lambda *_: 0.5)
    found.logs, found.accepted, found._known = (), 1.0, None
    return found, calls


def test_the_likelihood_of_two_events():
    likelihood, calls = likelihood_by_hand()
    at = Parameters(3_500.0, 500.0, 100.0, 3.0, 6.0, 0.0, 0.0, 0.5)
    assert likelihood.background(0.5).tolist() == [1.5, 4.0]
    assert likelihood.background(-2.0).tolist() == [0.05, 4.0]
    # 3 x 2 of signal on 6 x 1.5 of background
    assert likelihood.signal_probability(at).tolist() == [0.4, 0.0]
    assert likelihood.expected(at) == pytest.approx(3.0 * 0.5 + 6.0 * (1.0 + 0.5 * 0.25))
    value = 2.0 * (8.25 - np.log(15.0) - np.log(24.0)) + 25.0
    assert likelihood(*at) == pytest.approx(value)
    assert len(calls) == 1  # the shape of signal is the same at all of them
    from bumphunt.masses.constants import WIDTH_PRIOR

    wider = at._replace(log_width_mjj=WIDTH_PRIOR, log_width_jets=2.0 * WIDTH_PRIOR)
    assert likelihood(*wider) == pytest.approx(value + 5.0)
    assert len(calls) == 2
    assert likelihood(*at._replace(m_x=float("nan"))) == 1e12


class EvenPlane:
    """Background spread evenly over a plane of jet masses."""

    def __call__(self, mjj, mj1, mj2):
        return np.full(len(mjj), 1e-6)

    def marginal(self, axis, edges, fine, density):
        return np.full(len(edges) - 1, 1.0 / (len(edges) - 1))


def test_a_fit_starts_at_the_crowds_of_the_window_each_once():
    rng = np.random.default_rng(1)
    crowds = [(515.0, 103.0, 51), (309.0, 171.6, 49)]  # three percent above 500 and 100, and 300 and 167
    spread = np.exp(0.03 * rng.standard_normal((2, 100)))
    mj1 = np.concatenate([np.full(n, a) for a, _, n in crowds]) * spread[0]
    mj2 = np.concatenate([np.full(n, b) for _, b, n in crowds]) * spread[1]
    mjj = np.full(100, 3_150.0)
    events = SelectedEvents(mjj=mjj, mj1=mj1, mj2=mj2, in_window=np.ones(100, dtype=bool), spectrum=spectrum_fit())
    found = starting_points(events, EvenPlane(), number=3)
    assert len(found) == 2
    np.testing.assert_allclose(found[0][1:], (500.0, 100.0), rtol=0.02)
    np.testing.assert_allclose(found[1][1:], (300.0, 166.6), rtol=0.02)
    assert len(starting_points(events, EvenPlane(), number=1)) == 1
    nothing = SelectedEvents(mjj=mjj, mj1=mj1, mj2=mj2, in_window=np.zeros(100, dtype=bool), spectrum=spectrum_fit())
    assert starting_points(nothing, EvenPlane()) == [(3_150.0, 315.0, 157.5)]


def test_projections_of_a_flat_background(monkeypatch):
    drawn = [np.array([3_110.0, 3_190.0, 3_300.0]), np.array([100.0, 100.0, 50.0]), np.array([50.0, 20.0, 20.0])]
    monkeypatch.setattr(projected, "_drawn", lambda *_: (*drawn, np.array([2.0, 1.0, 1.0])))
    mjj = np.array([3_110.0, 3_150.0, 3_300.0])
    events = SelectedEvents(
        mjj=mjj, mj1=np.array([90.0, 110.0, 300.0]), mj2=np.array([40.0, 30.0, 300.0]),
        in_window=np.array([True, True, False]), spectrum=spectrum_fit(),
    )  # fmt: skip
    spectrum = SimpleNamespace(density=lambda m: np.full(len(m), 2e-3), bump=lambda m: np.ones(len(m)))
    likelihood = SimpleNamespace(events=events, signal=None, spectrum=spectrum, plane=EvenPlane())
    at = Parameters(3_150.0, 50.0, 100.0, 4.0, 600.0, 0.0, 0.0, 0.5)
    mjj_part, first, second = projected.projections(likelihood, at)
    # 600 events, 2e-3 of them a GeV and half as many again, over 100 GeV in twelve bins
    np.testing.assert_allclose(mjj_part.background, np.full(12, 15.0))
    assert (mjj_part.edges[0], mjj_part.edges[-1], len(mjj_part.edges)) == (3_100.0, 3_200.0, 13)
    assert mjj_part.counts.tolist() == [0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert mjj_part.signal.tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    for part, end, counts in ((first, 140.0, 2), (second, 70.0, 2)):
        assert (part.edges[0], part.edges[-1], len(part.edges)) == (0.0, pytest.approx(end), 31)
        np.testing.assert_allclose(part.background, np.full(30, 6.0))
        assert (part.counts.sum(), part.signal.sum()) == (counts, 3.0)


def test_signal_points_read_masses_and_refuse_background():
    import pandas as pd

    events = pd.DataFrame({"mjj": [3_500.0] * 3, "mj1": [500.0] * 3, "mj2": [100.0] * 3})
    for label in ("signal", None, 1, 2.0, True):
        found = signal_points(events.assign(label=label), name="signal_3500_500_100.parquet")
        assert list(found) == [(3_500.0, 500.0, 100.0)]
    for label in (0, 0.0, "0", False):
        with pytest.raises(InputError, match="has background"):
            signal_points(events.assign(label=label), name="signal_3500_500_100.parquet")
