"""Does the verdict hang on luck? The same events with other seeds, and with one event in a hundred left out.

    python analysis/steadiness.py

Boxes of ``power.py`` with 140 signal events, both searches at their default settings in one window about the signal.
One line a box in ``analysis/results/steadiness.jsonl``: for ten seeds, and for ten random samples of 99 % of the events
with one seed, the calibrated local significance of either search, masses and yield. Leaving events out changes counts
as well: of n selected ones by the square root of 0.01 n. Row order changes nothing, which is a test.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import power

from bumphunt.calibration.experiments import analyse_box
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents

TIMES, LEFT_OUT = 10, 0.01
WIDTH = 0.06


def settings(mass: float) -> dict[str, Any]:
    """Return the default settings with one window about a mass (GeV), and neither networks nor limits."""
    return {
        "search": {"windows": [[round((1.0 - WIDTH) * mass), round((1.0 + WIDTH) * mass)]]},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
        "limit": {"enabled": False},
    }


def answered(box: BlindEvents, mass: float, seed: int) -> dict[str, Any]:
    """Return local significances by search and the numbers of the answer."""
    found = analyse_box(box, config=config_from_dict(settings(mass)), seed=seed)
    answers = found.answers
    by = answers.per_search or {}
    return {
        "z_local": {name: round(float(each["z_local"]), 3) for name, each in by.items()},
        "status": answers.status,
        **{
            name: None if getattr(answers, name) is None else round(float(getattr(answers, name).value), 2)
            for name in power.QUANTITIES
        },
    }


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Analyse a box with several seeds, and parts of it with one."""
    box, mass = power.make_box(task), float(task["masses"][0])
    seeds = [answered(box, mass, seed) for seed in range(1, TIMES + 1)]
    rng = np.random.default_rng([20_264, task["number"]])
    parts = []
    for _ in range(TIMES):
        kept = np.sort(rng.choice(len(box), size=round((1.0 - LEFT_OUT) * len(box)), replace=False))
        parts.append(answered(BlindEvents(box.iloc[kept].reset_index(drop=True)), mass, 1))
    return {"seeds": seeds, "left_out": parts}


def spread(answers: list[dict[str, Any]], search: str) -> tuple[float, float, float]:
    """Return median, standard deviation and range of local z by a search."""
    z = np.array([each["z_local"][search] for each in answers])
    return float(np.median(z)), float(z.std(ddof=1)), float(np.ptp(z))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=[0, 1, 4, 7])
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "steadiness.jsonl")
    arguments = parser.parse_args()
    tasks = power.tasks(arguments.scratch, injected=[140], numbers=arguments.numbers)
    origin = boxes.stamp(config_from_dict(settings(3500.0)), seed=1)
    boxes.grow(arguments.result, one_box, tasks, origin=origin)
    for line in boxes.latest(boxes.read(arguments.result)):
        for name in ("cwola", "prior"):
            for kind in ("seeds", "left_out"):
                median, deviation, between = spread(line[kind], name)
                print(f"{line['number']} {name} {kind}: z {median:.2f}, spread {deviation:.2f}, range {between:.2f}")


if __name__ == "__main__":
    main()
