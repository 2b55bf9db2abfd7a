"""Is honesty bought with power? Thirty fixed boxes of 100 thousand events with signal, at the default settings.

    make power

Ten boxes each with 140, 180 and 300 signal events: four at (3500, 500, 100) GeV, three at (4500, 400, 250), three at
(4000, 500, 200) with three prongs a jet. Background is drawn from the 1.3 million background events of the shipped
samples.
One line a box is added to ``analysis/results/power.jsonl``; a table by commit is printed: median global z, share of
boxes claimed with all checks passed, median lengths of the 68 % intervals relative to the value.
"""

import argparse
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool

import bumphunt
from bumphunt.calibration.experiments import analyse_box
from bumphunt.calibration.pseudo_data import with_signal
from bumphunt.events import BlindEvents

STRENGTHS = (140, 180, 300)
POINTS = [((3500.0, 500.0, 100.0), 2)] * 4 + [((4500.0, 400.0, 250.0), 2)] * 3 + [((4000.0, 500.0, 200.0), 3)] * 3
SIZE = 100_000
QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")


def tasks(
    folder: Path, *, injected: Iterable[int] = STRENGTHS, numbers: Iterable[int] = range(len(POINTS))
) -> list[dict[str, Any]]:
    """Return the thirty boxes, or those of them with so many signal events and of these numbers."""
    strengths, wanted = set(injected), set(numbers)
    return [
        {
            "set": str(strength),
            "number": number,
            "injected": strength,
            "masses": masses,
            "prongs": prongs,
            "_at": folder,
        }
        for strength in STRENGTHS
        for number, (masses, prongs) in enumerate(POINTS)
        if strength in strengths and number in wanted
    ]


def signal_file(folder: Path, masses: tuple[float, float, float], prongs: int, *, workers: int = 1) -> Path:
    """Simulate signal of one point, unless it is there."""
    path = folder / f"signal_{'_'.join(f'{mass:g}' for mass in masses)}_{prongs}.parquet"
    if not path.exists():
        bumphunt.simulation.simulate_sample(
            path,
            bumphunt.simulation.Sample(signal=4000, masses=masses, prongs=prongs),
            seed=20_261,
            workers=workers,
        )
    return path


@lru_cache
def _blind(path: Path) -> BlindEvents:
    return bumphunt.events.drop_truth(bumphunt.read_events(path))


def make_box(task: dict[str, Any]) -> BlindEvents:
    """Return the events of a box; they depend on its strength and number alone."""
    rng = np.random.default_rng([20_261, task["injected"], task["number"]])
    pool = _blind(background_pool(task["_at"] / "pool.parquet"))
    rows = np.sort(rng.choice(len(pool), size=SIZE - task["injected"], replace=False))
    box = BlindEvents(pool.iloc[rows].reset_index(drop=True))
    signal = _blind(signal_file(task["_at"], task["masses"], task["prongs"]))
    return with_signal(box, signal, number=task["injected"], rng=rng)


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Analyse one box."""
    found = analyse_box(make_box(task), config=bumphunt.AnalysisConfig(), seed=1)
    answers = found.answers
    intervals = {name: getattr(answers, name) for name in QUANTITIES}
    return {
        "z_local": round(answers.z_local, 3),
        "z_global": round(answers.z_global, 3),
        "status": answers.status,
        "failed": [check.name for check in found.checks if not check.passed],
        **{
            name: None if each is None else [round(x, 2) for x in (each.low, each.value, each.high)]
            for name, each in intervals.items()
        },
        "seconds": round(found.seconds, 1),
    }


def table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return medians by commit and strength."""
    rows = []
    frame = pd.DataFrame(lines)
    for (made, config, strength), group in frame.groupby(["commit", "config", "injected"], sort=False):
        row = {"commit": made, "config": config, "injected": strength, "boxes": len(group)}
        row["median_z"] = round(group["z_global"].median(), 2)
        row["claimed"] = int((group["z_global"] >= 3).sum())
        row["verified"] = int(group["status"].isin(["evidence", "discovery"]).sum())
        for name in QUANTITIES:
            known = [(high - low) / value for low, value, high in group[name].dropna() if value]
            row[f"{name}_length"] = round(float(np.median(known)), 4) if known else None
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "power.jsonl")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    for masses, prongs in dict.fromkeys(POINTS):
        signal_file(arguments.scratch, masses, prongs, workers=arguments.workers)
    origin = boxes.stamp(bumphunt.AnalysisConfig(), seed=1)
    boxes.grow(arguments.result, one_box, tasks(arguments.scratch), origin=origin, workers=arguments.workers)
    print(table(boxes.read(arguments.result)).to_string(index=False))


if __name__ == "__main__":
    main()
