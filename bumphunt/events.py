"""The event table: every column's name, unit, meaning and allowed range, and the checks at the door.

One row is one event, masses in GeV. Jet 1 is the **heavier** of the two leading jets (candidate X),
jet 2 the lighter (candidate Y).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError, TruthError

FloatArray = npt.NDArray[np.float64]

BlindEvents = NewType("BlindEvents", pd.DataFrame)
"""A checked event table without truth. Only :func:`drop_truth` makes one; every stage after the
source accepts nothing else, so a label cannot reach training, selection or an answer."""

LABEL = "label"
"""Optional truth, 1 signal and 0 background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the event table; ``low`` and ``high`` bound what is physically possible."""

    name: str
    unit: str
    meaning: str
    low: float
    high: float
    required: bool = False


_SUBSTRUCTURE = {
    "tau21": ("tau2 / (tau1 + 1e-5), N-subjettiness ratio", 10.0),
    "tau32": ("tau3 / (tau2 + 1e-5), N-subjettiness ratio", 10.0),
    "massdrop": ("heavier subjet mass over jet mass, last Cambridge/Aachen step undone", 1.0 + 1e-6),
}
_JETS = {1: "heavier jet", 2: "lighter jet"}

COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            name="mjj", unit="GeV", meaning="invariant mass of the two leading jets", low=0, high=2e4, required=True
        ),
        *(
            Column(name=f"mj{i}", unit="GeV", meaning=f"mass of the {jet}", low=0, high=1e4, required=True)
            for i, jet in _JETS.items()
        ),
        *(
            Column(name=f"{name}_{i}", unit="", meaning=f"{text}, {jet}", low=0, high=high)
            for name, (text, high) in _SUBSTRUCTURE.items()
            for i, jet in _JETS.items()
        ),
        Column(name="weight", unit="", meaning="event weight", low=-np.inf, high=np.inf),
        Column(name="run", unit="", meaning="run number", low=0, high=np.inf),
        Column(name="event", unit="", meaning="event number", low=0, high=np.inf),
        Column(name=LABEL, unit="", meaning="truth: 1 signal, 0 background; studies only", low=0, high=1),
    )
}

REQUIRED = tuple(column.name for column in COLUMNS.values() if column.required)
FEATURES = ("mj1", "mj2", *(f"{name}_{i}" for name in _SUBSTRUCTURE for i in (1, 2)))
"""The eight observables of the seed document, in the order written to files."""
IDENTIFIERS = ("run", "event")


def check_events(table: pd.DataFrame, *, name: str = "events") -> pd.DataFrame:
    """Check an event table and return it with jets ordered by mass.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per event; ``mjj``, ``mj1`` and ``mj2`` in GeV are required.
    name : str
        What to call the table in messages, usually its path.

    Returns
    -------
    pandas.DataFrame
        The same events in the same order. Rows with ``mj1 < mj2`` have all their ``_1``/``_2``
        columns swapped, and a warning says how many.

    Raises
    ------
    InputError
        On a missing, repeated or non-numeric column, an empty table, NaN or infinity, a value out of its
        physical range, or masses that are plainly not in GeV.
    """
    missing = [column for column in REQUIRED if column not in table.columns]
    if missing:
        raise InputError(
            f"{name}: required column {missing[0]!r} is missing "
            f"(found: {', '.join(map(str, table.columns)) or 'none'}); rename or compute it, masses in GeV"
        )
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(f"{name}: column {str(twice[0])!r} is there twice; remove or rename one of the two")
    if len(table) == 0:
        raise InputError(f"{name}: no events in the table; give a file with at least one row")
    for column in table.columns:
        _check_column(table[column], str(column), name)
    median = float(table["mjj"].median())
    if median < 20.0:
        raise InputError(
            f"{name}: median mjj is {median:.3g}, which looks like TeV; every mass must be in GeV: multiply by 1000"
        )
    if float(table["mj1"].median()) > median:
        raise InputError(
            f"{name}: median mj1 ({table['mj1'].median():.4g}) is above median mjj ({median:.4g}); "
            "check that all masses are in GeV and the columns are not exchanged"
        )
    return _order_jets(table, name)


def _check_column(values: "pd.Series[float]", column: str, name: str) -> None:
    if not pd.api.types.is_numeric_dtype(values):
        if column in COLUMNS:
            raise InputError(f"{name}: column {column!r} is not numeric (dtype {values.dtype}); convert it to numbers")
        return
    array = values.to_numpy()
    if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
        raise InputError(f"{name}: column {column!r} has missing values; remove or repair those rows")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            f"{name}: column {column!r} has {int((~finite).sum())} NaN or infinite values "
            f"(first at row {row}); remove or repair those rows"
        )
    known = COLUMNS.get(column)
    if known is not None:
        bad = (array < known.low) | (array > known.high)
        if bad.any():
            row = int(np.argmax(bad))
            unit = f" {known.unit}" if known.unit else ""
            raise InputError(
                f"{name}: column {column!r} is {array[row]:.6g} at row {row}, outside "
                f"[{known.low:g}, {known.high:g}]{unit} ({int(bad.sum())} such rows); {known.meaning}"
            )


def _order_jets(table: pd.DataFrame, name: str) -> pd.DataFrame:
    swap = table["mj1"].to_numpy() < table["mj2"].to_numpy()
    if not swap.any():
        return table
    warnings.warn(
        f"{name}: {int(swap.sum())} of {len(table)} rows had mj1 < mj2; their jets were exchanged, "
        "so that jet 1 is the heavier",
        stacklevel=3,
    )
    return exchange_jets(table, swap)


def exchange_jets(table: pd.DataFrame, swap: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Return the table with all columns of the two jets exchanged in the rows ``swap``, shape (events,)."""
    ordered = table.copy()
    pairs = [("mj1", "mj2")]
    pairs += [
        (column, f"{column[:-2]}_2")
        for column in map(str, table.columns)
        if column.endswith("_1") and f"{column[:-2]}_2" in table.columns
    ]
    for first, second in pairs:
        a, b = table[first].to_numpy(), table[second].to_numpy()
        ordered[first] = np.where(swap, b, a)
        ordered[second] = np.where(swap, a, b)
    return ordered


