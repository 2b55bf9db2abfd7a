"""What does a failed check look like? A search of background that is told to trust a score which follows the mass.

    python analysis/failed_check.py

Background of the labelled sample; a tenth of mjj is added to the heavier jet's mass, and decorrelation is switched off.
The score learns the mass, and its cut makes a hump wherever the window is. Writes results/failed_check.json and its
picture.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from origin import stamped
from records import save, write

import bumphunt
from bumphunt.plots import spectrum
from bumphunt.plots.style import RED, style
from bumphunt.results import SpectrumFit

SAMPLE = Path("data/lhco_rnd.parquet")
RESULTS = Path("analysis/results")
NUMBER, SEED = 40_000, 1
CONFIG: dict[str, Any] = {
    "search": {"windows": [[3500.0, 3940.0]], "cut_fractions": [0.05], "inclusive": False},
    "cwola": {"decorrelate": False, "folds": 2, "repeats": 2},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
}


def search() -> dict[str, Any]:
    """Return the selected spectrum and the checks of a search that has to fail."""
    events = pd.read_parquet(SAMPLE)
    truth = bumphunt.events.truth_labels(events)
    background = events[~truth].drop(columns="label")
    rows = np.random.default_rng(SEED).permutation(len(background))[:NUMBER]
    table = background.iloc[rows].reset_index(drop=True)
    table["mj1"] += 0.1 * table["mjj"]
    found = bumphunt.hunt(table, config=CONFIG, seed=SEED)
    best = found.scan.best_window
    assert best is not None
    assert best.fit is not None
    return {
        "status": found.answers.status,
        "events": NUMBER,
        "z_local": best.z_local,
        "z_global": found.answers.z_global,
        "checks": [check.to_dict() for check in found.checks],
        "fit": best.fit.to_dict(),
    }


def draw(stored: dict[str, Any], path: Path) -> None:
    """Draw the spectrum of the selected events, and write into it which checks of the excess failed."""
    with style():
        figure: Figure
        figure, axes = spectrum(
            SpectrumFit.from_dict(stored["fit"]),
            title="No signal, and a score that follows the mass",
            status="Simulation",
        )
        said = "\n".join(
            f"failed: {check['name'].replace('_', ' ')}, {check['value']:.3g} (threshold {check['threshold']:g})"
            for check in stored["checks"]
            if not check["passed"] and check["applies_to"] == "excess"
        )
        axes[0].text(0.03, 0.05, said, transform=axes[0].transAxes, color=RED, fontsize="small", va="bottom")
        save(figure, path, dpi=100)


def main() -> None:
    found = stamped(search(), config=CONFIG, seed=SEED)
    write(RESULTS / "failed_check.json", json.dumps(found) + "\n")
    draw(found, RESULTS / "failed_check.png")
    failed = [check["name"] for check in found["checks"] if not check["passed"]]
    print(f"{found['status']}: {found['z_global']:.1f} σ global without signal; failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
