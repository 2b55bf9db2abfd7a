"""What a run needs for more and more events: memory of all its processes, CPU time, and the slope of both.

    python benchmarks/scale.py --json analysis/results/scale.json --events 1e5 1e6

Events are the shipped background of the R&D sample, drawn again and again and smeared by 1 %, so that none is a copy of
another. Each row is a `bumphunt run` of its own. Rows are added to those that the file has; `--figure` draws them all.
`--features` times `bumphunt features` with one worker and with two instead.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from stamp import stamped

import bumphunt
from bumphunt.events import FEATURES

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "data/lhco_rnd.parquet"
SMEARING, PART, SEED = 0.01, 500_000, 1
SETTINGS = ("searches", "repeats", "networks", "workers")
"""What rows that are compared have in common."""
EXCHANGED = (("mj1", "mj2"), *((f"{name}_1", f"{name}_2") for name in ("tau21", "tau32", "massdrop")))


def write_events(path: Path, number: int) -> None:
    """Write as many events, a part at a time, jets in the order of their masses."""
    shipped = pd.read_parquet(SHIPPED)
    pool = shipped.loc[shipped["label"] == 0, ["mjj", *FEATURES]].reset_index(drop=True)
    rng, writer = np.random.default_rng(SEED), None
    for start in range(0, number, PART):
        size = min(PART, number - start)
        drawn = pool.iloc[rng.integers(len(pool), size=size)].reset_index(drop=True)
        drawn *= 1.0 + SMEARING * rng.standard_normal(drawn.shape)
        ratios = [name for name in drawn if not name.startswith("m") or name.startswith("massdrop")]
        drawn[ratios] = drawn[ratios].clip(0.0, 1.0)
        swap = (drawn["mj1"] < drawn["mj2"]).to_numpy()
        for first, second in EXCHANGED:
            a, b = drawn[first].to_numpy(), drawn[second].to_numpy()
            drawn[first], drawn[second] = np.where(swap, b, a), np.where(swap, a, b)
        table = pa.Table.from_pandas(drawn.astype("float32"), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def tree_of(process: int) -> list[int]:
    """Return a process and all that it started."""
    found = [process]
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += tree_of(int(child))
    except OSError:
        pass
    return found


def shared_memory_of(process: int) -> float:
    """Return the proportional set size in MB: what several processes share counts once among them."""
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    except OSError:
        pass
    return 0.0


def measured(command: list[str]) -> dict[str, float]:
    """Run a command; return its CPU and wall seconds, and the most memory that its processes held together."""
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, sum(map(shared_memory_of, tree_of(process.pid))))
            time.sleep(0.25)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode()[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": round(cpu, 1), "wall_seconds": round(time.perf_counter() - start, 1), "peak_mb": round(peak)}


def one_run(folder: Path, number: int, *, repeats: int, networks: bool, workers: int) -> dict[str, Any]:
    """Return what a run of so many events needed, and what it says of copies."""
    events, config, output = folder / f"{number}.parquet", folder / "config.yaml", folder / "out"
    if not events.exists():
        write_events(events, number)
    switched = {name: {"enabled": networks} for name in ("vae", "autoencoder")}
    # events drawn several times fluctuate together: what looks like an excess is not claimed, and no masses are fitted
    unclaimed = {"search": {"null_width": 10.0}}
    config.write_text(json.dumps({"cwola": {"repeats": repeats}, **unclaimed, **switched}), "utf-8")
    options = ["--output", str(output), "--config", str(config), "--workers", str(workers), "--overwrite"]
    found = measured([sys.executable, "-m", "bumphunt", "run", str(events), *options])
    result = json.loads((output / "result.json").read_text("utf-8"))
    copies = result["data_quality"]["duplicates"] + result["data_quality"]["near_duplicates"]
    if copies:
        raise SystemExit(f"{copies} smeared events were taken for copies")
    stages = {name: stage["seconds"] for name, stage in result["stages"].items()}
    spectrum = result["stages"]["spectrum"]
    sizes = {"n_searched": spectrum["n_searched"], "n_windows": spectrum["n_windows"]}
    asked = {"events": number, "repeats": repeats, "networks": networks, "workers": workers}
    asked["searches"] = ", ".join(result["config"]["searches"])
    return {**asked, **sizes, **found, "status": result["answers"]["status"], "stage_seconds": stages}


def line_through(rows: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return intercept and slope per event; rows of equal settings only."""
    slope, intercept = np.polyfit([row["events"] for row in rows], [row[name] for row in rows], 1)
    return float(intercept), float(slope)


