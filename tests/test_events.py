"""The event table at the door: order of the jets, impossible values, and no way in for truth."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bumphunt.errors import InputError, TruthError
from bumphunt.events import (
    COLUMNS,
    FEATURES,
    LABEL,
    REQUIRED,
    FinalState,
    check_events,
    drop_truth,
    feature_matrix,
    feature_names,
    prepare_events,
    select_rows,
    truth_labels,
)


def table(**changes):
    columns = {
        "mjj": [3000.0, 3500.0, 4000.0],
        "mj1": [300.0, 200.0, 250.0],
        "mj2": [100.0, 150.0, 0.0],
        "tau21_1": [0.3, 0.4, 0.5],
        "tau21_2": [0.6, 0.7, 0.0],
        "massdrop_1": [0.8, 0.9, 1.0],
        "label": [0, 1, 0],
    }
    return pd.DataFrame({**columns, **changes})


def many(rows=1000, **changes):
    rng = np.random.default_rng(3)
    heavy, light = rng.uniform(200, 500, rows), rng.uniform(20, 200, rows)
    columns = {"mjj": rng.uniform(2000, 5000, rows), "mj1": heavy, "mj2": light, "tau32_1": rng.uniform(0, 1, rows)}
    return pd.DataFrame({**columns, **changes})


USED = (*dict.fromkeys((*REQUIRED, *FEATURES)),)


def refused(events, **options):
    """Return the message of the refusal, which must be one line."""
    with pytest.raises(InputError) as caught:
        check_events(events, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert not isinstance(caught.value, TruthError)
    return message


masses = st.just(0.0) | st.floats(5.0, 2_000.0)  # jets of less than 1 GeV all over look like TeV
rows = st.lists(st.tuples(masses, masses, st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20)


@given(rows=rows)
def test_ordering_twice_is_ordering_once_and_loses_nothing(rows):
    given_rows = pd.DataFrame(rows, columns=["mj1", "mj2", "tau21_1", "tau21_2"]).assign(mjj=5_000.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        once = check_events(given_rows)
    swapped = int((given_rows["mj1"] < given_rows["mj2"]).sum())
    assert len(caught) == (swapped > 0)
    assert (once["mj1"] >= once["mj2"]).all()
    # nothing is left to warn about, and warnings are errors here
    pd.testing.assert_frame_equal(check_events(once), once)
    # each jet keeps its own ratio: the pairs (mass, ratio) of an event are the same set
    for before, after in zip(given_rows.to_dict("records"), once.to_dict("records"), strict=True):
        pairs = [sorted([(row["mj1"], row["tau21_1"]), (row["mj2"], row["tau21_2"])]) for row in (before, after)]
        assert pairs[0] == pairs[1]


def test_all_columns_of_a_jet_change_places_together_and_a_warning_counts_the_rows():
    events = table(mj2=[100.0, 450.0, 0.0], myown_1=[1.0, 2.0, 3.0], myown_2=[7, 8, 9], other_1=[5, 6, 7])
    with pytest.warns(UserWarning, match=r"box\.csv: 1 of 3 rows had mj1 < mj2"):
        ordered = check_events(events, name="box.csv")
    assert ordered.loc[1, ["mj1", "mj2", "tau21_1", "tau21_2", "myown_1", "myown_2"]].tolist() == [
        450,
        200,
        0.7,
        0.4,
        8,
        2,
    ]
    assert ordered.loc[[0, 2], "myown_1"].tolist() == [1, 3]
    # a column without a partner stays where it is: there is nothing to exchange it with
    assert ordered["other_1"].tolist() == [5, 6, 7]
    assert ordered["massdrop_1"].tolist() == [0.8, 0.9, 1.0]
    assert events.loc[1, "mj1"] == 200.0, "the caller's table is left alone"


def test_order_of_events_and_index_are_kept():
    events = table(mj2=[100.0, 450.0, 0.0])
    events.index = pd.Index([5, 5, 2])
    with pytest.warns(UserWarning, match="mj1 < mj2"):
        ordered = check_events(events)
    assert ordered.index.tolist() == [5, 5, 2]
    assert ordered["mjj"].tolist() == [3000.0, 3500.0, 4000.0]


def test_a_jet_of_one_particle_is_an_event_like_any_other():
    events = table(mj2=[0.0, 0.0, 0.0], tau21_2=[0.0, 0.0, 0.0], massdrop_2=[1.0, 1.0, 1.0])
    assert len(check_events(events)) == 3


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_required_column(column):
    message = refused(table().drop(columns=column), name="box.parquet")
    assert f"box.parquet: required column '{column}' is missing" in message
    assert "rename or compute it" in message


def test_a_table_without_columns_and_a_table_without_rows():
    assert "found: none" in refused(pd.DataFrame())
    assert "no events" in refused(table().iloc[:0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["mjj", "mj2", "tau21_1"])
def test_nan_and_infinity(column, value):
    events = table(myown=[1.0, 2.0, 3.0])
    events[column] = events[column].astype(float)
    events.loc[2, column] = value
    message = refused(events)
    assert f"column '{column}' has 1 NaN or infinite values (first at row 2)" in message
    assert "remove or repair" in message


def test_missing_values_of_a_nullable_column():
    message = refused(table(mj1=pd.array([300, None, 250], dtype="Int64")))
    assert "column 'mj1' has" in message
    assert "remove or repair those rows" in message


def test_text_where_numbers_belong():
    assert "column 'mjj' is not numeric" in refused(table(mjj=["3000", "3500", "x"]))


def test_text_in_a_column_of_no_meaning_here_is_carried():
    assert check_events(table(dataset=["a", "b", "c"]))["dataset"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("column", "value"),
    [(name, COLUMNS[name].low - 0.5) for name in USED] + [(name, 1.5 * COLUMNS[name].high) for name in USED],
)
def test_physically_impossible_values(column, value):
    events = table()
    events[column] = [COLUMNS[column].low if np.isfinite(COLUMNS[column].low) else 0.0] * 3
    if column in ("mjj", "mj1"):
        events[column] = table()[column]
    events[column] = events[column].astype(float)
    events.loc[1, column] = value
    message = refused(events)
    assert f"column '{column}' is {value:.6g} at row 1" in message
    assert "(1 such rows)" in message


def test_masses_in_tev():
    events = table()
    for column in ("mjj", "mj1", "mj2"):
        events[column] /= 1000.0
    message = refused(events)
    assert "median mjj is 3.5, which looks like TeV" in message
    assert "multiply by 1000" in message


def test_exchanged_columns_or_mixed_units():
    assert "median mj1 (5000) is above median mjj" in refused(table(mj1=[5000.0, 5000.0, 5000.0]))


def test_a_column_twice():
    events = table()
    events = pd.concat([events, events[["mj1"]]], axis=1)
    assert "column 'mj1' appears twice; remove or rename" in refused(events)


# --- truth -----------------------------------------------------------------------------------


def test_dropping_truth_drops_truth_and_nothing_else():
    blind = drop_truth(table().set_index(pd.Index([7, 8, 9])))
    assert LABEL not in blind.columns
    assert blind.index.tolist() == [0, 1, 2]
    pd.testing.assert_frame_equal(blind, table().drop(columns=LABEL))
    pd.testing.assert_frame_equal(drop_truth(blind), blind)


def test_truth_cannot_be_a_feature():
    with pytest.raises(TruthError):
        feature_names(table(), ["mj1", LABEL])
    with pytest.raises(TruthError):
        feature_matrix(drop_truth(table()), ["mj1", LABEL])
    with pytest.raises(TruthError):
        # the type says BlindEvents; a caller who ignores types is still stopped
        feature_matrix(table(), ["mj1", "mj2"])
    assert LABEL not in FEATURES
    assert LABEL not in feature_names(table())


def test_features_are_those_present_or_those_asked_for():
    assert feature_names(table()) == ("mj1", "mj2", "tau21_1", "tau21_2", "massdrop_1")
    assert feature_names(table(), ["mj2", "mj1"]) == ("mj2", "mj1")
    with pytest.raises(InputError, match="feature 'nsub' is not a column"):
        feature_names(table(), ["mj1", "nsub"])


def test_the_feature_matrix_has_the_columns_asked_for_in_that_order():
    matrix = feature_matrix(drop_truth(table()), ["mj2", "tau21_1"])
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, [[100.0, 0.3], [150.0, 0.4], [0.0, 0.5]])


def test_studies_read_truth_by_its_name_only():
    assert truth_labels(table()).tolist() == [False, True, False]
    with pytest.raises(InputError, match="no 'label' column"):
        truth_labels(drop_truth(table()))


# --- other final states and chosen rows --------------------------------------------------------


def test_a_resonance_without_daughters():
    photons = FinalState(resonance="m_gg", daughters=None, features=("pt",))
    events = pd.DataFrame({"m_gg": [125.0, 3.0], "pt": [50.0, 60.0], "mj1": ["a", "b"]})
    assert prepare_events(events, final_state=photons).table["m_gg"].tolist() == [125.0, 3.0]
    with pytest.raises(InputError, match="'m_gg' is missing"):
        prepare_events(many(), final_state=photons)
    with pytest.raises(InputError, match="'m_gg' is -3 at row 1"):
        prepare_events(events.assign(m_gg=[125.0, -3.0]), final_state=photons)


def test_daughters_of_two_kinds_keep_their_order():
    pair = FinalState(resonance="m", daughters=("m_h", "m_y"), ordered=False, features=())
    events = pd.DataFrame({"m": [900.0], "m_h": [125.0], "m_y": [300.0]})
    assert prepare_events(events, final_state=pair).table["m_h"].tolist() == [125.0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("mj1 > 240", [True, False, True]),
        ("mj1 > 240 and not mj2 == 0", [True, False, False]),
        ("(mj1 > 240) & ~(mj2 == 0)", [True, False, False]),
        ("mj1 > 240 & mj2 > 0", [True, False, False]),
        ("100 < mj2 <= 150 or mjj >= 4000", [False, True, True]),
        ("mj2 / mj1 < 0.5", [True, False, True]),
        ("-mj1 + 2 ** 3 * 10 > -150", [False, True, False]),
        ("mj1 / mj2 > 1e300", [False, False, True]),
    ],
)
def test_rows_are_chosen_by_an_expression(expression, expected):
    assert select_rows(table(), expression).tolist() == expected


@pytest.mark.parametrize(
    "expression",
    [
        "mj1",
        "3 > 2 > mj7",
        "label == 1",
        "__import__('os').system('true')",
        "@x > 1",
        "mj1.max() > 3",
        "mj1.values > 3",
        "abs(mj1) > 3",
        "mj1 > 'a'",
        "mj1[0] > 3",
        "[x for x in mj1]",
        "lambda: mj1",
        "mj1 if mj1 > 2 else mj2",
        "(mj1 := 3) > 2",
        "mj1 > 3; mj2",
        "mj1 > 3 +",
        "mj1 and mj2",
        "(mj1 > 3) + 1 > 0",
        "mj1 in (3, 4)",
        "mj1 % 2 == 0",
        "mj1 > True",
        "9**9**9**9 > mj1 > 1j",
        "(" * 300 + "mj1" + ")" * 300,
        "-" * 990 + "mj1",
        "1" * 2000,
        "",
    ],
)
def test_nothing_else_is_evaluated(expression):
    with pytest.raises(InputError, match="select") as caught:
        select_rows(table(), expression)
    assert "\n" not in str(caught.value)
