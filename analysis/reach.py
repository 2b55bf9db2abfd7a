"""How weak a signal the prior-assisted search finds, and whether it invents any.

    make reach

Boxes are drawn from the 1.3 million background events of the shipped samples, and simulated signal is mixed in at
strengths given as inclusive S/sqrt(B) in the window around the resonance. One line a box is added to
``analysis/results/reach.jsonl``; a table is printed. Labels make the boxes and judge the answers; no search sees them.
"""

import argparse
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from origin import ROOT
from power import signal_file
from reach_curves import curves

import bumphunt
from bumphunt.calibration.pseudo_data import subsample_box, with_signal
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents
from bumphunt.pipeline.prior_search import PriorFindings, PriorSettings, covered_windows, search_prior
from bumphunt.preprocessing.splits import MassWindow, mass_windows
from bumphunt.spectrum.binning import searched_range

MODELS = {
    "rnd": ((3500.0, 500.0, 100.0), 2),
    "off_grid": ((4500.0, 400.0, 250.0), 2),
    "three_prong": ((4000.0, 500.0, 200.0), 3),
    "black_box": ((3823.0, 732.0, 378.0), 2),
    "equal": ((4200.0, 350.0, 350.0), 2),
    "plain_jet": ((3500.0, 500.0, 100.0), 2),
    "real": ((3500.0, 500.0, 100.0), 2),
}
PLAIN = "plain_jet"
"""Signal whose lighter jet is one of background: nothing that the prior knows."""
REAL = "real"
"""The 93 signal events among the first thousand of the LHC Olympics R&D file (Zenodo 6466204), where that is there."""
REAL_EVENTS = ROOT.parent / "shared/data/lhco_rnd_tiny.h5"
HALF_WINDOW = 0.057
"""Half of the window, relative to the resonance, in which S/sqrt(B) counts: 3.3-3.7 TeV for 3.5 TeV."""
BOTH: dict[str, Any] = {
    "searches": ["cwola", "prior"],
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
    "search": {"most_signals": 1},
}
LEAST = 100
"""Events in a window's region and either sideband, as the package asks."""


def tasks(
    folder: Path,
    chosen: str,
    sizes: list[int],
    strengths: list[float],
    number: int,
    *,
    follow: float = 0.0,
    near: bool = False,
) -> list[dict[str, Any]]:
    """Return the boxes: strength by strength, each with background of its own; ``near``: of three windows only."""
    ending = (f" follow {follow:g}" if follow else "") + (" near" if near else "")
    return [
        {"set": f"{chosen} {size} {strength:g}{ending}", "number": box}
        | {"model": chosen, "size": size, "strength": strength, "follow": follow, "_at": folder}
        | ({"near": True} if near else {})
        for size in sizes
        for strength in strengths
        for box in range(number)
    ]


@lru_cache
def _blind(path: Path) -> BlindEvents:
    return bumphunt.events.drop_truth(bumphunt.read_events(path))


@lru_cache
def signal_of(model: str, folder: Path, *, workers: int = 1) -> BlindEvents:
    """Return the signal events of a model, simulated where they are not there yet."""
    if model != REAL:
        return _blind(signal_file(folder, *MODELS[model], workers=workers))
    events = bumphunt.read_events(REAL_EVENTS)
    return bumphunt.events.drop_truth(events[events["label"] == 1].reset_index(drop=True))


def near(mjj: np.ndarray, resonance: float) -> np.ndarray:
    """Return which masses (GeV) lie in the window that S/sqrt(B) is of, (events,)."""
    return np.abs(mjj / resonance - 1.0) < HALF_WINDOW


