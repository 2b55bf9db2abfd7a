"""Background and goodness of the mass fit with few events, or very many, by hand."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from bumphunt.errors import FitError
from bumphunt.masses import likelihood as likelihoods
from bumphunt.masses import projections as projected
from bumphunt.masses import starts
from bumphunt.masses.interpolation import bilinear_table
from bumphunt.masses.jet_scale import jet_mass_scale
from bumphunt.masses.likelihood import SelectedEvents, SelectedSignal, selected_signal
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.peak_scan import Sideband, _kernel_modes, peak_scan
from bumphunt.masses.plane import PlaneDensity, _adaptive_widths, _mirrored_kernels
from bumphunt.masses.profile import Curvature, _Profile, minimise
from bumphunt.masses.response import JET_GRID, Shape, _jets_near, shape_of, signal_model
from bumphunt.masses.signal_table import SignalTable
from bumphunt.results import Projection

from .test_by_hand import BEST, EvenPlane, Parabola, plane_without_events, spectrum_fit


@dataclass(frozen=True)
class Fitted:
    """What a fit of the spectrum says, as far as it is asked."""

    window_expected: float
    window_error: float
    family: str = "dijet3"
    sqrt_s: float = 13_000.0
    edges: np.ndarray = None
    masked: np.ndarray = None
    window: np.ndarray = None


@pytest.mark.parametrize(
    ("before", "now", "error"),
    [
        ((300.0, 30.0), (200.0, 10.0), 20.0),  # a tenth stays a tenth
        ((300.0, 30.0), (200.0, 25.0), 25.0),
        ((0.0, 0.0), (200.0, 10.0), 10.0),
    ],
)
def test_the_error_of_a_spectrum_without_signal_is_no_smaller_than_before(monkeypatch, before, now, error):
    more = {name: getattr(spectrum_fit(), name) for name in ("edges", "masked", "window")}
    mjj = np.array([3_050.0, 3_060.0, 3_150.0, 3_450.0])
    events = SelectedEvents(mjj=mjj, mj1=mjj, mj2=mjj, in_window=mjj == 3_150.0, spectrum=Fitted(*before, **more))
    seen = []
    monkeypatch.setattr(
        likelihoods, "fit_spectrum", lambda counts, edges, **_: seen.append(counts) or Fitted(*now, **more)
    )
    found = likelihoods._without_signal(events, np.array([1.0, 0.5, 0.25]))
    assert seen[0].tolist() == [1.5, 0.0, 0.0, 0.25]
    assert (found.spectrum.window_expected, found.spectrum.window_error) == pytest.approx((now[0], error))

    def failing(*_, **__):
        raise FitError("no")

    monkeypatch.setattr(likelihoods, "fit_spectrum", failing)
    assert likelihoods._without_signal(events, np.ones(3)) is events


@pytest.mark.parametrize(("efficiency", "factor"), [(0.125, 2.0), (1e4, 1e-3), (0.0, 0.25 / 1e-9)])
def test_selected_signal_is_as_much_as_passes(monkeypatch, efficiency, factor):
    """Of four events one half and one half pass in the range of mjj, one beside it, and one nowhere."""
    passed, accepted = np.array([0.5, 0.5, 0.7, 0.0]), np.array([0.05, 0.5, 0.7, 0.5])
    draws = SimpleNamespace(
        log_resonance=np.log([1.0, 1.1, 1.3, 1.0]), pull=np.full(4, 0.01), contained=np.arange(4.0),
        jet_masses=lambda masses: (np.full(4, 500.0), np.full(4, 100.0)),
    )  # fmt: skip
    told = []
    model = SimpleNamespace(with_residuals=lambda *given: told.append(given) or "after the cut")

    class Accepted:
        def __init__(self, *_, **__):
            self.factor = 1.0

        def __call__(self, mjj, mj1, mj2):
            return accepted

        def scaled(self, factor):
            return factor

    monkeypatch.setattr(likelihoods, "signal_model", lambda table, masses: model)
    monkeypatch.setattr(likelihoods, "draw_signal", lambda model, rng: draws)
    monkeypatch.setattr(likelihoods, "passed_by", lambda select, draws, masses: passed)
    monkeypatch.setattr(likelihoods, "Acceptance", Accepted)
    monkeypatch.setattr(SelectedSignal, "efficiency", lambda self, masses: efficiency)
    found = selected_signal(None, (3_500.0, 500.0, 100.0), ends=(3_400.0, 4_000.0), select="select")
    assert found.model == "after the cut"
    residual, weight, contained = told[0]
    np.testing.assert_allclose(residual, draws.log_resonance - 0.01)
    # ten times what the jets' masses tell counts five times; what never passes hardly counts
    np.testing.assert_allclose(weight, [5.001, 1.001, 1.001, 0.001])
    assert contained is draws.contained
    assert found.acceptance == pytest.approx(factor)


def test_lines_of_equal_quantile_that_run_together_leave_a_tenth():
    plane = plane_without_events()
    masses = np.full(1, 4_000.0), np.array([500.0]), np.array([100.0])
    for stretch, part in ((0.4, 0.16), (0.3, 0.1), (1.5, 2.25)):
        plane.growth = SimpleNamespace(stretch=lambda *_, by=stretch, **__: np.array([by]))
        assert plane._jacobian(*masses)[0] == pytest.approx(part / 5e4)


def test_kernels_of_many_events_are_those_of_a_part_of_them():
    """Narrower by the sixth root of the numbers; pairs of events at one place have one width."""
    points = np.random.default_rng(1).normal([5.0, 4.0], 0.4, (600, 2))
    points[0] = 12.0  # far from all others: wide, but no more than three times
    points[1:301] = 5.0  # and narrow where events crowd, but no less than three tenths
    one, both = _adaptive_widths(points), _adaptive_widths(np.repeat(points, 2, axis=0))
    np.testing.assert_allclose(both[::2], 0.5 ** (1.0 / 6.0) * one)
    np.testing.assert_allclose(both[1::2], both[::2])
    assert one[0] / one[1] == pytest.approx(10.0)
    assert (one[0], one[1]) == (one.max(), one.min())


def test_a_kernel_is_nine_parts_of_one_width_and_a_tenth_of_three():
    at, points = np.array([[5.0, 4.0], [6.0, 4.5]]), np.array([[5.2, 4.1]])
    found = _mirrored_kernels(at, points, np.array([0.3]))[:, 0]
    for place, density in zip(at, found, strict=True):
        expected = 0.0
        for x, y in (points[0], points[0][::-1]):
            for part, width in ((0.9, 0.3), (0.1, 0.9)):
                expected += part * norm.pdf(place[0], x, width) * norm.pdf(place[1], y, width)
        assert density == pytest.approx(expected)


def test_events_are_judged_without_their_own_kernel():
    """Three events far apart: each has of the other two what their broad parts leave, next to nothing."""
    at = np.array([[3_000.0, 1_000.0], [300.0, 100.0], [30.0, 10.0]])
    mjj = np.full(3, 4_000.0)
    growth = SimpleNamespace(
        removed=lambda axis, mjj, logs, reference: logs, stretch=lambda axis, mjj, logs, reference: np.ones(len(logs))
    )
    plane = PlaneDensity(mjj, *at.T, growth=growth, reference=4_000.0)
    alone, together = plane.left_out(), plane(mjj, *at.T)
    assert (alone < 0.05 * together).all()
    assert plane.n_events == 3.0
    # where another one lies at the same place, that one is left; widths are rounded to steps of 15 percent
    twice = PlaneDensity(np.full(4, 4_000.0), *at[[0, 0, 1, 2]].T, growth=growth, reference=4_000.0)
    np.testing.assert_allclose(twice.left_out()[:2], twice(mjj[:2], *at[[0, 0]].T) * 2.0 / 3.0, rtol=0.08)


def test_background_is_compared_where_it_was_simulated():
    rng = np.random.default_rng(1)
    for mjj, compared in ((2_880.0, False), (2_920.0, True), (6_980.0, True), (7_020.0, False)):
        masses = mjj * np.exp(rng.normal(-2.7, 0.3, (2, 500)))
        assert (jet_mass_scale(np.full(500, mjj), *masses) is not None) is compared


def test_soft_particles_move_a_peak_that_lies_above_its_particle_only():
    for mode, peak in ((0.04, 0.02), (0.0, 0.0), (-0.03, -0.03)):
        assert Shape.peak(SimpleNamespace(mode=mode), 0.5) == pytest.approx(peak)


def test_a_shape_is_no_sharper_than_two_steps_of_its_grid():
    step = JET_GRID[1] - JET_GRID[0]
    found = shape_of(np.full(9, JET_GRID[840]), np.ones(9), JET_GRID)
    assert found.core_width == pytest.approx(2.0 * step, rel=0.03)
    assert found.mode == pytest.approx(JET_GRID[840], abs=1e-6)
    assert found.below(JET_GRID[-1]) == pytest.approx(1.0)


def part_of(variable, signal, background, counts):
    return Projection(
        variable=variable, edges=np.arange(len(counts) + 1.0), counts=np.array(counts), signal=np.array(signal),
        background=np.array(background),
    )  # fmt: skip


def test_the_goodness_is_the_worst_of_three_paid_for_three_times(monkeypatch):
    asked, p_values = [], {}

    def p_value(counts, expected, *, variance, n_parameters):
        asked.append((expected, variance, n_parameters))
        return None, None, p_values[len(asked)]

    monkeypatch.setattr(projected, "simulated_per_event", lambda likelihood, at: 4.0)
    monkeypatch.setattr(projected, "pearson_p_value", p_value)
    likelihood = SimpleNamespace(events=SimpleNamespace(width=1.5), plane=SimpleNamespace(n_events=50.0))
    parts = [part_of(name, [4.0, 0.0], [6.0, 14.0], [9.0, 15.0]) for name in ("mjj", "mj1", "mj2")]
    for lowest, found in ((0.1, 0.3), (0.4, 1.0)):
        asked.clear()
        p_values.update({1: 0.5, 2: lowest, 3: 0.9})
        assert projected.goodness(tuple(parts), likelihood, None) == pytest.approx(found)
    # Poisson's variance, 1.25 of background more by its width, and of the signal a quarter; of jets 20 / 50 beside
    for number, known in enumerate((0.0, 0.4, 0.4)):
        expected, variance, n_parameters = asked[number]
        np.testing.assert_allclose(expected, [10.0, 14.0])
        np.testing.assert_allclose(variance, [10.0 + 6.0 * (1.25 + known) + 1.0, 14.0 + 14.0 * (1.25 + known)])
        assert n_parameters == 2


def test_simulated_events_are_worth_less_where_weights_differ(monkeypatch):
    weight = np.array([1.0, 3.0, 0.0, 0.0])
    monkeypatch.setattr(projected, "_drawn", lambda signal, masses, widening, number: (0, 0, 0, number * weight))
    pool = SimpleNamespace(weight=np.array([1.0, 1.0, 2.0]))  # worth 16 / 6 events
    likelihood = SimpleNamespace(signal=SimpleNamespace(model=SimpleNamespace(pool=pool)))
    at = Parameters(3_500.0, 500.0, 100.0, 2.0, 1.0, 0.0, 0.0, 0.0)
    assert projected.simulated_per_event(likelihood, at) == pytest.approx(0.5 * 4.0 / 10.0 / (1.0 + 4.0 * 6.0 / 16.0))


@pytest.mark.parametrize(("shift", "times"), [(0.5, 1.5), (-0.9, 0.1), (-2.0, 0.05)])
def test_background_drawn_under_a_window_stays_positive(monkeypatch, shift, times):
    monkeypatch.setattr(projected, "_drawn", lambda *_: (*[np.full(2, 3_150.0)] * 3, np.ones(2)))
    nothing = np.array([3_050.0])
    events = SelectedEvents(
        mjj=nothing, mj1=nothing, mj2=nothing, in_window=np.zeros(1, dtype=bool), spectrum=spectrum_fit()
    )
    spectrum = SimpleNamespace(density=lambda m: np.full(len(m), 2e-3), bump=lambda m: np.ones(len(m)))
    likelihood = SimpleNamespace(events=events, signal=None, spectrum=spectrum, plane=EvenPlane())
    parts = projected.projections(likelihood, Parameters(3_150.0, 500.0, 100.0, 4.0, 600.0, 0.0, 0.0, shift))
    # 600 events, 2e-3 of them a GeV, over 100 GeV in twelve bins
    np.testing.assert_allclose(parts[0].background, np.full(12, 10.0 * times))
    # without events jets are drawn to 1.4 times their particles' masses
    assert [part.edges[-1] for part in parts[1:]] == pytest.approx([700.0, 140.0])


def test_background_of_the_same_scores_is_taken_off_a_mode():
    values, score = np.array([300.0, 300.0, 300.0, 500.0, 500.0]), np.array([0.9, 0.8, 0.8, 0.7, 0.7])
    beside = {"mj1": np.array([300.0, 300.0, 300.0])}
    for last, scale, found in ((0.7, 1.0, 500.0), (0.7, 0.2, 300.0), (0.69, 0.4, 300.0), (0.7, 0.4, 500.0)):
        sideband = Sideband(score=np.array([0.9, 0.8, last]), variables=beside, scale=scale)
        mode = _kernel_modes("mj1", values, score, np.array([5]), np.ones(5), sideband)[0]
        assert mode == pytest.approx(found, rel=0.01)
    one = Sideband(score=np.array([0.9, 0.8, 0.8]), variables=beside, scale=1.0, weights=np.array([0.5, 0.0, 0.0]))
    assert _kernel_modes("mj1", values, score, np.array([5]), np.ones(5), one)[0] == pytest.approx(300.0, rel=0.01)
    assert np.isnan(_kernel_modes("mj1", values, score, np.array([2]), np.zeros(5), None)[0])


def test_a_bootstrap_of_the_first_few_events_draws_one_at_least():
    mass = np.array([500.0, 505.0, 510.0, 515.0, 700.0, 710.0])
    found = peak_scan(
        np.linspace(1.0, 0.5, 6), {"mj1": mass}, bin_widths={"mj1": 20.0}, take=(1, 2), steps=9,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert np.isfinite(found.robust_error).all()
    assert found.n_taken.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_bilinear_table_holds_what_is_bilinear_on_any_grids():
    along, across = np.linspace(2.0, 3.0, 5), np.linspace(-1.0, 0.5, 4)
    table = bilinear_table((along, across), 3.0 + np.outer(along, across) - 2.0 * across)
    x, y = np.array([2.1, 2.9, 2.0, 3.0, 2.45]), np.array([-0.9, 0.4, -1.0, 0.5, 0.1])
    np.testing.assert_allclose(table(x, y), 3.0 + x * y - 2.0 * y)
    # beyond the ends it stands still
    np.testing.assert_allclose(table(np.array([1.0, 9.0]), np.array([9.0, -9.0])), [3.0, 3.0 - 3.0 + 2.0], atol=1e-6)


def test_jets_below_a_gev_are_one_place_where_a_fit_starts(monkeypatch):
    monkeypatch.setattr(starts, "_resonance", lambda events, near, chosen: int(near.sum()))
    mj2 = np.array([0.0] * 10 + [0.9] * 10 + [1.2] * 5)
    for mj1, within in ((np.full(25, 500.0), 20), (np.array([0.0] * 10 + [0.9] * 10 + [500.0] * 5), 20)):
        events = SelectedEvents(
            mjj=np.full(25, 3_150.0), mj1=mj1, mj2=mj2, in_window=np.ones(25, dtype=bool),
            spectrum=spectrum_fit(window_expected=1.0),
        )  # fmt: skip
        assert starts.starting_points(events, EvenPlane(), number=1)[0][0] == within


@pytest.mark.parametrize("heavier", [True, False])
def test_jets_below_a_gev_have_the_background_of_one_gev(heavier):
    """A crowd of eight and one of three: the second starts a fit where it is less than ten behind."""
    other, nothing = np.repeat([515.0, 309.0], [8, 3]), np.full(11, 0.25)
    mj1, mj2 = (other, nothing) if heavier else (nothing, other)
    events = SelectedEvents(
        mjj=np.full(11, 3_150.0), mj1=mj1, mj2=mj2, in_window=np.ones(11, dtype=bool),
        spectrum=spectrum_fit(window_expected=1.0),
    )  # fmt: skip
    for behind, found in ((10.4, 1), (9.6, 2)):
        density = 0.7 * 10.0 / (2.0 * np.pi * 0.07 * 0.10) / np.expm1(behind / 5.0)
        plane = lambda mjj, mj1, mj2, density=density: density / np.maximum(mj1, mj2)  # noqa: E731
        assert len(starts.starting_points(events, plane)) == found


@pytest.mark.parametrize(("number", "found"), [(1_199, 2), (1_200, 1)])
def test_of_very_many_events_a_part_is_tried_as_the_place_of_a_peak(number, found):
    other = np.arange(number) % 2 == 1  # every second event: from 1200 on it is not tried
    events = SelectedEvents(
        mjj=np.full(number, 3_150.0), mj1=np.where(other, 309.0, 515.0), mj2=np.where(other, 180.0, 103.0),
        in_window=np.ones(number, dtype=bool), spectrum=spectrum_fit(window_expected=1.0),
    )  # fmt: skip
    assert len(starts.starting_points(events, lambda mjj, mj1, mj2: 1.0 / (mj1 * mj2))) == found


def simulated(events):
    """Return ten points of one pair of equal masses, whose jets and mjj are spread by three percent."""
    logs = np.random.default_rng(1).normal(0.0, 0.03, (3, 10, events))
    return SignalTable(
        masses=np.tile([3_500.0, 300.0, 300.0], (10, 1)), log_resonance=logs[0], log_jet=np.moveaxis(logs[1:], 0, 1),
        substructure=np.full((10, 2, events, 1), 0.3), accepted=np.full(10, 0.8), core=np.zeros(10),
        observables=("tau21",),
    )  # fmt: skip


def test_a_response_is_made_of_no_more_events_than_give_it_to_a_percent():
    # of both jets of ten points: 25,000 for a shape
    for number, step in ((2_499, 1), (2_500, 2)):
        found = _jets_near(simulated(number), 300.0, 3_500.0)
        assert (found[2], found[3].shape[1]) == (step, -(-number // step))
    # 40,000 for the pool, in which either jet is that of X
    for number, step in ((3_999, 1), (4_000, 2)):
        model = signal_model(simulated(number), (3_500.0, 300.0, 300.0))
        assert model.pool.weight.size == 20 * -(-number // step)
    assert model.accepted == pytest.approx(0.8)


def test_a_profile_is_followed_along_the_ridge():
    """The other parameters start where the covariance has their minimum, inside of their limits."""
    found = object.__new__(_Profile)
    found.value, found._name, found._lowest = 500.0, "m_x", 10.0
    found._best = np.array([3_500.0, 500.0, 100.0, 80.0, 250.0, 0.0, 0.0, 0.0])
    found._slopes, found._errors = np.array([4.0, 1.0, -0.5, 0.0, 0.0, 0.01, -0.5, 0.0]), None
    found._limits = [(0.0, np.inf)] * 5 + [(-1.0, 1.0)] * 3
    found._minuit = SimpleNamespace(reset=lambda: None, migrad=lambda ncall: None, fval=13.5)
    assert found.rise(-8.0) == 3.5
    np.testing.assert_allclose(found._minuit.values, [3_468.0, 492.0, 104.0, 80.0, 250.0, -0.08, 0.998, 0.0])
    found._minuit.fval = 9.99
    assert found.rise(8.0) == 0.0
    np.testing.assert_allclose(found._minuit.values[[1, 6]], [508.0, -0.998])
    covariance = np.diag(np.full(8, 4.0))
    covariance[1, 2] = covariance[2, 1] = -2.0
    likelihood = Parabola()
    profile = _Profile(likelihood, minimise(likelihood, BEST), "m_x", Curvature(covariance=covariance))
    np.testing.assert_allclose(profile._slopes, [0.0, 1.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
