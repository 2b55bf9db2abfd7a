"""Tables of masses and yields in docs/trust.md and docs/masses.md: injected signal, other detectors, jet masses."""

from pathlib import Path
from typing import Any

import numpy as np
from boxes import latest
from injections import NEAR_THRESHOLD, SIGNAL, counts
from markdown_tables import binomial, lines, load, signed, table

ANSWERED = ("m_resonance", "m_x", "m_y", "n_signal")
DETECTORS = {
    "nominal": "the shipped one",
    "sharper": "sharper: cores of mjj and jets half as wide, another simulation",
    "groomed": "groomed-like: 1.5 GeV less, half of the offset",
    "low": "jet masses 5 % low",
    "high": "jet masses 5 % high",
    "three_prongs": "the shipped one, three prongs (4000/500/200 GeV)",
}
RESPONSES = {"shipped": "", "own": "; response of its own signal"}
SEARCHES = {"cwola+prior": "", "cwola": "; `cwola` alone"}
ORDERS = (SEARCHES, RESPONSES, DETECTORS)


def other_simulation(results: Path) -> str:
    """Return mean pull and coverage of the verified boxes of each detector."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    # the first lines were made before there was a second search
    every = ({"searches": "cwola", **line} for line in lines(results, "other_simulation"))
    for line in latest(every, key=("detector", "response", "searches", "number")):
        groups.setdefault((line["searches"], line["response"], line["detector"]), []).append(line)
    rows = []
    for key in sorted(groups, key=lambda key: [list(by).index(part) for by, part in zip(ORDERS, key, strict=True)]):
        fitted = [row for row in groups[key] if "m_x" in row]
        good = [row for row in fitted if row["masses_verified"]]
        cells = []
        for name in ANSWERED:
            pulls = np.array([row[name]["pull"] for row in good])
            inside = int((np.abs(pulls) <= 1).sum())
            cells.append(f"{signed(float(pulls.mean()))}, {binomial(inside, len(good))}" if len(good) else "")
        rows.append([DETECTORS[key[2]] + RESPONSES[key[1]] + SEARCHES[key[0]], f"{len(good)} of {len(fitted)}", *cells])
    return table(["detector", "verified", *(f"`{name}`" for name in ANSWERED)], rows)


def injected(results: Path, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the boxes of a set of injections, and those of them whose masses are verified."""
    every = [row for row in latest(lines(results, "injections")) if row["set"] == name]
    return every, [row for row in every if row["masses_verified"] and row["m_x"] is not None]


def pulls_of(good: list[dict[str, Any]], name: str, *, total: bool) -> np.ndarray:
    """Return the pulls of one quantity, by the total intervals or by their statistical part, shape (boxes,)."""
    low, high = (0, 4) if total else (1, 3)
    found = np.array([row[name] for row in good]).reshape(-1, 5)
    off = found[:, 2] - np.array(
        [[*row["masses"], float(row.get("injected", SIGNAL))][ANSWERED.index(name)] for row in good]
    )
    half = np.where(off < 0.0, found[:, high] - found[:, 2], found[:, 2] - found[:, low])
    return np.asarray(off / np.maximum(half, 1e-9))


def coverage(pulls: np.ndarray) -> list[str]:
    """Return mean pull with its error, width, and how many lie within one."""
    mean = f"{signed(float(pulls.mean()))} ± {pulls.std(ddof=1) / np.sqrt(len(pulls)):.2f}"
    return [mean, f"{pulls.std(ddof=1):.2f}", binomial(int((np.abs(pulls) <= 1).sum()), len(pulls))]


def injections(results: Path) -> str:
    """Return pulls and coverage of injected signal: statistical and total intervals, and on drawn detectors."""
    (boxes, good), (boxes_drawn, good_drawn) = (injected(results, name) for name in ("nominal", "drawn"))
    rows = []
    for name in ANSWERED:
        cells = []
        for chosen, total in ((good, False), (good, True), (good_drawn, True)):
            cells += coverage(pulls_of(chosen, name, total=total))
        rows.append([f"`{name}`", *cells[:3], *cells[5:]])
    head = f"verified: {len(good)} of {len(boxes)}, drawn detectors {len(good_drawn)} of {len(boxes_drawn)}"
    names = ["mean pull (statistical)", "width", "covered (68 % meant)", "covered by the whole interval"]
    return table([head, *names, "drawn detectors, whole: mean pull", "width", "covered (68 % meant)"], rows)


def near_threshold(results: Path) -> str:
    """Return pulls and coverage of signals claimed with 3 to 5 sigma, by both searches at default settings."""
    every, verified = injected(results, "weak")
    claimed = [row for row in every if counts(row) and row["m_x"] is not None]
    good = [row for row in verified if counts(row)]
    rows = [
        [f"`{name}`", *(cell for total in (False, True) for cell in coverage(pulls_of(good, name, total=total)))]
        for name in ANSWERED
    ]
    low, high = NEAR_THRESHOLD
    head = f"claimed with {low:g} to {high:g}σ: {len(claimed)} of {len(every)}, verified {len(good)}"
    names = ["mean pull (statistical)", "width", "covered (68 % meant)", "mean pull (whole)", "width", "covered"]
    return table([head, *names], rows)


def injection_points(results: Path) -> str:
    """Return mean pulls by mass point, and what they sum to."""
    good = injected(results, "nominal")[1]
    rows, total = [], np.zeros(len(ANSWERED))
    points = sorted({tuple(row["masses"]) for row in good})
    for point in points:
        at = [row for row in good if tuple(row["masses"]) == point]
        means = np.array([pulls_of(at, name, total=False).mean() for name in ANSWERED])
        total += len(at) * means**2
        told = "/".join(f"{mass:g}" for mass in point)
        rows.append([told, str(len(at)), *(f"{signed(mean)}" for mean in means), f"{len(at) * (means**2).sum():.1f}"])
    rows.append([f"χ² over {len(points)} points", "", *(f"{one:.1f}" for one in total), f"{total.sum():.1f}"])
    return table(["mass point (GeV)", "boxes", *(f"`{name}`" for name in ANSWERED), "χ² of four"], rows)


def jet_mass_scale(results: Path) -> str:
    """Return how far jet masses of background differ from the shipped ones."""
    rows = [
        [name, str(one["events"]), f"{signed(100 * one['log_scale'])} ± {100 * one['statistical']:.2f} %"]
        for name, one in load(results, "jet_mass_scale")["differences"].items()
    ]
    return table(["background", "events", "jet masses over mjj, against the shipped ones"], rows)
