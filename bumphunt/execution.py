"""One `map` for everything that can run side by side: local processes, or a Dask cluster."""

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

from bumphunt.address_space import take_buffers
from bumphunt.errors import InputError, MissingExtraError, as_line, whole_number
from bumphunt.files import reason
from bumphunt.parcels import Parcels, on_disk, packed, run_parcel

logger = logging.getLogger(__name__)

_PATIENCE = 5
"""Seconds in which a Dask scheduler has to answer."""
_SHIPMENTS = 3
"""Times that large arrays are sent to a Dask cluster whose workers die with them."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work, and whether it is shown; answers do not depend on it.

    Parameters
    ----------
    number : int
        Local processes; 1 works in this process.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:8786``), which takes the place of local processes.
    progress : bool
        Show progress bars.

    Examples
    --------
    >>> Workers.of(4)
    Workers(number=4, scheduler=None, progress=False)
    """

    number: int = 1
    scheduler: str | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        whole_number(self.number, "workers", least=1)

    @classmethod
    def of(cls, given: "int | Workers") -> "Workers":
        """Return workers given as such, or as a number of local processes."""
        return given if isinstance(given, Workers) else cls(given)

    def dismiss(self) -> None:
        """End local processes that wait for work, so that other work has their memory; the next map starts new ones."""
        if self.number > 1 and self.scheduler is None:
            _POOL.dismiss()

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """Share tasks out as :func:`parallel_map` does."""
        return parallel_map(function, tasks, workers=self.number, scheduler=self.scheduler)


ALONE = Workers()
"""This process, and nothing shown."""


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
    workers = whole_number(workers, "workers", least=1)
    if scheduler is not None:
        yield from _dask_map(function, tasks, scheduler)
    elif workers == 1 or len(tasks) <= 1:
        for index, task in enumerate(tasks):
            yield index, function(task)
    else:
        yield from _local_map(function, tasks, workers)


def in_order(arriving: Iterator[tuple[int, Result]]) -> Iterator[Result]:
    """Yield the results of :func:`parallel_map` in the order of its tasks; those that come early wait.

    Examples
    --------
    >>> list(in_order(iter([(1, "b"), (0, "a"), (2, "c")])))
    ['a', 'b', 'c']
    """
    early: dict[int, Result] = {}
    place = 0
    for index, result in arriving:
        early[index] = result
        while place in early:
            yield early.pop(place)
            place += 1


