"""Any events file in, a checked event table out."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import check_events
from bumphunt.sources.recognition import Kind, identify

logger = logging.getLogger(__name__)


def read_events(path: str | Path, *, progress: bool = False) -> pd.DataFrame:
    """Read an events file of any known layout.

    Parameters
    ----------
    path : path
        Parquet, csv, HDF5 (own layout, or the features or raw layout of the LHC Olympics) or ROOT,
        recognised by content. Raw particles are clustered into jets.
    progress : bool
        Show a progress bar while clustering.

    Returns
    -------
    pandas.DataFrame
        The event table, after :func:`bumphunt.events.check_events`; with truth if the file has it.

    Raises
    ------
    InputError
        If the file is missing, damaged, of unknown kind, or holds impossible values.
    """
    kind = identify(path)
    logger.info("%s: %s", path, kind)
    if kind is Kind.LHCO_RAW:
        table = pd.concat(list(_clustered(path, progress=progress)), ignore_index=True)
    elif kind is Kind.LHCO_FEATURES:
        from bumphunt.sources.lhco import read_features

        table = read_features(path)
    else:
        from bumphunt.sources.tabular import read_table

        table = read_table(path, kind)
    return check_events(table, name=str(path))


def write_features(raw: str | Path, output: str | Path, *, progress: bool = False) -> Path:
    """Cluster a raw file and write its event table, a chunk at a time, so that memory stays flat.

    Parameters
    ----------
    raw : path
        A file in the raw layout of the LHC Olympics.
    output : path
        Ends in ``.parquet``, ``.csv``, ``.h5`` or ``.hdf5``.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        If ``raw`` is no raw file, or the table cannot be written there.
    """
    kind = identify(raw)
    if kind is not Kind.LHCO_RAW:
        raise InputError(f"{raw}: is {kind}, but jets are made from raw LHC Olympics particles; use the file as it is")
    from bumphunt.features.substructure import DEFINITION
    from bumphunt.sources.tabular import write_tables, writer_for

    writer_for(output)  # a bad name should be refused before the work, not after
    return write_tables(_clustered(raw, progress=progress), output, metadata=DEFINITION)


def _clustered(path: str | Path, *, progress: bool) -> Iterator[pd.DataFrame]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bumphunt.features.dijets import event_table, padded
    from bumphunt.sources.lhco import count_raw, iter_raw

    few = 0
    columns = (TextColumn("clustering"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
    with Progress(*columns, disable=not progress, transient=True) as bar:
        task = bar.add_task("clustering", total=count_raw(path))
        for chunk in iter_raw(path):
            table = event_table(padded(chunk.particles), label=chunk.label, warn=False)
            few += int((table["mj2"] == 0.0).sum())
            bar.advance(task, len(table))
            yield table
    if few:
        warnings.warn(
            f"{path}: {few} events have fewer than two massive jets; they are kept with mj2 = 0 and mjj the mass "
            "of what there is",
            stacklevel=2,
        )
