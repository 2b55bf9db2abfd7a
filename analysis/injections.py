"""Inject signals of known masses into signal-free boxes and compare the answers with the truth.

    make injections

Writes analysis/results/injections.json: pulls and coverage of the three masses and the yield. The
background is that of a labelled sample (the shipped one) cut into boxes, so boxes of different points share events.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bumphunt

POINTS = (
    (3300, 250, 120),
    (3500, 500, 100),
    (3600, 350, 350),
    (3823, 732, 378),
    (4000, 300, 80),
    (4200, 600, 200),
    (4600, 400, 150),
    (5000, 700, 250),
)
"""(m_resonance, m_x, m_y) in GeV."""

QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/lhco_rnd.parquet"), help="labelled")
    parser.add_argument("--size", type=int, default=100_000, help="background events in a box")
    parser.add_argument("--signal", type=int, default=300, help="signal events in a box")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("out/injections"))
    parser.add_argument("--result", type=Path, default=Path("analysis/results/injections.json"))
    arguments = parser.parse_args()

    arguments.output.mkdir(parents=True, exist_ok=True)
    sample = bumphunt.read_events(arguments.events)
    sample = bumphunt.drop_truth(sample[~bumphunt.truth_labels(sample)])
    n_boxes = max(len(sample) // arguments.size, 1)
    config = bumphunt.AnalysisConfig.model_validate({"vae": {"enabled": False}, "autoencoder": {"enabled": False}})
    rows: list[dict[str, Any]] = []
    for repeat in range(arguments.repeats):
        for place, point in enumerate(POINTS):
            number = (repeat + place) % n_boxes
            background = sample.iloc[number * arguments.size : (number + 1) * arguments.size]
            row = inject(point, repeat, background, arguments, config)
            rows.append(row)
            print(json.dumps(row), flush=True)
    summary = {
        "background_per_box": arguments.size,
        "signal_per_box": arguments.signal,
        "injections": len(rows),
        "claimed": sum(row["status"] != "none" for row in rows),
        "verified": sum(row["status"] in ("evidence", "discovery") for row in rows),
        **{name: spread([row for row in rows if row[name] is not None], name) for name in QUANTITIES},
        "each": rows,
    }
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps({key: value for key, value in summary.items() if key != "each"}, indent=1))


def inject(
    point: tuple[int, int, int],
    repeat: int,
    background: pd.DataFrame,
    arguments: argparse.Namespace,
    config: bumphunt.AnalysisConfig,
) -> dict[str, Any]:
    """Analyse one box and return answers and truth."""
    name = f"{'_'.join(map(str, point))}_{repeat}"
    folder = arguments.output / name
    folder.mkdir(exist_ok=True)
    signal = folder / "signal.parquet"
    masses = (float(point[0]), float(point[1]), float(point[2]))
    if not signal.exists():
        bumphunt.simulate_sample(
            signal, background=0, signal=arguments.signal, masses=masses, seed=5000 + repeat, workers=arguments.workers
        )
    box = folder / "events.parquet"
    mixed = pd.concat([background, pd.read_parquet(signal)[background.columns]])
    mixed.sample(frac=1.0, random_state=repeat).to_parquet(box, index=False)
    found = bumphunt.run_analysis(
        box, output=folder / "run", config=config, seed=repeat + 1, workers=arguments.workers, resume=True
    )
    answers = found.answers
    row: dict[str, Any] = {
        "masses": list(point),
        "repeat": repeat,
        "status": answers.status,
        "z_global": round(answers.z_global, 2),
        "failed_checks": [check.name for check in found.checks if not check.passed],
    }
    for quantity, truth in zip(QUANTITIES, (*masses, arguments.signal), strict=True):
        interval = getattr(answers, quantity)
        row[quantity] = None if interval is None else [interval.low, interval.value, interval.high, truth]
    return row


def spread(rows: list[dict[str, Any]], name: str) -> dict[str, float]:
    """Return mean and width of the pulls, coverage of one and two intervals, and the median relative error."""
    if not rows:
        return {"n": 0}
    low, value, high, truth = np.array([row[name] for row in rows], dtype=float).T
    half = np.where(truth > value, high - value, value - low)
    pull = (value - truth) / half
    return {
        "n": len(rows),
        "pull_mean": float(pull.mean()),
        "pull_width": float(pull.std()),
        "covered": float((np.abs(pull) <= 1).mean()),
        "covered_twice": float((np.abs(pull) <= 2).mean()),
        "median_error": float(np.median(np.abs(value / truth - 1))),
    }


if __name__ == "__main__":
    main()
