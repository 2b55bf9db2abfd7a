"""Damage good inputs of every format in random ways: each is read, or refused in a line; nothing else may happen.

    python tests/fuzz/mutations.py --inputs 2500

A quarter goes through the verbs of the command line, the others through the readers. A stage product, damaged or not,
must come back as it was stored or not at all. What fails is kept in ``out/fuzz``.
"""

import argparse
import gzip
import json
import re
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from good_inputs import by_verb, events, finished_run, good_inputs, score

from bumphunt.errors import InputError
from bumphunt.events import check_events
from bumphunt.files import file_sha256
from bumphunt.jobs.store import StageStore
from bumphunt.report.reading import read_results

ROOT = Path(__file__).resolve().parents[2]
NASTY = [b"nan", b"-inf", b"1e999", b"9" * 5000, b"[" * 3000, b"{" * 3000, b"null", b"\xff\xfe", b"\0", b"-1", b"'",
         b"true", b"*a", b"&a", b"\x1b[2J", b"\n", b"\t", b",,", b": ", b"1_0", b"0x1", b"2001-99-99"]  # fmt: skip
REQUEST = {"seed": 1}
STORED = {"window.json": [{"z_local": 1.5, "note": ""}], "window.npz": {"score": np.linspace(0, 1, 20)}}


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


def _other_array(data, work, rng):
    """Put something else in the place of an array of an archive, whose checksums stay right."""
    path = work / "archive.npz"
    path.write_bytes(data)
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    name = str(rng.choice(sorted(arrays)))
    one = arrays.pop(name)
    changed = [
        lambda: None,
        lambda: one[..., :0] if one.ndim else np.zeros(0),
        lambda: one[:1] if one.ndim else np.array(""),
        lambda: one.astype(str),
        lambda: np.full(one.shape, np.nan),
        lambda: np.full(one.shape, 1e308),
        lambda: -1 * one if one.dtype.kind in "fi" else np.zeros(one.shape),
        lambda: one[np.newaxis],
        lambda: np.zeros(one.shape, complex),
    ][rng.integers(9)]()
    np.savez(path, **arrays, **({} if changed is None else {name: changed}))
    return path.read_bytes()


class Fuzz:
    """Counts of what was read and refused, and what failed."""

    def __init__(self, work, seed, keep, result=None):
        self.work, self.rng, self.keep = work, np.random.default_rng(seed), keep
        self.counts, self.faults = Counter(), []
        self.inputs = good_inputs(work / "good")
        self.bytes = {name: good.path.read_bytes() for name, good in self.inputs.items()}
        self.run, self.box = result or finished_run(work / "finished")

    def one(self, number):
        others = {"table": self._table, "stages": self._stage, "result": self._result, "models": self._models}
        names = [*self.inputs, *others]
        turn, name = number // len(names), names[number % len(names)]
        if name in others:
            others[name](number)
            return
        good, data = self.inputs[name], self._damaged(name)
        target = self.work / f"damaged{''.join(good.path.suffixes)}"
        target.write_bytes(data)
        if good.verb and turn % 4 == 3:
            words = [str(target) if word == "{}" else word for word in good.verb]
            self._try(f"{name} by {words[0]}", number, lambda: by_verb(words), data)
        else:
            self._try(name, number, lambda: good.read(target), data)

    def _damaged(self, name):
        data, rng, suffix = self.bytes[name], self.rng, self.inputs[name].path.suffix
        within = rng.random() < 0.5
        if within and suffix in (".json", ".yaml", ".csv"):
            return _other_number(data, rng)
        if within and suffix == ".gz":
            return gzip.compress(damaged(gzip.decompress(data), rng))
        if within and suffix == ".npz":
            return _other_array(data, self.work, rng)
        return damaged(data, rng)

    def _table(self, number):
        table = strange_table(self.rng)
        self._try("table", number, lambda: check_events(table, name="table"), table.dtypes.to_string().encode())

    def _models(self, number):
        """Damage a file of saved models; in half of the cases its checksum is made to fit."""
        folder = self.work / "models"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.run / "models", folder)
        names = sorted(path.name for path in folder.iterdir())
        name = names[self.rng.integers(len(names))]
        data, mark = (folder / name).read_bytes(), json.loads((folder / "models.json").read_text())
        if name == "models.json":
            data = _other_number(data, self.rng) if self.rng.random() < 0.5 else damaged(data, self.rng)
        elif name.endswith(".npz") and self.rng.random() < 0.5:
            data = _other_array(data, self.work, self.rng)
        else:
            data = damaged(data, self.rng)
        (folder / name).write_bytes(data)
        if name != "models.json" and self.rng.random() < 0.7:
            mark["files"][name] = file_sha256(folder / name)
            (folder / "models.json").write_text(json.dumps(mark))
        kind = f"models/{name}".replace("_000", "").replace("_00", "").replace("_01", "")
        if number % 4:
            self._try(kind, number, lambda: score(folder, self.box), data)
        else:
            words = ("score", self.box, "--models", folder, "--output", self.work / "scored.parquet")
            self._try(f"{kind} by score", number, lambda: by_verb(words), data)

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

    def _result(self, number):
        """Damage a finished result and read it as ``report`` does."""
        folder, name = self.run, ("result.json", "products.json")[self.rng.integers(2)]
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
    tried = Fuzz(work, seed, keep, result)
    for number in range(inputs):
        tried.one(number)
    return tried.counts, tried.faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz") as work:
        result = finished_run(Path(work) / "finished", signal=True)
        counts, faults = fuzz(options.inputs, work=Path(work), seed=options.seed, result=result)
    for name, count in sorted(counts.items()):
        print(f"{name:<40}{count}")  # noqa: T201
    for fault in faults:
        print(f"FAULT {fault}")  # noqa: T201
    print(f"{options.inputs} inputs in {time.monotonic() - begin:.0f} s, {len(faults)} faults")  # noqa: T201
    if options.json:
        sys.path.insert(0, str(ROOT / "analysis"))
        from origin import stamped

        found = {"faults": len(faults), "counts": dict(sorted(counts.items()))}
        record = stamped(found, seed=options.seed, config={"inputs": options.inputs})
        options.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
