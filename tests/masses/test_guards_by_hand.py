"""Where guards, defaults and thresholds of the mass fit act, and what is answered there, by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.masses import checks, expected_shape, fit, leave_one_out, yields
from bumphunt.masses.acceptance import draw_signal, passed_by
from bumphunt.masses.interpolation import half_height_width
from bumphunt.masses.likelihood import Likelihood, SelectedEvents
from bumphunt.masses.own_signal import FEWEST_EVENTS, response_content, signal_points
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.quadrature import jet_pairs, mjj_of_pairs
from bumphunt.masses.resolution import from_nominal, to_nominal
from bumphunt.masses.response import signal_model
from bumphunt.masses.yields import MassBox, box_yield
from bumphunt.results import Interval

from .test_at_the_edges import Rising
from .test_by_hand import spectrum_fit

MASSES = (3_530.0, 480.0, 160.0)


@pytest.fixture(scope="module")
def model(table):
    return signal_model(table, MASSES)


def test_resolutions_are_the_nominal_ones_where_none_are_given(table, model):
    pull, held, ends = np.array([-0.1, 0.0, 0.05]), np.array([0.0, 0.5, 1.0]), (3_300.0, 3_700.0)
    logs = tuple(np.log([[3_500.0, 3_400.0], [470.0, 500.0], [165.0, 150.0]]))
    pairs, one = jet_pairs(model), jet_pairs(model, widening=1.0)
    for name in ("heavy", "light", "pull", "contained"):
        np.testing.assert_array_equal(getattr(pairs, name), getattr(one, name))
    np.testing.assert_array_equal(
        mjj_of_pairs(model, pairs, 3_500.0, ends=ends), mjj_of_pairs(model, pairs, 3_500.0, ends=ends, widening=1.0)
    )
    np.testing.assert_array_equal(
        model.density(logs, masses=MASSES), model.density(logs, masses=MASSES, widening=(1.0, 1.0))
    )
    np.testing.assert_array_equal(
        model.range_probability(pull, held, 3_500.0, ends), model.range_probability(pull, held, 3_500.0, ends, 1.0)
    )
    np.testing.assert_array_equal(
        model.probability_below(1.02, pull, held), model.probability_below(1.02, pull, held, 1.0)
    )
    box, same = MassBox(masses=MASSES), MassBox(masses=MASSES, widths=2.5, widening=(1.0, 1.0))
    assert box.efficiency(model, model, ends) == same.efficiency(model, model, ends)
    edges = np.array([3_000.0, 3_500.0, 4_000.0])
    shapes = [expected_shape.expected_shape(table, MASSES, edges, **more) for more in ({}, {"widening": 1.0})]
    np.testing.assert_array_equal(shapes[0].probabilities, shapes[1].probabilities)


@pytest.mark.parametrize("factor", [0.9, 1.25, 2.0, 8.0])
def test_a_wide_core_is_taken_out_again(factor):
    offsets = np.array([-0.31, -0.0721, -0.013, 0.0417, 0.2])
    nominal, derivative = to_nominal(offsets, factor, 0.15)
    back = from_nominal(nominal, factor, 0.15)
    # a peak eight times as wide is nearly flat in the middle: there it is found as well as a table tells
    np.testing.assert_allclose(back, offsets, atol=1e-8 if derivative.min() > 0.2 else 2e-4)
    assert (back != offsets).any()


def test_a_width_reaches_to_the_ends_of_its_grid():
    grid = np.arange(6.0)
    assert half_height_width(grid, np.array([1.0, 3.0, 4.0, 4.0, 3.0, 1.0])) == pytest.approx(4.0)
    # half of four is reached half of a step beyond the second and the last but one
    assert half_height_width(grid, np.array([0.0, 4.0, 4.0, 4.0, 4.0, 0.0])) == pytest.approx(4.0)
    assert half_height_width(grid, np.array([4.0, 0.0, 0.0, 0.0, 0.0, 0.0])) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("edges", "masses", "words"),
    [
        ([3_000.0, 3_000.0, 3_100.0], MASSES, "not ascending"),
        ([0.0, 3_000.0], MASSES, "not ascending"),
        ([3_000.0], MASSES, "not ascending"),
        ([[3_000.0, 3_100.0]], MASSES, "not ascending"),
        ([3_000.0, 3_100.0], (3_500.0, 500.0, 0.0), "not all above 0"),
        ([0.5, 0.75, 3_000.0], (0.9, 0.5, 0.25), None),
    ],
)
def test_edges_and_masses_of_a_shape_lie_above_zero(monkeypatch, edges, masses, words):
    pairs = SimpleNamespace(pull=np.zeros(2), contained=np.ones(2))
    signal = SimpleNamespace(
        probability_below=lambda ratio, *_: np.full(2, min(0.4 * ratio, 1.0)), accepted=0.7
    )  # of a flat density
    monkeypatch.setattr(expected_shape, "signal_model", lambda table, masses: signal)
    monkeypatch.setattr(expected_shape, "jet_pairs", lambda model: pairs)
    if words is None:
        found = expected_shape.expected_shape(None, masses, np.array(edges))
        assert found.probabilities == pytest.approx([0.1 / 0.9, 1.0 - 0.3 / 0.9])
    else:
        with pytest.raises(InputError, match=words):
            expected_shape.expected_shape(None, masses, np.array(edges))


def pool_of(weights):
    """Return a model of three simulated events, whose jets' masses are 0.1, 0.2 and 0.3 in the order 2, 0, 1."""
    pool = SimpleNamespace(
        ratio=np.array([[0.2, 0.3, 0.1], [0.0, 0.01, 0.02]]), weight=np.asarray(weights),
        residual=np.array([1.0, 2.0, 3.0]), substructure=np.arange(6.0).reshape(2, 3, 1),
    )  # fmt: skip
    jet = SimpleNamespace(pull_at=lambda ratio: 0.5 * ratio)
    return SimpleNamespace(pool=pool, heavy=jet, light=jet, observables=("tau21",))


