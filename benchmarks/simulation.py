"""What simulated QCD events cost beyond Pythia itself, how this scales with workers, and the memory taken.

Two generators of the same seed and settings take turns: one makes events with a bare ``nextBatch``, the
other the same events through the stages of :mod:`bumphunt.simulation`. Ratios of the two are taken turn by
turn in the same process, so that a busy machine disturbs both alike; medians over the turns are reported.

    python benchmarks/simulation.py --turns 9 --json simulation.json
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from stamp import stamped

from bumphunt.features.dijets import dijet_table, joined
from bumphunt.simulation import pythia
from bumphunt.simulation.blocks import BATCH, trigger
from bumphunt.simulation.detector import DetectorResponse, reconstruct
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import simulate_sample

BARE = "bare nextBatch"
STAGES = ("Pythia and reading out", "detector", "clustering and trigger", "substructure")
BATCHES = 6
"""Batches a turn; together about as many events as make one block of a sample."""


def overhead(*, turns: int, seed: int) -> dict[str, Any]:
    """Return times in ms per generated event, and the ratio of all stages to bare Pythia."""
    bare, ours = (pythia.generator(masses=None, seed=seed) for _ in range(2))
    rng = np.random.default_rng(seed)
    times: dict[str, list[float]] = defaultdict(list)
    ratios, accepted, wall = [], 0, 0.0
    events = BATCH * BATCHES
    for turn in range(turns + 1):
        spent, passed, took = _turn(bare, ours, rng, bare_first=bool(turn % 2))
        if turn == 0:
            continue  # imports, caches, first pages
        accepted, wall = accepted + passed, wall + took
        for stage, seconds in spent.items():
            times[stage].append(1e3 * seconds / events)
        ratios.append(sum(spent[stage] for stage in STAGES) / spent[BARE])
    median = {name: statistics.median(values) for name, values in times.items()}
    reading = [a - b for a, b in zip(times[STAGES[0]], times[BARE], strict=True)]
    return {
        "ms_per_generated_event": {
            BARE: median[BARE],
            "reading out particles": statistics.median(reading),
            **{stage: median[stage] for stage in STAGES[1:]},
        },
        "total_over_bare": statistics.median(ratios),
        "total_over_bare_quartiles": statistics.quantiles(ratios, n=4)[::2] if len(ratios) > 1 else None,
        "added_over_bare": sum(median[stage] for stage in STAGES[1:]) / median[BARE],
        "accepted_events_per_second": accepted / wall,
        "accepted_fraction": accepted / (turns * BATCH * BATCHES),
    }


def _turn(bare: Any, ours: Any, rng: np.random.Generator, *, bare_first: bool) -> tuple[dict[str, float], int, float]:
    """Return CPU seconds of bare Pythia and each stage, events accepted, and wall seconds of the stages."""
    spent = dict.fromkeys((BARE, *STAGES), 0.0)
    pairs = []
    wall = 0.0

    def run_bare() -> None:
        start = time.process_time()
        bare.nextBatch(BATCH)
        spent[BARE] += time.process_time() - start

    for batch in range(BATCHES):
        first = bare_first == bool(batch % 2)
        if first:
            run_bare()
        began, marks = time.perf_counter(), [time.process_time()]
        particles = pythia.next_particles(ours, BATCH)
        marks.append(time.process_time())
        seen = reconstruct(particles, response=DetectorResponse(), rng=rng)
        marks.append(time.process_time())
        pairs.append(trigger(seen)[1])
        marks.append(time.process_time())
        wall += time.perf_counter() - began
        for stage, seconds in zip(STAGES, np.diff(marks), strict=False):
            spent[stage] += float(seconds)
        if not first:
            run_bare()
    began, start = time.perf_counter(), time.process_time()
    table = dijet_table(joined(pairs))
    spent[STAGES[-1]] += time.process_time() - start
    return spent, len(table), wall + time.perf_counter() - began


def scaling(*, events: int, seed: int) -> dict[str, float]:
    """Return seconds with one and two workers, start-up included, and their ratio; 2 is perfect.

    On a machine that is busy otherwise two processes do not get twice the time of one. So the same ratio is
    given of unconnected processes that run bare Pythia, which is the best that can be had at that moment.
    """
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            output = Path(folder) / f"{workers}.parquet"
            start = time.perf_counter()
            simulate_sample(output, Sample(background=events, block=max(events // 4, 1)), seed=seed, workers=workers)
            seconds[workers] = time.perf_counter() - start
    alone, both = (_bare_processes(number, events=events, seed=seed) for number in (1, 2))
    return {
        "one_worker_s": seconds[1],
        "two_workers_s": seconds[2],
        "ratio": seconds[1] / seconds[2],
        "ratio_of_bare_processes": alone / both,
    }


def _bare_processes(number: int, *, events: int, seed: int) -> float:
    """Return seconds in which so many processes together generate the events."""
    start = time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, __file__, "--bare", str(events // number), "--seed", str(seed + index)])
        for index in range(number)
    ]
    if any(process.wait() for process in running):
        raise RuntimeError("a process of bare Pythia failed")
    return time.perf_counter() - start


def memory(*, events: int, seed: int) -> dict[str, float]:
    """Return the peak resident memory in MB of processes that make a sample, and one three times as large."""
    peaks = {}
    for factor in (1, 3):
        command = [sys.executable, __file__, "--peak-of", str(factor * events), "--seed", str(seed)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[factor] = float(answer.stdout)
    return {"events": events, "peak_mb": peaks[1], "peak_of_three_times_mb": peaks[3], "ratio": peaks[3] / peaks[1]}


def _peak(events: int, seed: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "sample.parquet"
        simulate_sample(output, Sample(background=events), seed=seed)
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def main() -> None:
    """Measure, print, and write as JSON on request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=9, help="alternations of bare Pythia and all stages")
    parser.add_argument("--events", type=int, default=3000, help="accepted events of the other two measurements")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--only", choices=("overhead", "scaling", "memory"), help="one measurement")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        source = pythia.generator(masses=None, seed=options.seed)
        for begin in range(0, options.bare, BATCH):
            source.nextBatch(min(BATCH, options.bare - begin))
        return
    if options.peak_of:
        print(_peak(options.peak_of, options.seed))
        return
    result: dict[str, Any] = {}
    if options.only in (None, "overhead"):
        result["overhead"] = overhead(turns=options.turns, seed=options.seed)
    if options.only in (None, "scaling"):
        result["scaling"] = scaling(events=options.events, seed=options.seed)
    if options.only in (None, "memory"):
        result["memory"] = memory(events=options.events, seed=options.seed)
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(stamped(result, seed=options.seed), indent=2) + "\n")


if __name__ == "__main__":
    main()
