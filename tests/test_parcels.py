"""Large arrays that tasks share are written once, mapped by the processes that need them, and gone afterwards."""

import tempfile
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.execution import parallel_map
from bumphunt.parcels import LARGE, on_disk, packed, run_parcel


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A task with a table and an array that others have as well."""

    number: int
    events: np.ndarray
    table: pd.DataFrame


def total(part):
    """Return sums, and whether the array lies in a file."""
    base = part.events.base
    mapped = isinstance(base, np.memmap) and not part.events.flags.writeable
    return part.number, float(part.events.sum()), float(part.table["mjj"].sum()), mapped


@pytest.fixture(scope="module")
def parts():
    events = np.random.default_rng(1).random((LARGE // 16, 4))
    table = pd.DataFrame({"mjj": np.random.default_rng(2).random(LARGE // 8)})
    return [Part(number=number, events=events, table=table) for number in range(3)]


def test_an_array_of_several_tasks_is_kept_once_and_small_things_travel_with_their_task(parts):
    parcels = packed(parts)
    assert [array.nbytes for array in parcels.arrays] == [2 * LARGE, LARGE]
    assert max(map(len, parcels.tasks)) < 10_000
    small = packed([{"a": np.arange(5)}, 7])
    assert small.arrays == []
    assert run_parcel(lambda task: task["a"].tolist(), small.tasks[0], []) == [0, 1, 2, 3, 4]


def test_processes_map_the_file_and_find_the_same(parts, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    found = dict(parallel_map(total, parts, workers=2))
    alone = dict(parallel_map(total, parts))
    assert [found[number][:3] for number in range(3)] == [alone[number][:3] for number in range(3)]
    assert all(found[number][3] for number in range(3))
    assert not any(alone[number][3] for number in range(3))
    assert list(tmp_path.glob("bumphunt-*")) == []


def test_no_temporary_folder_is_said_in_one_line(parts, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"none can be made.*TMPDIR"), on_disk([parts[0].events]):
        pass


def test_a_full_disk_is_said_in_one_line(parts, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with (
        pytest.raises(InputError, match=r"2 MB that worker processes share.*no space left.*TMPDIR"),
        on_disk([parts[0].events]),
    ):
        pass