def test_simulated_events_are_drawn_by_their_weights_in_the_order_of_one_mass():
    rng = np.random.default_rng(1)
    drawn = draw_signal(pool_of([0.25, 0.25, 0.5]), 4, rng=rng)
    assert drawn.heavy.tolist() == [0.1, 0.1, 0.2, 0.3]
    assert drawn.light.tolist() == [0.02, 0.02, 0.0, 0.01]
    np.testing.assert_allclose(drawn.pull, 0.5 * (drawn.heavy + drawn.light))
    np.testing.assert_allclose(drawn.log_resonance - drawn.pull, [3.0, 3.0, 1.0, 2.0])
    assert drawn.substructure[1][:, 0].tolist() == [5.0, 5.0, 3.0, 4.0]
    # weights that end below one, as sums of many do: the last event stands for the rest
    assert draw_signal(pool_of([0.25, 0.0, 0.25]), 4, rng=rng).heavy.tolist() == [0.1, 0.2, 0.3, 0.3]


@pytest.mark.parametrize(
    ("passed", "good"),
    [([0.0, 1.0], True), ([-0.01, 1.0], False), ([0.0, 1.01], False), ([0.5, np.nan], False), ([0.5], False)],
)
def test_a_selection_gives_probabilities(passed, good):
    draws = SimpleNamespace(table=lambda masses: None, heavy=np.zeros(2))
    if good:
        assert passed_by(lambda table: np.array(passed), draws, MASSES).tolist() == passed
    else:
        with pytest.raises(InputError, match="one probability between 0 and 1"):
            passed_by(lambda table: np.array(passed), draws, MASSES)


def test_a_profile_ends_where_its_parameter_does():
    # 4 GeV to the limit, where it has hardly risen: an interval ends there, or at the error if that is more
    profile = Rising(lambda distance: 0.1 * distance)
    profile.error, profile.ends = 2.0, (100.0, 504.0)
    assert profile.crossing(1.0) == pytest.approx(0.999 * 4.0)
    profile.error = 10.0
    assert profile.crossing(1.0) == 10.0
    # without a limit nearby it is scanned to five errors
    assert profile.crossing(-1.0) == pytest.approx(50.0)
    profile.value, profile.ends = 500.0, (496.0, 900.0)
    assert (profile.crossing(1.0), profile.crossing(-1.0)) == (pytest.approx(50.0), 10.0)


@pytest.mark.parametrize(("top", "found"), [(3.9, 3.0), (4.1, 1.0)])
def test_a_second_valley_counts_up_to_two_standard_deviations(top, found):
    # one is passed at one error and, over a top, once more at three
    places = np.array([0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 3.5, 9.0])
    profile = Rising(lambda distance: np.interp(distance, places, [0.0, 0.49, 1.0, top, 0.2, 1.0, 9.0, 9.0]))
    assert profile.crossing(1.0) == pytest.approx(10.0 * found)