def fits_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for all settings with two numbers of events or more, what an event costs."""
    fits = []
    for settings in sorted({tuple(row[name] for name in SETTINGS) for row in rows}):
        alike = [row for row in rows if tuple(row[name] for name in SETTINGS) == settings]
        if len({row["events"] for row in alike}) > 1:
            once, each = line_through(alike, "cpu_seconds")
            base, grows = line_through(alike, "peak_mb")
            fits.append(
                {
                    **dict(zip(SETTINGS, settings, strict=True)),
                    "cpu_seconds_once": round(once, 1),
                    "cpu_microseconds_an_event": round(1e6 * each, 1),
                    "mb_once": round(base),
                    "bytes_an_event": round(1e6 * grows),
                }
            )
    return fits


def features_run(folder: Path, source: Path, number: int) -> dict[str, Any]:
    """Return how long clustering takes with one worker and with two, one after the other."""
    from bumphunt.sources.lhco import RawChunk, count_raw, iter_raw, write_raw

    [raw] = iter_raw(source, chunk=count_raw(source))
    rows = np.arange(number) % len(raw.particles)
    path = write_raw(folder / "raw.h5", [RawChunk(particles=raw.particles[rows], label=None)])
    found = []
    for workers in (1, 2):
        options = ["--output", str(folder / f"{workers}.parquet"), "--workers", str(workers)]
        found.append(
            {"workers": workers, **measured([sys.executable, "-m", "bumphunt", "features", str(path), *options])}
        )
    same = pd.read_parquet(folder / "1.parquet").equals(pd.read_parquet(folder / "2.parquet"))
    ratio = found[0]["wall_seconds"] / found[1]["wall_seconds"]
    return {"events": number, "rows": found, "times_as_fast": round(ratio, 2), "same_table": same}


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw memory and CPU time against events."""
    from bumphunt.plots.style import BLUE, GREEN, ORANGE, PURPLE, legend_above, new_figure, style

    looks = ((BLUE, "o-"), (ORANGE, "s--"), (GREEN, "^-."), (PURPLE, "D:"))
    with style():
        figure = new_figure(4.0, width=8.5)
        memory, cpu = figure.subplots(1, 2)
        settings = sorted({tuple(row[name] for name in SETTINGS) for row in result["rows"]})
        for (colour, form), setting in zip(looks, settings, strict=False):
            rows = [row for row in result["rows"] if tuple(row[name] for name in SETTINGS) == setting]
            rows.sort(key=lambda row: row["events"])
            searches, repeats, networks, workers = setting
            which = "Both searches" if "prior" in searches else "CWoLa alone"
            label = f"{which}, {repeats} repeats, {'with' if networks else 'no'} networks, {workers} workers"
            events = [row["events"] / 1e6 for row in rows]
            memory.plot(events, [row["peak_mb"] / 1000 for row in rows], form, color=colour, label=label)
            cpu.plot(events, [row["cpu_seconds"] for row in rows], form, color=colour, label=label)
        for axes, title in ((memory, "Peak memory of all processes [GB]"), (cpu, "CPU time [s]")):
            axes.set(xlabel="Events [millions]", ylabel=title)
            axes.set_xlim(left=0.0)
            axes.set_ylim(0.0, 1.08 * axes.get_ylim()[1])
        legend_above(figure, memory, own=True, columns=2)
        figure.savefig(path, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=float, nargs="*", default=[])
    parser.add_argument("--repeats", type=int, default=32, help="of the primary score; 32 is the default of a run")
    parser.add_argument("--without-networks", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--features", type=Path, metavar="RAW", help="time clustering of these raw events, repeated")
    parser.add_argument("--folder", type=Path, help="where events are kept; a temporary one otherwise")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    if arguments.folder is not None:  # where events lie is no part of the result
        place = sys.argv.index("--folder")
        del sys.argv[place : place + 2]
    known = arguments.json is not None and arguments.json.exists()
    result: dict[str, Any] = json.loads(arguments.json.read_text("utf-8")) if known else {"rows": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for number in map(int, arguments.events):
            asked = {"repeats": arguments.repeats, "networks": not arguments.without_networks}
            row = one_run(folder, number, **asked, workers=arguments.workers)
            row |= {"load": round(os.getloadavg()[1], 1), "commit": stamped({})["commit"]}
            print(" ".join(f"{name} {value}" for name, value in row.items() if name != "stage_seconds"), flush=True)
            same = ("events", *SETTINGS)
            result["rows"] = [old for old in result["rows"] if any(old[name] != row[name] for name in same)]
            result["rows"].append(row)
            keep(result, arguments.json)
        if arguments.features:
            result["features"] = {**features_run(folder, arguments.features, 40_000), "load": os.getloadavg()[1]}
            print(result["features"])
    keep(result, arguments.json)
    for fit in result.get("fits", []):
        print(fit)
    if arguments.figure:
        draw(result, arguments.figure)


def keep(result: dict[str, Any], path: Path | None) -> None:
    """Write what there is, so that an interrupted series keeps its rows."""
    result["rows"].sort(key=lambda row: (*(row[name] for name in SETTINGS), row["events"]))
    result |= {"fits": fits_of(result["rows"]), "python": platform.python_version(), "cores": os.cpu_count()}
    result["bumphunt"] = bumphunt.__version__
    if path is None:
        return
    for name in ("commit", "config", "seed", "command"):
        result.pop(name, None)  # those of the last command
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stamped(result, seed=SEED), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
