"""Kill runs in mid-scan, resume them, and compare their answers with those of an undisturbed run.

    python tests/chaos/kills.py --kills 50

Killed are the program itself, its worker processes, Dask workers and the Dask scheduler (on the loopback), by KILL,
TERM and INT. Ten seconds after each kill no process of the run may be left. With ``--both``, runs with the
prior-assisted search beside CWoLa are killed, which take much longer. Needs ``/proc`` (Linux).
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
MARK = "BUMPHUNT_CHAOS"
PATIENCE = 10.0
CONFIG = """
searches: [cwola]
search: {cut_fractions: [0.1], low: 2900.0, high: 5000.0, window_bins: 3, window_step: 1, sideband_bins: 4}
cwola: {repeats: 1, members: 1, max_iter: 100, folds: 3}
vae: {enabled: false}
autoencoder: {enabled: false}
limit: {enabled: false}
"""
BOTH = "[cwola, prior]"
LEAST_BOTH = 8_000  # events that the prior-assisted search needs
LOCAL = [
    ("program", signal.SIGKILL), ("program", signal.SIGTERM), ("program", signal.SIGINT),
    ("worker", signal.SIGKILL), ("worker", signal.SIGTERM),
]  # fmt: skip
CLUSTER = [
    ("dask worker", signal.SIGKILL), ("scheduler", signal.SIGKILL), ("program", signal.SIGKILL),
    ("dask worker", signal.SIGTERM), ("scheduler", signal.SIGTERM), ("program", signal.SIGTERM),
    ("dask worker", signal.SIGINT), ("scheduler", signal.SIGINT),
]  # fmt: skip


def write_events(path, number=6_000):
    rng = np.random.default_rng(1)
    mjj = 2_700.0 + rng.exponential(500.0, number)
    heavier = rng.lognormal(5.3, 0.45, number)
    pd.DataFrame(
        {
            "mjj": mjj,
            "mj1": heavier,
            "mj2": heavier * rng.beta(2.5, 2.5, number),
            "tau21_1": rng.beta(5.0, 5.2, number),
            "tau21_2": rng.beta(7.0, 4.5, number),
        }
    ).to_parquet(path)


def alive(token, *, of):
    """Return the processes started with a token in their environment, by the part of their command line asked for."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if f"{MARK}={token}".encode() not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z" and of in command:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def answers(folder):
    result = json.loads((folder / "result.json").read_text())
    return {"answers": result["answers"], "checks": result["checks"]}


def environment(token):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, MARK: token, "PYTHONPATH": path, "OMP_WAIT_POLICY": "passive"}


def start(token, *arguments):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(token),
    )


