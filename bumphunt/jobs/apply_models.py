"""``bumphunt score NEW --models DIR``: the frozen selection of a run, applied to new events."""

from pathlib import Path

import numpy as np
import pandas as pd

from bumphunt.events import IDENTIFIERS
from bumphunt.jobs.intake import Events, take_in
from bumphunt.jobs.models import MODELS, load_models


def score_with_models(events: Events, *, models: str | Path, same_events: bool = False) -> pd.DataFrame:
    """Return the score of new events by the saved models of a run.

    In each repeat an event is looked at by one model, which its content chooses, as in the run. So an event that the
    models were trained on meets only those that have not seen it, and simulated signal has the efficiency that signal
    in the data had.

    Parameters
    ----------
    events : DataFrame, path or several paths
        Events with the columns that the run used.
    models : path
        Folder of the models, or that of the run.
    same_events : bool
        They are the events of the run; their scores are then those of the run, bit for bit.

    Returns
    -------
    pandas.DataFrame
        A row for each that was given, in their order: identifiers where there are any, the resonance,
        ``anomaly_score`` in [0, 1] (higher is more anomalous) and, for each cut, ``frequency_CUT``: the part of the
        repeats in which the event passes it. NaN outside the searched range and for rows without possible values.

    Raises
    ------
    InputError
        If the models or the events cannot be read, or the events do not fit the models.
    """
    folder = Path(models)
    inner = folder / MODELS
    frozen, config = load_models(inner if inner.is_dir() else folder)
    # which rows are looked at was decided for the data; here each row has its score
    intake = take_in(events, config.model_copy(update={"select": None}), networks=False)
    score, frequency = frozen.apply(intake.events, same=same_events)
    found: dict[str, pd.Series[float]] = {}
    for name in (*IDENTIFIERS, frozen.resonance):
        if name in intake.events.columns:
            found[name] = intake.per_row(intake.events[name].to_numpy(dtype=np.float64))
    found["anomaly_score"] = intake.per_row(score)
    for cut, row in zip(frozen.cuts, frequency, strict=True):
        found[f"frequency_{cut:g}"] = intake.per_row(row)
    return pd.DataFrame(found)
