"""One good input of each format, and what reads it: the library's own readers and the verbs of the command line."""

import gzip
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import AnalysisConfig, config_from_dict, default_yaml
from bumphunt.errors import InputError
from bumphunt.jobs.apply_models import score_with_models
from bumphunt.jobs.ingest import read_events
from bumphunt.jobs.looks import record_look, sentence
from bumphunt.jobs.own_calibration import load_searches
from bumphunt.jobs.plan import freeze, load_plan
from bumphunt.jobs.requests import RunOptions
from bumphunt.jobs.run import run_analysis
from bumphunt.jobs.single_stages import read_spectrum
from bumphunt.masses.responses import response_named
from bumphunt.sources.counts import looks_like_counts, read_counts
from bumphunt.sources.lhco import SLOTS, RawChunk, write_raw
from bumphunt.sources.luminosity import certified_rows
from bumphunt.sources.response_files import FORMAT as RESPONSE_FORMAT
from bumphunt.sources.tabular import write_table
from bumphunt.yaml_text import load_yaml_text

CONFIG = {
    "searches": ["cwola"],
    "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
    "cwola": {"folds": 2, "repeats": 1, "members": 1, "max_iter": 8},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}
MASSES = (3_200.0, 3_600.0, 4_000.0)


@dataclass(frozen=True)
class Good:
    """A file, the function that reads it, and the verb that does (a list of words, ``{}`` for the path) where cheap."""

    path: Path
    read: object
    verb: tuple = ()


def events(number=200, seed=0):
    rng = np.random.default_rng(seed)
    heavier = rng.lognormal(5.3, 0.4, number)
    return pd.DataFrame(
        {
            "mjj": 2_700.0 + rng.exponential(500.0, number),
            "mj1": heavier,
            "mj2": heavier * rng.beta(2.5, 2.5, number),
            "tau21_1": rng.random(number),
            "tau21_2": rng.random(number),
            "label": (rng.random(number) < 0.1).astype(np.int8),
        }
    )


def by_verb(words):
    """Give a command line; what it refuses in one line is an :class:`InputError`, all else but success a fault."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    said = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    if done.exit_code == 0:
        return
    if done.exit_code != 2 or len(said) != 1 or not said[0].startswith("bumphunt: "):
        raise AssertionError(f"exit status {done.exit_code}: {done.stderr[-2000:]}")
    raise InputError(said[0])


def good_inputs(folder):
    """Write one good input of each format; return them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    table = events()
    scan = ("scan", "{}", "--toys", 100, "--json")
    box = write_table(events(2_000, seed=3), folder / "box.parquet")
    run = ("run", box, "--output", folder / "out", "--dry-run")
    found = {}
    for suffix in ("parquet", "csv", "h5"):
        found[f"events.{suffix}"] = Good(write_table(table, folder / f"events.{suffix}"), read_events, scan)
    (folder / "events.csv.gz").write_bytes(gzip.compress((folder / "events.csv").read_bytes(), mtime=0))
    found["events.csv.gz"] = Good(folder / "events.csv.gz", read_events, scan)
    found["features.h5"] = Good(_features_layout(folder / "features.h5"), read_events, scan)
    found["aspen.h5"] = Good(_aspen_layout(folder / "aspen.h5"), read_events, scan)
    particles = np.zeros((4, SLOTS, 3))
    particles[:, :30] = np.abs(np.random.default_rng(1).normal(50.0, 20.0, (4, 30, 1))) * [1.0, 0.01, 0.02]
    raw = write_raw(folder / "raw.h5", [RawChunk(particles=particles, label=None)])
    found["raw.h5"] = Good(raw, read_events, scan)
    found |= _root_files(folder, table, scan)
    edges = (3000.0 * 1.03 ** np.arange(15)).tolist()
    counts = {"edges": edges, "counts": [1000 - 60 * i for i in range(14)]}
    uhi = {
        "uhi_schema": 1,
        "axes": [{"type": "variable", "edges": edges, "underflow": True, "overflow": True, "circular": False}],
        "storage": {"type": "double", "values": [0, *counts["counts"], 0]},
    }
    for name, data in (("counts.json", counts), ("uhi.json", uhi)):
        (folder / name).write_text(json.dumps(data))
        found[name] = Good(folder / name, _counts, scan)
    (folder / "config.yaml").write_text(default_yaml())
    (folder / "short.yaml").write_text("search: {low: 3000, windows: [[3000.0, 3500.0]]}\ncwola: {folds: 3}\n")
    for name in ("config.yaml", "short.yaml"):
        found[name] = Good(folder / name, _config, ("freeze", "{}", "--output", folder / "frozen.yaml"))
    plan = freeze(AnalysisConfig(), folder / "plan.yaml", seed=3)
    found["plan.yaml"] = Good(plan, load_plan, (*run, "--frozen", "{}"))
    (folder / "mask.json").write_text(json.dumps({"273158": [[1, 4], [7, 7]], "273302": [[30, 99]], "1": [[0, 99]]}))
    from_run = pd.DataFrame({"run": [273158, 273302, 1], "luminosityBlock": [2, 40, 5]})
    mask = ("run", folder / "aspen.h5", "--output", folder / "out", "--dry-run", "--luminosity-mask", "{}")
    found["mask.json"] = Good(
        folder / "mask.json", lambda path: certified_rows(from_run, path, name="x")[0].sum(), mask
    )
    ledger = folder / "looks.json"
    for number in range(3):
        _look(ledger, request=f"request {number}")
    found["looks.json"] = Good(ledger, lambda path: sentence(_look(path, request="new")))
    found["calibration.json"] = Good(
        _calibration(folder / "calibration.json"), load_searches, (*run, "--calibration", "{}")
    )
    found["response.npz"] = Good(_response(folder / "response.npz"), lambda path: response_named(str(path)))
    return found


