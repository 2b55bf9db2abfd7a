"""Flat tables: every format there and back, found by content, and every bad file a one-line message."""

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.sources.recognition import Kind, identify
from bumphunt.sources.tabular import read_table, write_table, write_tables

KINDS = {".parquet": Kind.PARQUET, ".csv": Kind.CSV, ".h5": Kind.HDF5_EVENTS, ".hdf5": Kind.HDF5_EVENTS}


def table(number=20, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "mjj": rng.uniform(2e3, 5e3, number),
            "mj1": rng.uniform(100, 500, number),
            "mj2": rng.uniform(20, 100, number),
            "event": np.arange(number),
        }
    )


@pytest.mark.parametrize("suffix", KINDS)
def test_round_trip_under_a_misleading_name(tmp_path, suffix):
    path = write_table(table(), tmp_path / f"events{suffix}", metadata={"tau_axes": "OnePass_KT_Axes"})
    renamed = path.rename(tmp_path / "events.dat")
    assert identify(renamed) is KINDS[suffix]
    pd.testing.assert_frame_equal(read_table(renamed, identify(renamed)), table(), check_exact=suffix != ".csv")
    assert b"OnePass_KT_Axes" in renamed.read_bytes()


@pytest.mark.parametrize("suffix", KINDS)
def test_written_piece_by_piece(tmp_path, suffix):
    pieces = [table(7, 1), table(5, 2), table(1, 3)]
    path = write_tables(iter(pieces), tmp_path / f"events{suffix}")
    pd.testing.assert_frame_equal(read_table(path, identify(path)), pd.concat(pieces, ignore_index=True))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_failure_while_writing_leaves_nothing(tmp_path):
    def pieces():
        yield table()
        raise InputError("source broke")

    with pytest.raises(InputError, match="source broke"):
        write_tables(pieces(), tmp_path / "events.parquet")
    assert list(tmp_path.iterdir()) == []


def test_bad_extension_and_folder(tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        write_table(table(), tmp_path / "events.xlsx")
    with pytest.raises(InputError, match="does not exist"):
        write_table(table(), tmp_path / "no" / "events.csv")


@pytest.mark.parametrize("make", ["mktree", "mkrntuple"])
def test_root_tree(tmp_path, make):
    uproot = pytest.importorskip("uproot", reason="the extra 'root' is not installed")
    columns = {name: table()[name].to_numpy() for name in table()}
    with uproot.recreate(tmp_path / "events.root") as file:
        getattr(file, make)("events", {name: values.dtype for name, values in columns.items()}).extend(columns)
        file["other"] = {"x": np.arange(3.0)}
    path = (tmp_path / "events.root").rename(tmp_path / "events.csv")
    assert identify(path) is Kind.ROOT
    pd.testing.assert_frame_equal(read_table(path, Kind.ROOT)[list(table())], table())
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match="ROOT"):
        read_table(path, Kind.ROOT)


def test_root_without_a_fitting_tree(tmp_path):
    uproot = pytest.importorskip("uproot", reason="the extra 'root' is not installed")
    with uproot.recreate(tmp_path / "events.root") as file:
        file["other"] = {"x": np.arange(3.0)}
    with pytest.raises(InputError, match="0 trees"):
        read_table(tmp_path / "events.root", Kind.ROOT)


def test_root_without_uproot(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uproot", None)
    (tmp_path / "events.root").write_bytes(b"root" + bytes(100))
    with pytest.raises(MissingExtraError, match=r"bumphunt\[root\]"):
        read_table(tmp_path / "events.root", Kind.ROOT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03" * 50, "neither parquet"),
        (b"PK\x03\x04 zipped", "a zip archive"),
        (b"\x1f\x8b\x08 gzipped", "damaged gzip"),
        (b"just a sentence without commas", "neither parquet"),
        (b"\xff\xfe\x00,\x00", "UTF-16"),
    ],
)
def test_files_of_no_known_kind(tmp_path, content, message):
    path = tmp_path / "events.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        identify(path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        identify(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="is not a file"):
        identify(tmp_path)


@pytest.mark.parametrize("suffix", [".parquet", ".h5"])
@pytest.mark.parametrize("keep", [0.05, 0.6, 0.98])
def test_truncated_tables(tmp_path, suffix, keep):
    path = write_table(table(500), tmp_path / f"events{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match="damaged or truncated") as caught:
        read_table(path, identify(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["mjj,mj1,mj2\n1,2,3\n1,2,3,4,5\n", 'mjj,mj1,mj2\n1,"2,3\n'])
def test_damaged_csv(tmp_path, text):
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(InputError, match="damaged csv"):
        read_table(path, identify(path))


def test_header_only_csv(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("mjj,mj1,mj2\n")
    with pytest.raises(InputError, match="no events"):
        read_table(path, identify(path))
