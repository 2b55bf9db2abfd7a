"""Whole samples: reproducible, resumable, blind where asked, and like the official events."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.events import FEATURES
from bumphunt.jobs.ingest import read_events
from bumphunt.simulation import samples
from bumphunt.simulation.presets import PRESETS
from bumphunt.simulation.pythia import generator
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import round_mantissa, simulate_sample

pytest.importorskip("pythia8mc", reason="the extra 'simulation' is not installed")

SAMPLE = Sample(background=25, signal=15, masses=(3500.0, 500.0, 100.0), block=10)
SEED = 4
DATA = Path(__file__).resolve().parents[2] / "../shared/data"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return simulate_sample(tmp_path_factory.mktemp("sample") / "sample.parquet", SAMPLE, seed=SEED)


def test_counts_trigger_columns_and_precision(sample):
    table = read_events(sample)
    assert (table["label"] == 1).sum() == 15
    assert (table["label"] == 0).sum() == 25
    assert list(table.columns) == ["mjj", *FEATURES, "label"]
    assert table["mjj"].min() > 1200
    np.testing.assert_array_equal(table["mj1"].to_numpy(), round_mantissa(table["mj1"].to_numpy()))
    assert not sample.with_name("sample.parquet.parts").exists()
    assert 0 < table["label"].to_numpy()[:15].sum() < 15, "signal and background are mixed"


def test_parquet_says_how_tau_was_made(sample):
    import pyarrow.parquet as pq

    metadata = pq.read_schema(sample).metadata
    assert metadata[b"tau_axes"] == b"OnePass_KT_Axes"
    assert json.loads(metadata[b"simulation"])["seed"] == 4


def test_two_workers_give_the_same_events(sample, tmp_path):
    other = simulate_sample(tmp_path / "other.parquet", SAMPLE, seed=SEED, workers=2)
    pd.testing.assert_frame_equal(pd.read_parquet(sample), pd.read_parquet(other))


def test_interrupted_run_continues_to_the_same_events(sample, tmp_path, monkeypatch):
    made = []
    genuine = samples.make_block

    def failing(block):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(block.path)
        return genuine(block)

    monkeypatch.setattr(samples, "make_block", failing)
    output = tmp_path / "sample.parquet"
    with pytest.raises(KeyboardInterrupt):
        simulate_sample(output, SAMPLE, seed=SEED)
    assert not output.exists()
    assert len(list(output.with_name("sample.parquet.parts").glob("*.npz"))) == 2

    def counting(block):
        made.append(block.path)
        return genuine(block)

    monkeypatch.setattr(samples, "make_block", counting)
    simulate_sample(output, SAMPLE, seed=SEED)
    assert len(made) == len(set(made)) == 5
    pd.testing.assert_frame_equal(pd.read_parquet(sample), pd.read_parquet(output))


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A sample of which two parts are made, and the list of what is made from then on."""
    made = []
    genuine = samples.make_block

    def failing(block):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(block.path)
        return genuine(block)

    monkeypatch.setattr(samples, "make_block", failing)
    with pytest.raises(KeyboardInterrupt):
        simulate_sample(tmp_path / "sample.parquet", SAMPLE, seed=SEED)
    made.clear()
    monkeypatch.setattr(samples, "make_block", lambda block: made.append(Path(block.path).name) or genuine(block))
    return tmp_path / "sample.parquet", made


@pytest.mark.parametrize("damage", ["edited", "truncated", "of another seed", "link", "note"])
def test_a_damaged_part_is_made_again_and_named(sample, interrupted, damage, tmp_path):
    output, made = interrupted
    parts = output.with_name("sample.parquet.parts")
    part, note = parts / "signal_000000.npz", parts / "signal_000000.json"
    if damage == "edited":
        arrays = dict(np.load(part))
        np.savez(part, **{**arrays, "mjj": arrays["mjj"] + 1000.0})
    elif damage == "truncated":
        part.write_bytes(part.read_bytes()[:100])
    elif damage == "of another seed":
        note.write_text(note.read_text().replace('"request": "', '"request": "0'))
    elif damage == "link":
        part.rename(tmp_path / "elsewhere.npz")
        part.symlink_to(tmp_path / "elsewhere.npz")
    else:
        note.write_text("{")
    with pytest.warns(UserWarning, match=r"signal_000000\.json is damaged .* made again"):
        simulate_sample(output, SAMPLE, seed=SEED)
    assert "signal_000000" in made
    assert len(made) == 4, "the whole one is kept"
    pd.testing.assert_frame_equal(pd.read_parquet(sample), pd.read_parquet(output))


def test_a_damaged_note_of_the_request_is_said_and_the_parts_kept(sample, interrupted):
    output, made = interrupted
    (output.with_name("sample.parquet.parts") / "request.json").write_bytes(b"\xff[")
    with pytest.warns(UserWarning, match=r"request\.json is damaged"):
        simulate_sample(output, SAMPLE, seed=SEED)
    assert len(made) == 3
    pd.testing.assert_frame_equal(pd.read_parquet(sample), pd.read_parquet(output))


def test_parts_that_lead_elsewhere_or_are_in_use_are_refused(tmp_path):
    from bumphunt.locks import locked

    (tmp_path / "theirs").mkdir()
    (tmp_path / "a.parquet.parts").symlink_to(tmp_path / "theirs")
    with pytest.raises(InputError, match="move it away"):
        simulate_sample(tmp_path / "a.parquet", SAMPLE, seed=SEED)
    assert not list((tmp_path / "theirs").iterdir())
    (tmp_path / "b.parquet.parts").mkdir()
    with locked(tmp_path / "b.parquet.parts" / ".lock"), pytest.raises(InputError, match="in use by another process"):
        simulate_sample(tmp_path / "b.parquet", SAMPLE, seed=SEED)


