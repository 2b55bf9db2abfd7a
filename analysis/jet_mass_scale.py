"""What jet masses of background the mass fit compares data with, and how well they are known.

    make jet-mass-scale

Prints and stores what the mass fit compares data with: the mean of log(mj / mjj), without a tenth of the events at
either end, of the heavier and the lighter jet in the shipped background, as parabolas in log mjj
(BACKGROUND_JETS in bumphunt/masses/constants.py). Then the difference to them of

* real R&D events and another simulation with a sharper detector (../shared/data, skipped where that is absent);
* a softer shower, alpha_S 0.127 instead of 0.1365, simulated for this study (two minutes);
* real R&D events whose jets lie within 2.0 and 1.3 in pseudorapidity, as other searches choose them.

The error of the modelling that the mass fit allows for (JET_SCALE_MODELLING) is set by hand from these numbers.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from origin import stamped

from bumphunt.masses.background_jets import background_jets
from bumphunt.masses.constants import BACKGROUND_MJJ
from bumphunt.masses.jet_scale import jet_mass_scale
from bumphunt.simulation.presets import SHIFTED_SHOWER
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import simulate_sample

ROOT = Path(__file__).resolve().parents[1]
MASSES = ("mjj", "mj1", "mj2")
SEED = 900
SHOWER_EVENTS = 8_000


def first_jets(file: Path, *, apart: float = np.inf) -> pd.DataFrame:
    """Return real background whose jets lie within ``apart`` in pseudorapidity."""
    with np.load(file) as stored:
        masses = np.sort(stored["mj"], axis=1)
        chosen = (stored["label"] == 0) & (np.abs(np.diff(stored["eta"], axis=1)[:, 0]) < apart)
        return pd.DataFrame({"mjj": stored["mjj"], "mj1": masses[:, 1], "mj2": masses[:, 0]})[chosen]


def samples(data: Path, shower: Path) -> dict[str, pd.DataFrame]:
    """Return the events that are compared, by what they are."""
    found = {}
    real, sharper = data / "lhco_rnd_first10k_jets.npz", data / "dev_qcd.parquet"
    if real.exists():
        found["real R&D events"] = first_jets(real)
    if sharper.exists():
        found["another simulation, sharper detector"] = pd.read_parquet(sharper, columns=list(MASSES))
    found["softer shower"] = pd.read_parquet(shower, columns=list(MASSES))
    if real.exists():
        for apart in (2.0, 1.3):
            found[f"real R&D events, jets within {apart} in pseudorapidity"] = first_jets(real, apart=apart)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--shower", type=Path, default=ROOT / "out/jet_mass_scale/softer_shower.parquet")
    parser.add_argument("--result", type=Path, default=ROOT / "analysis/results/jet_mass_scale.json")
    arguments = parser.parse_args()
    if not arguments.shower.exists():
        arguments.shower.parent.mkdir(parents=True, exist_ok=True)
        simulate_sample(arguments.shower, Sample(background=SHOWER_EVENTS, shower=SHIFTED_SHOWER), seed=SEED)
    shipped = pd.read_parquet(ROOT / "data/lhco_rnd.parquet").query("label == 0")
    jets = background_jets(*(shipped[mass].to_numpy(dtype=float) for mass in MASSES), ends=BACKGROUND_MJJ)
    curves = [[round(value, 5) for value in curve] for curve in (jets.heavier, jets.lighter)]
    result: dict[str, Any] = {"events": len(shipped), "curves": curves, "differences": {}}
    print(result["curves"])
    for name, table in samples(arguments.data, arguments.shower).items():
        found = jet_mass_scale(*(table[mass].to_numpy(dtype=float) for mass in MASSES))
        if found is None:
            continue
        inside = int(table["mjj"].between(*BACKGROUND_MJJ).sum())
        row = {"events": inside, "log_scale": round(found.log_scale, 4), "statistical": round(found.statistical, 4)}
        result["differences"][name] = row
        print(f"{name}: {100 * found.log_scale:+.1f} ± {100 * found.statistical:.1f} % ({inside} events)")
    arguments.result.write_text(json.dumps(stamped(result, seed=SEED), indent=1) + "\n")


if __name__ == "__main__":
    main()
