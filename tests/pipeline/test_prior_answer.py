"""The prior-assisted search inside a hunt: who is the finder, what counts as a trial, what is kept or left out."""

from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bumphunt.calibration.whole_searches import null_searches, run_null_search
from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.jobs.hunt import Hunt, hunt
from bumphunt.jobs.run import _trained_selection
from bumphunt.pipeline import prior_answer
from bumphunt.pipeline.hunt import Hooks, hunt_events
from bumphunt.pipeline.keeping import Memory
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.other_limits import limits_of_hypotheses
from bumphunt.pipeline.prior_answer import (
    PriorAnswer,
    findings_from,
    prepare_for,
    reason_against,
    run_prior,
    stored_findings,
)
from bumphunt.pipeline.prior_null import NOT_REPEATED, excess_left, prior_null
from bumphunt.pipeline.prior_windows import HypothesisSelections, PriorSettings, excess_elsewhere
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.verdict import reach_verdict
from bumphunt.pipeline.windows import search_window
from bumphunt.report.systematics import sources_table
from bumphunt.report.tables import searches_table
from bumphunt.results import Products
from bumphunt.significance.checks import hypotheses_check
from bumphunt.significance.limits import window_limit
from bumphunt.significance.permutations import Selections, significances
from bumphunt.significance.smooth_sidebands import Sidebands
from bumphunt.statistics import p_from_z

CHEAP: dict[str, Any] = {
    "searches": ["cwola", "prior"],
    "search": {"windows": [[3260, 3670], [3670, 4130]]},
    "cwola": {"repeats": 1, "folds": 2, "max_iter": 1},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}

pytestmark = pytest.mark.usefixtures("one_decay")


@pytest.fixture(scope="module", autouse=True)
def light() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        light = partial(PriorSettings, simulated=12_000, permutations=60, max_iter=25, min_samples_leaf=40)
        patch.setattr(prior_answer, "PriorSettings", light)
        yield


@pytest.fixture(scope="module")
def table(make_events) -> pd.DataFrame:
    return make_events(25_000, signal=50, seed=3)


@pytest.fixture(scope="module")
def found(table) -> Hunt:
    return hunt(table, config=CHEAP)


def test_the_finder_is_the_search_with_the_smaller_p_value(found) -> None:
    answers = found.answers
    assert answers.search == "prior"
    cwola, prior = answers.per_search["cwola"], answers.per_search["prior"]
    assert prior["z_global"] > cwola["z_global"]
    assert answers.z_local == prior["z_local"]
    both = 1.0 - (1.0 - p_from_z(prior["z_global"])) ** 2
    assert answers.p_global == pytest.approx(both, rel=1e-6)
    assert answers.z_global < prior["z_global"]
    assert answers.p_global_method.endswith("both counted (Sidak)")
    assert answers.n_trials > 400
    null = prior_null(found.result.stages["spectrum"]["n_searched"])
    assert answers.calibration == null.to_dict()
    assert answers.tested_to == null.tested_to
    assert prior["low"] < 3_500 < prior["high"]


def test_masses_and_yield_are_fitted_to_what_the_prior_selected(found) -> None:
    answers = found.answers
    # injected 50 at (3500, 500, 100), four standard deviations each
    for interval, truth in ((answers.m_x, 500.0), (answers.m_y, 100.0), (answers.n_signal, 50.0)):
        assert interval is not None
        assert interval.value == pytest.approx(truth, abs=2.0 * (interval.high - interval.low))
    assert "prior" in found.result.stages


def test_what_was_chosen_with_the_hypothesis_is_taken_off_the_number_and_said(found) -> None:
    fit, answers = found.products.mass_fit, found.answers
    assert 0.01 < fit.choice < 0.5
    assert fit.n_selected.value / fit.efficiency == pytest.approx(answers.n_signal.value, rel=1e-6)
    told = f"{100 * fit.choice:.0f} % is taken off the number of signal events"
    assert any(told in each for each in answers.assumptions)
    rows = {name: size for name, size, _ in sources_table(answers, found.products).rows}
    assert rows["Masses, window and cut chosen where most events pass"] == f"{100 * fit.choice:.0f} %"


