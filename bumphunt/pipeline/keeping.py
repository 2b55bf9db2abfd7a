"""Where finished stages of a hunt are kept, so that an interrupted one can go on; by default nowhere."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy.typing as npt

from bumphunt.pipeline.windows import WindowOutcome

Arrays = dict[str, npt.NDArray[Any]]


class Keeper(Protocol):
    """Keeps what stages found; a folder, say."""

    def window(self, number: int) -> WindowOutcome | None:
        """Return what a window gave before, if it is kept."""
        ...

    def keep_window(self, number: int, outcome: WindowOutcome) -> WindowOutcome:
        """Keep what a window gave, and return it, perhaps out of memory."""
        ...

    def keep(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of that name, calling ``make`` where they are not kept yet."""
        ...

    def kept(self, name: str) -> Arrays | None:
        """Return the arrays of that name, if they are kept."""
        ...


class Memory:
    """Keeps nothing beyond the hunt itself."""

    def window(self, number: int) -> WindowOutcome | None:
        """Return None: nothing is kept."""
        return None

    def keep_window(self, number: int, outcome: WindowOutcome) -> WindowOutcome:
        """Return what was given."""
        return outcome

    def keep(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Return what ``make`` returns."""
        return make()

    def kept(self, name: str) -> Arrays | None:
        """Return None: nothing is kept."""
        return None


class Watch(Protocol):
    """Follows work that comes in pieces; a progress bar, say."""

    def __call__(self, text: str, total: int, *, done: int) -> AbstractContextManager[Callable[[], None]]:
        """Return a context whose value is called after each piece."""
        ...


def unwatched(text: str, total: int, *, done: int) -> AbstractContextManager[Callable[[], None]]:
    """Follow nothing."""
    return nullcontext(lambda: None)
