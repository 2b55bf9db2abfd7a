"""Errors a user can meet. Each message says what was wrong, the value found, and what to do.

The command line turns every :class:`InputError` into one line and exit status 2; anything else is a
fault of the program and exits with 1.
"""


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
