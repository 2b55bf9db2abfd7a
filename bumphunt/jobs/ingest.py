"""Any events files in, a checked event table out."""

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError, warn_user
from bumphunt.events import DIJET, FEATURES, FinalState, PreparedEvents, prepare_events
from bumphunt.execution import ALONE, Workers, in_order
from bumphunt.jobs.joining import joined
from bumphunt.jobs.pairing import PAIRED, read_pairs
from bumphunt.keywords import gathered
from bumphunt.pipeline.final_state import CWOLA_FEATURES, is_dijet
from bumphunt.sources.layouts import Kind, Reading
from bumphunt.sources.locations import Sources, locate, paths_given
from bumphunt.sources.recognition import locate_kind
from bumphunt.table.preparation import MAX_BAD_ROWS

logger = logging.getLogger(__name__)

STANDARD_INPUT = "-"
"""Given as a path, csv or parquet is read from standard input."""


def read_events(
    sources: Sources,
    *,
    used_columns: Iterable[str] | None = None,
    max_bad_rows: float = MAX_BAD_ROWS,
    final_state: FinalState = DIJET,
    luminosity_mask: str | Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Read events files of any known layout; what is repaired or dropped is said in warnings.

    Parameters
    ----------
    sources : path, pattern, folder, or several of these
        Parquet, csv, HDF5 (own layout, pandas frames, one dataset a column, the features or raw layout of the LHC
        Olympics, Aspen Open Jets) or ROOT (flat trees, CMS NanoAOD), recognised by content. Several files are read
        as one, sorted by name. ``file.root:tree`` names a tree, ``-`` is standard input. Raw particles are
        clustered into jets.
    used_columns, max_bad_rows, final_state
        As in :func:`bumphunt.events.prepare_events`.
    luminosity_mask : path, optional
        JSON of certified runs and luminosity blocks; other events are left out.
    progress : bool
        Show a progress bar while clustering.

    Returns
    -------
    pandas.DataFrame
        The event table; with truth if the file has it, unread.

    Raises
    ------
    InputError
        If a file is missing, damaged, of unknown kind, or holds impossible values.
    """
    prepared = ingest_events(
        sources,
        used_columns=used_columns,
        max_bad_rows=max_bad_rows,
        final_state=final_state,
        luminosity_mask=luminosity_mask,
        workers=Workers(progress=progress),
    )
    prepared.quality.warn(name_of(sources))
    return prepared.table


def ingest_events(
    sources: Sources,
    *,
    used_columns: Iterable[str] | None = None,
    max_bad_rows: float = MAX_BAD_ROWS,
    final_state: FinalState = DIJET,
    luminosity_mask: str | Path | None = None,
    workers: Workers = ALONE,
) -> PreparedEvents:
    """Return the events with what was done to them, for those who print and keep it; see :func:`read_events`."""
    reading = read_files(sources, final_state=final_state, workers=workers)
    table, notes, dropped = reading.table, list(reading.notes), reading.dropped
    name = name_of(sources)
    if luminosity_mask is not None:
        from bumphunt.sources.luminosity import certified_rows

        good, note = certified_rows(table, luminosity_mask, name=name)
        notes.append(note)
        dropped += int((~good).sum())
        table = table.loc[good].reset_index(drop=True)
    prepared = prepare_events(
        table, used_columns=used_columns, max_bad_rows=max_bad_rows, name=name, final_state=final_state
    )
    quality = prepared.quality
    quality = quality.adding(dropped=dropped).preceded(*notes)
    return prepared._replace(quality=replace(quality, simulated=reading.simulated))


def read_files(sources: Sources, *, final_state: FinalState = DIJET, workers: Workers = ALONE) -> Reading:
    """Return what the files hold, one below the other, not yet checked.

    Jets are paired, and particles clustered, a part of a file at a time by ``workers``; tables are read here.

    Raises
    ------
    InputError
        As :func:`read_events`; also if the files differ in their layout or columns.
    """
    with _from_standard_input(sources) as given:
        locations, notes = locate(given, required=final_state.required)
        layouts = []
        for location in locations:
            layouts.append(locate_kind(location))
            logger.info("%s: %s", location, layouts[-1].kind)
            if layouts[-1].kind != layouts[0].kind:
                raise InputError(
                    f"{location}: is {layouts[-1].kind}, but {locations[0]} is {layouts[0].kind}; "
                    "give files of one layout"
                )
        kind = layouts[0].kind
        if kind in PAIRED:
            readings = read_pairs(locations, kind, workers)
        elif kind is Kind.LHCO_RAW:
            clustered = (list(_clustered(location.path, workers)) for location in locations)
            readings = [Reading(table=pd.concat(parts, ignore_index=True)) for parts in clustered]
        else:
            readings = [layout.reader.read(location) for layout, location in zip(layouts, locations, strict=True)]
    return joined(readings, locations, notes)


def columns_used(config: AnalysisConfig, *, networks: bool = True) -> tuple[str, ...]:
    """Return the columns beside the final state's that a search with this configuration looks at.

    Parameters
    ----------
    config : AnalysisConfig
        The settings; where a section names no features, the default ones are meant, as far as they are there.
    networks : bool
        Count in the networks that are switched on.
    """
    used = list(config.cwola.features or config.features or (CWOLA_FEATURES if is_dijet(config) else ()))
    for section in (config.vae, config.autoencoder):
        if networks and section.enabled:
            used.extend(section.features or config.features or (FEATURES if is_dijet(config) else ()))
    return tuple(dict.fromkeys(used))


def name_of(sources: Sources) -> str:
    """Return what messages call the events: their path, or the first path and how many more."""
    if isinstance(sources, str | Path):
        return "standard input" if str(sources) == STANDARD_INPUT else str(sources)
    given = [str(source) for source in sources]
    return given[0] if len(given) == 1 else f"{given[0]} and {len(given) - 1} more" if given else "events"


@gathered(workers=Workers)
def write_features(raw: Sources, output: str | Path, *, workers: int | Workers = 1) -> Path:
    """Write the event table of raw files, or of several files as one.

    Raw particles are clustered and written a part at a time, so that memory stays flat. Jets are read a part at a
    time, and their pairs are checked and written together.

    Parameters
    ----------
    raw : path, pattern, folder, or several of these
        Files in the raw layout of the LHC Olympics, jets (NanoAOD, Aspen Open Jets), or several event tables.
    output : path
        Ends in ``.parquet``, ``.csv``, ``.h5`` or ``.hdf5``.
    workers : int or Workers
        Who clusters raw particles and pairs jets; the table does not depend on it.

    Raises
    ------
    InputError
        If there is nothing to make of ``raw``, or the table cannot be written there.
    """
    from bumphunt.sources.tabular import write_table, write_tables, writer_for

    workers = Workers.of(workers)
    locations, _ = locate(raw)
    kinds = [locate_kind(location).kind for location in locations]
    if len(locations) == 1 and kinds[0] not in (Kind.LHCO_RAW, *PAIRED):
        raise InputError(
            f"{name_of(raw)}: is {kinds[0]}, but jets are made from raw LHC Olympics particles; use the file as it is"
        )
    writer_for(output)  # a bad name should be refused before the work, not after
    if set(kinds) != {Kind.LHCO_RAW}:
        prepared = ingest_events(raw, workers=workers)
        prepared.quality.warn(name_of(raw))
        return write_table(prepared.table, output)
    from bumphunt.features.substructure import DEFINITION

    tables = (table for location in locations for table in _clustered(location.path, workers))
    return write_tables(tables, output, metadata=DEFINITION)


@contextmanager
def _from_standard_input(sources: Sources) -> Iterator[Sources]:
    """Keep standard input in a file while it is read, because parquet begins at its end."""
    given = paths_given(sources)
    if STANDARD_INPUT not in map(str, given):
        yield sources
        return
    if len(given) > 1:
        raise InputError("standard input ('-') cannot be read beside files; give one or the other")
    with tempfile.TemporaryDirectory(prefix="bumphunt-") as folder:
        path = Path(folder) / "standard input"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        if path.stat().st_size == 0:
            raise InputError("standard input is empty; pipe csv or parquet into the command")
        yield path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """Consecutive events of a raw file."""

    path: Path
    first: int
    last: int


def _cluster(chunk: _Chunk) -> pd.DataFrame:
    from bumphunt.features.dijets import event_table, padded
    from bumphunt.sources.lhco import iter_raw

    [raw] = iter_raw(chunk.path, chunk=chunk.last - chunk.first, first=chunk.first, last=chunk.last)
    return event_table(padded(raw.particles), label=raw.label, warn=False)


def _clustered(path: str | Path, workers: Workers) -> Iterator[pd.DataFrame]:
    """Give the events of a raw file a chunk at a time, in the order of the file."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bumphunt.sources.lhco import CHUNK, count_raw

    few, number = 0, count_raw(path)
    # workers on other machines share the file system, not the folder this process is in
    whole = Path(path).absolute()
    chunks = [_Chunk(path=whole, first=start, last=min(start + CHUNK, number)) for start in range(0, number, CHUNK)]
    columns = (TextColumn("clustering"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not workers.progress, transient=True) as bar:
        task = bar.add_task("clustering", total=number)
        for table in in_order(workers.map(_cluster, chunks)):
            few += int((table["mj2"] == 0.0).sum())
            bar.advance(task, len(table))
            yield table
    if few:
        warn_user(
            f"{path}: {few} events have fewer than two massive jets; they are kept with mj2 = 0 and mjj the mass "
            "of what there is"
        )
