"""Which columns say what an event is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bumphunt.events import COLUMNS, IDENTIFIERS, LABEL

_NOT_MEASURED = (LABEL, "weight")


def measured_columns(table: pd.DataFrame, *, identifiers: Sequence[str] = IDENTIFIERS) -> tuple[str, ...]:
    """Return the columns that say what an event is: the known ones, and others of fractions, sorted by name.

    Truth, weights, identifiers, and further columns of whole numbers (counters, flags) are left out, since those of a
    copy may differ.
    """
    names = []
    for name in map(str, table.columns):
        if name in identifiers or name in _NOT_MEASURED or "weight" in name.lower() or name not in table.columns:
            continue
        values = table[name].to_numpy()
        if name in COLUMNS and np.issubdtype(values.dtype, np.number):
            names.append(name)
        elif np.issubdtype(values.dtype, np.floating):
            finite = values[np.isfinite(values)]
            if (finite[:1000] != np.rint(finite[:1000])).any() or (finite != np.rint(finite)).any():
                names.append(name)
    return tuple(sorted(names))
