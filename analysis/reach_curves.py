"""Curves of reach: global significance of each search against the strength of signal, as figure and as table.

Drawn by `make figures`, written into docs/prior-search.md by `python analysis/trust_tables.py`, from the lines of
``analysis/results/reach_both.jsonl`` and, for CWoLa as version 0.1 had it, ``reach_before.jsonl``.
"""

from pathlib import Path
from typing import Any

import boxes
import numpy as np

from bumphunt.plots.style import BLACK, BLUE, GREY, RED, new_figure, style

LEAST_BOXES = 5
"""Boxes of a kind from which its median is drawn."""
BEFORE = "cwola, 0.1"
TITLES = {
    "rnd": "3500/500/100 GeV",
    "off_grid": "4500/400/250 GeV",
    "three_prong": "4000/500/200 GeV, three prongs",
    "black_box": "3823/732/378 GeV",
    "equal": "4200/350/350 GeV",
    "plain_jet": "3500/500/100 GeV, one jet plain",
    "real": "R&D events, 3500/500/100 GeV",
}
STYLES = {BEFORE: (GREY, "s--"), "cwola": (BLUE, "o-"), "prior": (RED, "o-"), "both": (BLACK, "o-")}


def curves(lines: list[dict[str, Any]], before: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return 16, 50 and 84 % of the global significance of each search, and of both, by model, size and strength.

    Of a box the last line counts. Where ``before`` has the same boxes by CWoLa of version 0.1, its are added.
    """
    old = {(line["set"], line["number"]): line["z_global"] for line in before or []}
    kinds: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in boxes.latest(lines):
        kinds.setdefault((line["model"], line["size"], bool(line.get("near")), line["strength"]), []).append(line)
    rows = []
    for (model, size, near, strength), group in sorted(kinds.items()):
        z = {name: [line["per_search"][name]["z_global"] for line in group] for name in ("cwola", "prior")}
        z["both"] = [line["z_global"] for line in group]
        known = [old[line["set"], line["number"]] for line in group if (line["set"], line["number"]) in old]
        if known:
            z[BEFORE] = known
        rows.append(
            {"model": model, "size": size, "near": near, "strength": strength, "boxes": len(group)}
            | {"injected": int(np.median([line["injected"] for line in group]))}
            | {name: np.quantile(values, [0.16, 0.5, 0.84]).round(2).tolist() for name, values in z.items()}
            | {f"above {level}": sum(value >= level for value in z["both"]) for level in (3, 5)}
            | {"found by prior": sum(line["found_by"] == "prior" for line in group)}
        )
    return rows


def draw(lines: list[dict[str, Any]], before: list[dict[str, Any]], path: Path) -> None:
    """Draw global significance against the strength of signal, by model and number of events."""
    rows = [row for row in curves(lines, before) if row["boxes"] >= LEAST_BOXES]
    shown = sorted(
        {(row["model"], row["size"], row["near"]) for row in rows},
        key=lambda kind: (list(TITLES).index(kind[0]), kind[1], not kind[2]),
    )
    if not shown:
        raise ValueError(f"no kind of box has {LEAST_BOXES} of them; run analysis/reach.py --both")
    columns = min(4, len(shown))
    lines_of = -(-len(shown) // columns)
    with style():
        figure = new_figure(2.8 * lines_of, width=2.9 * columns)
        axes = figure.subplots(lines_of, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for place, kind in enumerate(shown):
            _panel(axes[place], [row for row in rows if (row["model"], row["size"], row["near"]) == kind])
        axes[0].set_xlim(0.0, 1.06 * max(row["strength"] for row in rows))
        for each in axes[len(shown) :]:
            each.set_axis_off()
        for place in range(0, len(shown), columns):
            axes[place].set_ylabel("Global significance [σ]")
        drawn = axes[0].get_legend_handles_labels()
        if len(shown) < len(axes):
            axes[len(shown)].legend(*drawn, loc="center")
        else:
            axes[0].legend(*drawn, loc="upper left", fontsize="small")
        figure.savefig(path, dpi=130, metadata={"Software": None})


def _panel(axis: Any, rows: list[dict[str, Any]]) -> None:
    """Draw one model at one number of events."""
    for number, (name, (colour, line)) in enumerate(STYLES.items()):
        own = [row for row in rows if name in row]
        if not own:
            continue
        low, middle, high = np.array([row[name] for row in own]).T
        at = np.array([row["strength"] for row in own]) * (1.0 + 0.012 * (number - 1.5))
        axis.errorbar(at, middle, [middle - low, high - middle], fmt=line, color=colour, label=name, markersize=4)
    for level in (3, 5):
        axis.axhline(level, color=GREY, linestyle=":")
    first = rows[0]
    title = f"{TITLES[first['model']]}, {first['size'] // 1000}k" + ("" if first["near"] else ", all windows")
    axis.set_title(title, loc="left", fontsize="small")
    axis.set_xlabel("Inclusive S/√B in the window")
    axis.tick_params(labelbottom=True)


def table(lines: list[dict[str, Any]], before: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the curves in docs/prior-search.md."""
    rows, last = [], None
    for row in sorted(
        curves(lines, before), key=lambda row: (list(TITLES).index(row["model"]), row["size"], not row["near"])
    ):
        kind = f"{TITLES[row['model']]}; {row['size']:,}, {'three windows' if row['near'] else 'all windows'}"
        cells = [_told(row.get(name)) for name in STYLES]
        count = [f"{row[f'above {level}']}" for level in (3, 5)]
        first = ["" if kind == last else kind, f"{row['strength']:g}", str(row["injected"]), str(row["boxes"])]
        rows.append([*first, *cells, *count, str(row["found by prior"])])
        last = kind
    searches = ["`cwola` of version 0.1", "`cwola`", "`prior`", "both"]
    header = ["signal; events", "S/√B", "signal events", "boxes", *searches]
    return [*header, "both ≥ 3σ", "both ≥ 5σ", "found by `prior`"], rows


def _told(quantiles: list[float] | None) -> str:
    if quantiles is None:
        return ""
    low, middle, high = (f"{round(value, 1) + 0.0:.1f}".replace("-", "−") for value in quantiles)
    return f"{middle} ({low}…{high})"
