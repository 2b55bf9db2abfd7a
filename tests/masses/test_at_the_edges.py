"""Few events, none, jets without mass: what small parts of the mass fit answer there, worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.masses import fit, leave_one_out, starts, substructure
from bumphunt.masses.background_jets import BackgroundJets, _log_ratio
from bumphunt.masses.constants import RESPONSE_ERROR, TAU21_PRIOR
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.hypotheses import resonance_share
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.profile import _Profile
from bumphunt.masses.response import MASS_CLASSES, _substructure_quantiles
from bumphunt.masses.signal_table import _core
from bumphunt.masses.starts import starting_points
from bumphunt.masses.systematics import core_mean

from .test_by_hand import spectrum_fit

PEAK = 1.0 / (2.0 * np.pi * 0.07 * 0.10)
"""Height of a crowd's density in the logarithms of both jets' masses."""


class Even:
    """Background of one density in the logarithms of both jets' masses."""

    def __init__(self, density):
        self.density = density

    def __call__(self, mjj, mj1, mj2):
        return self.density / (mj1 * mj2)


def crowds(first, second, expected):
    """Return events of the window in two crowds, each at one place."""
    mj1 = np.repeat([515.0, 309.0], [first, second])
    mj2 = np.repeat([103.0, 180.25], [first, second])
    number = first + second
    return SelectedEvents(
        mjj=np.full(number, 3_150.0), mj1=mj1, mj2=mj2, in_window=np.ones(number, dtype=bool),
        spectrum=spectrum_fit(window_expected=expected),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "expected", "n_signal"),
    [
        (8, 3, 11.0, 3.0),  # no excess: three events at least
        (35, 30, 65.0, 0.15 * 65),  # or 15 percent of the window
        (35, 30, 40.0, 25.0),
        (8, 3, 0.25, 10.0),  # and one of background at least
    ],
)
def test_a_crowd_that_is_ten_behind_in_log_likelihood_starts_no_fit(first, second, expected, n_signal):
    events, n_background = crowds(first, second, expected), max(expected, 1.0)
    assert len(starting_points(events, Even(1e-9))) == 1
    for each, found in ((10.4, 1), (9.6, 2)):
        # at its crowd the signal, seven tenths of it, makes an event likelier by so much
        behind = each / (first - second)
        density = 0.7 * n_signal * PEAK / (n_background * np.expm1(behind))
        assert len(starting_points(events, Even(density))) == found


def test_a_crowd_is_what_lies_within_one_and_a_half_widths():
    mj1 = 515.0 * np.exp([0.0] * 40 + [0.07 * 1.45] * 4 + [0.07 * 1.55] * 4)
    number = len(mj1)
    events = SelectedEvents(
        mjj=np.full(number, 3_150.0), mj1=mj1, mj2=np.full(number, 103.0), in_window=np.ones(number, dtype=bool),
        spectrum=spectrum_fit(window_expected=1.0),
    )  # fmt: skip
    (_, m_x, m_y), *_ = starting_points(events, Even(0.01))
    assert m_x == pytest.approx(500.0 * np.exp(4 * 0.07 * 1.45 / 44))
    assert m_y == pytest.approx(100.0)
    # of three crowds two start a fit where no number is given
    mj1 = np.repeat([515.0, 309.0, 206.0], 9)
    three = SelectedEvents(
        mjj=np.full(27, 3_150.0), mj1=mj1, mj2=np.full(27, 103.0), in_window=np.ones(27, dtype=bool),
        spectrum=spectrum_fit(window_expected=1.0),
    )  # fmt: skip
    assert [len(starting_points(three, Even(0.01), **more)) for more in ({}, {"number": 3})] == [2, 3]
    light = SelectedEvents(
        mjj=np.full(9, 3_150.0), mj1=np.full(9, 28.0), mj2=np.full(9, 9.0), in_window=np.ones(9, dtype=bool),
        spectrum=spectrum_fit(window_expected=1.0),
    )  # fmt: skip
    assert starting_points(light, Even(0.01))[0][1:] == (30.0, 30.0)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (0.0, 3_160.0),
        (200.0, 3_150.0 + 10.0 / 0.75),  # half of the window is background, a quarter of the crowd
        (390.0, 3_150.0 + 10.0 / 0.65),  # three tenths are signal at least
        (500.0, 3_150.0 + 10.0 / 0.65),
    ],
)
def test_where_the_resonance_of_a_crowd_is_looked_for(monkeypatch, expected, found):
    monkeypatch.setattr(starts, "MassSpectrum", lambda spectrum: SimpleNamespace(density=np.ones_like))
    near = np.arange(400) < 100
    events = SimpleNamespace(
        mjj=np.where(near, 3_160.0, 3_120.0), window=(3_100.0, 3_200.0), spectrum=spectrum_fit(window_expected=expected)
    )
    assert starts._resonance(events, near, np.arange(400)) == pytest.approx(found)
    events.mjj[near] = 3_199.0
    assert starts._resonance(events, near, np.arange(400)) == pytest.approx(3_199.0 if expected == 0.0 else 3_200.0)


