"""Does background that is disturbed on purpose make claims? Boxes without signal, judged as a run judges them.

    python analysis/sculpted_nulls.py --boxes 6

Sets, made of the simulated background events of the shipped samples: ``whole_numbers``, of the features one is rounded
to 10 GeV, one is a multiplicity and one a flag, and both follow the mass; ``follow``, ``feature`` and ``hump`` as in
``prior_nulls.py`` (jet masses follow mjj; tau21 is lower in 3.9 to 4.4 TeV; a kind of jets is more frequent around
4 TeV); ``w_like``, three of a hundred events have a lighter jet of 80 GeV and two prongs, at any mjj. One line a box in
``analysis/results/sculpted_nulls.jsonl``: the verdict, the checks that its excess fails, and how far the score tells
the inner from the outer sidebands.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from nulls import interval, pool
from prior_nulls import DISTURBED

from bumphunt.calibration.experiments import analyse_box
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents

LIGHT: dict[str, Any] = {"cwola": {"folds": 2, "repeats": 4}, "search": {"null_width": 1.2}}
EIGHT_REPEATS: dict[str, Any] = {"cwola": {"repeats": 8}}
FEW_VALUES = ["mj1", "mj2_rounded", "tau21_1", "multiplicity", "flag"]


def whole_numbers(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return events with features of few values that follow the mass."""
    mass = table["mjj"].to_numpy(dtype=np.float64) / 3000.0
    return table.assign(
        mj2_rounded=table["mj2"].round(-1),
        multiplicity=rng.poisson(25.0 * mass**0.5),
        flag=(rng.random(len(table)) < np.clip(0.3 + 0.3 * np.log(mass), 0.02, 0.98)).astype(float),
    )


def w_like(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return events of which some have a lighter jet like that of a W boson, wherever their mass is."""
    chosen = (rng.random(len(table)) < 0.03) & (table["mj1"] > 90.0)
    mass = 80.0 * np.exp(0.08 * rng.standard_normal(len(table)))
    lighter = np.minimum(np.where(chosen, mass, table["mj2"]), table["mj1"])
    return table.assign(mj2=lighter, tau21_2=np.where(chosen, 0.5 * table["tau21_2"], table["tau21_2"]))


SETS = {
    "whole_numbers": (20_000, whole_numbers, {**LIGHT, "features": FEW_VALUES}),
    "follow": (50_000, DISTURBED["follow"], {}),
    "feature": (50_000, DISTURBED["feature"], EIGHT_REPEATS),
    "hump": (50_000, DISTURBED["hump"], EIGHT_REPEATS),
    "w_like": (50_000, w_like, EIGHT_REPEATS),
}


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box without signal; its events depend on its set's size and its number alone."""
    size, disturb, changes = SETS[task["set"]]
    rng = np.random.default_rng([20_263, size, task["number"]])
    everything = pool(task["_pool"])
    rows = rng.choice(len(everything), size=size, replace=False)
    box = BlindEvents(disturb(everything.iloc[rows].reset_index(drop=True), rng).reset_index(drop=True))
    found = analyse_box(box, config=config_from_dict(changes), seed=task["number"])
    answers = found.answers
    leak = [check.value for check in found.checks if check.name == "sculpting"]
    return {
        "n": len(box),
        "z_global": round(answers.z_global, 3),
        "z_stat": None if answers.z_stat is None else round(answers.z_stat, 3),
        "status": answers.status,
        "failed": [check.name for check in found.checks if not check.passed],
        "leakage": round(max(leak), 4) if leak else None,
        "z_local": [round(z, 3) for z in found.z_local],
        "seconds": round(found.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--boxes", type=int, default=6, help="boxes of each set in all, with those there are")
    parser.add_argument("--first", type=int, default=0, help="number of the first box of each set")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "sculpted_nulls.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.pool, workers=arguments.workers)
    for name in arguments.sets:
        numbers = range(arguments.first, arguments.boxes)
        tasks = [{"set": name, "number": number, "_pool": arguments.pool} for number in numbers]
        origin = boxes.stamp(config_from_dict(SETS[name][2]), seed=20_263)
        boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    for name in SETS:
        own = [line for line in boxes.latest(boxes.read(arguments.result)) if line["set"] == name]
        if not own:
            continue
        claims = sum(line["status"] in ("evidence", "discovery") for line in own)
        refused = sum(line["status"] == "unverified_excess" for line in own)
        # of some boxes only what was printed is kept
        z = np.concatenate([line.get("z_local", []) for line in own])
        low, high = interval(claims, len(own))
        print(
            f"{name}: {len(own)} boxes, claimed {claims} [{low:.2f}, {high:.2f}], refused {refused}; local z: mean "
            f"{z.mean():+.2f}, width {z.std():.2f}, largest {z.max():.2f}"
        )


if __name__ == "__main__":
    main()
