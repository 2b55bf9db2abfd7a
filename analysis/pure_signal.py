"""Are masses right where there is nothing but signal? Fits of the response's density to signal simulated apart.

    python analysis/pure_signal.py

No selection, no background: what is left is how the response is read off its simulated points. ``far`` reads the
spread of mjj off daughters up to twice as far away, as before this study.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from iminuit import Minuit
from origin import ROOT, stamped

import bumphunt
from bumphunt.masses import response
from bumphunt.masses.constants import WIDTH_PRIOR
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.signal_table import Masses, load_signal
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import simulate_sample

POINTS: tuple[Masses, ...] = (
    (4200.0, 600.0, 200.0),
    (3600.0, 350.0, 350.0),
    (5000.0, 700.0, 250.0),
    (3500.0, 500.0, 100.0),
    (5500.0, 500.0, 120.0),
    (4600.0, 400.0, 150.0),
)
EVENTS, SEED = 3000, 777
SCALES = {"now": (response.PAIR_SCALES, response.MOST_EVENTS), "far": ((0.20, 0.03, 0.03), 15_000)}
NAMES = ("m_resonance", "m_x", "m_y", "log_width_mjj", "log_width_jets")


def fitted(model: SignalModel, logs: tuple[np.ndarray, ...], masses: Masses) -> tuple[np.ndarray, np.ndarray]:
    """Return relative differences of the masses and logarithms of the resolutions, and their errors, shape (5,)."""

    def objective(*at: float) -> float:
        moved, widths = tuple(np.exp(np.log(masses) + at[:3]).tolist()), at[3:]
        density = model.density(logs, masses=moved, widening=tuple(np.exp(widths).tolist()))
        prior = sum(width**2 for width in widths) / WIDTH_PRIOR**2
        return float(-2.0 * np.log(np.maximum(density, 1e-30)).sum() + prior)

    minuit = Minuit(objective, *np.zeros(5), name=NAMES)
    minuit.errordef, minuit.errors = 1.0, [0.002] * 3 + [0.02] * 2
    minuit.migrad()
    return np.array(minuit.values), np.array(minuit.errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=ROOT / "out/pure", help="folder of simulated signal")
    parser.add_argument("--result", type=Path, default=ROOT / "analysis/results/pure_signal.json")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"events": EVENTS, "points": [list(masses) for masses in POINTS]}
    for name, (scales, most) in SCALES.items():
        response.PAIR_SCALES, response.MOST_EVENTS = scales, most
        values, errors = [], []
        for place, masses in enumerate(POINTS):
            path = arguments.scratch / f"{'_'.join(f'{mass:g}' for mass in masses)}.parquet"
            if not path.exists():
                simulate_sample(path, Sample(background=0, signal=EVENTS, masses=masses), seed=SEED + place)
            events = bumphunt.read_events(path)
            logs = tuple(np.log(np.maximum(events[mass].to_numpy(dtype=float), 1.0)) for mass in ("mjj", "mj1", "mj2"))
            one = fitted(signal_model(load_signal(), masses), logs, masses)
            values.append(one[0])
            errors.append(one[1])
        weight = np.array(errors) ** -2.0
        mean, error = (weight * values).sum(axis=0) / weight.sum(axis=0), weight.sum(axis=0) ** -0.5
        found[name] = {
            "mean": dict(zip(NAMES, mean.round(5).tolist(), strict=True)),
            "error": dict(zip(NAMES, error.round(5).tolist(), strict=True)),
            "each": [dict(zip(NAMES, one.round(5).tolist(), strict=True)) for one in values],
        }
        print(name, {key: f"{100 * mean[i]:+.2f} ± {100 * error[i]:.2f} %" for i, key in enumerate(NAMES)})
    arguments.result.write_text(json.dumps(stamped(found, seed=SEED), indent=1) + "\n")


if __name__ == "__main__":
    main()
