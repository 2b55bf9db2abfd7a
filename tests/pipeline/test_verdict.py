"""The verdict: what failed checks do to a discovery and to its masses, and what luminosity does to a limit."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.pipeline import verdict as verdict_module
from bumphunt.pipeline.null import Null, shipped_surface
from bumphunt.pipeline.verdict import (
    OTHER_TRAINING,
    OUTSIDE_THE_SURFACE,
    WITHOUT_RESPONSE,
    BestWindow,
    Verdict,
    _of_all_searches,
    _of_the_calibration,
    reach_verdict,
)
from bumphunt.results import Check, Interval, ScanResult, UpperLimit
from bumphunt.statistics import p_from_z, z_from_p

LIMIT = UpperLimit(n_signal_95=278.0, mass=3500.0, width=100.0, expected=np.ones(5), q0_p_value=0.5, best_fit=0.0)
FIT = SimpleNamespace(
    **dict.fromkeys(("m_resonance", "m_x", "m_y", "n_signal"), Interval(value=2.0, low=1.0, high=3.0))
)


def answers(z_global, checks=(), *, fit=None, limit=None, changes=None, null=None):
    scan = SimpleNamespace(
        p_local=1e-9, z_local=6.0, p_global=1e-8, z_global=z_global, p_global_method="m", n_toys=0, n_trials=4,
        is_bound=False, z_stat=z_global + 0.2,
    )  # fmt: skip
    task = SimpleNamespace(config=config_from_dict(changes or {}), null=null or Null(method="m", width=1.1))
    best = SimpleNamespace(scan=scan, task=task, result=SimpleNamespace(z_spread=0.4), outcome=None)
    return Verdict(best=best, checks=checks, mass_fit=fit, assumptions=("two prongs",)).answers(limit)


def check(passed, applies_to="excess"):
    return Check(name="sculpting", passed=passed, value=0.0, threshold=1.0, meaning="", applies_to=applies_to)


@pytest.mark.parametrize(
    ("z", "passed", "status"),
    [
        (2.9, True, "none"),
        (3.0, True, "evidence"),
        (4.99, True, "evidence"),
        (5.0, True, "discovery"),
        (9.0, False, "unverified_excess"),
        (2.9, False, "none"),
    ],
)
def test_a_failed_check_of_the_excess_ends_every_claim(z, passed, status):
    found = answers(z, (check(True), check(passed)), fit=FIT)
    assert found.status == status
    assert found.discovery == (status == "discovery")
    assert found.search == (None if status == "none" else "cwola")


def test_a_failed_check_of_the_masses_leaves_the_excess_and_marks_the_masses():
    found = answers(9.0, (check(True), check(False, "masses")), fit=FIT)
    assert found.status == "discovery"
    assert found.masses_verified is False
    assert answers(9.0, (check(True), check(True, "masses")), fit=FIT).masses_verified is True
    assert answers(9.0, (check(True),)).masses_verified is None


def test_what_is_known_of_the_significance_stands_beside_it():
    found = answers(4.0, null=Null(method="surface", width=1.05, n_searches=999))
    assert (found.z_stat, found.z_spread) == (4.2, 0.4)
    assert found.tested_to == pytest.approx(2.748, abs=1e-3)  # p = 3 / 1000
    assert found.calibration == {"method": "surface", "n": 999, "width": 1.05, "mean": 0.0}
    assert found.per_search == {"cwola": {"z_local": 6.0, "z_global": 4.0}}
    assert found.assumptions == ("two prongs",)
    assert answers(4.0).tested_to is None


def test_a_limit_below_the_yield_is_explained():
    low = UpperLimit(n_signal_95=1.5, mass=3500.0, width=100.0, expected=np.ones(5), q0_p_value=0.5, best_fit=0.0)
    assert any("below the yield" in sentence for sentence in answers(9.0, fit=FIT, limit=low).assumptions)
    assert not any("below the yield" in sentence for sentence in answers(9.0, fit=FIT, limit=LIMIT).assumptions)


def test_luminosity_makes_a_cross_section_of_the_limit():
    plain = answers(1.0, limit=LIMIT).upper_limit
    assert plain == {"n_signal_95": 278.0, "mass": 3500.0, "expected": [1.0] * 5, "masses": None, "selected": None}
    found = answers(1.0, limit=LIMIT, changes={"limit": {"luminosity": 139.0}})
    assert found.upper_limit["cross_section_fb_95"] == pytest.approx(2.0)
    assert "sigma x B x A < 2 fb" in str(found)


@pytest.mark.parametrize(
    ("cwola", "said"),
    [
        ({}, None),
        ({"folds": 2}, None),
        ({"folds": 5}, "cwola.folds: 5:"),
        ({"max_iter": 60, "members": 2}, "cwola.max_iter: 60, cwola.members: 2:"),
        ({"folds": 2, "repeats": 1}, "at this number of events, cut, features and repeats"),
    ],
)
def test_it_says_where_the_null_was_measured_with_another_training(cwola, said):
    task = SimpleNamespace(
        config=config_from_dict({"cwola": cwola}),
        null=shipped_surface(),
        features=np.zeros((1, 4)),
        mjj=np.zeros(40_000),
    )
    for cut in (0.01, 1.0):
        best = SimpleNamespace(task=task, result=SimpleNamespace(n_window=5_000, cut_fraction=cut))
        found = _of_the_calibration(best)
        assert len(found) == (said is not None and cut < 1.0)
        assert not found or said in found[0]


WINDOW = SimpleNamespace(low=3_300.0, high=3_700.0, cut_fraction=0.01, p_local=1e-7, z_spread=0.4, n_window=5_000)


def best_of(z_global, *, config=None, z_local=5.0):
    scan = ScanResult(
        windows=("w1", "w2"), best=0, searched_low=1.0, searched_high=2.0, p_local=1e-6, z_local=z_local,
        p_global=p_from_z(z_global), z_global=z_global, p_global_method="largest of two", n_trials=12, n_toys=0,
        is_bound=False, z_stat=5.1,
    )  # fmt: skip
    task = SimpleNamespace(config=config_from_dict(config or {}), null=Null(method="surface"), window="3300-3700 GeV")
    return BestWindow(scan=scan, task=task, outcome="outcome", result=WINDOW)


def prior_of(z_global, elsewhere=0.5):
    findings = SimpleNamespace(
        z_local=6.0, maps=[SimpleNamespace(n_hypotheses=100)] * 3, method="maximum over 300", maxima=np.zeros(50),
        elsewhere=elsewhere,
    )  # fmt: skip
    return SimpleNamespace(findings=findings, z_global=z_global, said=("of the prior",), null=Null(method="prior"))


@pytest.mark.parametrize(("prior", "finder"), [(3.0, "cwola"), (4.0, "cwola"), (4.5, "prior")])
def test_the_smaller_of_two_p_values_is_counted_twice(monkeypatch, prior, finder):
    other = SimpleNamespace(low=4_000.0, high=4_400.0, p_local=1e-9)
    outcome = SimpleNamespace(results=(other,))
    monkeypatch.setattr(verdict_module, "outcome_of", lambda search, findings: ("task", outcome))
    found, name, each = _of_all_searches("search", best_of(4.0), prior_of(prior))
    assert name == finder
    assert each == {
        "cwola": {"z_local": 5.0, "z_global": 4.0, "low": 3_300.0, "high": 3_700.0},
        "prior": {"z_local": 6.0, "z_global": prior, "low": 4_000.0, "high": 4_400.0},
    }
    scan = found.scan
    assert scan.p_global == pytest.approx(1.0 - (1.0 - p_from_z(max(prior, 4.0))) ** 2)
    assert scan.z_global == pytest.approx(z_from_p(scan.p_global))
    assert scan.n_trials == 12 + 300
    assert scan.p_global_method.endswith("; the smaller p-value of two searches, both counted (Sidak)")
    if finder == "prior":
        assert scan.p_global_method.startswith("maximum over 300")
        assert (scan.windows, scan.best) == (("w1", "w2", other), 2)
        assert (scan.z_local, scan.p_local, scan.n_toys, scan.is_bound) == (6.0, 1e-9, 50, False)
        assert np.isnan(scan.z_stat)
        assert (found.task, found.result, found.outcome) == ("task", other, outcome)
    else:
        assert (scan.windows, scan.best, scan.z_local, scan.z_stat) == (("w1", "w2"), 0, 5.0, 5.1)
    alone = best_of(4.0)
    assert _of_all_searches("search", alone, None)[:2] == (alone, "cwola")
    assert _of_all_searches("search", alone, SimpleNamespace(findings=None))[0] is alone


def reached(monkeypatch, *, z_global=4.0, finder="cwola", prior=None, config=None, fitted=True, inside=True):
    """Reach a verdict with stand-ins; return it, and the configuration that the masses were fitted with."""
    asked = {}

    def masses(search, task, outcome, result, config, *, selection):
        asked.update(config=config, selection=selection)
        return (FIT, 0.02) if fitted else (None, None)

    monkeypatch.setattr(verdict_module, "best_window", lambda search, outcomes: best_of(z_global, config=config))
    monkeypatch.setattr(verdict_module, "_of_all_searches", lambda search, best, prior: (best, finder, {"a": {}}))
    monkeypatch.setattr(verdict_module, "windows_beside", lambda search, outcomes, task, outcome: "beside")
    monkeypatch.setattr(
        verdict_module, "window_checks", lambda result, thresholds, beside: (check(beside == "beside"),)
    )
    monkeypatch.setattr(verdict_module, "no_deficit", lambda task, result: (check(True),))
    monkeypatch.setattr(verdict_module, "_of_the_calibration", lambda best: () if inside else (OUTSIDE_THE_SURFACE,))
    monkeypatch.setattr(verdict_module, "window_selection", lambda search, task, threads: f"cwola {threads}")
    monkeypatch.setattr(verdict_module, "prior_selection", lambda search, findings: "prior")
    monkeypatch.setattr(verdict_module, "estimate_masses", masses)
    checked = lambda search, fit, n_events: ((check(True, "masses"),), (f"of {n_events}",))  # noqa: E731
    monkeypatch.setattr(verdict_module, "masses_checked", checked)
    monkeypatch.setattr(verdict_module, "without_choice", lambda fit, choices: asked.update(choices=choices) or fit)
    return reach_verdict("search", [], prior=prior, threads=3, n_events=77), asked


def test_masses_are_fitted_from_evidence_on(monkeypatch):
    found, asked = reached(monkeypatch, z_global=2.99, inside=False)
    assert (found.mass_fit, asked, found.assumptions, len(found.checks)) == (None, {}, (OUTSIDE_THE_SURFACE,), 2)
    found, asked = reached(monkeypatch, z_global=3.01)
    assert (found.mass_fit, found.mass_cut, found.assumptions, found.selection) == (FIT, 0.02, ("of 77",), "cwola 3")
    assert [each.name for each in found.checks] == ["sculpting", "sculpting", "mass_fit", "sculpting"]
    assert all(each.passed for each in found.checks)
    assert asked["config"].cwola.decorrelate is config_from_dict({}).cwola.decorrelate
    assert found.null.method == "surface"
    failed, _ = reached(monkeypatch, fitted=False)
    assert (failed.mass_fit, failed.selection, failed.checks[-1].passed) == (None, None, False)
    assert failed.status == "unverified_excess"
    alone = {"daughters": None, "features": ["a"]}
    other, asked = reached(monkeypatch, config=alone)
    assert (other.assumptions, asked) == ((WITHOUT_RESPONSE,), {})


def test_the_finder_says_how_masses_are_fitted(monkeypatch):
    config = {"cwola": {"decorrelate": False}}
    found, asked = reached(monkeypatch, finder="prior", prior=prior_of(4.5), config=config, inside=False)
    assert [each.name for each in found.checks][2] == "one_hypothesis"
    assert (found.selection, found.search, found.null.method) == ("prior", "prior", "prior")
    assert asked["config"].cwola.decorrelate
    assert asked["choices"] == 4  # a hypothesis of two masses, a window and a cut
    assert found.assumptions == ("of the prior", "of 77")
    found, asked = reached(monkeypatch, prior=prior_of(3.0, elsewhere=9.0), config=config, inside=False)
    assert "one_hypothesis" not in [each.name for each in found.checks]
    assert (found.selection, found.of_prior) == ("cwola 3", None)
    assert not asked["config"].cwola.decorrelate
    assert asked["choices"] == 0
    assert found.assumptions == (OUTSIDE_THE_SURFACE, "of the prior", "of 77")
    assert OTHER_TRAINING.format("x") not in found.assumptions