class Cluster:
    """A Dask scheduler and two workers, on the loopback only."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port)
        self.workers = []
        self.refill()

    def _start(self, what, *arguments):
        own = [sys.executable, "-m", "distributed.cli.dask_" + what, "--no-dashboard", *map(str, arguments)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(own, env=environment("cluster"), start_new_session=True, **quiet)

    def refill(self):
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        options = ("--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--death-timeout", "20")
        while len(self.workers) < 2:
            self.workers.append(self._start("worker", self.address, *options))

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


class Chaos:
    """Runs in a working folder, killed one after the other."""

    def __init__(self, work, seed, *, both=False):
        self.work, self.random, self.both = work, random.Random(seed), both
        self.counts, self.faults = Counter(), []
        self.folder = work / "run_0"
        self.cluster = None
        write_events(work / "box.parquet", *([LEAST_BOTH] if both else []))
        (work / "config.yaml").write_text(CONFIG.replace("[cwola]", BOTH) if both else CONFIG)
        quiet = self._run("undisturbed", work / "undisturbed")
        _, said = quiet.communicate(timeout=600)
        if quiet.returncode != 0:
            raise SystemExit(f"the undisturbed run failed: {said}")
        self.reference = answers(work / "undisturbed")

    def _run(self, token, folder, *options):
        command = ("-m", "bumphunt", "run", self.work / "box.parquet", "--config", self.work / "config.yaml")
        return start(token, *command, "--output", folder, "--seed", "3", *options)

    def kill(self, target, number, *, cluster):
        """Start or resume the run, kill ``target`` in mid-scan, and check what is left."""
        token = f"{os.getpid()}_{self.counts['kills']}_{self.random.random()}"
        if cluster:
            if self.cluster is None or self.cluster.scheduler.poll() is not None:
                self.cluster = Cluster()
            self.cluster.refill()
        options = ("--scheduler", self.cluster.address) if cluster else ("--workers", "2")
        before = len(list(self.folder.glob("stages/window_*.json")))
        process = self._run(token, self.folder, "--resume", *options)
        killed = False
        # a run survives the first killed worker, and on a cluster every one
        for _ in range(2 if "worker" in target else 1):
            self._wait(lambda: process.poll() is not None or self._scanning(target, token, process, before, cluster))
            time.sleep(self.random.uniform(0.0, 20.0 if self.both else 0.6))
            victims = self._victims(target, token, process)
            if not victims or process.poll() is not None:
                break
            killed = True
            os.kill(self.random.choice(victims), number)
            self.counts["kills"] += 1
            self.counts[f"{target} {signal.Signals(number).name}"] += 1
            self.counts["with both searches"] += self.both
            self.counts["in mid-scan"] += not (self.folder / "result.json").exists()
            print(f"{self.counts['kills']}: {target} {number}", file=sys.stderr)  # noqa: T201
            if cluster and target == "dask worker":
                time.sleep(0.3)
                self.cluster.refill()
        self._after(process, target, number, token, killed=killed)

    def _scanning(self, target, token, process, before, cluster):
        if not (self.folder / "stages/request.json").exists() or not self._victims(target, token, process):
            return False
        if target == "program" and not cluster:  # a resumed one has its folder long before it searches
            return bool(alive(token, of="popen_loky"))
        return cluster or len(list(self.folder.glob("stages/window_*.json"))) > before

    def _victims(self, target, token, process):
        if target == "program":
            return [process.pid]
        if target == "worker":
            return alive(token, of="popen_loky")  # not joblib's resource tracker
        if target == "scheduler":
            return [self.cluster.scheduler.pid]
        return [worker.pid for worker in self.cluster.workers if worker.poll() is None]

    def _after(self, process, target, number, token, *, killed):
        try:
            _, said = process.communicate(timeout=600 if self.both else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            self.faults.append(f"{target} {number}: the run hung")
            return
        if not self._wait(lambda: not alive(token, of=""), PATIENCE):
            self.faults.append(f"{target} {number}: orphans after {PATIENCE:g} s")
            for orphan in alive(token, of=""):
                os.kill(orphan, signal.SIGKILL)
        lines = [line for line in said.splitlines() if line.startswith("bumphunt: ")]
        if "Traceback" in said:
            self.faults.append(f"{target} {number}: traceback\n{said}")
        expected = {0, 2} | ({-9, 130, 143, -15, -2} if killed and target == "program" else set())
        if process.returncode not in expected or (process.returncode in (2, 130, 143) and len(lines) != 1):
            self.faults.append(f"{target} {number}: status {process.returncode}: {said}")
        if process.returncode == 0:
            self._compare()

    def _compare(self):
        self.counts["finished"] += 1
        if answers(self.folder) != self.reference:
            self.faults.append(f"{self.folder} has other answers than the undisturbed run")
        self.folder = self.work / f"run_{self.counts['finished']}"

    def finish(self):
        """Resume the last run undisturbed, and stop the cluster."""
        process = self._run("last", self.folder, "--resume", "--workers", "2")
        _, said = process.communicate(timeout=600)
        if process.returncode != 0:
            self.faults.append(f"the last run could not be resumed: {said}")
        else:
            self._compare()
        if self.cluster is not None:
            self.cluster.stop()

    @staticmethod
    def _wait(condition, seconds=90.0):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return True
            time.sleep(0.03)
        return False


def cause(kills, *, work, seed=1, cluster=True, both=False):
    """Kill ``kills`` times and return the counts and the faults found."""
    chaos = Chaos(work, seed, both=both)
    number = tries = 0
    while chaos.counts["kills"] < kills and tries < 3 * kills:
        share = kills // 4 if cluster else 0
        plan = CLUSTER if chaos.counts["kills"] < share else LOCAL
        target, how = plan[number % len(plan)]
        before = chaos.counts["kills"]
        chaos.kill(target, how, cluster=plan is CLUSTER)
        number += chaos.counts["kills"] > before
        tries += 1
    chaos.finish()
    return chaos.counts, chaos.faults


def keep(options, found):
    """Write what was found, under its commit, beside what the other kind of runs has left in the file."""
    sys.path.insert(0, str(ROOT / "analysis"))
    from origin import stamped

    kept = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}
    mine, other = ("both_searches", "one_search") if options.both else ("one_search", "both_searches")
    record = {"command": "make chaos", mine: found, **({other: kept[other]} if other in kept else {})}
    options.json.write_text(json.dumps(stamped(record, seed=options.seed), indent=1) + "\n", "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--both", action="store_true", help="of runs with both searches, without Dask")
    parser.add_argument("--json", type=Path, help="where the counts are kept")
    parser.add_argument("--no-cluster", action="store_true", help="without Dask")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos") as work:
        clustered = not (options.both or options.no_cluster)
        counts, faults = cause(options.kills, work=Path(work), seed=options.seed, cluster=clustered, both=options.both)
    for name, count in sorted(counts.items()):
        print(f"{name:<24}{count}")  # noqa: T201
    print(f"{counts['kills']} kills in {time.monotonic() - begin:.0f} s, {len(faults)} faults")  # noqa: T201
    for fault in faults:
        print(f"FAULT {fault}")  # noqa: T201
    if options.json is not None:
        keep(options, {**dict(sorted(counts.items())), "faults": faults})
    sys.exit(1 if faults or counts["kills"] < options.kills else 0)


if __name__ == "__main__":
    main()
