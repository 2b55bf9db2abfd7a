"""Limits as a job: one model and several, kept and resumed, as JSON, table and figures; what is refused."""

import csv
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner

import bumphunt
from bumphunt.cli import main
from bumphunt.errors import InputError
from bumphunt.jobs import limit_work as job
from bumphunt.jobs import limits
from bumphunt.jobs.limit_files import table
from bumphunt.jobs.limits import LimitOptions, limits_duration
from bumphunt.jobs.signal_models import model_of_masses
from bumphunt.pipeline import prior_answer, prior_search
from bumphunt.pipeline.prior_windows import PriorSettings
from bumphunt.pipeline.signal_limit import choose, inclusive_limit_of
from bumphunt.results import SignalLimits

SETTINGS = {
    "searches": ["cwola"],
    "search": {"low": 2900.0, "high": 5500.0, "cut_fractions": [0.05], "family": "dijet3"},
    "cwola": {"repeats": 2, "folds": 2, "max_iter": 8},
    "limit": {"repeats": 1, "draws": 1, "strengths": [0.0, 100.0, 250.0]},
}


PRIOR = LimitOptions(search="prior")


@pytest.fixture(scope="module", autouse=True)
def inclusive_limits_once():
    """Compute the inclusive limit of the same events and signal once: it takes longer than all trainings here."""
    known = {}

    def once(search, task, signal):
        key = (task.window.low, search.mjj.tobytes(), signal.mjj.tobytes())
        if key not in known:
            known[key] = inclusive_limit_of(search, task, signal)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "inclusive_limit_of", once)
        yield


@pytest.fixture(scope="module")
def files(make_events, tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    make_events(9000, seed=1).to_csv(folder / "events.csv", index=False)
    make_events(0, signal=1500, seed=2).to_csv(folder / "model.csv", index=False)
    (folder / "light.yaml").write_text(json.dumps(SETTINGS))
    return folder


@pytest.fixture(scope="module")
def printed(files):
    arguments = ["limits", str(files / "events.csv"), str(files / "model.csv"), "--output", str(files / "out")]
    arguments += ["--config", str(files / "light.yaml"), "--luminosity", "100", "--acceptance", "0.5", "--json"]
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_json_is_what_is_promised(files, printed):
    assert printed["n_signal_95"] > 0
    assert len(printed["expected"]) == 5
    assert sorted(printed["expected"]) == printed["expected"]
    assert [row[0] for row in printed["efficiency"]] == [0.0, 100.0, 250.0]
    assert printed["search"] == "cwola"
    assert printed["cross_section_fb_95"] == pytest.approx(printed["n_signal_95"] / 50.0)
    ways = {"inclusive": printed["inclusive"], printed["selected"]["name"]: printed["selected"]}
    assert printed["chosen"] == min(ways, key=lambda name: ways[name]["expected"][2])
    assert printed["n_signal_95"] == ways[printed["chosen"]]["n_signal_95"]


def test_files_tell_the_same(files, printed):
    stored = SignalLimits.from_dict(json.loads((files / "out" / "limits.json").read_text()))
    assert json.loads(json.dumps(stored.summary())) == printed
    [row] = csv.DictReader((files / "out" / "limits.csv").read_text().splitlines())
    assert float(row["observed_events"]) == pytest.approx(printed["n_signal_95"], rel=1e-5)
    assert float(row["observed_fb"]) == pytest.approx(printed["cross_section_fb_95"], rel=1e-5)
    assert row["name"] == "model.csv"


def test_truth_changes_nothing(files, printed, make_events):
    table = make_events(9000, seed=1).assign(label=1.0)
    options = LimitOptions(luminosity=100.0, acceptance=0.5)
    found = bumphunt.limits(table, files / "model.csv", config=SETTINGS, options=options).summary()
    assert json.loads(json.dumps(found)) == printed


def test_two_workers_answer_as_one(files, printed):
    options = LimitOptions(luminosity=100.0, acceptance=0.5)
    found = bumphunt.limits(files / "events.csv", files / "model.csv", config=SETTINGS, options=options, workers=2)
    assert json.loads(json.dumps(found.summary())) == printed


def test_points_that_are_done_are_not_done_again(files, printed, monkeypatch):
    monkeypatch.setattr(job, "search_window", lambda task: pytest.fail("the window was searched again"))
    output = files / "out"
    given = files / "events.csv", files / "model.csv"
    options = LimitOptions(output=output, resume=True, acceptance=0.5)
    found = bumphunt.limits(*given, config=SETTINGS, options=replace(options, luminosity=100.0))
    assert json.loads(json.dumps(found.summary())) == printed
    trained = []
    real = job.inject
    monkeypatch.setattr(job, "inject", lambda task: trained.append(task) or real(task))
    more = bumphunt.limits(*given, config=SETTINGS, options=replace(options, masses=[(3500, 100, 500)]))
    assert [point.name for point in more.points] == ["model.csv", "3500/500/100 GeV"]
    assert len(trained) == 3
    assert more.points[0].n_signal_95 == pytest.approx(printed["n_signal_95"])
    assert more.points[0].in_fb(1.0) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"signals": ()}, "no signal is given"),
        ({"masses": [(1000, 300, 100)]}, "outside the simulated range of 2702 to"),
        ({"masses": [(3500, 2000, 100)]}, "a daughter of 2000 GeV"),
        ({"masses": [(3500, -5, 100)]}, "three numbers above 0"),
        ({"luminosity": -3.0}, "luminosity -3 /fb"),
        ({"acceptance": 1.5}, "acceptance 1.5"),
        ({"search": "magic"}, "'magic'; choose one of cwola, prior, best"),
        ({"windows": 0}, "windows is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"config": {**SETTINGS, "cwola": {"nested": True, "folds": 3}}}, "cwola.nested: false"),
        ({"config": {**SETTINGS, "limit": {"strengths": [0.0, 5000.0]}}}, "too few to inject 5000"),
    ],
)
def test_refusals_in_one_line(files, change, said):
    given = {"signals": () if "masses" in change else files / "model.csv", "config": SETTINGS}
    given |= {name: value for name, value in change.items() if name in ("signals", "config", "seed")}
    options = LimitOptions(**{name: value for name, value in change.items() if name not in given and name != "seed"})
    with pytest.raises(InputError, match=said) as caught:
        bumphunt.limits(files / "events.csv", **given, options=options)
    assert "\n" not in str(caught.value)