def test_parts_of_another_request_are_refused(tmp_path, monkeypatch):
    output = tmp_path / "sample.parquet"

    def stop(block):
        raise KeyboardInterrupt

    monkeypatch.setattr(samples, "make_block", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate_sample(output, SAMPLE, seed=SEED)
    with pytest.raises(InputError, match="another request"):
        simulate_sample(output, SAMPLE, seed=5)
    (tmp_path / "b.parquet.parts").mkdir()
    (tmp_path / "b.parquet.parts" / "precious").touch()
    with pytest.raises(InputError, match="move it away"):
        simulate_sample(tmp_path / "b.parquet", SAMPLE, seed=SEED)


def test_raw_particles_give_the_same_table_and_blind_files_have_no_truth(sample, tmp_path):
    raw = simulate_sample(tmp_path / "box.h5", replace(SAMPLE, raw=True, hide_truth=True), seed=SEED)
    table, labelled = read_events(raw), read_events(sample)
    assert "label" not in table
    for column in ("mjj", "mj1", "tau21_1"):
        np.testing.assert_allclose(table[column], labelled[column], rtol=2e-4)
    truth = json.loads((tmp_path / "box_truth.json").read_text())
    assert truth["masses"] == [3500.0, 500.0, 100.0]
    assert (truth["n_signal"], truth["n_background"], truth["seed"]) == (15, 25, 4)
    assert truth["versions"]["pythia8mc"]


def test_hidden_truth_is_nowhere_in_the_file(tmp_path):
    box = simulate_sample(tmp_path / "box.parquet", replace(SAMPLE, background=3, signal=2, hide_truth=True), seed=SEED)
    assert "label" not in pd.read_parquet(box).columns
    assert b"masses" not in box.read_bytes()
    assert json.loads((tmp_path / "box_truth.json").read_text())["n_signal"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masses": None}, "no masses"),
        ({"masses": (3500.0, 3000.0, 600.0)}, "cannot be"),
        ({"masses": (3500.0, -1.0, 600.0)}, "positive"),
        ({"masses": (3500.0, 500.0, 5.0)}, "at least 20"),
        ({"masses": (1500.0, 500.0, 100.0)}, "at least 2100"),
        ({"masses": (12000.0, 500.0, 100.0)}, "at most 10000"),
        ({"prongs": 4}, "use 2 or 3"),
        ({"widths": (0.01, 0.5, 0.01)}, "up to 0.3"),
        ({"widths": (0.01, 0.0, 0.01)}, "above 0"),
        ({"widths": (0.01, float("nan"), 0.01)}, "above 0"),
        ({"background": -1}, "background is -1"),
        ({"background": 0, "signal": 0}, "both 0"),
        ({"block": 0}, "block is 0"),
    ],
)
def test_requests_that_cannot_be(change, message, tmp_path):
    with pytest.raises(InputError, match=message):
        simulate_sample(tmp_path / "s.parquet", replace(SAMPLE, **change), seed=SEED)
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="seed is -1"):
        simulate_sample(tmp_path / "s.parquet", SAMPLE, seed=-1)


def test_output_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        simulate_sample(tmp_path / "no" / "s.parquet", SAMPLE, seed=SEED)
    with pytest.raises(InputError, match="cannot write"):
        simulate_sample(tmp_path / "s.docx", SAMPLE, seed=SEED)


def test_unknown_pythia_setting():
    with pytest.raises(InputError, match="does not know"):
        generator(masses=None, seed=1, shower=("TimeShower:noSuchThing = 1",))


def test_without_pythia(monkeypatch):
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(MissingExtraError, match=r"bumphunt\[simulation\]"):
        generator(masses=None, seed=1)


def test_presets():
    assert set(PRESETS) == {"lhco-rnd", "blackbox-like", "empty-box", "shifted", "blackbox3-like"}
    assert PRESETS["empty-box"].signal == 0
    assert PRESETS["blackbox-like"].hide_truth
    assert PRESETS["shifted"].detector != PRESETS["blackbox-like"].detector


def test_rounding_keeps_13_bits():
    values = np.random.default_rng(0).lognormal(5, 2, 1000)
    rounded = round_mantissa(values)
    assert np.abs(rounded / values - 1).max() <= 2.0**-14 * 1.001
    assert (rounded.view(np.uint32) & 0x3FF == 0).all()
    assert round_mantissa([0.0]).tolist() == [0.0]


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not beside the project")
def test_simulation_resembles_the_official_events(tmp_path):
    from scipy.stats import ks_2samp

    real = np.load(DATA / "lhco_rnd_first10k_jets.npz")
    heavy, light = real["mj"].max(axis=1), real["mj"].min(axis=1)
    for label, counts in ((0, {"background": 500, "signal": 0}), (1, {"background": 0, "signal": 500})):
        sample = replace(SAMPLE, **counts, block=500)
        table = pd.read_parquet(simulate_sample(tmp_path / f"{label}.parquet", sample, seed=SEED))
        of = real["label"] == label
        for column, values in (("mjj", real["mjj"]), ("mj1", heavy), ("mj2", light)):
            # 0.1 is about the 1-in-1000 level of these counts; a detector without smearing gives 0.16
            assert ks_2samp(table[column], values[of]).statistic < 0.1, (label, column)
