"""The base of all results: frozen dataclasses, to and from plain data."""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of all results: plain data in, plain data out."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain lists, numbers and strings (NaN and infinity become null)."""
        return {field.name: _plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Rebuild the result from :meth:`to_dict`; unknown keys are an error."""
        hints = typing.get_type_hints(cls)
        return cls(**{name: _rebuild(hints[name], value) for name, value in data.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _rebuild(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _rebuild(next(a for a in arguments if a is not type(None)), value)
    if origin is np.ndarray:
        kind = typing.get_args(arguments[1])[0]
        if kind is np.float64:
            return np.array(value, dtype=object).astype(np.float64)
        return np.asarray(value, dtype=kind)
    if origin is tuple:
        return tuple(_rebuild(arguments[0], item) for item in value)
    if origin is dict:
        return {key: _rebuild(arguments[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Result):
        return hint.from_dict(value)
    if hint is float and value is None:
        return math.nan
    return value
