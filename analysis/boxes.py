"""Studies of many boxes: one line a box in a committed ``.jsonl``, so that numbers grow over time.

A line says which commit, configuration and seed made it; what a study has already for these is not repeated.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import bumphunt
from bumphunt.execution import parallel_map

RESULTS = Path("analysis/results")


def commit() -> str:
    """Return the commit of the working tree, with a ``+`` where tracked files of the package differ from it."""
    short = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True)
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "bumphunt"], check=False).returncode
    return short.stdout.strip() + ("+" if changed else "")


def config_hash(config: bumphunt.AnalysisConfig) -> str:
    """Return a short hash of a configuration."""
    return hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:12]


def stamp(config: bumphunt.AnalysisConfig, seed: int) -> dict[str, Any]:
    """Return what every line of a study says of its origin."""
    return {
        "commit": commit(),
        "config": config_hash(config),
        "seed": seed,
        "command": " ".join(["python", *sys.argv]),
    }


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a study so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def latest(lines: Iterable[dict[str, Any]], key: Iterable[str] = ("set", "number")) -> list[dict[str, Any]]:
    """Return the last line of each box: one repeated at a later commit counts once, as that commit answers it."""
    names = tuple(key)
    return list({tuple(line[name] for name in names): line for line in lines}.values())


def append(path: Path, line: dict[str, Any]) -> None:
    """Add one line, in one write, so that two processes may add to one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), "a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def grow(
    path: Path,
    function: Callable[[dict[str, Any]], dict[str, Any]],
    tasks: Sequence[dict[str, Any]],
    *,
    origin: dict[str, Any],
    workers: int = 1,
    key: Iterable[str] = ("set", "number"),
) -> None:
    """Run ``function`` on the tasks that no line of this commit and configuration answers yet, and append its lines.

    A task's entries and ``origin`` go into its line beside what the function returns; ``key`` names those that tell
    tasks apart.
    """
    names = [*key, "commit", "config", "seed"]
    done = {tuple(line.get(name) for name in names) for line in read(path)}
    todo = [task for task in tasks if tuple({**task, **origin}.get(name) for name in names) not in done]
    for index, found in parallel_map(_importable(function), todo, workers=workers):
        plain = {name: value for name, value in todo[index].items() if not name.startswith("_")}
        append(path, {**plain, **origin, **found})
        print(f"{path.name}: {index + 1} of {len(todo)}: {json.dumps({**plain, **found})[:200]}", flush=True)


def _importable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the script that runs as one of the module it is.

    A worker process finds neither what a script has cached nor anything else by the name ``__main__``.
    """
    if function.__module__ != "__main__":
        return function
    module = importlib.import_module(Path(sys.modules["__main__"].__file__ or "").stem)
    found: Callable[..., Any] = getattr(module, function.__name__)
    return found