def test_the_rise_is_read_between_the_steps_of_a_scan():
    # the root of the rise is a straight line there, as between any two steps far from the minimum
    profile = Rising(lambda distance: (1.1 * max(distance - 0.02, 0.0)) ** 2 if distance > 0.6 else 0.0)
    assert profile.crossing(-1.0) == pytest.approx(10.0 * (1.0 / 1.1 + 0.02))


class Minima:
    """Minimisations with stand-ins: where each starts, and where it ends as given."""

    def __init__(self, monkeypatch, ends):
        self.starts, self.prepared, ends = [], [], iter(ends)
        spectrum = SimpleNamespace(window_expected=30.0)
        self.events = SimpleNamespace(mjj=np.zeros(100), in_window=np.arange(100) < 50, spectrum=spectrum)
        likelihood = SimpleNamespace(events=self.events, expected=lambda at: 100.0)

        def made(events, plane, signal):
            likelihood.signal = signal
            return likelihood

        def minimised(_, at):
            self.starts.append(at)
            return SimpleNamespace(values=next(ends))

        likelihood.separated = lambda at: (self.events, None, at)
        monkeypatch.setattr(fit, "Likelihood", made)
        monkeypatch.setattr(fit, "minimise", minimised)

    def converged(self, start, efficiency=0.25, known=()):
        def signal_at(masses):
            self.prepared.append(masses)
            return SimpleNamespace(efficiency=lambda at: efficiency)

        return fit._converged(self.events, None, start, signal_at, known=list(known))


PLACE = fit._place(MASSES)
HERE = Parameters(*PLACE, 80.0, 80.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("ends", "number", "responses"),
    [
        ([HERE] * 5, 2, 1),  # two are the rule
        # half of the way that one minimisation may go asks for one more
        ([HERE, HERE._replace(log_width_mjj=0.17), HERE._replace(log_width_mjj=0.17)], 2, 1),
        ([HERE, *[HERE._replace(log_width_mjj=0.18)] * 2], 3, 1),
        ([HERE, *[HERE._replace(log_width_jets=-0.18)] * 2], 3, 1),
        # so does another response
        ([HERE, *[HERE._replace(m_x=1.04 * HERE.m_x)] * 2], 3, 2),
        ([HERE._replace(m_x=1.04 * HERE.m_x)] * 2, 2, 2),
        # no more than five, wherever they go
        ([HERE._replace(m_x=1.04**step * HERE.m_x) for step in range(1, 6)], 5, 5),
    ],
)
def test_how_often_a_fit_is_minimised(monkeypatch, ends, number, responses):
    minima = Minima(monkeypatch, ends)
    found = minima.converged(PLACE)
    assert (len(minima.starts), len(minima.prepared)) == (number, responses)
    assert found.at == ends[number - 1]
    assert minima.prepared[0] == PLACE


@pytest.mark.parametrize(
    ("expected", "efficiency", "n_signal", "n_background"),
    [(30.0, 0.25, 80.0, 80.0), (49.0, 0.25, 12.0, 97.0), (60.0, 0.5, 6.0, 97.0), (30.0, 0.0, 2e5, 80.0)],
)
def test_a_fit_starts_with_the_excess_of_the_window(monkeypatch, expected, efficiency, n_signal, n_background):
    """Of 100 events 50 are in the window; three are taken for signal at least."""
    minima = Minima(monkeypatch, [HERE] * 2)
    minima.events.spectrum.window_expected = expected
    minima.converged(MASSES, efficiency)
    np.testing.assert_allclose(minima.starts[0], [*MASSES, n_signal, n_background, 0.0, 0.0, 0.0])


def test_a_minimum_that_is_known_is_left(monkeypatch):
    known = SimpleNamespace(at=HERE)
    assert Minima(monkeypatch, [HERE] * 2).converged(PLACE, known=[known]) is None
    assert Minima(monkeypatch, [HERE] * 2).converged(PLACE, known=[]) is not None


