"""Progress on standard error: a bar for work that comes in pieces, and one for a run with its remaining time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def bar(text: str, total: int, *, done: int, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a bar that each call of what is yielded moves on by one piece."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as shown_bar:
        task = shown_bar.add_task(text, total=total, completed=done)
        yield lambda: shown_bar.advance(task)


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
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as progress:
        yield RunBar(progress, progress.add_task("events", total=None))