def test_the_report_says_what_its_background_is_and_that_no_form_is_taken_off(found) -> None:
    window = found.scan.best_window
    (top,) = [each for each in found.products.hypothesis_scans if each.low == window.low]
    rows = {name: (size, what) for name, size, what in sources_table(found.answers, found.products).rows}
    assert window.n_direct == top.n_expected != window.n_expected
    size, what = rows["Background under the window"]
    assert float(size.split()[0]) == pytest.approx(top.n_expected, rel=0.05)
    assert "efficiencies in the sidebands" in what
    size, what = rows["The same, by a form fitted to what is selected"]
    assert float(size.split()[0]) == pytest.approx(window.n_expected, rel=0.05)
    assert f"{abs(window.n_expected - window.n_direct):.1f} events" in what
    assert rows["Form of the background"][1].endswith("nothing is taken off")


def test_the_map_is_kept_and_survives_storage(found) -> None:
    products = found.products
    again = Products.from_dict(products.to_dict())
    assert len(again.hypothesis_scans) == 2
    assert again.hypotheses is not None
    assert np.nanmax(again.hypotheses.z_local) == found.answers.z_local
    assert again.hypotheses.p_local.shape == (len(again.hypotheses.m_y), len(again.hypotheses.m_x))
    np.testing.assert_allclose(np.nanmin(again.hypotheses.p_local), found.answers.p_local, rtol=1e-6)


def test_each_window_has_its_limit_after_the_selection(found) -> None:
    scans = found.products.hypothesis_scans
    limits = limits_of_hypotheses(scans)
    alone = [
        window_limit(each.n_observed, max(each.n_expected, each.n_expected_error), each.n_expected_error)
        for each in scans
    ]
    assert limits.observed.tolist() == [each.n_signal for each in alone]
    assert limits.m_x.tolist() == [each.best_m_x for each in scans]
    assert limits.observed[0] > limits.expected[0, 4], "a signal is there"
    # this run was asked for none
    assert found.products.prior_limits is None


def test_a_table_says_where_each_search_points(found) -> None:
    table = searches_table(found.answers)
    assert [row[0] for row in table.rows] == ["Weak supervision (CWoLa)", "Prior-assisted"]
    assert table.marked == {1}
    assert "overlap" in table.caption or "lie apart" in table.caption


def test_findings_are_kept_and_not_searched_again(table, found) -> None:
    kept: dict[str, Any] = {}

    class Folder(Memory):
        def keep(self, name: str, make: Any) -> Any:
            if name not in kept:
                kept[name] = make()
            return kept[name]

    search = prepare_search(drop_truth(table), config_from_dict(CHEAP), 1)
    pieces: list[tuple[str, int]] = []

    def watch(text: str, total: int, *, done: int) -> Any:
        return nullcontext(lambda: pieces.append((text, total)))

    first = run_prior(search, keeper=Folder(), watch=watch)
    assert pieces == [("windows with a prior", len(search.tasks))] * len(search.tasks)
    assert first.findings is not None
    assert all(not array.dtype.hasobject for array in kept["prior"].values())
    again = findings_from(stored_findings(first.findings))
    assert again.z_local == first.findings.z_local == found.answers.z_local
    assert again.z_global == first.findings.z_global
    np.testing.assert_array_equal(again.maps[0].z_local, first.findings.maps[0].z_local)
    # what a folder kept is what counts
    facts = str(kept["prior"]["facts"])
    facts = facts.replace(f'"z_local": {first.findings.z_local}, "p_global"', '"z_local": 1.5, "p_global"')
    kept["prior"]["facts"] = np.array(facts)
    resumed = run_prior(search, keeper=Folder())
    assert resumed.findings is not None
    assert resumed.findings.z_local == 1.5
    # without the prior the other search is the only one
    outcomes = [search_window(task) for task in search.tasks]
    alone = reach_verdict(search, outcomes)
    assert list(alone.per_search) == ["cwola"]
    assert alone.search == "cwola"
    assert alone.mass_fit is None or alone.mass_fit.choice == 0.0


