"""A plan frozen before the data are opened: what will be searched and checked, with a hash that shows it was kept."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from bumphunt import __version__
from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.config.reading import read_text
from bumphunt.errors import ConfigError
from bumphunt.files import write_text
from bumphunt.yaml_text import load_yaml_text

FORMAT = 1
"""Of the plan's file."""


def plan_hash(config: AnalysisConfig, seed: int) -> str:
    """Return the SHA-256 of all that a plan fixes: every setting, and the seed.

    Examples
    --------
    >>> plan_hash(AnalysisConfig(), 1) == plan_hash(AnalysisConfig(), 2)
    False
    """
    fixed = {"format": FORMAT, "seed": seed, "config": config.model_dump(mode="json")}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()


def freeze(config: AnalysisConfig, output: str | Path, *, seed: int = 1) -> Path:
    """Write a plan: searches, windows, cuts, checks and all other settings, the seed, and their hash.

    Parameters
    ----------
    config : AnalysisConfig
        The settings. Where ``search.windows``, ``low`` or ``high`` are null, the plan fixes the rule by which they
        are found in the data.
    output : path
        The YAML file.
    seed : int
        Seed of the run.

    Returns
    -------
    pathlib.Path
        The file.
    """
    content = {
        "plan": FORMAT,
        "hash": plan_hash(config, seed),
        "version": __version__,
        "seed": seed,
        "config": config.model_dump(mode="json"),
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)
    return write_text(output, f"# Frozen plan of `bumphunt run --frozen`; an edited one is refused.\n{text}")


def load_plan(path: str | Path) -> tuple[AnalysisConfig, int, str]:
    """Read a plan and make sure that nobody has changed it.

    Returns
    -------
    config, seed, hash
        Settings, seed, and the hash to be recorded beside the answers.

    Raises
    ------
    ConfigError
        If it is no plan, or another one than was frozen.
    """
    content: Any = load_yaml_text(read_text(path), name=str(path))
    if not isinstance(content, dict) or content.get("plan") != FORMAT or not isinstance(content.get("config"), dict):
        raise ConfigError(f"{path} is no frozen plan; make one with `bumphunt freeze CONFIG --output PLAN`")
    seed = content.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"{path}: seed is {seed!r}; a plan holds a number of at least 0")
    config = config_from_dict(content["config"], name=str(path))
    found = plan_hash(config, seed)
    if found != content.get("hash"):
        raise ConfigError(f"{path} is not as it was frozen (its hash says so); freeze the plan you mean anew")
    return config, seed, found
