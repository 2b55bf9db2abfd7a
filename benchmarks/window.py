"""One window of the search on a million events: training, out-of-fold scores, cuts and fits.

    python benchmarks/window.py --json window.json

Five folds of eight classifiers each. Beside it, what one would write instead: the same loop over scikit-learn's
classifier as it comes, with its own binning and threads.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from bumphunt.config import config_from_dict
from bumphunt.events import drop_truth
from bumphunt.jobs.ingest import read_events
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import WindowTask, event_folds, search_window, training_sample

GOAL = 30.0


def usual(task: WindowTask) -> np.ndarray:
    """Return out-of-fold scores from plain scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    sample, folds, settings = training_sample(task), event_folds(len(task.mjj), task), task.config.cwola
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/blackbox.parquet"))
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    config = config_from_dict({"search": {"windows": [[3500.0, 3950.0]]}, "cwola": {"members": arguments.members}})
    table = drop_truth(read_events(arguments.events))
    start = time.perf_counter()
    task = prepare_search(table, config, 1).tasks[0]
    prepared = time.perf_counter() - start
    task = replace(task, threads=arguments.threads)
    times: dict[str, list[tuple[float, float]]] = {"package": [], "usual": []}
    for _ in range(arguments.repeats):
        for name, work in (("package", search_window), ("usual", usual)):
            wall, cpu = time.perf_counter(), time.process_time()
            work(task)
            times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    best = {
        name: {"seconds": min(w for w, _ in rows), "cpu_seconds": min(c for _, c in rows)}
        for name, rows in times.items()
    }
    found = {
        "events": len(table),
        "searched_events": len(task.mjj),
        "training_events": int((training_sample(task).weights > 0).sum()),
        "folds": config.cwola.folds,
        "members": arguments.members,
        "threads": arguments.threads,
        "prepare_seconds": prepared,
        **best,
        "times_as_fast": best["usual"]["seconds"] / best["package"]["seconds"],
        "times_as_fast_cpu": best["usual"]["cpu_seconds"] / best["package"]["cpu_seconds"],
        "goal_seconds": GOAL,
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
