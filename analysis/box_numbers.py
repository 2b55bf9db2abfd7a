"""Numbers of studies of many boxes, from the lines that they left in ``analysis/results``; for ``paper_numbers.py``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from boxes import latest
from markdown_tables import lines
from nulls import calibrated, seen
from reach_curves import TITLES, curves

from bumphunt.statistics import p_from_z

QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
FloatArray = npt.NDArray[np.float64]
Results = dict[str, Any]


def spread_of(z: FloatArray) -> Results:
    """Return mean and width of significances, and how many are above 1, 2 and 3."""
    above = {f"above_{level}": int((z > level).sum()) for level in (1, 2, 3)}
    return {"mean": f"${z.mean():.2f}$", "width": f"{z.std(ddof=1):.2f}", **above}


def power(results: Path) -> Results:
    """Return median significance and claims in boxes with signal, at the first and the last commit."""
    found: Results = {}
    for line in lines(results, "power"):
        found.setdefault(line["set"], {}).setdefault(line["commit"], []).append(line)
    made: Results = {}
    for name, commits in found.items():
        boxes = list(commits.values())
        for when, group in (("before", boxes[0]), ("after", boxes[-1])):
            claimed = [box for box in group if box["status"] != "none"]
            made.setdefault(f"of-{name}", {})[when] = {
                "boxes": len(group),
                "z": float(np.median([box["z_global"] for box in group])),
                "claimed": len(claimed),
                "verified": sum(box["status"] != "unverified_excess" for box in claimed),
            }
    return made


def nulls(results: Path) -> Results:
    """Return local significances in boxes without signal, before calibration and, where it is tested, after it."""
    boxes = [line for line in lines(results, "nulls") if line["set"] == "default"]
    unseen = [line for line in boxes if not seen(line)]
    raw = np.array([row[2] for line in boxes for row in line["found"]], dtype=np.float64)
    z = np.concatenate([calibrated(line) for line in unseen])
    nominal = {f"nominal_{level}": round(len(z) * p_from_z(level)) for level in (1, 2)}
    tested = {"boxes": len(unseen), "n": len(z), **spread_of(z), **nominal}
    return {"boxes": len(boxes), "n": len(raw), **spread_of(raw), "unseen": tested}


def prior(results: Path) -> Results:
    """Return significances of the prior-assisted search without signal, by permutations alone."""
    z = np.array([line["z_permuted"] for line in lines(results, "prior_nulls") if line["set"] == "100000"])
    return {"boxes": len(z), **spread_of(z)}


def reach(results: Path) -> Results:
    """Return median significances of both searches by model, number of events, windows and strength of signal."""
    made: Results = {}
    for row in curves(lines(results, "reach_both"), lines(results, "reach_before")):
        medians = {name: row[name][1] for name in ("cwola", "prior", "both")}
        kept = {name: row[name] for name in ("boxes", "injected", "strength")}
        kept["masses"] = TITLES[row["model"]].split(" ")[0]
        kept |= {f"above_{level}": row[f"above {level}"] for level in (3, 5)}
        kind = f"{row['model']}-{row['size'] // 1000}k" + ("" if row["near"] else "-all")
        found = kept | {name: f"${z:.1f}$" for name, z in medians.items()}
        made.setdefault(kind, {})[f"at-{round(100 * row['strength'])}"] = found
    return made


def joint(results: Path) -> Results:
    """Return global significances without signal of both searches, counted as two trials."""
    found = json.loads((results / "joint_nulls.json").read_text("utf-8"))
    z = np.array([box["z_both"] for box in found["boxes"]])
    correlation = {f"correlation_{size}": f"${value:+.2f}$" for size, value in found["rank_correlation"].items()}
    return {"boxes": len(z), **correlation, **spread_of(z)}


def sculpted(results: Path) -> Results:
    """Return what background that was disturbed on purpose does: the shifted feature, and everything else."""
    made: Results = {}
    every = latest(lines(results, "sculpted_nulls"))
    for name in ("quiet", "feature"):
        own = [line for line in every if (line["set"] == "feature") == (name == "feature")]
        refused = sum(line["status"] == "unverified_excess" for line in own)
        claims = sum(line["status"] in ("evidence", "discovery") for line in own)
        excesses = sum(line["z_global"] > 3.0 for line in own)
        made[name] = {"boxes": len(own), "claims": claims, "refused": refused, "excesses": excesses}
        made[name]["largest"] = f"{max(line['z_global'] for line in own):.1f}"
    return made


LIMIT_BOX = ("set", "number", "n_true")
"""What tells a box with a limit on signal models: background and signal follow from these."""


def limits(results: Path) -> Results:
    """Return how many limits on signal models lie above what was injected, at the cut of the lowest expected one."""
    found = []
    for line in latest(lines(results, "limit_coverage"), key=LIMIT_BOX):
        cuts = [cut for cut in line["selected"].values() if cut["expected"][2] is not None]
        if line["n_true"] > 0 and cuts:
            best = min(cuts, key=lambda cut: float(cut["expected"][2]))
            found.append(best["cls"] is None or best["cls"] >= line["n_true"])
    own = [line for line in lines(results, "prior_limit_coverage") if line["n_true"] > 0]
    by_prior = {"boxes": len(own), "above": sum(line["cls"] is None or line["cls"] >= line["n_true"] for line in own)}
    return {"boxes": len(found), "above": sum(found), "prior": by_prior}


def injections(results: Path, name: str) -> Results:
    """Return pulls of injected signal in verified boxes: of statistical intervals, of whole ones on drawn detectors."""
    boxes = [line for line in latest(lines(results, "injections")) if line["set"] == name]
    good = [box for box in boxes if box["masses_verified"] and box["m_x"] is not None]
    made: Results = {"boxes": len(boxes), "claims": sum(box["m_x"] is not None for box in boxes), "verified": len(good)}
    for place, quantity in enumerate(QUANTITIES):
        low, value, high = np.array([box[quantity] for box in good])[:, [0, 2, 4] if name == "drawn" else [1, 2, 3]].T
        truth = np.array([[*box["masses"], 300.0][place] for box in good])
        pulls = (value - truth) / np.maximum(np.where(value < truth, high - value, value - low), 1e-9)
        made[quantity] = {"mean": float(pulls.mean()), "width": float(pulls.std(ddof=1))}
        made[quantity] |= {
            "inside": int((np.abs(pulls) <= 1).sum()),
            "error": float(np.median(0.5 * (high - low) / truth)),
        }
    return made
