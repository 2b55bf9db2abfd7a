"""The prior-assisted search with stand-ins for its score: which events are kept, injected and asked, and for what."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import NotSearchedError
from bumphunt.events import BlindEvents
from bumphunt.pipeline import (
    prior_answer,
    prior_counts,
    prior_limit,
    prior_search,
    prior_windows,
)
from bumphunt.pipeline.injections import SignalSample
from bumphunt.pipeline.prior_answer import PriorAnswer, run_prior
from bumphunt.pipeline.prior_counts import Scored, WindowScores
from bumphunt.pipeline.prior_limit import PriorInjection, PriorSignal, PriorTraining, inject_prior
from bumphunt.pipeline.prior_windows import PriorSettings, select_hypotheses
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import MethodLimit
from bumphunt.significance.smooth_sidebands import Sidebands, rank_weights

EDGES = np.array([3_000.0, 3_200.0, 3_400.0, 3_600.0, 3_800.0, 4_000.0])
WINDOW = MassWindow(low=3_400.0, high=3_600.0, sideband_low=3_000.0, sideband_high=4_000.0)
SIDE = Sidebands(inside=1.0 * (np.arange(5) == 2), outside=np.full(5, 0.25), ratio=0.25)


def test_each_hypothesis_keeps_its_best_events(monkeypatch):
    """Cells 0, 1 and 2 hold 5, 3 and 2 events; the first hypothesis is near the first two, the second near the last."""
    cell = np.array([0, 1, 0, 2, 0, 1, 0, 2, 0, 1])
    ratio = np.array([1.0, 9.0, 2.0, 3.0, 3.0, 1.0, 4.0, 8.0, 5.0, 2.0])
    near = {(400.0, 100.0): ([0, 1, 7], [0.0, -5.0, 9.0]), (900.0, 100.0): ([2], [0.0]), (950.0, 90.0): ([5], [0.0])}

    class Shapes:
        def __init__(self, table, *, reference, jets):
            pass

        def near(self, m_x, m_y):
            return tuple(np.array(part) for part in near[m_x, m_y])

    monkeypatch.setattr(prior_windows, "MassShapes", Shapes)
    monkeypatch.setattr(prior_windows, "_scored", lambda task: (ratio, cell))
    monkeypatch.setattr(prior_windows, "hypothesis_grid", lambda reference: np.array(list(near)))
    monkeypatch.setattr(prior_windows, "sidebands_of", lambda task, part, weights: (part,))
    settings = PriorSettings(background=1.0, largest=0.2, least=0.0, few=99, looser=2.0)
    task = SimpleNamespace(
        settings=settings, table=None, reference=3_500.0, signal_jets=None, edges=EDGES,
        inclusive=np.array([9.0, 9.0, 5.0, 9.0, 9.0]), window=WINDOW,
    )  # fmt: skip
    tight, loose = select_hypotheses(task)
    assert (tight.part, loose.part) == (0.2, 0.4)
    # scores of the first: 1 2 3 4 5 in its first cell, 4 -4 -3 in the second; equals as they come
    assert tight.hypotheses.tolist() == [[400.0, 100.0], [900.0, 100.0]]
    assert tight.selections.members[0].tolist()[0] == 8
    assert sorted(tight.selections.members[0].tolist()[1:]) in ([6], [1])
    assert tight.selections.members[1].tolist() == [7, 3]
    assert loose.hypotheses.tolist() == [[400.0, 100.0]]
    assert set(loose.selections.members[0]) == {8, 6, 1, 4}
    np.testing.assert_array_equal(tight.selections.weights, rank_weights(2))
    assert tight.selections.sidebands == (0.2,)
    greedy = replace(settings, largest=0.5, background=2.5, few=0)
    task.settings = greedy
    (only,) = select_hypotheses(task)
    assert only.hypotheses.tolist() == [[400.0, 100.0]], "nine of ten are too many for all of them"
    near[400.0, 100.0] = ([7], [0.0])
    with pytest.raises(NotSearchedError, match="has 5 events near its masses"):
        select_hypotheses(task)


def test_what_the_score_sees_is_moved_to_the_mass_of_the_window(monkeypatch):
    seen = []

    def moved(quantiles, decorrelation, reference, *, first):
        seen.append((len(quantiles), reference, first))
        return np.log(np.full((len(quantiles), first), 0.1 * reference))

    monkeypatch.setattr(prior_windows, "features_at", moved)
    quantiles = np.arange(12.0).reshape(4, 3)
    found = prior_windows.score_inputs(quantiles, None, [1_000.0, 2_000.0], np.array([0, 1, 1, 0]))
    assert seen == [(2, 1_000.0, 2), (2, 2_000.0, 2)]
    np.testing.assert_allclose(found[:, :2], np.log(0.1))
    np.testing.assert_allclose(found[:, 2], quantiles[:, 2])
    np.testing.assert_allclose(found[:, 3], np.log([1_000.0, 2_000.0, 2_000.0, 1_000.0]))


def test_the_spectrum_of_the_best_hypothesis_is_fitted_beside_its_window():
    edges = 3_000.0 * 1.03 ** np.arange(18)
    counts = np.round(400.0 * (edges[:-1] / 3_000.0) ** -6.0)
    window = MassWindow(low=edges[6], high=edges[9], sideband_low=edges[0], sideband_high=edges[-1])
    task = SimpleNamespace(window=window, edges=edges, settings=PriorSettings(), inclusive=10.0 * counts)
    found = prior_windows.fitted_window(
        task, SimpleNamespace(cut_fraction=0.01, n_expected=500.0, n_expected_error=20.0), counts
    )
    assert (found.cut_fraction, found.n_window) == (0.01, int(10.0 * counts[6:9].sum()))
    assert (found.n_observed, found.n_direct, found.n_direct_error) == (counts[6:9].sum(), 500.0, 20.0)
    np.testing.assert_array_equal(found.fit.masked, window.masked_bins(edges, guard=1))
    assert found.fit.family.startswith("dijet")


def scores_of(monkeypatch, added):
    """Hypotheses, the last 0.45 away in the logarithm; they add these to the count, or have too few events."""
    scores = WindowScores.__new__(WindowScores)
    scores.task, scores.prepared, scores.number = SimpleNamespace(edges=EDGES, reference=3_500.0), None, 0
    grid = np.array([(500.0, 100.0), (600.0, 100.0), (2_000.0, 100.0), (785.0, 100.0)])
    monkeypatch.setattr(prior_counts, "hypothesis_grid", lambda reference: grid)
    monkeypatch.setattr(WindowScores, "scored", lambda self, signal, folds: SimpleNamespace(bins="bins"))
    monkeypatch.setattr(WindowScores, "score", lambda self, events, hypothesis: hypothesis)
    tried = []

    def kept(self, hypothesis):
        tried.append(hypothesis)
        if added[hypothesis] is None:
            raise NotSearchedError("too few events")
        return SimpleNamespace(adds=lambda scores, bins: np.array([0.0, 2.0 * added[scores]]))

    monkeypatch.setattr(WindowScores, "kept", kept)
    return scores, tried


def test_the_hypothesis_of_a_model_counts_most_of_it(monkeypatch):
    signal = BlindEvents(pd.DataFrame({"mjj": [1.0] * 3, "mj1": [500.0, 510.0, 480.0], "mj2": [90.0, 100.0, 0.0]}))
    near, other, far = (500.0, 100.0), (600.0, 100.0), (2_000.0, 100.0)
    scores, tried = scores_of(monkeypatch, {near: 1.0, other: 2.0, far: 9.0})
    assert scores.best_hypothesis(signal, np.zeros(3)) == other
    assert tried == [near, other]
    scores, _ = scores_of(monkeypatch, {near: 1.0, other: None, far: 9.0})
    assert scores.best_hypothesis(signal, np.zeros(3)) == near
    scores, _ = scores_of(monkeypatch, {near: None, other: None, far: 9.0})
    with pytest.raises(NotSearchedError, match="too few events"):
        scores.best_hypothesis(signal, np.zeros(3))
    # the nearest where none is near
    scores, tried = scores_of(monkeypatch, {near: 1.0, other: 2.0, far: 9.0})
    assert scores.best_hypothesis(BlindEvents(signal.assign(mj1=9_000.0)), np.zeros(3)) == far
    assert tried == [far]


def test_other_events_are_scored_in_their_bins(monkeypatch):
    scores = WindowScores.__new__(WindowScores)
    scores.task, scores.number = SimpleNamespace(edges=EDGES, models=None), 1
    scores.prepared = SimpleNamespace(inputs=lambda number, events: np.full((len(events), 3), number))
    monkeypatch.setattr(prior_counts, "log_ratio", lambda models, inputs, folds: inputs[:, 0])
    monkeypatch.setattr(prior_counts, "cells", lambda jets: jets.shape)
    events = pd.DataFrame({"mjj": [2_000.0, 3_000.0, 3_200.0, 3_999.0, 9_000.0]})
    found = scores.scored(events, None)
    assert found.bins.tolist() == [0, 0, 1, 4, 4]
    assert found.ratio.tolist() == [1.0] * 5
    assert found.cell == (5, 2)
    scores.__dict__["_shapes"] = SimpleNamespace(log_ratio=lambda m_x, m_y: np.array([m_x, m_y, -np.inf]))
    scored = Scored(ratio=np.array([1.0, 2.0, 3.0]), cell=np.array([0, 1, 2]), bins=None)
    assert scores.score(scored, (10.0, 20.0)).tolist() == [11.0, 22.0, -np.inf]


def limited(monkeypatch, *, added=0.5, expected=30.0, strengths=None, draws=2):
    """Set a limit with stand-ins; return it, and the trainings that were asked for."""
    config = config_from_dict({"limit": {"draws": draws, "strengths": strengths}})
    kept = SimpleNamespace(part=0.025)
    scores = SimpleNamespace(best_hypothesis=lambda events, folds: ("m_x", len(events)), kept=lambda hypothesis: kept)
    request = SimpleNamespace(config=config, seed=1)
    data = SimpleNamespace(number=lambda window: 3, request=request, scores=lambda number: scores)
    sample = SimpleNamespace(inside=np.arange(1_500) < 1_200)
    signal = SimpleNamespace(
        sample=sample, events=pd.DataFrame({"mjj": np.zeros(1_500)}), parted=lambda strength, rng: (0, "probes", 0, 900)
    )
    monkeypatch.setattr(prior_limit, "BlindEvents", lambda table: table)
    monkeypatch.setattr(
        prior_limit,
        "_asked",
        lambda scores, kept, first, probes, n_probes, rng: SimpleNamespace(added=added, n=n_probes),
    )
    counted = SimpleNamespace(expected_limits=lambda: np.array([1.0, 2.0, expected, 4.0, 5.0]))
    lengths = []
    monkeypatch.setattr(
        prior_limit,
        "_count",
        lambda kept, found, n_events: lengths.append((len(found), n_events)) or (counted, "curve"),
    )
    limit = MethodLimit(name="", cut_fraction=None, n_signal_95=9.0, expected=np.ones(5))
    monkeypatch.setattr(
        prior_limit, "limit_of_count",
        lambda counted, curve, name, cut_fraction: replace(limit, name=name, cut_fraction=cut_fraction),
    )  # fmt: skip
    asked = []

    def train(given):
        asked.extend(given)
        return ["trained"] * len(given)

    return prior_limit.prior_limit(data, WINDOW, signal, train, n_events=77), asked, lengths


def test_signal_is_injected_at_twice_and_eight_times_the_expected_limit(monkeypatch):
    found, asked, lengths = limited(monkeypatch)
    assert [(each.strength, each.draw) for each in asked] == [(60.0, 0), (60.0, 1), (240.0, 0), (240.0, 1)]
    assert {(each.number, each.hypothesis) for each in asked} == {(3, ("m_x", 1_000))}
    assert lengths == [(1, 77), (5, 77)]
    assert (found.name, found.cut_fraction, found.search, found.hypothesis) == (
        "prior 2.5 %", 0.025, "prior", ("m_x", 1_000),
    )  # fmt: skip
    _, asked, lengths = limited(monkeypatch, strengths=[50.0, 0.0, 20.0], draws=1)
    assert [each.strength for each in asked] == [20.0, 50.0]
    assert lengths == [(3, 77)]
    assert limited(monkeypatch, added=0.0)[:2] == (None, [])
    assert limited(monkeypatch, expected=np.inf)[:2] == (None, [])


def test_signal_is_mixed_in_and_asked_for_in_the_searched_range(monkeypatch):
    sample = SignalSample(mjj=np.zeros(400), features=np.zeros((400, 1)), inside=np.arange(400) % 2 == 0)
    events = BlindEvents(pd.DataFrame({"mjj": np.arange(400.0)}))
    signal = PriorSignal(sample=sample, events=events)
    injected, probes, n_injected, n_probes = signal.parted(40.0, np.random.default_rng(3))
    assert (injected["mjj"] % 2 == 0).all()
    assert (probes["mjj"] % 2 == 0).all()
    assert n_injected + n_probes == 400
    assert len(injected) + len(probes) == 200

    @dataclass(frozen=True)
    class Request:
        events: pd.DataFrame
        keys: np.ndarray
        seed: int = 1

        def prepare(self):
            made.append(self)
            return "prepared"

    made = []
    request = Request(BlindEvents(pd.DataFrame({"mjj": [1.5] * 5})), np.arange(5, dtype=np.uint64))
    trained = PriorTraining(strength=40.0, n_injected=0, n_probes=9, added=1.0, squared=1.0, gain=1.0, seconds=0.0)
    monkeypatch.setattr(prior_limit, "WindowScores", lambda prepared, number: SimpleNamespace(kept=lambda each: each))
    monkeypatch.setattr(prior_limit, "_asked", lambda scores, kept, injection, probes, n_probes, rng: trained)
    found = inject_prior(
        PriorInjection(request=request, number=2, hypothesis=(1.0, 2.0), signal=signal, strength=40.0, draw=0)
    )
    (mixed,) = made
    assert len(mixed.events) == len(mixed.keys) == 5 + (mixed.events["mjj"].iloc[5:] % 2 == 0).sum()
    assert mixed.keys[:5].tolist() == [0, 1, 2, 3, 4]
    assert len(set(mixed.keys.tolist())) == len(mixed.keys)
    assert 20 < found.n_injected < 60
    assert 0.0 <= found.seconds < 5.0


@pytest.mark.parametrize("covered", [0, 1, 2])
def test_windows_without_simulated_signal_are_told(monkeypatch, covered):
    tasks = [SimpleNamespace(config=config_from_dict({}), seed=1)] * 2
    search = SimpleNamespace(tasks=tasks, mjj=np.zeros(9))
    monkeypatch.setattr(prior_answer, "_covered", lambda search: ("w",) * covered)
    monkeypatch.setattr(prior_answer, "not_tested", lambda n: (f"not tested at {n}",))
    monkeypatch.setattr(prior_answer, "prior_null", lambda n: "null")
    monkeypatch.setattr(prior_answer, "findings_from", lambda arrays: arrays)
    keeper = SimpleNamespace(keep=lambda name, make: name)
    found = run_prior(search, keeper=keeper)
    assert isinstance(found, PriorAnswer)
    assert (found.findings, found.null) == ("prior", "null")
    assert found.said[0] == "not tested at 9"
    assert [line for line in found.said[1:] if line.startswith("1 of 2 windows")] == list(found.said[1:])
    assert len(found.said) == (2 if covered == 1 else 1)


@pytest.mark.parametrize("events", [9, 10])
def test_idle_workers_of_very_many_events_are_dismissed_before_training(monkeypatch, events):
    search = SimpleNamespace(tasks=[SimpleNamespace(config=config_from_dict({}), seed=1)], mjj=np.zeros(events))
    calls = []
    workers = SimpleNamespace(number=3, dismiss=lambda: calls.append("dismiss"))
    monkeypatch.setattr(prior_search, "MANY", 9)
    monkeypatch.setattr(prior_answer, "_covered", lambda search: ("w",))
    monkeypatch.setattr(prior_answer, "not_tested", lambda n: ())
    monkeypatch.setattr(prior_answer, "prior_null", lambda n: "null")
    monkeypatch.setattr(prior_answer, "prepare_for", lambda search, threads: calls.append(threads))
    monkeypatch.setattr(prior_answer, "scan_hypotheses", lambda prepared, **how: "found")
    monkeypatch.setattr(prior_answer, "stored_findings", lambda found: found)
    monkeypatch.setattr(prior_answer, "findings_from", lambda arrays: arrays)
    found = run_prior(search, keeper=SimpleNamespace(keep=lambda name, make: make()), workers=workers)
    assert found.findings == "found"
    assert calls == (["dismiss", 3] if events > 9 else [3])
