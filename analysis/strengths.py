"""Strong, weak and several signals: whether the answers are right, and whether the checks say so.

    python analysis/strengths.py

One box each with 20, 10, 1 and 0.3 % of signal at (3500, 500, 100) GeV over background, and one with two resonances,
the other at (4500, 400, 250) GeV, at default settings without networks and limit. One line a box in
``analysis/results/strengths.jsonl``.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from nulls import pool
from power import QUANTITIES, signal_file

import bumphunt
from bumphunt.config import config_from_dict
from bumphunt.results import Answers

FIRST, SECOND = (3500.0, 500.0, 100.0), (4500.0, 400.0, 250.0)
CONFIG = {"vae": {"enabled": False}, "autoencoder": {"enabled": False}, "limit": {"enabled": False}}
SETS = {
    # background and signal events
    "20 %": (20_000, {FIRST: 4_000}),
    "10 %": (20_000, {FIRST: 2_000}),
    "1 %": (100_000, {FIRST: 1_000}),
    "0.3 %": (100_000, {FIRST: 300}),
    "two": (100_000, {FIRST: 300, SECOND: 250}),
}


def claim(answers: Answers) -> dict[str, Any]:
    """Return one claim in a line."""
    found = {name: getattr(answers, name) for name in QUANTITIES}
    intervals = {
        name: None if each is None else [round(x, 2) for x in (each.low, each.value, each.high)]
        for name, each in found.items()
    }
    return {
        "status": answers.status,
        "z_local": round(answers.z_local, 3),
        "z_global": round(answers.z_global, 3),
        **intervals,
    }


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Hunt in one box; its events depend on its set and number alone."""
    background, signals = SETS[task["set"]]
    rng = np.random.default_rng([20_264, list(SETS).index(task["set"]), task["number"]])
    everything = pool(task["_at"] / "pool.parquet")
    parts = [everything.iloc[rng.choice(len(everything), size=background, replace=False)]]
    for masses, number in signals.items():
        events = bumphunt.events.drop_truth(bumphunt.read_events(signal_file(task["_at"], masses, 2)))
        parts.append(events.iloc[rng.choice(len(events), size=number, replace=False)])
    box = pd.concat(parts, ignore_index=True)
    found = bumphunt.hunt(box, config=CONFIG, seed=1)
    stages = found.result.stages
    return {
        "n": len(box),
        "injected": [[*masses, number] for masses, number in signals.items()],
        "claims": [claim(each) for each in (found.answers, *found.result.signals)],
        "checks": {check.name: [check.passed, round(check.value, 4)] for check in found.checks},
        "rest": {name: value for name, value in stages["further_signals"].items() if name != "searches"},
        "seconds": {name: round(stage["seconds"], 1) for name, stage in stages.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--boxes", type=int, default=1, help="boxes of each set in all, with those there are")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "strengths.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    origin = boxes.stamp(config_from_dict(CONFIG), seed=1)
    tasks = [
        {"set": name, "number": number, "_at": arguments.scratch}
        for name in arguments.sets
        for number in range(arguments.boxes)
    ]
    boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    for line in boxes.read(arguments.result):
        failed = [name for name, (passed, _) in line["checks"].items() if not passed]
        print(line["set"], line["injected"], *line["claims"], "failed:", failed, sep="\n    ")


if __name__ == "__main__":
    main()
