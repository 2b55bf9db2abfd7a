"""Is the smaller p-value of two searches, both counted, nominal without signal? What the prior's own null looks like.

    python analysis/joint_nulls.py
    python analysis/joint_nulls.py --null bumphunt/pipeline/prior_null.json

Boxes of the same number in ``nulls.jsonl`` (CWoLa) and ``prior_nulls.jsonl`` hold the same events. CWoLa's local
significances are calibrated by the shipped surface and made one global significance of each box; how windows and cuts
are correlated is taken from a search of the first box. ``--null`` writes mean and width of the prior's significance,
from all its boxes of each size; the test beside it calibrates either half of them by the other.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import numpy as np
from background_pool import background_pool
from nulls import RAW, SETS, folds_of, pool, rates

from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents
from bumphunt.files import write_json
from bumphunt.pipeline.null import shipped_surface
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import search_window
from bumphunt.rng import generator
from bumphunt.significance.correlated_trials import largest_p_value, shared_weights
from bumphunt.significance.p_values import sidak
from bumphunt.statistics import p_from_z, z_from_p

SIZE = SETS["default"][0]
NULL_SETS = ("20000 two cuts", str(SIZE))
"""Boxes of the shipped samples of which enough were searched; the smaller ones since both cuts count there."""


def trials(path: Path) -> np.ndarray:
    """Return the correlation of all windows and cuts of CWoLa in the first box, (trials, trials); kept once found."""
    kept = path.with_name("trials.npy")
    if kept.exists():
        return np.asarray(np.load(kept))
    everything = pool(path)
    rows = np.random.default_rng([20_262, SIZE, 0]).choice(len(everything), size=SIZE, replace=False)
    search = prepare_search(BlindEvents(everything.iloc[rows].reset_index(drop=True)), config_from_dict(RAW), 0)
    cuts = search.tasks[0].config.search.cut_fractions
    weights = []
    for task in search.tasks:
        outcome = search_window(task)
        region = task.window.signal_region(task.mjj)
        weights += [
            np.where(region, outcome.weights(found, cuts), 0.0).astype(np.float32)
            for found in outcome.results
            if not found.note
        ]
    found = shared_weights(weights)
    np.save(kept, found)
    return found


def cwola_global(line: dict[str, Any], correlation: np.ndarray) -> float:
    """Return the global significance of a line of ``nulls.jsonl``, calibrated by the shipped surface."""
    local = []
    for n_window, cut, z_stat, z_local, *_ in line["found"]:
        at = {"n_window": n_window, "cut_fraction": cut}
        mean, width = shipped_surface().at(
            **at, n_features=line["n_features"], repeats=line["repeats"], folds=folds_of(line)
        )
        local.append(min((z_stat - mean) / width, (z_local - mean) / width))
    number = min(len(local), len(correlation))
    whole = np.eye(len(local))
    whole[:number, :number] = correlation[:number, :number]
    return z_from_p(largest_p_value(max(local), whole, rng=generator(line["number"], "trials")))


def moments(z: np.ndarray) -> tuple[float, float]:
    """Return mean and width of significances."""
    return float(z.mean()), float(z.std(ddof=1))


def calibrated(z: np.ndarray, mean: float, width: float) -> np.ndarray:
    """Return significances with mean and width taken off where that leaves less of them, as in the package."""
    return np.minimum(z, (z - max(mean, 0.0)) / max(width, 1.0))


def halves(z: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return significances, those of even boxes calibrated by the odd ones and those of odd by the even."""
    found, even = np.empty(len(z)), number % 2 == 0
    for chosen in (even, ~even):
        found[chosen] = calibrated(z[chosen], *moments(z[~chosen]))
    return found


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of ranks."""
    return float(np.corrcoef(first.argsort().argsort(), second.argsort().argsort())[0, 1])


def stored_null() -> dict[str, Any]:
    """Return mean and width of the prior's significance without signal, for each size of box, as they are shipped."""
    every, sizes = boxes.read(boxes.RESULTS / "prior_nulls.jsonl"), []
    for name in NULL_SETS:
        own = [line for line in every if line["set"] == name]
        mean, width = moments(np.array([line["z_permuted"] for line in own]))
        sizes.append(
            {
                "n_searched": round(float(np.median([line["n_searched"] for line in own if "n_searched" in line])), -2),
                "mean": round(mean, 4),
                "width": round(width, 4),
                "width_error": round(width / (2 * len(own)) ** 0.5, 4),
                "n_searches": len(own),
            }
        )
    return {
        "method": "permutations of the masses; mean and width of signal-free simulated boxes",
        "sizes": sizes,
        "commit": boxes.commit(),
        "command": "python analysis/joint_nulls.py --null bumphunt/pipeline/prior_null.json",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=Path, default=Path("out/power/pool.parquet"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "joint_nulls.json")
    parser.add_argument("--null", type=Path, help="write the prior's null to this file, and no more")
    arguments = parser.parse_args()
    of_prior = [line for line in boxes.read(boxes.RESULTS / "prior_nulls.jsonl") if line["set"] == str(SIZE)]
    number = np.array([line["number"] for line in of_prior])
    z = np.array([line["z_permuted"] for line in of_prior])
    mean, width = moments(z)
    print(f"prior by permutations: {len(z)} boxes, mean {z.mean():+.3f}, width {z.std(ddof=1):.3f}; {rates(z)}")
    print(f"  width about 0 of those above 0: {np.sqrt((z[z > 0] ** 2).mean()):.3f}")
    print(f"either half calibrated by the other: {rates(halves(z, number))}")
    if arguments.null is not None:
        write_json(arguments.null, stored_null())
        return
    background_pool(arguments.pool)
    of_cwola = {line["number"]: line for line in boxes.read(boxes.RESULTS / "nulls.jsonl") if line["set"] == "default"}
    both = np.flatnonzero(np.isin(number, list(of_cwola)))
    correlation = trials(arguments.pool)
    cwola = np.array([cwola_global(of_cwola[each], correlation) for each in number[both].tolist()])
    prior = calibrated(z[both], mean, width)
    joint = np.array([z_from_p(sidak(p_from_z(each), 2)) for each in np.maximum(cwola, prior).tolist()])
    correlated = spearman(cwola, prior)
    for name, values in (("cwola", cwola), ("prior", prior), ("both", joint)):
        print(
            f"{name}: {len(values)} boxes, mean {values.mean():+.3f}, width {values.std(ddof=1):.3f}; {rates(values)}"
        )
    print(f"correlation of ranks {correlated:+.2f} +- {1 / (len(both) - 1) ** 0.5:.2f}")
    content = {
        **boxes.stamp(config_from_dict(RAW), seed=20_262),
        "n_boxes": len(both),
        "prior_null": {"mean": round(mean, 4), "width": round(width, 4), "n": len(z)},
        "rank_correlation": round(correlated, 3),
        "boxes": [
            {"number": int(number[row]), "z_cwola": round(c, 3), "z_prior": round(p, 3), "z_both": round(j, 3)}
            for row, c, p, j in zip(both, cwola.tolist(), prior.tolist(), joint.tolist(), strict=True)
        ],
    }
    write_json(arguments.result, content)


if __name__ == "__main__":
    main()