def test_tau21_is_read_between_a_thousandth_and_one(monkeypatch):
    table = pd.DataFrame({"tau21_1": [0.5, 5e-4, 2e-3], "tau21_2": [0.6, 0.0, 1.0]})
    told = substructure.at_scale(lambda events: events[["tau21_1", "tau21_2"]].to_numpy(), 1.8)(table)
    np.testing.assert_allclose(told, [[0.9, 1.0], [1e-3, 1e-3], [3.6e-3, 1.0]])
    np.testing.assert_allclose(
        substructure._mean_log(np.array([[0.0, 0.5], [2.0, 0.5]])), [0.5 * np.log(1e-3), np.log(0.5)]
    )
    # one event below the least and one above one: the scale moves neither
    events = pd.DataFrame(
        {"mjj": 3_150.0, "mj1": 500.0, "mj2": 100.0, "tau21_1": [5e-4, 0.9, 3.0], "tau21_2": [5e-4, 0.9, 3.0]}
    )
    told = []

    def select(events):
        told.append(events["tau21_1"].to_numpy())
        return np.array([0.25, 0.5, 0.25])

    monkeypatch.setattr(substructure.MassBox, "holds", lambda self, mj1, mj2, model: mj1 > 0)
    draws = SimpleNamespace(measured=lambda model, widening: SimpleNamespace(table=lambda masses: events.copy()))
    likelihood = SimpleNamespace(
        signal=SimpleNamespace(model=None, draws=draws),
        events=SimpleNamespace(window=(3_100.0, 3_200.0), range=(3_000.0, 3_500.0)),
    )
    at = SimpleNamespace(masses=(3_150.0, 500.0, 100.0), widening=(1.0, 1.0))
    means, efficiencies = substructure._predictions(likelihood, at, select)
    scales = np.exp([-0.4, -0.2, 0.0, 0.2, 0.4])
    np.testing.assert_allclose(np.array(told)[:, 0], 1e-3)
    np.testing.assert_allclose(np.array(told)[:, 2], 1.0)
    middle = np.minimum(0.9 * scales, 1.0)
    np.testing.assert_allclose(np.array(told)[:, 1], middle)
    np.testing.assert_allclose(means, 0.25 * np.log(1e-3) + 0.5 * np.log(middle))
    np.testing.assert_allclose(efficiencies, 1.0 / 3.0)


