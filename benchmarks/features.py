"""Raw particles to jet observables: `bumphunt features` against the usual loop over events.

    python benchmarks/features.py --json features.json

The loop is what one writes first: PseudoJets event by event, fastjet's Python classes, N-subjettiness
jet by jet. Both must give the same numbers before anything is timed. Every timing is a process of its
own, single-threaded as both ways are by default, with imports and a first small file left out of the
time but counted in the memory.
"""

import argparse
import json
import logging
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from stamp import stamped

import bumphunt
from bumphunt.events import FEATURES
from bumphunt.features.substructure import AXES, BETA, MEASURE, OFFSET
from bumphunt.jobs.ingest import read_events, write_features
from bumphunt.sources.lhco import RawChunk, count_raw, iter_raw, write_raw

OFFICIAL = Path(__file__).resolve().parents[1] / "../shared/data/lhco_rnd_tiny.h5"
COLUMNS = ("mjj", *FEATURES)
RTOL, ATOL = 1e-6, 1e-6  # mass drops of light subjets are differences of large numbers


def usual_loop(path: Path) -> pd.DataFrame:
    """Return the observables of every event, one event after the other."""
    import fastjet
    import h5py
    import hdf5plugin  # noqa: F401  (registers the blosc filter)

    antikt = fastjet.JetDefinition(fastjet.antikt_algorithm, 1.0)
    cambridge = fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0)
    with h5py.File(path) as file:
        values = file["df/block0_values"][:]
    rows = []
    for event in values:
        particles = event[:2100].reshape(700, 3)
        pt, eta, phi = particles[particles[:, 0] > 0].T
        momenta = np.column_stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
        pseudojets = [fastjet.PseudoJet(*momentum) for momentum in momenta.tolist()]
        sequence = fastjet.ClusterSequence(pseudojets, antikt)
        leading = fastjet.sorted_by_pt(sequence.inclusive_jets())[:2]
        jets = [one_jet(list(jet.constituents()), jet, cambridge) for jet in leading]
        jets += [{"mj": 0.0, "tau21": 0.0, "tau32": 0.0, "massdrop": 1.0}] * (2 - len(jets))
        if jets[1]["mj"] > jets[0]["mj"]:
            jets.reverse()
        total = sum((jet for jet in leading[1:]), leading[0]) if leading else fastjet.PseudoJet(0, 0, 0, 0)
        row = {"mjj": max(total.m(), 0.0)}
        for slot, jet in enumerate(jets, start=1):
            row |= {f"mj{slot}": jet["mj"], **{f"{name}_{slot}": jet[name] for name in ("tau21", "tau32", "massdrop")}}
        rows.append(row)
    return pd.DataFrame(rows)


def one_jet(constituents: list, jet: object, cambridge: object) -> dict[str, float]:
    import awkward as ak
    import fastjet

    mass = max(jet.m(), 0.0)
    if len(constituents) < 2:
        return {"mj": mass, "tau21": 0.0, "tau32": 0.0, "massdrop": 1.0}
    sequence = fastjet.ClusterSequence(constituents, cambridge)
    heavier = max(max(subjet.m(), 0.0) for subjet in sequence.exclusive_jets(2))
    momenta = {name: [[getattr(one, name)() for one in constituents]] for name in ("px", "py", "pz", "E")}
    # the wheel has N-subjettiness for arrays only
    arrays = fastjet.ClusterSequence(ak.zip(momenta, with_name="Momentum4D"), cambridge)
    tau = arrays.njettiness(measure_definition=MEASURE, axes_definition=AXES, njets=[1, 2, 3], beta=BETA, R0=1.0)
    tau = [value if len(constituents) > number else 0.0 for number, value in enumerate(np.asarray(tau)[0], start=1)]
    return {
        "mj": mass,
        "tau21": tau[1] / (tau[0] + OFFSET),
        "tau32": tau[2] / (tau[1] + OFFSET),
        "massdrop": min(heavier / mass, 1.0) if mass > 1e-6 else 1.0,
    }


def package(path: Path) -> None:
    """Do what `bumphunt features` does."""
    with tempfile.TemporaryDirectory() as folder:
        write_features(path, Path(folder) / "events.parquet")


WAYS: dict[str, Callable[[Path], object]] = {"usual loop": usual_loop, "bumphunt features": package}


