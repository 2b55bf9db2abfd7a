"""Flat event tables on disk: read in any layout, written as parquet, csv or this package's own HDF5 layout."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.files import check_output_file, stream_for_hdf5, write_atomically
from bumphunt.sources.recognition import LAYOUTS, Location, existing_file, locate_kind

logger = logging.getLogger(__name__)

Writer = Callable[[Iterator[pd.DataFrame], Path, Mapping[str, str]], None]


def read_table(path: str | Path, kind: str | None = None) -> pd.DataFrame:
    """Return the flat table in a file as it is, unchecked; the layout is found out where ``kind`` does not say it.

    Raises
    ------
    InputError
        If the file is damaged or truncated.
    MissingExtraError
        For a ROOT file without uproot.
    """
    location = Location(path=existing_file(path))
    layout = locate_kind(location) if kind is None else next(layout for layout in LAYOUTS if layout.kind == kind)
    table = layout.reader.read(location).table
    if len(table) == 0:
        raise InputError(f"{path}: no events in the table; give a file with at least one row")
    return table


def write_table(table: pd.DataFrame, output: str | Path, *, metadata: Mapping[str, str] | None = None) -> Path:
    """Write an event table as parquet, csv or HDF5, by the extension of ``output``.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per event.
    output : path
        Ends in ``.parquet``, ``.csv``, ``.h5`` or ``.hdf5``.
    metadata : mapping of str to str, optional
        Kept in the file: schema metadata (parquet), attributes (HDF5), comment lines (csv).
    """
    return write_tables([table], output, metadata=metadata)


def write_tables(
    tables: Iterable[pd.DataFrame], output: str | Path, *, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write tables with the same columns one below the other, one of them in memory at a time."""
    output = Path(output)
    writer = writer_for(output)
    return write_atomically(output, lambda part: writer(iter(tables), part, dict(metadata or {})))


def writer_for(output: str | Path) -> Writer:
    """Return the writer that the extension of ``output`` asks for, or raise :class:`InputError`."""
    output = Path(output)
    writers = {".parquet": _write_parquet, ".csv": _write_csv, ".h5": _write_hdf5, ".hdf5": _write_hdf5}
    if output.suffix.lower() not in writers:
        raise InputError(f"{output}: cannot write {output.suffix or 'no extension'!r}; use one of {', '.join(writers)}")
    check_output_file(output)
    return writers[output.suffix.lower()]


def _write_parquet(tables: Iterator[pd.DataFrame], output: Path, metadata: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pa.Table.from_pandas(next(tables), preserve_index=False)
    first = first.replace_schema_metadata({**(first.schema.metadata or {}), **metadata})
    with pq.ParquetWriter(output, first.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(pa.Table.from_pandas(table, schema=first.schema, preserve_index=False))


def _write_csv(tables: Iterator[pd.DataFrame], output: Path, metadata: Mapping[str, str]) -> None:
    with output.open("w", newline="") as file:
        for name, value in metadata.items():
            file.write(f"# {name}: {' '.join(str(value).split())}\n")
        for index, table in enumerate(tables):
            table.to_csv(file, index=False, header=index == 0)


def _write_hdf5(tables: Iterator[pd.DataFrame], output: Path, metadata: Mapping[str, str]) -> None:
    import h5py

    from bumphunt.sources.hdf5 import LAYOUT

    with stream_for_hdf5(output) as stream, h5py.File(stream, "w") as file:
        file.attrs.update({"layout": LAYOUT, "layout_version": 1, **metadata})
        group = file.create_group("events")
        for table in tables:
            for name in table.columns:
                values = table[name].to_numpy()
                if str(name) not in group:
                    options: dict[str, Any] = {
                        "maxshape": (None,),
                        "chunks": True,
                        "compression": "gzip",
                        "shuffle": True,
                    }
                    group.create_dataset(str(name), data=values, **options)
                else:
                    group[str(name)].resize(len(group[str(name)]) + len(values), axis=0)
                    group[str(name)][-len(values) :] = values
            group.attrs["columns"] = np.array([str(name) for name in table.columns], dtype=h5py.string_dtype())