def test_a_calibration_on_these_events_is_of_the_prior_where_it_repeated_it(table, monkeypatch) -> None:
    class StoppedError(Exception):
        pass

    def verdict(*_: Any, prior: PriorAnswer, **__: Any) -> Any:
        raise StoppedError(prior)

    monkeypatch.setattr("bumphunt.pipeline.hunt.scan_windows", lambda *_, **__: [])
    monkeypatch.setattr("bumphunt.pipeline.hunt.reach_verdict", verdict)
    monkeypatch.setattr(prior_answer, "not_tested", lambda _: ("not tested here",))
    kept: dict[str, Any] = {}

    class Folder(Memory):
        def keep(self, name: str, make: Any) -> Any:
            return kept.setdefault(name, None) or kept.update({name: make()}) or kept[name]

    def answer(own: Null | None) -> PriorAnswer:
        hooks = Hooks(keeper=Folder(), calibrate=None if own is None else lambda *_: own)
        with pytest.raises(StoppedError) as stopped:
            hunt_events(drop_truth(table), config_from_dict(CHEAP), seed=1, hooks=hooks)
        found = stopped.value.args[0]
        assert isinstance(found, PriorAnswer)
        return found

    plain, one = answer(None), answer(Null(method="m", n_searches=20))
    assert plain.said == ("not tested here",)
    assert one.said == ("not tested here", NOT_REPEATED)
    assert (one.null, one.z_global) == (plain.null, plain.z_global)
    of_prior = Null(method="p", mean=0.5, width=1.25, n_searches=20)
    both = answer(Null(method="m", n_searches=20, of_prior=of_prior))
    assert both.said == ()
    assert both.null == of_prior
    # ten searches with the features of neighbours find an excess, those with the features of any event none
    smooth = Null(method="smooth", mean=1.98, width=0.92, n_searches=10)
    left = answer(Null(method="m", of_prior=Null(method="permuted", mean=0.42, n_searches=10).beside(smooth)))
    assert ["still have 2.0 standard deviations" in each for each in left.said] == [True]
    assert left.null.method == "smooth"
    assert excess_left(smooth) == ()
    assert excess_left(smooth.beside(Null(method="permuted", mean=1.5, n_searches=10))) == ()
    assert both.findings is not None
    assert both.z_global == pytest.approx((both.findings.z_global - 0.5) / 1.25)


def test_pseudo_data_of_a_file_with_signal_show_the_prior_none(table, found) -> None:
    search = prepare_search(drop_truth(table), config_from_dict(CHEAP), 1)
    tasks = [task for task in null_searches(search, number=10, seed=1) if task.by == "prior"][:2]
    assert [task.kind for task in tasks] == ["permuted", "smooth"]
    z = [run_null_search(task) for task in tasks]
    assert [each.shape for each in z] == [(1,), (1,)]
    assert found.answers.per_search["prior"]["z_global"] > max(float(each[0]) for each in z) + 2.0


def test_rows_in_another_order_give_the_same_answers(table, found) -> None:
    again = hunt(table.sample(frac=1.0, random_state=1), config=CHEAP)
    assert again.answers.to_dict() == found.answers.to_dict()


def test_by_default_it_is_run_for_dijets_and_for_nothing_else() -> None:
    assert AnalysisConfig().searches == ["cwola", "prior"]
    another = {"resonance": {"column": "m4l"}, "daughters": ["mz1", "mz2"], "features": ["mz1", "pt4l"]}
    for config in (another, {"daughters": None, "features": ["tau21_1"]}, {"daughters": ["mj2", "mj1"]}):
        assert config_from_dict(config).searches == ["cwola"], "no sentence on what nobody asked for"
        assert config_from_dict({**config, "searches": ["cwola", "prior"]}).searches == ["cwola", "prior"]
        with pytest.raises(InputError, match="daughters"):
            config_from_dict({**config, "daughters": 3})


