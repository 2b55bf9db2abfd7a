"""Answers on events of another simulation, a prototype with a sharper detector, beside the truth.

    make other-simulation

Needs the development samples in ../shared/data: 400 thousand background events, to which signal is mixed, or none.
Writes analysis/results/other_simulation.json: answers and truth.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
from origin import stamped

import bumphunt
from bumphunt.calibration.pulls import pulls_of

BOXES = {"empty": 0, "4000_800_300": 400, "4500_300_150": 300, "3500_500_100": 400}
QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
OFF = {"enabled": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("out/other_simulation"))
    parser.add_argument("--result", type=Path, default=Path("analysis/results/other_simulation.json"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    background = pd.read_parquet(arguments.data / "dev_qcd.parquet")
    config = bumphunt.AnalysisConfig.model_validate({"vae": OFF, "autoencoder": OFF})
    summary = []
    for name, n_signal in BOXES.items():
        parts = [background]
        if n_signal:
            signal = pd.read_parquet(arguments.data / f"dev_signal_{name}.parquet")
            parts.append(signal.sample(n_signal, random_state=arguments.seed))
        box = arguments.output / f"{name}.parquet"
        pd.concat(parts)[background.columns].sample(frac=1.0, random_state=arguments.seed).to_parquet(box, index=False)
        found = bumphunt.run_analysis(
            box,
            output=arguments.output / name,
            config=config,
            seed=arguments.seed,
            workers=arguments.workers,
            resume=True,
        )
        truth = [*map(float, name.split("_")), float(n_signal)] if n_signal else []
        row = {"box": name, "status": found.answers.status, "z_global": round(found.answers.z_global, 2)}
        for quantity, true in zip(QUANTITIES, truth, strict=False):
            interval = getattr(found.answers, quantity)
            row[quantity] = {
                "value": round(interval.value, 1),
                "low": round(interval.low, 1),
                "high": round(interval.high, 1),
                "truth": true,
                "pull": round(float(pulls_of([interval], [true])[0]), 2),
            }
        summary.append(row)
        print(json.dumps(row), flush=True)
    arguments.result.write_text(json.dumps(stamped({"boxes": summary}, seed=arguments.seed), indent=1) + "\n")


if __name__ == "__main__":
    main()