def finished_run(folder, *, signal=False):
    """Make a small search with its models; return its folder and the events."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 12_000 if signal else 4_000
    rng = np.random.default_rng(5)
    heavier = rng.lognormal(5.3, 0.4, number)
    box = pd.DataFrame({"mjj": 2_700.0 + rng.exponential(600.0, number), "mj1": heavier})
    box["mj2"] = heavier * rng.beta(2.5, 2.5, number)
    box["tau21_1"], box["tau21_2"] = rng.beta(5.0, 5.2, number), rng.beta(7.0, 4.5, number)
    if signal:
        few = 150
        box.loc[: few - 1, "mjj"] = rng.normal(3_500.0, 90.0, few)
        box.loc[: few - 1, "mj1"], box.loc[: few - 1, "mj2"] = rng.normal(500.0, 25.0, few), rng.normal(104.0, 8.0, few)
        box.loc[: few - 1, ["tau21_1", "tau21_2"]] = rng.beta(3.0, 12.0, (few, 2))
    path = write_table(box, folder / "box.parquet")
    with mock.patch("bumphunt.report.html.write_report"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_analysis(path, output=folder / "run", config=config_from_dict(CONFIG), options=RunOptions(save_models=True))
    return folder / "run", path


def score(folder, box):
    """Apply saved models to events."""
    return score_with_models(box, models=folder)


def _look(path, *, request):
    answers = SimpleNamespace(status="none", z_global=1.25)
    return record_look(path, events="these events", request=request, seed=1, answers=answers)


def _calibration(path):
    rows = [
        [number, low, 1.15 * low, 0.01, 900.0 + number, z]
        for number, zs in enumerate(np.random.default_rng(2).normal(size=(12, 2)))
        for low, z in zip((3_000.0, 3_500.0), zs, strict=True)
    ]
    from bumphunt.calibration.whole_searches import whole_searches

    searches = whole_searches(
        {kind: [np.array(rows)] for kind in ("permuted", "smooth")},
        config=config_from_dict(CONFIG),
        features=("mj1", "mj2"),
        n_events=2_000.0,
        seed=1,
    )
    path.write_text(json.dumps({"searches": searches.to_dict()}), "utf-8")
    load_searches(path)
    return path


def _response(path):
    """Write a response of the shipped signal at a few masses."""
    from bumphunt.masses.acceptance import draw_signal
    from bumphunt.masses.own_signal import response_content
    from bumphunt.masses.response import signal_model
    from bumphunt.masses.signal_table import load_signal

    points = [(m, x * m, y * m) for m in MASSES for x, y in ((0.10, 0.05), (0.14, 0.04), (0.18, 0.09))]
    samples = {
        masses: draw_signal(signal_model(load_signal(), masses), 300, rng=np.random.default_rng(number)).table(masses)
        for number, masses in enumerate(points)
    }
    content, _ = response_content(samples, made_by="a test")
    assert str(content["format"]) == RESPONSE_FORMAT
    np.savez_compressed(path, **content)
    response_named(str(path))
    return path


def _jets(number):
    rng = np.random.default_rng(6)
    total = int(number.sum())
    ranges = {"pt": (900, 1500), "eta": (-1, 1), "phi": (-3, 3), "mass": (50, 300), "msoftdrop": (30, 200),
              "tau1": (0.3, 0.5), "tau2": (0.1, 0.3), "tau3": (0.0, 0.1)}  # fmt: skip
    return {name: rng.uniform(*ends, total) for name, ends in ranges.items()}


def _aspen_layout(path):
    import h5py

    number = np.full(40, 2)
    jets, event = _jets(number), np.repeat(np.arange(40), 2)
    with h5py.File(path, "w") as file:
        file["event_info"] = np.column_stack([np.where(event < 20, 273158, 273302), event, event])
        file["jet_kinematics"] = np.column_stack([jets[name] for name in ("pt", "eta", "phi", "msoftdrop")])
        tagging = np.zeros((len(event), 13))
        tagging[:, 1:4] = np.column_stack([jets[name] for name in ("tau1", "tau2", "tau3")])
        file["jet_tagging"] = tagging
    return path


def _features_layout(path):
    import h5py

    jets = [f"{name}j{jet}" for jet in (1, 2) for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")]
    values = np.random.default_rng(5).uniform(0.1, 1.0, (20, 15))
    values[:, [0, 7]] *= [1500.0, -1500.0]
    values[:, [3, 10]] *= 300.0
    values[:, 14] = 0.0
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group["block0_items"] = group["axis0"] = np.array([*jets, "label"], dtype="S")
        group["block0_values"] = values
    return path


def _root_files(folder, table, scan):
    """Write a tree, an RNTuple, NanoAOD and a histogram; nothing without the libraries for them."""
    try:
        import awkward as ak
        import uproot
    except ImportError:
        return {}
    columns = {name: table[name].to_numpy() for name in table.columns}
    types = {name: values.dtype for name, values in columns.items()}
    for name, make in (("events.root", "mktree"), ("ntuple.root", "mkrntuple")):
        with uproot.recreate(folder / name) as file:
            getattr(file, make)("events", types).extend(columns)
    with uproot.recreate(folder / "nano.root") as file:
        number = np.resize([2, 3, 1], 40)
        jets = ak.zip({name: ak.unflatten(values, number) for name, values in _jets(number).items()})
        flat = {"run": np.full(40, 273158, np.uint32), "luminosityBlock": np.arange(40, dtype=np.uint32),
                "event": np.arange(40, dtype=np.uint64)}  # fmt: skip
        kinds = {"FatJet": ak.type(jets).content} | {name: values.dtype for name, values in flat.items()}
        file.mktree("Events", kinds).extend({"FatJet": jets, **flat})
    with uproot.recreate(folder / "histogram.root") as file:
        file["mjj"] = (1000.0 * 0.8 ** np.arange(14), 3000.0 * 1.03 ** np.arange(15))
    trees = ("events.root", "ntuple.root", "nano.root")
    return {name: Good(folder / name, read_events, scan) for name in trees} | {
        "histogram.root": Good(folder / "histogram.root", read_spectrum, scan)
    }


def _counts(path):
    looks_like_counts(path)
    read_counts(path)


def _config(path):
    config_from_dict(load_yaml_text(path.read_bytes().decode("utf-8", "replace"), name=path.name) or {})
