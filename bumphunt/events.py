"""The event table: its columns, the checks at the door, and no way in for truth."""

from bumphunt.table.columns import (
    COLUMNS,
    DIJET,
    FEATURES,
    IDENTIFIERS,
    LABEL,
    REQUIRED,
    SPECTRUM,
    WEIGHTS,
    Column,
    FinalState,
)
from bumphunt.table.names import DAUGHTERS
from bumphunt.table.preparation import PreparedEvents, check_events, exchange_jets, prepare_events
from bumphunt.table.quality import DataQuality
from bumphunt.table.selection import select_rows
from bumphunt.table.truth import BlindEvents, FloatArray, drop_truth, feature_matrix, feature_names, truth_labels
from bumphunt.table.weights import common_weight

__all__ = [
    "COLUMNS",
    "DAUGHTERS",
    "DIJET",
    "FEATURES",
    "IDENTIFIERS",
    "LABEL",
    "REQUIRED",
    "SPECTRUM",
    "WEIGHTS",
    "BlindEvents",
    "Column",
    "DataQuality",
    "FinalState",
    "FloatArray",
    "PreparedEvents",
    "check_events",
    "common_weight",
    "drop_truth",
    "exchange_jets",
    "feature_matrix",
    "feature_names",
    "prepare_events",
    "select_rows",
    "truth_labels",
]