def test_thresholds_and_values_of_the_checks(monkeypatch):
    monkeypatch.setattr(checks, "outside_grid", lambda fit, table: 0.01)
    monkeypatch.setattr(checks, "part_lost", lambda fit, table: 0.3)
    yield_, box = Interval(value=100.0, low=60.0, high=150.0, stat_low=75.0, stat_high=130.0), 30.0
    given = SimpleNamespace(
        p_value=0.4, n_signal=yield_, acceptance_known=True, tau21_scale=np.exp(-0.16), tau21_pull=1.5,
        log_widths=np.array([0.3, -0.2]), over_plain=20.0, jet_scale=SimpleNamespace(pull=0.7),
        n_signal_box=Interval(value=160.0, low=160.0 - box, high=200.0), excess=30.0, excess_error=5.0,
        n_selected_window=22.0, cut_scale_error=0.2, cut_scale_pull=1.2,
    )  # fmt: skip

    def told(n_events=1_000, jet_ratio=0.1, **changes):
        one = SimpleNamespace(**{**vars(given), **changes})
        found = checks.mass_checks(one, n_events=n_events, jet_ratio=jet_ratio, table=None)
        return {check.name: (check.value, check.threshold) for check in found}

    expected = {
        "mass_fit_p_value": (0.4, 0.001), "inside_response_grid": (0.01, 0.02), "jets_hold_decays": (0.3, 0.8),
        "yield_within_file": (0.15, 1.0), "yield_significance": (4.0, 2.0), "jet_mass_units": (0.2, 1.0),
        "tau21_scale": (2.0, 3.0), "resolutions": (0.5, 1.0), "daughters_peak": (20.0, 9.0),
        "score_of_signal": (1.2, 3.0), "jet_mass_scale": (0.7, 3.0),
        "box_yield_agrees": (60.0 / np.hypot(50.0, box), 3.0), "yield_against_excess": (1.6, 3.0),
    }  # fmt: skip
    found = told()
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        assert found[name] == pytest.approx(numbers), name
    assert told(n_events=0)["yield_within_file"][0] == 150.0
    assert told(tau21_pull=2.5)["tau21_scale"][0] == 2.5
    # what is not known is not checked
    for changes, names in (
        ({"acceptance_known": False}, {"tau21_scale", "box_yield_agrees"}),
        ({"cut_scale_error": None}, {"score_of_signal"}),
        ({"log_widths": None}, {"resolutions"}),
        ({"over_plain": None}, {"daughters_peak"}),
        ({"jet_scale": None}, {"jet_mass_scale"}),
        ({"n_signal_box": None}, {"box_yield_agrees"}),
        ({"excess": None}, {"yield_against_excess"}),
        ({"excess_error": None}, {"yield_against_excess"}),
        ({"n_selected_window": None}, {"yield_against_excess"}),
    ):
        assert expected.keys() - told(**changes).keys() == names


