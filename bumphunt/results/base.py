"""The base of all results: frozen dataclasses, to and from plain data, short as text and as HTML."""

import dataclasses
import html
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.results.codec import decode, encode
from bumphunt.results.rounding import pdg_round

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LONGEST = 590
"""Characters of a representation: it must fit a screen whatever a result holds."""
DIGITS = 4
"""Significant digits of a number without an error."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Base of all results: plain data in, plain data out."""

    def __init_subclass__(cls, **options: Any) -> None:
        super(Result, cls).__init_subclass__(**options)
        # set before the dataclass decorator looks, which otherwise writes one that prints every array
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Result.__repr__  # type: ignore[method-assign]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain lists, numbers and strings (NaN and infinity become null)."""
        plain: dict[str, Any] = encode(self)
        return plain

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Rebuild the result from :meth:`to_dict`; an unknown key or a value of another type is a TypeError."""
        return decode(cls, data)

    def __repr__(self) -> str:
        return short_repr(self)

    def __str__(self) -> str:
        return _cut("\n".join([type(self).__name__, *(f"  {name}  {text}" for name, text in _lines(self))]))

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(text)}</td></tr>'
            for name, text in _lines(self)
        )
        return f"<table><caption>{html.escape(type(self).__name__)}</caption><tbody>{rows}</tbody></table>"


def short_repr(part: Any) -> str:
    """Return the short representation of a dataclass: large things as what they are and how many."""
    shown = ", ".join(f"{name}={_brief(value)}" for name, value in _fields(part))
    return _cut(f"{type(part).__name__}({shown})")


def _fields(result: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(result, field.name)) for field in dataclasses.fields(result)]


def _lines(result: Result) -> list[tuple[str, str]]:
    """Return names and values; a number and its error (``x`` and ``x_error``) in one line, rounded together."""
    fields = dict(_fields(result))
    lines = []
    for name, value in fields.items():
        error = fields.get(f"{name}_error")
        if isinstance(value, float) and isinstance(error, float) and math.isfinite(value):
            text = " ± ".join(pdg_round(value, error))
        elif name.endswith("_error") and isinstance(fields.get(name.removesuffix("_error")), float):
            continue
        else:
            text = str(value) if isinstance(value, Result) and "\n" not in str(value) else _brief(value)
        lines.append((name, text))
    return lines


def _brief(value: Any) -> str:
    """Return a value in a few characters: large things as what they are and how many."""
    if isinstance(value, float | np.floating):
        return f"{value:.{DIGITS}g}"
    if isinstance(value, np.ndarray):
        return (
            f"<array {value.shape}>" if value.size > 3 else "[" + ", ".join(map(_brief, value.ravel().tolist())) + "]"
        )
    if dataclasses.is_dataclass(value) or hasattr(value, "model_dump") or hasattr(value, "iloc"):
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        return f"<dict of {len(value)}>" if value else "{}"
    if isinstance(value, list | tuple):
        if len(value) <= 3 and not any(
            isinstance(item, dict | np.ndarray) or dataclasses.is_dataclass(item) for item in value
        ):
            return "(" + ", ".join(map(_brief, value)) + ")"
        return f"<{len(value)} {type(value[0]).__name__}>" if value else "()"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
