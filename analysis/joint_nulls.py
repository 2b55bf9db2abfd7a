"""Is the smaller p-value of two searches, both counted, nominal without signal? What the prior's own null looks like.

    python analysis/joint_nulls.py
    python analysis/joint_nulls.py --null bumphunt/pipeline/prior_null.json

Boxes of the same number in ``nulls.jsonl`` (CWoLa) and ``prior_nulls.jsonl`` hold the same events, 100 or 20 thousand.
CWoLa's local significances are calibrated by the shipped surface and made one global significance of each box, the
prior's global one by the shipped null of the nearest size. ``--null`` writes mean and width of the prior's
significance, from all its boxes of each size; the test beside it calibrates either half of them by the other.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import nulls
import numpy as np
from nulls import RAW, SETS, correlation, rates

from bumphunt.config import config_from_dict
from bumphunt.files import write_json
from bumphunt.pipeline.prior_null import calibrated, prior_null
from bumphunt.rng import generator
from bumphunt.significance.correlated_trials import largest_p_value
from bumphunt.significance.p_values import sidak
from bumphunt.statistics import p_from_z, z_from_p

SAME = {"default": "100000", "default_20k": "20000 two cuts"}
"""Boxes of the shipped samples by the names of both searches' sets; the smaller ones since both cuts count there."""


def cwola_global(line: dict[str, Any]) -> float:
    """Return the global significance of a line of ``nulls.jsonl``, with the background's form, as a run has it."""
    largest = float(nulls.calibrated(line, with_form=True).max())
    return z_from_p(largest_p_value(largest, correlation(line), rng=generator(line["number"], "trials")))


def moments(z: np.ndarray) -> tuple[float, float]:
    """Return mean and width of significances."""
    return float(z.mean()), float(z.std(ddof=1))


def halves(z: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return significances, those of even boxes calibrated by the odd ones and those of odd by the even."""
    found, even = np.empty(len(z)), number % 2 == 0
    for chosen in (even, ~even):
        mean, width = moments(z[~chosen])
        found[chosen] = np.minimum(z[chosen], (z[chosen] - max(mean, 0.0)) / max(width, 1.0))
    return found


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of ranks."""
    return float(np.corrcoef(first.argsort().argsort(), second.argsort().argsort())[0, 1])


def stored_null() -> dict[str, Any]:
    """Return mean and width of the prior's significance without signal, for each size of box, as they are shipped."""
    every, sizes = boxes.latest(boxes.read(boxes.RESULTS / "prior_nulls.jsonl")), []
    for name in reversed(SAME.values()):
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


def both_searches(every: list[dict[str, Any]], of_cwola: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the global significances of each box that both searches have seen, calibrated, and with both counted."""
    cwola = {(line["set"], line["number"]): line for line in of_cwola}
    found = []
    for name, of_prior in SAME.items():
        for line in every:
            other = cwola.get((name, line["number"]))
            if line["set"] != of_prior or other is None:
                continue
            first = cwola_global(other)
            second = calibrated(line["z_permuted"], prior_null(line.get("n_searched", SETS[name][0] / 2)))
            joint = z_from_p(sidak(p_from_z(max(first, second)), 2))
            z = {"z_cwola": round(first, 3), "z_prior": round(second, 3), "z_both": round(joint, 3)}
            found.append({"size": SETS[name][0], "number": line["number"], **z})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "joint_nulls.json")
    parser.add_argument("--null", type=Path, help="write the prior's null to this file, and no more")
    arguments = parser.parse_args()
    every = boxes.latest(boxes.read(boxes.RESULTS / "prior_nulls.jsonl"))
    for name in SAME.values():
        of_prior = [line for line in every if line["set"] == name]
        z, number = (np.array([line[key] for line in of_prior]) for key in ("z_permuted", "number"))
        print(f"{name}, by permutations: {len(z)} boxes, mean {z.mean():+.3f}, width {z.std(ddof=1):.3f}; {rates(z)}")
        print(f"  width about 0 of those above 0: {np.sqrt((z[z > 0] ** 2).mean()):.3f}")
        print(f"  either half calibrated by the other: {rates(halves(z, number))}")
    if arguments.null is not None:
        write_json(arguments.null, stored_null())
        return
    found = both_searches(every, boxes.latest(boxes.read(boxes.RESULTS / "nulls.jsonl")))
    correlated = {}
    for size in sorted({each["size"] for each in found}):
        own = [each for each in found if each["size"] == size]
        z = {name: np.array([each[f"z_{name}"] for each in own]) for name in ("cwola", "prior", "both")}
        for name, values in z.items():
            width = f"width {values.std(ddof=1):.3f}"
            print(f"{size}, {name}: {len(own)} boxes, mean {values.mean():+.3f}, {width}; {rates(values)}")
        correlated[str(size)] = round(spearman(z["cwola"], z["prior"]), 3)
        print(f"  correlation of ranks {correlated[str(size)]:+.2f} +- {1 / (len(own) - 1) ** 0.5:.2f}")
    print(f"all, both: {rates(np.array([each['z_both'] for each in found]))}")
    content = {
        **boxes.stamp(config_from_dict(RAW), seed=20_262),
        "n_boxes": len(found),
        "rank_correlation": correlated,
        "boxes": found,
    }
    write_json(arguments.result, content)


if __name__ == "__main__":
    main()
