"""What local and global significances look like without signal, at the settings users run; grows one line a box.

    make nulls

Boxes are drawn without replacement from the 1.3 million simulated background events of the shipped samples and never
permuted; boxes of 100 thousand share 8 % of their events on average. Each line of ``analysis/results/nulls.jsonl``
holds the uncalibrated significances of all windows and cuts, and how they are correlated by the events they share.
``--surface`` makes of them the shipped surface of means and widths, from the boxes of even number of every set of
twenty or more; the others, which it has not seen, test it. Lines of before hold no correlation; there it is taken from
how windows overlap, which two measured neighbours confirm (:func:`by_overlap`).
"""

import argparse
import json
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
from background_pool import background_pool
from scipy.special import betaincinv

import bumphunt
from bumphunt.calibration.pseudo_data import smooth_box
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents
from bumphunt.files import write_json
from bumphunt.pipeline.null import SURFACE, Null, NullPoint, shipped_surface, training_settings
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window
from bumphunt.plots import null_rates
from bumphunt.plots.style import style
from bumphunt.rng import generator
from bumphunt.significance.correlated_trials import largest_p_value, shared_weights
from bumphunt.spectrum.binning import searched_range
from bumphunt.statistics import p_from_z, z_from_p

RAW = {"search": {"null_width": 1.0}}
EIGHT = ["mj1", "mj2", "tau21_1", "tau21_2", "tau32_1", "tau32_2", "massdrop_1", "massdrop_2"]
LEAST_BOXES = 20
"""Boxes of a set from which it is a part of the surface: six boxes of even number know a width to 10 to 20 %."""
GLOBAL_DRAWS = 1000
"""Draws a trial for the global significance of a box."""
SAME_CHOICE, NESTED = 0.125, 0.32
"""Correlation of neighbouring windows over that of all their events, and power of the ratio of two cuts in one window.

Measured in one box: 0.06 of 0.49, and 0.6 for cuts of 1 and 0.2 %.
"""
SHARES = 4
"""Parts of a set by the share of its events that a window holds: the mean of z differs between them, not within."""
NONE_SELECTED, FEW = -6.0, -3.0
"""A window without a selected event has a p-value of 1, and any z below the first; as the second it tells no width."""
DRAWS = 300
"""Times that boxes are drawn anew for an error."""
SETS: dict[str, tuple[int, dict[str, Any]]] = {
    "default": (100_000, RAW),
    "default_20k": (20_000, RAW),
    "eight_features": (100_000, {**RAW, "features": EIGHT}),
    "two_folds": (100_000, {**RAW, "cwola": {"folds": 2}}),
    "eight_repeats": (100_000, {**RAW, "cwola": {"repeats": 8}}),
    "two_repeats": (100_000, {**RAW, "cwola": {"repeats": 2}}),
    "one_repeat": (100_000, {**RAW, "cwola": {"repeats": 1}}),
    "default_1M": (1_000_000, RAW),
    "smooth_1M": (1_000_000, RAW),
}
SMOOTH = ("smooth_1M",)
"""Sets larger than the pool allows: masses from its smooth fit, features of neighbours in mass (``smooth_box``).

Three quarters of the features are the same in any two of them, which makes their errors too small.
"""


@lru_cache
def pool(path: Path) -> BlindEvents:
    """Return the background events."""
    return bumphunt.events.drop_truth(bumphunt.read_events(background_pool(path)))