def measure(way: str, path: Path, warm_up: Path, repeats: int) -> None:
    """Time one way in this process; the last line printed is the answer, as fastjet prints a banner."""
    warnings.simplefilter("ignore")
    WAYS[way](warm_up)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        WAYS[way](path)
        seconds.append(time.perf_counter() - start)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    print(json.dumps({"seconds": min(seconds), "peak_mb": kilobytes / 1000}))


def measured(way: str, path: Path, warm_up: Path, repeats: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--measure", way, str(path), str(warm_up), "--repeats", str(repeats)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **threads})
    found = json.loads(done.stdout.splitlines()[-1])
    events = count_raw(path)
    return {"way": way, "events": events, **found, "events_per_second": events / found["seconds"]}


def events_of(source: Path, number: int) -> Iterator[RawChunk]:
    """Yield as many events as asked for, from the beginning again where the file ends."""
    while number > 0:
        for chunk in iter_raw(source, chunk=500):
            taken = min(number, len(chunk.particles))
            if taken:
                label = None if chunk.label is None else chunk.label[:taken]
                yield RawChunk(particles=chunk.particles[:taken], label=label)
            number -= taken


def agree(path: Path) -> dict[str, float]:
    """Return the largest relative difference of every column; end the run if one is not zero by rounding."""
    ours, theirs = read_events(path), usual_loop(path)
    worst = {}
    for column in COLUMNS:
        a, b = ours[column].to_numpy(), theirs[column].to_numpy()
        worst[column] = float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1e-3)))
        if not np.allclose(a, b, rtol=RTOL, atol=ATOL):
            event = int(np.argmax(np.abs(a - b) - RTOL * np.abs(b)))
            sys.exit(f"{column} differs in event {event}: {a[event]:.9g} and {b[event]:.9g}; nothing is timed")
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, help="raw file; the official events if beside the project, or simulated")
    parser.add_argument("--events", type=int, default=1000, help="events for the comparison")
    parser.add_argument("--stream", type=int, default=10000, help="events of the shorter file for the memory")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest of so many runs counts")
    parser.add_argument("--json", type=Path, help="write the result there, too")
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "FILE", "WARM_UP"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    if arguments.measure:
        way, path, warm_up = arguments.measure
        measure(way, Path(path), Path(warm_up), arguments.repeats)
        return

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = arguments.input or (OFFICIAL if OFFICIAL.exists() else folder / "simulated.h5")
        if not source.exists():
            bumphunt.simulation.simulate_sample(source, bumphunt.simulation.Sample(background=500, raw=True), seed=1)
        files = {
            number: write_raw(folder / f"{number}.h5", events_of(source, number))
            for number in (100, arguments.events, arguments.stream, 4 * arguments.stream)
        }
        worst = agree(files[arguments.events])
        largest = max(worst.values())
        print(f"{source.name}, {arguments.events} events: same numbers, largest relative difference {largest:.1g}")
        plan = [(way, arguments.events, arguments.repeats) for way in WAYS]
        plan += [("bumphunt features", factor * arguments.stream, 1) for factor in (1, 4)]
        print(f"{'':18} {'events':>8} {'seconds':>8} {'events/s':>9} {'peak MB':>8}")
        rows = []
        for way, number, repeats in plan:
            row = measured(way, files[number], files[100], repeats)
            rows.append(row)
            print(
                f"{way:18} {number:8d} {row['seconds']:8.2f} {row['events_per_second']:9.0f} {row['peak_mb']:8.0f}",
                flush=True,
            )
    speed = rows[1]["events_per_second"] / rows[0]["events_per_second"]
    growth = rows[3]["peak_mb"] / rows[2]["peak_mb"]
    print(f"{speed:.1f} times as fast as the loop; a file 4 times as long needs {growth:.2f} times the memory")
    if arguments.json:
        result = {
            "input": source.name,
            "largest_relative_difference": worst,
            "rows": rows,
            "times_as_fast": speed,
            "memory_at_4_times_the_length": growth,
            "python": platform.python_version(),
            "bumphunt": bumphunt.__version__,
            "cores": os.cpu_count(),
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(stamped(result, seed=1), indent=1) + "\n")


if __name__ == "__main__":
    main()
