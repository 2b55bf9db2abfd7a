"""The stages of a hunt with stand-ins for its rooms: what is handed on to whom, and what is noted of each stage."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.pipeline import hunt as hunt_module
from bumphunt.pipeline.further_signals import Further
from bumphunt.pipeline.hunt import Hooks, hunt_events, scan_windows
from bumphunt.pipeline.keeping import Memory
from bumphunt.pipeline.null import Null
from bumphunt.results import UpperLimit

LIMIT = UpperLimit(n_signal_95=9.0, mass=3.8e3, width=100.0, expected=np.ones(5), q0_p_value=0.5, best_fit=0.0)


@dataclass(frozen=True)
class Search:
    events: str = "searched"
    inclusive: str = "whole"
    tasks: tuple = (SimpleNamespace(null=Null(method="m", of_prior=Null(method="prior"))),)

    def summary(self):
        return {"n_searched": 3}

    def with_null(self, null):
        return Search(tasks=(SimpleNamespace(null=null),))


@dataclass
class Workers:
    number: int = 2
    dismissed: int = 0

    def dismiss(self):
        self.dismissed += 1


@dataclass
class Rooms:
    """Stand-ins, and what was asked of them."""

    config: object
    mass_cut: float | None = None
    mass_fit: object = None
    limit: UpperLimit | None = LIMIT
    asked: dict = field(default_factory=dict)

    def patch(self, monkeypatch):
        for name in (
            "response_named", "prepare_search", "check_networks", "scan_windows", "run_prior", "reach_verdict",
            "further_signals", "discovery_fit", "inclusive_limit", "selected_limit", "limit_curve", "run_cross_checks",
            "describe_peaks", "limits_of_windows", "limits_of_hypotheses", "name_mass",
        ):  # fmt: skip
            monkeypatch.setattr(hunt_module, name, getattr(self, name))
        return self

    def response_named(self, name):
        return SimpleNamespace(summary=lambda: {"name": name})

    def prepare_search(self, events, config, seed):
        return Search()

    def check_networks(self, events, config):
        self.asked["networks"] = events

    def scan_windows(self, search, keeper, *, workers, watch):
        return ["outcome"]

    def run_prior(self, search, *, keeper, workers, watch):
        maps = (SimpleNamespace(map="plane 0"), SimpleNamespace(map="plane 1"))
        answer = SimpleNamespace(
            findings=SimpleNamespace(maps=maps, best=1), summary=lambda: {"z_global": 2.0}, null=None
        )
        answer.calibrated_by = lambda null: self.asked.update(prior_null=null) or answer
        return answer

    def reach_verdict(self, search, outcomes, *, prior, threads, n_events):
        self.asked["verdict"] = (outcomes, prior is not None, threads, n_events)
        best = SimpleNamespace(
            result=SimpleNamespace(low=1.0, high=2.0, cut_fraction=0.5),
            scan=SimpleNamespace(n_trials=7, windows="all"),
            task=SimpleNamespace(config=self.config), outcome=None,
        )  # fmt: skip
        return SimpleNamespace(
            best=best, mass_cut=self.mass_cut, mass_fit=self.mass_fit, answers=lambda limit: ("answers", limit)
        )

    def further_signals(self, search, outcomes, verdict, *, scan, threads, n_events):
        self.asked["further"] = (scan(search), threads, n_events)
        return Further(verdicts=("second",))

    def discovery_fit(self, search, best):
        return "selected workspace", {"q0_p_value": 0.1}

    def inclusive_limit(self, search, verdict):
        return (None if self.limit is None else "inclusive workspace"), self.limit

    def selected_limit(self, search, verdict):
        return "selected limit"

    def limit_curve(self, search, verdict):
        return "curve"

    def run_cross_checks(self, events, task, outcome, config, *, seed, keep):
        return ("opinion",), "history"

    def describe_peaks(self, search, task, outcome, result, config):
        return "peaks", "plane"

    def limits_of_windows(self, windows):
        return f"limits of {windows}"

    def limits_of_hypotheses(self, maps):
        return f"limits of {len(maps)} maps"

    def name_mass(self, what, *, label, unit):
        return what


PLAIN = {"searches": ["cwola"], "vae": {"enabled": False}, "autoencoder": {"enabled": False}}


def hunted(monkeypatch, changes=None, *, hooks=None, n_events=None, workers=None, **rooms):
    config = config_from_dict({**PLAIN, **(changes or {})})
    made = Rooms(config, **rooms).patch(monkeypatch)
    found = hunt_events(["event"] * 5, config, seed=1, workers=workers or Workers(), n_events=n_events, hooks=hooks)
    return found, made.asked


def test_stages_in_their_order_and_what_each_found(monkeypatch):
    found, asked = hunted(monkeypatch)
    assert list(found.stages) == ["spectrum", "scan", "masses", "further_signals", "limit", "cross_checks"]
    assert asked["verdict"] == (["outcome"], False, 2, 5)
    assert asked["further"] == (["outcome"], 2, 5)
    assert found.stages["spectrum"]["n_searched"] == 3
    assert {**found.stages["scan"], "seconds": 0} == {
        "low": 1.0, "high": 2.0, "cut_fraction": 0.5, "n_trials": 7, "seconds": 0,
    }  # fmt: skip
    assert set(found.stages["masses"]) == {"seconds"}
    assert found.stages["limit"]["q0_p_value"] == 0.1
    assert all(0.0 <= each["seconds"] < 5.0 for each in found.stages.values())
    assert found.further == ("second",)
    assert found.workspaces == {"selected": "selected workspace", "inclusive": "inclusive workspace"}
    expected = {
        "inclusive": "whole", "peak_scan": "peaks", "mass_fit": None, "plane": "plane", "limit_curve": "curve",
        "window_limits": "limits of all", "cross_checks": ("opinion",), "training": "history", "prior_limits": None,
    }  # fmt: skip
    assert {name: getattr(found.products, name) for name in expected} == expected
    assert found.products.limit.selected == "selected limit"
    assert found.answers[1] is found.products.limit


def test_masses_note_their_cut_and_the_response(monkeypatch):
    found, asked = hunted(monkeypatch, mass_cut=0.02, mass_fit="fit", n_events=90)
    assert found.stages["masses"]["cut_fraction"] == 0.02
    assert found.stages["masses"]["response"] == {"name": "shipped"}
    assert asked["verdict"][3] == asked["further"][2] == 90


def test_without_an_inclusive_limit_nothing_else_is_limited(monkeypatch):
    found, _ = hunted(monkeypatch, {"limit": {"enabled": False}}, limit=None)
    assert found.products.limit is None
    assert found.products.limit_curve is None
    assert found.products.window_limits is None
    assert found.workspaces == {"selected": "selected workspace"}


@pytest.mark.parametrize("limited", [True, False])
def test_the_prior_assisted_search_is_a_stage_of_its_own(monkeypatch, limited):
    found, asked = hunted(monkeypatch, {"searches": ["cwola", "prior"], "limit": {"enabled": limited}})
    assert list(found.stages)[2] == "prior"
    assert found.stages["prior"]["z_global"] == 2.0
    assert asked["verdict"][1]
    assert "prior_null" not in asked
    assert found.products.hypotheses == "plane 1"
    assert len(found.products.hypothesis_scans) == 2
    assert found.products.prior_limits == ("limits of 2 maps" if limited else None)


@pytest.mark.parametrize("of_prior", [None, Null(method="its own", width=1.5)])
def test_a_calibration_takes_the_place_of_the_surface(monkeypatch, of_prior):
    entered, left = [], []
    own = Null(method="own", width=1.25, of_prior=of_prior)
    clock = hunt_module.Clock(entered=entered.append, left=lambda name, found: left.append((name, dict(found))))
    hooks = Hooks(calibrate=lambda search, keeper: own, clock=clock)
    found, asked = hunted(monkeypatch, {"searches": ["cwola", "prior"]}, hooks=hooks)
    assert list(found.stages)[1] == "calibration"
    assert found.stages["calibration"]["width"] == 1.25
    assert ("prior" in found.stages["calibration"]) == (of_prior is not None)
    assert found.search.tasks[0].null is own
    assert asked["prior_null"] is of_prior
    assert entered[:2] == ["spectrum", "calibration"]
    assert left[0] == ("spectrum", {"n_searched": 3})


@pytest.mark.parametrize(("vae", "autoencoder"), [(True, False), (False, True), (False, False)])
def test_workers_are_dismissed_before_networks(monkeypatch, vae, autoencoder):
    workers = Workers()
    hunted(monkeypatch, {"vae": {"enabled": vae}, "autoencoder": {"enabled": autoencoder}}, workers=workers)
    assert workers.dismissed == (vae or autoencoder)


@dataclass(frozen=True)
class Task:
    number: int
    threads: int = 1


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (2, 1), (4, 2), (7, 3)])
def test_windows_that_are_kept_are_not_searched(workers, threads):
    class Keeper(Memory):
        def window(self, number):
            return f"kept {number}" if number == 5 else None

        def keep_window(self, number, outcome):
            return f"{outcome} as {number}"

    told = []

    def watch(text, total, *, done):
        told.append((text, total, done))
        return nullcontext(lambda: told.append("one more"))

    class Team:
        number = workers

        def map(self, function, tasks):
            assert {task.threads for task in tasks} == {threads}
            return ((place, f"found {tasks[place].number}") for place in (1, 0))

    search = SimpleNamespace(tasks=(Task(3), Task(5), Task(4)))
    found = scan_windows(search, Keeper(), workers=Team(), watch=watch)
    assert found == ["found 3 as 3", "kept 5", "found 4 as 4"]
    assert told == [("windows", 3, 1), "one more", "one more"]


def test_nothing_is_kept_in_memory():
    memory = Memory()
    assert memory.window(1) is memory.kept("a") is None
    assert memory.keep("a", lambda: 3) == 3
    assert memory.keep_window(1, "outcome") == "outcome"
