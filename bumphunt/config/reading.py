"""The configuration from YAML or plain data and back, with errors that name the key and the closest known one."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bumphunt.config.analysis import AnalysisConfig
from bumphunt.config.sections import Section
from bumphunt.errors import ConfigError
from bumphunt.files import reason
from bumphunt.yaml_text import load_yaml_text

MAX_BYTES = 1_000_000
"""A longer YAML file is no configuration."""


def load_config(path: str | Path) -> AnalysisConfig:
    """Read a YAML configuration; what it leaves out keeps its default.

    Parameters
    ----------
    path : path
        The YAML file; ``bumphunt config`` prints one with every setting.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML, or holds an unknown or unusable value.
    """
    if not isinstance(path, str | Path):
        raise ConfigError(f"load_config reads a file, found {type(path).__name__}; plain data go to config_from_dict")
    return config_from_dict(load_yaml_text(read_text(path), name=str(path)) or {}, name=str(path))


def read_text(path: str | Path) -> str:
    """Return the text of a YAML file of reasonable size, or raise :class:`ConfigError`."""
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES // 1000} kB; that is no configuration")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text; give a configuration in YAML, as `bumphunt config` prints it") from error
    except IsADirectoryError as error:
        raise ConfigError(f"cannot read the config {path}: it is a folder; give a YAML file") from error
    except OSError as error:
        raise ConfigError(f"cannot read the config {path}: {reason(error)}; check the path") from error
    except ValueError as error:  # a path with a null byte
        raise ConfigError(f"cannot read the config {path}: {error}") from error


def config_from_dict(data: Any, *, name: str = "config") -> AnalysisConfig:
    """Build a configuration from plain data.

    Raises
    ------
    ConfigError
        If a key is unknown, with the closest known one, or a value unusable.
    """
    if not isinstance(data, dict):
        of_file = isinstance(data, str | Path) and "\n" not in str(data)
        remedy = f"; for a file, give load_config({str(data)[:80]!r})" if of_file else ""
        raise ConfigError(f"{name}: expected sections such as 'search:', found {type(data).__name__}{remedy}")
    try:
        return AnalysisConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{name}: {_told(error.errors()[0])}; see `bumphunt config`") from error


PLAIN = {
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "model_type": "should be a section with keys of its own",
    "bool_type": "should be true or false",
    "too_short": "holds too few entries; leave the key out for its default",
}
"""What pydantic says in terms of Python, in those of YAML."""
OPTIONS = ("seed", "workers", "scheduler", "output", "resume", "calibration")
"""What people look for among the settings and what belongs to a single run."""


def _told(problem: Any) -> str:
    """Return a problem in a line: which key, what is wrong with its value, what was meant."""
    parts = [str(part) for part in problem["loc"] if not str(part).startswith(("function-", "list[", "tuple["))]
    place, found = ".".join(parts) or "config", problem["input"]
    if problem["type"] == "extra_forbidden":
        if place in OPTIONS:
            return f"{place} is no setting: give --{place} on the command line, or {place}= in Python"
        if place == "plan":
            return "this is a frozen plan: give it as --frozen"
        return f"{place}: unknown key{_closest(parts)}"
    if problem["type"] == "value_error":
        told = str(problem["ctx"]["error"])
        return told if told.startswith(parts[0] if parts else "") else f"{place}: {told}"
    text = PLAIN.get(problem["type"]) or problem["msg"].removeprefix("Input ").replace("valid ", "")
    if problem["type"] in ("list_type", "tuple_type") and not parts[-1].isdigit():
        example = "[3300, 3700]" if parts[-1] == "windows" else found if isinstance(found, int | float | str) else "..."
        text += f", as in '{parts[-1]}: [{example}]'"
    told = f"{place}: {text} (found {_short(found)})"
    if isinstance(found, str) and "string" not in problem["type"] and _is_number(found):
        told += f"; YAML takes {found} for text, write {float(found):g}"
    if place == "sqrt_s" and problem["type"] == "greater_than":
        told += "; it is in GeV: 13000 for 13 TeV"
    return told


def _closest(parts: list[str]) -> str:
    known = _keys(parts[:-1])
    everywhere: dict[str, list[str]] = {}
    for path, key in _all_keys():
        everywhere.setdefault(key, []).append(path)
    near = difflib.get_close_matches(parts[-1], known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {'.'.join([*parts[:-1], near[0]])}?"
    elsewhere = difflib.get_close_matches(parts[-1], everywhere, n=1, cutoff=0.8)
    if elsewhere:
        return f"; did you mean {' or '.join(everywhere[elsewhere[0]])}?"
    return f" (known here: {', '.join(known)})"


def _keys(parts: list[str]) -> list[str]:
    value: Any = AnalysisConfig()
    for part in parts:
        value = getattr(value, part, None)
    return list(type(value).model_fields) if isinstance(value, Section) else []


def _all_keys() -> list[tuple[str, str]]:
    found = []
    for name in AnalysisConfig.model_fields:
        value = getattr(AnalysisConfig(), name)
        if isinstance(value, Section):
            found += [(f"{name}.{key}", key) for key in type(value).model_fields]
    return found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def default_yaml() -> str:
    """Return the default configuration as YAML with a comment on every line."""
    default = AnalysisConfig()
    lines = ["# Configuration of `bumphunt run`: masses in GeV; leave out what you do not change."]
    for name, field in AnalysisConfig.model_fields.items():
        value = getattr(default, name)
        if isinstance(value, Section):
            lines += ["", f"# {(type(value).__doc__ or '').strip().splitlines()[0]}", f"{name}:"]
            for key, item in type(value).model_fields.items():
                lines.append(f"  {key}: {_yaml(getattr(value, key))}  # {item.description}")
        else:
            lines += ["", f"{name}: {_yaml(value)}  # {field.description}"]
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=1000).strip()
    return text.removesuffix("...").strip()
