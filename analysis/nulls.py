"""What local and global significances look like without signal, at the settings users run; grows one line a box.

    make nulls

Boxes are drawn without replacement from the 1.3 million simulated background events of the shipped samples and never
permuted; boxes of 100 thousand share 8 % of their events on average. Each line of ``analysis/results/nulls.jsonl``
holds the uncalibrated significances of all windows and cuts. ``--surface`` makes of them the shipped surface of means
and widths, from the boxes of even number; the odd ones, which it has not seen, test it.
"""

import argparse
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import boxes
import numpy as np
from background_pool import background_pool
from scipy.special import betaincinv

import bumphunt
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents
from bumphunt.files import write_json
from bumphunt.pipeline.null import NullPoint, shipped_surface
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window
from bumphunt.plots import null_rates
from bumphunt.plots.style import style
from bumphunt.statistics import p_from_z

RAW = {"search": {"null_width": 1.0}}
EIGHT = ["mj1", "mj2", "tau21_1", "tau21_2", "tau32_1", "tau32_2", "massdrop_1", "massdrop_2"]
SURFACE_BOXES = range(0, 119, 2)
"""Of the default boxes, those that the shipped surface was made of."""
SETS: dict[str, tuple[int, dict[str, Any]]] = {
    "default": (100_000, RAW),
    "default_20k": (20_000, RAW),
    "eight_features": (100_000, {**RAW, "features": EIGHT}),
    "two_folds": (100_000, {**RAW, "cwola": {"folds": 2}}),
    "eight_repeats": (100_000, {**RAW, "cwola": {"repeats": 8}}),
    "one_repeat": (100_000, {**RAW, "cwola": {"repeats": 1}}),
    "default_1M": (1_000_000, RAW),
}


@lru_cache
def pool(path: Path) -> BlindEvents:
    """Return the background events."""
    return bumphunt.events.drop_truth(bumphunt.read_events(background_pool(path)))


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Search one box without signal; its events depend on its set's size and its number alone."""
    size, changes = SETS[task["set"]]
    config = config_from_dict(changes)
    everything = pool(task["_pool"])
    rng = np.random.default_rng([20_262, size, task["number"]])
    box = BlindEvents(everything.iloc[rng.choice(len(everything), size=size, replace=False)].reset_index(drop=True))
    search = prepare_search(box, config, task["number"])
    rows = []
    for window in search.tasks:
        for found in search_window(window).results:
            if not found.note:
                spread = None if np.isnan(found.z_spread) else round(found.z_spread, 3)
                rows.append(
                    [found.n_window, found.cut_fraction, round(found.z_stat, 4), round(found.z_local, 4), spread]
                )
    return {"n_features": len(search.features), "repeats": config.cwola.repeats, "found": rows}


def surface(lines: Iterable[dict[str, Any]]) -> list[NullPoint]:
    """Return mean and width of local z by set and cut, in thirds of the events in the window."""
    points = []
    for name in SETS:
        own = [line for line in lines if line["set"] == name]
        rows = np.array(
            [[line["number"], *row[:3]] for line in own for row in line["found"] if row[1] < 1.0], dtype=np.float64
        )
        if len(own) < 10:
            continue
        for cut in np.unique(rows[:, 2]):
            at_cut = rows[rows[:, 2] == cut]
            for part in np.array_split(at_cut[np.argsort(at_cut[:, 1])], 3):
                z, number = part[:, 3], part[:, 0]
                # windows of one box overlap: its boxes, not its windows, are independent
                boxes_here = len(np.unique(number))
                mean, mean_error = float(z.mean()), float(z.std() / np.sqrt(boxes_here))
                points.append(
                    NullPoint(
                        n_window=round(float(np.exp(np.log(part[:, 1]).mean())), 1),
                        cut_fraction=float(cut),
                        n_features=own[0]["n_features"],
                        repeats=own[0]["repeats"],
                        # a mean below 0 would make z larger: it is not taken off before it is known to 0.05
                        mean=round(mean, 4) if mean > 0.0 or mean_error < 0.05 else 0.0,
                        mean_error=round(mean_error, 4),
                        width=round(float(z.std(ddof=1)), 4),
                        width_error=round(float(z.std() / np.sqrt(2 * boxes_here)), 4),
                        n_boxes=boxes_here,
                    )
                )
    return points


def calibrated(line: dict[str, Any]) -> np.ndarray:
    """Return local z of all windows and cuts of a box, calibrated as a run is by the shipped surface."""
    null, z = shipped_surface(), []
    for n_window, cut, raw, *_ in line["found"]:
        if cut < 1.0:
            mean, width = null.at(
                n_window=n_window, cut_fraction=cut, n_features=line["n_features"], repeats=line["repeats"]
            )
            z.append((raw - mean) / width)
    return np.array(z)


def width_error(boxes_of_z: list[np.ndarray], *, draws: int = 300) -> float:
    """Return the error of the width of z of several boxes: boxes drawn anew, since windows of one box overlap."""
    rng, number = np.random.default_rng(1), len(boxes_of_z)
    some = [np.concatenate([boxes_of_z[i] for i in rng.integers(number, size=number)]) for _ in range(draws)]
    return float(np.std([each.std() for each in some]))


def local_z(lines: Iterable[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return local z of the default boxes that the surface has not seen, before and after it is applied."""
    unseen = [line for line in lines if line["set"] == "default" and line["number"] not in SURFACE_BOXES]
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
    lines = boxes.read(arguments.result)
    if arguments.surface is not None:
        points = surface([line for line in lines if line["number"] % 2 == 0])
        content = {
            "method": "surface measured in signal-free simulated boxes",
            "n_searches": len([line for line in lines if line["number"] % 2 == 0]),
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
        for seen in (True, False):
            each = [calibrated(line) for line in own if seen == (name == "default" and line["number"] in SURFACE_BOXES)]
            if len(each) > 1:
                z = np.concatenate(each)
                which = "boxes of the surface" if seen else "boxes it has not seen"
                width = f"{z.std():.3f} ± {width_error(each):.3f}"
                print(f"    calibrated, {len(each)} {which}: mean {z.mean():+.3f}, width {width}; {rates(z)}")


if __name__ == "__main__":
    main()