def test_signal_events_that_differ_in_weight(files, make_events):
    signal = make_events(0, signal=900, seed=2).assign(weight=[1.0, 2.0] * 450)
    with pytest.raises(InputError, match=r"signal: .*weight"):
        bumphunt.limits(files / "events.csv", signal, config=SETTINGS)


def test_finished_limits_are_not_lost(files, printed):
    options = LimitOptions(output=files / "out")
    with pytest.raises(InputError, match="is there already; give --overwrite"):
        bumphunt.limits(files / "events.csv", files / "model.csv", config=SETTINGS, options=options)


def test_dry_run_writes_nothing(files):
    arguments = ["limits", str(files / "events.csv"), "--masses", "3500", "500", "100", "--masses", "3300", "400", "90"]
    arguments += ["--output", str(files / "never"), "--config", str(files / "light.yaml"), "--dry-run", "--json"]
    found = CliRunner().invoke(main, arguments)
    said = json.loads(found.stdout)
    assert not (files / "never").exists()
    # two models, three strengths, one draw, one repeat, two folds; the data's windows with two repeats
    assert said["n_trainings"] in (2 * 3 * 2 + 1 * 2 * 2, 2 * 3 * 2 + 2 * 2 * 2)
    assert said["seconds"] == pytest.approx(said["n_trainings"] * said["seconds_each"], rel=0.1, abs=0.1)


def test_masses_are_signal_of_these_masses():
    found = model_of_masses((3500, 100, 500), bumphunt.AnalysisConfig(), seed=1)
    assert found.masses == (3500.0, 500.0, 100.0)
    assert found.table["mjj"].median() == pytest.approx(3500.0, rel=0.02)
    assert found.table["mj2"].median() == pytest.approx(110.0, rel=0.1)
    half = len(found.table) // 2
    # any part is the same signal
    assert found.table["mjj"][:half].mean() == pytest.approx(found.table["mjj"][half:].mean(), rel=0.02)
    assert 0.5 < found.acceptance <= 1.0


