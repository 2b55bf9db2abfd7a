"""Taking a claimed resonance out, by hand: which windows, which events, which trainings, and when to stop."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import FitError
from bumphunt.events import drop_truth
from bumphunt.pipeline import further_signals
from bumphunt.pipeline.further_signals import BY_CWOLA_ALONE, Further, Looked, _look_again, _tails, without_signal
from bumphunt.pipeline.search import prepare_search
from bumphunt.preprocessing.splits import MassWindow


@dataclass(frozen=True)
class Task:
    number: int
    config: object = config_from_dict({"cwola": {"repeats": 8}})
    window: object = MassWindow(low=1.0, high=2.0, sideband_low=0.5, sideband_high=3.0)


@dataclass(frozen=True)
class Search:
    tasks: tuple


def outcome(z, note=""):
    return SimpleNamespace(results=[SimpleNamespace(z_local=z, note=note)])


def looking(z):
    """Return a scan that gives these significances by number of the window, and what it was asked."""
    asked = []

    def scan(search):
        asked.append([(task.number, task.config.cwola.repeats) for task in search.tasks])
        return [z[task.number] for task in search.tasks]

    return scan, asked


def test_first_looks_are_followed_where_they_show_something():
    """1 has its scores; 2 and 3 are new, and 3 shows something; 4 and 5 had a first look before, and 5 shows more."""
    z = {500_002: outcome(1.5), 500_003: outcome(1.6), 3: outcome(3.3), 5: outcome(5.5)}
    scan, asked = looking(z)
    found = {1: outcome(9.0), 4: outcome(1.4), 5: outcome(1.6)}
    brief = _look_again(Search(tuple(Task(n) for n in (1, 2, 3, 4, 5))), found, {4, 5}, scan=scan)
    assert asked == [[(500_002, 4), (500_003, 4)], [(3, 8), (5, 8)]]
    assert brief == {2, 4}
    assert {number: each.results[0].z_local for number, each in found.items()} == {
        1: 9.0,
        2: 1.5,
        3: 3.3,
        4: 1.4,
        5: 5.5,
    }


def test_a_first_look_that_failed_shows_nothing():
    scan, asked = looking({500_001: outcome(9.0, note="not searched")})
    assert _look_again(Search((Task(1),)), {}, set(), scan=scan) == {1}
    assert asked == [[(500_001, 4)]]


@pytest.mark.parametrize("repeats", [4, 1])
def test_few_repeats_are_a_first_look_themselves(repeats):
    config = config_from_dict({"cwola": {"repeats": repeats}})
    scan, asked = looking({1: outcome(9.0), 2: outcome(0.0)})
    assert _look_again(Search((Task(1, config), Task(2, config))), {}, set(), scan=scan) == set()
    assert asked == [[(1, repeats), (2, repeats)]]
    scan, asked = looking({})
    assert _look_again(Search((Task(1),)), {1: outcome(0.0)}, set(), scan=scan) == set()
    assert asked == []


@dataclass(frozen=True)
class Verdict:
    status: str
    z: float = 0.0
    assumptions: tuple = ("two prongs",)

    @property
    def best(self):
        return SimpleNamespace(scan=SimpleNamespace(z_global=self.z), task=SimpleNamespace(window="3300-3700 GeV"))


def rounds(monkeypatch, verdicts, *, most=9, searches=("cwola",), rest=True):
    """Search again and again, two windows each time, the first of which keeps its scores."""
    config = config_from_dict({"search": {"most_signals": most}, "searches": list(searches)})
    windows = [SimpleNamespace(low=float(n), high=float(n + 1)) for n in range(2)]
    given = []

    def left(search, verdict):
        numbers = [task.number + 1_000 for task in search.tasks]
        tasks = tuple(Task(n, config, w) for n, w in zip(numbers, windows, strict=True))
        return (Search(tasks), np.array([1]), ([0], [tasks[0]])) if rest else None

    def reach(search, outcomes, *, threads, n_events):
        given.append(([each.results[0].z_local for each in outcomes], threads, n_events))
        if isinstance(verdicts[0], Exception):
            raise verdicts[0]
        return verdicts.pop(0)

    monkeypatch.setattr(further_signals, "without_signal", left)
    monkeypatch.setattr(further_signals, "measured_again", lambda old, task, rows: outcome(7.0))
    monkeypatch.setattr(further_signals, "reach_verdict", reach)
    scan = lambda search: [outcome(0.5)] * len(search.tasks)  # noqa: E731
    first = Search(tuple(Task(n, config, w) for n, w in enumerate(windows)))
    found = further_signals.further_signals(
        first, [outcome(9.0)] * 2, Verdict("discovery", 6.0), scan=scan, threads=3, n_events=50
    )
    return found, given


def test_it_goes_on_until_nothing_more_is_claimed(monkeypatch):
    found, given = rounds(monkeypatch, [Verdict("evidence", 3.5), Verdict("none", 1.2)])
    assert [each.status for each in found.verdicts] == ["evidence"]
    assert (found.z_rest, found.status) == (1.2, "none")
    assert given == [([7.0, 0.5], 3, 50)] * 2
    assert [each.to_dict() for each in found.searches] == [
        {"kept": [[0.0, 1.0]], "first_look": [[1.0, 2.0]], "trained": []}
    ] * 2
    (claim,) = found.verdicts
    assert claim.assumptions[0] == "two prongs"
    assert claim.assumptions[1].startswith("its p-value is for the windows that are left, given that the resonance")
    assert "3300-3700 GeV is real" in claim.assumptions[1]
    assert (
        "of 2 windows, all counted as trials, 1 kept their scores, 0 were trained again, and 1 had"
        in (claim.assumptions[1])
    )
    assert found.summary()["n_claimed"] == 1
    assert found.summary()["z_global_of_the_rest"] == 1.2


def test_it_stops_where_enough_is_claimed_or_nothing_is_left(monkeypatch):
    found, given = rounds(monkeypatch, [Verdict("discovery", 5.5)] * 5, most=3, searches=("cwola", "prior"))
    assert len(found.verdicts) == len(given) == 2
    assert np.isnan(found.z_rest)
    assert found.summary()["z_global_of_the_rest"] is None
    assert all(BY_CWOLA_ALONE in each.assumptions for each in found.verdicts)
    nothing, given = rounds(monkeypatch, [], rest=False)
    assert (nothing.verdicts, nothing.searches, given) == ((), (), [])
    failed, _ = rounds(monkeypatch, [FitError("no")])
    assert failed.verdicts == ()
    assert len(failed.searches) == 1
    unverified, _ = rounds(monkeypatch, [Verdict("unverified_excess", 4.0)])
    assert (unverified.z_rest, unverified.status) == (4.0, "unverified_excess")
    assert Further().summary() == {
        "n_claimed": 0, "z_global_of_the_rest": None, "status_of_the_rest": "none", "searches": [],
    }  # fmt: skip


def test_windows_that_were_looked_at_are_counted_in_words():
    looked = Looked(kept=((1.0, 2.0),), first_look=((2.0, 3.0), (3.0, 4.0)), trained=((4.0, 5.0),) * 3)
    assert str(looked) == (
        "of 6 windows, all counted as trials, 1 kept their scores, 3 were trained again, and 2 had a first look with 4 "
        "of the repeats that showed nothing above 1.5 sigma"
    )


EDGES = np.array([3_000.0, 3_300.0, 3_600.0, 4_000.0])
DATA = pd.DataFrame({"mjj": [3_050.0, 3_100.0, 3_400.0, 3_700.0, 3_710.0], "x": [0.1, 0.1, 0.1, 0.5, 0.1]})


@pytest.mark.parametrize(
    ("drawn", "yields", "taken"),
    [
        ([(3_051.0, 0.1)], 1.0, [0]),
        ([(3_051.0, 0.1), (3_052.0, 0.1)], 2.0, [0, 1]),  # the nearest is gone: the next
        ([(3_699.0, 0.1)], 1.0, [4]),  # the nearer in mass is farther in the other observable
        ([(3_450.0, 0.1)], 1.0, []),  # where it was left out already
        ([(2_900.0, 0.1), (4_001.0, 0.1)], 1.0, []),
        ([(3_051.0, 0.1)] * 6, 6.0, [0, 1, 3, 4]),  # there are no more
        ([(3_051.0, 0.1)], 0.4, []),
    ],
)
def test_tails_are_the_events_nearest_to_simulated_ones(monkeypatch, drawn, yields, taken):
    asked = []

    class Draws:
        def table(self, masses):
            return pd.DataFrame(drawn, columns=["mjj", "x"])

    monkeypatch.setattr(further_signals, "response_named", lambda _: SimpleNamespace(table="table"))
    monkeypatch.setattr(further_signals, "signal_model", lambda table, masses: masses)
    monkeypatch.setattr(further_signals, "draw_signal", lambda model, number, rng: asked.append(number) or Draws())
    config = SimpleNamespace(daughters=None, masses=SimpleNamespace(response="shipped"))
    search = SimpleNamespace(
        tasks=[SimpleNamespace(config=config)], resonance="mjj", features=("x",), edges=EDGES, events=DATA
    )
    fit = SimpleNamespace(as_measured=(3_450.0, 1.0, 1.0), n_signal=SimpleNamespace(value=yields))
    found = _tails(search, fit, there=np.array([1, 1, 0, 1, 1], bool), excluded=np.array([False, True, False]), seed=1)
    assert found.tolist() == taken
    assert asked == ([round(yields)] if yields >= 0.5 else [])


@pytest.fixture(scope="module")
def search(make_events):
    settings = {"search": {"low": 2_850.0, "high": 6_200.0, "least_training": 60, "sideband_bins": 4}}
    return prepare_search(drop_truth(make_events(12_000, seed=4)), config_from_dict(settings), 1)


def test_the_range_of_a_claim_is_left_out_of_everything(search):
    claimed = search.tasks[4]
    own = claimed.window.masked_bins(search.edges, guard=claimed.config.search.guard_bins)
    low, high = search.edges[:-1][own].min(), search.edges[1:][own].max()
    rest, rows, (places, untouched) = without_signal(
        search, SimpleNamespace(best=SimpleNamespace(task=claimed), mass_fit=None)
    )
    gone = (search.mjj >= low) & (search.mjj < high)
    np.testing.assert_array_equal(rows, np.flatnonzero(~gone))
    np.testing.assert_array_equal(rest.mjj, search.mjj[~gone])
    np.testing.assert_array_equal(rest.rows, search.rows[~gone])
    np.testing.assert_array_equal(rest.inclusive.masked, own)
    beside = [
        task
        for task in search.tasks
        if (task.window.high <= low or task.window.low >= high)
        and min(part.sum() for part in task.window.parts(rest.mjj)) >= 60
    ]
    assert [task.number for task in rest.tasks] == [task.number + 1_000 for task in beside]
    assert 0 < len(rest.tasks) < len(search.tasks)
    for task in rest.tasks:
        np.testing.assert_array_equal(task.excluded, own)
        np.testing.assert_array_equal(task.keys, claimed.keys[rows])
        assert task.features.shape == (len(rows), len(search.features))
    clear = [task.window.sideband_high <= low or task.window.sideband_low >= high for task in rest.tasks]
    assert [task.number for task in untouched] == [
        t.number for t, is_clear in zip(rest.tasks, clear, strict=True) if is_clear
    ]
    assert [search.tasks[place].window for place in places] == [task.window for task in untouched]
    # what was taken out before stays out
    second = rest.tasks[-1]
    again = without_signal(rest, SimpleNamespace(best=SimpleNamespace(task=second), mass_fit=None))
    if again is not None:
        both = own | second.window.masked_bins(search.edges, guard=1)
        assert all((task.excluded == both).all() for task in again[0].tasks)


@pytest.mark.parametrize("below", [True, False])
def test_windows_that_end_or_begin_where_the_range_does_are_beside_it(search, below):
    claimed = search.tasks[2]
    own = claimed.window.masked_bins(search.edges, guard=claimed.config.search.guard_bins)
    low, high = search.edges[:-1][own].min(), search.edges[1:][own].max()
    ends = (0.95 * low, low) if below else (high, 1.1 * high)
    window = MassWindow(low=ends[0], high=ends[1], sideband_low=0.8 * low, sideband_high=1.5 * high)
    only = replace(search, tasks=(claimed, replace(claimed, window=window, number=7)))
    (task,) = without_signal(only, SimpleNamespace(best=SimpleNamespace(task=claimed), mass_fit=None))[0].tasks
    assert (task.window, task.number) == (window, 1_007)


def test_nothing_is_left_where_no_window_has_events(search):
    config = search.tasks[0].config
    greedy = config.model_copy(update={"search": config.search.model_copy(update={"least_training": 10**6})})
    verdict = SimpleNamespace(best=SimpleNamespace(task=replace(search.tasks[4], config=greedy)), mass_fit=None)
    assert without_signal(search, verdict) is None