def _local_map(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[tuple[int, Result]]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    parcels = packed(tasks)
    waiting = dict(enumerate(parcels.tasks))
    with on_disk(parcels.arrays) as paths:
        for attempt in (1, 2):
            try:
                for index, result in _pool_map(function, waiting, paths, min(workers, len(tasks))):
                    del waiting[index]
                    yield index, result
                return
            except TerminatedWorkerError as error:
                # one worker that is killed takes the pool with it: by the user, or by the system when memory runs out
                if attempt == 2:
                    raise InputError(
                        f"worker processes were killed twice ({as_line(error, length=120)}); they may need more memory "
                        "than there is: give fewer --workers"
                    ) from error
                logger.warning("a worker process was killed; its work and what had not begun is done again")


def _pool_map(
    function: Callable[[Task], Result], waiting: dict[int, bytes], paths: list[Path], workers: int
) -> Iterator[tuple[int, Result]]:
    """Yield results from a pool of processes; an error or an interruption here ends them at once."""
    from concurrent.futures import as_completed

    from joblib.externals.loky import get_reusable_executor

    executor: Any = None
    done = False
    try:
        try:
            with _without_interrupts():
                executor = _POOL.take(
                    get_reusable_executor,
                    max_workers=workers,
                    timeout=300,
                    initializer=_end_with_parent,
                    initargs=(os.getpid(),),
                    env=dict.fromkeys(_THREADS, "1"),
                )
                number = {executor.submit(run_parcel, function, task, paths): index for index, task in waiting.items()}
        except Exception as error:  # no shared memory, no more processes or open files, each in a way of its own
            why = reason(error) if isinstance(error, OSError) else as_line(error)
            raise InputError(f"worker processes cannot be started: {why}; give --workers 1") from error
        for future in as_completed(number):
            index = number.pop(future)
            yield index, future.result()
        done = True
    finally:
        if executor is not None and not done:
            # loky gives up what waits and would then look for it in vain, with a traceback on standard error
            with suppress(Empty):
                while True:
                    executor._work_ids.get_nowait()
            executor.shutdown(wait=True, kill_workers=True)
        if executor is not None:
            _POOL.give_back()


class _Pool:
    """The local processes, which wait for more work when theirs is done; threads of one program share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: Any = None
        self._users = 0

    def take(self, make: Callable[..., Any], **how: Any) -> Any:
        with self._lock:
            self._executor = make(**how)
            self._users += 1
            return self._executor

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1

    def dismiss(self) -> None:
        """End the processes, unless another thread has work for them."""
        with self._lock:
            if self._executor is not None and self._users == 0:
                self._executor.shutdown(wait=True)
                self._executor = None


_POOL = _Pool()


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
            "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS")  # fmt: skip


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: a terminal sends it to all, and this process ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # not a POSIX system
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent(parent: int) -> None:
    """Let a worker process end itself within a second when the process that started it is gone, however that went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    take_buffers()


def _dask_map(
    function: Callable[[Task], Result], tasks: Sequence[Task], scheduler: str
) -> Iterator[tuple[int, Result]]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise MissingExtraError("distributed", "dask", "a Dask scheduler") from error
    # its own account of a lost connection is many lines; what matters of it is said here
    for name in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    client = _connect(distributed, scheduler)
    try:
        if not client.scheduler_info()["workers"]:
            logger.warning("the scheduler at %s has no workers yet; start some with `dask worker %s`", *[scheduler] * 2)
        yield from _shipped(distributed, client, function, packed(tasks))
    except distributed.KilledWorker as error:
        raise InputError(
            f"a task lost its Dask worker again and again ({as_line(error, length=200)}); workers may need more memory"
        ) from error
    except (distributed.comm.CommClosedError, CancelledError) as error:
        raise InputError(
            f"the connection to the Dask scheduler at {scheduler} was lost; start it again and repeat the command "
            "with --resume where it has one"
        ) from error
    finally:
        # a lost scheduler is looked for until patience ends, and not again when the client is collected
        try:
            client.close(timeout=2 * _PATIENCE)
        except TimeoutError:
            client.status = "closed"


def _shipped(
    distributed: Any, client: Any, function: Callable[[Task], Result], parcels: Parcels
) -> Iterator[tuple[int, Result]]:
    """Send large arrays to every worker and then the tasks; again where the last copy of an array is lost."""
    waiting = dict(enumerate(parcels.tasks))
    for attempt in range(_SHIPMENTS):
        arrays: Any = []
        if parcels.arrays and waiting:
            client.wait_for_workers(1)
            arrays = client.scatter(parcels.arrays, broadcast=True, hash=False)
        futures = {client.submit(run_parcel, function, task, arrays, pure=False): i for i, task in waiting.items()}
        number = {future.key: index for future, index in futures.items()}
        for future, result in distributed.as_completed(list(futures), loop=client.loop, with_results=True):
            if future.cancelled():  # what comes as its result is the reason
                if not parcels.arrays or attempt == _SHIPMENTS - 1 or client.status != "running":
                    raise result
                continue
            del waiting[number[future.key]]
            yield number[future.key], result
        if not waiting:
            return
        logger.warning("a Dask worker was lost with what it held; %d tasks are sent again", len(waiting))


def _connect(distributed: Any, scheduler: str) -> Any:
    """Return a client of the scheduler; one that takes the connection and stays silent is waited for no longer."""
    answers: list[Any] = []
    given_up = threading.Event()

    def connect() -> None:
        try:
            client = distributed.Client(scheduler, timeout=f"{_PATIENCE}s", set_as_default=False)
            if given_up.is_set():
                client.close()
            answers.append(client)
        except Exception as error:  # what another service answers can be anything, such as a message of exabytes
            answers.append(as_line(error, length=200))
        # a client that nobody closed stops its loop when it is collected, and would wait for itself for ever if that
        # happened while another one starts
        gc.collect()

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(2 * _PATIENCE)
    answer = answers[0] if answers else "what listens there is silent"
    given_up.set()
    if isinstance(answer, str):
        raise InputError(
            f"no Dask scheduler answers at {scheduler!r} ({answer}); start one with `dask scheduler --host 127.0.0.1`"
        )
    return answer
