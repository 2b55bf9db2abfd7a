"""Tables as text in the ways people write them."""

import warnings

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.ingest import ingest_events, read_events


def table(rows=30):
    rng = np.random.default_rng(1)
    masses = {"mjj": (2000, 5000), "mj1": (200, 500), "mj2": (20, 200)}
    return pd.DataFrame({name: rng.uniform(*limits, rows).round(3) for name, limits in masses.items()})


@pytest.mark.parametrize(
    ("separator", "decimal", "said"),
    [
        (",", ".", ""),
        (";", ".", "separated by semicolons"),
        ("\t", ".", "separated by tabs"),
        (" ", ".", "separated by blanks"),
        (";", ",", "separated by semicolons, and numbers have decimal commas"),
        ("\t", ",", "separated by tabs, and numbers have decimal commas"),
    ],
)
def test_separators_and_decimal_commas(tmp_path, separator, decimal, said):
    table().to_csv(tmp_path / "events.csv", sep=separator, decimal=decimal, index=False)
    read, quality, _ = ingest_events(tmp_path / "events.csv")
    pd.testing.assert_frame_equal(read, table())
    assert said in " ".join(quality.notes)
    assert len(quality.notes) == bool(said)


def test_names_in_a_comment_as_numpy_writes_them(tmp_path):
    np.savetxt(tmp_path / "events.txt", table().to_numpy(), header="mjj mj1 mj2", fmt="%.3f")
    with pytest.warns(UserWarning, match="separated by blanks"):
        pd.testing.assert_frame_equal(read_events(tmp_path / "events.txt"), table())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mjj,mj1,mj1,mj2\n3000,200,201,100\n", "column 'mj1' appears twice"),
        ("mjj;mj1;mj1;mj2\n3000;200;201;100\n", "column 'mj1' appears twice"),
        ("3000,200,100\n3100,200,100\n", "holds no names of columns"),
        ("mjj;mj1;mj2\n3000,5;200.5;100\n", "decimal commas and with decimal points"),
        ("mjj,mj1,mj2\n3000,x,100\n3001,200,100\n", "column 'mj1' is not numeric .*'x' at row 0"),
        ("mjj,mj1,mj2\n3000,True,100\n3001,False,100\n", "true or false"),
        ('{"edges": [1, 2], "counts": [1]}', "a spectrum of counts is for `bumphunt scan`"),
        ("M_JJ,mj1,mj2\n3000,200,100\n", "did you mean 'M_JJ'"),
    ],
)
def test_text_that_cannot_be_used(tmp_path, text, message):
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_events(tmp_path / "events.csv")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16", "looks like text in UTF-16; save it in UTF-8"),
        ("utf-16-le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("utf-32", "UTF-32"),
        ("latin-1", "ISO-8859-1"),
    ],
)
def test_another_encoding_is_named(tmp_path, encoding, words):
    path = tmp_path / "events.csv"
    path.write_bytes("mjj,mj1,mj2,µ\n3000,200,100,1\n".encode(encoding))
    with pytest.raises(InputError, match=words):
        read_events(path)


def test_another_encoding_far_down_is_named(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(b"mjj,mj1,mj2,name\n" + 5_000 * b"3000,200,100,qcd\n" + b"3000,200,100,\xe9\n")
    with pytest.raises(InputError, match=r"another encoding than UTF-8 .byte 0xe9 cannot be read"):
        read_events(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 and so on", r"is a zip archive \(.*\), which is not read; unpack it"),
        (b"BZh91AY", "compressed with bzip2"),
        (b"\xfd7zXZ\x00\x00", "compressed with xz"),
        (b"\x28\xb5\x2f\xfd\x00", "compressed with zstd"),
        (b"\x93NUMPY\x01\x00", "is a numpy array, which is not read; convert it to parquet"),
        (b"<!DOCTYPE html>", "perhaps a page in place of a download"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, words):
    path = tmp_path / "events.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_events(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_separator_at_the_end_of_rows_moves_no_column(tmp_path, separator):
    """pandas alone takes the first column for an index, and mj1 for mjj."""
    path = tmp_path / "events.csv"
    rows = [["mjj", "mj1", "mj2", "run"], *([f"{3_000 + n}", "200", f"{100 + n}", "7", ""] for n in range(30))]
    path.write_text("\n".join(separator.join(row) for row in rows), "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_events(path)
    assert table["mjj"].tolist() == list(range(3_000, 3_030))
    assert table["mj2"].iloc[5] == 105
    assert (table["run"] == 7).all()


def test_row_names_as_r_writes_them_are_no_column(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("mjj,mj1,mj2\n1,3000,200,100\n2,3001,201,101\n", "utf-8")
    assert read_events(path)["mjj"].tolist() == [3000, 3001]