def test_no_number_is_an_empty_cell(files, printed):
    stored = SignalLimits.from_dict(json.loads((files / "out" / "limits.json").read_text()))
    unlimited = json.loads(json.dumps(stored.to_dict()))
    unlimited["points"][0]["inclusive"]["n_signal_95"] = None
    text = table(SignalLimits.from_dict(unlimited))
    assert next(csv.DictReader(text.splitlines()))["inclusive_events"] == ""
    assert np.isfinite(stored.points[0].inclusive.n_signal_95)


@pytest.fixture(scope="module")
def light_prior():
    with pytest.MonkeyPatch.context() as patch:
        light = partial(PriorSettings, simulated=12_000, max_iter=25, min_samples_leaf=40)
        patch.setattr(prior_answer, "PriorSettings", light)
        patch.setattr(prior_search, "LEAST_EVENTS", 3000)
        yield


@pytest.fixture(scope="module")
def both(files, light_prior):
    settings = {**SETTINGS, "searches": ["cwola", "prior"]}
    return bumphunt.limits(files / "events.csv", files / "model.csv", config=settings)


def test_both_searches_answer_by_what_is_expected(both, printed):
    summary, point = both.summary(), both.points[0]
    assert {each.search for each in point.selected} == {"cwola", "prior"}
    best = min((point.inclusive, *point.selected), key=lambda each: each.expected[2])
    assert summary["chosen"] == best.name
    assert summary["search"] == summary["selected"]["search"] == best.search == "prior"
    # the other search's limit is what it is alone
    assert point.selected[0].n_signal_95 == pytest.approx(printed["selected"]["n_signal_95"])
    again = SignalLimits.from_dict(json.loads(json.dumps(both.to_dict())))
    assert again.summary() == json.loads(json.dumps(summary))


def test_observed_limits_choose_no_search(both):
    inclusive, selected = both.points[0].inclusive, both.points[0].selected
    by_observed = [replace(each, n_signal_95=1e6 if each.search == "prior" else 1.0) for each in selected]
    found = choose(inclusive, tuple(by_observed))
    assert found.search == "prior"
    assert found.chosen == both.points[0].chosen


def test_prior_alone_trains_no_other(files, both, light_prior, monkeypatch):
    monkeypatch.setattr(job, "search_window", lambda task: pytest.fail("the other search was trained"))
    monkeypatch.setattr(job, "inject", lambda task: pytest.fail("the other search was trained"))
    found = bumphunt.limits(files / "events.csv", files / "model.csv", config=SETTINGS, options=PRIOR)
    [alone] = found.points[0].selected
    assert alone.to_dict() == both.points[0].selected[-1].to_dict()


def test_prior_that_does_not_apply(files, light_prior, monkeypatch):
    monkeypatch.setattr(prior_search, "LEAST_EVENTS", 5000)
    settings = {
        **SETTINGS,
        "searches": ["cwola", "prior"],
        "limit": {"repeats": 1, "draws": 1, "strengths": [0.0, 50.0]},
    }
    found = bumphunt.limits(files / "events.csv", files / "model.csv", config=settings).points[0]
    assert found.search == "cwola"
    [note] = [note for note in found.notes if "prior" in note]
    assert "prior-assisted search was left out" in note
    assert "3943" in note
    with pytest.raises(InputError, match=r"sets no limit here: .*3943; choose 'cwola'"):
        bumphunt.limits(files / "events.csv", files / "model.csv", config=settings, options=PRIOR)


def test_dry_run_counts_both(files, light_prior):
    found = limits_duration(
        files / "events.csv", files / "model.csv", config=SETTINGS, options=LimitOptions(search="best")
    ).to_dict()
    # two strengths above none, one draw; once in the data
    assert found["n_prior_trainings"] == 3
    whole = found["n_trainings"] * found["seconds_each"] + 3 * found["seconds_prior_each"]
    assert found["seconds"] == pytest.approx(whole, rel=0.1, abs=0.1)
    alone = limits_duration(files / "events.csv", files / "model.csv", config=SETTINGS, options=PRIOR)
    assert alone.n_trainings == 0
    assert "trainings of the prior-assisted search" in str(alone)
