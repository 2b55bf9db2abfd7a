"""What a second, looser cut of the prior-assisted search gains in small files, by permutations alone.

    python analysis/looser_cut.py --sizes 12000 25000 --percent 0.25 0.5 1 --boxes 3

Background of the shipped samples with events of the shipped labelled sample's signal, (3500, 500, 100) GeV, mixed in.
Every box is searched twice by the same trained score: with both cuts, all hypotheses of both counted as trials, and
with the first alone. One line a box in ``analysis/results/looser_cut.jsonl``. Labels make the boxes and no more.
"""

import argparse
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from nulls import pool

import bumphunt
from bumphunt.calibration.pseudo_data import subsample_box, with_signal
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.pipeline.prior_answer import prepare_for
from bumphunt.pipeline.prior_search import scan_hypotheses
from bumphunt.pipeline.search import prepare_search

CONFIG = bumphunt.AnalysisConfig()
SAMPLE = Path("data/lhco_rnd.parquet")


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box with both cuts, and with the first alone."""
    rng = np.random.default_rng([20_264, task["size"], task["injected"], task["number"]])
    labelled = pd.read_parquet(SAMPLE)
    signal = drop_truth(labelled[labelled["label"] == 1].reset_index(drop=True))
    box = subsample_box(pool(task["_pool"]), size=task["size"] - task["injected"], rng=rng)
    search = prepare_search(
        BlindEvents(with_signal(box, signal, number=task["injected"], rng=rng)), CONFIG, task["number"]
    )
    begun = time.process_time()
    prepared = prepare_for(search)
    found = {}
    for name, few in (("both", prepared.tasks[0].settings.few), ("first", 0)):
        tasks = tuple(replace(each, settings=replace(each.settings, few=few)) for each in prepared.tasks)
        scanned = scan_hypotheses(replace(prepared, tasks=tasks), seed=task["number"])
        best = scanned.maps[scanned.best]
        found |= {
            f"z_{name}": round(scanned.z_global, 3),
            f"local_{name}": round(scanned.z_local, 3),
            f"null_{name}": round(best.null_median, 3),
            f"masses_{name}": [round(best.best_m_x), round(best.best_m_y)],
        }
    return {"n_searched": len(search.mjj), **found, "seconds": round(time.process_time() - begun, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[12_000, 25_000])
    parser.add_argument("--percent", nargs="+", type=float, default=[0.25, 0.5, 1.0], help="of the box")
    parser.add_argument("--boxes", type=int, default=3, help="of each kind; 0 prints what is there")
    parser.add_argument("--first", type=int, default=0, help="number of the first box")
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "looser_cut.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.pool)
    tasks = []
    for number, size, percent in product(range(arguments.first, arguments.boxes), arguments.sizes, arguments.percent):
        injected = round(size * percent / 100.0)
        tasks.append({"set": f"{size} {percent:g} %", "size": size, "injected": injected, "number": number})
        tasks[-1]["_pool"] = arguments.pool
    boxes.grow(arguments.result, one_box, tasks, origin=boxes.stamp(CONFIG, seed=20_264))
    table = pd.DataFrame(boxes.read(arguments.result))
    columns = ["z_first", "z_both"]
    print(table.groupby(["size", "injected"])[columns].agg(["median", "count"]).round(2).to_string())


if __name__ == "__main__":
    main()
