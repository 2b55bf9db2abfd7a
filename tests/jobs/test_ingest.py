"""Any file in, a checked event table out; the official events against jets made elsewhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.execution import Workers
from bumphunt.jobs.ingest import ingest_events, read_events, write_features
from bumphunt.jobs.intake import take_in
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
    whole = read_events(raw)
    monkeypatch.setattr("bumphunt.sources.lhco.CHUNK", 6)
    output = write_features(raw, tmp_path / f"table{suffix}", workers=Workers(progress=True))
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


def test_workers_write_the_same_table_in_the_same_order(raw, tmp_path, monkeypatch):
    monkeypatch.setattr("bumphunt.sources.lhco.CHUNK", 3)
    alone = write_features(raw, tmp_path / "alone.parquet")
    together = write_features(raw, tmp_path / "together.parquet", workers=2)
    assert alone.read_bytes() == together.read_bytes()


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


# --- several files, trees, standard input ------------------------------------------------------


@pytest.fixture
def parts(tmp_path):
    """A table in five files, and the table."""
    rng = np.random.default_rng(0)
    whole = pd.DataFrame(
        {"mjj": rng.uniform(2000, 5000, 50), "mj1": rng.uniform(200, 500, 50), "mj2": rng.uniform(20, 200, 50)}
    )
    (tmp_path / "parts").mkdir()
    for part in range(5):
        write_table(whole.iloc[10 * part : 10 * part + 10], tmp_path / "parts" / f"part_{part}.parquet")
    return tmp_path / "parts", whole


def test_several_files_a_pattern_and_a_folder_are_read_as_one_in_any_order(parts):
    folder, whole = parts
    files = sorted(folder.iterdir())
    for sources in (files, files[::-1], f"{folder}/part_*.parquet", str(folder), [folder / "part_[0-2].*", *files[3:]]):
        pd.testing.assert_frame_equal(read_events(sources), whole)


def test_a_file_given_twice_is_read_once(parts):
    folder, whole = parts
    with pytest.warns(UserWarning, match=r"part_1\.parquet is given twice and read once"):
        pd.testing.assert_frame_equal(read_events([folder, folder / "part_1.parquet"]), whole)


def test_what_is_not_read_in_a_folder_is_named(parts):
    folder, whole = parts
    (folder / "README.md").write_text("events")
    with pytest.warns(UserWarning, match=r"not read: README\.md"):
        pd.testing.assert_frame_equal(read_events(folder), whole)


def test_files_that_do_not_fit_together(parts):
    folder, whole = parts
    write_table(whole.assign(tau21_1=0.5), folder / "part_9.parquet")
    with pytest.raises(InputError, match=r"part_0\.parquet: has no column 'tau21_1', but .*part_9\.parquet has"):
        read_events(folder)
    (folder / "part_9.parquet").unlink()
    write_table(whole, folder / "part_9.csv")
    with pytest.raises(InputError, match=r"part_9\.csv: is csv, but .* is parquet; give files of one layout"):
        read_events(folder)


def test_truth_in_some_of_the_files_is_left_out(parts):
    folder, whole = parts
    write_table(whole.iloc[:10].assign(label=1), folder / "part_0.parquet")
    pd.testing.assert_frame_equal(read_events(folder), whole)


def test_no_files(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.doc").write_text("x")
    for sources, message in (
        ([], "no events files"),
        (f"{tmp_path}/*.parquet", "no file fits this pattern"),
        (tmp_path / "empty", r"holds no events files \(notes\.doc\)"),
        ("x" * 5000, "cannot be opened"),
        ("a\0b", "no such file|cannot be opened"),
    ):
        with pytest.raises(InputError, match=message):
            read_events(sources)


def test_a_tree_is_chosen_by_its_name(tmp_path, parts):
    uproot = pytest.importorskip("uproot", reason="the extra 'root' is not installed")
    _, whole = parts
    path = tmp_path / "trees.root"
    with uproot.recreate(path) as file:
        file["nominal"] = {name: whole[name].to_numpy() for name in whole}
        file["up"] = {name: whole[name].to_numpy() + 1 for name in whole}
        file["other"] = {"m_jj": whole["mjj"].to_numpy()}
        file["h"] = np.histogram(whole["mjj"])
    with pytest.raises(InputError, match=r"2 trees .*\(nominal, up\); choose one by its name, as in .*:nominal'"):
        read_events(path)
    pd.testing.assert_frame_equal(read_events(f"{path}:up"), whole + 1, check_like=True)
    with pytest.raises(InputError, match=r"has no tree 'down' \(trees found: nominal, up, other\)"):
        read_events(f"{path}:down")
    with pytest.raises(InputError, match="did you mean 'm_jj'"):
        read_events(f"{path}:other")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_standard_input(parts, tmp_path, suffix, monkeypatch):
    _, whole = parts
    path = write_table(whole, tmp_path / f"events{suffix}")
    with path.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Stream", (), {"buffer": stream}))
        pd.testing.assert_frame_equal(read_events("-"), whole)
        with pytest.raises(InputError, match="standard input is empty"):
            read_events("-")  # nothing is left of it
        with pytest.raises(InputError, match="beside files"):
            read_events(["-", path])


def test_pages_are_written_with_checksums_that_are_verified(parts, tmp_path):
    import pyarrow.parquet as pq

    _, whole = parts
    path = write_table(whole, tmp_path / "events.parquet")
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    end = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size
    content[end - 10] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"(?i)crc|checksum"):
        read_events(path)


def test_positions_are_those_of_the_rows_of_all_files(parts):
    folder, whole = parts
    broken = whole.iloc[10:20].copy()
    broken.iloc[3, 1] = np.nan
    write_table(broken, folder / "part_1.parquet")
    table, quality, kept = ingest_events(folder, max_bad_rows=0.05)
    assert quality.dropped == 1
    assert np.setdiff1d(np.arange(50), kept).tolist() == [13]
    np.testing.assert_array_equal(table["mjj"], whole["mjj"].to_numpy()[kept])


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".h5"])
def test_simulated_files_are_known_as_such(make_events, tmp_path, suffix):
    config = AnalysisConfig()
    paths = [tmp_path / f"{name}{suffix}" for name in ("data", "simulated")]
    write_table(make_events(40, seed=1, label=False), paths[0], metadata={"jets": "anti-kT R=1"})
    write_table(make_events(40, seed=2, label=False), paths[1], metadata={"simulation": '{"seed": 1}'})
    plain, simulated, both = (take_in(given, config).source for given in (paths[0], paths[1], paths))
    assert "simulation" not in plain
    assert simulated["simulation"] is True
    assert both["simulation"] is True
