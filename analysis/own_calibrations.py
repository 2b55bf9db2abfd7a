"""What a calibration on a file's own events says of the prior-assisted search; one line a file.

    python analysis/own_calibrations.py --files "none 20000" "none 100000" "signal 119" --searches 10

Pseudo-data of either kind (``run --calibration N``) are made of simulated background without signal, disturbed as in
``analysis/prior_nulls.py``, or with signal of (3823, 732, 378) GeV in 100 thousand events. ``z`` is the significance by
permutations of the file itself, ``permuted`` and ``smooth`` those of its pseudo-data. Labels make the files; no search
sees them.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import boxes
import numpy as np
from background_pool import background_pool
from nulls import pool
from power import signal_file
from prior_nulls import DISTURBED

import bumphunt
from bumphunt.calibration.pseudo_data import with_signal
from bumphunt.calibration.whole_searches import KINDS, null_searches, run_null_search
from bumphunt.events import BlindEvents
from bumphunt.pipeline.prior_answer import permuted_significance
from bumphunt.pipeline.prior_null import calibrated, null_of_searches
from bumphunt.pipeline.search import prepare_search

CONFIG = bumphunt.AnalysisConfig()
SIGNAL = (3823.0, 732.0, 378.0)
SIZE = 100_000
"""Events in a file, unless its name says another number."""


def make_file(task: dict[str, Any]) -> BlindEvents:
    """Return the events of a file: ``none SIZE``, ``signal EVENTS`` or ``follow``, ``feature``, ``hump``."""
    kind, *numbers = task["set"].split()
    size = int(numbers[0]) if kind == "none" else SIZE
    everything = pool(task["_pool"])
    rng = np.random.default_rng([20_263, size, task["number"]])
    box = BlindEvents(everything.iloc[rng.choice(len(everything), size=size, replace=False)].reset_index(drop=True))
    if kind == "signal":
        made = bumphunt.events.drop_truth(bumphunt.read_events(signal_file(task["_pool"].parent, SIGNAL, 2)))
        return with_signal(box, made, number=int(numbers[0]), rng=rng)
    return box if kind == "none" else BlindEvents(DISTURBED[kind](box, rng).reset_index(drop=True))


def calibrate_file(task: dict[str, Any]) -> dict[str, Any]:
    """Search a file, and so many sets of its pseudo-data of either kind."""
    search = prepare_search(make_file(task), CONFIG, task["number"])
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    begun = time.process_time()
    z = permuted_significance(search)
    once = time.process_time() - begun
    tasks = [each for each in null_searches(search, number=task["searches"], seed=1) if each.by == "prior"]
    for each in tasks:
        found[each.kind].append(float(run_null_search(each)[0]))
    own = null_of_searches({kind: np.array(values) for kind, values in found.items()})
    return {
        "n_searched": len(search.mjj),
        "z": round(z, 3),
        "z_calibrated": None if own is None else round(calibrated(z, own), 3),
        **{kind: [round(value, 3) for value in values] for kind, values in found.items()},
        "seconds": round(once, 1),
        "seconds_repeated": round((time.process_time() - begun - once) / len(tasks), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", nargs="+", default=["none 20000", "none 100000", "signal 119"])
    parser.add_argument("--number", type=int, nargs="+", default=[0], help="numbers of the files of each kind")
    parser.add_argument("--searches", type=int, default=10, help="of each kind of pseudo-data")
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "own_calibrations.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.pool)
    for number in arguments.number:
        for name in arguments.files:
            task = {"set": name, "number": number, "searches": arguments.searches, "_pool": arguments.pool}
            boxes.grow(arguments.result, calibrate_file, [task], origin=boxes.stamp(CONFIG, seed=20_263))
    for line in boxes.read(arguments.result):
        widths = [
            f"{kind} {np.mean(line[kind]):+.2f} ± {np.std(line[kind], ddof=1):.2f} (largest {max(line[kind]):.1f})"
            for kind in KINDS
        ]
        print(f"{line['set']}: {line['z']:.1f} -> {line['z_calibrated']}; {', '.join(widths)}")


if __name__ == "__main__":
    main()
