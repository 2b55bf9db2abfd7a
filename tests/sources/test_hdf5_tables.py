"""HDF5 as people write it, and HDF5 that would have other files read."""

import h5py
import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.ingest import read_events
from bumphunt.sources.recognition import Kind, identify

COLUMNS = {
    "mjj": np.linspace(2000, 5000, 20),
    "mj1": np.linspace(200, 500, 20),
    "mj2": np.linspace(20, 100, 20),
    "event": 2**60 + np.arange(20),
}


def write(path, where="/", columns=COLUMNS):
    with h5py.File(path, "a") as file:
        for name, values in columns.items():
            file[f"{where}/{name}"] = values
    return path


@pytest.mark.parametrize("where", ["/", "/events"])
def test_one_dataset_a_column(tmp_path, where):
    path = write(tmp_path / "x.h5", where)
    assert identify(path) is Kind.HDF5_EVENTS
    pd.testing.assert_frame_equal(read_events(path)[list(COLUMNS)], pd.DataFrame(COLUMNS))


def test_a_compound_dataset(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["jets"] = pd.DataFrame(COLUMNS).to_records(index=False)
    pd.testing.assert_frame_equal(read_events(tmp_path / "x.h5"), pd.DataFrame(COLUMNS))


def test_a_group_is_chosen_by_its_name(tmp_path):
    path = write(tmp_path / "x.h5", "nominal")
    write(path, "up", {**COLUMNS, "mjj": COLUMNS["mjj"] + 7})
    with pytest.raises(InputError, match=r"choose one by its name, as in '.*x\.h5:nominal'"):
        read_events(path)
    assert read_events(f"{path}:up")["mjj"].iloc[0] == 2007
    with pytest.raises(InputError, match="has no group 'down'"):
        read_events(f"{path}:down")


def test_texts_in_a_frame_are_left_out_and_never_unpickled(tmp_path):
    numbers = [name for name in COLUMNS if name != "event"]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["df/axis0"] = [*(name.encode() for name in numbers), b"label", b"event"]
        file["df/block0_items"] = [name.encode() for name in numbers]
        file["df/block0_values"] = np.column_stack([COLUMNS[name] for name in numbers])
        file["df/block1_items"] = [b"event"]
        file["df/block1_values"] = COLUMNS["event"][:, np.newaxis]
        file["df/block2_items"] = [b"label"]
        file.create_dataset("df/block2_values", (1,), h5py.vlen_dtype(np.uint8))
    with pytest.warns(UserWarning, match="columns without numbers are not read: label"):
        events = read_events(tmp_path / "x.h5")
    assert events["event"].tolist() == COLUMNS["event"].tolist(), "to the last digit"


def test_columns_of_different_lengths(tmp_path):
    path = write(tmp_path / "x.h5", columns={**COLUMNS, "mj2": np.ones(3)})
    with pytest.raises(InputError, match="different lengths"):
        read_events(path)


@pytest.mark.parametrize("how", ["link", "storage", "virtual"])
def test_data_in_other_files_are_refused(tmp_path, how):
    other = write(tmp_path / "other.h5")
    path = write(tmp_path / "x.h5", columns={name: COLUMNS[name] for name in ("mjj", "mj1")})
    with h5py.File(path, "a") as file:
        if how == "link":
            file["mj2"] = h5py.ExternalLink(str(other), "/mj2")
        elif how == "storage":
            (tmp_path / "raw.bin").write_bytes(COLUMNS["mj2"].tobytes())
            file.create_dataset("mj2", (20,), "f8", external=[(str(tmp_path / "raw.bin"), 0, 160)])
        else:
            layout = h5py.VirtualLayout((20,), "f8")
            layout[:] = h5py.VirtualSource(str(other), "mj2", (20,))
            file.create_virtual_dataset("mj2", layout)
    with pytest.raises(InputError, match="copy the data into one file"):
        read_events(path)


def test_groups_that_hold_each_other_end(tmp_path):
    path = write(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        group = file.create_group("a")
        group["root"] = file["/"]
        group["self"] = h5py.SoftLink("/a")
        group["nothing"] = h5py.SoftLink("/nothing")
    assert len(read_events(path)) == 20
