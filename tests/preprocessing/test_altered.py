"""The same event with another value in one column: dropped as copies are; honest tables are left alone."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.preprocessing.altered import find_altered

COLUMNS = ("mjj", "mj1", "mj2", "tau21_1", "tau21_2")


@pytest.fixture(scope="module")
def table(make_events):
    return make_events(4_000, seed=8, label=False)


def changed(table, column, seed=1):
    return table.assign(**{column: table[column] * np.random.default_rng(seed).uniform(0.5, 0.9, len(table))})


def found_in(*tables):
    together = pd.concat(tables).sample(frac=1, random_state=2).reset_index(drop=True)
    return together, find_altered(together, columns=COLUMNS, resonance="mjj")


@pytest.mark.parametrize("column", COLUMNS[1:])
@pytest.mark.parametrize("part", [1.0, 0.02])
def test_one_of_each_event_is_kept(table, column, part):
    again = changed(table.head(round(part * len(table))), column)
    together, found = found_in(table, again)
    assert found.columns == {column: len(again)}
    assert found.n_dropped == len(again)
    assert found.keep.sum() == len(table)
    rest = [name for name in COLUMNS if name != column]
    stand = together.loc[found.kept_row, rest].reset_index(drop=True)
    pd.testing.assert_frame_equal(stand, together[rest])
    assert not together.loc[found.keep, rest].duplicated().any()
    [said] = found.sentences("mjj")
    assert (
        said
        == f"{len(again)} of {len(together)} rows repeat another row in all columns but {column!r} and were dropped"
    )


def test_which_is_kept_depends_on_content_alone_and_favours_no_value(table):
    together, found = found_in(table, changed(table, "tau21_1"))
    back = find_altered(together.iloc[::-1].reset_index(drop=True), columns=COLUMNS[::-1], resonance="mjj")
    np.testing.assert_array_equal(back.keep[::-1], found.keep)
    kept_original = together.loc[found.keep, "tau21_1"].isin(table["tau21_1"]).mean()
    assert 0.45 < kept_original < 0.55


def test_three_versions_in_two_columns_are_one_event(table):
    first = changed(table, "tau21_1")
    together, found = found_in(table, first, changed(first, "mj2", seed=3), changed(table, "tau21_1", seed=4))
    assert found.keep.sum() == len(table)
    assert sum(found.columns.values()) == 3 * len(table)
    assert not together.loc[found.keep, ["mjj", "mj1", "tau21_2"]].duplicated().any()


def test_another_mass_is_told_and_kept(table):
    _, found = found_in(table, changed(table, "mjj"))
    assert found.keep.all()
    assert found.other_mass == len(table)
    assert "repeat another row in all columns but 'mjj' and were kept" in found.sentences("mjj")[0]


@pytest.mark.parametrize("decimals", [-1, 0, 1])
def test_independent_events_of_coarse_columns_stay(make_events, decimals):
    table = make_events(20_000, seed=9, label=False)
    masses = ["mj1", "mj2"]
    table[masses] = table[masses].round(decimals)
    table["ratio"], table["difference"] = table["mj2"] / table["mj1"].clip(lower=1.0), table["mj1"] - table["mj2"]
    for columns in (COLUMNS, ("mjj", *masses, "ratio", "difference")):
        found = find_altered(table, columns=columns, resonance="mjj")
        assert found.keep.all()
        assert not found.sentences("mjj")


def test_too_few_columns_and_no_rows_say_nothing(table):
    twice = pd.concat([table, changed(table, "mj2")], ignore_index=True)
    assert find_altered(twice, columns=("mjj", "mj1", "mj2"), resonance="mjj").keep.all()
    assert find_altered(table.head(0), columns=COLUMNS, resonance="mjj").keep.shape == (0,)
    # exact copies that were kept on purpose are no altered ones
    assert find_altered(pd.concat([table, table], ignore_index=True), columns=COLUMNS, resonance="mjj").keep.all()
