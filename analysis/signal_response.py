"""Simulate signal over a grid of masses and fit the response that the mass fit uses.

    make response

Writes bumphunt/masses/response.json, and the samples to --samples (kept, so that it can go on).
"""

import argparse
import json
from pathlib import Path

import pandas as pd

import bumphunt

GRID = (
    (3000, 150, 75),
    (3300, 250, 120),
    (3500, 300, 200),
    (3500, 400, 60),
    (3500, 500, 100),
    (3823, 732, 378),
    (4000, 800, 300),
    (4500, 300, 150),
    (5000, 700, 250),
)
"""(m_resonance, m_x, m_y) in GeV."""

SCALE_ERROR = (0.007, 0.015, 0.030)
"""Fractions by which the masses may be off: the detector, and the jets a classifier prefers (`make injections`)."""

EFFICIENCY_ERROR = 0.15
"""Fraction by which the efficiency of the mass box may be off in another detector; to be calibrated."""

COLUMNS = ["mjj", "mj1", "mj2"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, default=Path("out/response"))
    parser.add_argument("--events", type=int, default=4000, help="signal events at each point")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("bumphunt/masses/response.json"))
    arguments = parser.parse_args()

    arguments.samples.mkdir(parents=True, exist_ok=True)
    samples = []
    for point in GRID:
        masses = (float(point[0]), float(point[1]), float(point[2]))
        file = arguments.samples / f"signal_{'_'.join(map(str, point))}.parquet"
        if not file.exists():
            bumphunt.simulate_sample(
                file,
                background=0,
                signal=arguments.events,
                masses=masses,
                seed=arguments.seed,
                workers=arguments.workers,
                progress=True,
            )
        samples.append((masses, pd.read_parquet(file)[COLUMNS].to_numpy(dtype=float)))
    response = bumphunt.fit_response(samples, scale_error=SCALE_ERROR, efficiency_error=EFFICIENCY_ERROR)
    response["made_by"] = f"make response: {arguments.events} events a point, seed {arguments.seed}"
    arguments.output.write_text(json.dumps(response, indent=1) + "\n")
    print(f"wrote {arguments.output} from {len(samples)} points")


if __name__ == "__main__":
    main()
