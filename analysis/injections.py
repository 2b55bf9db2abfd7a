"""Do the intervals cover? Signals of known masses injected into signal-free boxes, the whole analysis run on each.

    make injections

Boxes of 100 thousand background events, drawn from the 1.3 million of the shipped samples, with 300 signal events each
at nine mass points; all windows are searched, with one tree model of 40 steps a fold. First with signal of the nominal
detector, where the statistical part of the intervals has to cover; then with signal of detectors drawn from the prior
of the systematic errors (energy scale and shower, resolutions, scale of tau21), where the total intervals have to.
Writes analysis/results/injections.json and .png. Finished boxes are kept under --output and not repeated.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from background_pool import background_pool
from origin import stamped

import bumphunt
from bumphunt.calibration.pulls import pulls_of, summarise_pulls
from bumphunt.plots import pulls
from bumphunt.plots.style import style

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


def intervals(
    rows: list[dict[str, Any]], low: str, high: str
) -> dict[str, tuple[list[bumphunt.results.Interval], list[float], list[str]]]:
    """Return the intervals between two of their ends, with truth and mass point, of each quantity."""
    found: dict[str, tuple[list[bumphunt.results.Interval], list[float], list[str]]] = {}
    for place, name in enumerate(QUANTITIES):
        chosen, truth, points = found.setdefault(name, ([], [], []))
        for row in rows:
            given = row["answers"][name]
            if given is None or given[low] is None:
                continue
            chosen.append(bumphunt.results.Interval(value=given["value"], low=given[low], high=given[high]))
            truth.append([*row["masses"], row["n_signal"]][place])
            points.append("/".join(f"{mass:g}" for mass in row["masses"]))
    return found


def by_point(
    found: dict[str, tuple[list[bumphunt.results.Interval], list[float], list[str]]],
) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean and width of the pulls at each mass point."""
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for name, (chosen, truth, points) in found.items():
        for point in dict.fromkeys(points):
            rows = [k for k, where in enumerate(points) if where == point]
            if len(rows) > 1:
                part = summarise_pulls([chosen[k] for k in rows], [truth[k] for k in rows])
                summary.setdefault(point, {})[name] = {
                    "pull_mean": round(part.mean, 2),
                    "pull_width": round(part.width, 2),
                    "covered": round(part.covered, 2),
                }
    return summary


def given(interval: dict[str, float] | None) -> list[float] | None:
    """Return the ends of the total and the statistical interval about the value."""
    parts = ("low", "stat_low", "value", "stat_high", "high")
    return None if interval is None else [round(interval[part], 1) for part in parts]


def rows_of(folder: Path, boxes: int) -> list[dict[str, Any]]:
    """Return the stored results of the first boxes."""
    return [json.loads(file.read_text()) for file in sorted((folder / "stages").glob("experiment_*.json"))[:boxes]]


def each(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers of each box, short."""
    return [
        {
            "masses": row["masses"],
            "z_global": round(row["answers"]["z_global"], 2),
            "status": row["answers"]["status"],
            **{name: given(row["answers"][name]) for name in QUANTITIES},
        }
        for row in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000, help="background events in a box")
    parser.add_argument("--signal", type=int, default=300, help="signal events in a box")
    parser.add_argument("--simulated", type=int, default=12_000, help="signal events to draw from, at each point")
    parser.add_argument("--repeats", type=int, default=45, help="boxes at each mass point")
    parser.add_argument("--detectors", type=int, default=7, help="detectors drawn at each mass point")
    parser.add_argument("--drawn", type=int, default=14, help="boxes at each mass point with drawn detectors")
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
            "cwola": {"members": 1, "max_iter": 40, "learning_rate": 0.1},
            "vae": OFF,
            "autoencoder": OFF,
        }
    )
    pool = background_pool(arguments.pool, workers=arguments.workers)
    shared: dict[str, Any] = {
        "points": POINTS,
        "n_signal": arguments.signal,
        "size": arguments.size,
        "config": config,
        "seed": arguments.seed,
        "workers": arguments.workers,
        "scheduler": arguments.scheduler,
        "progress": True,
    }
    nominal = bumphunt.calibrate(
        pool, output=arguments.output, repeats=arguments.repeats, signal_events=arguments.simulated, **shared
    )
    print(nominal)
    varied = bumphunt.calibrate(
        pool,
        output=arguments.output / "detectors",
        repeats=arguments.drawn,
        detectors=arguments.detectors,
        signal_events=2 * arguments.signal,
        **shared,
    )
    print(varied)
    rows = rows_of(arguments.output / "injections", arguments.repeats * len(POINTS))
    others = rows_of(arguments.output / "detectors/drawn_detectors", arguments.drawn * len(POINTS))
    by_name = intervals(rows, "stat_low", "stat_high")
    totals = varied.to_dict()["injections"]
    summary = {
        "background_per_box": arguments.size,
        "signal_per_box": arguments.signal,
        **{name: value for name, value in nominal.to_dict()["injections"].items() if name != "pulls"},
        "statistical": {name: summarise_pulls(*parts[:2]).to_dict() for name, parts in by_name.items()},
        "total_on_nominal": nominal.to_dict()["injections"]["pulls"],
        "drawn": {
            "detectors": arguments.detectors * len(POINTS),
            **{name: value for name, value in totals.items() if name != "pulls"},
            "total": totals["pulls"],
        },
        "median_seconds": float(np.median([row["seconds"] for row in rows])),
        "points": by_point(by_name),
        "drawn_points": by_point(intervals(others, "low", "high")),
        "each": each(rows),
        "each_drawn": each(others),
    }
    text = json.dumps(stamped(summary, seed=arguments.seed), indent=1)
    # a line for each box, not one for each number
    text = re.sub(r"\[\s+((?:-?[\d.]+,\s+)*-?[\d.]+)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    arguments.result.write_text(text + "\n")
    draw(summary, arguments.result.with_suffix(".png"))


def draw(summary: dict[str, Any], path: Path) -> None:
    """Draw the statistical pulls of every box, from what is stored of it."""
    drawn = {}
    for place, name in enumerate(QUANTITIES):
        rows = [row for row in summary["each"] if row[name] is not None]
        found = [bumphunt.results.Interval(value=row[name][2], low=row[name][1], high=row[name][3]) for row in rows]
        drawn[name] = pulls_of(found, [[*row["masses"], summary["signal_per_box"]][place] for row in rows])
    with style():
        figure, _ = pulls(drawn)
        figure.savefig(path, dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
