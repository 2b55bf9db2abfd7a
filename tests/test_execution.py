"""One map: every task once, whatever runs it."""

import sys

import pytest

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.execution import Workers, parallel_map
from bumphunt.rng import generator


def draw(task):
    seed, number = task
    return float(generator(seed, "task", number).random())


def fail(task):
    raise ValueError(f"task {task}")


@pytest.mark.parametrize("workers", [0, -3])
def test_too_few_workers(workers):
    with pytest.raises(InputError, match=f"workers is {workers}; give a whole number of at least 1"):
        list(parallel_map(draw, [(1, 1)], workers=workers))


def test_no_tasks():
    assert list(parallel_map(draw, [], workers=4)) == []


def test_one_worker_is_lazy_so_that_what_is_done_can_be_kept():
    seen = []
    results = parallel_map(seen.append, ["a", "b", "c"])
    next(results)
    assert seen == ["a"]


def test_results_do_not_depend_on_the_number_of_workers():
    tasks = [(5, number) for number in range(7)]
    alone = dict(parallel_map(draw, tasks))
    together = dict(parallel_map(draw, tasks, workers=2))
    assert alone == together
    assert sorted(alone) == list(range(7))
    assert alone == {number: draw(task) for number, task in enumerate(tasks)}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("tasks", [2, 200])
def test_an_error_in_a_task_is_raised(workers, tasks):
    # with many tasks waiting, a traceback in the thread that manages the pool would fail the test
    with pytest.raises(ValueError, match="task"):
        list(parallel_map(fail, list(range(tasks)), workers=workers))


def test_a_scheduler_needs_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"bumphunt\[dask\]"):
        list(parallel_map(draw, [(1, 1)], scheduler="tcp://127.0.0.1:9"))


def test_workers_may_be_a_number():
    assert Workers.of(3) == Workers(3)
    asked = Workers(scheduler="tcp://127.0.0.1:9", progress=True)
    assert Workers.of(asked) is asked
    assert dict(Workers(2).map(draw, [(1, 2), (3, 4)])) == dict(parallel_map(draw, [(1, 2), (3, 4)]))
    with pytest.raises(InputError, match="workers is 0"):
        list(Workers(0).map(draw, [(1, 1)]))
