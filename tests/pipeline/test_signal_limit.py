"""Parts of a limit on a signal model, by hand: what is injected, what is counted, which way to look is chosen."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import ConfigError, FitError, InputError
from bumphunt.pipeline import signal_limit
from bumphunt.pipeline.injections import Injection, SignalSample
from bumphunt.pipeline.prior_limit import prior_trainings
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.results import MethodLimit
from bumphunt.significance.efficiency import fit_efficiency
from bumphunt.significance.marginal_limits import SelectedCount
from bumphunt.significance.workspace import build_workspace, upper_limit
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.spectrum import Spectrum

EDGES = mass_grid(3_000.0, 5_000.0, ratio=1.03)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])
WINDOW = window_on_grid(EDGES, 3_600.0, 4_000.0, sideband=4)


def sample(mjj, inside=True):
    mjj = np.asarray(mjj, dtype=float)
    return SignalSample(mjj=mjj, features=np.zeros((len(mjj), 1)), inside=np.full(len(mjj), inside))


def task_of(config=None, *, window=WINDOW, mjj=CENTRES):
    return SimpleNamespace(
        config=config_from_dict(config or {}), window=window, mjj=mjj, edges=EDGES,
        masked_bins=lambda guard: window.masked_bins(EDGES, guard=guard),
    )  # fmt: skip


def way(name, expected, *, observed=10.0, efficiency=None, search=None):
    return MethodLimit(
        name=name, cut_fraction=None, n_signal_95=observed, expected=np.full(5, expected), efficiency=efficiency,
        search=search,
    )  # fmt: skip


def test_a_sample_is_parted_into_injected_events_and_events_to_ask():
    signal = sample(np.linspace(3_000.0, 5_000.0, 350))
    assert signal.needed(100.0) == 350, "five standard deviations more, and two hundred to ask"
    injected, probes = signal.parted(100.0, np.random.default_rng(1))
    assert len(injected) == np.random.default_rng(1).poisson(100.0)
    assert sorted([*injected, *probes]) == list(range(350))
    with pytest.raises(InputError, match=r"349 signal events are too few to inject 100 of them; give at least\s+350"):
        sample(signal.mjj[:349]).parted(100.0, np.random.default_rng(1))
    many = sample(np.full(9_000, 3_500.0))
    injected, probes = many.parted(10.0, np.random.default_rng(2))
    assert len(probes) == 4_000
    assert not set(injected) & set(probes)
    # no more are injected than leave two hundred to ask
    assert len(sample(np.zeros(200)).parted(0.0, np.random.default_rng(1))[0]) == 0
    np.testing.assert_allclose(sample([3_010.0, 3_020.0, 3_100.0, 9_000.0]).fractions(EDGES)[:2], [0.5, 0.25])


def test_strengths_are_parts_of_the_inclusive_limit_or_of_the_spread_of_the_window():
    mjj = np.concatenate([np.full(400, 3_700.0), np.full(50, 3_100.0)])
    plain = task_of(mjj=mjj)
    assert signal_limit.strengths_of(plain, way("inclusive", 200.0)) == (0.0, 20.0, 40.0, 70.0, 120.0, 200.0)
    assert signal_limit.strengths_of(plain, way("inclusive", 123.4)) == (0.0, 12.3, 24.7, 43.2, 74.0, 123.4)
    assert signal_limit.strengths_of(plain, None) == (0.0, 6.0, 12.0, 21.0, 36.0, 60.0)
    named = task_of({"limit": {"strengths": [300.0, 100.0, 100.0]}})
    assert signal_limit.strengths_of(named, None) == (0.0, 100.0, 300.0)


def test_trainings_of_a_limit_are_counted():
    config = {"limit": {"draws": 3, "strengths": [0.0, 50.0]}, "cwola": {"decorrelate": False}}
    found = signal_limit.injections_of(task_of(config), sample(np.zeros(286)), (0.0, 50.0))
    assert [(each.strength, each.draw, each.decorrelated) for each in found] == [
        (0.0, 0, False), (0.0, 1, False), (0.0, 2, False), (50.0, 0, False), (50.0, 1, False), (50.0, 2, False),
    ]  # fmt: skip
    with pytest.raises(InputError, match="holds 285 events, too few to inject 50"):
        signal_limit.injections_of(task_of(config), sample(np.zeros(285)), (0.0, 50.0))
    assert prior_trainings(config_from_dict(config)) == 3
    assert prior_trainings(config_from_dict({"limit": {"draws": 2}})) == 4


def test_windows_hold_a_fifth_of_the_signal():
    windows = [window_on_grid(EDGES, low, 1.1 * low, sideband=4) for low in (3_300.0, 3_600.0, 3_900.0)]
    search = SimpleNamespace(tasks=[task_of(window=window) for window in windows])
    inside = [0.5 * (window.low + window.high) for window in windows]
    signal = sample(np.repeat([*inside, 9_000.0], [1, 2, 1, 1]))
    assert [each.window for each in signal_limit.windows_of(search, signal, number=9)] == [
        windows[1], windows[0], windows[2],
    ]  # fmt: skip
    assert [each.window for each in signal_limit.windows_of(search, signal)] == [windows[1]]
    with pytest.raises(InputError, match=f"no window between {windows[0].low:.0f} and {windows[2].high:.0f} GeV"):
        signal_limit.windows_of(search, sample(np.repeat([inside[0], 9_000.0], [19, 81])))


@pytest.mark.parametrize(("cwola", "good"), [({}, True), ({"nested": True}, False), ({"average": "rank"}, False)])
def test_a_score_of_one_classifier_can_be_asked(cwola, good):
    config = config_from_dict({"cwola": cwola})
    if good:
        signal_limit.check_trainable(config)
    else:
        with pytest.raises(ConfigError, match=r"cwola\.nested: false and cwola\.average: score"):
            signal_limit.check_trainable(config)


def test_limits_of_a_count_stand_beside_what_they_rest_on():
    curve = fit_efficiency(np.array([0.0, 0.0, 50.0]), np.array([0.1, 0.3, 0.5]), np.full(3, 1_000.0))
    counted = SelectedCount(observed=12.0, expected=10.0, error=2.0, efficiency=curve, gain=2.0, most=1e4)
    found = signal_limit.limit_of_count(counted, curve, name="selected 1 %", cut_fraction=0.01)
    assert (found.name, found.cut_fraction, found.n_observed, found.n_expected) == ("selected 1 %", 0.01, 12.0, 10.0)
    assert (found.n_expected_error, found.gain, found.spread) == (2.0, 2.0, curve.spread.max())
    assert found.n_signal_95 == counted.limit()
    assert found.clsb_95 == counted.limit(method="CLs+b") < found.n_signal_95
    np.testing.assert_array_equal(found.expected, counted.expected_limits())
    np.testing.assert_array_equal(found.efficiency, curve.rows())


def test_cuts_that_leave_nothing_have_no_limit(monkeypatch):
    curve = fit_efficiency(np.array([0.0, 50.0]), np.array([0.2, 0.2]), np.full(2, 1_000.0))
    asked = []

    def counted(task, frequency, trainings, *, place, form, n_events):
        asked.append((frequency, place, n_events))
        assert form >= 0.0
        return (SelectedCount(observed=5.0, expected=5.0, error=1.0, efficiency=curve), curve) if place else None

    monkeypatch.setattr(signal_limit, "selected_count", counted)
    mjj = np.repeat(CENTRES, np.round(4e3 * (CENTRES / 3_000.0) ** -7).astype(int))
    task = task_of({"search": {"cut_fractions": [0.02, 0.005]}}, mjj=mjj)
    (found,) = signal_limit.selected_limits(task, SimpleNamespace(frequency=["a", "b"]), [], n_events=77)
    assert (found.name, found.cut_fraction, found.search) == ("selected 0.5 %", 0.005, "cwola")
    assert asked == [("a", 0, 77), ("b", 1, 77)]


def test_what_is_expected_before_any_cut_is_that_of_the_sidebands():
    counts = np.round(4e3 * (CENTRES / 3_000.0) ** -7)
    loud = counts + 200.0 * gaussian_fractions(EDGES, mass=3_800.0, width=120.0)
    inclusive = fit_spectrum(Spectrum(counts=loud.round(), edges=EDGES, sqrt_s=13_000.0), family="dijet3")
    search = SimpleNamespace(edges=EDGES, inclusive=inclusive)
    signal = sample(3_800.0 + 120.0 * np.random.default_rng(1).standard_normal(2_000))
    found = signal_limit.inclusive_limit_of(search, task_of(), signal)
    masked = fit_spectrum(
        loud.round(), EDGES, family="dijet3", masked=WINDOW.masked_bins(EDGES, guard=1),
        window=WINDOW.bins(EDGES), sqrt_s=13_000.0,
    )  # fmt: skip
    workspace = build_workspace(masked, signal.fractions(EDGES), channel="mjj_inclusive")
    assert (found.name, found.cut_fraction) == ("inclusive", None)
    assert found.n_signal_95 == pytest.approx(upper_limit(workspace, mass=3_800.0, width=0.033).n_signal_95)
    workspace["observations"][0]["data"] = masked.expected[masked.window].tolist()
    np.testing.assert_allclose(found.expected, upper_limit(workspace, mass=3_800.0, width=0.033).expected)
    assert found.n_signal_95 > found.expected[2] + 100.0


def test_a_spectrum_that_cannot_be_fitted_has_no_inclusive_limit(monkeypatch):
    def fails(*_, **__):
        raise FitError("no")

    monkeypatch.setattr(signal_limit, "fit_spectrum", fails)
    search = SimpleNamespace(edges=EDGES, inclusive=SimpleNamespace(counts=CENTRES, family="dijet3"))
    assert signal_limit.inclusive_limit_of(search, task_of(), sample(CENTRES)) is None


def test_a_choice_says_what_speaks_against_it():
    strengths = np.array([[0.0, 0.1, 0.01], [80.0, 0.3, 0.01]])
    inclusive, tight = way("inclusive", 100.0), way("tight", 40.0, efficiency=strengths, search="cwola")
    good = signal_limit.choose(inclusive, (tight, way("prior", 50.0, search="prior")))
    assert (good.chosen, good.search, good.notes) == ("tight", "cwola", ())
    beyond = signal_limit.choose(inclusive, (way("tight", 40.0, observed=81.0, efficiency=strengths, search="cwola"),))
    assert beyond.notes == ("the limit lies above the 80 events injected at most, where the efficiency is held",)
    endless = signal_limit.choose(inclusive, (way("tight", 40.0, observed=np.inf, efficiency=strengths),))
    assert endless.notes == ()
    alone = signal_limit.choose(inclusive, ())
    assert (alone.chosen, alone.search) == ("inclusive", None)
    assert alone.notes[0].startswith("no cut leaves enough events")
    # where the inclusive one is better, the best of the cuts names the search
    worse = signal_limit.choose(inclusive, (way("a", 300.0, search="cwola"), way("b", 200.0, search="prior")))
    assert (worse.chosen, worse.search) == ("inclusive", "prior")
    assert worse.notes[0].startswith("after selection: ")
    nothing = signal_limit.choose(None, (tight,))
    assert nothing.chosen == "tight"
    assert np.isinf(nothing.inclusive.expected).all()


def test_threads_change_the_task_alone(monkeypatch):
    monkeypatch.setattr(signal_limit, "replace", lambda each, **changes: SimpleNamespace(**{**vars(each), **changes}))
    task = SimpleNamespace(threads=1, seed=3)
    given = SimpleNamespace(**{name: name for name in Injection.__dataclass_fields__} | {"task": task})
    (found,) = signal_limit.with_threads([given], 4)
    assert (found.task.threads, found.task.seed, found.draw) == (4, 3, "draw")
