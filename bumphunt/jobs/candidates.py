"""The candidate events as an analyst would take them to an event display."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import IDENTIFIERS, BlindEvents
from bumphunt.files import write_atomically


def write_candidates(
    path: str | Path,
    events: BlindEvents,
    score: npt.NDArray[np.float32],
    chosen: npt.NDArray[np.bool_],
    *,
    columns: Sequence[str],
) -> Path:
    """Write the chosen events as csv, most anomalous first: score, identifiers where there are any, ``columns``."""
    names = [name for name in (*IDENTIFIERS, *columns) if name in events.columns]
    table: pd.DataFrame = events.loc[chosen, names].copy()
    table.insert(0, "score", score[chosen])
    table = table.sort_values("score", ascending=False, kind="stable")
    return write_atomically(path, lambda part: table.to_csv(part, index=False, float_format="%.6g"))
