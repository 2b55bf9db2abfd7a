"""What comes in before a hunt: files or a table, checked, without truth and without copies, and what was done to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.address_space import return_freed, take_buffers
from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents, PreparedEvents, drop_truth, prepare_events, select_rows
from bumphunt.execution import Workers
from bumphunt.jobs.ingest import columns_used, ingest_events, name_of
from bumphunt.jobs.provenance import describe_input
from bumphunt.jobs.requests import RunOptions
from bumphunt.pipeline.final_state import content_columns, final_state_of
from bumphunt.preprocessing.altered import find_altered
from bumphunt.preprocessing.content import content_digest
from bumphunt.preprocessing.duplicates import find_copies
from bumphunt.sources.locations import paths_given
from bumphunt.table.quality import DataQuality

DEFAULT = RunOptions()
Events = pd.DataFrame | str | Path | Sequence[str | Path]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intake:
    """Events ready for a hunt.

    Parameters
    ----------
    events : BlindEvents
        Checked events without truth and copies.
    place : int array of shape (rows given,)
        For each row that came, which of the events stands for it; -1 for those that were dropped.
    index : pandas.Index
        The index of the rows that came.
    quality : DataQuality
        What was repaired and dropped.
    source : dict
        What the result file says of the input.
    """

    events: BlindEvents
    place: npt.NDArray[np.int64]
    index: pd.Index
    quality: DataQuality
    source: dict[str, Any]

    def per_row(self, values: npt.NDArray[np.float64]) -> "pd.Series[float]":
        """Return one value for each row that came, NaN for dropped ones; copies share that of their event."""
        found = np.full(len(self.place), np.nan)
        there = self.place >= 0
        found[there] = values[self.place[there]]
        return pd.Series(found, index=self.index)


def take_in(
    events: Events,
    config: AnalysisConfig,
    *,
    options: RunOptions = DEFAULT,
    networks: bool = True,
    progress: bool = False,
) -> Intake:
    """Read or take a table of events and make them ready for a hunt; what was done to them is a warning each.

    Parameters
    ----------
    events : DataFrame, path or several paths
        A table in memory, or files as in :func:`bumphunt.jobs.ingest.read_events`.
    config : AnalysisConfig
        Says what the final state is, which columns will be used, and which rows are kept (``select``).
    options : RunOptions
        Bad rows that may be dropped, and the mask of certified luminosity.
    progress : bool
        Show a progress bar while clustering.
    networks : bool
        Whether the networks of the configuration will look at the events.

    Raises
    ------
    InputError
        If the events cannot be used.
    """
    take_buffers()
    state, used = final_state_of(config), columns_used(config, networks=networks)
    if isinstance(events, pd.DataFrame):
        name, n_given, index = "events", len(events), events.index
        prepared = _prepared(events, options, used_columns=used, max_bad_rows=options.max_bad_rows, final_state=state)
    else:
        paths_given(events)
        name = name_of(events)
        prepared = ingest_events(
            events,
            used_columns=used,
            max_bad_rows=options.max_bad_rows,
            final_state=state,
            luminosity_mask=options.luminosity_mask,
            workers=Workers(progress=progress),
        )
        n_given = prepared.quality.rows
        index = pd.RangeIndex(n_given)
    table, quality, kept = prepared
    if config.select is not None:
        chosen = select_rows(table, config.select, name=name)
        if not chosen.any():
            raise InputError(f"{name}: no event fulfils select: {config.select!r}; check the values and units in it")
        quality = quality.adding(f"{int(chosen.sum())} of {len(chosen)} rows fulfil {config.select!r} and are searched")
        table, kept = table.loc[chosen].reset_index(drop=True), kept[chosen]
    columns = content_columns(config, table)
    copies = find_copies(table, columns=columns)
    quality = quality.adding(*copies.sentences(), duplicates=copies.n_exact, near_duplicates=copies.n_near)
    keep, kept_row = copies.keep, copies.kept_row
    remaining = np.flatnonzero(keep)
    once = table if keep.all() else table.iloc[remaining]
    altered = find_altered(once, columns=columns, resonance=state.resonance)
    quality = quality.adding(*altered.sentences(state.resonance), near_duplicates=altered.n_dropped)
    if altered.n_dropped:
        stands_for = np.arange(len(table))
        stands_for[remaining] = remaining[altered.kept_row]
        kept_row = stands_for[kept_row]
        keep = kept_row == np.arange(len(table))
    del once
    number = np.cumsum(keep) - 1
    place = np.full(n_given, -1, dtype=np.int64)
    place[kept] = number[kept_row]
    blind = drop_truth(table if keep.all() else table.loc[keep])
    quality.warn(name)
    source = describe_input(None if isinstance(events, pd.DataFrame) else events, table)
    source = {**source, "n_events": len(blind), "content": content_digest(blind, columns)}
    if quality.simulated:
        source["simulation"] = True
    return_freed()
    return Intake(events=blind, place=place, index=index, quality=quality, source=source)


def _prepared(events: pd.DataFrame, options: RunOptions, **how: Any) -> PreparedEvents:
    """Return a table in memory checked, without what the luminosity mask does not certify."""
    if options.luminosity_mask is None:
        return prepare_events(events, name="events", **how)
    from bumphunt.sources.luminosity import certified_rows

    good, note = certified_rows(events, options.luminosity_mask, name="events")
    prepared = prepare_events(events.loc[good], name="events", **how)
    quality = prepared.quality.adding(dropped=int((~good).sum())).preceded(note)
    return prepared._replace(quality=quality, kept=np.flatnonzero(good)[prepared.kept])
