"""What the prior-assisted search says where there is no signal, at default settings; one line a whole search.

    python analysis/prior_nulls.py --boxes 150
    python analysis/prior_nulls.py --boxes 66 --size 20000 --called "two cuts"
    python analysis/prior_nulls.py --boxes 6 --disturbed follow feature hump
    python analysis/prior_nulls.py --size 20000 --boxes 4 --disturbed coarse plain floor bosons mixture turn_on trigger
    python analysis/prior_nulls.py --boxes 12 --pool BACKGROUND.parquet --called "another detector"

The boxes are those of ``analysis/nulls.py``, drawn from the 1.3 million simulated background events of the shipped
samples and never permuted; two boxes of 100 thousand share 8 % of their events. ``z_permuted`` is the global
significance by permutations of each box's masses alone, and ``failed`` names the checks that its excess does not pass.

Disturbed background: ``follow``, a tenth of mjj is added to both jet masses; ``feature``, tau21 of both jets is 0.05
lower where mjj is 3.9 to 4.4 TeV; ``hump``, heavy jets with low tau21 are twice as frequent around 4 TeV as far from
it, over about the width of a window with its sidebands. Files that users have: ``coarse``, masses in whole GeV and
ratios in hundredths; ``plain``, jet masses and nothing else; ``floor``, jets below 30 GeV have mass and tau21 zero;
``bosons``, one event in twenty has a heavier jet of a W, a Z or a top quark at any mjj; ``mixture``, two kinds of jets
whose shares go from 0.6 to 0.2 with mjj; ``turn_on``, an efficiency that rises at 3.3 TeV over 80 GeV; ``trigger``,
below 3.8 TeV only events with mj1 above 60 GeV are kept, above it all.

``--pool`` with ``--called`` draws boxes from other background without signal; their sets have its name. Lines of the
set ``20000`` are of a version whose prior weighed the events of one cut only, those of ``20000 two cuts`` are not.
"""

import argparse
import time
from itertools import product
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from nulls import pool, rates

import bumphunt
from bumphunt.events import BlindEvents
from bumphunt.pipeline.prior_answer import outcome_of, prepare_for
from bumphunt.pipeline.prior_search import scan_hypotheses
from bumphunt.pipeline.search import prepare_search
from bumphunt.significance.checks import hypotheses_check, window_checks

CONFIG = bumphunt.AnalysisConfig()


