"""Types of what options and arguments are given; what they refuse, they refuse in plain words."""

import math
import re
from contextlib import suppress
from typing import Any

import click

from bumphunt.files import refuse_address


class GivenPath(click.Path):
    """A path on disk."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or refuse what would silently become a file or folder of an odd name."""
        text = str(value)
        if not text.strip():  # a variable that was not set
            self.fail("the path is empty.", param, ctx)
        if ctx is not None and any(text.partition("=")[0] in each.opts for each in ctx.command.params):
            self.fail(f"'{text}' is the next option; give a path (./{text} for a file of that name).", param, ctx)
        refuse_address(text)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or refuse it."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is no number; {_remedy(self, str(value), param)}.", param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        if (broken := _broken(self, number)) is not None:
            self.fail(f"{value} is too {broken}.", param, ctx)
        return number


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or refuse it."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is no whole number; {_remedy(self, str(value), param)}.", param, ctx)
        if (broken := _broken(self, number)) is not None:
            self.fail(f"{value} is too {broken}.", param, ctx)
        return number


def _broken(kind: Number | WholeNumber, number: float) -> str | None:
    """Return which end of the range a number is beyond, and where it is."""
    if kind.min is not None and (number < kind.min or (kind.min_open and number == kind.min)):
        return f"small; {_lowest(kind)}"
    if kind.max is not None and (number > kind.max or (kind.max_open and number == kind.max)):
        return f"large; give {_what(kind)} {'below' if kind.max_open else 'of at most'} {kind.max}"
    return None


def _remedy(kind: Number | WholeNumber, text: str, param: click.Parameter | None) -> str:
    """Return what to give for a text that is no number: the numbers that it may stand for, or any."""
    if param is not None and param.nargs > 1:
        return f"give {param.nargs} numbers with blanks between them: {param.opts[0]} {param.metavar}"
    with suppress(ValueError):
        if isinstance(kind, WholeNumber):
            meant = float(text.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", text) else text)
            return f"write {meant:.0f}" if meant.is_integer() else _lowest(kind)
        return f"write {float(text[:-1]) / 100 if text.endswith('%') else float(text.replace(',', '.')):g}"
    return _lowest(kind)


def _lowest(kind: Number | WholeNumber) -> str:
    return f"give {_what(kind)} {'above' if kind.min_open else 'of at least'} {kind.min}"


def _what(kind: Number | WholeNumber) -> str:
    return "a whole number" if isinstance(kind, WholeNumber) else "a number"
