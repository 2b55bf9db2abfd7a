"""Results to plain data and back, driven by the annotations of their fields; the one place that knows how.

NaN and infinity become null; null comes back as NaN where a number is expected. What an annotation does not allow is a
TypeError that names the field, so that a damaged file is told in one line.
"""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return plain lists, numbers and strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return encode(value.tolist())
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def decode(kind: type[T], data: Any) -> T:
    """Rebuild a dataclass from :func:`encode`.

    Raises
    ------
    TypeError
        If a key is unknown or missing, or a value does not fit its annotation; the message names it.
    """
    name = kind.__name__
    if not isinstance(data, Mapping):
        raise TypeError(f"{name} is {data!r:.60}, not an object")
    hints = _hints(typing.cast("Any", kind))
    unknown = sorted(set(map(str, data)) - hints.keys())
    if unknown:
        raise TypeError(f"{name} has the unknown key {unknown[0]!r}")
    for field in dataclasses.fields(typing.cast("Any", kind)):
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in data and not optional:
            raise TypeError(f"{name}.{field.name} is missing")
    return kind(**{key: _rebuild(f"{name}.{key}", hints[key], value) for key, value in data.items()})


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _rebuild(name: str, hint: Any, value: Any) -> Any:
    if hint is Any:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hasattr(origin, "__value__"):  # numpy 2.5 names arrays by a type alias
        return _rebuild(name, origin.__value__[arguments], value)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _rebuild(name, next(a for a in arguments if a is not type(None)), value)
    if origin is np.ndarray or hint is np.ndarray:
        return _array(name, arguments, value)
    if dataclasses.is_dataclass(hint):
        try:
            return decode(typing.cast("type[Any]", hint), value)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
    if origin is tuple:
        return _tuple(name, arguments, value)
    if origin is list:
        return [_rebuild(f"{name}[{i}]", arguments[0], item) for i, item in enumerate(_is(name, value, list))]
    if origin is not None and issubclass(origin, Mapping):
        content = arguments[1]
        return {key: _rebuild(f"{name}.{key}", content, item) for key, item in _is(name, value, dict).items()}
    if hint is float:
        return math.nan if value is None else _number(name, value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return value
    if hint is int:
        return _number(name, value, whole=True)
    return _is(name, value, hint) if isinstance(hint, type) else value


def _array(name: str, arguments: tuple[Any, ...], value: Any) -> Any:
    kinds = typing.get_args(arguments[1]) if len(arguments) > 1 else ()
    kind = kinds[0] if kinds else None
    _is(name, value, list)
    try:
        if kind is np.float64:
            return np.array(value, dtype=object).astype(np.float64)  # through object, so that null becomes NaN
        return np.asarray(value, dtype=kind if isinstance(kind, type) else None)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} is not an array of numbers ({error})") from None


def _tuple(name: str, arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = _is(name, value, list, tuple)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_rebuild(f"{name}[{i}]", arguments[0], item) for i, item in enumerate(items))
    if len(items) != len(arguments):
        raise TypeError(f"{name} has {len(items)} entries, not {len(arguments)}")
    return tuple(_rebuild(f"{name}[{i}]", arguments[i], item) for i, item in enumerate(items))


def _number(name: str, value: Any, *, whole: bool = False) -> Any:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise TypeError(f"{name} is {value!r:.60}, not {'a whole number' if whole else 'a number'}")
    return value


def _is(name: str, value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {value!r:.60}, not {kinds[0].__name__}")
    return value
