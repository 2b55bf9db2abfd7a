"""Parts of the prior-assisted search by hand: what a hypothesis keeps and counts, what is stored, who is selected."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import NotSearchedError
from bumphunt.pipeline import prior_answer, prior_counts, prior_limit, prior_search, prior_windows
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.prior_answer import PriorAnswer, PriorSelection, findings_from, stored_findings
from bumphunt.pipeline.prior_counts import KeptList, Scored, WindowScores
from bumphunt.pipeline.prior_limit import PriorTraining
from bumphunt.pipeline.prior_search import PriorFindings
from bumphunt.pipeline.prior_windows import HypothesisSelections, PriorSettings, excess_elsewhere, hypothesis_map
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import HypothesisScan, WindowResult
from bumphunt.significance.permutations import Selections, Tail, significances
from bumphunt.significance.smooth_sidebands import Sidebands, rank_weights
from bumphunt.statistics import p_from_z, z_from_p

EDGES = np.array([3_000.0, 3_200.0, 3_400.0, 3_600.0, 3_800.0, 4_000.0])
WINDOW = MassWindow(low=3_400.0, high=3_600.0, sideband_low=3_000.0, sideband_high=4_000.0)
MIDDLE = np.arange(5) == 2
SIDE = Sidebands(inside=1.0 * MIDDLE, outside=np.array([0.25, 0.25, 0.0, 0.25, 0.25]), ratio=0.25)


@pytest.mark.parametrize(
    ("in_window", "part"),
    [(130_000.0, 1e-3), (40_000.0, 3e-3), (1_000.0, 5e-3), (10.0, 0.5), (0.0, 0.5)],
)
def test_parts_that_are_kept(in_window, part):
    settings = PriorSettings()
    assert settings.part(in_window) == pytest.approx(part)
    assert settings.parts(in_window, 40_000) == (settings.part(in_window),)
    assert settings.parts(in_window, 39_999) == (settings.part(in_window), min(3.0 * part, 0.5))


def test_bins_beside_a_window_are_those_of_its_sidebands_beyond_the_guard():
    task = SimpleNamespace(window=WINDOW, edges=EDGES, settings=PriorSettings())
    around, side = prior_windows.beside(task)
    assert around.tolist() == [False, True, True, True, False]
    assert side.tolist() == [True, False, False, False, True]
    task.window = replace(WINDOW, sideband_low=3_150.0, sideband_high=3_850.0)
    assert not prior_windows.beside(task)[1].any()


def test_events_count_for_masses_beside_the_middle_of_the_window_too(monkeypatch):
    asked = []
    monkeypatch.setattr(prior_windows, "resonance_share", lambda table, mass, edges: asked.append(mass) or np.ones(5))
    monkeypatch.setattr(prior_windows, "sidebands", lambda inclusive, edges, signal, side, part: signal)
    monkeypatch.setattr(prior_windows, "weighted", lambda counted, weights, inclusive: counted)
    task = SimpleNamespace(
        window=WINDOW, edges=EDGES, settings=PriorSettings(offsets=(-1.0, 0.0, 2.0)), inclusive=np.ones(5),
        reference=3_500.0, table=None,
    )  # fmt: skip
    found = prior_windows.sidebands_of(task, 0.1, None)
    ratio = EDGES[1] / EDGES[0]
    assert asked == pytest.approx([3_500.0 / ratio, 3_500.0, 3_500.0 * ratio**2])
    assert [each.tolist() for each in found] == [[0.0, 1.0, 1.0, 1.0, 0.0]] * 3
    task.inclusive = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
    with pytest.raises(NotSearchedError, match="no events in sidebands clear of its guard"):
        prior_windows.sidebands_of(task, 0.1, None)


def groups():
    """Three hypotheses that keep six events each: 0 has an excess in the middle bin, 2 lies far from both others."""
    bins = np.array([2, 2, 2, 2, 0, 1, 0, 1, 2, 3, 4, 4, 0, 1, 2, 3, 4, 3])
    members = np.arange(18).reshape(3, 6)
    selections = Selections(sidebands=(SIDE,), members=members, weights=np.ones(6))
    masses = np.array([(400.0, 100.0), (420.0, 110.0), (1_000.0, 100.0)])
    return HypothesisSelections(hypotheses=masses, part=0.1, selections=selections), bins


def test_a_map_tells_the_best_hypothesis_in_numbers_of_events():
    part, bins = groups()
    task = SimpleNamespace(window=WINDOW, edges=EDGES, inclusive=np.array([50.0, 40.0, 30.0, 20.0, 10.0]))
    tail = Tail(level=0.0, growth=0.0, at=0.0, end=9.0)
    found = hypothesis_map(task, part, bins, maxima=np.array([1.0, 2.0, 4.0]), tail=tail)
    z = significances(part.selections, bins)
    assert (found.best_m_x, found.best_m_y, found.z_best) == (400.0, 100.0, z[0, 0])
    assert found.z_local.shape == (3, 2)
    assert found.at(420.0, 110.0) == z[0, 1]
    assert np.isnan(found.z_local[0, 1])
    # the purest third: two of six events, both in the window, and none beside it
    assert (found.n_observed, found.n_expected, found.cut_fraction) == (2, 0.0, 2 / 18)
    share = 30.0 / (0.25 * 120.0)
    assert found.n_expected_error == pytest.approx(share * np.sqrt(4 * 0.25**2 * 0.1))
    assert (found.low, found.high, found.n_hypotheses, found.null_median) == (3_400.0, 3_600.0, 3, 2.0)
    assert found.p_global == pytest.approx(max(tail.p_value(found.z_best), p_from_z(found.z_best)))
    assert prior_windows.kept_by(part, found).tolist() == [0, 1]
    assert prior_windows.kept_by(part, replace(found, best_m_x=430.0, best_m_y=115.0)).tolist() == [6, 7]
    assert prior_windows.most_significant((part, replace(part, part=0.3)), bins).part == 0.1


def test_hypotheses_far_away_are_compared_with_permuted_masses():
    part, bins = groups()
    found = excess_elsewhere(part, bins, rng=np.random.default_rng(4))
    rng = np.random.default_rng(4)
    drawn = [significances(part.selections, rng.permutation(bins))[0, 2] for _ in range(40)]
    z = significances(part.selections, bins)[0]
    expected = (z[2] - np.mean(drawn)) / np.hypot(np.std(drawn, ddof=1), 0.05 * z.max())
    assert found == pytest.approx(expected)
    near = replace(part, hypotheses=np.array([(400.0, 100.0), (420.0, 110.0), (590.0, 180.0)]))
    assert np.isnan(excess_elsewhere(near, bins, rng=np.random.default_rng(4)))


def scan_of(**changes):
    return HypothesisScan(**{
        "low": 3_400.0, "high": 3_600.0, "m_x": np.array([400.0]), "m_y": np.array([100.0]),
        "z_local": np.array([[4.0]]), "best_m_x": 400.0, "best_m_y": 100.0, "cut_fraction": 0.25, "n_observed": 9,
        "n_expected": 2.0, "n_expected_error": 0.5, "z_best": 4.0, "n_hypotheses": 10, "null_median": 2.0,
        "p_global": 1e-3, **changes,
    })  # fmt: skip


FITTED = WindowResult(
    low=3_400.0, high=3_600.0, cut_fraction=0.25, n_window=500, n_observed=9, n_expected=2.0, n_expected_error=0.5,
    z_local=3.0, p_local=p_from_z(3.0), leakage=0.5, leakage_error=0.0, sideband_p_value=0.5, fit=None, note="odd",
)  # fmt: skip


def findings(**changes):
    score = np.array([4.0, 1.0, 3.0, 2.0, -5.0, 0.5, 0.1, -1.0])
    return PriorFindings(**{
        "maps": (scan_of(n_hypotheses=6), scan_of()), "best": 1, "selected": score > 2.5, "score": score,
        "fitted": FITTED, "z_local": 4.5, "p_global": 1e-3, "maxima": np.arange(3.0),
        "tail": Tail(level=1.0, growth=0.1, at=2.0, end=4.0), "elsewhere": 1.25, **changes,
    })  # fmt: skip


@pytest.mark.parametrize("elsewhere", [1.25, np.nan])
def test_what_is_stored_comes_back(elsewhere):
    given = findings(elsewhere=elsewhere)
    found = findings_from(stored_findings(given))
    np.testing.assert_equal(found.elsewhere, elsewhere)
    assert (found.best, found.z_local, found.p_global, found.tail) == (1, 4.5, 1e-3, given.tail)
    assert [each.to_dict() for each in found.maps] == [each.to_dict() for each in given.maps]
    assert found.fitted.to_dict() == FITTED.to_dict()
    assert json.loads(str(stored_findings(given)["facts"]))["elsewhere"] == (1.25 if elsewhere == 1.25 else None)
    assert found.z_global == z_from_p(1e-3)
    assert found.method.startswith("maximum over 16 hypotheses in 2 windows, 3 permutations")


def test_an_answer_is_calibrated_and_summed_up():
    answer = PriorAnswer(findings=findings(), null=Null(method="m", width=2.0))
    assert answer.z_global == pytest.approx(z_from_p(1e-3) / 2.0)
    assert answer.summary() == {
        "low": 3_400.0, "high": 3_600.0, "m_x": 400.0, "m_y": 100.0, "z_local": 4.5, "z_global": answer.z_global,
        "n_windows": 2, "n_hypotheses": 16,
    }  # fmt: skip


def test_its_best_window_is_told_like_one_of_the_other_search(monkeypatch):
    windows = [MassWindow(low=low, high=low + 200.0, sideband_low=3_000.0, sideband_high=4_000.0) for low in EDGES[1:4]]
    mjj = np.array([3_450.0, 3_500.0, 3_100.0, 3_900.0, 3_500.0, 3_300.0, 3_700.0, 3_500.0])
    tasks = [
        SimpleNamespace(window=window, mjj=mjj, keys="keys", ties=lambda: [np.linspace(0.1, 0.9, 8)], number=number)
        for number, window in enumerate(windows)
    ]
    monkeypatch.setattr(prior_answer, "_covered", lambda search: (windows[0], windows[1]))
    folds = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    monkeypatch.setattr(prior_answer, "fold_assignments", lambda keys, folds, repeat: np.array([0] * 4 + [1] * 4))
    monkeypatch.setattr(prior_answer, "leakage", lambda score, *halves, exclude: (0.4, exclude))
    task, outcome = prior_answer.outcome_of(SimpleNamespace(tasks=tasks), findings())
    assert task.number == 1
    (result,) = outcome.results
    assert (result.z_local, result.note, result.leakage, result.leakage_error) == (4.5, "", 0.4, 0.05)
    assert result.p_local == pytest.approx(p_from_z(4.5))
    assert np.isnan(result.z_stat)
    # a quarter of eight: the two best scores pass
    assert outcome.frequency.tolist() == [[1, 0, 1, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(outcome.folds, folds)
    # the best of each fold: one in the window, one beside it
    assert result.fold_p_values[0] == prior_answer.fold_agreement(np.array([1.0, 0.0]))


@pytest.mark.parametrize(("fraction", "threshold"), [(0.25, 3.0), (0.4, 2.0), (1e-6, 4.0)])
def test_simulated_events_pass_the_score_of_the_last_that_is_kept(monkeypatch, fraction, threshold):
    scores = {0: np.array([threshold - 0.01, threshold, 9.0]), 1: np.array([0.0, threshold + 0.1, -9.0])}
    monkeypatch.setattr(prior_answer, "drop_truth", lambda table: table)
    monkeypatch.setattr(prior_answer, "score_by", lambda models, task, inputs, folds, m_x, m_y: scores[folds[0]])
    prepared = SimpleNamespace(tasks=["", SimpleNamespace(models={0: "a", 1: "b"})], inputs=lambda number, table: table)
    selection = PriorSelection(prepared=prepared, number=1, m_x=1.0, m_y=2.0, score=findings().score)
    assert selection.at(fraction)(np.zeros(3)).tolist() == [0.0, 1.0, 0.5]


def test_what_a_significance_depends_on_is_named():
    events = pd.DataFrame(columns=["mjj", "mj1", "mj2", "tau21_1", "own"])
    for named, seen in ((None, ["mj1", "mj2", "tau21_1"]), (["tau21_1", "mj1"], ["mj1", "tau21_1"])):
        config = config_from_dict({} if named is None else {"features": named})
        found = prior_answer.prior_settings(SimpleNamespace(tasks=[SimpleNamespace(config=config)], events=events))
        assert sorted(found["features"]) == seen
        assert found["response"] is None, "that of the package has no file"
        assert "features" not in found["declared"]
        assert (found["declared"]["background"], found["declared"]["sqrt_s"]) == (130.0, 13_000.0)


def window_scores(monkeypatch, *, part, cut=None):
    """Eight events of the sidebands score 0 to 7, one of the window scores 5.5; the part is of the former."""
    monkeypatch.setattr(prior_counts, "beside", lambda task: (MIDDLE, ~MIDDLE))
    monkeypatch.setattr(prior_counts, "sidebands_of", lambda task, part, weights: (SIDE,))
    scores = WindowScores.__new__(WindowScores)
    scores.task = SimpleNamespace(window=WINDOW, edges=EDGES)
    scores.__dict__["_part"] = part
    shift = np.zeros(2) if cut is None else np.array([0.0, -np.inf])
    scores.__dict__["_shapes"] = SimpleNamespace(log_ratio=lambda m_x, m_y: shift)
    ratio = np.array([*range(8), 5.5])
    cell = np.zeros(9, dtype=int) if cut is None else (ratio < cut).astype(int)
    scores.data = Scored(ratio=ratio, cell=cell, bins=np.array([0, 1, 3, 4, 0, 1, 3, 4, 2]))
    return scores


@pytest.mark.parametrize(("part", "kept"), [(0.5, [7.0, 6.0, 5.0, 4.0]), (0.25, [7.0, 6.0]), (0.01, [7.0])])
def test_a_hypothesis_keeps_the_best_of_the_sidebands(monkeypatch, part, kept):
    found = window_scores(monkeypatch, part=part).kept((400.0, 100.0))
    assert found.scores.tolist() == kept
    np.testing.assert_array_equal(found.weights, rank_weights(len(kept)))
    weights = np.append(found.weights, 0.0)
    inside = weights[min(sum(score > 5.5 for score in kept), len(kept))]
    assert found.observed == pytest.approx(inside)
    assert found.expected == pytest.approx(0.25 * found.weights.sum())
    assert found.error == pytest.approx(np.sqrt(0.25 * found.expected))


def test_events_far_from_the_masses_are_not_enough(monkeypatch):
    assert window_scores(monkeypatch, part=0.25, cut=6.0).kept((400.0, 100.0)).scores.tolist() == [7.0, 6.0]
    with pytest.raises(NotSearchedError, match="too few events in 3400-3600 GeV"):
        window_scores(monkeypatch, part=0.25, cut=6.5).kept((400.0, 100.0))


def kept_list():
    return KeptList(
        scores=np.array([3.0, 2.0]), weights=np.array([4.0, 2.0]), sidebands=SIDE, part=0.02, observed=7.0,
        expected=5.0, error=1.5,
    )  # fmt: skip


def test_what_signal_adds_is_a_mean_over_all_of_it():
    class Scores:
        def scored(self, probes, folds):
            assert set(folds) <= {0, 1}
            return SimpleNamespace(bins=np.array([2, 2, 0, 2]))

        def score(self, scored, hypothesis):
            return np.array([3.5, 2.0, 3.5, 0.0])

    injection = SimpleNamespace(strength=30.0, hypothesis=(400.0, 100.0))
    found = prior_limit._asked(Scores(), kept_list(), injection, range(4), 8, np.random.default_rng(1))
    # 4 and 2 in the window, a quarter of 4 less beside it, nothing below what is kept; four lie outside
    assert (found.strength, found.n_probes, found.added, found.squared) == (30.0, 8, 5.0 / 8, 21.0 / 8)
    assert found.gain == 3.0


def training(strength, added, squared, gain):
    return PriorTraining(
        strength=strength, n_injected=0, n_probes=1_000, added=added, squared=squared, gain=gain, seconds=0.0
    )


def test_a_count_and_its_efficiency_are_in_events_that_add_alike():
    trainings = [training(0.0, 1.2, 3.0, 2.0), training(40.0, 0.8, 2.4, 1.9), training(40.0, -0.1, 0.2, 1.0)]
    counted, curve = prior_limit._count(kept_list(), trainings, n_events=900)
    np.testing.assert_allclose([row[:2] for row in curve.rows()], [[0.0, 0.6], [40.0, 0.2]])
    assert (counted.observed, counted.expected, counted.error) == (7.0, 5.0, 1.5)
    assert (counted.gain, counted.most, counted.mean, counted.width) == (2.0, 900.0, -0.05, 1.05)
    # one that adds nothing has no weight to tell
    assert counted.weight == pytest.approx(2.4 / (0.8 * 2.0))


def test_jet_masses_enter_as_logarithms_and_events_by_their_bin(monkeypatch):
    raw = np.array([[100.0, 0.5, 7.0]])
    np.testing.assert_allclose(prior_search._with_log_masses(raw), [[np.log(100.0), 0.0, 7.0]])
    assert raw[0, 1] == 0.5
    assert prior_search._centre(WINDOW) == pytest.approx(np.sqrt(3_400.0 * 3_600.0))
    table = SimpleNamespace(masses=np.array([[3_498.0], [3_600.0]]))
    inner, outer = WINDOW, replace(WINDOW, low=3_380.0)
    assert prior_search.covered_windows([inner, outer], table) == (inner,)

    class Decorrelation:
        def fit(self, features, mjj):
            return self

        def transform(self, features, mjj):
            return features

    class Score:
        models_ = "models"

        def __init__(self, make_classifier, threads):
            pass

        def fit(self, data, simulated, *, folds, rng):
            return self

    monkeypatch.setattr(prior_search, "decorrelation_for", lambda n_events: Decorrelation())
    monkeypatch.setattr(prior_search, "PriorScore", Score)
    monkeypatch.setattr(prior_search, "score_inputs", lambda quantiles, *_: quantiles)
    mjj = np.array([3_000.0, 3_199.0, 3_200.0, 3_999.0, 4_000.0])
    data = prior_search._Data(features=np.zeros((5, 3)), mjj=mjj, folds=np.zeros(5, dtype=int), edges=EDGES)
    events = SimpleNamespace(features=np.arange(6.0).reshape(2, 3), mjj=np.zeros(2), reference=np.array([1, 0]))
    signal = prior_search._Signal(table="table", events=events, references=[3_300.0, 3_500.0])
    tasks, bins = prior_search._trained(data, [WINDOW, WINDOW], PriorSettings(), signal, seed=1, threads=1)
    assert bins.tolist() == [0, 0, 1, 4, 4]
    assert [task.signal_jets.tolist() for task in tasks] == [[[3.0, 4.0]], [[0.0, 1.0]]]
    assert [task.reference for task in tasks] == [3_300.0, 3_500.0]
    assert tasks[0].inclusive.tolist() == [2.0, 1.0, 0.0, 0.0, 2.0]


def test_simulated_signal_is_shared_out_among_windows(monkeypatch):
    asked = []
    monkeypatch.setattr(
        prior_search, "simulated_signal", lambda table, references, names, number, rng: asked.append(number)
    )
    for simulated, each in ((1_000, 500), (1_001, 500), (150, 100)):
        prior_search._signal("table", [WINDOW, WINDOW], ("a",), PriorSettings(simulated=simulated), 1)
        assert asked.pop() == each


def test_what_is_declared_is_what_the_null_was_measured_with():
    """Where one of these is changed, ``prior_null.json`` has to be measured anew (``analysis/joint_nulls.py``)."""
    assert asdict(PriorSettings()) == {
        "background": 130.0, "largest": 3e-3, "least": 5.0, "few": 40_000, "looser": 3.0, "offsets": (0.0,), "guard": 1,
        "simulated": 200_000, "permutations": 500, "members": 1, "max_iter": 60, "learning_rate": 0.15,
        "max_leaf_nodes": 16, "min_samples_leaf": 100, "max_bins": 64, "features": None, "family": "auto",
        "sqrt_s": 13_000.0,
    }  # fmt: skip
