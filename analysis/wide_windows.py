"""What do wide windows cost, and what do they find? Signal with natural widths of 0, 10 and 15 % in labelled boxes.

    python analysis/wide_windows.py

Boxes have no background event in common. Signal is the labelled one of 3500/500/100 GeV, its mass smeared by a
Breit-Wigner cut at two widths. One search of a box holds all windows; those of the default are judged alone and
together with the wide ones (8 and 12 bins). Significances are not calibrated: they are compared with one another only.
``price`` is the global significance of a window at 4 standard deviations, all windows counted.
"""

import argparse
from functools import lru_cache
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd

from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.verdict import best_window
from bumphunt.pipeline.windows import WindowOutcome, search_window
from bumphunt.rng import generator
from bumphunt.significance.correlated_trials import largest_p_value, shared_weights
from bumphunt.statistics import z_from_p

CONFIG = config_from_dict({"search": {"wide_window_bins": [8, 12], "null_width": 1.0}, "cwola": {"repeats": 4}})
USUAL_BINS = 4
PRICED_AT = 4.0


@lru_cache
def samples() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return shuffled background and signal."""
    table = pd.read_parquet("data/lhco_rnd.parquet").sample(frac=1.0, random_state=20_264)
    return table[table["label"] == 0].reset_index(drop=True), table[table["label"] == 1].reset_index(drop=True)


def make_box(number: int, size: int, *, signal: int, width: float) -> BlindEvents:
    """Return box ``number`` with so many signal events of a relative natural width."""
    background, pool = samples()
    rng = np.random.default_rng([20_264, number])
    own = background.iloc[number * size : (number + 1) * size]
    chosen = pool.iloc[rng.choice(len(pool), size=signal, replace=False)].copy()
    tails = rng.standard_cauchy(50 * signal)
    chosen["mjj"] *= 1.0 + 0.5 * width * tails[np.abs(tails) < 4.0][:signal]
    return drop_truth(pd.concat([own, chosen]).sample(frac=1.0, random_state=number).reset_index(drop=True))


def priced(search: Search, outcomes: list[WindowOutcome]) -> float:
    """Return the global significance of a local one of 4, over all windows and cuts of a search."""
    cuts = CONFIG.search.cut_fractions
    weights = [
        np.where(task.window.signal_region(task.mjj), outcome.weights(found, cuts), 0.0).astype(np.float32)
        for task, outcome in zip(search.tasks, outcomes, strict=True)
        for found in outcome.results
        if not found.note
    ]
    return z_from_p(largest_p_value(PRICED_AT, shared_weights(weights), rng=generator(1, "price")))


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box with all windows, and judge it with and without the wide ones."""
    box = make_box(task["number"], task["size"], signal=task["injected"], width=task["width"])
    search = prepare_search(box, CONFIG, task["number"])
    outcomes = [search_window(each) for each in search.tasks]
    found: dict[str, Any] = {}
    ratio = CONFIG.search.bin_ratio ** (USUAL_BINS + 0.5)
    usual = [place for place, each in enumerate(search.tasks) if each.window.high / each.window.low < ratio]
    for name, places in (("usual", usual), ("wide", list(range(len(search.tasks))))):
        part = Search(
            **{field: getattr(search, field) for field in Search.__dataclass_fields__ if field != "tasks"},
            tasks=tuple(search.tasks[place] for place in places),
        )
        own = [outcomes[place] for place in places]
        best = best_window(part, own)
        found |= {
            f"{name}_z_local": round(best.scan.z_local, 3),
            f"{name}_z_global": round(best.scan.z_global, 3),
            f"{name}_window": [round(best.result.low), round(best.result.high)],
            f"{name}_trials": best.scan.n_trials,
            f"{name}_price": round(priced(part, own), 3),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=5)
    parser.add_argument("--size", type=int, default=40_000)
    parser.add_argument("--injected", type=int, default=150)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "wide_windows.jsonl")
    arguments = parser.parse_args()
    tasks = [
        {
            "set": f"width_{width:g}",
            "number": number,
            "width": width,
            "size": arguments.size,
            "injected": arguments.injected,
        }
        for number in range(arguments.boxes)
        for width in (0.0, 0.10, 0.15)
    ]
    origin = boxes.stamp(CONFIG, seed=20_264)
    boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    frame = pd.DataFrame(boxes.read(arguments.result))
    columns = [f"{name}_{what}" for what in ("z_local", "z_global", "trials", "price") for name in ("usual", "wide")]
    print(frame.groupby("width")[columns].median().round(2).to_string())


if __name__ == "__main__":
    main()
