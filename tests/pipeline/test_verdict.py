"""The verdict: what failed checks do to a discovery and to its masses, and what luminosity does to a limit."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.pipeline.null import Null, shipped_surface
from bumphunt.pipeline.verdict import Verdict, _of_the_calibration
from bumphunt.results import Check, Interval, UpperLimit

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
        ({"folds": 2}, "cwola.folds: 2:"),
        ({"max_iter": 60, "members": 2}, "cwola.max_iter: 60, cwola.members: 2:"),
        ({"folds": 2, "repeats": 1}, "at this number of events, cut, features and repeats"),
    ],
)
def test_it_says_where_the_null_was_measured_with_another_training(cwola, said):
    task = SimpleNamespace(config=config_from_dict({"cwola": cwola}), null=shipped_surface(), features=np.zeros((1, 4)))
    for cut in (0.01, 1.0):
        best = SimpleNamespace(task=task, result=SimpleNamespace(n_window=5_000, cut_fraction=cut))
        found = _of_the_calibration(best)
        assert len(found) == (said is not None and cut < 1.0)
        assert not found or said in found[0]
