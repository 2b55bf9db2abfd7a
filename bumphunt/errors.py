"""Errors a user can meet. Each message says what was wrong, the value found, and what to do.

The command line turns every :class:`InputError` into one line and exit status 2; anything else is a
fault of the program and exits with 1.
"""

import operator
import re
import sys
import warnings

MESSAGE_LENGTH = 500
"""Characters of a message shown at the command line; what is longer quotes an input that nobody reads to its end."""
LONGEST_WORD = 300
"""Characters of one word of a message (a value, a path) that are shown."""
LONGEST_MESSAGE = 1000
"""Characters of a message that are shown: its beginning, and its end, where the remedy is."""


def safe_text(text: object) -> str:
    r"""Return a text as one line that a terminal can be shown, whatever a file has put into it.

    Line ends become blanks, control characters and other invisible ones are escaped, over-long words and
    over-long messages are cut in the middle.

    Examples
    --------
    >>> safe_text("column '\x1b[2J' is\nmissing")
    "column '\\x1b[2J' is missing"
    >>> safe_text("x" * 5_000_000)[-32:]
    'x...(5000000 characters)...xxxxx'
    """
    whole = str(text)
    if len(whole) > 20 * LONGEST_MESSAGE:  # a value of megabytes need not be looked at character by character
        whole = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", _shortened, whole)
    line = "".join(map(_visible, whole[: 20 * LONGEST_MESSAGE]))
    if len(whole) > 20 * LONGEST_MESSAGE:
        line += "".join(map(_visible, whole[-LONGEST_MESSAGE:]))
    line = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", _shortened, line)
    if len(line) > LONGEST_MESSAGE:
        line = f"{line[: LONGEST_MESSAGE - 405]} ... {line[-400:]}"
    return line


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _shortened(match: "re.Match[str]") -> str:
    word = match.group()
    return f"{word[:100]}...({len(word)} characters)...{word[-5:]}"


class BumphuntError(Exception):
    """Base class of every error raised on purpose by this package; its message is always one safe line."""

    def __init__(self, message: object = "") -> None:
        super().__init__(safe_text(message))


class InputError(BumphuntError):
    """The user's input (a file, a column, an option) cannot be used as it is."""


class ConfigError(InputError):
    """A configuration value is unknown, of the wrong type, or out of range."""


class NotSearchedError(InputError):
    """A search beside others cannot be made of these events; the others can."""


class TruthError(BumphuntError):
    """Truth labels were about to reach a stage that must never see them."""


class MissingExtraError(InputError):
    """An optional dependency is needed for what was asked."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: pip install 'bumphunt[{extra}]'"
        )


class FitError(BumphuntError):
    """A fit did not converge, and no number can be given in its place."""


def warn_user(text: str) -> None:
    """Warn in the name of the line of the user's that called this package, however deep inside it is found out."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "bumphunt":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


def as_line(text: object, *, length: int = MESSAGE_LENGTH) -> str:
    r"""Return a message as one line for a terminal: control characters escaped, the middle of long ones left out.

    Examples
    --------
    >>> as_line("column 'a\x1b[2J' is\n missing")
    "column 'a\\x1b[2J' is missing"
    >>> as_line("found " + "9 " * 5000 + "; give less", length=40)
    'found 9 9 9 9 9 9 9 [...] ; give less'
    """
    line = " ".join(safe_text(text).split())
    if len(line) <= length:
        return line
    tail = (length - 8) * 2 // 5
    head = length - 8 - tail
    return f"{line[:head].rstrip()} [...] {line[-tail:].lstrip()}"


def whole_number(value: object, name: str, *, least: int) -> int:
    """Return what was given as a whole number.

    Raises
    ------
    InputError
        If it is none (a text, a fraction, True) or below ``least``.

    Examples
    --------
    >>> whole_number(3, "workers", least=1)
    3
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type] # what cannot be one is what is looked for
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise InputError(f"{name} is {value!r:.60}; give a whole number of at least {least}")
    return number
