"""Real LHC Olympics R&D signal among real background: are its masses and yield found? Writes `real_signal.json`.

    python analysis/real_signal.py

The first ten thousand R&D events hold 872 signal events of 3500/500/100 GeV; only their mjj and jet masses are used.
The labels are read after the search has answered.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from origin import ROOT, stamped

import bumphunt

TRUE = {"m_resonance": 3500.0, "m_x": 500.0, "m_y": 100.0}
CONFIG = {
    "searches": ["cwola"],
    "cwola": {"repeats": 8},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "search": {"windows": [[3280.0, 3700.0]], "cut_fractions": [0.01]},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=ROOT.parent / "shared/data/lhco_rnd_first10k_jets.npz")
    parser.add_argument("--result", type=Path, default=ROOT / "analysis/results/real_signal.json")
    arguments = parser.parse_args()
    with np.load(arguments.events) as file:
        masses, label = file["mj"], file["label"]
        table = pd.DataFrame({"mjj": file["mjj"], "mj1": masses.max(axis=1), "mj2": masses.min(axis=1)})
    found = bumphunt.hunt(table, config=CONFIG)
    answers = json.loads(json.dumps(found.answers.to_dict()))
    result = {
        "n_events": len(table),
        "true": {**TRUE, "n_signal": int(label.sum())},
        "answers": answers,
        "failed_checks": [check.name for check in found.checks if not check.passed],
    }
    print(found)
    arguments.result.write_text(json.dumps(stamped(result, seed=1, config=CONFIG), indent=1) + "\n")


if __name__ == "__main__":
    main()
