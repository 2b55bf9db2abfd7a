"""Choices of the mass fit with stand-ins: which decay, which response, what of simulated signal is read."""

import json
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import FitError, InputError
from bumphunt.masses import decays, fit, leave_one_out, responses
from bumphunt.masses.background_jets import BackgroundJets
from bumphunt.masses.checks import _beyond_resolutions, _pull, _significance, _units
from bumphunt.masses.constants import TAU21_PRIOR
from bumphunt.masses.hypotheses import cells, hypothesis_grid, simulated_signal
from bumphunt.masses.jet_scale import seen_scale
from bumphunt.masses.own_signal import _accepted, _columns, _observables, masses_in_name
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.peak_scan import default_take
from bumphunt.masses.profile import _prepared
from bumphunt.masses.responses import Response
from bumphunt.results import Interval

from .test_by_hand import BEST, Parabola


def around(value, error=1.0, stat=0.5):
    return Interval(value=value, low=value - error, high=value + error, stat_low=value - stat, stat_high=value + stat)


@dataclass(frozen=True)
class Fit:
    hypothesis: str
    objective: float
    m_resonance: Interval = None
    m_x: Interval = None
    m_y: Interval = None
    n_signal: Interval = None
    tau21_scale: float = 1.0
    tau21_compared: bool = True
    p_value: float = 0.5
    hypotheses: dict | None = None
    yields: dict | None = None


def fit_of(name, objective, mass=100.0, **more):
    return Fit(name, objective, around(mass), around(mass, 2.0, 1.0), around(mass), around(mass), **more)


def test_a_decay_that_is_nearly_as_likely_adds_its_part_of_an_interval():
    found = decays.profiled([fit_of("b", 10.36, 104.0), fit_of("a", 10.0), fit_of("c", 11.0, 500.0)])
    assert (found.hypothesis, found.m_x.value) == ("a", 100.0)
    assert found.hypotheses == pytest.approx({"a": 0.0, "b": 0.36, "c": 1.0})
    # the other one reaches as high at the root of 1 - 0.36 of its errors
    assert (found.m_x.low, found.m_x.high) == pytest.approx((98.0, 104.0 + 0.8 * 2.0))
    assert (found.m_x.stat_low, found.m_x.stat_high) == pytest.approx((99.0, 104.0 + 0.8 * 1.0))
    lower = decays.profiled([fit_of("b", 10.36, 96.0), fit_of("a", 10.0)])
    assert (lower.m_x.low, lower.m_x.high) == pytest.approx((96.0 - 0.8 * 2.0, 102.0))
    bare = Interval(value=1.0, low=0.0, high=2.0)
    union = decays._union(bare, around(3.0), 1.0)
    assert (union.low, union.high, union.stat_low) == (0.0, 4.0, None)


@pytest.mark.parametrize(
    ("more", "doubtful"),
    [
        ({}, False),
        ({"tau21_scale": float(np.exp(0.99 * TAU21_PRIOR))}, False),
        ({"tau21_scale": float(np.exp(-1.01 * TAU21_PRIOR))}, True),
        ({"p_value": 0.051}, False),
        ({"p_value": 0.049}, True),
        ({"tau21_compared": False}, True),
    ],
)
def test_when_another_decay_is_tried(more, doubtful):
    assert decays._doubtful(fit_of("a", 1.0, **more)) is doubtful


def tried(monkeypatch, first, *, others=("b", "c"), select="select", scaled=None):
    """Fit with stand-ins; ``c`` never converges, and ``b`` is better by 3 before it is compared at its scale."""
    asked = []

    def fitted(events, *, table, varied, select, interpolation, nominal=None, hypothesis, cuts):
        assert cuts == "cuts"
        asked.append((table, nominal, interpolation, hypothesis))
        if hypothesis == "c":
            raise FitError("no")
        return first if hypothesis == "a" else fit_of("b", first.objective - 3.0, 104.0)

    def at_its_scale(events, fit, *, table, select):
        if scaled is None:
            raise FitError("no")
        return scaled[table]

    monkeypatch.setattr(decays, "fit_masses", fitted)
    monkeypatch.setattr(decays, "objective_at_its_scale", at_its_scale)
    response = Response(
        name="r", table="table a", varied="varied", hypothesis="a", interpolation=(0.001, 0.009, 0.0051, 0.07),
        others=tuple((name, f"table {name}") for name in others),
    )  # fmt: skip
    return decays.fit_decays("events", response, select=select, cuts="cuts"), asked


