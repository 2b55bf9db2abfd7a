"""Keys from the content of events: the same whatever the order and the file, and as good as random."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import ConfigError, InputError
from bumphunt.preprocessing.content import (
    canonical_order,
    content_digest,
    content_keys,
    fold_assignments,
    mixed,
    tie_breakers,
)

NAMES = ["mjj", "mj1", "mj2", "tau21_1"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, 100.0, (40_000, len(NAMES))).astype(np.float32)
    return pd.DataFrame(dict(zip(NAMES, values.T, strict=True))).assign(label=rng.integers(0, 2, 40_000), event=1)


def test_the_mixing_is_the_published_splitmix64():
    # the first outputs of SplitMix64 from seed 0
    steps = np.arange(3, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert [hex(value) for value in mixed(steps)] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_keys_do_not_know_rows_columns_dtype_index_or_truth(table):
    keys = content_keys(table, NAMES, seed=1)
    order = np.random.default_rng(1).permutation(len(table))
    changed = table.iloc[order][["event", *NAMES[::-1]]].astype("float64").set_index(order * 2)
    changed["label"] = 7
    np.testing.assert_array_equal(content_keys(changed, [*NAMES[::-1], "label", "event"], seed=1), keys[order])
    big_endian = table[NAMES].astype(">f8")
    np.testing.assert_array_equal(content_keys(big_endian, NAMES, seed=1), keys)


def test_keys_know_seed_name_and_every_value(table):
    keys = content_keys(table, NAMES, seed=1)
    assert len(np.unique(keys)) == len(table)
    assert not (keys == content_keys(table, NAMES, seed=2)).any()
    exchanged = table.rename(columns={"mj1": "mj2", "mj2": "mj1"})
    assert not (keys == content_keys(exchanged, NAMES, seed=1)).any()
    for name in NAMES:
        nudged = table.assign(**{name: np.nextafter(table[name], np.float32(np.inf))})
        assert not (keys == content_keys(nudged, NAMES, seed=1)).any()


def test_minus_zero_is_zero_and_nan_is_nan():
    a = pd.DataFrame({"mjj": [0.0, np.nan]})
    b = pd.DataFrame({"mjj": [-0.0, -np.nan]})
    np.testing.assert_array_equal(content_keys(a, ["mjj"], seed=1), content_keys(b, ["mjj"], seed=1))


def test_order_does_not_know_the_order_it_was_given(table):
    # rows that share a key, one pair equal and one pair different in double precision only
    doubles = table[NAMES].astype("float64")
    doubles = pd.concat([doubles, doubles.head(100), doubles.head(200) * (1 + 1e-12)], ignore_index=True)
    keys = content_keys(doubles, NAMES, seed=1)
    assert len(np.unique(keys)) < len(doubles)
    expected = doubles.iloc[canonical_order(keys, doubles, NAMES)].to_numpy()
    for number in range(3):
        shuffled = doubles.sample(frac=1, random_state=number).reset_index(drop=True)
        again = canonical_order(content_keys(shuffled, NAMES, seed=1), shuffled, NAMES)
        assert sorted(again) == list(range(len(shuffled)))
        np.testing.assert_array_equal(shuffled.iloc[again].to_numpy(), expected)


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_folds_are_as_uniform_as_random_draws(table, folds):
    keys = content_keys(table, NAMES, seed=1)
    first, second = (fold_assignments(keys, folds=folds, repeat=repeat) for repeat in (0, 1))
    expected = len(table) / folds
    for counts in (np.bincount(first, minlength=folds), np.bincount(second, minlength=folds)):
        assert len(counts) == folds
        assert ((counts - expected) ** 2 / expected).sum() < 30
    together = np.bincount(first * folds + second, minlength=folds**2)
    chi2 = ((together - expected / folds) ** 2 / (expected / folds)).sum()
    assert abs(chi2 - (folds**2 - 1)) < 5 * np.sqrt(2 * (folds**2 - 1))


def test_dropping_events_moves_no_other_event(table):
    keys = content_keys(table, NAMES, seed=1)
    kept = np.random.default_rng(2).random(len(table)) < 0.99
    less = content_keys(table[kept], NAMES, seed=1)
    np.testing.assert_array_equal(fold_assignments(less, folds=5), fold_assignments(keys, folds=5)[kept])
    np.testing.assert_array_equal(tie_breakers(less), tie_breakers(keys)[kept])


def test_ties_are_uniform_and_know_nothing_of_folds_and_repeats(table):
    keys = content_keys(table, NAMES, seed=1)
    first, second = tie_breakers(keys), tie_breakers(keys, repeat=1)
    assert first.min() > 0
    assert first.max() < 1
    counts = np.histogram(first, bins=50, range=(0, 1))[0]
    assert ((counts - 800) ** 2 / 800).sum() < 49 + 5 * np.sqrt(98)
    limit = 5 / np.sqrt(len(table))
    assert abs(np.corrcoef(first, second)[0, 1]) < limit
    assert abs(np.corrcoef(first, fold_assignments(keys, folds=5))[0, 1]) < limit
    assert abs(np.corrcoef(first, table["mjj"])[0, 1]) < limit


def test_digest_names_the_set_of_events(table):
    digest = content_digest(table, NAMES)
    assert len(digest) == 64
    assert content_digest(table.sample(frac=1, random_state=1)[NAMES[::-1]].astype("float64"), NAMES[::-1]) == digest
    halves = [table.iloc[20_000:], table.iloc[:20_000]]
    assert content_digest(pd.concat(halves), NAMES) == digest
    assert content_digest(table.iloc[1:], NAMES) != digest
    assert content_digest(pd.concat([table, table.head(1)]), NAMES) != digest
    assert content_digest(table, NAMES[:3]) != digest


def test_values_of_keys_and_digest_stay_as_they_are():
    # a change here would give other folds, and would forget all earlier looks
    small = pd.DataFrame({"mjj": [3500.0, 2500.25], "mj1": [500.0, -0.0]})
    keys = content_keys(small, ["mjj", "mj1"], seed=1)
    assert keys.tolist() == [11548660503609304352, 509432977907435777]
    assert content_digest(small, ["mjj", "mj1"]).startswith("97e40944e1adf43a")


@given(st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=30), st.randoms())
def test_any_float32_rows_give_the_same_keys_in_any_order(rows, random):
    small = pd.DataFrame(rows, columns=["a", "b"], dtype="float64")
    order = list(range(len(rows)))
    random.shuffle(order)
    keys = content_keys(small, ["a", "b"], seed=4)
    np.testing.assert_array_equal(content_keys(small.iloc[order].astype("float32"), ["b", "a"], seed=4), keys[order])
    assert content_digest(small.iloc[order], ["a", "b"]) == content_digest(small, ["a", "b"])


def test_mistakes_are_named(table):
    with pytest.raises(InputError, match="'mass' is not in the table"):
        content_keys(table, ["mass"], seed=1)
    with pytest.raises(InputError, match="no column is left"):
        content_keys(table, ["label", "event"], seed=1)
    with pytest.raises(InputError, match="not numeric"):
        content_keys(table.assign(mjj="a"), NAMES, seed=1)
    with pytest.raises(ConfigError, match="at least two"):
        fold_assignments(np.zeros(3, dtype=np.uint64), folds=1)
