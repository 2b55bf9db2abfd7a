"""A progress bar on standard error, for work that comes in pieces."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(text: str, total: int, *, done: int, shown: bool) -> Iterator[Callable[[], None]]:
    """Show a bar that each call of what is yielded moves on by one piece."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as shown_bar:
        task = shown_bar.add_task(text, total=total, completed=done)
        yield lambda: shown_bar.advance(task)
