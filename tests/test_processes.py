"""Workers: gone with their parent, begun again once when killed, silent under Ctrl-C; Dask: answers in seconds."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from bumphunt import execution
from bumphunt.cli import main
from bumphunt.config import config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.execution import Workers, parallel_map
from bumphunt.pipeline.hunt import hunt_events

LIGHT = """
searches: [cwola]
search: {low: 2850, high: 5400, windows: [[3300, 3710]], cut_fractions: [0.05]}
cwola: {folds: 2, repeats: 4, members: 1, max_iter: 8}
vae: {enabled: false}
autoencoder: {enabled: false}
limit: {enabled: false}
"""

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")

SLEEPERS = """
import os, sys, time
from bumphunt.cli.group import report_errors
from bumphunt.execution import parallel_map

def sleeper(task):
    import os, time
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece, which the other worker cannot come between
    time.sleep(60)

with report_errors():
    list(parallel_map(sleeper, [1, 2], workers=2))
"""


CALLBACK = """
import os, signal, sys, time, weakref
from bumphunt.cli.group import report_errors

class Held:
    pass

def callback(_):
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    sum(range(10_000))  # the signal is raised in here, and lost

with report_errors():
    held = Held()
    watched = weakref.ref(held, callback)
    del held
    if sys.argv[2] == "other":
        class Failing:
            def __del__(self):
                raise ValueError("told as usual")
        Failing()
    time.sleep(20)
    print("not ended")
"""


def exists(process):
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def process_of(task):
    time.sleep(0.2)
    return os.getpid()


def test_workers_that_wait_can_be_dismissed_and_new_ones_come():
    workers = Workers(2)
    before = {found for _, found in workers.map(process_of, range(6))}
    half_done = workers.map(process_of, range(2))
    next(half_done)
    workers.dismiss()  # not while there is work
    assert all(map(exists, before))
    list(half_done)
    workers.dismiss()
    assert not any(map(exists, before))
    after = {found for _, found in workers.map(process_of, range(6))}
    assert not before & after


def test_workers_are_gone_while_networks_train(make_events, monkeypatch):
    seen = []

    def train(*_, **__):
        seen.extend(exists(process) for process in processes)
        raise RuntimeError("enough is seen")

    processes = [found for _, found in Workers(2).map(process_of, range(6))]
    monkeypatch.setattr("bumphunt.pipeline.hunt.run_cross_checks", train)
    settings = {"cwola": {"repeats": 1, "folds": 2, "max_iter": 2}, "searches": ["cwola"]}
    config = config_from_dict({**settings, "search": {"windows": [[3300, 3500], [3500, 3700]]}})
    with pytest.raises(RuntimeError, match="enough is seen"):
        hunt_events(drop_truth(make_events(3_000)), config, seed=1, workers=Workers(2))
    assert seen
    assert not any(seen)


@pytest.mark.parametrize(
    ("number", "group", "status", "line"),
    [
        (signal.SIGKILL, False, -9, ""),
        (signal.SIGTERM, False, 143, "bumphunt: terminated; repeat the command with --resume where it has one\n"),
        (signal.SIGINT, False, 130, "bumphunt: interrupted; repeat the command with --resume where it has one\n"),
        # a terminal sends Ctrl-C to all processes of the command
        (signal.SIGINT, True, 130, "bumphunt: interrupted; repeat the command with --resume where it has one\n"),
    ],
)
def test_workers_end_with_the_program_within_seconds(number, group, status, line):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPERS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as program:
        workers = [int(program.stdout.readline()) for _ in range(2)]
        assert all(map(exists, workers))
        (os.killpg if group else os.kill)(program.pid, number)
        _, said = program.communicate(timeout=10)
    assert program.returncode == status
    # of a killed one, joblib's resource tracker tells what it clears away
    assert said == line or (number == signal.SIGKILL and "Traceback" not in said)
    until = time.monotonic() + 5
    while any(map(exists, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(exists, workers))


def killed_once(task):
    folder, number = task
    marker = Path(folder) / "killed"
    if number == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def killed_always(task):
    if task == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


@pytest.mark.parametrize(("number", "status", "line"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")])
@pytest.mark.parametrize("other", ["alone", "other"])
def test_a_signal_that_comes_in_a_callback_of_python_is_not_lost(number, status, line, other):
    command = [sys.executable, "-c", CALLBACK, number, other]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    assert ended.returncode == status
    assert ended.stdout == ""
    said = ended.stderr.splitlines()
    assert said[-1] == f"bumphunt: {line}; repeat the command with --resume where it has one"
    assert ("told as usual" in ended.stderr) == (other == "other")
    assert len(said) == 1 or other == "other"


def test_the_work_of_a_killed_worker_is_done_again_once(tmp_path, caplog):
    arrived = list(parallel_map(killed_once, [(str(tmp_path), number) for number in range(6)], workers=2))
    assert (tmp_path / "killed").exists()
    assert sorted(arrived) == [(number, number**2) for number in range(6)]
    assert "a worker process was killed" in caplog.text
    with pytest.raises(InputError, match=r"killed twice .* give fewer --workers"):
        list(parallel_map(killed_always, list(range(4)), workers=2))
    assert dict(parallel_map(killed_once, [(str(tmp_path), 2), (str(tmp_path), 3)], workers=2)) == {0: 4, 1: 9}


def test_a_dask_address_where_something_else_listens_is_refused_within_seconds():
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        begin = time.monotonic()
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InputError, match="what listens there is silent"):
            list(parallel_map(abs, [1, 2], scheduler=address))
    with pytest.raises(InputError, match="no Dask scheduler answers at"):
        list(parallel_map(abs, [1, 2], scheduler=address))
    assert time.monotonic() - begin < 30


class SlowClient:
    """Stands in for a client that connects, or is closed, later than anybody waits for."""

    def __init__(self, *_, connects_in=0.0, **__):
        time.sleep(connects_in)
        self.status = "running"

    def close(self, timeout=None):
        if timeout is not None:
            raise TimeoutError("no answer")
        self.status = "closed"

    def scheduler_info(self):
        return {"workers": {}}


@pytest.fixture
def clients(monkeypatch):
    """Clients of the stand-in, as they come to be; closing them takes too long."""
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    made = []

    def client(*arguments, **more):
        made.append(SlowClient(*arguments, **more))
        return made[-1]

    monkeypatch.setattr(distributed, "Client", client)
    monkeypatch.setattr(execution, "_PATIENCE", 0.05)
    return made


def test_a_client_that_cannot_be_closed_is_not_looked_for_again_when_it_is_collected(clients, monkeypatch):
    """That would wait for ever where the collector runs while another client starts."""
    monkeypatch.setattr(execution, "_shipped", lambda *_: iter([]))
    assert list(parallel_map(abs, [1], scheduler="tcp://127.0.0.1:1")) == []
    assert [client.status for client in clients] == ["closed"]


def test_a_client_that_comes_too_late_is_closed(clients, monkeypatch):
    import distributed

    late = partial(distributed.Client, connects_in=0.5)
    monkeypatch.setattr(distributed, "Client", late)
    with pytest.raises(InputError, match="what listens there is silent"):
        list(parallel_map(abs, [1], scheduler="tcp://127.0.0.1:1"))
    until = time.monotonic() + 10
    while not (clients and clients[0].status == "closed") and time.monotonic() < until:
        time.sleep(0.02)
    assert [client.status for client in clients] == ["closed"]


DASK = """
import os, signal, subprocess, sys, time
from bumphunt.cli.group import report_errors
from bumphunt.execution import parallel_map

