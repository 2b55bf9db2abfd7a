"""Parts of limits with stand-ins: who passes, what is counted, and what of simulated signal reaches a workspace."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import FitError, InputError
from bumphunt.pipeline import injections, mass_estimate, other_limits, signal_limit
from bumphunt.pipeline.injections import Injection, SignalSample, inject
from bumphunt.preprocessing.splits import MassWindow

EDGES = np.array([3_000.0, 3_200.0, 3_400.0, 3_600.0, 3_800.0, 4_000.0])
WINDOW = MassWindow(low=3_400.0, high=3_600.0, sideband_low=3_000.0, sideband_high=4_000.0)


def test_who_passes_of_signal_that_was_not_injected(monkeypatch):
    """Of ten events to ask six are in the range and scored in two repeats, four of them in the window."""
    window = MassWindow(low=10.0, high=20.0, sideband_low=0.0, sideband_high=30.0)
    mjj = np.array([12.0, 14.0, 16.0, 18.0, 25.0, 26.0, 50.0, 51.0, 52.0, 53.0])
    signal = SignalSample(mjj=mjj, features=mjj[:, None], inside=mjj < 30.0)
    monkeypatch.setattr(SignalSample, "parted", lambda self, strength, rng: (np.array([0, 6]), np.arange(10)))
    config = config_from_dict({"search": {"cut_fractions": [0.5, 0.1]}, "limit": {"repeats": 3}})

    @dataclass(frozen=True)
    class Task:
        window: MassWindow
        mjj: np.ndarray
        features: np.ndarray
        keys: np.ndarray
        config: object
        seed: int = 1
        number: int = 0
        threads: int = 1

    trained = []

    class Models:
        def draw(self, number, rng):
            assert number == 6
            return "folds", "ties"

        def scores(self, features, folds, ties):
            assert features[:, 0].tolist() == [12.0, 14.0, 16.0, 18.0, 25.0, 26.0]
            return SimpleNamespace(
                single=np.array([[0.95, 0.6, 0.2, 0.95, 0.99, 0.99], [0.95, 0.4, 0.3, 0.6, 0.9, 0.9]])
            )

    monkeypatch.setattr(injections, "window_models", lambda task, threads: trained.append(task) or Models())
    task = Task(
        window, np.array([11.0, 13.0, 24.0]), np.array([[1.0], [2.0], [3.0]]), np.arange(3, dtype=np.uint64), config
    )
    found = inject(Injection(task=task, signal=signal, strength=30.0, draw=1, decorrelated=True))
    assert (found.strength, found.n_injected, found.n_probes) == (30.0, 2, 10)
    passes = np.array([[1.0, 0.5, 0.0, 1.0], [1.0, 0.0, 0.0, 0.5]])
    np.testing.assert_allclose(found.efficiency, passes.sum(axis=1) / 10)
    np.testing.assert_allclose(found.weight, (passes**2).sum(axis=1) / passes.sum(axis=1))
    angles = np.arcsin(np.sqrt(np.array([[3.0, 2.0], [2.0, 1.0]]) / 10))
    np.testing.assert_allclose(found.repeat_variance, angles.var(axis=1, ddof=1))
    (mixed,) = trained
    assert mixed.mjj.tolist() == [11.0, 13.0, 24.0, 12.0]
    assert sorted(mixed.features[:3, 0]) == [1.0, 2.0, 3.0]
    assert mixed.features[3, 0] == 12.0
    assert len(mixed.keys) == 4
    assert mixed.config.cwola.repeats == 3


def test_the_masses_are_checked_against_the_events_of_the_file(monkeypatch):
    asked = {}
    response = SimpleNamespace(of=lambda hypothesis: f"table of {hypothesis}", name="shipped", varied=None)
    monkeypatch.setattr(mass_estimate, "response_named", lambda name: response)
    monkeypatch.setattr(mass_estimate, "mass_checks", lambda fit, **given: asked.update(given) or "checks")
    monkeypatch.setattr(mass_estimate, "assumptions", lambda fit, **given: (given["table"], given["varied"]))
    search = SimpleNamespace(
        tasks=[SimpleNamespace(config=config_from_dict({}))], mjj=np.array([1_000.0, 2_000.0, 4_000.0]),
        daughter_masses=lambda: (np.array([100.0, 100.0, 800.0]), None),
    )  # fmt: skip
    fit = SimpleNamespace(hypothesis="two")
    assert mass_estimate.masses_checked(search, fit) == ("checks", ("table of two", False))
    assert (asked["n_events"], asked["jet_ratio"]) == (3, 0.1)
    mass_estimate.masses_checked(search, fit, n_events=50)
    assert asked["n_events"] == 50


def test_a_selected_count_has_the_form_in_its_error(monkeypatch):
    counts = np.array([50.0, 40.0, 35.0, 30.0, 25.0])
    region = np.arange(5) == 2
    spectrum = SimpleNamespace(counts=counts, window=region)
    monkeypatch.setattr(
        signal_limit, "effective_spectrum", lambda frequency, task: SimpleNamespace(spectrum=spectrum, gain=1.5)
    )
    result = SimpleNamespace(note="", n_expected=30.0, n_expected_error=3.0)
    monkeypatch.setattr(signal_limit, "window_significance", lambda *_, **__: result)
    monkeypatch.setattr(signal_limit, "before_the_cut", lambda task: None)
    asked = {}

    def fitted(strengths, efficiencies, probes, *, excess_variance):
        asked.update(strengths=strengths, efficiencies=efficiencies, probes=probes, variance=excess_variance)
        return "curve"

    monkeypatch.setattr(signal_limit, "fit_efficiency", fitted)
    config = config_from_dict(
        {"limit": {"repeats": 4}, "cwola": {"repeats": 8}, "search": {"cut_fractions": [0.1, 0.01]}}
    )
    for null, mean in (((-0.1, 1.2), -0.25), ((-0.4, 1.2), -0.4)):
        task = SimpleNamespace(config=config, mjj=np.zeros(2), edges=EDGES, null_at=lambda cut, null=null: null)
        trainings = [
            SimpleNamespace(
                strength=strength, efficiency=np.array([0.9, 0.2]), n_probes=500, weight=np.array([0.1, weight]),
                repeat_variance=np.array([0.5, variance]),
            )
            for strength, variance, weight in ((0.0, 0.08, 0.5), (40.0, 0.16, 0.7))
        ]  # fmt: skip
        number, curve = signal_limit.selected_count(task, None, trainings, place=1, form=0.2, n_events=900)
        assert curve == "curve"
        assert (number.observed, number.expected, number.gain, number.weight) == (35.0, 30.0, 1.5, 0.7)
        assert number.error == pytest.approx(np.hypot(3.0, 6.0))
        assert (number.mean, number.width, number.most) == (mean, 1.2, 900.0)
    assert asked["variance"] == pytest.approx(0.12 * (1 / 4 - 1 / 8))
    assert (asked["strengths"].tolist(), asked["efficiencies"].tolist()) == ([0.0, 40.0], [0.2, 0.2])
    result.note = "not searched"
    assert signal_limit.selected_count(task, None, trainings, place=1, form=0.2, n_events=900) is None
    monkeypatch.setattr(signal_limit, "effective_spectrum", lambda frequency, task: None)
    assert signal_limit.selected_count(task, None, trainings, place=1, form=0.2, n_events=900) is None


def test_signal_lacks_no_feature_of_the_search():
    search = SimpleNamespace(
        resonance="mjj", features=("x",), edges=np.array([1.0, 2.0, 3.0]),
        score_features=lambda table: 10.0 * table[["x"]].to_numpy(),
    )  # fmt: skip
    table = pd.DataFrame({"mjj": [0.9, 1.0, 2.9, 3.0], "x": [1.0, 2.0, 3.0, 4.0]})
    found = signal_limit.signal_sample(search, table, name="signal")
    assert found.inside.tolist() == [False, True, True, False]
    assert found.features[:, 0].tolist() == [0.0, 20.0, 30.0, 0.0]
    outside = signal_limit.signal_sample(search, table.iloc[[0, 3]], name="signal")
    assert not outside.features.any()
    with pytest.raises(InputError, match="signal has no column 'x'"):
        signal_limit.signal_sample(search, table[["mjj"]], name="signal")


@pytest.mark.parametrize(("counted", "moved"), [(False, None), (True, 0.2)])
def test_the_selected_limit_is_that_of_signal_that_passes(monkeypatch, counted, moved):
    draws = SimpleNamespace(log_resonance=np.log(np.array([3_100.0, 3_500.0, 3_550.0, 5_000.0]) / 3_500.0))
    fit = SimpleNamespace(
        as_measured=(3_500.0, 500.0, 100.0), hypothesis="two", tau21_scale=2.0, cut_scale=0.75, efficiency=0.5,
        efficiency_error=0.1, cut_scale_error=moved,
    )  # fmt: skip
    spectrum = None if counted else "spectrum"
    task = SimpleNamespace(config=config_from_dict({}), window=WINDOW)
    best = SimpleNamespace(task=task, result=SimpleNamespace(cut_fraction=0.02, fit=spectrum))
    seen, asked = [], []

    def passes(events):
        seen.append(events["tau21_1"].tolist())
        return np.array([0.4, 0.8, 0.6, 1.0])

    selection = SimpleNamespace(at=lambda fraction: asked.append(fraction) or passes)
    table = SimpleNamespace(nearest=lambda masses: masses)
    monkeypatch.setattr(other_limits, "response_named", lambda name: SimpleNamespace(of=lambda hypothesis: table))
    monkeypatch.setattr(other_limits, "signal_model", lambda table, masses: "model")
    monkeypatch.setattr(other_limits, "draw_signal", lambda model, rng: draws)
    events = pd.DataFrame({"tau21_1": [0.1, 0.3, 0.6, 1e-9], "mjj": 1.0})
    monkeypatch.setattr(other_limits, "passed_by", lambda select, draws, masses: select(events))
    built = []

    def workspace(*given, channel, efficiency_error):
        built.append((given, efficiency_error))

    monkeypatch.setattr(other_limits, "build_workspace", workspace)
    monkeypatch.setattr(other_limits, "build_counting_workspace", workspace)
    limit = SimpleNamespace(n_signal_95=9.0, expected=np.arange(5.0))
    monkeypatch.setattr(other_limits, "upper_limit", lambda workspace, mass, width: limit)
    verdict = SimpleNamespace(best=best, mass_fit=fit, selection=selection)
    found = other_limits.selected_limit(SimpleNamespace(edges=EDGES), verdict)
    # the moved cut has what tau21 says in it
    assert seen == [[0.2, 0.6, 1.0, 1e-3] if moved is None else [0.1, 0.3, 0.6, 1e-9]]
    assert asked[-1] == pytest.approx(0.02 if moved is None else 0.015)
    assert (found.n_signal_95, found.cut_fraction, found.efficiency) == (9.0, 0.02, pytest.approx(1.8 / 4))
    assert found.efficiency_error == pytest.approx(0.2)
    ((given, error),) = built
    assert error == pytest.approx(0.2)
    if counted:
        assert given[1] == pytest.approx(1.4 / 4)
    else:
        np.testing.assert_allclose(given[1], [0.1, 0.0, 0.35, 0.0, 0.0])
    if not counted:  # where the spectrum has no limit, the counts in the window give one

        def first_fails(workspace, mass, width):
            if len(built) == 2:
                raise FitError("no minimum")
            return limit

        monkeypatch.setattr(other_limits, "upper_limit", first_fails)
        assert other_limits.selected_limit(SimpleNamespace(edges=EDGES), verdict).n_signal_95 == 9.0
        assert [np.ndim(each[0][1]) for each in built[1:]] == [1, 0]
        assert built[2][0][1] == pytest.approx(1.4 / 4)
        monkeypatch.setattr(other_limits, "upper_limit", lambda workspace, mass, width: limit)
    fit.efficiency = 0.05
    assert other_limits.selected_limit(SimpleNamespace(edges=EDGES), verdict).efficiency_error == 0.9
    draws.log_resonance = draws.log_resonance - 0.2
    assert other_limits.selected_limit(SimpleNamespace(edges=EDGES), verdict) is None
    for missing in ({"mass_fit": None, "selection": selection}, {"mass_fit": fit, "selection": None}):
        assert other_limits.selected_limit(None, SimpleNamespace(best=best, **missing)) is None
