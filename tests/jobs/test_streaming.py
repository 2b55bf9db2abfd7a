"""Events read from a file a few at a time give the same answers as a table in memory, and are in memory once."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bumphunt.config import config_from_dict
from bumphunt.events import prepare_events
from bumphunt.jobs.ingest import read_files
from bumphunt.jobs.intake import take_in
from bumphunt.jobs.joining import joined
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window
from bumphunt.sources import parquet
from bumphunt.sources.layouts import Location, Reading

SMALL = config_from_dict(
    {
        "search": {"windows": [[3300, 3700]]},
        "cwola": {"repeats": 1, "folds": 2, "max_iter": 3},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
    }
)


def test_answers_in_memory_and_streamed_are_the_same_bit_for_bit(make_events, tmp_path, monkeypatch):
    events = make_events(3_000).astype("float32")
    events.iloc[7] = events.iloc[5]  # a copy
    path = tmp_path / "events.parquet"
    pq.write_table(pa.Table.from_pandas(events, preserve_index=False), path, row_group_size=700)
    monkeypatch.setattr(parquet, "_BATCH", 256)
    with pytest.warns(UserWarning, match="copies"):
        given, streamed = take_in(events, SMALL), take_in(path, SMALL)
    pd.testing.assert_frame_equal(streamed.events, given.events, check_exact=True)
    np.testing.assert_array_equal(streamed.place, given.place)
    assert streamed.quality == given.quality
    assert streamed.source["content"] == given.source["content"]
    one, other = (prepare_search(each.events, SMALL, 1).tasks[0] for each in (given, streamed))
    for name in ("mjj", "features", "keys"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    first, second = search_window(one), search_window(other)
    np.testing.assert_array_equal(first.score, second.score)
    assert [result.to_dict() for result in first.results] == [result.to_dict() for result in second.results]


def test_a_streamed_table_is_what_pyarrow_makes_of_the_file(tmp_path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"mjj": rng.random(1_000), "mj1": rng.random(1_000, dtype=np.float32), "run": np.arange(1_000, dtype=np.int32)}
    )
    path = tmp_path / "events.parquet"
    table.to_parquet(path, row_group_size=300)
    read = parquet.read(Location(path=path)).table
    pd.testing.assert_frame_equal(read, table)


@pytest.mark.parametrize("column", [["a", "b"], [True, False], [1.5, None], [np.float16(1.0), np.float16(2.0)]])
def test_what_is_not_all_numbers_is_read_as_before(tmp_path, column):
    table = pa.table({"mjj": [3000.0, 3100.0], "other": pa.array(column)})
    path = tmp_path / "events.parquet"
    pq.write_table(table, path)
    read = parquet.read(Location(path=path)).table
    pd.testing.assert_frame_equal(read, table.to_pandas())


def several_files(folder, number=6, rows=40_000):
    """Write tables of equal columns in single precision; return their bytes together and the tables."""
    rng = np.random.default_rng(2)
    names = ("mjj", "mj1", "mj2", "tau21_1", "tau21_2", "tau32_1", "tau32_2", "massdrop_1")
    tables = [pd.DataFrame({name: rng.random(rows, dtype=np.float32) for name in names}) for _ in range(number)]
    for place, table in enumerate(tables):
        table.to_parquet(folder / f"part_{place}.parquet")
    return number * rows * len(names) * 4, tables


def test_several_files_are_in_memory_once(tmp_path):
    size, tables = several_files(tmp_path)
    read_files(tmp_path)  # what is loaded with the first file is not counted
    tracemalloc.start()
    read = read_files(tmp_path).table
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pd.testing.assert_frame_equal(read, pd.concat(tables, ignore_index=True))
    assert peak < 1.5 * size, "a column is joined at a time, and given up by its file"


@pytest.mark.parametrize(
    "values",
    [
        (np.array([1.5], np.float32), np.array([2.5])),
        (np.array([1.5], np.float32), np.array([np.nan])),
        (np.array([1], np.int32), np.array([1.5], np.float32)),
        (np.array([1], np.uint32), np.array([-1], np.int64)),
        (np.array(["a"], object), np.array([1.5])),
        (np.array([True]), np.array([1])),
        (np.array(["2016-01-01"], "datetime64[s]"), np.array([np.nan])),
    ],
)
def test_types_of_files_are_joined_as_pandas_joins_whole_tables(values):
    tables = [pd.DataFrame({"mjj": [3000.0], "other": each}) for each in values]
    whole = pd.concat(tables, ignore_index=True)
    locations = tuple(Location(path=Path(f"{place}.csv")) for place in range(2))
    one = joined([Reading(table=table) for table in tables], locations, ()).table
    pd.testing.assert_frame_equal(one, whole, check_exact=True)


def test_checking_events_needs_little_memory_beside_them(make_events):
    few = make_events(500).astype("float32")
    events = pd.concat([few * np.float32(1 + 0.0007 * number) for number in range(60)], ignore_index=True)
    ratios = [name for name in events if name.startswith(("tau", "mass"))]
    events[ratios] = events[ratios].clip(upper=1.0)
    tracemalloc.start()
    prepare_events(events, name="events")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * len(events), "one column in double precision at a time, not all of them"


def in_memory():
    """Return the bytes that this process has of its own."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return 1024 * int(line.split()[1])


@pytest.mark.filterwarnings("ignore::UserWarning")  # smearing exchanges a few jets
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell memory in use")
def test_what_reading_and_checking_took_goes_back_to_the_system(make_events, tmp_path):
    few = make_events(5_000, label=False).astype("float32")
    rng, paths = np.random.default_rng(3), []
    for number in (1, 60):
        table = pd.concat([few * np.float32(1 + rng.normal(0, 0.01)) for _ in range(number)], ignore_index=True)
        table *= (1 + 0.01 * rng.standard_normal(table.shape)).astype(np.float32)
        ratios = [name for name in table if name.startswith(("tau", "mass"))]
        table[ratios] = table[ratios].clip(upper=1.0)
        paths.append(tmp_path / f"{number}.parquet")
        table.to_parquet(paths[-1])
    del table
    take_in(paths[0], SMALL)  # what is imported with the first file is not counted
    before = in_memory()
    taken = take_in(paths[1], SMALL)
    held = in_memory() - before
    size = int(taken.events.memory_usage(deep=True).sum()) + taken.place.nbytes
    # 3.6 times as much was measured, 6.8 where nothing is given back
    assert held < 5 * size, f"{held / 1e6:.0f} MB for {size / 1e6:.0f} MB of events"
