"""One `map` for everything that can run side by side: local processes, or a Dask cluster."""

import logging
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeVar

from bumphunt.errors import InputError, MissingExtraError

logger = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    scheduler: str | None = None,
) -> Iterator[tuple[int, Result]]:
    """Apply ``function`` to each task and yield ``(index, result)`` as each one finishes.

    The order of arrival is not defined; the results are, whatever the number of workers, as long as
    each task carries its own seed.

    Parameters
    ----------
    function : callable
        A module-level function (it travels to other processes).
    tasks : sequence
        Its arguments, one each.
    workers : int
        Local processes; 1 runs in this process.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:8786``); takes the place of local processes. A task
        whose worker dies is run again elsewhere.
    """
    if workers < 1:
        raise InputError(f"workers is {workers}; give at least 1")
    if scheduler is not None:
        yield from _dask_map(function, tasks, scheduler)
    elif workers == 1 or len(tasks) <= 1:
        for index, task in enumerate(tasks):
            yield index, function(task)
    else:
        yield from _local_map(function, tasks, workers)


def _numbered(function: Callable[[Task], Result], index: int, task: Task) -> tuple[int, Result]:
    return index, function(task)


def _local_map(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[tuple[int, Result]]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", n_jobs=min(workers, len(tasks)), inner_max_num_threads=1):
        pool: Any = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")
        yield from pool(delayed(_numbered)(function, index, task) for index, task in enumerate(tasks))


def _dask_map(
    function: Callable[[Task], Result], tasks: Sequence[Task], scheduler: str
) -> Iterator[tuple[int, Result]]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise MissingExtraError("distributed", "dask", "a Dask scheduler") from error
    try:
        client = distributed.Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler!r} ({error}); start one with `dask scheduler`"
        ) from error
    with client:
        futures = client.map(function, list(tasks), pure=False)
        number = {future.key: index for index, future in enumerate(futures)}
        for future, result in distributed.as_completed(futures, loop=client.loop, with_results=True):
            yield number[future.key], result