def make_box(task: dict[str, Any]) -> tuple[BlindEvents, int]:
    """Return the events of a box and how many of them are signal."""
    masses = MODELS[task["model"]][0]
    rng = np.random.default_rng([17, task["size"], round(1000 * task["strength"]), task["number"]])
    pool = _blind(background_pool(task["_at"] / "pool.parquet"))
    signal = signal_of(task["model"], task["_at"])
    box = subsample_box(pool, size=task["size"], rng=rng)
    injected = number_injected(signal, box, mass=masses[0], strength=task["strength"])
    if task["model"] == PLAIN:
        signal = _with_plain_jet(signal, pool, rng)
    events = with_signal(box, signal, number=injected, rng=rng)
    if task["follow"]:
        events = events.assign(**{name: events[name] + task["follow"] * events["mjj"] for name in ("mj1", "mj2")})
    return BlindEvents(events), injected


def number_injected(signal: BlindEvents, box: BlindEvents, *, mass: float, strength: float) -> int:
    """Return how many signal events have ``strength`` roots of the background in the window about ``mass`` (GeV)."""
    inside = float(near(signal["mjj"].to_numpy(), mass).mean())
    background = float(near(box["mjj"].to_numpy(), mass).sum())
    return round(strength * background**0.5 / inside)


def _with_plain_jet(signal: BlindEvents, pool: BlindEvents, rng: np.random.Generator) -> BlindEvents:
    """Return signal whose lighter jet is that of a background event of about the same mjj, if it is the lighter."""
    background = pool[near(pool["mjj"].to_numpy(), float(signal["mjj"].median()))]
    drawn = background.iloc[rng.integers(len(background), size=len(signal))].reset_index(drop=True)
    names = [name for name in signal.columns if name.endswith("2") and name in drawn.columns]
    changed = signal.reset_index(drop=True).assign(**{name: drawn[name].to_numpy() for name in names})
    return BlindEvents(changed[changed["mj2"] <= changed["mj1"]].reset_index(drop=True))


def content_folds(events: BlindEvents, folds: int) -> np.ndarray:
    """Return folds that events' content decides, (events,)."""
    return (pd.util.hash_pandas_object(events[["mjj", "mj1", "mj2"]], index=False).to_numpy() % folds).astype(np.int64)


def search(events: BlindEvents, settings: PriorSettings, *, seed: int) -> PriorFindings:
    """Run the prior-assisted search at the package's windows."""
    config = bumphunt.AnalysisConfig().search
    mjj = events["mjj"].to_numpy(dtype=np.float64)
    edges = searched_range(mjj, ratio=config.bin_ratio)
    kept = (mjj >= edges[0]) & (mjj < edges[-1])
    events, mjj = BlindEvents(events[kept].reset_index(drop=True)), mjj[kept]

    def filled(window: MassWindow) -> bool:
        parts = (window.lower_sideband(mjj), window.signal_region(mjj), window.upper_sideband(mjj))
        return bool(min(part.sum() for part in parts) >= LEAST)

    every = mass_windows(edges, width=config.window_bins, step=config.window_step, sideband=config.sideband_bins)
    windows = [window for window in covered_windows(every) if filled(window)]
    return search_prior(events, windows, edges, content_folds(events, 2), seed=seed, settings=settings)


def near_windows(mass: float) -> list[list[int]]:
    """Return the resonance's window and its neighbours, in GeV."""
    centres = mass * np.array([1.0 - HALF_WINDOW, 1.0, 1.0 + HALF_WINDOW])
    return [[round(centre * (1.0 - HALF_WINDOW)), round(centre * (1.0 + HALF_WINDOW))] for centre in centres.tolist()]