def drop_truth(table: pd.DataFrame) -> BlindEvents:
    """Return the table without its truth column, as the only type that later stages accept.

    Parameters
    ----------
    table : pandas.DataFrame
        A checked event table, with or without truth.
    """
    return BlindEvents(table.drop(columns=[LABEL], errors="ignore").reset_index(drop=True))


def truth_labels(table: pd.DataFrame, *, name: str = "events") -> npt.NDArray[np.bool_]:
    """Return the truth of a labelled table, for studies and tests only.

    Parameters
    ----------
    table : pandas.DataFrame
        A checked event table.
    name : str
        What to call the table in messages.

    Returns
    -------
    bool array of shape (events,)
        True for signal.

    Raises
    ------
    InputError
        If the table has no truth.
    """
    if LABEL not in table.columns:
        raise InputError(f"{name}: no {LABEL!r} column; this study needs a labelled sample")
    return table[LABEL].to_numpy() > 0.5


def feature_names(table: pd.DataFrame, wanted: Sequence[str] | None = None, *, name: str = "events") -> tuple[str, ...]:
    """Return the features to use: ``wanted``, or else those of :data:`FEATURES` that are present."""
    if wanted is None:
        return tuple(feature for feature in FEATURES if feature in table.columns)
    if LABEL in wanted:
        raise TruthError(f"{LABEL!r} is truth and can never be a feature")
    absent = [feature for feature in wanted if feature not in table.columns]
    if absent:
        raise InputError(f"{name}: feature {absent[0]!r} is not a column (found: {', '.join(map(str, table.columns))})")
    return tuple(wanted)


def feature_matrix(events: BlindEvents, features: Sequence[str]) -> FloatArray:
    """Return the named columns as a float array of shape (events, features)."""
    if LABEL in events.columns or LABEL in features:
        raise TruthError("a table with truth labels reached a stage that must not see them; call drop_truth first")
    return events.loc[:, list(features)].to_numpy(dtype=np.float64)
