"""YAML from strangers: size, depth and aliases are bounded before anything is built from it."""

from typing import Any

import yaml

from bumphunt.errors import ConfigError, as_line

MAX_BYTES = 1_000_000
"""A configuration with every setting and its comments has 12,000."""
MAX_DEPTH = 50
"""Levels of nesting; a configuration needs four."""
MAX_EVENTS = 100_000
"""Keys, values and brackets."""


def load_yaml_text(text: str, *, name: str) -> Any:
    """Return the plain data of a YAML document.

    Parameters
    ----------
    text : str
        The document. Aliases (``*name``) are refused: a few lines of them expand to more than a memory holds.
    name : str
        Where it comes from, for the messages.

    Raises
    ------
    ConfigError
        If it is not YAML, holds an alias or a repeated key, or is larger or deeper than a configuration can be.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name} has {len(text):,} characters, more than the {MAX_BYTES:,} of any configuration")
    depth = 0
    try:
        for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            if isinstance(event, yaml.events.AliasEvent):
                raise ConfigError(
                    f"{name}, line {_line(event)}: aliases (*{event.anchor}) are not read; write the value itself"
                )
            if isinstance(event, yaml.events.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.events.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise ConfigError(
                    f"{name}, line {_line(event)}: more than {MAX_DEPTH} levels of nesting; "
                    "a configuration has sections and keys"
                )
            if number > MAX_EVENTS:
                raise ConfigError(f"{name}: more than {MAX_EVENTS:,} keys and values; it is no configuration")
        return yaml.load(text, Loader=_UniqueKeys)  # a safe loader
    # PyYAML lets through what int() and datetime() say of a number that is none
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{name} is not YAML: {_told(error)}") from error


def _told(error: Exception) -> str:
    """Return what is wrong and where, without what the parser was busy with."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return as_line(error if mark is None or not problem else f"line {mark.line + 1}: {problem}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 0


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, of which the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)
