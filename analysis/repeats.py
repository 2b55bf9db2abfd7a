"""Repeats, folds and bins: how many make the answer one of the events and not of the seed, and what is found.

    python analysis/repeats.py --output analysis/results/repeats.json

Boxes of 100,000 background events and 140 or 180 of a resonance at (3500, 500, 100) GeV from the labelled sample;
labels judge alone. In each the window 3300-3700 GeV is scored with many divisions into folds. Groups of R of them that
have none in common stand for R repeats with another seed each: the spread of z over groups is what the seed decides.
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bumphunt.config import config_from_dict
from bumphunt.events import LABEL, drop_truth
from bumphunt.files import write_json
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import WindowTask, measure, training_sample
from bumphunt.preprocessing.content import fold_assignments
from bumphunt.rng import generator
from bumphunt.scores.ranks import ranks
from bumphunt.scores.repeats import CrossFit, average_ranks, repeated_scores
from bumphunt.scores.trees import BoostedTrees
from bumphunt.selection import select_fraction

BACKGROUND, SIGNAL = 100_000, (140, 180)
WINDOW = (3300.0, 3700.0)
CUTS = (0.01, 0.002)
REPEATS = (1, 2, 4, 8, 16, 32)
CHOICES = (
    {"folds": 3, "max_bins": 16, "max_iter": 20, "learning_rate": 0.1, "members": 1},
    {"folds": 5, "max_bins": 32, "max_iter": 80, "learning_rate": 0.05, "members": 2},
    {"folds": 5, "max_bins": 16, "max_iter": 40, "learning_rate": 0.05, "members": 1},
    {"folds": 2, "max_bins": 16, "max_iter": 40, "learning_rate": 0.05, "members": 1},
    {"folds": 3, "max_bins": 16, "max_iter": 40, "learning_rate": 0.05, "members": 1},
    {"folds": 3, "max_bins": 16, "max_iter": 80, "learning_rate": 0.05, "members": 1},
    {"folds": 3, "max_bins": 32, "max_iter": 40, "learning_rate": 0.05, "members": 1},
)


def box(sample: Path, seed: int, n_signal: int) -> tuple[WindowTask, np.ndarray]:
    """Return the window of a box and which of its events are signal."""
    table = pd.read_parquet(sample)
    background, signal = (table[table[LABEL] == truth] for truth in (0, 1))
    rng = generator(seed, "repeats", "box")
    rows = [
        background.iloc[rng.choice(len(background), BACKGROUND, replace=False)],
        signal.iloc[rng.choice(len(signal), n_signal, replace=False)],
    ]
    events = pd.concat(rows).sample(frac=1.0, random_state=seed).reset_index(drop=True)
    config = config_from_dict({"search": {"windows": [list(WINDOW)]}})
    search = prepare_search(drop_truth(events), config, seed)
    return search.tasks[0], events[LABEL].to_numpy()[search.rows] == 1


def judge(score: np.ndarray, task: WindowTask, truth: np.ndarray) -> list[list[float]]:
    """Return for each cut: local z, signal and background in the window."""
    region = task.window.signal_region(task.mjj)
    rows = []
    for fraction in CUTS:
        selected = select_fraction(score, fraction=fraction)
        found = measure(selected, task, fraction=fraction)
        chosen = selected & region
        rows.append([found.z_local, float((chosen & truth).sum()), float((chosen & ~truth).sum())])
    return rows


def study(sample: Path, seed: int, n_signal: int, choice: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """Return the verdicts on one box of all groups of repeats."""
    task, truth = box(sample, seed, n_signal)
    train = training_sample(task)
    folds = np.stack([fold_assignments(task.keys, folds=choice["folds"], repeat=repeat) for repeat in range(most)])
    ties = generator(seed, "repeats", "ties").random(folds.shape)
    settings = {name: choice[name] for name in ("members", "max_bins", "max_iter", "learning_rate")}
    begun = time.process_time()
    single = repeated_scores(
        CrossFit(
            features=task.features,
            region=train.region,
            weights=train.weights,
            folds=folds,
            make_classifier=lambda repeat, fold: BoostedTrees(**settings, seed=100 * repeat + fold),
            ties=ties,
        )
    ).single
    seconds = (time.process_time() - begun) / most
    rows = []
    for repeats in REPEATS:
        # of single repeats a quarter is enough; of larger groups all
        for group in range(min(most // repeats, 16)):
            part = single[group * repeats : (group + 1) * repeats]
            for combine in ("log", "rank") if repeats > 1 else ("log",):
                score = ranks(average_ranks(part, combine=combine), ties=ties[group])
                rows.append(
                    {
                        **choice,
                        "repeats": repeats,
                        "combine": combine,
                        "seed": seed,
                        "n_signal": n_signal,
                        "seconds": seconds,
                        "cuts": judge(score, task, truth),
                    }
                )
    return rows


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for each choice, number of repeats and combination."""
    table = pd.DataFrame(rows)
    cuts = np.array(table.pop("cuts").tolist())
    for index, name in enumerate(("1", "02")):
        table[f"z_{name}"], table[f"s_{name}"], table[f"b_{name}"] = cuts[:, index].T
        table[f"gain_{name}"] = table[f"s_{name}"] / np.sqrt(np.maximum(table[f"b_{name}"], 1.0))
    table["z_best"] = table[["z_1", "z_02"]].max(axis=1)
    keys = [*CHOICES[0], "combine", "repeats"]
    lines = []
    for names, part in table.groupby(keys):
        boxes = part.groupby("seed")
        spread = {
            f"spread_{z}": float(np.sqrt((boxes[z].var(ddof=1)).mean())) if len(part) > part["seed"].nunique() else None
            for z in ("z_1", "z_02", "z_best")
        }
        medians = {f"median_{z}": float(boxes[z].median().mean()) for z in ("z_1", "z_02", "z_best")}
        gains = {name: float(boxes[name].mean().mean()) for name in ("gain_1", "gain_02")}
        numbers = {"boxes": int(part["seed"].nunique()), "n": len(part), "cpu_seconds": float(part["seconds"].mean())}
        lines.append({**dict(zip(keys, map(_plain, names), strict=True)), **numbers, **spread, **medians, **gains})
    return lines


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def kept(output: Path, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of an earlier run for the settings that this one does not try."""
    if not output.exists():
        return []
    lines = json.loads(output.read_text("utf-8"))["lines"]
    return [line for line in lines if {name: line[name] for name in CHOICES[0]} not in choices]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, default=Path("data/lhco_rnd.parquet"))
    parser.add_argument("--boxes", type=int, default=6)
    parser.add_argument("--most", type=int, default=64, help="divisions of each box")
    parser.add_argument(
        "--choices", type=int, nargs="+", default=list(range(len(CHOICES))), help="which of the settings to try, from 0"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    choices = [CHOICES[number] for number in arguments.choices]
    before = kept(arguments.output, choices)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    tasks = [
        (arguments.sample, arguments.seed + number, SIGNAL[number % len(SIGNAL)], choice, arguments.most)
        for choice in choices
        for number in range(arguments.boxes)
    ]
    with ProcessPoolExecutor(arguments.workers) as pool:
        for done in as_completed([pool.submit(study, *task) for task in tasks]):
            rows += done.result()
            result = {
                "commit": commit,
                "command": " ".join(["python", *sys.argv]),
                "seed": arguments.seed,
                "config": {"background": BACKGROUND, "signal": SIGNAL, "window": WINDOW, "cuts": CUTS},
                "lines": before + [{**line, "commit": commit, "most": arguments.most} for line in summary(rows)],
            }
            write_json(arguments.output, result)  # after each, so that an interrupted study leaves what it has
    for line in result["lines"]:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
