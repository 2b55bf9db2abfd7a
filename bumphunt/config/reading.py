"""The configuration from YAML or plain data and back."""

import re
from pathlib import Path
from typing import Any

import yaml

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
    text = read_text(path)
    try:
        data = load_yaml_text(text, name=str(path))
    except ConfigError as error:
        if re.search(r"^\[[\w.]+\]\s*$", text, flags=re.MULTILINE):
            raise ConfigError(
                f"{path} looks like TOML; write YAML, as in 'search: {{low: 3000}}'; see `bumphunt config`"
            ) from error
        raise
    return config_from_dict(data or {}, name=str(path))


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
    if isinstance(data, type):
        raise ConfigError(f"{name}: found the class {data.__name__} and no object of it; give {data.__name__}()")
    if not isinstance(data, dict):
        of_file = isinstance(data, str | Path) and "\n" not in str(data)
        remedy = f"; for a file, give load_config({str(data)[:80]!r})" if of_file else ""
        raise ConfigError(f"{name}: expected sections such as 'search:', found {type(data).__name__}{remedy}")
    odd = next((key for key in data if not isinstance(key, str)), None)
    if odd is not None:
        raise ConfigError(f"{name}: {odd!r} is no name of a section or key; see `bumphunt config`")
    try:
        return AnalysisConfig(**data)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error.__cause__


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
