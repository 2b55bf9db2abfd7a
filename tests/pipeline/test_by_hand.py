"""Small parts of the search's pipeline against values worked out by hand."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import FitError, InputError
from bumphunt.events import BlindEvents
from bumphunt.pipeline import deficits, mass_estimate, other_limits, prior_null
from bumphunt.pipeline.deficits import dead_bins, judged_bins, no_deficit
from bumphunt.pipeline.final_state import content_columns, final_state_of, score_features
from bumphunt.pipeline.fold_selection import FoldSelection, models_can_be_kept
from bumphunt.pipeline.mass_estimate import estimate_masses
from bumphunt.pipeline.networks import unit_features
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.ordinary_events import left_out
from bumphunt.pipeline.prior_counts import KeptList, weight_of
from bumphunt.pipeline.verdict import BestWindow
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import HypothesisScan, Interval


@pytest.mark.parametrize(
    ("observed", "expected", "z", "part"),
    [
        (150.0, 100.0, 3.1, 0.10),  # twice an excess of 50 among 1,000
        (150.0, 100.0, 3.0, 0.05),
        (110.0, 100.0, 9.0, 0.05),
        (900.0, 100.0, 9.0, 0.50),
    ],
)
def test_checks_of_the_score_leave_out_twice_a_clear_excess(observed, expected, z, part):
    excess = SimpleNamespace(n_observed=observed, n_expected=expected, z_local=z)
    assert left_out(excess, 1_000) == pytest.approx(part)


def test_weights_by_rank_among_kept_events():
    kept, weights = np.array([5.0, 3.0, 3.0, 1.0]), np.array([4.0, 3.0, 2.0, 1.0])
    scores = np.array([9.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5, -np.inf])
    assert weight_of(scores, kept, weights).tolist() == [4.0, 4.0, 3.0, 2.0, 1.0, 1.0, 0.0, 0.0]


def test_events_beside_the_window_add_less_than_nothing():
    sidebands = SimpleNamespace(inside=np.array([0.0, 1.0, 0.0]), outside=np.array([0.25, 0.0, 0.5]))
    kept = KeptList(
        scores=np.array([2.0, 1.0]), weights=np.array([3.0, 2.0]), sidebands=sidebands, part=0.1, observed=1.0,
        expected=1.0, error=1.0,
    )  # fmt: skip
    assert kept.adds(np.array([3.0, 3.0, 1.5, 0.0]), np.array([0, 1, 2, 1])).tolist() == [-0.75, 3.0, -1.0, 0.0]


@pytest.mark.parametrize(
    ("mean", "width", "z"),
    [(0.2, 1.25, 3.04), (-0.5, 1.25, 3.2), (0.2, 0.5, 3.8), (-1.0, 0.5, 4.0), (0.0, 1.0, 4.0)],
)
def test_what_searches_without_signal_say_only_lowers_a_significance(mean, width, z):
    assert prior_null.calibrated(4.0, Null(method="by hand", mean=mean, width=width)) == pytest.approx(z)
    assert prior_null.calibrated(-1.0, Null(method="by hand", mean=0.0, width=2.0)) == -1.0


def test_the_nearest_tested_number_of_events_counts(monkeypatch):
    sizes = [
        {"n_searched": size, "mean": mean, "width": 1.0, "n_searches": 9}
        for size, mean in ((1_000, 0.1), (16_000, 0.2))
    ]
    monkeypatch.setattr(prior_null, "_measured", lambda: {"method": "by hand", "sizes": sizes})
    # 4,000 is as near to one as to the other in its logarithm
    assert [prior_null.prior_null(n).mean for n in (10, 3_900, 4_100, 10**6)] == [0.1, 0.1, 0.2, 0.2]
    assert [bool(prior_null.not_tested(n)) for n in (499, 500, 32_000, 32_001)] == [True, False, False, True]
    assert "1000 to 16000" in prior_null.not_tested(499)[0]


class Models:
    """Scores of 0.90, 0.95 and 0.96 for everyone in the three draws in turn."""

    def __init__(self):
        self.folds = iter([0, 1, 2])

    def draw(self, number, *, rng):
        return next(self.folds), rng

    def score(self, features, *, folds, ties):
        return np.full(len(features), [0.90, 0.95, 0.96][folds])


def test_how_often_an_event_passes_in_three_draws():
    selection = FoldSelection(models=Models(), features=lambda table: table.to_numpy(), seed=1)
    assert selection.at(0.0625)(pd.DataFrame({"a": [1.0, 2.0]})).tolist() == pytest.approx([2 / 3, 2 / 3])


def test_models_are_kept_where_a_score_is_that_of_one_classifier():
    for settings, kept in (
        ({"nested": False, "average": "score"}, True),
        ({"nested": True, "average": "score"}, False),
        ({"nested": False, "average": "rank"}, False),
    ):
        config = SimpleNamespace(cwola=SimpleNamespace(**settings))
        assert models_can_be_kept(config) is kept


def test_an_event_is_what_its_numbers_say():
    table = pd.DataFrame({"mjj": [1.0], "mj1": [1.0], "mj2": ["a"], "tau21_1": [1.0], "own": [2.0], "extra": [1.0]})
    table["tau21_2"] = [1j]
    config = config_from_dict({"cwola": {"features": ["mj1", "own"]}})
    assert sorted(content_columns(config, table)) == ["mj1", "mjj", "own", "tau21_1"]


def test_a_final_state_has_the_features_that_are_named():
    other = config_from_dict({"daughters": None, "resonance": {"column": "m"}, "features": ["a", "b"], "sqrt_s": None})
    assert final_state_of(other).features == ("a", "b")
    assert final_state_of(other).resonance == "m"
    assert "tau21_1" in final_state_of(config_from_dict({})).features
    table = pd.DataFrame({"mjj": [1.0], "tau21_1": [0.1], "mj1": [2.0], "a": [1.0]})
    assert score_features(other, table) == ["a", "b"]
    assert score_features(config_from_dict({"features": ["a"], "cwola": {"features": ["mj1"]}}), table) == ["mj1"]
    assert score_features(config_from_dict({}), table) == ["mj1", "tau21_1"]
    with pytest.raises(InputError, match="no features"):
        score_features(config_from_dict({}), table[["a"]])


def test_empty_bins_between_full_ones_are_dead():
    counts = np.array([0.0, 400.0, 0.0, 99.0, 0.0, 1.0, 0.0, 0.0])
    # neighbours lead to expect 199, and less than 10 in the other
    assert dead_bins(counts).tolist() == [False, False, True, False, False, False, False, False]
    assert dead_bins(np.array([0.0, 100.0, 0.0, 2.0, 0.0])).tolist() == [False, False, True, False, False]
    assert not dead_bins(np.array([0.0, 99.0, 0.0, 1.0, 0.0])).any()
    assert dead_bins(np.array([121.0, 0.0, 1.0])).tolist() == [False, True, False]
    assert not dead_bins(np.array([0.0, 900.0, 0.0, 0.0])).any()
    assert dead_bins(np.array([900.0, 0.0, 900.0])).tolist() == [False, True, False]


def test_bins_that_should_have_their_events():
    fit = SimpleNamespace(masked=np.array([True, False, True, False, False, False, False, False, True]))
    task = SimpleNamespace(excluded=None)
    assert judged_bins(task, fit).tolist() == [False] + [True] * 7 + [False]
    task.excluded = np.arange(9) == 7
    assert judged_bins(task, fit).tolist() == [False, True, True, True, True, False, False, False, False]


def test_the_worse_of_both_spectra_is_the_check(monkeypatch):
    def check(fit, *, threshold, where, looks, when):
        asked.append((fit, threshold, looks, when))
        return SimpleNamespace(value=p_values[fit])

    monkeypatch.setattr(deficits, "deficit_check", check)
    monkeypatch.setattr(deficits, "judged_bins", lambda task, fit: None)
    monkeypatch.setattr(deficits, "fit_before", lambda task: "before")
    task = SimpleNamespace(config=config_from_dict({}))
    least = task.config.checks.sideband_p_value
    for before, cut, worse in ((0.3, 0.1, 0.2), (0.1, 0.1, 0.1), (0.3, 1.0, 0.3)):
        asked, p_values = [], {"before": before, "after": 0.2}
        (found,) = no_deficit(task, SimpleNamespace(fit="after", cut_fraction=cut))
        assert found.value == worse
        assert asked[0] == ("before", least, 2, "before the cut")
        assert asked[1:] == ([("after", least, 2, "after the cut")] if cut < 1.0 else [])
    monkeypatch.setattr(deficits, "fit_before", lambda task: None)
    assert no_deficit(task, SimpleNamespace(fit=None, cut_fraction=0.1)) == ()


def test_a_file_bounds_its_signal():
    low = mass_estimate._at_most(Interval(value=50.0, low=40.0, high=70.0), 45)
    assert (low.value, low.low, low.high) == (45.0, 40.0, 70.0)
    all_of_it = mass_estimate._at_most(Interval(value=50.0, low=48.0, high=70.0), 45)
    assert (all_of_it.value, all_of_it.low) == (45.0, 45.0)
    assert mass_estimate._widening(SimpleNamespace(log_widths=None)) == (1.0, 1.0)
    found = mass_estimate._widening(SimpleNamespace(log_widths=np.log([1.5, 2.0])))
    assert found == pytest.approx((1.5, 2.0))


def test_tau21_is_used_where_every_event_has_it():
    table = pd.DataFrame({"tau21_1": [0.1, 0.2, np.nan], "tau21_2": [0.3, 0.4, 0.5]})
    search, rows = SimpleNamespace(events=table), np.array([True, True, False])
    np.testing.assert_array_equal(mass_estimate._tau21(search, rows), [[0.1, 0.2], [0.3, 0.4]])
    assert mass_estimate._tau21(search, np.ones(3, dtype=bool)) is None
    assert mass_estimate._tau21(SimpleNamespace(events=table[["tau21_1"]]), rows) is None


def test_jet_masses_of_events_beside_the_window_are_compared(monkeypatch):
    monkeypatch.setattr(mass_estimate, "jet_mass_scale", lambda mjj, _, mj2, known: (mjj.tolist(), mj2.tolist(), known))
    edges = np.array([1.0, 2.0, 3.0, 4.0])
    mjj = np.array([1.0, 1.9, 2.0, 2.5, 3.0, 3.9, 4.0])
    search = SimpleNamespace(mjj=mjj, edges=edges, daughter_masses=lambda: (mjj, 10.0 * mjj))
    found = mass_estimate._jet_scale(search, np.array([False, True, False]), SimpleNamespace(background="jets"))
    assert found == ([1.0, 1.9, 3.0, 3.9, 4.0], [10.0, 19.0, 30.0, 39.0, 40.0], "jets")
    assert mass_estimate._jet_scale(search, np.zeros(3, dtype=bool), SimpleNamespace(background=None)) is None


@dataclass(frozen=True)
class Fit:
    n_signal: Interval
    m_resonance: Interval
    m_x: Interval
    m_y: Interval
    n_signal_box: Interval | None = None
    efficiency: float = 0.5
    efficiency_error: float = 0.1
    hypothesis: str = "two prongs"
    log_widths: None = None


@pytest.mark.parametrize("kept", [True, False])
def test_masses_are_fitted_at_the_first_cut_that_can_be(monkeypatch, kept):
    """The loosest has no spectrum, the next no fit, and the third the masses."""
    cuts, seen = [0.3, 0.2, 0.1], []
    mjj = np.array([3_300.0, 3_500.0, 3_700.0])
    window = MassWindow(low=3_400.0, high=3_600.0, sideband_low=3_000.0, sideband_high=4_000.0)
    task = SimpleNamespace(
        window=window, masked_bins=lambda guard: np.array([False, True, False]), null_at=lambda cut: (0.0, 1.0 + cut)
    )
    search = SimpleNamespace(
        mjj=mjj, edges=np.array([3_200.0, 3_400.0, 3_600.0, 3_800.0]), daughter_masses=lambda: (mjj / 7.0, mjj / 35.0),
        inclusive=SimpleNamespace(counts=np.array([9.0, 5.0, 2.0])), events=pd.DataFrame({"mjj": mjj}),
    )  # fmt: skip
    outcome = SimpleNamespace(selected=lambda cut: np.array([True, True, cut > 0.1]))
    config = config_from_dict({"cwola": {"decorrelate": False}})

    def fitted(selected, response, *, select, cuts):
        assert (cuts is None) == (select is None)
        seen.append((selected.mjj.tolist(), selected.in_window.tolist(), selected.width, select))
        if len(selected.mjj) == 3:
            raise FitError("no")
        return Fit(Interval(value=900.0, low=800.0, high=1_000.0), *[Interval(value=500.0, low=1.0, high=2.0)] * 3)

    box = SimpleNamespace(n_signal=Interval(value=7.0, low=6.0, high=8.0), efficiency=0.3, efficiency_error=0.05)
    monkeypatch.setattr(mass_estimate, "_cuts_to_fit", lambda *_: cuts)
    monkeypatch.setattr(
        mass_estimate, "measure", lambda chosen, task, fraction: SimpleNamespace(fit=None if fraction == 0.3 else "fit")
    )
    monkeypatch.setattr(mass_estimate, "fit_decays", fitted)
    monkeypatch.setattr(mass_estimate, "box_yield", lambda masses, bins, around, response, hypothesis: box)
    monkeypatch.setattr(mass_estimate, "on_scale", lambda fit, scale: fit)
    monkeypatch.setattr(mass_estimate, "_jet_scale", lambda *_: None)
    monkeypatch.setattr(mass_estimate, "_score_cuts", lambda *_: "cuts")
    selection = SimpleNamespace(at=lambda cut: f"select {cut}") if kept else None
    fit, cut = estimate_masses(search, task, outcome, None, config, selection=selection)
    assert cut == 0.1
    assert [each[2] for each in seen] == [1.2, 1.1]
    assert seen[1][:2] == ([3_300.0, 3_500.0], [False, True])
    assert seen[1][3] == ("select 0.1" if kept else None)
    # of three events in the file no more can be signal; without models the box counts it
    assert (fit.n_signal.value, fit.n_signal_box.value) == (3.0, 7.0)
    assert (fit.efficiency, fit.efficiency_error) == ((0.5, 0.1) if kept else (0.3, 0.05))
    assert (fit.n_signal.high, fit.n_signal.low) == ((1_000.0, 3.0) if kept else (8.0, 3.0))
    monkeypatch.setattr(mass_estimate, "_cuts_to_fit", lambda *_: cuts[:2])
    assert estimate_masses(search, task, outcome, None, config, selection=selection) == (None, None)


def test_features_that_vary_are_replaced_by_quantiles():
    events = BlindEvents(pd.DataFrame({"mjj": np.arange(12.0), "mj1": np.arange(12.0), "mj2": np.full(12, 3.0)}))
    found = unit_features(events, ["mj1"])
    assert (found.features, found.unit.shape, found.unit.dtype) == (("mj1",), (12, 1), np.float32)
    assert (np.diff(found.unit[:, 0]) > 0).all()
    with pytest.raises(InputError, match="'mj2' has the same value"):
        unit_features(events, ["mj1", "mj2"])
    assert unit_features(events, None).features == ("mj1",)
    with pytest.raises(InputError, match="has the same value"):
        unit_features(BlindEvents(events.assign(mj1=1.0)), None)


def test_candidates_pass_the_cut_inside_the_window():
    window = MassWindow(low=2.0, high=4.0, sideband_low=1.0, sideband_high=5.0)
    task = SimpleNamespace(window=window, mjj=np.array([1.0, 2.0, 3.0, 4.0]))
    outcome = SimpleNamespace(selected=lambda cut: np.array([True, True, False, True]) & (cut == 0.1))
    best = BestWindow(scan=None, task=task, outcome=outcome, result=SimpleNamespace(cut_fraction=0.1))
    assert best.candidates().tolist() == [False, True, False, False]


def test_limits_of_hypotheses_are_on_the_best_of_each_window(monkeypatch):
    asked = []

    def limited(observed, expected, error):
        asked.append((observed, expected, error))
        return SimpleNamespace(n_signal=3.0, expected=np.arange(5.0))

    monkeypatch.setattr(other_limits, "window_limit", limited)
    scan = mapped(n_observed=4, n_expected=0.0, n_expected_error=0.5)
    found = other_limits.limits_of_hypotheses([scan, mapped(n_observed=9, n_expected=2.0, n_expected_error=0.5)])
    assert asked == [(4, 0.5, 0.5), (9, 2.0, 0.5)]
    assert (found.m_x.tolist(), found.m_y.tolist()) == ([400.0, 400.0], [100.0, 100.0])
    assert (found.low.tolist(), found.cut_fraction.tolist()) == ([3_400.0] * 2, [0.25] * 2)


def mapped(**changes):
    return HypothesisScan(**{
        "low": 3_400.0, "high": 3_600.0, "m_x": np.array([400.0]), "m_y": np.array([100.0]),
        "z_local": np.array([[4.0]]), "best_m_x": 400.0, "best_m_y": 100.0, "cut_fraction": 0.25, "z_best": 4.0,
        "n_hypotheses": 10, "null_median": 2.0, "p_global": 1e-3, **changes,
    })  # fmt: skip


@pytest.mark.parametrize(("windows", "number"), [((3_200.0,), 1), ((3_200.0, 3_400.0, 3_200.0), 24)])
def test_limits_along_the_mass_reach_from_the_first_window_to_the_last(monkeypatch, windows, number):
    edges = np.linspace(3_000.0, 4_000.0, 11)
    tasks = [SimpleNamespace(window=SimpleNamespace(low=low, high=low + 200.0)) for low in windows]
    search = SimpleNamespace(tasks=tasks, edges=edges, mjj=np.array([3_050.0]), inclusive=SimpleNamespace(family="f"))
    verdict = SimpleNamespace(best=SimpleNamespace(task=SimpleNamespace(config=config_from_dict({}))))
    monkeypatch.setattr(other_limits, "inclusive_signal", lambda search, verdict, mass: (np.full(10, mass), None))
    monkeypatch.setattr(other_limits, "make_design", lambda edges, family, sqrt_s: "design")
    monkeypatch.setattr(other_limits, "spectrum_limits", lambda counts, design, signal: signal[:, 0] + counts[:, 0])
    monkeypatch.setattr(
        other_limits, "expected_spectrum_limits", lambda counts, design, signal: np.where(bad, np.nan, signal[:, :5])
    )
    bad = np.zeros((number, 1), dtype=bool)
    found = other_limits.limit_curve(search, verdict)
    assert len(found.mass) == number
    assert (found.mass[0], found.mass[-1]) == pytest.approx((3_300.0, max(windows) + 100.0))
    np.testing.assert_allclose(found.observed, found.mass + 1.0)
    bad[-1] = True
    cut = other_limits.limit_curve(search, verdict)
    assert (0 if cut is None else len(cut.mass)) == number - 1