def test_simulated_points_are_compared_by_their_cores():
    """Of eight events one has lost the decay of its second jet."""
    heavy, light = np.array([0.0, 0.02] * 4), np.array([0.01] * 7 + [-1.0])
    resonance, ones = np.array([0.0, 0.04] * 3 + [0.02, 0.5]), np.ones(8)
    held = 1.0 / (1.0 + np.exp(-(heavy + 0.2) / 0.03)) / (1.0 + np.exp((heavy - 0.22) / 0.03))
    held *= 1.0 / (1.0 + np.exp(-(light + 0.2) / 0.03)) / (1.0 + np.exp((light - 0.22) / 0.03))
    found = leave_one_out._cores(np.stack([heavy, light]), resonance, ones)
    assert found == pytest.approx([0.02, 0.01, 0.01, held.mean()])
    weight = np.array([1.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    weighted = leave_one_out._cores(np.stack([heavy, light]), resonance, weight)
    assert weighted == pytest.approx([0.03, 0.015, 0.01, held[:2] @ [0.25, 0.75]])
    # held are those of more than a half: -0.19 is by 0.583, -0.2 by 0.5
    edge, middle = np.array([-0.19] * 4 + [-0.2] * 4), np.zeros(8)
    assert leave_one_out._cores(np.stack([edge, middle]), resonance, ones)[0] == pytest.approx(resonance[:4].mean())
    assert leave_one_out._cores(np.full((2, 8), -1.0), resonance, ones).tolist() == [0.0] * 4


def boxed(monkeypatch, *, observed, expected, varied=None):
    """Count a box that holds all events, a fifth of signal, and with the other detector a quarter less."""
    edges, window = np.array([3_000.0, 3_100.0, 3_200.0, 3_300.0]), np.array([False, True, False])
    background = SimpleNamespace(window_expected=expected, window_error=0.5)

    def efficiency(box, drawn, model, ends):
        assert ends == (3_100.0, 3_200.0)
        return {"nominal": 0.2, "varied": 0.15}[drawn]

    monkeypatch.setattr(yields, "signal_model", lambda table, masses: table)
    monkeypatch.setattr(yields, "fit_spectrum", lambda spectrum, family: background)
    monkeypatch.setattr(MassBox, "holds", lambda self, mj1, mj2, model: mj1 > 0)
    monkeypatch.setattr(MassBox, "efficiency", efficiency)
    spectrum = SimpleNamespace(edges=edges, window=window, with_counts=lambda counts: counts)
    response = SimpleNamespace(table="nominal", varied=varied, of=lambda name: "nominal")
    mjj = np.append(np.full(observed, 3_150.0), 3_050.0)
    return box_yield((mjj, mjj, mjj), spectrum, MassBox(masses=MASSES), response)


def test_a_yield_and_its_interval_are_no_less_than_zero(monkeypatch):
    found = boxed(monkeypatch, observed=12, expected=2.0)
    statistical = np.sqrt(12.25) / 0.2
    total = np.hypot(statistical, 0.03 * 50.0)
    whole = (50.0, 50.0 - total, 50.0 + total, 50.0 - statistical, 50.0 + statistical)
    ends = ("value", "low", "high", "stat_low", "stat_high")
    assert [getattr(found.n_signal, end) for end in ends] == pytest.approx(whole)
    assert found.efficiency_error == pytest.approx(0.03 * 0.2)
    other = boxed(monkeypatch, observed=12, expected=2.0, varied="varied")
    assert other.efficiency_error == pytest.approx(0.2 * np.hypot(0.03, 0.5 * 0.25))
    few = boxed(monkeypatch, observed=0, expected=0.5)
    statistical = np.sqrt(1.25) / 0.2  # none seen: an error of one event
    assert [getattr(few.n_signal, end) for end in ends] == pytest.approx(
        (0.0, 0.0, np.hypot(statistical, 0.03 * 2.5) - 2.5, 0.0, statistical - 2.5)
    )
    none = boxed(monkeypatch, observed=0, expected=40.0)
    assert [getattr(none.n_signal, end) for end in ends] == [0.0] * 5


def test_a_box_beside_all_signal_holds_one_event_in_ten_thousand(model):
    assert MassBox(masses=(3_530.0, 480.0, 160.0)).efficiency(model, model, (100.0, 200.0)) == 1e-4


def test_jets_without_mass_enter_the_likelihood_as_a_thousandth_of_a_gev():
    events = SelectedEvents(
        mjj=np.array([3_150.0]), mj1=np.array([50.0]), mj2=np.zeros(1), in_window=np.ones(1, dtype=bool),
        spectrum=spectrum_fit(window_error=0.0),
    )  # fmt: skip
    signal = SimpleNamespace(acceptance=lambda *masses: np.array([0.5]), model=None)
    found = Likelihood(events, lambda mjj, mj1, mj2: np.ones(1), signal)
    assert [logs[0] for logs in found.logs] == pytest.approx(np.log([3_150.0, 50.0, 1e-3]))
    assert found.accepted == pytest.approx(0.5 / (3_150.0 * 50.0 * 1e-3))
    # a background without error is held to a thousandth of it
    found.selected_signal = lambda at: (np.zeros(1), 0.5)
    values = [found(3_150.0, 50.0, 20.0, 0.0, 1.0, 0.0, 0.0, shift) for shift in (0.0, 2e-3)]
    more = 2.0 * (2e-3 * found.spectrum.share - np.log1p(2e-3))  # of the event, and of their number
    assert values[1] - values[0] == pytest.approx(4.0 + more)


def events_of(number, factor=1.0):
    return pd.DataFrame({"mjj": np.full(number, 3_500.0 * factor), "mj1": 500.0, "mj2": 100.0})


def test_masses_of_points_are_those_of_many_events_in_one_unit():
    def points(rows, each):
        masses = 3_500.0 + np.repeat(np.arange(rows // each + 1), each)[:rows]
        return signal_points(events_of(rows).assign(m_resonance=masses, m_x=500.0, m_y=100.0), name="signal.parquet")

    assert len(points(20, 10)) == 2
    with pytest.raises(InputError, match="2 different true masses in 19 events"):
        points(19, 10)
    for factor, good in ((1.99, True), (0.51, True), (2.0, False), (0.5, False)):
        if good:
            assert list(signal_points(events_of(9, factor), name="3500_500_100.csv")) == [(3_500.0, 500.0, 100.0)]
        else:
            with pytest.raises(InputError, match="give both in GeV"):
                signal_points(events_of(9, factor), name="3500_500_100.csv")
    points = {(3_500.0, 500.0, 100.0 + number): events_of(FEWEST_EVENTS) for number in range(6)}
    points[3_500.0, 500.0, 100.0] = events_of(199)
    with pytest.raises(InputError, match="199 events of 3500, 500, 100 GeV"):
        response_content(points)