def test_other_decays_are_tried_where_the_first_is_in_doubt(monkeypatch):
    sure, doubtful = fit_of("a", 10.0), fit_of("a", 10.0, p_value=0.001)
    for first, more in ((sure, {}), (doubtful, {"select": None}), (doubtful, {"others": ()})):
        found, asked = tried(monkeypatch, first, **more)
        assert found is first
        assert asked == [("table a", None, (0.001, 0.009, 0.0051, 0.07), "a")]
    found, asked = tried(monkeypatch, doubtful)
    assert [each[3] for each in asked] == ["a", "b", "c"]
    # coarser grids are read with their own errors, unless the first is worse
    assert asked[1][:3] == ("table b", "table a", (0.0039, 0.009, 0.0051, 0.07))
    assert (found.hypothesis, found.hypotheses) == ("b", {"b": 0.0, "a": 3.0})
    found, _ = tried(monkeypatch, doubtful, scaled={"table a": 5.0, "table b": 7.5})
    assert (found.hypothesis, found.hypotheses) == ("a", {"a": 0.0, "b": 2.5})
    untold = fit_of("a", 10.0, tau21_compared=False)
    found, _ = tried(monkeypatch, untold)
    assert (found.hypothesis, found.hypotheses, found.yields) == ("a", {"a": 0.0, "b": -3.0}, {"a": 100.0, "b": 104.0})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((3_500.0, 500.0, 100.0), (3_500.0, 100.0, 500.0), True),
        ((3_500.0, 500.0, 100.0), (3_600.0, 500.0, 100.0), True),
        ((3_500.0, 500.0, 100.0), (3_610.0, 500.0, 100.0), False),
        ((3_500.0, 500.0, 100.0), (3_500.0, 541.0, 100.0), True),
        ((3_500.0, 500.0, 100.0), (3_500.0, 543.0, 100.0), False),
        ((3_500.0, 500.0, 100.0), (3_500.0, 500.0, 92.0), False),
    ],
)
def test_solutions_are_the_same_within_a_few_percent(one, other, same):
    assert fit._same(one, other) is fit._same(other, one) is same


def test_the_second_solution_is_another_and_not_far_behind():
    def minimum(masses, value):
        return SimpleNamespace(at=Parameters(*masses, 1.0, 1.0, 0.0, 0.0, 0.0), value=value)

    best = minimum((3_500.0, 500.0, 100.0), 10.0)
    same, far = minimum((3_510.0, 100.0, 501.0), 11.0), minimum((3_500.0, 300.0, 100.0), 19.1)
    near = minimum((3_400.0, 90.0, 300.0), 18.8)
    assert fit._second(best, [same, far]) is None
    found = fit._second(best, [same, far, near])
    assert found == {"m_resonance": 3_400.0, "m_x": 300.0, "m_y": 90.0, "delta_log_likelihood": pytest.approx(4.4)}


@pytest.mark.parametrize(("expected", "good"), [(109.0, True), (111.0, False), (91.0, True), (89.0, False)])
def test_a_minimum_has_as_many_events_as_there_are(expected, good):
    likelihood = SimpleNamespace(expected=lambda at: expected, events=SimpleNamespace(mjj=np.zeros(100)))
    if good:
        fit._check_numbers(likelihood, None)
    else:
        with pytest.raises(FitError, match=f"at {expected:.0f} events where there are 100"):
            fit._check_numbers(likelihood, None)


def content(**changes):
    """Return the arrays of a response of two points and five events, the second of another detector."""
    events = np.zeros((2, 5, 9))
    errors = {"errors": [0.001, 0.002, 0.003, 0.04]}
    return {
        "masses": np.array([[3_500.0, 500.0, 100.0]] * 2), "varied": np.array([False, True]),
        "accepted": np.array([0.5, 0.6]), "events": events, "leave_one_out": np.array(json.dumps(errors)), **changes,
    }  # fmt: skip


def read(monkeypatch, stored):
    monkeypatch.setattr(responses, "read_arrays", lambda name: (stored, "digest"))
    return responses._read.__wrapped__("mine.npz", (0, 0))


