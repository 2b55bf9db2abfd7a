"""Flat event tables on disk: parquet, csv, this package's own HDF5 layout, ROOT trees."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.events import REQUIRED
from bumphunt.files import check_output_file, stream_for_hdf5, write_atomically
from bumphunt.sources.recognition import Kind, existing_file, one_line

logger = logging.getLogger(__name__)

Writer = Callable[[Iterator[pd.DataFrame], Path, Mapping[str, str]], None]


def read_table(path: str | Path, kind: Kind) -> pd.DataFrame:
    """Return the table in a parquet, csv, HDF5 (own layout) or ROOT file, as it is, unchecked.

    Raises
    ------
    InputError
        If the file is damaged or truncated.
    MissingExtraError
        For a ROOT file without uproot.
    """
    path = existing_file(path)
    readers = {Kind.PARQUET: _read_parquet, Kind.CSV: _read_csv, Kind.HDF5_EVENTS: _read_hdf5, Kind.ROOT: _read_root}
    if kind not in readers:
        raise InputError(f"{path}: layout {kind} is no flat table; read it with bumphunt.sources.lhco")
    table = readers[kind](path)
    if len(table) == 0:
        raise InputError(f"{path}: no events in the table; give a file with at least one row")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table: pd.DataFrame = pq.ParquetFile(path).read().to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:  # the last of its metadata
        raise InputError(
            f"{path}: damaged or truncated parquet ({one_line(error)}); make or download it again"
        ) from error
    return table


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, comment="#", encoding="utf-8-sig", skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: damaged csv ({one_line(error)}); write it again, comma separated") from error


def _read_hdf5(path: Path) -> pd.DataFrame:
    from bumphunt.sources.hdf5 import LAYOUT, find_frame, open_hdf5

    with open_hdf5(path) as file:
        if file.attrs.get("layout") != LAYOUT:
            frame = find_frame(file, path)
            return pd.DataFrame(frame.read(0, frame.rows), columns=list(frame.columns))
        names = [str(name) for name in file["events"].attrs["columns"]]
        columns = {name: file["events"][name][()] for name in names}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise InputError(f"{path}: columns of different lengths {sorted(lengths)}; make the file again")
        return pd.DataFrame(columns)


def _read_root(path: Path) -> pd.DataFrame:
    try:
        import uproot
    except ImportError as error:
        raise MissingExtraError("uproot", "root", "reading ROOT files") from error
    try:
        with uproot.open(path) as file:
            trees = {name: tree for name, tree in file.items(cycle=False) if hasattr(tree, "num_entries")}
            fitting = [name for name, tree in trees.items() if set(REQUIRED) <= set(tree.keys())]
            if len(fitting) != 1:
                raise InputError(
                    f"{path}: {len(fitting)} trees have the columns {', '.join(REQUIRED)} "
                    f"(trees found: {', '.join(trees) or 'none'}); exactly one must"
                )
            tree = trees[fitting[0]]
            columns = {str(name): tree[name].array() for name in tree.keys()}  # noqa: SIM118 (trees are no dicts)
            # Lists per event (particles, say) are no columns of an event table.
            flat = {name: np.asarray(values) for name, values in columns.items() if values.ndim == 1}
            return pd.DataFrame({name: values for name, values in flat.items() if values.dtype.kind in "fiub"})
    except InputError:
        raise
    except Exception as error:  # uproot raises many kinds on damaged files
        raise InputError(f"{path}: damaged or truncated ROOT file ({one_line(error)}); make it again") from error


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
    with pq.ParquetWriter(output, first.schema, compression="zstd") as writer:
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
