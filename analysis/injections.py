"""Do the intervals cover? Signals of known masses injected into signal-free boxes, the whole analysis run on each.

    make injections

Boxes of 100 thousand background events, drawn from the 1.3 million of the shipped samples, with 300 signal events each
at nine mass points; all windows are searched, with one tree model a fold. Writes analysis/results/injections.json and
.png: pulls and coverage of the three masses and the yield by the statistical part of their intervals, which is what
nominal simulation tests. Finished boxes are kept under --output and not repeated.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from background_pool import background_pool

import bumphunt
from bumphunt.masses.pulls import summarise_pulls
from bumphunt.plots.calibration import pulls

POINTS = (
    (3300.0, 250.0, 120.0),
    (3500.0, 500.0, 100.0),
    (3600.0, 350.0, 350.0),
    (3823.0, 732.0, 378.0),
    (4000.0, 300.0, 80.0),
    (4000.0, 800.0, 300.0),
    (4200.0, 600.0, 200.0),
    (4600.0, 400.0, 150.0),
    (5000.0, 700.0, 250.0),
)
"""(m_resonance, m_x, m_y) in GeV."""

QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
OFF = {"enabled": False}


def statistical(rows: list[dict[str, Any]]) -> dict[str, tuple[list[bumphunt.Interval], list[float], list[str]]]:
    """Return the statistical intervals with truth and mass point of each quantity."""
    found: dict[str, tuple[list[bumphunt.Interval], list[float], list[str]]] = {}
    for place, name in enumerate(QUANTITIES):
        intervals, truth, points = found.setdefault(name, ([], [], []))
        for row in rows:
            given = row["answers"][name]
            if given is None or given["stat_low"] is None:
                continue
            intervals.append(bumphunt.Interval(value=given["value"], low=given["stat_low"], high=given["stat_high"]))
            truth.append([*row["masses"], row["n_signal"]][place])
            points.append("/".join(f"{mass:g}" for mass in row["masses"]))
    return found


def given(interval: dict[str, float] | None) -> list[float] | None:
    """Return low end, value and high end of the statistical interval."""
    return None if interval is None else [round(interval[part], 2) for part in ("stat_low", "value", "stat_high")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000, help="background events in a box")
    parser.add_argument("--signal", type=int, default=300, help="signal events in a box")
    parser.add_argument("--repeats", type=int, default=12, help="boxes at each mass point")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--output", type=Path, default=Path("out/injections"))
    parser.add_argument("--pool", type=Path, default=Path("out/null_experiments/pool.parquet"))
    parser.add_argument("--result", type=Path, default=Path("analysis/results/injections.json"))
    arguments = parser.parse_args()
    config = bumphunt.AnalysisConfig.model_validate(
        {
            "search": {"low": 2900.0, "high": 6000.0},
            "cwola": {"members": 1},
            "vae": OFF,
            "autoencoder": OFF,
        }
    )
    found = bumphunt.calibrate(
        background_pool(arguments.pool, workers=arguments.workers),
        output=arguments.output,
        points=POINTS,
        n_signal=arguments.signal,
        repeats=arguments.repeats,
        size=arguments.size,
        config=config,
        seed=arguments.seed,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        progress=True,
    )
    print(found)
    files = sorted((arguments.output / "injections" / "stages").glob("experiment_*.json"))
    rows = [json.loads(file.read_text()) for file in files[: arguments.repeats * len(POINTS)]]
    by_name = statistical(rows)
    summary = {
        "background_per_box": arguments.size,
        "signal_per_box": arguments.signal,
        **{name: value for name, value in found.to_dict()["injections"].items() if name != "pulls"},
        "statistical": {name: summarise_pulls(*parts[:2]).to_dict() for name, parts in by_name.items()},
        "median_seconds": float(np.median([row["seconds"] for row in rows])),
        "points": {},
        "each": [
            {
                "masses": row["masses"],
                "z_global": round(row["answers"]["z_global"], 2),
                "status": row["answers"]["status"],
                **{name: given(row["answers"][name]) for name in QUANTITIES},
            }
            for row in rows
        ],
    }
    for point in dict.fromkeys(by_name["m_x"][2]):
        summary["points"][point] = {}
        for name, (intervals, truth, points) in by_name.items():
            chosen = [k for k, where in enumerate(points) if where == point]
            if len(chosen) > 1:
                part = summarise_pulls([intervals[k] for k in chosen], [truth[k] for k in chosen])
                summary["points"][point][name] = {"pull_mean": round(part.mean, 2), "pull_width": round(part.width, 2)}
    arguments.result.write_text(json.dumps(summary, indent=1) + "\n")
    drawn = {}
    for name, (intervals, truth, _) in by_name.items():
        value, low, high = np.array([(each.value, each.low, each.high) for each in intervals]).T
        half = np.where(np.array(truth) > value, high - value, value - low)
        drawn[name] = (value - np.array(truth)) / half
    figure, _ = pulls(drawn)
    figure.savefig(arguments.result.with_suffix(".png"), dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
