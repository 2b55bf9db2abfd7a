"""Tables as text in the ways people write them."""

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