def box_of(everything: BlindEvents, name: str, number: int) -> BlindEvents:
    """Return a box without signal; its events depend on its set's size and its number alone."""
    size, _ = SETS[name]
    rng = np.random.default_rng([20_262, size, number])
    rows = rng.choice(len(everything), size=size, replace=False)
    box = BlindEvents(everything.iloc[rows].reset_index(drop=True))
    if name not in SMOOTH:
        return box
    settings = bumphunt.AnalysisConfig()
    mjj = everything["mjj"].to_numpy(dtype=np.float64)
    edges = searched_range(mjj, ratio=settings.search.bin_ratio, min_tail=settings.search.tail_events)
    outside = box[(box["mjj"] < edges[0]) | (box["mjj"] >= edges[-1])]
    smooth = smooth_box(everything, edges, rng=rng, size=size - len(outside), sqrt_s=settings.sqrt_s)
    return BlindEvents(pd.concat([smooth, outside], ignore_index=True))


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box without signal."""
    config = config_from_dict(SETS[task["set"]][1])
    box = box_of(pool(task["_pool"]), task["set"], task["number"])
    search = prepare_search(box, config, task["number"])
    rows, weights = [], []
    for window in search.tasks:
        outcome, region = search_window(window), window.window.signal_region(window.mjj)
        for found in outcome.results:
            if not found.note:
                often = outcome.weights(found, config.search.cut_fractions)
                weights.append(np.where(region, often, 0.0).astype(np.float32))
                spread = None if np.isnan(found.z_spread) else round(found.z_spread, 3)
                rows.append(
                    [found.n_window, found.cut_fraction, round(found.z_stat, 4), round(found.z_local, 4), spread]
                )
    shared = shared_weights(weights)
    return {
        "n_searched": len(search.mjj),
        "n_features": len(search.features),
        "repeats": config.cwola.repeats,
        "folds": config.cwola.folds,
        "found": rows,
        "correlation": [round(each, 3) for each in shared[np.triu_indices(len(shared), 1)].tolist()],
    }


def folds_of(line: dict[str, Any]) -> int:
    """Return the folds that a box was searched with; lines of before do not name them."""
    return int(line.get("folds", config_from_dict(SETS[line["set"]][1]).cwola.folds))


@cache
def seen_boxes() -> dict[str, frozenset[int]]:
    """Return the numbers of the boxes that the shipped surface was made of, by set."""
    stored = json.loads(files("bumphunt.pipeline").joinpath(SURFACE).read_text("utf-8"))
    return {name: frozenset(numbers) for name, numbers in stored["boxes"].items()}


def seen(line: dict[str, Any]) -> bool:
    """Tell whether the shipped surface was made of a box."""
    return line["number"] in seen_boxes().get(line["set"], ())


def of_surface(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the boxes that a surface is made of: those of even number, of sets that hold enough."""
    every = list(lines)
    large = {name for name in SETS if sum(line["set"] == name for line in every) >= LEAST_BOXES}
    return [line for line in every if line["set"] in large and line["number"] % 2 == 0]


def errors(z: np.ndarray, number: np.ndarray) -> tuple[float, float]:
    """Return the errors of mean and width of z, (values,), of boxes drawn anew; ``number`` is that of each one's box.

    Windows of a box overlap and are neither independent nor the same, so that neither their number nor that of boxes
    tells the error.
    """
    _, place = np.unique(number, return_inverse=True)
    sums = np.array([np.bincount(place, weights=power) for power in (np.ones_like(z), z, z**2)])
    boxes_here = sums.shape[1]
    drawn = np.random.default_rng(1).multinomial(boxes_here, np.full(boxes_here, 1 / boxes_here), size=DRAWS)
    n, first, second = sums @ drawn.T
    mean = first / n
    return float(mean.std()), float(np.sqrt(np.maximum(second / n - mean**2, 0.0)).std())


