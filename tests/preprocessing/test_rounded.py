"""Rounded copies are found on their grid, whatever it is; independent events that are rounded are left alone."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.preprocessing.duplicates import find_copies
from bumphunt.preprocessing.rounded import Grid, coarse_grids

HERE = Path(__file__).parent
MASSES = ["mjj", "mj1", "mj2"]


@pytest.fixture(scope="module")
def honest():
    spec = importlib.util.spec_from_file_location("honest_tables", HERE / "honest_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pool(honest):
    return honest.pool().sample(60_000, random_state=3).reset_index(drop=True)


def digits(table, number):
    return table.map(lambda value: float(f"{value:.{number}g}"))


def precise(table):
    return table * (1 + 1e-4 * np.random.default_rng(2).uniform(-1, 1, table.shape))


WAYS = {
    "whole GeV, two digits": lambda honest, t: honest.rounded(t, 1.0, 2),
    "5 GeV, two digits": lambda honest, t: honest.rounded(t, 5.0, 2),
    "5 GeV alone": lambda honest, t: honest.rounded(t, 5.0, 0),
    "10 GeV, one digit": lambda honest, t: honest.rounded(t, 10.0, 1),
    "2 GeV, three digits": lambda honest, t: honest.rounded(t, 2.0, 3),
    "three significant digits": lambda _, t: digits(t, 3),
    "cut to whole GeV": lambda _, t: t.assign(**np.floor(t[MASSES]).to_dict("series")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("written", ["as shipped", "double"])
def test_coarse_copies_of_a_few_percent(honest, pool, way, written):
    events = pool.head(10_000)
    events = precise(events) if written == "double" else events
    again = WAYS[way](honest, events.iloc[:200])
    order = np.random.default_rng(1).permutation(10_200)
    together = pd.concat([events, again], ignore_index=True).iloc[order].reset_index(drop=True)
    found = find_copies(together)
    dropped = order[~found.keep]
    assert (dropped >= 10_000).all(), "the finer row stays"
    assert len(dropped) >= 198
    assert found.n_exact == 0
    assert found.n_suspected == 0
    stands = order[found.kept_row[~found.keep]]
    assert (stands == dropped - 10_000).mean() > 0.99


def test_as_many_copies_as_events_and_few(honest, pool):
    events = precise(pool.head(8_000))
    for part in (8_000, 40):
        found = find_copies(pd.concat([events, honest.rounded(events.iloc[:part], 5.0, 2)], ignore_index=True))
        assert found.keep[:8_000].all()
        assert not found.keep[8_000:].any()


def test_two_roundings_and_an_exact_copy(honest, pool):
    events = precise(pool.head(8_000))
    first, second = honest.rounded(events.iloc[:300], 1.0, 2), honest.rounded(events.iloc[200:500], 5.0, 1)
    found = find_copies(pd.concat([events, first, second, second, events.iloc[:50]], ignore_index=True))
    assert found.keep.sum() <= 8_004
    assert found.kept_row[8_000 + 250] in (250, 8_000 + 900 + 250)
    assert found.n_exact == 50


def test_where_copies_cannot_be_told_from_chance_their_number_is_said(honest, pool):
    events = pool[MASSES]
    together = pd.concat([events, honest.rounded(events.iloc[:2_000], 10.0, 0)], ignore_index=True)
    found = find_copies(together)
    assert found.keep.sum() >= len(together) - 5
    assert 1_000 < found.n_suspected < 2_100
    [said] = [line for line in found.sentences() if "roundings" in line]
    assert f"about {found.n_suspected} of 62000 rows are probably roundings of other rows and were kept" in said


def test_a_coarser_file_of_other_events_beside_a_fine_one(honest, pool):
    fine, other = precise(pool.head(8_000)), pool.iloc[20_000:28_000]
    for columns in (list(pool.columns), MASSES, [*MASSES, "tau21_1"]):
        coarse = honest.rounded(other, 5.0, 1)
        found = find_copies(pd.concat([fine, coarse], ignore_index=True)[columns])
        assert found.keep.all()
        assert found.n_suspected == 0


def test_columns_that_follow_from_others_are_no_evidence(pool):
    """No single column can be moved alone here: what finer rows share says how often events agree."""
    base = pool[["mj1", "mj2"]].iloc[:30_000].clip(20.0, 300.0)
    table = base.assign(total=base.mj1 + base.mj2, product=base.mj1 * base.mj2)
    coarse = (table.iloc[:15_000] / 10.0).round() * 10.0
    found = find_copies(pd.concat([coarse, table.iloc[15_000:]], ignore_index=True))
    assert found.n_near == 0
    assert found.n_suspected == 0


def test_honest_tables_of_all_kinds_lose_nothing(honest, pool):
    for seed in range(1_000, 1_015):
        table, kind = honest.honest_table(pool, seed, most=3.3)
        assert honest.alarms(table) == (0, 0), (seed, kind)


@pytest.mark.parametrize(
    ("grid", "on", "between"),
    [
        (Grid(step=5.0), [0.0, 5.0, -10.0, 3515.0], [3.0, 3512.0]),
        (Grid(step=0.01), [0.35, np.float32(0.35), 1.0], [0.355]),
        (Grid(base=10, digits=2), [0.035, 350.0, 9.9, 0.0, 100.0], [0.0355, 9.95]),
        (Grid(base=2, digits=3), [1.25, 7.0, 0.4375, 80.0], [1.125, 9.0]),
    ],
)
def test_numbers_of_a_grid(grid, on, between):
    assert grid.holds(np.array(on, dtype=np.float64)).all()
    assert not grid.holds(np.array(between)).any()


@pytest.mark.parametrize("base", [2, 10])
def test_cells_are_counted_across_powers(base):
    grid = Grid(base=base, digits=3)
    edge = float(base) ** 3
    below, above = edge - 1.0, edge + (10.0 if base == 10 else 2.0)
    assert np.diff(grid.places(np.array([below, edge, above]))) == pytest.approx([1.0, 1.0])


def test_grids_of_a_mixture(honest, pool):
    columns = [*MASSES, "tau21_1"]
    table = pd.concat([pool[columns].head(5_000), honest.rounded(pool[columns].iloc[5_000:5_200], 5.0, 2)])
    found = coarse_grids([table[name].to_numpy() for name in columns])
    assert [found[number].step for number in range(4)] == [5.0, 5.0, 5.0, 0.01]
    assert coarse_grids([pool[name].to_numpy()[:5_000] for name in columns]).keys() <= {0}
