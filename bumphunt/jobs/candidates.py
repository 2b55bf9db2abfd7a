"""The candidate events as an analyst would take them to an event display."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import FEATURES, IDENTIFIERS, BlindEvents
from bumphunt.files import write_atomically


def write_candidates(
    path: str | Path, events: BlindEvents, score: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_]
) -> Path:
    """Write the chosen events as csv, most anomalous first: identifiers where there are any, score, masses (GeV)."""
    columns = [name for name in (*IDENTIFIERS, "mjj", *FEATURES) if name in events.columns]
    table: pd.DataFrame = events.loc[chosen, columns].copy()
    table.insert(0, "score", score[chosen])
    table = table.sort_values("score", ascending=False, kind="stable")
    return write_atomically(path, lambda part: table.to_csv(part, index=False, float_format="%.6g"))
