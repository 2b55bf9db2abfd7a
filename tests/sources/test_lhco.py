"""LHC Olympics layouts: round trip, pandas' two HDF5 formats, damaged and impossible content."""

import h5py
import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.sources.lhco import RawChunk, count_raw, iter_raw, read_features, write_raw
from bumphunt.sources.recognition import Kind, identify

NAMES = [f"{name}{jet}" for jet in ("j1", "j2") for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")]


def chunk(number, seed=0, label=True):
    rng = np.random.default_rng(seed)
    particles = np.zeros((number, 700, 3))
    particles[:, :50, 0] = rng.exponential(20, (number, 50))
    particles[:, :50, 1] = rng.normal(0, 1, (number, 50))
    particles[:, :50, 2] = rng.uniform(-np.pi, np.pi, (number, 50))
    return RawChunk(particles=particles, label=(np.arange(number) % 2).astype(np.int8) if label else None)


def write_frame_as_table(path, values, names=None):
    """Imitate pandas' ``format="table"``: one compound dataset, names in a pickle."""
    with h5py.File(path, "w") as file:
        dtype = np.dtype([("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))])
        rows = np.zeros(len(values), dtype=dtype)
        rows["values_block_0"] = values
        table = file.create_dataset("df/table", data=rows)
        if names:
            text = "(lp0\n" + "".join(f"V{name}\np{index}\na" for index, name in enumerate(names, 1)) + "."
            table.attrs["values_block_0_kind"] = np.bytes_(text)


def write_frame_as_fixed(path, blocks):
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        for index, (names, values) in enumerate(blocks):
            group[f"block{index}_items"] = np.array(names, dtype="S")
            group[f"block{index}_values"] = values
        group["axis0"] = np.array([name for names, _ in blocks for name in names], dtype="S")


@pytest.mark.parametrize("label", [True, False])
def test_raw_round_trip(tmp_path, label):
    chunks = [chunk(30, 1, label), chunk(13, 2, label)]
    path = write_raw(tmp_path / "raw.h5", iter(chunks))
    assert identify(path) is Kind.LHCO_RAW
    assert count_raw(path) == 43
    back = list(iter_raw(path, chunk=10))
    assert [len(part.particles) for part in back] == [10, 10, 10, 10, 3]
    np.testing.assert_array_equal(
        np.concatenate([part.particles for part in back]), np.concatenate([part.particles for part in chunks])
    )
    if label:
        np.testing.assert_array_equal(
            np.concatenate([part.label for part in back]), np.concatenate([part.label for part in chunks])
        )
    else:
        assert all(part.label is None for part in back)
    assert [file.name for file in tmp_path.iterdir()] == ["raw.h5"]


def test_raw_in_table_format(tmp_path):
    part = chunk(11)
    values = np.column_stack([part.particles.reshape(11, -1), part.label])
    write_frame_as_table(tmp_path / "t.h5", values)
    assert identify(tmp_path / "t.h5") is Kind.LHCO_RAW
    back = list(iter_raw(tmp_path / "t.h5", chunk=4))
    np.testing.assert_array_equal(np.concatenate([p.particles for p in back]), part.particles)
    np.testing.assert_array_equal(np.concatenate([p.label for p in back]), part.label)


def test_reading_holds_one_chunk_at_a_time(tmp_path):
    import tracemalloc

    path = write_raw(tmp_path / "raw.h5", (chunk(100, seed) for seed in range(12)))
    tracemalloc.start()
    for _ in iter_raw(path, chunk=100):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 100 * 2101 * 8, "1200 events are 20 MB, a chunk of 100 is 1.7 MB"


@pytest.mark.parametrize(
    ("slot", "value", "message"),
    [
        ((0, 0, 0), np.nan, "particle 0 of event 0"),
        ((2, 5, 0), -1.0, "particle 5 of event 2"),
        ((1, 1, 1), np.inf, "eta"),
    ],
)
def test_impossible_particles(tmp_path, slot, value, message):
    part = chunk(4)
    part.particles[slot] = value
    path = write_raw(tmp_path / "raw.h5", [part])
    with pytest.raises(InputError, match=message):
        list(iter_raw(path))


def test_truth_of_any_kind_is_carried_unread(tmp_path):
    part = RawChunk(particles=chunk(4).particles, label=np.array([0, 7, np.nan, 0.5]))
    path = write_raw(tmp_path / "raw.h5", [part])
    assert np.concatenate([read.label for read in iter_raw(path)]).tolist() == [0, 7, -1, -1]


def test_mixed_chunks_and_no_chunks_are_refused(tmp_path):
    with pytest.raises(InputError, match="all with or all without"):
        write_raw(tmp_path / "a.h5", [chunk(2), chunk(2, label=False)])
    with pytest.raises(InputError, match="no raw events"):
        write_raw(tmp_path / "a.h5", [])
    assert list(tmp_path.iterdir()) == []


def features():
    rng = np.random.default_rng(5)
    values = {name: rng.uniform(0.1, 1.0, 6) for name in NAMES}
    values["pxj1"] *= 1500
    values["pxj2"] *= -1500
    values["mj1"] = np.array([50.0, 500, 80, 90, 100, 110])
    values["mj2"] = np.array([500.0, 50, 70, 95, 90, 120])
    return values


def test_features_layout(tmp_path):
    values = features()
    names = [*NAMES, "label"]
    rows = np.column_stack([*(values[name] for name in NAMES), np.arange(6) % 2])
    write_frame_as_table(tmp_path / "t.h5", rows, names)
    write_frame_as_fixed(tmp_path / "f.h5", [(names, rows)])
    order = [3, 1, 0, 2, *range(4, 14)]
    write_frame_as_fixed(
        tmp_path / "b.h5", [([NAMES[i] for i in order], rows[:, order]), (["label"], rows[:, 14:].astype("i8"))]
    )
    table = read_features(tmp_path / "f.h5")
    for other in ("t.h5", "b.h5"):
        assert identify(tmp_path / other) is Kind.LHCO_FEATURES
        assert table.equals(read_features(tmp_path / other))
    energies = [np.sqrt(sum(values[f"{n}j{i}"] ** 2 for n in ("px", "py", "pz", "m"))) for i in (1, 2)]
    momentum = [values[f"{n}j1"] + values[f"{n}j2"] for n in ("px", "py", "pz")]
    np.testing.assert_allclose(table["mjj"], np.sqrt(sum(energies) ** 2 - sum(p**2 for p in momentum)))
    np.testing.assert_array_equal(table["mj1"], np.maximum(values["mj1"], values["mj2"]))
    assert table.loc[0, "tau21_1"] == pytest.approx(values["tau2j2"][0] / (values["tau1j2"][0] + 1e-5))
    assert table.loc[1, "tau32_1"] == pytest.approx(values["tau3j1"][1] / (values["tau2j1"][1] + 1e-5))
    assert table["label"].tolist() == [0, 1, 0, 1, 0, 1]
    assert "massdrop_1" not in table


def test_names_are_parsed_never_executed(tmp_path):
    rows = np.ones((3, 3))
    write_frame_as_table(tmp_path / "t.h5", rows)
    with h5py.File(tmp_path / "t.h5", "a") as file:
        file["df/table"].attrs["values_block_0_kind"] = np.bytes_(b"cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(InputError, match="3 columns"):
        identify(tmp_path / "t.h5")


def test_unknown_hdf5(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["something"] = np.ones(3)
    with pytest.raises(InputError, match="without a pandas frame"):
        identify(tmp_path / "x.h5")
    write_frame_as_fixed(tmp_path / "y.h5", [(["a", "b"], np.ones((3, 2)))])
    with pytest.raises(InputError, match="2 columns"):
        identify(tmp_path / "y.h5")


@pytest.mark.parametrize("fraction", [0.02, 0.5, 0.99])
def test_truncated_raw_file(tmp_path, fraction):
    path = write_raw(tmp_path / "raw.h5", [chunk(50)])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(InputError, match="damaged or truncated") as caught:
        identify(path)
    assert "\n" not in str(caught.value)