def test_a_small_file_has_the_answers_of_the_other_search_and_a_sentence(make_events) -> None:
    few = make_events(6_000, seed=1, label=False)
    declared = {**CHEAP, "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]]}}
    both, alone = (hunt(few, config={**declared, "searches": each}).answers for each in (["cwola", "prior"], ["cwola"]))
    left = [sentence for sentence in both.assumptions if "prior" in sentence]
    assert left == [
        "the prior-assisted search was left out: it needs 5000 events between 2850 and 5302 GeV, and here are 2961"
    ]
    told = both.to_dict()
    told["assumptions"].remove(left[0])
    assert told == alone.to_dict()


def test_it_sees_the_features_that_every_score_may_see(table) -> None:
    def seen(changes: dict[str, Any]) -> tuple[str, ...] | str | None:
        search = prepare_search(drop_truth(table), config_from_dict({**CHEAP, **changes}), 1)
        return reason_against(search) or prepare_for(search).features

    assert seen({"features": ["tau21_1", "mj2", "mj1"]}) == ("mj1", "mj2", "tau21_1")
    assert seen({"features": ["tau21_1", "tau21_2"]}) == "mj1 and mj2 are not among the features"
    own = {"cwola": {**CHEAP["cwola"], "features": ["mj1", "tau21_1"]}}
    assert seen(own) == ("mj1", "mj2", "tau21_1", "tau21_2"), "features of cwola are its own"


def test_without_daughters_or_simulated_windows_it_is_left_out_with_a_sentence(table) -> None:
    alone = {**CHEAP, "daughters": None, "features": ["tau21_1", "tau21_2"]}
    search = prepare_search(drop_truth(table), config_from_dict(alone), 1)
    assert "two daughters" in run_prior(search, keeper=Memory()).said[0]
    assert "two daughters" in str(reason_against(search))
    high = BlindEvents(drop_truth(table).assign(mjj=lambda t: t["mjj"] * 3.0).query("mjj < 13000"))
    far = config_from_dict({**CHEAP, "search": {"windows": [[9_500, 10_600]]}})
    left = run_prior(prepare_search(high, far, 1), keeper=Memory())
    assert left.findings is None
    assert "no window lies where signal is simulated" in left.said[0]
    assert left.summary() == {"left_out": left.said[0]}
    assert np.isnan(left.z_global)
    assert isinstance(left, PriorAnswer)


def test_a_worker_that_is_lost_is_no_reason_to_leave_it_out(table, monkeypatch) -> None:
    def lost(*_: Any, **__: Any) -> Any:
        raise InputError("worker processes were killed twice")

    search = prepare_search(drop_truth(table), config_from_dict(CHEAP), 1)
    monkeypatch.setattr(prior_answer, "scan_hypotheses", lost)
    with pytest.raises(InputError, match="killed twice"):
        run_prior(search, keeper=Memory())
    # sidebands that the guard covers are one
    none = config_from_dict({**CHEAP, "search": {"windows": [[3260, 3670]], "sideband_bins": 1, "guard_bins": 1}})
    monkeypatch.undo()
    left = run_prior(prepare_search(drop_truth(table), none, 1), keeper=Memory())
    assert left.findings is None
    assert "no events in sidebands clear of its guard" in left.said[0]


@pytest.mark.parametrize(("shifted", "passes"), [(False, True), (True, False)])
def test_an_excess_has_one_place_in_the_plane_of_masses(shifted, passes) -> None:
    rng = np.random.default_rng(3)
    masses = np.array([(x, y) for x in (200.0, 400.0, 800.0, 1_600.0) for y in (50.0, 100.0, 200.0) if y < x])
    members = rng.permutation(66_000)[:3_300].reshape(11, 300)
    bins = rng.integers(10, size=66_000)
    moved = members[:, :40] if shifted else members[3:4, :60]
    bins[moved] = 4
    region = np.arange(10) == 4
    selections = Selections(
        sidebands=(Sidebands(inside=1.0 * region, outside=~region / 9.0, ratio=1 / 9),),
        members=members,
        weights=np.ones(300),
    )
    part = HypothesisSelections(hypotheses=masses, part=0.1, selections=selections)
    (check,) = hypotheses_check(excess_elsewhere(part, bins, rng=rng))
    assert check.passed is passes
    assert significances(selections, bins).max() > 3.0
    assert hypotheses_check(float("nan")) == ()


def test_the_checks_of_the_finder_are_asked(found) -> None:
    assert "one_hypothesis" in {check.name for check in found.result.checks if check.passed}


def test_models_to_keep_are_those_of_the_other_search(found, caplog) -> None:
    assert found.answers.search == "prior"
    kept = _trained_selection(found.findings, threads=1)
    cwola = found.answers.per_search["cwola"]
    assert (kept.window.low, kept.window.high) == (cwola["low"], cwola["high"])
    assert kept.best in found.findings.search.tasks[0].config.search.cut_fractions
    assert "models written are those of the other search's best window" in caplog.text


def test_the_search_that_needs_no_hypothesis_is_always_run() -> None:
    for wrong in (["prior"], ["cwola", "cwola"], ["prior", "prior"]):
        with pytest.raises(Exception, match="searches"):
            config_from_dict({"searches": wrong})
    assert config_from_dict({"searches": ["prior", "cwola"]}).searches == ["prior", "cwola"]
