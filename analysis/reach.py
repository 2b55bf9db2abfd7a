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
from power import signal_file

import bumphunt
from bumphunt.calibration.pseudo_data import subsample_box, with_signal
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents
from bumphunt.pipeline.prior_search import PriorFindings, PriorSettings, covered_windows, search_prior
from bumphunt.plots.style import BLACK, BLUE, GREY, RED, new_figure, style
from bumphunt.preprocessing.splits import MassWindow, mass_windows
from bumphunt.spectrum.binning import searched_range

MODELS = {
    "rnd": ((3500.0, 500.0, 100.0), 2),
    "off_grid": ((4500.0, 400.0, 250.0), 2),
    "three_prong": ((4000.0, 500.0, 200.0), 3),
    "black_box": ((3823.0, 732.0, 378.0), 2),
    "equal": ((4200.0, 350.0, 350.0), 2),
    "plain_jet": ((3500.0, 500.0, 100.0), 2),
}
PLAIN = "plain_jet"
"""Signal whose lighter jet is one of background: nothing that the prior knows."""
HALF_WINDOW = 0.057
"""Half of the window, relative to the resonance, in which S/sqrt(B) counts: 3.3-3.7 TeV for 3.5 TeV."""
BOTH: dict[str, Any] = {
    "searches": ["cwola", "prior"],
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
    "limit": {"enabled": False},
    "search": {"most_signals": 1},
}
LEAST_BOXES = 5
"""Boxes of a kind from which its median is drawn."""
LEAST = 100
"""Events in a window's region and either sideband, as the package asks."""


def tasks(
    folder: Path, chosen: str, sizes: list[int], strengths: list[float], number: int, *, follow: float = 0.0
) -> list[dict[str, Any]]:
    """Return the boxes: strength by strength, each with background of its own."""
    return [
        {"set": f"{chosen} {size} {strength:g}" + (f" follow {follow:g}" if follow else ""), "number": box}
        | {"model": chosen, "size": size, "strength": strength, "follow": follow, "_at": folder}
        for size in sizes
        for strength in strengths
        for box in range(number)
    ]


@lru_cache
def _blind(path: Path) -> BlindEvents:
    return bumphunt.events.drop_truth(bumphunt.read_events(path))


def _near(mjj: np.ndarray, resonance: float) -> np.ndarray:
    return np.abs(mjj / resonance - 1.0) < HALF_WINDOW


def make_box(task: dict[str, Any]) -> tuple[BlindEvents, int]:
    """Return the events of a box and how many of them are signal."""
    masses, prongs = MODELS[task["model"]]
    rng = np.random.default_rng([17, task["size"], round(1000 * task["strength"]), task["number"]])
    pool = _blind(background_pool(task["_at"] / "pool.parquet"))
    signal = _blind(signal_file(task["_at"], masses, prongs))
    box = subsample_box(pool, size=task["size"], rng=rng)
    inside = float(_near(signal["mjj"].to_numpy(), masses[0]).mean())
    background = float(_near(box["mjj"].to_numpy(), masses[0]).sum())
    injected = round(task["strength"] * background**0.5 / inside)
    if task["model"] == PLAIN:
        signal = _with_plain_jet(signal, pool, rng)
    events = with_signal(box, signal, number=injected, rng=rng)
    if task["follow"]:
        events = events.assign(**{name: events[name] + task["follow"] * events["mjj"] for name in ("mj1", "mj2")})
    return BlindEvents(events), injected


def _with_plain_jet(signal: BlindEvents, pool: BlindEvents, rng: np.random.Generator) -> BlindEvents:
    """Return signal whose lighter jet is that of a background event of about the same mjj, if it is the lighter."""
    near = pool[_near(pool["mjj"].to_numpy(), float(signal["mjj"].median()))]
    drawn = near.iloc[rng.integers(len(near), size=len(signal))].reset_index(drop=True)
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


def both_searches(task: dict[str, Any]) -> dict[str, Any]:
    """Hunt in one box with both searches, at default settings but for what is no part of the answer."""
    events, injected = make_box(task)
    config, mass = BOTH, MODELS[task["model"]][0][0]
    if task.get("near"):
        centres = mass * np.array([1.0 - HALF_WINDOW, 1.0, 1.0 + HALF_WINDOW])
        windows = [[round(c * (1.0 - HALF_WINDOW)), round(c * (1.0 + HALF_WINDOW))] for c in centres.tolist()]
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


def curves(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return 16, 50 and 84 % of the global significance of each search, and of both, by model, size and strength.

    Of a box the last line counts.
    """
    kinds: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in boxes.latest(lines):
        kinds.setdefault((line["model"], line["size"], bool(line.get("near")), line["strength"]), []).append(line)
    rows = []
    for (model, size, near, strength), group in sorted(kinds.items()):
        z = {name: [line["per_search"][name]["z_global"] for line in group] for name in ("cwola", "prior")}
        z["both"] = [line["z_global"] for line in group]
        rows.append(
            {"model": model, "size": size, "near": near, "strength": strength, "boxes": len(group)}
            | {"injected": int(np.median([line["injected"] for line in group]))}
            | {name: np.quantile(values, [0.16, 0.5, 0.84]).round(2).tolist() for name, values in z.items()}
            | {f"above {level}": sum(value >= level for value in z["both"]) for level in (3, 5)}
            | {"found by prior": sum(line["found_by"] == "prior" for line in group)}
        )
    return rows


def draw(lines: list[dict[str, Any]], path: Path) -> None:
    """Draw global significance against the strength of signal, by model and number of events."""
    rows = [row for row in curves(lines) if row["boxes"] >= LEAST_BOXES]
    shown = list(dict.fromkeys((row["model"], row["size"]) for row in rows))
    with style():
        figure = new_figure(3.4, width=3.4 * len(shown))
        axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for place, (model, size) in enumerate(shown):
            own = [row for row in rows if (row["model"], row["size"]) == (model, size)]
            for number, (name, colour) in enumerate((("cwola", BLUE), ("prior", RED), ("both", BLACK))):
                low, middle, high = np.array([row[name] for row in own]).T
                at = np.array([row["strength"] for row in own]) * (1.0 + 0.015 * (number - 1))
                axes[place].errorbar(at, middle, [middle - low, high - middle], fmt="o-", color=colour, label=name)
            for level in (3, 5):
                axes[place].axhline(level, color=GREY, linestyle=":")
            masses, prongs = MODELS[model]
            text = "/".join(f"{mass:g}" for mass in masses) + f" GeV, {prongs} prongs, {size // 1000}k events"
            axes[place].set_title(text, loc="left", fontsize="small")
            axes[place].set_xlim(left=0.0)
            axes[place].set_xlabel("Inclusive S/√B in the window")
        axes[0].set_ylabel("Global significance [σ]")
        axes[0].legend(loc="upper left")
        figure.savefig(path, dpi=130, metadata={"Software": None})


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
        signal_file(arguments.scratch, *MODELS[chosen], workers=arguments.workers)
        todo += tasks(
            arguments.scratch, chosen, arguments.sizes, arguments.strengths, arguments.boxes, follow=arguments.follow
        )
    if arguments.near:
        todo = [{**task, "set": f"{task['set']} near", "near": True} for task in todo]
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
