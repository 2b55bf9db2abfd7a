"""Hunt in boxes of the study of reach with version 0.1, for CWoLa before its significances were made honest.

    git worktree add ../before 90e88e0
    python analysis/reach_before.py ../before

One line a box is added to ``analysis/results/reach_before.jsonl``; `make figures` draws them beside today's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boxes
from background_pool import background_pool
from reach import MODELS, make_box, near_windows, signal_of, tasks

from bumphunt.config import config_from_dict

OFF = {"vae": {"enabled": False}, "autoencoder": {"enabled": False}}


def hunt_before(task: dict[str, Any]) -> dict[str, Any]:
    """Run the older package on one box, in a process of its own."""
    events, injected = make_box(task)
    config = {**OFF, "search": {"windows": near_windows(MODELS[task["model"]][0][0])}}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        events.to_parquet(folder / "box.parquet")
        (folder / "config.yaml").write_text(json.dumps(config), "utf-8")
        command = [sys.executable, "-m", "bumphunt", "run", "box.parquet", "--output", "out", "--config", "config.yaml"]
        environment = {**os.environ, "PYTHONPATH": str(task["_checkout"])}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        answers = json.loads((folder / "out/result.json").read_text("utf-8"))["answers"]
    found = {name: round(answers[name], 3) for name in ("z_local", "z_global")}
    return {"injected": injected, **found, "status": answers["status"], "seconds": round(time.monotonic() - begun, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of commit 90e88e0")
    parser.add_argument("--scratch", type=Path, default=Path("out/power"), help="pool and signal, made if missing")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["rnd"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[100_000])
    parser.add_argument("--strengths", nargs="+", type=float, default=[0.2, 0.4, 0.7, 1.2, 2.0])
    parser.add_argument("--boxes", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    if not (arguments.checkout / "bumphunt/__main__.py").exists():
        parser.error(f"{arguments.checkout} holds no checkout of the package; make it by git worktree add")
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    background_pool(arguments.scratch / "pool.parquet", workers=arguments.workers)
    todo = []
    for chosen in arguments.models:
        signal_of(chosen, arguments.scratch, workers=arguments.workers)
        made = tasks(arguments.scratch, chosen, arguments.sizes, arguments.strengths, arguments.boxes, near=True)
        todo += [{**task, "_checkout": arguments.checkout.resolve()} for task in made]
    head = ["git", "-C", str(arguments.checkout), "rev-parse", "--short=10", "HEAD"]
    old = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    command = " ".join(["python analysis/reach_before.py ../before", *sys.argv[2:]])
    origin = {**boxes.stamp(config_from_dict(OFF), seed=1), "command": command, "package": old}
    path = boxes.RESULTS / "reach_before.jsonl"
    boxes.grow(path, hunt_before, todo, origin=origin, workers=arguments.workers)


if __name__ == "__main__":
    main()