def surface(lines: Iterable[dict[str, Any]]) -> list[NullPoint]:
    """Return mean and width of local z by set and cut, in quarters of the searched events' share in the window.

    A mean below 0 would make z larger; it is taken off only as far as it is known, up to its error.
    """
    points, lines = [], list(lines)
    for name in SETS:
        own = [line for line in lines if line["set"] == name]
        rows = np.array(
            [
                [line["number"], *row[:2], not_empty(row[2]), row[0] / line["n_searched"]]
                for line in own
                for row in line["found"]
                if row[1] < 1.0
            ],
            dtype=np.float64,
        )
        if not own:
            continue
        for cut in np.unique(rows[:, 2]):
            at_cut = rows[rows[:, 2] == cut]
            for part in np.array_split(at_cut[np.argsort(at_cut[:, 4], kind="stable")], SHARES):
                z, number = part[:, 3], part[:, 0]
                mean, (mean_error, width_error) = float(z.mean()), errors(z, number)
                points.append(
                    NullPoint(
                        n_window=round(float(np.exp(np.log(part[:, 1]).mean())), 1),
                        cut_fraction=float(cut),
                        n_features=own[0]["n_features"],
                        repeats=own[0]["repeats"],
                        mean=round(mean if mean > 0.0 else min(mean + mean_error, 0.0), 4),
                        mean_error=round(mean_error, 4),
                        width=round(float(z.std(ddof=1)), 4),
                        width_error=round(width_error, 4),
                        n_boxes=len(np.unique(number)),
                        folds=folds_of(own[0]),
                        share=round(float(np.exp(np.log(part[:, 4]).mean())), 4),
                    )
                )
    return points


def not_empty(z: float) -> float:
    """Return a significance, or what counts for that of a window without a selected event."""
    return z if z > NONE_SELECTED else FEW


def calibrated(line: dict[str, Any], null: Null | None = None, *, with_form: bool = False) -> np.ndarray:
    """Return local z of all windows and cuts of a box, calibrated as a run is by the shipped surface.

    With the systematic of the background's form the smaller of the significances with and without it counts.
    """
    null, z = null or shipped_surface(), []
    for n_window, cut, z_stat, z_local, *_ in line["found"]:
        if cut < 1.0:
            mean, width = null.at(
                n_window=n_window,
                cut_fraction=cut,
                n_features=line["n_features"],
                repeats=line["repeats"],
                folds=folds_of(line),
                share=n_window / line["n_searched"],
            )
            z.append((not_empty(min(z_stat, z_local) if with_form else z_stat) - mean) / width)
    return np.array(z)


def correlation(line: dict[str, Any]) -> np.ndarray:
    """Return how the significances of a box are correlated by the events they share, (trials, trials)."""
    number = len(line["found"])
    if "correlation" not in line:
        return by_overlap(line)
    found, upper = np.eye(number), np.triu_indices(number, 1)
    found[upper] = line["correlation"]
    return found + np.triu(found, 1).T


def by_overlap(line: dict[str, Any]) -> np.ndarray:
    """Return the correlation of the significances of a box as far as sizes of its windows tell it, (trials, trials).

    Neighbouring windows share half their bins; of what both trainings select there a small part is the same. A harder
    cut keeps a part of a softer one. Windows farther apart share nothing.
    """
    sizes, cuts = (np.array([row[place] for row in line["found"]], dtype=np.float64) for place in (0, 1))
    # rows come window by window
    window = np.concatenate([[0], np.cumsum(np.diff(sizes) != 0)])
    ratio = np.minimum(sizes[:, None], sizes) / np.maximum(sizes[:, None], sizes)
    apart = np.abs(window[:, None] - window)
    beside = SAME_CHOICE * np.sqrt(ratio) / (1.0 + ratio)
    nested = (np.minimum(cuts[:, None], cuts) / np.maximum(cuts[:, None], cuts)) ** NESTED
    found = np.where(apart == 0, nested, np.where(apart == 1, beside, 0.0))
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def global_z(line: dict[str, Any], null: Null | None = None) -> float:
    """Return the global ``z_stat`` of a box: the largest calibrated z of its windows and cuts, as in a run."""
    largest = float(calibrated(line, null).max())
    cut = [place for place, row in enumerate(line["found"]) if row[1] < 1.0]
    shared = correlation(line)[np.ix_(cut, cut)]
    return z_from_p(largest_p_value(largest, shared, rng=generator(line["number"], "trials"), draws=GLOBAL_DRAWS))