def both_searches(task: dict[str, Any]) -> dict[str, Any]:
    """Hunt in one box with both searches, at default settings but for what is no part of the answer."""
    events, injected = make_box(task)
    config = BOTH
    if task.get("near"):
        windows = near_windows(MODELS[task["model"]][0][0])
        config = {**BOTH, "search": {**BOTH["search"], "windows": windows}}
    begun = time.process_time()
    answers = bumphunt.hunt(events, config=config, seed=1).answers
    return {
        "injected": injected,
        "z_global": round(answers.z_global, 3),
        "found_by": answers.search,
        "per_search": {
            name: {key: round(value, 3) for key, value in found.items()} for name, found in answers.per_search.items()
        },
        "status": answers.status,
        "masses": [None if each is None else round(each.value, 1) for each in (answers.m_x, answers.m_y)],
        "n_signal": None if answers.n_signal is None else round(answers.n_signal.value, 1),
        "seconds": round(time.process_time() - begun, 1),
    }


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box."""
    events, injected = make_box(task)
    begun = time.process_time()
    found = search(events, PriorSettings(), seed=1)
    best, masses = found.maps[found.best], MODELS[task["model"]][0]
    near = abs(np.log(best.best_m_x / masses[1])) < 0.15 and abs(np.log(best.best_m_y / masses[2])) < 0.25
    return {
        "search": "prior",
        "injected": injected,
        "z_local": round(found.z_local, 3),
        "z_global": round(found.z_global, 3),
        "null_median": round(best.null_median, 3),
        "elsewhere": round(found.elsewhere, 2),
        "right": bool(injected and best.low < masses[0] * 1.02 and best.high > masses[0] * 0.98 and near),
        "best": [round(x, 1) for x in (best.low, best.high, best.best_m_x, best.best_m_y)],
        "counts": [best.n_observed, round(best.n_expected, 2), round(best.n_expected_error, 2)],
        "fitted": [round(found.fitted.n_expected, 2), round(found.fitted.n_expected_error, 2)],
        "seconds": round(time.process_time() - begun, 1),
    }


def table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return medians and 16-84 % ranges by model, size and strength."""
    rows = []
    kinds = ["commit", "model", "size", "strength", "follow"]
    for (made, model, size, strength, follow), group in pd.DataFrame(lines).fillna({"follow": 0.0}).groupby(kinds):
        low, middle, high = np.quantile(group["z_global"], [0.16, 0.5, 0.84]).round(2)
        rows.append(
            {"boxes": len(group), "commit": made, "model": model, "size": size, "S/sqrt(B)": strength, "follow": follow}
            | {"z_local": round(group["z_local"].median(), 2), "z_global": middle, "16%": low, "84%": high}
            | {
                "above 2": int((group["z_global"] > 2).sum()),
                "right": int(group["right"].sum()),
                "seconds": group["seconds"].median(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"), help="pool and signal, made if missing")
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "reach.jsonl")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[100_000])
    parser.add_argument("--strengths", nargs="+", type=float, default=[0.0, 0.4, 0.55, 0.8, 1.2])
    parser.add_argument("--boxes", type=int, default=10, help="of each kind; 0 prints what is there")
    parser.add_argument("--follow", type=float, default=0.0, help="add this part of mjj to both jet masses")
    parser.add_argument(
        "--near", action="store_true", help="with --both: the resonance's window and its neighbours only"
    )
    parser.add_argument("--both", action="store_true", help="hunt with both searches, and write reach_both.jsonl")
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    todo = []
    for chosen in arguments.models:
        if chosen == REAL and not REAL_EVENTS.exists():
            print(f"{chosen}: left out, {REAL_EVENTS.name} is not beside the project")
            continue
        signal_of(chosen, arguments.scratch, workers=arguments.workers)
        todo += tasks(
            arguments.scratch,
            chosen,
            arguments.sizes,
            arguments.strengths,
            arguments.boxes,
            follow=arguments.follow,
            near=arguments.near,
        )
    if arguments.both:
        origin = boxes.stamp(config_from_dict(BOTH), seed=1)
        path = arguments.result.with_name("reach_both.jsonl")
        boxes.grow(path, both_searches, todo, origin=origin, workers=arguments.workers)
        print(pd.DataFrame(curves(boxes.read(path))).to_string(index=False))
        return
    origin = boxes.stamp(bumphunt.AnalysisConfig(), seed=1)
    boxes.grow(arguments.result, one_box, todo, origin=origin, workers=arguments.workers)
    print(table(boxes.read(arguments.result)).to_string(index=False))


if __name__ == "__main__":
    main()
