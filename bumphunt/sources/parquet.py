"""Parquet files."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.sources.layouts import SIMULATION, Location, Reading, existing_file, one_line


def matches(location: Location) -> bool:
    """Return True: the first bytes are enough."""
    del location
    return True


def read(location: Location) -> Reading:
    """Return the table; checksums of pages are verified where the file has them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = existing_file(location.path)
    if location.member is not None:
        raise InputError(f"{location}: parquet holds one table only; leave out ':{location.member}'")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            # an index that pandas wrote beside the columns means nothing here
            simulated = SIMULATION.encode() in (file.schema_arrow.metadata or {})
            table = _streamed(file)
            if table is None:
                table = file.read().to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path}: damaged or truncated parquet ({one_line(error)}); make or download it again"
        ) from error
    unwanted = [name for name in table.columns if str(name).startswith("__index_level_")]
    return Reading(table=table.drop(columns=unwanted), simulated=simulated)


_BATCH = 1 << 17  # events decoded at a time


def _streamed(file: Any) -> pd.DataFrame | None:
    """Return the table, decoded a few events at a time so that it is in memory once; None if it is not all numbers."""
    import pyarrow.types as kinds

    fields = list(file.schema_arrow)
    if (
        not all(
            kinds.is_float32(field.type) or kinds.is_float64(field.type) or kinds.is_integer(field.type)
            for field in fields
        )
        or not fields
        or len({field.name for field in fields}) < len(fields)
    ):
        return None
    number = file.metadata.num_rows
    columns: dict[str, npt.NDArray[Any]] = {
        field.name: np.empty(number, dtype=field.type.to_pandas_dtype()) for field in fields
    }
    done = 0
    for batch in file.iter_batches(batch_size=_BATCH):
        for name, values in zip(columns, batch.columns, strict=True):
            if values.null_count:
                return None
            columns[name][done : done + len(batch)] = values.to_numpy()
        done += len(batch)
    if done != number:
        raise ValueError(f"{done} rows where its footer says {number}")
    return pd.DataFrame(columns, copy=False)
