"""How much lower is the limit on a signal model after selection than the inclusive one, in large boxes? A line a box.

    python analysis/limit_gain.py --boxes 2

Boxes of 300 thousand events without signal are drawn from the 1.3 million background events of the shipped samples;
`bumphunt.limits` sets the limit on simulated signal at the default settings, by both searches, in the one window that
holds most of it.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import power
from background_pool import background_pool

import bumphunt
from bumphunt.results import MethodLimit

SIZE = 300_000
MODELS = {
    "3500/500/100": (3500.0, 500.0, 100.0),
    "3823/732/378": (3823.0, 732.0, 378.0),
    "4200/350/350": (4200.0, 350.0, 350.0),
}


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Set the limit in one box; its events depend on its number alone."""
    pool = power._blind(background_pool(task["_at"] / "pool.parquet"))
    rows = np.random.default_rng([20_264, task["number"]]).choice(len(pool), size=SIZE, replace=False)
    box = pool.iloc[np.sort(rows)].reset_index(drop=True)
    signal = bumphunt.read_events(power.signal_file(task["_at"], MODELS[task["set"]], 2))
    start = time.process_time()
    found = bumphunt.limits(box, signal, config=bumphunt.AnalysisConfig(), seed=task["number"]).points[0]
    best = {
        search: min(
            (each for each in found.selected if each.search == search), key=lambda each: float(each.expected[2])
        )
        for search in ("cwola", "prior")
    }
    return {
        "n_events": SIZE,
        "window": [round(found.low, 1), round(found.high, 1)],
        "in_window": round(found.in_window, 3),
        "chosen": found.chosen,
        "inclusive": [round(float(limit), 1) for limit in (found.inclusive.n_signal_95, *found.inclusive.expected)],
        **{search: _limit(found.inclusive, limit) for search, limit in best.items()},
        "gain": round(float(found.inclusive.expected[2] / found.best_selected.expected[2]), 2),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def _limit(inclusive: MethodLimit, limit: MethodLimit) -> dict[str, Any]:
    """Return what one search limits after its best cut."""
    return {
        "limits": [round(float(number), 1) for number in (limit.n_signal_95, *limit.expected)],
        "cut": limit.cut_fraction,
        "efficiency": [[round(float(number), 4) for number in row] for row in limit.efficiency],
        "gain": round(float(inclusive.expected[2] / limit.expected[2]), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=1)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "limit_gain.jsonl")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    for name in arguments.models:
        power.signal_file(arguments.scratch, MODELS[name], 2, workers=arguments.workers)
    tasks = [
        {"set": name, "number": number, "_at": arguments.scratch}
        for number in range(1, arguments.boxes + 1)
        for name in arguments.models
    ]
    origin = boxes.stamp(bumphunt.AnalysisConfig(), seed=1)
    boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    for line in boxes.read(arguments.result):
        gains = [f"{search} {line[search]['gain']}" for search in ("cwola", "prior") if search in line]
        print(
            line["set"], line["number"], line["commit"], f"expected limit lower by {', '.join(gains) or line['gain']}"
        )


if __name__ == "__main__":
    main()