def test_a_response_of_ones_own_is_what_its_file_says(monkeypatch):
    found = read(monkeypatch, content())
    assert found.summary() == {
        "name": "mine.npz", "sha256": "digest", "points": 1, "events_per_point": 5, "varied": True,
        "background": False, "interpolation": [0.001, 0.002, 0.003, 0.04],
    }  # fmt: skip
    assert found.hypothesis == "as simulated"
    assert found.of("three prongs") is found.table
    assert found.varied.accepted.tolist() == [0.6]
    alone = read(monkeypatch, content(varied=np.array([False, False]), background_jets=np.arange(8.0)))
    assert alone.varied is None
    assert len(alone.table) == 2
    assert alone.background == BackgroundJets(heavier=(0.0, 1.0, 2.0), lighter=(3.0, 4.0, 5.0), ends=(6.0, 7.0))


@pytest.mark.parametrize(
    "changes",
    [
        {"masses": np.array([[3_500.0, 500.0, 0.0]] * 2)},
        {"masses": np.array([[3_500.0, 500.0]] * 2)},
        {"masses": np.array([[3_500.0, 500.0, np.inf]] * 2)},
        {"varied": np.array([True, True])},
        {"events": np.full((2, 5, 9), np.nan)},
        {"leave_one_out": np.array(json.dumps({"errors": [0.1]}))},
        {"background_jets": np.arange(7.0)},
        {"background_jets": np.full(8, np.nan)},
        {"accepted": None},
    ],
)
def test_arrays_that_are_no_response_are_refused(monkeypatch, changes):
    with pytest.raises(InputError, match=r"mine\.npz"):
        read(monkeypatch, content(**changes))


def test_what_is_read_of_signal_of_ones_own():
    rows = pd.DataFrame({"mjj": [3_600.0, 3_400.0], "mj1": [510.0, 105.0], "mj2": [103.0, 70.0]})
    bare = _columns(rows, (3_500.0, 500.0, 100.0), [])
    ratios = [[3_600 / 3_500, 510 / 500, 103 / 100], [3_400 / 3_500, 70 / 500, 105 / 100]]
    np.testing.assert_allclose(bare, np.log(ratios), rtol=1e-6)
    full = rows.assign(tau21_1=[0.1, 0.2], tau21_2=[0.3, 0.4], tau32_1=[0.5, 0.6], tau32_2=[0.7, 0.8])
    assert _observables([full]) == ["tau21", "tau32"]
    assert _observables([full, full.drop(columns="tau32_2")]) == ["tau21"]
    found = _columns(full, (3_500.0, 500.0, 100.0), ["tau21", "tau32"])
    # the jet of X first; in the second event it is the lighter one
    np.testing.assert_allclose(found[:, 3:], [[0.1, 0.5, 0.3, 0.7], [0.4, 0.8, 0.2, 0.6]], rtol=1e-6)
    lost = _columns(rows.assign(mj2=0.0), (3_500.0, 500.0, 100.0), [])
    assert lost[0, 2] == pytest.approx(np.log(0.02))
    assert _accepted(rows) == 1.0
    assert _accepted(rows.assign(n_generated=8.0)) == 0.25
    assert _accepted(rows.assign(n_generated=2.0)) == 1.0
    for number in (1.0, np.nan):
        with pytest.raises(InputError, match="but there are 2 events"):
            _accepted(rows.assign(n_generated=number))


@pytest.mark.parametrize(
    ("name", "masses"),
    [
        ("2017_3500_500_100.h5", (3_500.0, 500.0, 100.0)),
        ("signal_3500-500.5_100.npz", (3_500.0, 500.5, 100.0)),
        ("run3_4000_800_300_2.parquet", (4_000.0, 800.0, 300.0)),
        ("a_500_300_200.csv", None),  # no more than both daughters together
        ("a_500_300_0.csv", None),
        ("a_500_300.csv", None),
    ],
)
def test_masses_in_a_name(name, masses):
    assert masses_in_name(name) == masses


def test_points_that_others_surround():
    masses = np.array([(m, r * m, 0.5 * r * m) for m in (2_000.0, 3_000.0, 4_000.0) for r in (0.05, 0.1, 0.2)])
    inner = leave_one_out._inner(SimpleNamespace(masses=masses))
    assert inner.tolist() == [False, False, False, False, True, False, False, False, False]