@pytest.mark.parametrize("error", [0.02, 0.3])
def test_the_scale_of_tau21_weighs_data_and_prior(monkeypatch, error):
    """The mean grows by 0.8 of the scale and the logarithm of the efficiency falls by twice it: straight lines."""
    scales, seen = np.linspace(-0.4, 0.4, 5), -1.4
    predicted, efficiency = -1.5 + 0.8 * scales, 0.3 * np.exp(-2.0 * scales)
    monkeypatch.setattr(substructure, "_predictions", lambda *_: (predicted, efficiency))
    monkeypatch.setattr(substructure, "_seen", lambda *_: (seen, error))
    likelihood = SimpleNamespace(signal=SimpleNamespace(model=SimpleNamespace(observables=("tau21",))))
    found = substructure.tau21_scale(likelihood, None, None)
    by_data, own = (seen + 1.5) / 0.8, error / 0.8
    weights = np.array([own**-2, TAU21_PRIOR**-2])
    scale = by_data * weights[0] / weights.sum()
    assert found.log_scale == pytest.approx(scale, abs=1e-5)
    assert found.correction == pytest.approx(np.exp(-2.0 * scale), rel=1e-4)
    # both together are the error of the weighted mean, the data's part of it as its weight
    assert np.hypot(found.statistical, found.prior) == pytest.approx(2.0 / np.sqrt(weights.sum()), rel=1e-4)
    assert found.statistical / found.prior == pytest.approx(np.sqrt(weights[0] / weights[1]), rel=1e-4)
    assert found.cost == pytest.approx(by_data**2 / (own**2 + TAU21_PRIOR**2), rel=1e-3)
    assert found.compared
    # where the mean hardly depends on the scale, it is taken to do so by a thousandth
    monkeypatch.setattr(substructure, "_predictions", lambda *_: (np.full(5, -1.5), efficiency))
    flat, own = substructure.tau21_scale(likelihood, None, None), error / 1e-3
    assert flat.log_scale == pytest.approx(0.0, abs=1e-9)
    assert flat.prior == pytest.approx(2.0 * TAU21_PRIOR, rel=1e-3)
    assert flat.statistical == pytest.approx(2.0 * own / (1.0 + (own / TAU21_PRIOR) ** 2), rel=1e-4)
    monkeypatch.setattr(substructure, "_predictions", lambda *_: (predicted, efficiency))
    monkeypatch.setattr(substructure, "_seen", lambda *_: None)
    untold = substructure.tau21_scale(likelihood, None, None)
    assert (untold.log_scale, untold.correction, untold.compared) == (0.0, 1.0, False)
    assert untold.prior == pytest.approx(2.0 * TAU21_PRIOR, rel=1e-4)
    monkeypatch.setattr(substructure, "_predictions", lambda *_: (predicted, np.zeros(5)))
    assert substructure.tau21_scale(likelihood, None, None) == substructure.Tau21Scale()


def test_jets_without_mass_are_read_as_a_thousandth_of_a_gev():
    flat = BackgroundJets(heavier=(0.0, 0.0, -2.0), lighter=(0.0, 0.0, -3.0), ends=(3_000.0, 5_000.0))
    mjj, nothing = np.array([4_000.0, 4_000.0]), np.zeros(2)
    seen, error, number = flat.difference(mjj, mjj * np.exp(-1.9), nothing)
    assert (error, number) == (0.0, 2)
    assert seen == pytest.approx(0.5 * (0.1 + np.log(1e-3 / 4_000.0) + 3.0))
    assert _log_ratio(np.array([0.0]), np.array([2.0]))[0] == pytest.approx(np.log(2_000.0))


class Rising(_Profile):
    """A profile of given rises, of an error of 10 GeV about 500 GeV."""

    def __init__(self, rises):
        self.value, self.error, self.ends, self.rises = 500.0, 10.0, (100.0, 900.0), rises

    def rise(self, distance):
        return self.rises(abs(distance) / self.error)


def test_a_crossing_that_two_steps_do_not_reach_is_drawn_as_on_a_parabola():
    # one is passed at 0.92703 errors; the second step ends at 0.9241, where the rise is 0.990
    steep = Rising(lambda distance: distance**2 + 0.3 * distance**10)
    for side in (1.0, -1.0):
        assert steep.crossing(side) == pytest.approx(9.2703, rel=3e-3)
    # whatever the last step says, it is not lengthened to more than twice
    heights = iter([0.24, 0.96, 1.1, 0.05])
    places = []

    def listed(distance):
        places.append(distance)
        return next(heights)

    assert Rising(listed).crossing(1.0) == pytest.approx(2.0 * 10.0 * places[-1])


class Points(SimpleNamespace):
    def __len__(self):
        return len(self.masses)


def points_with(masses):
    return Points(masses=masses, at=lambda rows: rows, log_jet=masses, log_resonance=np.full((len(masses), 9), np.nan))


