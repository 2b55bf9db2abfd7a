"""One window of the search on a million events: training and out-of-fold scores.

    python benchmarks/window.py --json window.json

``repeated`` is the package: repeats of folds of one classifier, on cells of events made once. ``single`` is one
division into folds of an ensemble each, as the package scores without repeats. ``usual`` is what one would write
instead of ``single``: the same loop over scikit-learn's classifier as it comes, with its own binning and threads.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from stamp import stamped

from bumphunt.config import config_from_dict
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.jobs.ingest import read_events
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import WindowTask, primary_scores, training_sample
from bumphunt.scores.repeats import CrossFit, repeated_scores
from bumphunt.scores.trees import BoostedTrees

GOAL = 30.0


def usual(task: WindowTask) -> np.ndarray:
    """Return out-of-fold scores from plain scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    sample, folds, settings = training_sample(task), task.folds()[0], task.config.cwola
    score = np.zeros(len(task.mjj))
    for fold in range(settings.folds):
        training, held_out = (sample.weights > 0) & (folds != fold), folds == fold
        for member in range(settings.members):
            trees = HistGradientBoostingClassifier(
                max_iter=settings.max_iter,
                learning_rate=settings.learning_rate,
                max_leaf_nodes=settings.max_leaf_nodes,
                min_samples_leaf=settings.min_samples_leaf,
                early_stopping=False,
                random_state=member,
            ).fit(task.features[training], sample.region[training], sample_weight=sample.weights[training])
            score[held_out] += trees.decision_function(task.features[held_out])
    return score


def repeated(task: WindowTask, *, repeats: int, folds: int, max_bins: int, max_iter: int, rate: float) -> np.ndarray:
    """Return the averaged score of so many repeats."""
    sample = training_sample(task)
    rng = np.random.default_rng(1)
    divisions = np.stack([rng.permutation(len(task.mjj)) % folds for _ in range(repeats)])
    return repeated_scores(
        CrossFit(
            features=task.features,
            region=sample.region,
            weights=sample.weights,
            folds=divisions,
            make_classifier=lambda repeat, fold: BoostedTrees(
                members=1, max_bins=max_bins, max_iter=max_iter, learning_rate=rate, seed=repeat
            ),
            ties=rng.random(divisions.shape),
            threads=task.threads,
        )
    ).score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/blackbox.parquet"))
    parser.add_argument("--rows", type=int, help="use the first so many events only")
    parser.add_argument("--members", type=int, default=2, help="classifiers of an ensemble, of single and usual")
    parser.add_argument("--repeats", type=int, default=32)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--max-bins", type=int, default=16)
    parser.add_argument("--max-iter", type=int, default=20)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=2, help="times each way is run; the fastest counts")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    config = config_from_dict(
        {"search": {"windows": [[3500.0, 3950.0]]}, "cwola": {"members": arguments.members, "repeats": 1}}
    )
    table = drop_truth(read_events(arguments.events))
    table = table if arguments.rows is None else BlindEvents(table.iloc[: arguments.rows])
    start = time.perf_counter()
    task = prepare_search(table, config, 1).tasks[0]
    prepared = time.perf_counter() - start
    task = replace(task, threads=arguments.threads)
    ways: dict[str, Callable[[], object]] = {
        "repeated": lambda: repeated(
            task,
            repeats=arguments.repeats,
            folds=arguments.folds,
            max_bins=arguments.max_bins,
            max_iter=arguments.max_iter,
            rate=arguments.learning_rate,
        ),
        "single": lambda: primary_scores(task, task.folds()).score,
        "usual": lambda: usual(task),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, work in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    best = {
        name: {"seconds": min(w for w, _ in rows), "cpu_seconds": min(c for _, c in rows)}
        for name, rows in times.items()
    }
    found = {
        "events": len(table),
        "searched_events": len(task.mjj),
        "training_events": int((training_sample(task).weights > 0).sum()),
        "repeated_settings": {
            name: getattr(arguments, name) for name in ("repeats", "folds", "max_bins", "max_iter", "learning_rate")
        },
        "folds": config.cwola.folds,
        "members": arguments.members,
        "threads": arguments.threads,
        "prepare_seconds": prepared,
        **best,
        "goal_seconds": GOAL,
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(stamped(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
