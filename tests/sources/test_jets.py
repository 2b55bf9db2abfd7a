"""Jets of CMS: NanoAOD and Aspen Open Jets, paired by event; luminosity masks."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.execution import Workers
from bumphunt.jobs import pairing
from bumphunt.jobs.ingest import ingest_events, read_events, write_features
from bumphunt.jobs.intake import take_in
from bumphunt.jobs.requests import RunOptions
from bumphunt.sources.recognition import Kind, identify

EVENTS = 40


def jets(seed=0):
    """Return lists of jets of each event: two or three, one in events 5 and 9, none in event 12."""
    rng = np.random.default_rng(seed)
    number = rng.integers(2, 4, EVENTS)
    number[[5, 9]], number[12] = 1, 0
    total = int(number.sum())
    flat = {
        "pt": rng.uniform(900, 1500, total),
        "eta": rng.uniform(-1, 1, total),
        "phi": rng.uniform(-3, 3, total),
        "mass": rng.uniform(50, 300, total),
        "msoftdrop": rng.uniform(30, 200, total),
        "tau1": rng.uniform(0.3, 0.5, total),
        "tau2": rng.uniform(0.1, 0.3, total),
        "tau3": rng.uniform(0.0, 0.1, total),
    }
    return number, flat


def expected(number, flat, mass="mass"):
    """Return (mjj, mj1, tau21_1, event) of each pair, one event after the other with four-vectors."""
    rows = []
    start = np.cumsum(number) - number
    for event in range(EVENTS):
        if number[event] < 2:
            continue
        here = np.arange(start[event], start[event] + number[event])
        pair = here[np.argsort(-flat["pt"][here])[:2]]
        total = np.zeros(4)
        for jet in pair:
            pt, eta, phi, m = (flat[name][jet] for name in ("pt", "eta", "phi", mass))
            p = np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
            total += [np.sqrt(p @ p + m * m), *p]
        heavy = pair[np.argmax(flat["msoftdrop"][pair])]
        ratio = flat["tau2"][heavy] / (flat["tau1"][heavy] + 1e-5)
        rows.append((np.sqrt(total[0] ** 2 - total[1:] @ total[1:]), flat["msoftdrop"][heavy], ratio, event))
    return np.array(rows)


@pytest.fixture
def nano(tmp_path):
    uproot = pytest.importorskip("uproot", reason="the extra 'root' is not installed")
    import awkward as ak

    number, flat = jets()
    with uproot.recreate(tmp_path / "nano.root") as file:
        columns = {
            "FatJet": ak.zip({name: ak.unflatten(values, number) for name, values in flat.items()}),
            "run": np.repeat([273158, 273302], EVENTS // 2).astype(np.uint32),
            "luminosityBlock": np.arange(EVENTS, dtype=np.uint32),
            "event": np.arange(EVENTS, dtype=np.uint64),
        }
        file.mktree(
            "Events",
            {name: ak.type(values).content if name == "FatJet" else values.dtype for name, values in columns.items()},
        ).extend(columns)
    return tmp_path / "nano.root"


@pytest.fixture
def aspen(tmp_path):
    number, flat = jets()
    event = np.repeat(np.arange(EVENTS), number)
    shuffled = np.random.default_rng(2).permutation(len(event))  # jets of an event are not neighbours
    with h5py.File(tmp_path / "aspen.h5", "w") as file:
        run = np.where(event < EVENTS // 2, 273158, 273302)
        file["event_info"] = np.column_stack([run, event, event])[shuffled]
        file["jet_kinematics"] = np.column_stack([flat[name] for name in ("pt", "eta", "phi", "msoftdrop")])[shuffled]
        tagging = np.zeros((len(event), 13))
        tagging[:, 1:4] = np.column_stack([flat[name] for name in ("tau1", "tau2", "tau3")])
        file["jet_tagging"] = tagging[shuffled]
        file["PFCands"] = np.zeros((len(event), 2, 11), dtype=np.float32)
    return tmp_path / "aspen.h5"


def test_nanoaod(nano):
    assert identify(nano) is Kind.NANOAOD
    events, quality, _ = ingest_events(nano)
    found = events[["mjj", "mj1", "tau21_1", "event"]].to_numpy()
    np.testing.assert_allclose(found, expected(*jets()), rtol=1e-6)
    assert quality.dropped == 3
    assert "3 of 40 events have fewer than two large-radius jets and are dropped" in str(quality)
    assert (events["mj1"] >= events["mj2"]).all()


def test_aspen_open_jets(aspen):
    assert identify(aspen) is Kind.ASPEN_JETS
    events, quality, _ = ingest_events(aspen)
    found = events.sort_values("event")[["mjj", "mj1", "tau21_1", "event"]].to_numpy()
    np.testing.assert_allclose(found, expected(*jets(), mass="msoftdrop"), rtol=1e-6)
    assert quality.dropped == 2  # an event without jets is not in the file
    assert "masses are those after soft drop" in str(quality)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of soft drop and of events left out
@pytest.mark.parametrize("layout", ["nano", "aspen"])
def test_features_of_jets_do_not_depend_on_workers_and_parts(layout, request, tmp_path, monkeypatch):
    first = request.getfixturevalue(layout)
    second = first.with_name(f"other{first.suffix}")
    second.write_bytes(first.read_bytes())
    shares = []
    share_out = Workers.map

    def counted(self, function, tasks):
        shares.append((self.number, len(tasks)))
        return share_out(self, function, tasks)

    monkeypatch.setattr(Workers, "map", counted)
    written = {}
    for workers, part in ((1, 1 << 17), (1, 7), (2, 7)):
        monkeypatch.setattr(pairing, "PART", part)
        path = write_features([first, second], tmp_path / f"{workers}_{part}.parquet", workers=workers)
        written[workers, part] = pd.read_parquet(path)
        assert len(written[workers, part]) == 2 * (EVENTS - 3)
        pd.testing.assert_frame_equal(written[workers, part], written[1, 1 << 17], check_exact=True)
    parts = {"nano": 2 * 6, "aspen": 2}[layout]
    assert shares == [(1, 2), (1, parts), (2, parts)]


def test_jets_of_nanoaod_are_in_memory_a_part_at_a_time(nano, monkeypatch):
    sizes = []
    pair = pairing.dijets_of_jets
    monkeypatch.setattr(pairing, "PART", 7)
    monkeypatch.setattr(pairing, "dijets_of_jets", lambda jets: sizes.append(jets["row"].nunique()) or pair(jets))
    ingest_events(nano)
    assert len(sizes) == 6
    assert max(sizes) <= 7
    assert sum(sizes) == EVENTS - 1  # one has no jet


@pytest.mark.parametrize("layout", ["nano", "aspen"])
def test_only_certified_luminosity_blocks(layout, request, tmp_path):
    path = request.getfixturevalue(layout)
    mask = tmp_path / "mask.json"
    mask.write_text(json.dumps({"273158": [[2, 4], [7, 7]], "273302": [[30, 99]], "1": [[0, 99]]}))
    events, quality, _ = ingest_events(path, luminosity_mask=mask)
    assert "in no certified luminosity block and are dropped" in str(quality)
    assert sorted(events["event"]) == [2, 3, 4, 7, *range(30, 40)]


def test_a_table_in_memory_is_certified_as_a_file_is(make_events, tmp_path):
    table = make_events(3_000, label=False).assign(run=[1, 2, 3] * 1_000, luminosityBlock=range(3_000))
    mask = tmp_path / "mask.json"
    mask.write_text(json.dumps({"1": [[0, 999]], "3": [[0, 2999]]}))
    table.to_parquet(tmp_path / "box.parquet")
    taken = {}
    for kind, events in {"table": table, "file": tmp_path / "box.parquet"}.items():
        with pytest.warns(UserWarning, match=r"1666 of 3000 events are in no certified luminosity block"):
            taken[kind] = take_in(events, AnalysisConfig(), options=RunOptions(luminosity_mask=mask))
    expected = table[(table["run"] == 3) | ((table["run"] == 1) & (table["luminosityBlock"] < 1_000))]
    np.testing.assert_array_equal(taken["table"].events["mjj"], expected["mjj"])
    np.testing.assert_array_equal(taken["file"].events["mjj"], expected["mjj"])
    masses = taken["table"].per_row(taken["table"].events["mjj"].to_numpy())
    pd.testing.assert_series_equal(masses.dropna(), expected["mjj"], check_names=False)
    assert len(masses) == 3_000
    mask.write_text('{"9": [[0, 5]]}')
    for events in (table, tmp_path / "box.parquet"):
        with pytest.raises(InputError, match="of none of 3000 events"):
            take_in(events, AnalysisConfig(), options=RunOptions(luminosity_mask=mask))


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"a": []}', '{"1": [[1]]}', '{"1": [["a", 2]]}', "[" * 100_000])
def test_what_is_no_luminosity_mask(nano, tmp_path, text):
    (tmp_path / "mask.json").write_text(text)
    with pytest.raises(InputError, match="is no luminosity mask"):
        read_events(nano, luminosity_mask=tmp_path / "mask.json")


def test_jets_that_grooming_left_nothing_of_have_no_mass(aspen):
    with h5py.File(aspen, "a") as file:
        file["jet_kinematics"][:, 3] = np.where(np.arange(len(file["event_info"])) % 2, -1.0, 100.0)
    events = ingest_events(aspen).table
    assert set(events["mj2"]) <= {0.0, 100.0}
    assert 0.0 in set(events["mj2"])


@pytest.mark.filterwarnings("ignore:.*soft drop", "ignore:.*fewer than two")
def test_jets_are_written_as_an_event_table(aspen, tmp_path):
    output = write_features(aspen, tmp_path / "events.parquet")
    assert len(read_events(output)) == EVENTS - 3


def test_a_file_of_another_shape(aspen):
    with h5py.File(aspen, "a") as file:
        del file["jet_tagging"]
        file["jet_tagging"] = np.ones((3, 13))
    with pytest.raises(InputError, match="'jet_tagging' has 3 rows"):
        read_events(aspen)


def test_the_nanoaod_file_of_scikit_hep():
    data = pytest.importorskip("skhep_testdata", reason="scikit-hep-testdata is not installed")
    pytest.importorskip("uproot", reason="the extra 'root' is not installed")
    name = "nanoAOD_2015_CMS_Open_Data_ttbar.root"
    path = Path(data.__file__).parent / "data" / name
    if not path.is_file():
        pytest.skip(f"{name} is not shipped with scikit-hep-testdata, and nothing is downloaded")
    assert len(read_events(path)) > 0
