"""The spectrum after a cut of large files by a form, or by the efficiency of the cut: null and power of both.

    python analysis/selected_backgrounds.py --scratch out/power

Boxes of 100 thousand events, those of ``nulls.py`` without and of ``power.py`` with signal, of eight repeats. Each
window is trained once and judged twice, with ``search.selected_background: form`` and ``efficiency``. A line of
``analysis/results/selected_backgrounds.jsonl`` holds the uncalibrated significances of both; the table gives mean and
width without signal, the largest, and medians of the best window with signal, divided by these widths.
"""

import argparse
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import pandas as pd
import power

import bumphunt
from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import WindowTask, measured_again, search_window

WAYS = ("form", "efficiency")
REPEATS = 8
SIZE = 100_000


def config(way: str) -> bumphunt.AnalysisConfig:
    """Return the settings."""
    return config_from_dict({"search": {"null_width": 1.0, "selected_background": way}, "cwola": {"repeats": REPEATS}})


def make_box(task: dict[str, Any]) -> BlindEvents:
    """Return the box of ``nulls.py`` or ``power.py`` of this number."""
    if task["injected"]:
        return power.make_box(task)
    pool = drop_truth(bumphunt.read_events(task["_at"] / "pool.parquet"))
    rng = np.random.default_rng([20_262, SIZE, task["number"]])
    return BlindEvents(pool.iloc[rng.choice(len(pool), size=SIZE, replace=False)].reset_index(drop=True))


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Return the significances of all windows and cuts, judged in both ways."""
    search = prepare_search(make_box(task), config("form"), task["number"])
    rows = []
    everything = np.arange(len(search.mjj))
    for window in search.tasks:
        outcome = search_window(window)
        other = WindowTask(
            **{name: getattr(window, name) for name in WindowTask.__dataclass_fields__ if name != "config"},
            config=config("efficiency"),
        )
        again = measured_again(outcome, other, rows=everything)
        for form, efficiency in zip(outcome.results, again.results, strict=True):
            if not (form.note or efficiency.note):
                z = [round(each.z_raw, 4) for each in (form, efficiency)]
                rows.append([round(window.window.low), form.cut_fraction, form.n_window, *z])
    return {"found": rows}


def table(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the comparison by way and cut."""
    rows = []
    for place, way in enumerate(WAYS):
        widths = {}
        for cut in (0.01, 0.002):
            null = np.array(
                [row[3 + place] for line in lines if not line["injected"] for row in line["found"] if row[1] == cut]
            )
            if len(null) == 0:
                continue
            widths[cut] = null.std(ddof=1)
            rows.append(
                {
                    "way": way,
                    "cut": cut,
                    "boxes": sum(not line["injected"] for line in lines),
                    "z": len(null),
                    "mean": round(null.mean(), 3),
                    "width": round(widths[cut], 3),
                    "above_2_widths": int((null > 2 * widths[cut]).sum()),
                    "largest": round(null.max(), 2),
                }
            )
        for strength in sorted({line["injected"] for line in lines} - {0}):
            best = [
                max(row[3 + place] / widths[row[1]] for row in line["found"])
                for line in lines
                if line["injected"] == strength and widths
            ]
            rows.append({"way": way, "injected": strength, "boxes": len(best), "median": round(np.median(best), 2)})
    signals = [line["found"] for line in lines if line["injected"]]
    if signals:
        gain = np.array([max(row[4] for row in found) - max(row[3] for row in found) for found in signals])
        error = gain.std(ddof=1) / len(gain) ** 0.5
        print(f"largest z of a box with signal, efficiency minus form: {gain.mean():+.2f} ± {error:.2f}")
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nulls", type=int, default=20)
    parser.add_argument("--signals", type=int, default=10, help="boxes of each strength")
    parser.add_argument("--strengths", type=int, nargs="*", default=[140, 180])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scratch", type=Path, default=Path("out/power"))
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "selected_backgrounds.jsonl")
    arguments = parser.parse_args()
    tasks = power.tasks(arguments.scratch, injected=arguments.strengths, numbers=range(arguments.signals))
    tasks += [
        {"set": "null", "number": number, "injected": 0, "_at": arguments.scratch} for number in range(arguments.nulls)
    ]
    origin = boxes.stamp(config("form"), seed=20_262)
    boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    print(table(boxes.read(arguments.result)).to_string(index=False))


if __name__ == "__main__":
    main()
