"""Parquet files."""

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
            table: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path}: damaged or truncated parquet ({one_line(error)}); make or download it again"
        ) from error
    unwanted = [name for name in table.columns if str(name).startswith("__index_level_")]
    return Reading(table=table.drop(columns=unwanted), simulated=simulated)
