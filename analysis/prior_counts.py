"""How far a hypothesis' count for limits lies from its expectation without signal: mean and width. A line a box.

    python analysis/prior_counts.py --boxes 12

Boxes without signal are drawn from the 1.3 million background events of the shipped samples. In each window of each box
25 hypotheses of the prior-assisted search, drawn at random, are counted as `bumphunt limits --search prior` counts one,
and the excess is given in units of its standard deviation. Counts of one box have many events in common: the
errors printed are those of a mean over boxes.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import boxes
import numpy as np
from nulls import pool

import bumphunt
from bumphunt.errors import NotSearchedError
from bumphunt.events import BlindEvents
from bumphunt.masses.hypotheses import hypothesis_grid
from bumphunt.pipeline.prior_answer import prepare_for
from bumphunt.pipeline.prior_counts import WindowScores
from bumphunt.pipeline.search import prepare_search

CONFIG = bumphunt.AnalysisConfig()
HYPOTHESES = 25


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Count in one box."""
    begun, everything = time.process_time(), pool(task["_pool"])
    rng = np.random.default_rng([20_265, task["size"], task["number"]])
    rows = np.sort(rng.choice(len(everything), size=task["size"], replace=False))
    box = BlindEvents(everything.iloc[rows].reset_index(drop=True))
    prepared = prepare_for(prepare_search(box, CONFIG, task["number"]))
    found, expected = [], []
    for number, each in enumerate(prepared.tasks):
        scores, grid = WindowScores(prepared, number), hypothesis_grid(each.reference)
        for m_x, m_y in grid[rng.permutation(len(grid))[:HYPOTHESES]].tolist():
            try:
                kept = scores.kept((m_x, m_y))
            except NotSearchedError:
                continue
            found.append(round((kept.observed - kept.expected) / np.hypot(np.sqrt(kept.expected), kept.error), 2))
            expected.append(round(kept.expected, 1))
    return {"z": found, "expected": expected, "seconds": round(time.process_time() - begun, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=12)
    parser.add_argument("--size", type=int, default=40_000)
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "prior_counts.jsonl")
    arguments = parser.parse_args()
    todo = [
        {"set": f"{arguments.size}", "size": arguments.size, "number": number, "_pool": arguments.pool}
        for number in range(arguments.boxes)
    ]
    boxes.grow(arguments.result, one_box, todo, origin=boxes.stamp(CONFIG, seed=20_265))
    lines = boxes.read(arguments.result)
    for name in dict.fromkeys(line["set"] for line in lines):
        z = [np.array(line["z"]) for line in lines if line["set"] == name]
        means, squares = np.array([each.mean() for each in z]), np.array([(each**2).mean() for each in z])
        error, width = float(means.std(ddof=1) / len(z) ** 0.5), float(np.sqrt(squares.mean() - means.mean() ** 2))
        print(
            f"{name}: {sum(map(len, z))} counts in {len(z)} boxes, mean {means.mean():+.3f} ± {error:.3f}, "
            f"width {width:.3f} ± {squares.std(ddof=1) / len(z) ** 0.5 / (2.0 * width):.3f}"
        )


if __name__ == "__main__":
    main()
