"""Truth never reaches a search: a table without it is a type of its own, and nothing else is accepted."""

from collections.abc import Sequence
from typing import NewType

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError, TruthError
from bumphunt.table.columns import FEATURES, LABEL, closest_column

FloatArray = npt.NDArray[np.float64]

BlindEvents = NewType("BlindEvents", pd.DataFrame)
"""A checked event table without truth. Only :func:`drop_truth` makes one; every stage after the
source accepts nothing else, so a label cannot reach training, selection or an answer."""


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
        If the table has no truth, or something else than 0 and 1.
    """
    if LABEL not in table.columns:
        raise InputError(f"{name}: no {LABEL!r} column; this study needs a labelled sample")
    values = table[LABEL]
    strange = ~values.isin([0, 1]).to_numpy(dtype=bool)
    if strange.any():
        row = int(np.argmax(strange))
        raise InputError(
            f"{name}: column {LABEL!r} is {values.iloc[row]!r} at row {row} ({int(strange.sum())} such rows), but "
            "truth is 1 for signal and 0 for background; a search does not read it, a study needs it repaired"
        )
    return values.to_numpy(dtype=np.float64) > 0.5


def feature_names(table: pd.DataFrame, wanted: Sequence[str] | None = None, *, name: str = "events") -> tuple[str, ...]:
    """Return the features to use: ``wanted``, or else those of :data:`FEATURES` that are present.

    Parameters
    ----------
    table : pandas.DataFrame
        The events.
    wanted : sequence of str, optional
        Columns that were asked for.
    name : str
        What to call the table in messages.
    """
    if wanted is None:
        return tuple(feature for feature in FEATURES if feature in table.columns)
    if LABEL in wanted:
        raise TruthError(f"{LABEL!r} is truth and can never be a feature")
    absent = [feature for feature in wanted if feature not in table.columns]
    if absent:
        closest = closest_column(absent[0], map(str, table.columns))
        meant = "" if closest is None else f"; did you mean {closest!r}?"
        raise InputError(
            f"{name}: feature {absent[0]!r} is not a column (found: {', '.join(map(str, table.columns))}){meant}"
        )
    return tuple(wanted)


def feature_matrix(events: BlindEvents, features: Sequence[str]) -> FloatArray:
    """Return the named columns as a float array of shape (events, features).

    Parameters
    ----------
    events : BlindEvents
        The events.
    features : sequence of str
        Their columns.
    """
    if LABEL in events.columns or LABEL in features:
        raise TruthError("a table with truth labels reached a stage that must not see them; call drop_truth first")
    return events.loc[:, list(features)].to_numpy(dtype=np.float64)
