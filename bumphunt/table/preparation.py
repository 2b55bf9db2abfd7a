"""The checks at the door: what is repaired, what is dropped with a count, and what is refused.

Files and tables in memory pass through the same :func:`prepare_events`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.table.columns import DIJET, IDENTIFIERS, LABEL, Column, FinalState, closest_column
from bumphunt.table.mixed_units import rows_in_larger_unit
from bumphunt.table.names import DAUGHTERS
from bumphunt.table.numbers import Numbers, same
from bumphunt.table.quality import DataQuality
from bumphunt.table.weights import common_weight, unknown_weights, weight_sentence

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

MAX_BAD_ROWS = 0.01
"""Share of the rows that may be dropped for impossible values before the whole table is refused."""
ROUNDING_MASS = 0.01
"""GeV below 0 to which the mass of a light jet falls by rounding; read as 0."""
ROUNDING = 1e-6
"""The same for quantities without unit."""
_TEV_MEDIAN = 20.0  # the lowest median of a dijet mass in GeV; no dijet search reaches it from above
_IN_MEV = 0.9  # share of impossible masses that must be possible in MeV, or of masses for all to be meant
_ALIKE = 3.0  # so far may the medians of rows in MeV and in GeV differ once both are in GeV
_TEV_JET = 1.0  # jet masses in TeV are below this all but always, in GeV nearly never


class PreparedEvents(NamedTuple):
    """Events ready for a search, what was done to them, and where they were.

    Parameters
    ----------
    table : pandas.DataFrame
        The events.
    quality : DataQuality
        What was done to them.
    kept : int array of shape (events,)
        Position in the given table of every row of ``table``, so that an answer per event can be
        brought back: ``scores = np.full(n_given, np.nan); scores[kept] = ...``.
    """

    table: pd.DataFrame
    quality: DataQuality
    kept: IntArray


def prepare_events(
    table: pd.DataFrame,
    *,
    used_columns: Iterable[str] | None = None,
    max_bad_rows: float = MAX_BAD_ROWS,
    name: str = "events",
    final_state: FinalState = DIJET,
) -> PreparedEvents:
    """Check a table of events, repair what rounding has done, and drop the few rows that cannot be used.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per event, masses in GeV; it is left alone, and its index does not matter.
    used_columns : iterable of str, optional
        Columns whose values will be used, beside resonance and daughters; of the features of the final state,
        those that are there. By default, these features. Whatever other columns hold is harmless; truth is never
        looked at.
    max_bad_rows : float
        Share of the rows that may be dropped for NaN, infinity or impossible values in used columns.
    name : str
        What to call the table in messages, usually its path.
    final_state : FinalState
        Which columns are resonance, daughters and features.

    Returns
    -------
    PreparedEvents
        The events in their order with an index from 0, what was done, and the positions of the rows kept. Used
        columns are numbers without NaN; where daughters are alike, the first is the heavier.

    Raises
    ------
    InputError
        On a missing or repeated column, no rows, values that are no numbers in a used column, more unusable rows
        than allowed, or masses that are plainly not in GeV.
    """
    if not 0 <= max_bad_rows < 1:
        raise InputError(f"max_bad_rows is {max_bad_rows}; give a share of the rows, from 0 up to but not 1")
    used = _used(table, used_columns, final_state, name)
    if len(table) == 0:
        raise InputError(f"{name}: no events in the table; give a file with at least one row")
    given = Numbers(table, used, name)
    quality = DataQuality(rows=len(table))
    for column in used:
        values, below = _rounded(given[column], column, final_state)
        if below:
            given.changed[column] = values
            quality = quality.adding(
                f"{below} values of {column!r} just below 0, which rounding does, are read as 0", repaired=below
            )
    bad = _unusable(given, final_state, len(table), max_bad_rows, name)
    if bad.any():
        where = ", ".join(repr(column) for column in used if _impossible(given[column], column, final_state).any())
        quality = quality.adding(
            f"{int(bad.sum())} of {len(table)} rows have NaN, infinite or impossible values in {where} and are dropped",
            dropped=int(bad.sum()),
        )
    kept: IntArray = np.flatnonzero(~bad)
    _check_units(given, kept if bad.any() else slice(None), final_state, name)
    checked = table.reset_index(drop=True)
    differ = [column for column in used if not given.as_given(column)]
    if differ:
        checked = checked.assign(**{column: _typed(checked[column], given[column]) for column in differ})
    if bad.any():
        checked = checked.iloc[kept].reset_index(drop=True)
    checked, notes = _identifiers(checked)
    quality = quality.adding(*notes)
    if final_state.daughters is not None and final_state.ordered:
        first, second = (checked[daughter].to_numpy() for daughter in final_state.daughters)
        swap = first < second
        if swap.any():
            checked = exchange_jets(checked, swap, daughters=final_state.daughters)
            quality = quality.adding(
                f"{int(swap.sum())} of {len(checked)} rows had {' < '.join(final_state.daughters)}; "
                "their jets were exchanged, so that jet 1 is the heavier",
                exchanged=int(swap.sum()),
            )
    return PreparedEvents(checked, _with_weight(checked, quality, used), kept)


def check_events(table: pd.DataFrame, *, name: str = "events", max_bad_rows: float = MAX_BAD_ROWS) -> pd.DataFrame:
    """Check a table of dijets and return it with jets ordered by mass; every repair is a warning.

    As :func:`prepare_events`, with the index of the rows kept.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per event; ``mjj``, ``mj1`` and ``mj2`` in GeV are required.
    name : str
        What to call the table in messages, usually its path.
    max_bad_rows : float
        Share of the rows that may be dropped.
    """
    checked, quality, kept = prepare_events(table, name=name, max_bad_rows=max_bad_rows)
    quality.warn(name)
    return checked.set_axis(table.index[kept])


def exchange_jets(table: pd.DataFrame, swap: BoolArray, *, daughters: tuple[str, str] = DAUGHTERS) -> pd.DataFrame:
    """Return the table with all columns of the two daughters exchanged in some rows.

    Parameters
    ----------
    table : pandas.DataFrame
        The events; left alone.
    swap : bool array of shape (events,)
        The rows.
    daughters : (str, str)
        Masses of the daughters; columns that end in ``_1`` and ``_2`` are exchanged with them.
    """
    ordered = table.copy()
    pairs = [daughters]
    pairs += [
        (column, f"{column[:-2]}_2")
        for column in map(str, table.columns)
        if column.endswith("_1") and f"{column[:-2]}_2" in table.columns and column not in daughters
    ]
    for first, second in pairs:
        a, b = table[first].to_numpy(), table[second].to_numpy()
        ordered[first] = np.where(swap, b, a)
        ordered[second] = np.where(swap, a, b)
    return ordered


def _used(
    table: pd.DataFrame, used_columns: Iterable[str] | None, final_state: FinalState, name: str
) -> tuple[str, ...]:
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(f"{name}: column {str(twice[0])!r} appears twice; remove or rename one of the two")
    wanted = (
        [column for column in final_state.features if column in table.columns]
        if used_columns is None
        else [
            column
            for column in used_columns
            if column != LABEL and (column in table.columns or column not in final_state.features)
        ]
    )
    for column in (*final_state.required, *wanted):
        if column not in table.columns:
            raise InputError(_missing(table, column, final_state, name))
    return tuple(dict.fromkeys((*final_state.required, *wanted)))


def _missing(table: pd.DataFrame, column: str, final_state: FinalState, name: str) -> str:
    kind = "required column" if column in final_state.required else "column"
    found = [str(other) for other in table.columns]
    shown = ", ".join(found[:40]) + (f" and {len(found) - 40} more" if len(found) > 40 else "")
    text = f"{name}: {kind} {column!r} is missing (found: {shown or 'none'})"
    closest = closest_column(column, found)
    if closest is None:
        return f"{text}; rename or compute it, masses in {final_state.unit}"
    # masses of X and Y are fitted, and simulated signal is searched for, under the names of dijets alone
    less = ", then without masses of X and Y" if final_state.required == DIJET.required else ""
    if column == final_state.resonance:
        remedy = f"rename it or set 'resonance: {{column: {closest}}}' in the configuration{less}"
    elif final_state.daughters is not None and column in final_state.daughters:
        pair = ", ".join(closest if daughter == column else daughter for daughter in final_state.daughters)
        remedy = f"rename it or set 'daughters: [{pair}]' in the configuration{less}"
    else:
        remedy = "rename it or name that one"
    return f"{text}; did you mean {closest!r}? {remedy}"


def _rounded(values: FloatArray, column: str, final_state: FinalState) -> tuple[FloatArray, int]:
    known = final_state.column(column)
    if known is None or known.low != 0:
        return values, 0
    tolerance = ROUNDING_MASS if known.unit == "GeV" else ROUNDING
    with np.errstate(invalid="ignore"):
        below = (values < 0) & (values >= -tolerance)
    return (np.where(below, 0.0, values), int(below.sum())) if below.any() else (values, 0)


def _impossible(values: FloatArray, column: str, final_state: FinalState) -> BoolArray:
    known = final_state.column(column)
    with np.errstate(invalid="ignore"):
        bad: BoolArray = ~np.isfinite(values)
        if known is not None:
            bad |= (values < known.low) | (values > known.high)
    return bad


def _unusable(
    changed: Mapping[str, FloatArray], final_state: FinalState, rows: int, max_bad_rows: float, name: str
) -> BoolArray:
    """Return which rows must go; refuse the table if they are too many, naming the worst column."""
    bad = np.zeros(rows, dtype=np.bool_)
    worst, most = "", 0
    for column, values in changed.items():
        wrong = _impossible(values, column, final_state)
        bad |= wrong
        if int(wrong.sum()) > most:
            worst, most = column, int(wrong.sum())
    if int(bad.sum()) <= max_bad_rows * rows:
        return bad
    values = changed[worst]
    limit = f"at most {max_bad_rows:.3g} of the rows may be dropped (--max-bad-rows)"
    infinite = ~np.isfinite(values)
    if infinite.any():
        raise InputError(
            f"{name}: column {worst!r} has {int(infinite.sum())} NaN or infinite values (first at row "
            f"{int(np.argmax(infinite))}), {int(bad.sum())} of {rows} rows cannot be used, and {limit}; "
            "remove or repair those rows"
            + ("" if worst in final_state.required else ", or name features without this column")
        )
    known = final_state.column(worst)
    wrong = _impossible(values, worst, final_state)
    row = int(np.argmax(wrong))
    if known is None:  # only NaN and infinity are impossible there
        raise AssertionError(worst)
    unit = f" {known.unit}" if known.unit else ""
    advice = _in_mev(values, wrong, known) or f"it is the {known.meaning}; remove or repair those rows"
    raise InputError(
        f"{name}: column {worst!r} is {values[row]:.6g} at row {row}, outside [{known.low:g}, {known.high:g}]{unit} "
        f"({int(wrong.sum())} such rows); {limit}; {advice}"
    )


def _in_mev(values: FloatArray, wrong: BoolArray, known: Column) -> str:
    """Return what to do where impossible masses are possible ones in MeV; empty where they are not."""
    in_mev = (values[wrong] > known.high) & (values[wrong] / 1000.0 <= known.high)
    if known.unit != "GeV" or float(in_mev.mean()) < _IN_MEV:
        return ""
    share = float(wrong.mean())
    if share > _IN_MEV:
        return "it looks like MeV: divide by 1000"
    typical = float(np.median(values[wrong])) / 1000.0 / max(float(np.median(values[~wrong])), 1e-9)
    if not 1 / _ALIKE < typical < _ALIKE:
        return ""
    return (
        f"{int(wrong.sum())} of {len(values)} rows look like MeV beside others in GeV, as files of two units do: "
        "divide by 1000 there, other masses of these rows as well"
    )


def _check_units(values: Mapping[str, FloatArray], kept: IntArray | slice, final_state: FinalState, name: str) -> None:
    if final_state.is_dijet:
        _check_gev(values, kept, final_state, name)
    for column in final_state.required:
        here = values[column][kept]
        n_larger = rows_in_larger_unit(here)
        if n_larger:
            raise InputError(
                f"{name}: {n_larger} of {len(here)} values of {column!r} lie where the others would in a unit 1000 "
                f"times as large (TeV beside GeV?), as files of two units do; multiply {column} by 1000 there"
            )


def _check_gev(values: Mapping[str, FloatArray], kept: IntArray | slice, final_state: FinalState, name: str) -> None:
    median = float(np.median(values[final_state.resonance][kept]))
    if median < _TEV_MEDIAN:
        raise InputError(
            f"{name}: median {final_state.resonance} is {median:.3g}, which looks like TeV; "
            "every mass must be in GeV: multiply by 1000"
        )
    for daughter in final_state.daughters or ():
        positive = values[daughter][kept]
        positive = positive[positive > 0]
        if len(positive) and float(np.quantile(positive, 0.9)) < _TEV_JET:
            raise InputError(
                f"{name}: the jet masses {daughter!r} look like TeV (median {np.median(positive):.3g}) beside "
                f"{final_state.resonance} in GeV (median {median:.4g}); every mass must be in GeV: "
                f"multiply {daughter} by 1000"
            )
    if final_state.daughters is not None:
        first = final_state.daughters[0]
        heavier = float(np.median(values[first][kept]))
        if heavier > median:
            raise InputError(
                f"{name}: median {first} ({heavier:.4g}) is above median {final_state.resonance} ({median:.4g}); "
                "check that all masses are in GeV and the columns are not exchanged"
            )


def _typed(column: "pd.Series[Any]", values: FloatArray) -> Any:
    """Return checked numbers in the type that the column had, where that is a plain one of numbers."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        return values.astype(column.dtype)
    return column.to_numpy() if same(column, values) else values


def _identifiers(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Drop run and event numbers that identify nothing: missing, not numeric, negative or infinite."""
    notes = []
    for column in IDENTIFIERS:
        if column not in table.columns:
            continue
        values = table[column]
        numeric = isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiu"
        if numeric and bool(np.isfinite(values).all()) and bool((values >= 0).all()):
            continue
        table = table.drop(columns=column)
        notes.append(f"column {column!r} holds values that are no {column} numbers and is ignored")
    return table, notes


def _with_weight(table: pd.DataFrame, quality: DataQuality, used: tuple[str, ...]) -> DataQuality:
    from dataclasses import replace

    quality = quality.adding(*unknown_weights(table, used=used))
    try:
        factor = common_weight(table)
    except InputError:  # told by whatever counts the events
        return quality
    if abs(factor - 1.0) < 1e-6:  # as single precision has it
        return quality
    return replace(quality.adding(weight_sentence(factor)), common_weight=factor)
