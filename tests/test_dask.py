"""A Dask cluster of real processes: the same results as here, also when a worker dies."""

import os
import signal
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.execution import ALONE, Workers, parallel_map
from bumphunt.rng import generator

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

# a worker that is killed leaves its sockets and pipes to the garbage collector
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler on the loopback with two worker processes."""
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": 5,
        "temporary-directory": str(tmp_path_factory.mktemp("dask")),
    }
    with warnings.catch_warnings(), dask.config.set(settings):
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster:
            yield cluster.scheduler_address


def drawing():
    """Return a function that travels by value, since workers cannot import the tests."""

    def draw(task):
        seed, number = task
        return float(generator(seed, "task", number).random()), os.getpid()

    return draw


def test_a_cluster_gives_the_same_results_as_this_process(scheduler):
    tasks = [(5, number) for number in range(23)]
    alone = dict(parallel_map(drawing(), tasks))
    arrived = list(parallel_map(drawing(), tasks, scheduler=scheduler))
    assert sorted(index for index, _ in arrived) == list(range(23))
    assert {index: value for index, (value, _) in arrived} == {index: value for index, (value, _) in alone.items()}
    processes = {process for _, (_, process) in arrived}
    assert os.getpid() not in processes
    assert len(processes) == 2


def test_no_tasks(scheduler):
    assert list(parallel_map(drawing(), [], scheduler=scheduler)) == []


def test_an_error_on_a_worker_is_raised_here(scheduler):
    def fail(task):
        raise ValueError(f"task {task}")

    with pytest.raises(ValueError, match="task"):
        list(parallel_map(fail, [1, 2], scheduler=scheduler))


def test_nothing_is_lost_when_a_worker_dies(scheduler, tmp_path):
    def work(task):
        folder, number = task
        marker = Path(folder) / "killed"
        if number == 3 and not marker.exists():
            marker.write_text(str(os.getpid()), "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return number**2

    arrived = list(parallel_map(work, [(str(tmp_path), number) for number in range(12)], scheduler=scheduler))
    assert (tmp_path / "killed").read_text("utf-8") != str(os.getpid()), "a worker did die"
    assert sorted(arrived) == [(number, number**2) for number in range(12)]


def test_a_sample_simulated_on_a_cluster_is_the_same(scheduler, tmp_path):
    pytest.importorskip("pythia8mc", reason="the extra 'simulation' is not installed")
    from bumphunt.simulation.request import Sample
    from bumphunt.simulation.samples import simulate_sample

    sample = Sample(background=15, signal=5, masses=(3500.0, 500.0, 100.0), block=10)
    here = simulate_sample(tmp_path / "here.parquet", sample, seed=6)
    there = simulate_sample(tmp_path / "there.parquet", sample, seed=6, workers=Workers(scheduler=scheduler))
    pd.testing.assert_frame_equal(pd.read_parquet(here), pd.read_parquet(there))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.parquet", "there.parquet"]


def test_features_clustered_on_a_cluster_are_the_same(scheduler, tmp_path, monkeypatch):
    from bumphunt.jobs.ingest import write_features
    from bumphunt.sources.lhco import RawChunk, write_raw

    monkeypatch.setattr("bumphunt.sources.lhco.CHUNK", 4)
    particles = np.abs(np.random.default_rng(1).normal(0.0, 1.0, (10, 700, 3))) * [3.0, 1.0, 1.0]
    raw = write_raw(tmp_path / "raw.h5", [RawChunk(particles=particles, label=None)])
    monkeypatch.chdir(tmp_path)  # workers have other working folders
    here = write_features("raw.h5", tmp_path / "here.parquet")
    there = write_features(raw.name, tmp_path / "there.parquet", workers=Workers(scheduler=scheduler))
    pd.testing.assert_frame_equal(pd.read_parquet(here), pd.read_parquet(there))


def test_an_address_where_nobody_answers_is_an_input_error():
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'nonsense://1'.*dask scheduler"):
        list(parallel_map(drawing(), [(1, 1)], scheduler="nonsense://1"))


def test_arrays_that_tasks_share_are_sent_again_when_a_worker_dies_with_them(scheduler, tmp_path):
    def work(task):
        folder, number, events = task
        marker = Path(folder) / "killed"
        if number == 3 and not marker.exists():
            marker.write_text(str(os.getpid()), "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return float(events.sum()) + number

    events = np.random.default_rng(1).random(1 << 18)
    arrived = dict(parallel_map(work, [(str(tmp_path), number, events) for number in range(8)], scheduler=scheduler))
    assert (tmp_path / "killed").exists(), "a worker did die"
    assert arrived == {number: float(events.sum()) + number for number in range(8)}


def test_windows_searched_on_a_cluster_are_the_same_also_when_a_worker_dies(scheduler, make_events):
    from bumphunt.config import config_from_dict
    from bumphunt.events import drop_truth
    from bumphunt.pipeline.hunt import scan_windows
    from bumphunt.pipeline.keeping import Memory, unwatched
    from bumphunt.pipeline.search import prepare_search

    class Killing(Memory):
        """Kills a worker as soon as the first window is there."""

        killed = None

        def keep_window(self, number, outcome):
            if self.killed is None:
                with distributed.Client(scheduler, set_as_default=False) as client:
                    self.killed = next(iter(client.run(os.getpid).values()))
                os.kill(self.killed, signal.SIGKILL)
            return outcome

    config = config_from_dict({"cwola": {"repeats": 1, "folds": 2, "max_iter": 3}, "search": {"window_step": 1}})
    search = prepare_search(drop_truth(make_events(5_000)), config, 1)
    assert len(search.tasks) > 2
    alone = scan_windows(search, Memory(), workers=ALONE, watch=unwatched)
    keeper = Killing()
    there = scan_windows(search, keeper, workers=Workers(scheduler=scheduler), watch=unwatched)
    assert keeper.killed is not None
    for one, other in zip(alone, there, strict=True):
        np.testing.assert_array_equal(one.score, other.score)
        np.testing.assert_array_equal(one.frequency, other.frequency)
        assert [result.to_dict() for result in one.results] == [result.to_dict() for result in other.results]


def test_limits_on_a_cluster_are_the_same(scheduler, make_events):
    import bumphunt

    config = {
        "searches": ["cwola"],
        "search": {"low": 2900.0, "high": 5500.0, "cut_fractions": [0.05], "family": "dijet3"},
        "cwola": {"repeats": 1, "folds": 2, "max_iter": 3},
        "limit": {"repeats": 1, "draws": 1, "strengths": [0.0, 200.0]},
    }
    given = make_events(6_000, seed=1), make_events(0, signal=800, seed=2)
    alone, there = (
        bumphunt.limits(*given, config=config, workers=workers)
        for workers in (1, bumphunt.Workers(scheduler=scheduler))
    )
    assert there.summary() == alone.summary()
    assert alone.points[0].selected[0].efficiency[1, 1] > 0.0


VERBS = {
    "run": ["events.csv", "--output", "out"],
    "limits": ["events.csv", "model.csv", "--output", "out", "--windows", "1"],
    "calibrate": ["events.csv", "--output", "out", "--null", "1", "--size", "3000"],
    "features": ["raw.h5", "--output", "features.parquet"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_long_verb_asks_the_scheduler_it_is_given(verb, make_events, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from bumphunt.cli import main
    from bumphunt.sources.lhco import RawChunk, write_raw

    monkeypatch.chdir(tmp_path)
    make_events(4_000, seed=1).to_csv("events.csv", index=False)
    make_events(0, signal=400, seed=2).to_csv("model.csv", index=False)
    write_raw("raw.h5", [RawChunk(particles=np.ones((3, 700, 3)), label=None)])
    Path("light.yaml").write_text(
        "cwola: {repeats: 1, folds: 2, max_iter: 3}\n"
        "search: {low: 2900, high: 5500, cut_fractions: [0.05], family: dijet3}\n"
        "limit: {repeats: 1, draws: 1, strengths: [0, 100]}\nvae: {enabled: false}\nautoencoder: {enabled: false}\n"
    )
    config = [] if verb == "features" else ["--config", "light.yaml"]
    found = CliRunner().invoke(main, [verb, *VERBS[verb], *config, "--scheduler", "nonsense://1"])
    assert found.exit_code == 2
    assert "no Dask scheduler answers at 'nonsense://1'" in found.output
