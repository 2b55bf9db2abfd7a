"""Do limits on signal models cover, and how much do they gain over the inclusive one? Grows one line a box.

    make limit-coverage

Boxes are drawn from the 1.3 million background events of the shipped samples; signal (Poisson around ``n_true``) is
simulated at four mass points, two of them (3823 and 4200 GeV) off the grid that tests of masses use, and at a fifth
with three prongs a jet, of which no simulated response is shipped. Events mixed into a box are not among those that
the limit is given as the model. Settings are light, so that a box takes seconds: 40 thousand events,
4 repeats in the data, 2 repeats and 2 draws with injected signal.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
import power
from background_pool import background_pool
from scipy.special import betaincinv

from bumphunt.calibration.pseudo_data import with_signal
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents
from bumphunt.pipeline.injections import inject
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.signal_limit import (
    choose,
    inclusive_limit_of,
    injections_of,
    selected_count,
    selected_limits,
    signal_sample,
    strengths_of,
    windows_of,
)
from bumphunt.pipeline.windows import search_window

LIGHT = {"cwola": {"repeats": 4}, "limit": {"repeats": 2, "draws": 2}}
SIZE = 40_000
POINTS: dict[str, tuple[tuple[float, float, float], int, float]] = {
    "3500/500/100": ((3500.0, 500.0, 100.0), 2, 110.0),
    "4500/400/250": ((4500.0, 400.0, 250.0), 2, 60.0),
    "3823/732/378": ((3823.0, 732.0, 378.0), 2, 90.0),
    "4200/350/350": ((4200.0, 350.0, 350.0), 2, 70.0),
    "4000/500/200, 3 prongs": ((4000.0, 500.0, 200.0), 3, 170.0),
}
"""Masses in GeV, prongs a jet, and about the expected limit in such a box."""
FACTORS = (0.0, 0.0, 0.7, 1.0, 1.4)
"""Injected signal in units of it, in turn."""


def make_box(task: dict[str, Any]) -> tuple[BlindEvents, BlindEvents, int]:
    """Return a box, the model's events that are not in it, and how many are."""
    (masses, prongs, _), number = POINTS[task["set"]], task["number"]
    rng = np.random.default_rng([20_263, round(sum(masses)), number])
    pool = power._blind(background_pool(task["_at"] / "pool.parquet"))
    rows = np.sort(rng.choice(len(pool), size=SIZE, replace=False))
    box = BlindEvents(pool.iloc[rows].reset_index(drop=True))
    signal = power._blind(power.signal_file(task["_at"], masses, prongs))
    order, n_injected = rng.permutation(len(signal)), int(rng.poisson(task["n_true"]))
    truth, model = (
        BlindEvents(signal.iloc[part].reset_index(drop=True)) for part in (order[:n_injected], order[n_injected:])
    )
    if n_injected:
        box = with_signal(box, truth, number=n_injected, rng=rng)
    return box, model, n_injected


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Set limits in one box; its events depend on its point, number and signal alone."""
    config, number = config_from_dict(LIGHT), task["number"]
    box, model, n_injected = make_box(task)
    search = prepare_search(box, config, number)
    sample = signal_sample(search, model, name="model")
    window = windows_of(search, sample)[0]
    inclusive = inclusive_limit_of(search, window, sample)
    trainings = [inject(each) for each in injections_of(window, sample, strengths_of(window, inclusive))]
    outcome = search_window(window)
    selected = selected_limits(window, outcome, trainings, n_events=len(box))
    choice = choose(inclusive, selected)
    places = [config.search.cut_fractions.index(each.cut_fraction) for each in selected]
    counted = [
        selected_count(window, outcome.frequency[place], trainings, place=place, form=0.0, n_events=len(box))
        for place in places
    ]
    return {
        "n_injected": n_injected,
        "chosen": choice.chosen,
        "inclusive": rounded([choice.inclusive.n_signal_95, *choice.inclusive.expected]),
        "selected": {
            f"{each.cut_fraction:g}": {
                "cls": rounded([each.n_signal_95])[0],
                "clsb": rounded([each.clsb_95])[0],
                "expected": rounded(each.expected),
                "p_true": round(found[0].p_value(max(task["n_true"], 1e-6)), 4),
                "count": rounded([each.n_observed, each.n_expected, each.n_expected_error, each.gain]),
                "efficiency": [round(row[1], 4) for row in each.efficiency],
                "spread": round(each.spread, 3),
            }
            for each, found in zip(selected, counted, strict=True)
        },
    }


def rounded(numbers: Any) -> list[float | None]:
    """Return numbers in two decimals, None where infinite."""
    return [round(float(number), 2) if np.isfinite(number) else None for number in numbers]


def tasks(folder: Path, number: int) -> list[dict[str, Any]]:
    """Return the boxes: points and strengths in turn."""
    made = []
    for place in range(number):
        name = list(POINTS)[place % len(POINTS)]
        factor = FACTORS[(place // len(POINTS)) % len(FACTORS)]
        made.append({"set": name, "number": place, "n_true": factor * POINTS[name][2], "_at": folder})
    return made


def interval(k: int, n: int) -> str:
    """Return a part with its 95 % binomial interval (Clopper and Pearson)."""
    low = betaincinv(k, n - k + 1, 0.025) if k else 0.0
    high = betaincinv(k + 1, n - k, 0.975) if k < n else 1.0
    return f"{k}/{n} = {k / max(n, 1):.3f} [{low:.3f}, {high:.3f}]"


def best_cut(line: dict[str, Any]) -> dict[str, Any] | None:
    """Return the cut with the lowest expected limit."""
    known = [each for each in line["selected"].values() if each["expected"][2] is not None]
    return min(known, key=lambda each: each["expected"][2]) if known else None


def answer(line: dict[str, Any]) -> float | None:
    """Return the observed limit of the way to look that was chosen; None where nothing is excluded."""
    if line["chosen"] == "inclusive":
        return line["inclusive"][0]
    names = {f"selected {100 * float(cut):g} %": found["cls"] for cut, found in line["selected"].items()}
    return names[line["chosen"]]


def summary(lines: list[dict[str, Any]]) -> str:
    """Return coverage, the content of the expected band, and the gain."""
    said = []
    boxes_with = [(line, best_cut(line)) for line in lines]
    signal = [(line, cut) for line, cut in boxes_with if line["n_true"] > 0 and cut]
    empty = [(line, cut) for line, cut in boxes_with if line["n_true"] == 0 and cut]
    for method in ("clsb", "cls"):
        above = sum(cut[method] is None or cut[method] >= line["n_true"] for line, cut in signal)
        said.append(f"{method} limits above the truth: {interval(above, len(signal))}")
    given = [(answer(line), line["n_true"]) for line in lines if line["n_true"] > 0]
    above = sum(limit is None or limit >= true for limit, true in given)
    said.append(f"the answer (CLs, of the way chosen): {interval(above, len(given))}")
    inside = sum(cut["cls"] is not None and cut["expected"][1] <= cut["cls"] <= cut["expected"][3] for _, cut in empty)
    said.append(f"empty boxes within ± 1 sigma of the expected limit: {interval(inside, len(empty))}")
    under = sum(cut["cls"] is not None and cut["cls"] < cut["expected"][1] for _, cut in empty)
    said.append(f"below the band: {under} of {len(empty)}")
    for name in POINTS:
        gains = [
            line["inclusive"][3] / cut["expected"][2]
            for line, cut in empty
            if line["set"] == name and cut["expected"][2]
        ]
        if gains:
            said.append(f"{name}: expected inclusive over selected, median of {len(gains)}: {np.median(gains):.2f}")
    return "\n".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "limit_coverage.jsonl")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    for masses, prongs, _ in POINTS.values():
        power.signal_file(arguments.scratch, masses, prongs, workers=arguments.workers)
    origin = boxes.stamp(config_from_dict(LIGHT), seed=1)
    todo = tasks(arguments.scratch, arguments.boxes)
    boxes.grow(arguments.result, one_box, todo, origin=origin, workers=arguments.workers)
    frame = pd.DataFrame(boxes.read(arguments.result))
    for made, group in frame.groupby(["commit", "config"], sort=False):
        print(*made, sep=" ")
        print(summary(group.to_dict("records")))


if __name__ == "__main__":
    main()
