"""What of an event table is repaired, dropped, ignored or suggested: rounding, units, names and weights."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.events import DataQuality, check_events, common_weight, drop_truth, prepare_events, truth_labels

from .test_events import many, refused


@pytest.mark.parametrize(
    "label",
    [
        "qcd",
        2,
        -1,
        np.nan,
        pytest.param([0, 1, 2] * 333 + [0], id="three classes"),
        pytest.param([None] * 1000, id="none"),
        pytest.param(["a", 1] * 500, id="mixed"),
    ],
)
def test_truth_of_any_kind_does_not_stop_a_search(label):
    blind = drop_truth(prepare_events(many().assign(label=label)).table)
    pd.testing.assert_frame_equal(blind, many())
    with pytest.raises(InputError, match="truth is 1 for signal and 0 for background"):
        truth_labels(many().assign(label=label))


@pytest.mark.parametrize(("column", "value"), [("mj2", -1e-5), ("mjj", -1e-5), ("tau32_1", -1e-9)])
def test_values_below_zero_by_rounding_are_zero(column, value):
    events = many()
    events.loc[[7, 70, 700], column] = value
    prepared = prepare_events(events)
    assert prepared.table.loc[[7, 70, 700], column].tolist() == [0, 0, 0]
    assert (prepared.quality.repaired, prepared.quality.dropped, len(prepared.table)) == (3, 0, 1000)
    assert prepared.quality.notes == (f"3 values of {column!r} just below 0, which rounding does, are read as 0",)
    assert events.loc[7, column] == value, "the caller's table is left alone"


@pytest.mark.parametrize("value", [np.nan, np.inf, -999.0])
def test_a_few_unusable_rows_are_dropped_and_counted_and_positions_stay_known(value):
    events = many().set_index(pd.Index([5] * 1000))
    events.iloc[[3, 10], 2] = value
    table, quality, kept = prepare_events(events)
    assert quality.dropped == 2
    assert "2 of 1000 rows have NaN, infinite or impossible values in 'mj2' and are dropped" in str(quality)
    assert np.setdiff1d(np.arange(1000), kept).tolist() == [3, 10]
    np.testing.assert_array_equal(table["mjj"], many()["mjj"].to_numpy()[kept])
    assert table.index.tolist() == list(range(998))
    assert DataQuality.from_dict(quality.to_dict()) == quality
    with pytest.raises(InputError, match=r"2 .*at most 0.001 of the rows may be dropped"):
        prepare_events(events, max_bad_rows=0.001)


def test_what_a_column_holds_that_is_not_used_is_harmless():
    events = many(tau32_1=np.nan, mine=[object()] * 1000)
    assert len(prepare_events(events, used_columns=()).table) == 1000
    with pytest.raises(InputError, match=r"'tau32_1' has 1000 NaN .*or name features without this column"):
        prepare_events(events)
    with pytest.raises(InputError, match="'mine' is not numeric"):
        prepare_events(events, used_columns=["mine"])


@pytest.mark.parametrize("event", [np.nan, -1, "x", np.inf])
def test_event_numbers_that_are_none_are_ignored(event):
    numbered = many().assign(run=1, event=np.arange(1000))
    numbered["event"] = numbered["event"].astype(object)
    numbered.loc[0, "event"] = event
    table, quality, _ = prepare_events(numbered.infer_objects())
    assert "event" not in table.columns
    assert "run" in table.columns
    assert "column 'event' holds values that are no event numbers" in str(quality)


def test_large_event_numbers_are_kept_to_the_last_digit():
    numbers = 2**62 + np.arange(1000)
    assert prepare_events(many(event=numbers)).table["event"].tolist() == numbers.tolist()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([True, False] * 500, "not numeric but true or false"),
        ([1 + 0j] * 1000, "complex128"),
        (["300"] * 1000, "'300' at row 0"),
        (["300", "n/a"] * 500, "'n/a' at row 1"),
        (pd.Series(["300"] * 1000, dtype=object), "'300' at row 0"),
        (pd.date_range("2020", periods=1000), "datetime64"),
        ([10**400] * 1000, "no numbers of 64 bits"),
        (pd.Categorical([300.0] * 1000), "category"),
    ],
)
def test_values_without_meaning_as_masses(values, message):
    text = refused(many(mj1=values))
    assert message in text
    assert "column 'mj1'" in text


@pytest.mark.parametrize("columns", [("mj1", "mj2"), ("mj2",)])
def test_jet_masses_in_tev_beside_mjj_in_gev(columns):
    events = many()
    for column in columns:
        events[column] /= 1000
    text = refused(events)
    assert f"the jet masses '{columns[0]}' look like TeV" in text
    assert "beside mjj in GeV" in text


def test_masses_in_mev():
    assert "looks like MeV: divide by 1000" in refused(many(mjj=many()["mjj"] * 1000))


@pytest.mark.parametrize("missing", [-1.0, -999.0])
def test_a_mark_of_missing_masses_is_no_unit(missing):
    text = refused(many(mj2=missing))
    assert "MeV" not in text
    assert "remove or repair those rows" in text


def test_a_file_in_mev_beside_one_in_gev():
    events = many()
    events.loc[events.index % 4 == 0, ["mjj", "mj1", "mj2"]] *= 1000
    assert "250 of 1000 rows look like MeV beside others in GeV" in refused(events)
    wrong = many()
    wrong.loc[wrong.index % 4 == 0, "mjj"] = 1e9
    assert "remove or repair those rows" in refused(wrong), "no unit brings these to the others"


@pytest.mark.parametrize("share", [0.005, 0.01, 0.3, 0.92])
@pytest.mark.parametrize("column", ["mjj", "mj1", "mj2"])
def test_some_rows_in_tev_in_one_column(make_events, share, column):
    events = make_events(10_000, seed=3, label=False)
    there = np.random.default_rng(2).random(len(events)) < share
    events.loc[there, column] /= 1000
    with pytest.raises(InputError, match=rf"values of '{column}' lie where the others would|looks? like TeV"):
        check_events(events)


@pytest.mark.parametrize("spike", [0.0, 0.1396, 0.5])
def test_a_tail_of_light_jets_is_in_no_other_unit(make_events, spike):
    events = make_events(10_000, seed=3, label=False)
    rng = np.random.default_rng(4)
    # soft jets down to a hundredth of a GeV, and two in a hundred of one particle
    events["mj2"] = np.minimum(events["mj2"] * rng.random(len(events)) ** 2, events["mj1"])
    events.loc[events.index % 50 == 0, "mj2"] = spike
    assert len(check_events(events)) == len(events)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("mjj", "m_jj"), ("mjj", "Mjj"), ("mjj", "dijet_mass"), ("mjj", "mjj_GeV"), ("mj1", "m_j1"), ("mj2", "jet2_mass")],
)
def test_the_column_that_is_meant_is_suggested(ours, theirs):
    text = refused(many().rename(columns={ours: theirs}))
    assert f"did you mean {theirs!r}? rename it or set" in text
    assert text.endswith("in the configuration, then without masses of X and Y")


def test_nothing_is_suggested_for_nothing_like_it():
    assert "did you mean" not in refused(pd.DataFrame({"x": [1.0], "mj1": [1.0], "mj2": [1.0]}))


# --- weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["weight", "genWeight"])
@pytest.mark.parametrize(
    "weights", [[0.5, 2.0] * 500, [1.0] * 999 + [np.nan], [-1.0] * 1000, [0.0] * 1000, ["a"] * 1000]
)
def test_events_that_do_not_count_as_one_are_refused(column, weights):
    with pytest.raises(InputError, match="different weights"):
        common_weight(many().assign(**{column: weights}))


def test_a_common_weight_is_said():
    prepared = prepare_events(many(weight=0.05))
    assert common_weight(prepared.table) == prepared.quality.common_weight == pytest.approx(0.05)
    assert "every event carries the weight 0.05" in str(prepared.quality)
    assert prepare_events(many(weight=1.0)).quality.notes == ()
