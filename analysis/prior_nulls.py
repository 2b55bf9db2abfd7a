"""What the prior-assisted search says where there is no signal, at default settings; one line a whole search.

    python analysis/prior_nulls.py --boxes 100

The boxes are those of ``analysis/nulls.py``, drawn from the 1.3 million simulated background events of the shipped
samples and never permuted. ``z_permuted`` is the global significance by permutations of each box's masses alone. Boxes
of even number calibrate it, those of odd number, which the calibration has not seen, test it.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import boxes
import numpy as np
from background_pool import background_pool
from nulls import pool, rates

import bumphunt
from bumphunt.events import BlindEvents
from bumphunt.pipeline.prior_answer import prepare_for
from bumphunt.pipeline.prior_search import scan_hypotheses
from bumphunt.pipeline.search import prepare_search

CONFIG = bumphunt.AnalysisConfig()


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box without signal; with ``follow`` its jet masses are made to follow mjj."""
    everything = pool(task["_pool"])
    rng = np.random.default_rng([20_262, task["size"], task["number"]])
    rows = rng.choice(len(everything), size=task["size"], replace=False)
    box = BlindEvents(everything.iloc[rows].reset_index(drop=True))
    if task["follow"]:
        box = BlindEvents(box.assign(**{name: box[name] + task["follow"] * box["mjj"] for name in ("mj1", "mj2")}))
    search = prepare_search(box, CONFIG, task["number"])
    begun = time.process_time()
    found = scan_hypotheses(prepare_for(search), seed=task["number"])
    best = found.maps[found.best]
    return {
        "z_local": round(found.z_local, 3),
        "z_permuted": round(found.z_global, 3),
        "null_median": round(best.null_median, 3),
        "best": [round(x, 1) for x in (best.low, best.high, best.best_m_x, best.best_m_y)],
        "largest": [[round(each.centre), round(each.z_best, 3)] for each in found.maps],
        "seconds": round(time.process_time() - begun, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=100, help="in all, with those there are")
    parser.add_argument("--first", type=int, default=0, help="number of the first box")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--follow", type=float, default=0.0, help="add this part of mjj to both jet masses")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no box after so long")
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "prior_nulls.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.pool)
    name = f"{arguments.size}" + (f" follow {arguments.follow:g}" if arguments.follow else "")
    begun = time.monotonic()
    for number in range(arguments.first, arguments.boxes):
        if time.monotonic() - begun > arguments.seconds:
            break
        task = {
            "set": name,
            "size": arguments.size,
            "follow": arguments.follow,
            "number": number,
            "_pool": arguments.pool,
        }
        boxes.grow(arguments.result, one_box, [task], origin=boxes.stamp(CONFIG, seed=20_262))
    lines = boxes.read(arguments.result)
    for name in dict.fromkeys(line["set"] for line in lines):
        own = [line for line in lines if line["set"] == name]
        for part, chosen in (("even", 0), ("odd", 1)):
            z = np.array([line["z_permuted"] for line in own if line["number"] % 2 == chosen])
            if len(z) > 1:
                print(f"{name}, {part}: {len(z)} boxes, mean {z.mean():+.3f}, width {z.std(ddof=1):.3f}; {rates(z)}")


if __name__ == "__main__":
    main()