def test_numbers_of_the_checks():
    assert _beyond_resolutions(np.array([0.3, -0.1])) == pytest.approx(0.3 / (3.0 * 0.2))
    assert _beyond_resolutions(np.array([0.1, -0.9])) == pytest.approx(0.9 / (5.0 * 0.2))
    assert [_units(ratio).passed for ratio in (0.0049, 0.0051, 0.49, 0.51)] == [False, True, True, False]
    assert _units(0.001).value == pytest.approx(5.0)
    assert _units(1.5).value == pytest.approx(3.0)
    assert _significance(around(3.0)) == pytest.approx(6.0)
    assert _significance(Interval(value=3.0, low=1.0, high=9.0)) == pytest.approx(1.5)
    assert _significance(Interval(value=0.0, low=0.0, high=9.0)) == 0.0
    one, other = Interval(value=10.0, low=7.0, high=14.0), Interval(value=20.0, low=17.0, high=28.0)
    assert _pull(one, other) == _pull(other, one) == pytest.approx(10.0 / 5.0)


@pytest.mark.parametrize(
    ("pulls", "part"), [(0.9, 0.0), (1.0, 0.0), (2.0, 0.75), (2.99, 1.0 - 1.0 / 2.99**2), (3.01, 0.0), (-2.0, 0.75)]
)
def test_a_difference_of_jet_masses_is_a_scale_as_far_as_it_exceeds_its_error(pulls, part):
    error = np.hypot(0.028, 0.021)
    found = seen_scale(pulls * error, statistical=0.021)
    assert found.error == pytest.approx(error)
    assert found.pull == pytest.approx(abs(pulls))
    assert found.applied == pytest.approx(part * pulls * error)
    assert found.applied_error == pytest.approx(np.sqrt(part) * error)


def test_the_peak_scan_averages_from_half_to_twice_what_passes():
    assert [default_take(n) for n in (100, 21, 20, 3, 0)] == [(50, 200), (10, 42), (10, 40), (10, 20), (10, 20)]


def test_signal_is_simulated_within_two_widths_of_its_masses(table):
    lowest, highest = table.masses[:, 0].min(), table.masses[:, 0].max()
    names, rng = ("mj1", "mj2", "tau21_1"), np.random.default_rng(1)
    # a weight of a tenth lies 0.32 beyond in the logarithm
    for reference, good in (
        (1.36 * highest, True),
        (1.39 * highest, False),
        (lowest / 1.36, True),
        (lowest / 1.39, False),
    ):
        if good:
            drawn = simulated_signal(table, [reference], names, number=50, rng=rng)
            assert drawn.features.shape == (50, 3)
            assert np.median(np.log(drawn.mjj / reference)) == pytest.approx(0.0, abs=0.25)
        else:
            with pytest.raises(InputError, match="none near"):
                simulated_signal(table, [reference], names, number=50, rng=rng)
    with pytest.raises(InputError, match="has the feature 'pt'"):
        simulated_signal(table, [3_500.0], ("mj1", "pt"), number=50, rng=rng)
    assert table.columns == (
        "mjj", "mj1", "mj2", "tau21_1", "tau21_2", "tau32_1", "tau32_2", "massdrop_1", "massdrop_2",
    )  # fmt: skip


def test_hypotheses_end_where_jets_hold_no_decay():
    assert hypothesis_grid(1_000.0, step=(0.0, 50.0 * np.log(2.0)), heaviest=0.1).tolist() == [
        [50.0, 50.0], [100.0, 50.0], [100.0, 100.0],
    ]  # fmt: skip
    assert hypothesis_grid(500.0, heaviest=0.1).tolist() == [[50.0, 50.0]]
    with pytest.raises(InputError, match=r"no daughters between 50 and 49\.9 GeV"):
        hypothesis_grid(499.0, heaviest=0.1)


def test_cells_hold_what_lies_beyond_the_plane():
    jets = np.array([[-9.0, 0.5], [-5.0, -4.99], [-0.001, -0.021], [-4.981, -4.979]])
    assert cells(jets).tolist() == [249, 0, 249 * 250 + 248, 1]


def test_a_fit_stays_where_there_are_daughters_and_detectors():
    limits = _prepared(Parabola(), BEST._replace(m_x=26.0, log_width_mjj=-1.0, log_width_jets=0.6)).limits
    assert limits["m_x"] == (25.0, pytest.approx(26.0 * np.exp(0.1)))
    assert limits["m_y"] == pytest.approx((480.0 * np.exp(-0.1), 480.0 * np.exp(0.1)))
    assert limits["log_width_mjj"] == pytest.approx((-1.2, -0.65))
    assert limits["log_width_jets"] == pytest.approx((0.25, 0.7))
    assert limits["m_resonance"] == pytest.approx((3_500.0 * np.exp(-0.06), 3_500.0 * np.exp(0.06)))