def local_z(lines: Iterable[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return local z of the default boxes that the surface has not seen, before and after it is applied."""
    unseen = [line for line in lines if line["set"] == "default" and not seen(line)]
    counted = [np.array([row[2] for row in line["found"] if row[1] < 1.0]) for line in unseen]
    return {
        "calibrated": np.concatenate([calibrated(line) for line in unseen]),
        "as counted": np.concatenate(counted),
    }


def draw(lines: Iterable[dict[str, Any]], path: Path) -> None:
    """Draw how often local z of boxes that the surface has not seen exceeds thresholds."""
    with style():
        figure, _ = null_rates({f"Local z, {name}": z for name, z in local_z(lines).items()})
        figure.savefig(path, dpi=130, metadata={"Software": None})


def interval(count: int, number: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper and Pearson for a rate."""
    low = 0.0 if count == 0 else float(betaincinv(count, number - count + 1, 0.025))
    high = 1.0 if count == number else float(betaincinv(count + 1, number - count, 0.975))
    return low, high


def rates(z: np.ndarray) -> str:
    """Return how often 1, 2 and 3 are exceeded, with intervals."""
    parts = []
    for level in (1, 2, 3):
        count = int((z > level).sum())
        low, high = interval(count, len(z))
        parts.append(f">{level}: {count}/{len(z)} [{low:.4f}, {high:.4f}] nominal {p_from_z(level):.4f}")
    return "; ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=["default"])
    parser.add_argument("--boxes", type=int, default=20, help="boxes of each set in all, with those there are")
    parser.add_argument("--first", type=int, default=0, help="number of the first box")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "nulls.jsonl")
    parser.add_argument("--surface", type=Path, help="write the surface of all lines of even number to this file")
    arguments = parser.parse_args()
    if arguments.surface is None:
        background_pool(arguments.pool, workers=arguments.workers)
        for name in arguments.sets:
            tasks = [
                {"set": name, "number": number, "_pool": arguments.pool}
                for number in range(arguments.first, arguments.boxes)
            ]
            config = config_from_dict(SETS[name][1])
            origin = boxes.stamp(config, seed=20_262)
            boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    lines = boxes.latest(boxes.read(arguments.result))
    if arguments.surface is not None:
        made_of = of_surface(lines)
        points = surface(made_of)
        content = {
            "method": "surface measured in signal-free simulated boxes",
            "n_searches": len(made_of),
            "boxes": {
                name: sorted(line["number"] for line in made_of if line["set"] == name)
                for name in SETS
                if any(line["set"] == name for line in made_of)
            },
            "settings": training_settings(bumphunt.AnalysisConfig().cwola),
            "points": [{name: getattr(point, name) for name in NullPoint.__dataclass_fields__} for point in points],
            "commit": boxes.commit(),
            "command": "python analysis/nulls.py --surface",
        }
        write_json(arguments.surface, content)
    for name in SETS:
        own = [line for line in lines if line["set"] == name]
        if own:
            z = np.array([row[2] for line in own for row in line["found"] if row[1] < 1.0])
            print(f"{name}: {len(own)} boxes, raw local z: mean {z.mean():+.3f}, width {z.std():.3f}; {rates(z)}")
        for which, some in _by_surface(own):
            if len(some) > 1:
                z = np.concatenate([calibrated(line) for line in some])
                number = np.repeat(np.arange(len(some)), [len(line["found"]) for line in some])
                width = f"{z.std():.3f} ± {errors(z, number)[1]:.3f}"
                print(f"    calibrated, {len(some)} {which}: mean {z.mean():+.3f}, width {width}; {rates(z)}")
                print(f"    global z_stat: {rates(np.array([global_z(line) for line in some]))}")
    for which, some in _by_surface(lines):
        if some:
            print(f"global z_stat, all sets, {len(some)} {which}: {rates(np.array([global_z(line) for line in some]))}")


def _by_surface(lines: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the boxes that the surface was made of, and those that it has not seen."""
    made_of, unseen = [line for line in lines if seen(line)], [line for line in lines if not seen(line)]
    return [("boxes of the surface", made_of), ("boxes it has not seen", unseen)]


if __name__ == "__main__":
    main()
