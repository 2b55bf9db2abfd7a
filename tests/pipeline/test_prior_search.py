"""The prior-assisted search from events to a map: small boxes of a toy, simulated signal as it is shipped."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError, TruthError
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.execution import Workers
from bumphunt.masses.signal_table import load_signal
from bumphunt.pipeline import prior_search, prior_windows
from bumphunt.pipeline.prior_search import PriorFindings, PriorSettings, covered_windows, search_prior, what_it_sees
from bumphunt.preprocessing.splits import mass_windows
from bumphunt.results import HypothesisScan
from bumphunt.significance import permutations
from bumphunt.spectrum.binning import mass_grid

LIGHT = PriorSettings(simulated=12_000, permutations=60, max_iter=25, min_samples_leaf=40, largest=6e-3)
EDGES = mass_grid(2_900.0, 5_200.0, ratio=1.03)
WINDOWS = [window for window in mass_windows(EDGES, width=4, step=2, sideband=8) if 3_000 < window.low < 3_800]


def inside(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["mjj"] >= EDGES[0]) & (table["mjj"] < EDGES[-1])].reset_index(drop=True)


def folds_of(table: pd.DataFrame) -> np.ndarray:
    return (pd.util.hash_pandas_object(table[["mjj", "mj1"]], index=False).to_numpy() % 2).astype(np.int64)


def find(table: pd.DataFrame, **kwargs: Any) -> PriorFindings:
    return search_prior(drop_truth(table), WINDOWS, EDGES, folds_of(table), seed=1, settings=LIGHT, **kwargs)


@pytest.fixture(scope="module")
def table(make_events) -> pd.DataFrame:
    return inside(make_events(25_000, signal=120, seed=3))


@pytest.fixture(scope="module")
def found(table) -> PriorFindings:
    return find(table)


def test_a_signal_is_found_where_it_is(table, found) -> None:
    assert found.z_global > 5.0
    best = found.maps[found.best]
    assert best.low < 3_500 < best.high
    assert best.best_m_x == pytest.approx(500, rel=0.12)
    assert best.best_m_y == pytest.approx(100, rel=0.2)
    assert best.at(best.best_m_x, best.best_m_y) == best.z_best == found.z_local
    assert best.null_median < 4.5
    truth = table["label"].to_numpy() > 0.5
    assert (found.selected & truth).sum() > 0.4 * found.selected.sum()
    assert found.selected.sum() == round(best.cut_fraction * len(table))
    assert found.score[found.selected].min() >= found.score[~found.selected].max()
    assert best.n_observed > best.n_expected + 3.0 * best.n_expected_error


def test_two_estimates_of_the_background_agree(found) -> None:
    assert found.fitted.n_observed == found.maps[found.best].n_observed
    assert found.fitted.n_direct == found.maps[found.best].n_expected
    assert abs(found.fitted.estimates_pull) < 3.0


def test_the_order_of_rows_does_not_matter(table, found) -> None:
    order = np.random.default_rng(1).permutation(len(table))
    shuffled = find(table.iloc[order].reset_index(drop=True))
    assert shuffled.z_local == found.z_local
    assert shuffled.p_global == found.p_global
    np.testing.assert_array_equal(shuffled.selected, found.selected[order])
    np.testing.assert_array_equal(shuffled.score, found.score[order])


def test_parts_in_which_events_are_scored_and_masses_permuted_change_nothing(table, found, monkeypatch) -> None:
    monkeypatch.setattr(prior_windows, "PART", 1_003)
    monkeypatch.setattr(permutations, "MOST_DRAWN", 7 * int(found.selected.sum()))
    again = find(table)
    assert again.z_local == found.z_local
    np.testing.assert_array_equal(again.maxima, found.maxima)
    np.testing.assert_array_equal(again.selected, found.selected)


def test_workers_change_nothing(table, found, monkeypatch) -> None:
    monkeypatch.setattr(prior_search, "MANY", 1_000)  # of so many, workers are dismissed before masses are permuted
    again = find(table, workers=Workers(2))
    assert again.z_local == found.z_local
    np.testing.assert_array_equal(again.maxima, found.maxima)


def test_nothing_is_found_in_background_whose_jet_masses_follow_mjj(make_events) -> None:
    z = []
    for seed in (11, 12, 13):
        background = inside(make_events(25_000, seed=seed))
        for jet in ("mj1", "mj2"):
            background[jet] = background[jet] + 0.1 * background["mjj"]
        z.append(find(background).z_global)
    assert max(z) < 3.0


def test_truth_cannot_enter(table) -> None:
    with pytest.raises(TruthError, match="truth labels"):
        search_prior(BlindEvents(table), WINDOWS, EDGES, folds_of(table), seed=1, settings=LIGHT)
    settings, shipped = PriorSettings(features=("mj1", "mj2", "label")), load_signal()
    assert what_it_sees(drop_truth(table), WINDOWS, EDGES, settings=settings, table=shipped) == ("mj1", "mj2")


def test_what_cannot_be_searched_is_said(table) -> None:
    blind, folds = drop_truth(table), folds_of(table)
    with pytest.raises(InputError, match="no window lies where signal is simulated"):
        search_prior(blind, [], EDGES, folds, seed=1, settings=LIGHT)
    without = BlindEvents(blind.drop(columns="mj2"))
    with pytest.raises(InputError, match="mj1 and mj2"):
        search_prior(without, WINDOWS, EDGES, folds, seed=1, settings=LIGHT)
    few = BlindEvents(blind.iloc[:1_000])
    with pytest.raises(InputError, match="needs 5000 events between 2900 and 5085 GeV, and here are 1000"):
        search_prior(few, WINDOWS, EDGES, folds[:1_000], seed=1, settings=LIGHT)
    with pytest.raises(InputError, match="fold numbers; give one for each event"):
        search_prior(blind, WINDOWS, EDGES, folds[:-1], seed=1, settings=LIGHT)
    far = mass_windows(mass_grid(8_000.0, 12_000.0, ratio=1.03), width=4, step=2, sideband=8)
    assert covered_windows(far) == ()
    assert covered_windows(WINDOWS) == tuple(WINDOWS)


def test_a_map_survives_being_stored(found) -> None:
    stored = found.maps[0]
    again = HypothesisScan.from_dict(stored.to_dict())
    np.testing.assert_array_equal(again.z_local, stored.z_local)
    assert str(again) == str(stored)
    assert np.isnan(stored.z_local[0, -1]), "the lighter daughter cannot be the heavier one"
    assert np.nanmax(stored.z_local) == stored.z_best


def test_a_strong_signal_in_a_small_file_is_weighed_by_a_second_looser_cut(make_events) -> None:
    strong = inside(make_events(25_000, signal=250, seed=5))
    window = [min(WINDOWS, key=lambda each: abs(each.low + each.high - 7_000))]
    both, first = (
        search_prior(drop_truth(strong), window, EDGES, folds_of(strong), seed=1, settings=replace(LIGHT, few=few))
        for few in (40_000, 0)
    )
    assert both.maps[0].n_hypotheses > 1.8 * first.maps[0].n_hypotheses, "every cut of every hypothesis is a trial"
    assert np.median(both.maxima) >= np.median(first.maxima)
    assert both.z_global > first.z_global + 1.0
    assert both.maps[0].cut_fraction == pytest.approx(3.0 * first.maps[0].cut_fraction, rel=0.02)
    assert both.selected.sum() == round(both.maps[0].cut_fraction * len(strong))
