"""Progress with its remaining time: a bar on a terminal, and lines of the log elsewhere (``bumphunt -v``).

Work in pieces has a bar of its own, a whole run one whose stages count by their expected cost.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from bumphunt.jobs.costs import in_words

logger = logging.getLogger(__name__)

EVERY, LATER, FIRST = 2.0, 10.0, 60.0
"""Seconds between lines of the log: at first, and after so many seconds, so that the log of a long job stays short."""


@contextmanager
def bar(text: str, total: int, *, done: int, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a bar that each call of what is yielded moves on by one piece, with the time that the rest will take."""
    with _progress(shown=shown) as progress:
        task = progress.add_task(f"{text} {done}/{total}", total=total, completed=done)
        count = done

        def advance() -> None:
            nonlocal count
            count += 1
            progress.update(task, completed=count, description=f"{text} {count}/{total}")

        with nullcontext() if shown else _lines(progress, before=done):
            yield advance


class RunBar:
    """One bar for a whole run: its stages count by their expected cost, so that the remaining time means something.

    Parameters
    ----------
    progress, task
        The bar, and its only task.
    """

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task
        self._costs: dict[str, float] = {}
        self._before, self._now = 0.0, 0.0

    @property
    def fraction(self) -> float:
        """Part of the expected cost that is behind."""
        task = self._progress.tasks[0]
        return float(task.completed / task.total) if task.total else 0.0

    def expect(self, costs: Mapping[str, float]) -> None:
        """Say what the stages will cost, in any unit; those that are over count as done."""
        self._costs = dict(costs)
        self._progress.update(self._task, total=sum(costs.values()))

    def enter(self, stage: str) -> None:
        """Note that a stage begins, and with it that the one before is over."""
        names = list(self._costs)
        if stage in self._costs:
            self._before = sum(self._costs[name] for name in names[: names.index(stage)])
            self._now = self._costs[stage]
        self._progress.update(self._task, description=stage.replace("_", " "), completed=self._before)

    @contextmanager
    def _pieces(self, text: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        count = done

        def show() -> None:
            part = count / total if total else 1.0
            said = f"{text} {count}/{total}"
            self._progress.update(self._task, description=said, completed=self._before + part * self._now)

        def advance() -> None:
            nonlocal count
            count += 1
            show()

        show()
        yield advance

    def watch(self, text: str, total: int, *, done: int) -> AbstractContextManager[Callable[[], None]]:
        """Follow the pieces of the stage that is going on; a :class:`bumphunt.pipeline.keeping.Watch`."""
        return self._pieces(text, total, done)


@contextmanager
def run_bar(*, shown: bool) -> Iterator[RunBar]:
    """Show the bar of a run, with a spinner that turns also while a stage is silent."""
    with _progress(shown=shown) as progress:
        task = progress.add_task("events", total=None)
        with nullcontext() if shown else _lines(progress):
            yield RunBar(progress, task)


def _progress(*, shown: bool) -> Any:
    """Return the bar that all jobs share, not begun yet."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True)


@contextmanager
def _lines(progress: Any, *, before: float = 0.0) -> Iterator[None]:
    """Say by the log what a bar would show; ``before`` was done when it began."""
    if not logger.isEnabledFor(logging.INFO):
        yield
        return
    over, began = threading.Event(), time.monotonic()

    def speak() -> None:
        while True:
            spent = time.monotonic() - began
            if over.wait(EVERY if spent < FIRST else LATER):
                return
            logger.info("%s", _line(progress.tasks[0], time.monotonic() - began, before=before))

    # a thread of its own: a stage that is busy in one long call says nothing by itself
    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        over.set()
        speaker.join()


def _line(task: Any, spent: float, *, before: float) -> str:
    """Return what is being done, for how long, and about how long the rest will take, if that is known."""
    said = f"{task.description}, {in_words(spent)}"
    gone = task.completed - before
    if not task.total or gone <= 0.0:
        return said
    return f"{said}, about {in_words(spent * (task.total - task.completed) / gone)} left"
