"""Damage good inputs of every format in random ways: each is read, or refused in a line; nothing else may happen.

    python tests/fuzz/mutations.py --inputs 2000

A stage product, damaged or not, must come back as it was stored or not at all. What fails is kept in ``out/fuzz``.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from bumphunt.config import config_from_dict, default_yaml
from bumphunt.errors import InputError
from bumphunt.events import check_events
from bumphunt.jobs.ingest import read_events
from bumphunt.jobs.store import StageStore
from bumphunt.report.reading import read_results
from bumphunt.sources.counts import looks_like_counts, read_counts
from bumphunt.sources.tabular import write_table
from bumphunt.yaml_text import load_yaml_text

ROOT = Path(__file__).resolve().parents[2]
NASTY = [b"nan", b"-inf", b"1e999", b"9" * 5000, b"[" * 3000, b"{" * 3000, b"null", b"\xff\xfe", b"\0", b"-1", b"'",
         b"true", b"*a", b"&a", b"\x1b[2J", b"\n", b"\t", b",,", b": ", b"1_0", b"0x1", b"2001-99-99"]  # fmt: skip
REQUEST = {"seed": 1}
STORED = {"window.json": [{"z_local": 1.5, "note": ""}], "window.npz": {"score": np.linspace(0, 1, 20)}}


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


def good_inputs(folder):
    """Write one good input of each format; return reader and path of each."""
    folder.mkdir(parents=True, exist_ok=True)
    table = events()
    found = {}
    for suffix in ("parquet", "csv", "h5"):
        found[f"events.{suffix}"] = (read_events, write_table(table, folder / f"events.{suffix}"))
    found["features.h5"] = (read_events, _write_features_layout(folder / "features.h5"))
    from bumphunt.sources.lhco import SLOTS, RawChunk, write_raw

    particles = np.zeros((4, SLOTS, 3))
    particles[:, :30] = np.abs(np.random.default_rng(1).normal(50.0, 20.0, (4, 30, 1))) * [1.0, 0.01, 0.02]
    found["raw.h5"] = (read_events, write_raw(folder / "raw.h5", [RawChunk(particles=particles, label=None)]))
    try:
        import uproot

        with uproot.recreate(folder / "events.root") as file:
            file["events"] = {name: table[name].to_numpy() for name in table.columns}
        found["events.root"] = (read_events, folder / "events.root")
    except ImportError:
        pass
    edges = (3000.0 * 1.03 ** np.arange(15)).tolist()
    counts = {"edges": edges, "counts": [1000 - 60 * i for i in range(14)]}
    uhi = {
        "uhi_schema": 1,
        "axes": [{"type": "variable", "edges": edges, "underflow": True, "overflow": True, "circular": False}],
        "storage": {"type": "double", "values": [0, *counts["counts"], 0]},
    }
    for name, data in (("counts.json", counts), ("uhi.json", uhi)):
        (folder / name).write_text(json.dumps(data))
        found[name] = (_counts, folder / name)
    (folder / "config.yaml").write_text(default_yaml())
    (folder / "short.yaml").write_text("search: {low: 3000, windows: [[3000.0, 3500.0]]}\ncwola: {folds: 3}\n")
    found["config.yaml"] = (_config, folder / "config.yaml")
    found["short.yaml"] = (_config, folder / "short.yaml")
    return found


def _write_features_layout(path):
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


def _counts(path):
    looks_like_counts(path)
    read_counts(path)


def _config(path):
    config_from_dict(load_yaml_text(path.read_bytes().decode("utf-8", "replace"), name=path.name) or {})


def damaged(data, rng):
    """Return bytes after one to three random changes."""
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(0, len(data) + 1))
        size = int(rng.choice([1, 2, 8, 64, 1000]))
        kind = rng.integers(0, 7)
        if kind == 0:
            data = data[:place]
        elif kind == 1:
            data = data[:place] + rng.bytes(size) + data[place + size :]
        elif kind == 2:
            data = data[:place] + NASTY[rng.integers(len(NASTY))] + data[place:]
        elif kind == 3:
            data = data[:place] + data[place + size :]
        elif kind == 4:
            data = data[:place] + b"\0" * size + data[place + size :]
        elif kind == 5:
            data = data[:place] + data[max(place - size, 0) :]
        elif data:
            place = min(place, len(data) - 1)
            data = data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]
    return data


def _other_number(data, rng):
    """Put something else in the place of a number, which keeps a text readable."""
    places = list(re.finditer(rb"(?<![\w.])-?\d+(\.\d+)?", data))
    if not places:
        return data
    match = places[rng.integers(len(places))]
    return data[: match.start()] + NASTY[rng.integers(len(NASTY))] + data[match.end() :]


def _strange_column(n, rng):
    columns = [
        lambda: rng.choice([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, -1e-5], n),
        lambda: np.array(["word"] * n, dtype=object),
        lambda: rng.random(n) < 0.5,
        lambda: rng.random(n) + 1j,
        lambda: pd.Categorical(["a"] * n),
        lambda: pd.date_range("2020", periods=n),
        lambda: np.array([None] * n, dtype=object),
        lambda: np.array([[1, 2]] * n + [0], dtype=object)[:n],
        lambda: np.zeros(n, dtype=np.int64),
        lambda: np.full(n, 2**63, dtype=np.uint64),
        lambda: np.arange(n).astype("float16"),
        lambda: pd.array(([1, None] * n)[:n], dtype="Int64"),
    ]
    return columns[rng.integers(len(columns))]()


def strange_table(rng):
    """Return events with one to three strange columns."""
    table = events(50, seed=int(rng.integers(1000))).astype(object if rng.random() < 0.1 else float)
    for _ in range(rng.integers(1, 4)):
        name = str(rng.choice([*table.columns, "weight", "run", "event", "other"]))
        table[name] = _strange_column(len(table), rng)
        if rng.random() < 0.1:
            table = table.drop(columns=name)
        if rng.random() < 0.05:
            table = table.iloc[:0]
        if rng.random() < 0.05:
            table = pd.concat([table, table.iloc[:, :1]], axis=1)
    return table


class Fuzz:
    """Counts of what was read and refused, and what failed."""

    def __init__(self, work, seed, keep):
        self.work, self.rng, self.keep = work, np.random.default_rng(seed), keep
        self.counts, self.faults = Counter(), []
        self.inputs = good_inputs(work / "good")
        self.bytes = {name: path.read_bytes() for name, (_, path) in self.inputs.items()}

    def one(self, number):
        names = [*self.inputs, "table", "stages"]
        name = names[number % len(names)]
        if name == "table":
            table = strange_table(self.rng)
            self._try(name, number, lambda: check_events(table, name="table"), table.dtypes.to_string().encode())
        elif name == "stages":
            self._stage(number)
        else:
            reader, path = self.inputs[name]
            data = self.bytes[name]
            if path.suffix in (".json", ".yaml", ".csv") and self.rng.random() < 0.5:
                data = _other_number(data, self.rng)
            else:
                data = damaged(data, self.rng)
            target = self.work / f"damaged{path.suffix}"
            target.write_bytes(data)
            self._try(name, number, lambda: reader(target), data)

    def _stage(self, number):
        folder = self.work / f"stages_{number}"
        store = StageStore(folder, REQUEST, resume=False)
        store.save_json("window.json", STORED["window.json"])
        store.save_arrays("window.npz", STORED["window.npz"])
        name = ("window.json", "window.npz", "request.json")[self.rng.integers(3)]
        data = damaged((folder / "stages" / name).read_bytes(), self.rng)
        (folder / "stages" / name).write_bytes(data)

        def resume():
            again = StageStore(folder, REQUEST, resume=True)
            if again.has("window.json") and again.load_json("window.json") != STORED["window.json"]:
                raise AssertionError("a damaged stage was believed")
            if again.has("window.npz"):
                np.testing.assert_array_equal(again.load_arrays("window.npz")["score"], STORED["window.npz"]["score"])

        self._try(f"stages/{name}", number, resume, data)

    def report(self, folder, number):
        """Damage a finished result and read it as ``report`` does."""
        name = ("result.json", "products.json")[self.rng.integers(2)]
        data = (folder / name).read_bytes()
        damaged_bytes = _other_number(data, self.rng) if self.rng.random() < 0.5 else damaged(data, self.rng)
        (folder / name).write_bytes(damaged_bytes)
        self._try(name, number, lambda: read_results(folder), damaged_bytes)
        (folder / name).write_bytes(data)

    def _try(self, name, number, read, data):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read()
            self.counts[f"{name} read"] += 1
        except InputError as error:
            self.counts[f"{name} refused"] += 1
            if len(str(error)) > 20_000:
                self.faults.append(f"{name} {number}: a message of {len(str(error))} characters")
        except Exception:
            self.faults.append(f"{name} {number}: {traceback.format_exc(limit=-3)}")
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / f"{number}_{name.replace('/', '_')}").write_bytes(data)


def fuzz(inputs, *, work, seed=1, keep=ROOT / "out/fuzz", result=None):
    """Try ``inputs`` damaged inputs; return the counts and the faults."""
    tried = Fuzz(work, seed, keep)
    for number in range(inputs):
        if result is not None and number % 10 == 0:
            tried.report(result, number)
        else:
            tried.one(number)
    return tried.counts, tried.faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", type=Path, help="a copy of the output folder of a run, damaged as well")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz") as work:
        counts, faults = fuzz(options.inputs, work=Path(work), seed=options.seed, result=options.result)
    for name, count in sorted(counts.items()):
        print(f"{name:<32}{count}")  # noqa: T201
    for fault in faults:
        print(f"FAULT {fault}")  # noqa: T201
    print(f"{options.inputs} inputs in {time.monotonic() - begin:.0f} s, {len(faults)} faults")  # noqa: T201
    if options.json:
        git = subprocess.run(
            ["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        record = {
            "commit": git.stdout.strip(),
            "seed": options.seed,
            "command": " ".join(["python", "tests/fuzz/mutations.py", *sys.argv[1:]]),
            "config": {"inputs": options.inputs},
            "faults": len(faults),
            "counts": dict(sorted(counts.items())),
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
