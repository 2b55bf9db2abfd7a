"""Do limits by the prior-assisted search cover, and how much do they gain over the inclusive one? A line a box.

    python analysis/prior_limit_coverage.py --boxes 125

Boxes and signal are those of ``limit_coverage.py``: 40 thousand background events of the shipped samples, signal
(Poisson around ``n_true``) simulated at four mass points, two of them (3823 and 4200 GeV) off the grid that tests of
masses use, and at a fifth with three prongs a jet, which the search does not know. Events mixed into a box are not
among those that the limit is given as the model. Settings are light: two draws at each of two strengths. The inclusive
limit is computed in boxes without signal only.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import boxes
import limit_coverage
import numpy as np
import pandas as pd
import power
from background_pool import background_pool
from limit_coverage import FACTORS, POINTS, interval

from bumphunt.config import config_from_dict
from bumphunt.pipeline.prior_limit import PriorData, PriorSignal, inject_prior, prior_limit
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.signal_limit import inclusive_limit_of, signal_sample, windows_of

LIGHT = {"limit": {"draws": 2}}
EXPECTED = dict(zip(POINTS, (15.0, 12.0, 16.0, 9.0, 35.0), strict=True))
"""About the expected limit in such a box."""


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Set limits in one box; its events depend on its point, number and signal alone."""
    begun, config, number = time.process_time(), config_from_dict(LIGHT), task["number"]
    box, model, n_injected = limit_coverage.make_box(task)
    search = prepare_search(box, config, number)
    sample = signal_sample(search, model, name="model")
    window = windows_of(search, sample)[0]
    data = PriorData.of(search)
    signal = PriorSignal.of(data, sample, model, name="model")
    found = prior_limit(
        data, window.window, signal, lambda each: [inject_prior(one) for one in each], n_events=len(box)
    )
    inclusive = None if task["n_true"] else inclusive_limit_of(search, window, sample)
    line: dict[str, Any] = {
        "n_injected": n_injected,
        "inclusive": None if inclusive is None else round(float(inclusive.expected[2]), 1),
        "seconds": round(time.process_time() - begun, 1),
    }
    if found is None:
        return {**line, "cls": None, "clsb": None, "expected": [None] * 5}
    return {
        **line,
        "cls": limit_coverage.rounded([found.n_signal_95])[0],
        "clsb": limit_coverage.rounded([found.clsb_95])[0],
        "expected": limit_coverage.rounded(found.expected),
        "hypothesis": [round(mass, 1) for mass in found.hypothesis],
        "count": limit_coverage.rounded([found.n_observed, found.n_expected, found.n_expected_error, found.gain]),
        "efficiency": [[round(number, 4) for number in row[:2]] for row in found.efficiency],
        "spread": round(found.spread, 3),
    }


def tasks(folder: Path, number: int, first: int) -> list[dict[str, Any]]:
    """Return the boxes: points and strengths in turn."""
    made = []
    for place in range(first, number):
        name = list(POINTS)[place % len(POINTS)]
        factor = FACTORS[(place // len(POINTS)) % len(FACTORS)]
        made.append({"set": name, "number": place, "n_true": factor * EXPECTED[name], "_at": folder})
    return made


def summary(lines: list[dict[str, Any]]) -> str:
    """Return coverage, the content of the expected band, and the gain."""
    said = []
    signal = [line for line in lines if line["n_true"] > 0]
    empty = [line for line in lines if line["n_true"] == 0]
    for method in ("clsb", "cls"):
        above = sum(line[method] is None or line[method] >= line["n_true"] for line in signal)
        said.append(f"{method} limits above the truth: {interval(above, len(signal))}")
    known = [line for line in empty if line["expected"][4] is not None]
    inside = sum(
        line["cls"] is not None and line["expected"][1] <= line["cls"] <= line["expected"][3] for line in known
    )
    said.append(f"empty boxes within ± 1 sigma of the expected limit: {interval(inside, len(known))}")
    under = sum(line["cls"] is not None and line["cls"] < line["expected"][1] for line in known)
    said.append(f"below the band: {under} of {len(known)}")
    for name in POINTS:
        own = [line for line in known if line["set"] == name]
        if own:
            limit = np.median([line["expected"][2] for line in own])
            gains = [line["inclusive"] / line["expected"][2] for line in own if line["inclusive"]]
            said.append(
                f"{name}: expected {limit:.1f}, inclusive over it, median of {len(gains)}: {np.median(gains):.1f}"
            )
    return "\n".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=125)
    parser.add_argument("--first", type=int, default=0, help="number of the first box")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "prior_limit_coverage.jsonl")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    for masses, prongs, _ in POINTS.values():
        power.signal_file(arguments.scratch, masses, prongs, workers=arguments.workers)
    origin = boxes.stamp(config_from_dict(LIGHT), seed=1)
    todo = tasks(arguments.scratch, arguments.boxes, arguments.first)
    boxes.grow(arguments.result, one_box, todo, origin=origin, workers=arguments.workers)
    frame = pd.DataFrame(boxes.read(arguments.result))
    for made, group in frame.groupby(["commit", "config"], sort=False):
        print(*made, sep=" ")
        print(summary(group.to_dict("records")))


if __name__ == "__main__":
    main()
