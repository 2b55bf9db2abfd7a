"""Where a stored result comes from: four keys that every JSON under ``analysis/results`` has."""

import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def stamped(result: dict[str, Any], *, seed: int | None = None, config: Any = None) -> dict[str, Any]:
    """Return a result with the commit, the settings, the seed and the command that made it.

    Parameters
    ----------
    result : dict
        What was found.
    seed : int or None
        The seed that was given; None where seeds stand in the script.
    config : object
        Settings, as plain data or a sentence.
    """
    git = ["git", "rev-parse", "--short=10", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    script = Path(sys.argv[0]).resolve()
    place = script.relative_to(ROOT).as_posix() if script.is_relative_to(ROOT) else script.name
    command = " ".join(["python", place, *sys.argv[1:]])
    origin = {"commit": commit, "config": config or "as in the script", "seed": seed, "command": command}
    return {**result, **{key: value for key, value in origin.items() if key not in result}}
