"""Honest tables of many sizes and granularities: how often are events taken for copies, or suspected?

    python tests/preprocessing/honest_tables.py --tables 500 --json honest_tables.json

Each table holds different signal-free events of the shipped sample: all of them as shipped, or in double precision, or
rounded alike, or a part of them rounded, with three to nine columns, and some with columns that follow from others.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from bumphunt.preprocessing.altered import find_altered
from bumphunt.preprocessing.duplicates import find_copies

DATA = Path(__file__).resolve().parents[2] / "data" / "lhco_rnd.parquet"
MASSES = ["mjj", "mj1", "mj2"]
STEPS, DECIMALS = (0.0, 0.1, 1.0, 2.0, 5.0, 10.0), (0, 1, 2, 3)


def pool():
    table = pd.read_parquet(DATA)
    return table[table["label"] == 0].drop(columns="label").astype("float64").reset_index(drop=True)


def rounded(table, step, decimals):
    """Return masses in steps and other columns in decimals; 0 leaves them."""
    found = table.copy()
    for name in table.columns:
        if name in MASSES:
            found[name] = (table[name] / step).round() * step if step else table[name]
        elif decimals:
            found[name] = table[name].round(decimals)
    return found


def honest_table(events, seed, *, most=4.2):
    """Return a table of different events, and what was done to it."""
    rng = np.random.default_rng(seed)
    number = int(10 ** rng.uniform(2.5, most))
    table = events.iloc[rng.choice(len(events), number, replace=False)].reset_index(drop=True)
    if rng.random() < 0.5:
        table = table * (1 + 1e-4 * rng.uniform(-1, 1, table.shape))
    others = rng.permutation([name for name in table.columns if name not in MASSES])
    table = table[[*MASSES, *others[: rng.integers(0, 7)]]]
    kind = str(rng.choice(["all rounded", "some rounded", "some rounded, dependent columns"]))
    step, decimals = float(rng.choice(STEPS)), int(rng.choice(DECIMALS))
    if "dependent" in kind:
        table = table.assign(
            asymmetry=(table.mj1 - table.mj2) / (table.mj1 + table.mj2 + 1), part=table.mj1 / table.mjj
        )
    if kind == "all rounded":
        return rounded(table, step, decimals), kind
    some = int(number * rng.uniform(0.02, 0.6))
    return pd.concat([rounded(table.iloc[:some], step, decimals), table.iloc[some:]], ignore_index=True), kind


def alarms(table):
    """Return the rows that are dropped, and whether more are suspected."""
    found = find_copies(table)
    once = table[found.keep].reset_index(drop=True)
    altered = find_altered(once, columns=found.columns, resonance="mjj")
    return found.n_exact + found.n_near + altered.n_dropped, found.n_suspected


def study(tables, first=0):
    """Count what happens to so many tables."""
    events, counts, rows = pool(), Counter(), 0
    for seed in range(first, first + tables):
        table, kind = honest_table(events, seed)
        dropped, suspected = alarms(table)
        rows += len(table)
        counts[kind] += 1
        counts["tables that lose rows"] += dropped > 0
        counts["rows lost"] += dropped
        counts["tables that are warned of"] += suspected > 0
    return {"tables": tables, "first": first, "rows": rows, **dict(sorted(counts.items()))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    begin = time.process_time()
    found = study(options.tables, options.first)
    print(json.dumps(found, indent=2), f"\n{time.process_time() - begin:.0f} s")  # noqa: T201
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
