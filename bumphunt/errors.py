"""Errors a user can meet. Each message says what was wrong, the value found, and what to do.

The command line turns every :class:`InputError` into one line and exit status 2; anything else is a
fault of the program and exits with 1.
"""

MESSAGE_LENGTH = 500
"""Characters of a message shown to the user; what is longer quotes an input that nobody reads to its end."""


class BumphuntError(Exception):
    """Base class of every error raised on purpose by this package."""


class InputError(BumphuntError):
    """The user's input (a file, a column, an option) cannot be used as it is."""


class ConfigError(InputError):
    """A configuration value is unknown, of the wrong type, or out of range."""


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


def as_line(text: object, *, length: int = MESSAGE_LENGTH) -> str:
    r"""Return a message as one line for a terminal: control characters escaped, the middle of long ones left out.

    Examples
    --------
    >>> as_line("column 'a\x1b[2J' is\n missing")
    "column 'a\\x1b[2J' is missing"
    >>> as_line("found " + "9" * 5000 + "; give less", length=40)
    'found 99999999999999 [...] 9; give less'
    """
    # a message of megabytes is cut before anything else is done with it
    whole = str(text)
    if len(whole) > 20 * length:
        whole = f"{whole[: 10 * length]} {whole[-10 * length :]}"
    words = " ".join(whole.split())
    line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in words)
    if len(line) <= length:
        return line
    tail = (length - 8) * 2 // 5
    head = length - 8 - tail
    return f"{line[:head].rstrip()} [...] {line[-tail:].lstrip()}"