def nap(task):
    import time
    time.sleep(0.3)
    return task

def begin(what, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + what, "--no-dashboard", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )

port = sys.argv[1]
scheduler = begin("scheduler", "--host", "127.0.0.1", "--port", port)
worker = begin("worker", "tcp://127.0.0.1:" + port, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
try:
    with report_errors():
        for number, _ in enumerate(parallel_map(nap, list(range(100)), scheduler="tcp://127.0.0.1:" + port)):
            if number == 2:
                scheduler.kill()
                killed = time.monotonic()
finally:
    print(time.monotonic() - killed)
    worker.kill()
    scheduler.kill()
"""


def test_a_scheduler_that_dies_in_mid_run_is_named_within_seconds():
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-c", DASK, str(port)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert last.startswith(
        f"bumphunt: the connection to the Dask scheduler at tcp://127.0.0.1:{port} was lost; start it"
    )
    assert "Traceback" not in done.stderr
    assert float(done.stdout) < 15


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(("number", "status", "line"), [(2, 130, "interrupted"), (15, 143, "terminated")])
def test_a_signal_while_the_program_is_being_loaded_is_one_line(tmp_path, number, status, line):
    (tmp_path / "click.py").write_text(f"import os, time; os.kill(os.getpid(), {number}); time.sleep(60)", "utf-8")
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-m", "bumphunt", "--help"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, f"bumphunt: {line}\n")


def test_of_two_runs_at_once_into_one_folder_the_second_is_refused(make_events, tmp_path):
    """The first is held still in mid-run, so that both are at work whatever the machine does."""
    make_events(7_000, seed=5, label=False).to_parquet(tmp_path / "box.parquet")
    (tmp_path / "light.yaml").write_text(LIGHT)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    out = tmp_path / "out"

    def command(seed, *more):
        files = (str(tmp_path / "box.parquet"), "--config", str(tmp_path / "light.yaml"), "--output", str(out))
        return ["run", *files, "--seed", str(seed), *more]

    asked = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": {**os.environ, "PYTHONPATH": path},
    }
    with subprocess.Popen([sys.executable, "-m", "bumphunt", *command(1)], **asked) as first:
        try:
            until = time.monotonic() + 120
            while not (out / "stages" / "request.json").exists() and time.monotonic() < until:
                assert first.poll() is None, first.stderr.read()
                time.sleep(0.01)
            os.kill(first.pid, signal.SIGSTOP)
            before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
            for more in ((), ("--resume",), ("--overwrite",)):
                second = CliRunner().invoke(main, command(2, *more))
                assert second.exit_code == 2, second.output
                assert second.stderr.count("\n") == 1
                assert "in use by another process" in second.stderr
            assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
            os.kill(first.pid, signal.SIGCONT)
            _, said = first.communicate(timeout=240)
        finally:
            first.kill()
    assert first.returncode == 0, said
    assert json.loads((out / "result.json").read_text())["seed"] == 1
    done = CliRunner().invoke(main, command(1, "--resume"))
    assert done.exit_code == 0, done.output
    assert "computed again" not in done.stderr, "no stage was mixed with another seed's"
