"""What does a limit on one model, in one window, of a million events cost? Writes `limit_cost.json`.

    python analysis/limit_cost.py

Events are those of the shipped samples, signal left in, since it costs what background does; settings are the defaults,
both searches, one process, and signal is drawn from the shipped response. Seconds are those of the processor.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from origin import ROOT, stamped

import bumphunt

MASSES = (3500.0, 500.0, 100.0)
FILES = ("data/blackbox.parquet", "data/lhco_rnd.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--result", type=Path, default=ROOT / "analysis/results/limit_cost.json")
    arguments = parser.parse_args()
    table = pd.concat([bumphunt.read_events(ROOT / name) for name in FILES], ignore_index=True)
    if len(table) < arguments.events:
        raise SystemExit(f"the shipped samples hold {len(table)} events, not {arguments.events}")
    rows = np.random.default_rng(1).choice(len(table), size=arguments.events, replace=False)
    table = bumphunt.events.drop_truth(table.iloc[np.sort(rows)].reset_index(drop=True))
    cpu, wall = time.process_time(), time.monotonic()
    found = bumphunt.limits(table, options=bumphunt.LimitOptions(masses=[MASSES]))
    point = found.points[0]
    result = {
        "n_events": arguments.events,
        "masses": list(MASSES),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "wall_seconds": round(time.monotonic() - wall, 1),
        "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "chosen": point.chosen,
        "limit": [round(point.n_signal_95, 1), *(round(float(each), 1) for each in point.answer.expected)],
        "inclusive": [round(float(each), 1) for each in (point.inclusive.n_signal_95, *point.inclusive.expected)],
    }
    print(result)
    arguments.result.write_text(json.dumps(stamped(result, seed=1, config="the defaults"), indent=1) + "\n")


if __name__ == "__main__":
    main()
