"""What is wrong with a setting, in a line: its key, the value found, the closest known key and the remedy."""

import difflib
import re
from typing import Any

from pydantic import BaseModel, ValidationError

PLAIN = {
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "model_type": "should be a section with keys of its own",
    "bool_type": "should be true or false",
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), "should be a whole number"),
    "too_short": "holds too few entries; leave the key out for its default",
}
"""What pydantic says in terms of Python, in those of YAML."""
OPTIONS = ("seed", "workers", "scheduler", "output", "resume", "calibration")
"""What people look for among the settings and what belongs to a single run."""
PAIRS = {"windows": "[3300, 3700]", "daughters": "[mj1, mj2], or null for none"}
"""Keys that hold pairs, and how one is written."""


def in_a_line(error: ValidationError, default: BaseModel) -> str:
    """Return the first problem: which key, what is wrong with its value, what was meant.

    Parameters
    ----------
    error : pydantic.ValidationError
        What was refused.
    default : BaseModel
        The configuration without settings, whose keys are the known ones.
    """
    problem: Any = error.errors()[0]
    parts = [str(part) for part in problem["loc"] if not str(part).startswith(("function-", "list[", "tuple["))]
    place, found = ".".join(parts) or "config", problem["input"]
    if problem["type"] == "extra_forbidden":
        if place in OPTIONS:
            return f"{place} is no setting: give --{place} on the command line, or {place}= in Python"
        if place == "plan":
            return "this is a frozen plan: give it as --frozen"
        return f"{place}: unknown key{_closest(parts, default)}"
    if problem["type"] == "value_error":
        told = str(problem["ctx"]["error"])
        return told if told.startswith(parts[0] if parts else "") else f"{place}: {told}"
    if problem["type"] == "invalid_key":
        return f"{place}: {found!r} is no key; a comma begins the next one, so write 2500 and not 2,500"
    pair = next((PAIRS[part] for part in parts if part in PAIRS), None)
    if pair and (problem["type"] in ("missing", "too_long") or parts[-1].isdigit() or place == "daughters"):
        where = ".".join(parts[:-1] if problem["type"] == "missing" else parts)
        return f"{where}: should be a pair, as in {pair} (found {_short(found)})"
    text = PLAIN.get(problem["type"]) or problem["msg"].removeprefix("Input ").replace("valid ", "")
    if problem["type"] in ("list_type", "tuple_type") and not parts[-1].isdigit():
        example = "[3300, 3700]" if parts[-1] == "windows" else found if isinstance(found, int | float | str) else "..."
        text += f", as in '{parts[-1]}: [{example}]'"
    told = f"{place}: {text} (found {_short(found)})"
    return told + _remedy(problem["type"], place, found, default)


def _remedy(kind: str, place: str, found: Any, default: BaseModel) -> str:
    """Return what to write instead, where that can be told from what was written."""
    if kind == "model_type":
        keys = _keys([place], default)
        if found is False and "enabled" in keys:
            return f"; write '{place}: {{enabled: false}}'"
        if found is None:
            return "; indent its keys below it, or leave it out"
        return f"; write '{place}: {{{keys[0]}: ...}}'" if keys else ""
    if kind == "string_type" and place == "select":
        return "; join comparisons by 'and'"
    if place == "sqrt_s" and kind == "greater_than":
        return "; it is in GeV: 13000 for 13 TeV"
    if not isinstance(found, str) or "string" in kind:
        return ""
    if found in ("None", "none"):
        return "; write null"
    if _is_number(found):
        return f"; YAML takes {found} for text, write {float(found):g}"
    number = re.match(r"\s*([-+\d.][\d.]*(?:[eE][-+]?\d+)?)\s*([%A-Za-z/].*)$", found)
    if number and kind in ("float_type", "int_type") and _is_number(number[1]):
        return f"; write {float(number[1]) / (100 if number[2] == '%' else 1):g}, without a unit"
    return ""


def _closest(parts: list[str], default: BaseModel) -> str:
    section, _, key = parts[-1].partition(".")
    if key and _keys([section], default):
        return f"; write '{section}: {{{key}: ...}}'"
    known = _keys(parts[:-1], default)
    everywhere: dict[str, list[str]] = {}
    for path in setting_names(default):
        if "." in path:
            everywhere.setdefault(path.rpartition(".")[2], []).append(path)
    near = difflib.get_close_matches(parts[-1], known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {'.'.join([*parts[:-1], near[0]])}?"
    elsewhere = difflib.get_close_matches(parts[-1], everywhere, n=1, cutoff=0.8)
    if elsewhere:
        return f"; did you mean {' or '.join(everywhere[elsewhere[0]])}?"
    return f" (known here: {', '.join(known)})"


def _keys(parts: list[str], default: BaseModel) -> list[str]:
    value: Any = default
    for part in parts:
        value = getattr(value, part, None)
    return list(type(value).model_fields) if isinstance(value, BaseModel) else []


def setting_names(default: BaseModel) -> list[str]:
    """Return every key of a configuration, with its section: ``features``, ``search.low``, ..."""
    found = []
    for name in type(default).model_fields:
        value = getattr(default, name)
        inner = type(value).model_fields if isinstance(value, BaseModel) else None
        found += [name] if inner is None else [f"{name}.{key}" for key in inner]
    return found


def _short(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
