"""Masses and yield where the prior-assisted search is the finder, and what its selection keeps of signal it never saw.

    python analysis/prior_yields.py --boxes 2

The search is trained on the shipped simulated signal, and its efficiency is read off the same events. Were it better at
these than at others, yields would come out low. Each box holds signal simulated anew; the rest of that sample, in no
box and no training, goes through the box's models beside shipped events of the same masses. One line a box is added to
``analysis/results/prior_yields.jsonl``. Labels make the boxes and judge the answers; no search sees them.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from nulls import pool

import bumphunt
from bumphunt.calibration.pseudo_data import subsample_box, with_signal
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.response import signal_model
from bumphunt.masses.signal_table import load_signal
from bumphunt.pipeline.mass_estimate import estimate_masses
from bumphunt.pipeline.prior_answer import PriorSelection, outcome_of, prepare_for
from bumphunt.pipeline.prior_search import scan_hypotheses
from bumphunt.pipeline.search import prepare_search
from bumphunt.results import Interval
from bumphunt.simulation import Sample, simulate_sample

CONFIG = bumphunt.AnalysisConfig()
SIZE, SIMULATED, CUTS = 100_000, 3000, (0.001, 0.002, 0.005)
POINTS = {"shipped_box": (3870.0, 466.0, 173.0), "rnd": (3500.0, 500.0, 100.0), "black_box": (3823.0, 732.0, 378.0)}
NUMBERS = (300, 180)


def signal_events(folder: Path, name: str) -> BlindEvents:
    """Return independent signal of a point; it is simulated unless it is there."""
    path = folder / f"independent_{name}.parquet"
    if not path.exists():
        simulate_sample(path, Sample(signal=SIMULATED, masses=POINTS[name]), seed=9911 + list(POINTS).index(name))
    return drop_truth(bumphunt.read_events(path))


def pull(found: Interval, truth: float) -> float:
    """Return how far an answer lies from the truth, in the errors on that side."""
    error = found.high - found.value if found.value < truth else found.value - found.low
    return round((found.value - truth) / error, 2)


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box with the prior alone, fit its masses, and send independent signal through its models."""
    masses, number = POINTS[task["set"].split()[0]], task["injected"]
    rng = np.random.default_rng([20_264, *(round(mass) for mass in masses), number, task["number"]])
    signal = signal_events(task["_at"], task["set"].split()[0])
    signal = BlindEvents(signal.iloc[rng.permutation(len(signal))])
    injected, others = BlindEvents(signal.iloc[:number]), signal.iloc[number:]
    background = subsample_box(pool(task["_at"] / "pool.parquet"), size=SIZE - number, rng=rng)
    search = prepare_search(with_signal(background, injected, number=number, rng=rng), CONFIG, task["number"])
    prepared = prepare_for(search)
    found = scan_hypotheses(prepared, seed=task["number"])
    best = found.maps[found.best]
    score = found.score.astype(np.float64)
    selection = PriorSelection(prepared=prepared, number=found.best, m_x=best.best_m_x, m_y=best.best_m_y, score=score)
    shipped = draw_signal(signal_model(load_signal(), masses), rng=np.random.default_rng(0)).table(masses)
    kept = {"z_global": round(found.z_global, 2), "efficiency": {}}
    for cut in CUTS:
        rows = [_passing(selection, cut, table, search.edges) for table in (shipped, others)]
        kept["efficiency"][str(cut)] = [round(float(row.mean()), 4) for row in rows]
    settings = CONFIG.model_copy(update={"cwola": CONFIG.cwola.model_copy(update={"decorrelate": True})})
    window, outcome = outcome_of(search, found)
    fit, cut = estimate_masses(search, window, outcome, outcome.results[0], settings, selection=selection)
    if fit is None:
        return kept
    chosen = search.events[outcome.selected(cut)]
    true = len(pd.merge(chosen.drop_duplicates(), injected.drop_duplicates(), on=["mjj", "mj1", "mj2"]))
    named = dict(zip(("m_resonance", "m_x", "m_y", "n_signal"), (*masses, number), strict=True))
    return kept | {
        "cut": cut,
        "fitted": {name: [round(x, 1) for x in _ends(getattr(fit, name))] for name in named},
        "pulls": {name: pull(getattr(fit, name), truth) for name, truth in named.items()},
        "selected": [round(fit.n_selected.value, 1), true],
        "efficiency_fitted": [round(fit.efficiency, 4), round(fit.efficiency_error, 4)],
        "widths": np.exp(fit.log_widths).round(3).tolist(),
        "tau21_scale": round(fit.tau21_scale, 3),
    }


def _passing(selection: PriorSelection, cut: float, table: pd.DataFrame, edges: np.ndarray) -> np.ndarray:
    inside = table["mjj"].between(edges[0], edges[-1]).to_numpy()
    return np.asarray(selection.at(cut)(table) * inside)


def _ends(found: Interval) -> tuple[float, float, float]:
    return found.low, found.value, found.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=2, help="of each point and number")
    parser.add_argument("--points", nargs="+", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--numbers", nargs="+", type=int, default=list(NUMBERS))
    parser.add_argument("--folder", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "prior_yields.jsonl")
    arguments = parser.parse_args()
    background_pool(arguments.folder / "pool.parquet")
    tasks = [
        {"set": f"{point} {number}", "injected": number, "number": box, "_at": arguments.folder}
        for box, number, point in product(range(arguments.boxes), arguments.numbers, arguments.points)
    ]
    boxes.grow(arguments.result, one_box, tasks, origin=boxes.stamp(CONFIG, seed=20_264))
    lines = [line for line in boxes.read(arguments.result) if "pulls" in line]
    for name in ("m_resonance", "m_x", "m_y", "n_signal"):
        pulls = np.array([line["pulls"][name] for line in lines])
        within = int((np.abs(pulls) <= 1.0).sum())
        print(f"{name}: mean pull {pulls.mean():+.2f}, {within} of {len(pulls)} within the interval")
    for cut in CUTS:
        both = np.array([line["efficiency"][str(cut)] for line in lines])
        print(f"cut {cut}: shipped over independent {both[:, 0].sum() / both[:, 1].sum():.3f}")


if __name__ == "__main__":
    main()
