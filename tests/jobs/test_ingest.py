"""Any file in, a checked event table out; the official events against jets made elsewhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.jobs.ingest import read_events, write_features
from bumphunt.sources.lhco import RawChunk, write_raw
from bumphunt.sources.tabular import write_table

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not beside the project")


def dijets(number, seed=0):
    """Make two sprays of particles back to back in each event."""
    rng = np.random.default_rng(seed)
    particles = np.zeros((number, 700, 3))
    particles[:, :60, 0] = rng.exponential(40, (number, 60))
    particles[:, :60, 1] = rng.normal(0, 0.3, (number, 60))
    particles[:, :60, 2] = rng.normal(0, 0.3, (number, 60)) + np.repeat([-1.5, 1.6], 30)
    return particles


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw.h5", [RawChunk(particles=dijets(20), label=np.arange(20) % 2)])


@needs_data
def test_official_events_agree_with_independent_jets():
    table = read_events(DATA / "lhco_rnd_tiny.h5")
    reference = np.load(DATA / "lhco_rnd_first10k_jets.npz")
    assert len(table) == 1000
    np.testing.assert_array_equal(table["label"], reference["label"][:1000])
    masses = reference["mj"][:1000]
    for column, expected in (
        ("mjj", reference["mjj"][:1000]),
        ("mj1", masses.max(axis=1)),
        ("mj2", masses.min(axis=1)),
    ):
        assert np.mean(np.abs(table[column] / expected - 1) < 1e-3) >= 0.99, column


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".h5"])
def test_features_are_written_in_chunks_and_read_back(raw, tmp_path, suffix, monkeypatch):
    from bumphunt.sources import lhco

    whole = read_events(raw)
    monkeypatch.setattr(lhco.iter_raw, "__kwdefaults__", {"chunk": 6})
    output = write_features(raw, tmp_path / f"table{suffix}", progress=True)
    pd.testing.assert_frame_equal(read_events(output), whole, check_dtype=False)
    assert b"OnePass_KT_Axes" in output.read_bytes()


def test_events_without_two_jets_are_counted(tmp_path):
    particles = dijets(5)
    particles[1] = 0
    particles[3, 30:] = 0
    path = write_raw(tmp_path / "raw.h5", [RawChunk(particles=particles, label=None)])
    with pytest.warns(UserWarning, match="2 events have fewer than two"):
        table = read_events(path)
    assert len(table) == 5
    assert table.loc[1, "mjj"] == 0
    assert np.isfinite(table.to_numpy()).all()


def test_write_features_refuses_what_is_not_raw(raw, tmp_path):
    table = write_table(read_events(raw), tmp_path / "table.parquet")
    with pytest.raises(InputError, match="is parquet"):
        write_features(table, tmp_path / "again.parquet")
    with pytest.raises(InputError, match="cannot write"):
        write_features(raw, tmp_path / "table.txt")


def test_tables_are_checked_at_the_door(tmp_path):
    write_table(pd.DataFrame({"mjj": [3.2, 3.4], "mj1": [0.5, 0.4], "mj2": [0.1, 0.1]}), tmp_path / "tev.csv")
    with pytest.raises(InputError, match="GeV"):
        read_events(tmp_path / "tev.csv")
    write_table(pd.DataFrame({"mjj": [3200.0], "mj1": [500.0]}), tmp_path / "short.parquet")
    with pytest.raises(InputError, match=r"short\.parquet: required column 'mj2'"):
        read_events(tmp_path / "short.parquet")


def test_damaged_raw_data_is_an_input_error(raw):
    content = bytearray(raw.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    raw.write_bytes(bytes(content))
    with pytest.raises(InputError):
        read_events(raw)
