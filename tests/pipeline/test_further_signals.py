"""A second resonance is found after the first was taken out, and one alone leaves nothing behind."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bumphunt
from bumphunt.config import config_from_dict
from bumphunt.pipeline import further_signals
from bumphunt.pipeline.further_signals import FIRST_LOOK, WORTH_ALL, _look_again, without_signal

CONFIG = {
    "searches": ["cwola"],
    "search": {"low": 2_850.0, "high": 6_200.0, "cut_fractions": [0.03], "null_width": 1.1},
    "cwola": {"folds": 2, "repeats": 2, "max_iter": 20},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}
FIRST, SECOND = (3_500.0, 500.0, 100.0), (4_700.0, 450.0, 250.0)
ALONE = {
    "daughters": None,
    "cwola": {"folds": 2, "repeats": 2, "max_iter": 20},
    "features": ["mj1", "mj2", "tau21_1", "tau21_2"],
}

pytestmark = pytest.mark.usefixtures("one_decay")


@pytest.fixture(scope="module")
def table(make_events):
    """Two resonances."""
    other = make_events(10, signal=110, masses=SECOND, seed=6)
    both = pd.concat([make_events(20_000, signal=150, masses=FIRST, seed=5), other[other["label"] == 1]])
    return both.drop(columns="label").reset_index(drop=True)


@pytest.fixture(scope="module")
def hunted(table):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(further_signals, "FIRST_LOOK", 1)
        return bumphunt.hunt(table, config=CONFIG, seed=3)


def test_two_resonances_are_two_claims(hunted):
    result = hunted.result
    found = [result.answers, *result.signals]
    assert [each.status for each in found] == ["discovery", "discovery"]
    masses = sorted((each.m_resonance.value, each.m_x.value, each.m_y.value) for each in found)
    assert masses == [pytest.approx(FIRST, rel=0.05), pytest.approx(SECOND, rel=0.05)]
    assert "given that the resonance claimed in 4311-4852 GeV is real" in result.signals[0].assumptions[-1]
    assert "further signal" in str(result)
    assert result.stages["further_signals"]["n_claimed"] == 1
    (again, *_) = result.stages["further_signals"]["searches"]
    assert again["kept"] == [], "the sidebands of each window reach the first resonance"
    left = again["first_look"] + again["trained"]
    assert len(again["first_look"]) > 0
    assert len(left) == result.signals[0].n_trials, "windows of a first look are trials"
    second = hunted.findings.further[0].best.result
    assert [second.low, second.high] in [pytest.approx(window) for window in again["trained"]]
    assert "had a first look with 1 of the repeats" in result.signals[0].assumptions[-1]
    assert result.from_dict(result.to_dict()).signals[0].n_signal.value == result.signals[0].n_signal.value


def test_what_was_claimed_is_left_out(hunted):
    first, second = hunted.findings.verdict, hunted.findings.further[0]
    rest, rows, untouched = without_signal(hunted.findings.search, first)
    guarded = first.best.task.window.masked_bins(rest.edges, guard=1)
    low, high = rest.edges[:-1][guarded].min(), rest.edges[1:][guarded].max()
    assert not ((rest.mjj >= low) & (rest.mjj < high)).any()
    assert all(task.window.high <= low or task.window.low >= high for task in rest.tasks)
    assert all(task.masked_bins(guard=1)[guarded].all() for task in rest.tasks)
    assert all(task.window.sideband_high <= low for task in untouched[1])
    assert np.array_equal(hunted.findings.search.mjj[rows], rest.mjj)
    assert second.best.scan.n_trials == len(rest.tasks), "its trials are the windows that are left"
    # the fitted signal beyond the range, and no more than it has in all
    everything = hunted.findings.search.mjj
    inside = ((everything >= low) & (everything < high)).sum()
    tails = len(everything) - inside - len(rest.mjj)
    assert 5 < tails < first.mass_fit.n_signal.value / 2


def test_windows_near_a_claim_get_all_repeats_where_a_first_look_shows_something(hunted):
    """In the first look window 0 is at 1.4, 1 at 1.6, and 2 was so far at 1.4 and is at 1.6 now; 3 is unchanged."""
    search = hunted.findings.search
    config = config_from_dict({**CONFIG, "cwola": {"repeats": 8}})
    search = replace(search, tasks=tuple(replace(task, config=config) for task in search.tasks[:4]))
    numbers = [task.number for task in search.tasks]
    z = dict(zip(numbers, (WORTH_ALL - 0.1, WORTH_ALL + 0.1, WORTH_ALL + 0.1, 9.0), strict=True))
    asked = []

    def scan(some):
        asked.append([(task.number, task.config.cwola.repeats) for task in some.tasks])
        return [outcome(z.get(task.number, z.get(task.number % 500_000))) for task in some.tasks]

    def outcome(z_local):
        return SimpleNamespace(results=[SimpleNamespace(z_local=z_local, note="")])

    outcomes = {numbers[place]: outcome(z[numbers[place]]) for place in (2, 3)}
    brief = _look_again(search, outcomes, {numbers[2]}, scan=scan)
    assert asked[0] == [(500_000 + number, FIRST_LOOK) for number in numbers[:2]]
    assert asked[1] == [(number, 8) for number in numbers[1:3]], "with all repeats, under their own numbers"
    assert brief == {numbers[0]}
    assert set(outcomes) == set(numbers)


@pytest.mark.parametrize("searches", [["cwola"], ["cwola", "prior"]])
def test_it_is_said_that_only_one_search_was_repeated(hunted, monkeypatch, searches):
    findings = hunted.findings
    config = config_from_dict({**CONFIG, "searches": searches})
    search = replace(findings.search, tasks=tuple(replace(task, config=config) for task in findings.search.tasks))
    verdicts = [findings.further[0], replace(findings.further[0], best=_weaker(findings.further[0].best))]
    monkeypatch.setattr(further_signals, "reach_verdict", lambda *_, **__: verdicts.pop(0))
    monkeypatch.setattr(further_signals, "without_signal", lambda *_: (search, np.array([]), ([], [])))
    outcome = SimpleNamespace(results=[SimpleNamespace(z_local=0.0, note="")])
    found = further_signals.further_signals(search, [], findings.verdict, scan=lambda each: [outcome] * len(each.tasks))
    (claim,) = found.verdicts
    assert (further_signals.BY_CWOLA_ALONE in claim.assumptions) == ("prior" in searches)


def _weaker(best):
    return replace(best, scan=replace(best.scan, z_global=1.0))


def test_one_resonance_leaves_nothing(make_events):
    table = make_events(15_000, signal=110, masses=FIRST, seed=5, label=False)
    found = bumphunt.hunt(table, config={**CONFIG, **ALONE}, seed=3)
    assert found.answers.status == "discovery"
    assert found.result.signals == ()
    assert found.result.stages["further_signals"]["z_global_of_the_rest"] < 3


def test_the_strongest_only_where_no_more_are_asked_for(table):
    config = {**CONFIG, **ALONE, "search": {**CONFIG["search"], "most_signals": 1}}
    found = bumphunt.hunt(table, config=config, seed=3)
    assert found.answers.status == "discovery"
    assert found.result.signals == ()
    both = bumphunt.hunt(table, config={**CONFIG, **ALONE}, seed=3)
    assert len(both.result.signals) == 1
    masses = sorted(each.m_resonance.value for each in (both.answers, *both.result.signals))
    assert masses == [pytest.approx(FIRST[0], rel=0.05), pytest.approx(SECOND[0], rel=0.05)]


def test_a_small_file_with_too_little_beside_its_resonance_is_answered(make_events):
    """908 dimuons around a resonance leave 503 beside it, too few to learn how features follow the mass."""
    events = make_events(980, signal=110, masses=FIRST, seed=11)
    windows = {"windows": [[3_350.0, 3_650.0]], "least_training": 50, "cut_fractions": [0.1], "null_width": 1.1}
    config = {**CONFIG, **ALONE, "search": {"low": 2_800.0, "high": 4_600.0, **windows}}
    found = bumphunt.hunt(events, config=config, seed=3)
    assert found.answers.status in {"evidence", "discovery"}
    assert found.result.signals == ()