def points_of(monkeypatch, inner):
    """Return what is found of points: inner ones are five percent off, others a half; the last holds no decay."""
    inner = np.array(inner)
    masses = np.array([(3_000.0 + number, 300.0, 100.0) for number in range(len(inner))])
    off = np.where(inner, 0.05, 0.5)
    monkeypatch.setattr(leave_one_out, "signal_model", lambda others, point: SimpleNamespace(
        pool=SimpleNamespace(ratio=None, weight=None), place=int(point[0] - 3_000.0),
    ))  # fmt: skip
    monkeypatch.setattr(leave_one_out, "_log_resonance", lambda model: model.place)
    monkeypatch.setattr(leave_one_out, "_inner", lambda table: inner[: len(table)])

    def cores(log_jet, log_resonance, weight):
        if log_jet is None:  # of the others: predicted
            return np.array([*[0.2 + off[log_resonance]] * 3, 0.5 * (1.0 + off[log_resonance])])
        return np.array([0.2, 0.2, 0.2, 0.0 if log_jet[0] == masses[-1, 0] else 0.5])

    monkeypatch.setattr(leave_one_out, "_cores", cores)
    return leave_one_out.leave_one_out(points_with(masses))


def test_three_inner_points_tell_the_errors_of_a_response(monkeypatch):
    found = points_of(monkeypatch, [True, False, True, True, False, False, False])
    np.testing.assert_allclose(found.errors, 1.4826 * 0.05)
    # where no event holds both decays, the part that does is taken for a thousandth
    np.testing.assert_allclose(found.differences[:, 3], [0.05, 0.5, 0.05, 0.05, 0.5, 0.5, 749.0])
    assert found.inner.tolist() == [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    # with two, all count
    found = points_of(monkeypatch, [True, False, True] + [False] * 4)
    np.testing.assert_allclose(found.errors, 1.4826 * 0.5)
    # the error is what is declared, at least; of many points a hundred are predicted, the ends among them
    many = points_of(monkeypatch, [True] * 120)
    assert (len(many.masses), many.masses[0, 0], many.masses[-1, 0]) == (100, 3_000.0, 3_119.0)
    monkeypatch.setattr(leave_one_out, "_cores", lambda *_: np.full(4, 0.5))
    np.testing.assert_allclose(leave_one_out.leave_one_out(points_with(many.masses[:3])).errors, RESPONSE_ERROR)


def test_the_background_under_the_peak_is_known_as_well_as_the_sidebands_tell():
    probability = np.array([0.5, 0.8, 0.9, 0.2])
    in_window = np.array([True, True, False, False])

    def variance(outside, expected):
        events = SimpleNamespace(
            in_window=in_window, outside=np.arange(4) < outside, spectrum=SimpleNamespace(window_expected=expected)
        )
        likelihood = SimpleNamespace(events=events, signal_probability=lambda at: probability)
        return fit._plane_variance(SimpleNamespace(likelihood=likelihood, at=None))

    under = 0.25 + 0.16
    assert variance(4, 2.0) == pytest.approx(under / 2.0)
    assert variance(4, 0.5) == pytest.approx(under / 4.0)  # one event of background at least
    assert variance(0, 2.0) == pytest.approx(under / 1e-3)


def test_growth_is_learned_from_a_hundred_events_a_slice():
    rng = np.random.default_rng(1)
    mjj = rng.uniform(3_000.0, 5_000.0, 1_500)
    mj1 = 300.0 * (mjj / 4_000.0) * np.exp(rng.normal(0.0, 0.1, 1_500))
    moved = [
        growth.removed(0, np.array([3_500.0]), np.log([300.0]), reference=4_500.0)[0] - np.log(300.0)
        for growth in (MassGrowth(mjj, mj1, mj1), MassGrowth(mjj[1:], mj1[1:], mj1[1:]))
    ]
    assert moved[0] == pytest.approx(np.log(4_500.0 / 3_500.0), abs=0.03)
    assert moved[1] == pytest.approx(0.5 * np.log(4_500.0 / 3_500.0))


def points_along(distances, log_jet=0.03):
    """Return points of signal at these distances from 1000 GeV in log m_resonance, one event in a bin of its own."""
    distances = np.asarray(distances)
    number = len(distances)
    return SimpleNamespace(
        masses=1_000.0 * np.exp(distances)[:, None] * np.array([1.0, 0.1, 0.1]),
        log_jet=np.broadcast_to(log_jet, (number, 2, 1)), log_resonance=0.1 * (np.arange(number)[:, None] + 0.5),
    )  # fmt: skip


def test_the_share_of_signal_is_that_of_points_nearby():
    edges = 1_000.0 * np.exp(0.1 * np.arange(31))
    # within one and a half scales of 0.15 where there are twenty, else the twenty nearest
    many = resonance_share(points_along([*np.linspace(-0.2, 0.224, 21), 0.226, 0.3]), 1_000.0, edges)
    np.testing.assert_allclose(many[:24], [1 / 21] * 21 + [0.0] * 3)
    few = resonance_share(points_along(0.05 * np.arange(30.0)), 1_000.0, edges)
    np.testing.assert_allclose(few, [1 / 20] * 20 + [0.0] * 10)
    three = resonance_share(points_along([1.0, 2.0, 3.0]), 1_000.0, edges)
    np.testing.assert_allclose(three[:4], [1 / 3] * 3 + [0.0])
    # of events both of whose jets hold their decays: within 0.15 of 0.03
    jets = np.array([[-0.11, 0.17], [-0.13, 0.03], [0.03, 0.19], [0.03, 0.03]])[:, :, None]
    held = resonance_share(points_along([0.0, 0.01, 0.02, 0.03], jets), 1_000.0, edges)
    np.testing.assert_allclose(held[:4], [0.5, 0.0, 0.0, 0.5])
    assert resonance_share(points_along([0.0], 1.0), 1_000.0, edges).sum() == 0.0


def test_a_core_is_the_median_of_more_than_ten_contained_events():
    log_resonance = np.array([[0.02] * 11 + [0.5] * 9, [0.04] * 10 + [0.5] * 10])
    contained = np.array([np.arange(20) < 11, np.arange(20) < 10])
    log_jet = np.where(contained[:, None], 0.1, 0.3) * np.ones((2, 2, 20))
    assert _core(log_resonance, log_jet).tolist() == [0.02, 0.0]
    for edge, median in ((0.17, 0.02), (-0.11, 0.02), (0.19, 0.0), (-0.13, 0.0)):
        log_jet[:, 1] = np.where(contained, edge, 0.3)
        assert _core(log_resonance, log_jet)[0] == median


def test_a_class_of_few_jets_has_the_substructure_of_all():
    mass_class = np.repeat([0, 1], [20, 19])
    values = np.concatenate([np.full(20, 0.2), np.full(19, 0.6)])[:, None]
    found = _substructure_quantiles(mass_class, values, np.ones(39))
    assert found.shape == (MASS_CLASSES, 1, 41)
    assert set(found[0].ravel()) == {0.2}
    assert found[1, 0, [1, -1]].tolist() == [0.2, 0.6]


def test_a_core_is_found_from_its_own_centre():
    # tails beyond 0.3 count as 0.3 where the search starts, and not at all where it ends
    values, ones = np.array([0.0, 0.01, 0.02, 0.03, 5.0]), np.ones(5)
    centre, spread, part = core_mean(values, ones)
    assert (centre, spread, part) == pytest.approx((0.015, np.std(values[:4]), 0.8))
    weighted = core_mean(values, np.array([3.0, 1.0, 1.0, 1.0, 2.0]))
    assert (weighted[0], weighted[2]) == pytest.approx((0.01, 0.75))
    # nothing within 0.15 of where it starts: all that is known is that
    apart = core_mean(np.array([-0.2, 0.2]), np.ones(2))
    assert apart == pytest.approx((0.0, 0.2, 1.0))
    # what lies far off pulls it to 0.3 times 0.8 / 1.8 at first
    for far in (5.0, -5.0):
        assert core_mean(np.array([0.0, far]), np.array([1.0, 0.8]))[0] == 0.0
    assert core_mean(np.array([0.149, -0.149, 0.0]), np.ones(3))[2] == pytest.approx(1.0)
    assert core_mean(np.array([0.151, -0.151, 0.0]), np.ones(3))[2] == pytest.approx(1 / 3)
