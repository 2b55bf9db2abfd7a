"""Run the whole analysis on boxes without signal, and count what it claims.

    make null-boxes

Boxes are disjoint parts of the background in a labelled sample (the shipped one). Prints each box's
global significance and writes analysis/results/null_boxes.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import bumphunt

RESULT = Path("analysis/results/null_boxes.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/lhco_rnd.parquet"), help="labelled")
    parser.add_argument("--boxes", type=int, default=3)
    parser.add_argument("--size", type=int, default=100_000, help="events in a box")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("out/null"))
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()

    arguments.output.mkdir(parents=True, exist_ok=True)
    sample = bumphunt.read_events(arguments.events)
    sample = bumphunt.drop_truth(sample[~bumphunt.truth_labels(sample)])
    config = bumphunt.AnalysisConfig.model_validate({"vae": {"enabled": False}, "autoencoder": {"enabled": False}})
    boxes = []
    for number in range(min(arguments.boxes, len(sample) // arguments.size)):
        folder = arguments.output / f"box_{number}"
        folder.mkdir(exist_ok=True)
        box = folder / "events.parquet"
        sample.iloc[number * arguments.size : (number + 1) * arguments.size].to_parquet(box)
        found = bumphunt.run_analysis(
            box, output=folder / "run", config=config, seed=number + 1, workers=arguments.workers, resume=True
        )
        products = json.loads((folder / "run" / "products.json").read_text())
        local = [window["z_local"] for window in products["scan"]["windows"] if not window["note"]]
        boxes.append(
            {
                "z_global": found.answers.z_global,
                "z_local": found.answers.z_local,
                "status": found.answers.status,
                "failed_checks": [check.name for check in found.checks if not check.passed],
                "z_local_all": local,
            }
        )
        print(f"box {number}: {found.answers.status}, z_global {found.answers.z_global:.2f}", flush=True)
    every = np.concatenate([box["z_local_all"] for box in boxes])
    summary = {
        "boxes": len(boxes),
        "events_per_box": arguments.size,
        "claims": sum(box["status"] != "none" for box in boxes),
        "discoveries": sum(box["status"] == "discovery" for box in boxes),
        "largest_z_global": max(box["z_global"] for box in boxes),
        "local_tested": len(every),
        "local_above_1_sigma": float((every > 1).mean()),
        "local_above_2_sigma": float((every > 2).mean()),
        "local_median": float(np.median(every)),
        "each": [{key: value for key, value in box.items() if key != "z_local_all"} for box in boxes],
    }
    arguments.result.parent.mkdir(parents=True, exist_ok=True)
    arguments.result.write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps({key: value for key, value in summary.items() if key != "each"}))


if __name__ == "__main__":
    main()