def follow(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return events with both jet masses following mjj."""
    return table.assign(**{name: table[name] + 0.1 * table["mjj"] for name in ("mj1", "mj2")})


def feature(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return events whose jets look more like two prongs in a range of mjj."""
    lower = 0.05 * table["mjj"].between(3900.0, 4400.0)
    return table.assign(**{name: np.maximum(table[name] - lower, 0.0) for name in ("tau21_1", "tau21_2")})


def hump(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return events of which some kind is more frequent around 4 TeV."""
    kind = (table["mj1"] > 200.0) & (table["tau21_1"] < 0.4)
    share = 0.5 + 0.5 * np.exp(-0.5 * (np.log(table["mjj"] / 4000.0) / 0.12) ** 2)
    return table[~kind | (rng.random(len(table)) < share)]


def coarse(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return events with masses in whole GeV and ratios in hundredths."""
    return table.round({name: 0 if name.startswith("m") and "drop" not in name else 2 for name in table})


def plain(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return events without substructure."""
    return table[["mjj", "mj1", "mj2"]]


def floor(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return events whose light jets have no mass and no substructure, as a groomed jet of one particle."""
    light = {jet: table[f"mj{jet}"] < 30.0 for jet in (1, 2)}
    return table.assign(
        **{f"{name}{jet}": table[f"{name}{jet}"].mask(light[jet], 0.0) for name in ("mj", "tau21_") for jet in (1, 2)}
    )


def bosons(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return events of which some have a heavier jet of a W, a Z or a top quark, wherever their mass is."""
    chosen = rng.random(len(table)) < 0.05
    mass = rng.choice([80.4, 91.2, 173.0], size=len(table)) * np.exp(0.08 * rng.standard_normal(len(table)))
    tau21 = np.where(chosen, 0.5 * table["tau21_1"], table["tau21_1"])
    heavier = table.assign(mj1=np.where(chosen, mass, table["mj1"]), tau21_1=tau21)
    return heavier.assign(mj2=np.minimum(heavier["mj1"], heavier["mj2"]))


def mixture(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return events of two kinds whose shares change slowly with mjj."""
    share = np.clip(0.6 - 0.8 * np.log10(table["mjj"] / 2500.0), 0.2, 0.6)
    chosen = rng.random(len(table)) < share
    factors = {"mj1": 1.4, "mj2": 1.4, "tau21_1": 0.85, "tau21_2": 0.85}
    return table.assign(**{name: table[name].where(~chosen, by * table[name]) for name, by in factors.items()})


def turn_on(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return events of which few pass below 3.3 TeV."""
    return table[rng.random(len(table)) < 1.0 / (1.0 + np.exp(-(table["mjj"] - 3300.0) / 80.0))]


def trigger(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Return events that a trigger on the jet's mass takes below 3.8 TeV, and all above."""
    return table[(table["mjj"] > 3800.0) | (table["mj1"] > 60.0)]


KINDS = (follow, feature, hump, coarse, plain, floor, bosons, mixture, turn_on, trigger)
DISTURBED = {kind.__name__: kind for kind in KINDS}


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box without signal, its background disturbed if the task says so."""
    everything = pool(task["_pool"])
    rng = np.random.default_rng([20_262, task["size"], task["number"]])
    rows = rng.choice(len(everything), size=task["size"], replace=False)
    box = BlindEvents(everything.iloc[rows].reset_index(drop=True))
    if task["disturbed"]:
        box = BlindEvents(DISTURBED[task["disturbed"]](box, rng).reset_index(drop=True))
    search = prepare_search(box, CONFIG, task["number"])
    begun = time.process_time()
    found = scan_hypotheses(prepare_for(search), seed=task["number"])
    best = found.maps[found.best]
    checks = window_checks(outcome_of(search, found)[1].results[0], thresholds=CONFIG.checks)
    checks = (*checks, *hypotheses_check(found.elsewhere))
    return {
        "n_searched": len(search.mjj),
        "n_hypotheses": [each.n_hypotheses for each in found.maps],
        "kept": round(best.cut_fraction, 5),
        "z_local": round(found.z_local, 3),
        "z_permuted": round(found.z_global, 3),
        "elsewhere": round(found.elsewhere, 2),
        "failed": [check.name for check in checks if not check.passed],
        "null_median": round(best.null_median, 3),
        "best": [round(x, 1) for x in (best.low, best.high, best.best_m_x, best.best_m_y)],
        "largest": [[round(each.centre), round(each.z_best, 3)] for each in found.maps],
        "seconds": round(time.process_time() - begun, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=100, help="in all, with those there are")
    parser.add_argument("--first", type=int, default=0, help="number of the first box")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--disturbed", nargs="+", choices=list(DISTURBED), default=[None], help="kinds of background")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no box after so long")
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--called", default="", help="what the background is, if it is not that of the shipped samples")
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "prior_nulls.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.pool)
    begun = time.monotonic()
    for number, kind in product(range(arguments.first, arguments.boxes), arguments.disturbed):
        if time.monotonic() - begun > arguments.seconds:
            break
        task = {
            "set": " ".join([f"{arguments.size}", *filter(None, (arguments.called, kind))]),
            "size": arguments.size,
            "disturbed": kind,
            "number": number,
            "_pool": arguments.pool,
        }
        boxes.grow(arguments.result, one_box, [task], origin=boxes.stamp(CONFIG, seed=20_262))
    lines = boxes.latest(boxes.read(arguments.result))
    for name in dict.fromkeys(line["set"] for line in lines):
        own = [line for line in lines if line["set"] == name]
        for part, chosen in (("even", 0), ("odd", 1)):
            z = np.array([line["z_permuted"] for line in own if line["number"] % 2 == chosen])
            if len(z) > 1:
                print(f"{name}, {part}: {len(z)} boxes, mean {z.mean():+.3f}, width {z.std(ddof=1):.3f}; {rates(z)}")


if __name__ == "__main__":
    main()
