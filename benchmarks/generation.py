"""Search for the distribution of a latent variable: this package beside the PyPI package `fitter`, on the same values.

    .venv/bin/python -m pip install --target out/fitter --no-deps fitter loguru rich-click
    PYTHONPATH=out/fitter .venv/bin/python benchmarks/generation.py --json generation.json

First all continuous distributions of scipy.stats on a few thousand values, then a handful on ten times as many. Both
search the same list with the same time limit for each distribution and the same number of processes. Rows of
the second part take turns and the fastest turn counts. What wins is judged by its Kolmogorov distance on *all* values.
"""

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from stamp import stamped

from bumphunt.generation.distributions import continuous_distributions, rank_distributions

HANDFUL = ("norm", "johnsonsu", "skewnorm", "t", "gamma", "logistic")
TRUE = stats.johnsonsu(-0.6, 1.5, loc=0.2, scale=0.8)


def ours(values: np.ndarray, names: tuple[str, ...], limit: float, workers: int) -> dict[str, Any]:
    fits = rank_distributions(values, names=names, time_limit=limit, workers=workers)
    return {"fitted": len(fits), "best": fits[0].name, "parameters": fits[0].parameters}


def theirs(values: np.ndarray, names: tuple[str, ...], limit: float, workers: int) -> dict[str, Any]:
    from fitter import Fitter

    logging.disable(logging.CRITICAL)
    search = Fitter(values, distributions=list(names), timeout=limit)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        search.fit(progress=False, max_workers=workers, prefer="processes")
    errors = search.df_errors["sumsquare_error"]
    best = str(errors.idxmin())
    found = {"fitted": int(np.isfinite(errors).sum()), "best": best, "parameters": tuple(search.fitted_param[best])}
    logging.disable(logging.NOTSET)
    return found


def timed(search: Callable[..., dict[str, Any]], *arguments: Any, turns: int) -> dict[str, Any]:
    found, fastest = {}, np.inf
    for _ in range(turns):
        begun = time.perf_counter()
        found = search(*arguments)
        fastest = min(fastest, time.perf_counter() - begun)
    values = arguments[0]
    distance = stats.kstest(values, found["best"], args=found["parameters"]).statistic
    return {
        "seconds": round(float(fastest), 2),
        "fitted": found["fitted"],
        "best": found["best"],
        "ks": float(distance),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--limit", type=float, default=5.0, help="seconds for each distribution")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    everything = continuous_distributions()
    parts = {
        f"all {len(everything)} distributions, {arguments.events} values": (arguments.events, everything, 1),
        f"{len(HANDFUL)} distributions, {arguments.many} values": (arguments.many, HANDFUL, arguments.turns),
    }
    results: dict[str, Any] = {"limit": arguments.limit, "workers": arguments.workers, "rows": []}
    for text, (number, names, turns) in parts.items():
        values = TRUE.rvs(number, random_state=1)
        for name, search in (("fitter", theirs), ("bumphunt", ours)):
            row = timed(search, values, names, arguments.limit, arguments.workers, turns=turns)
            results["rows"].append({"what": text, "by": name, **row})
            print(f"{text:42} {name:9} {row['seconds']:7.2f} s  {row['fitted']:3} fitted, best {row['best']}, "
                  f"KS {row['ks']:.4f}", flush=True)  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(stamped(results), indent=1) + "\n")


if __name__ == "__main__":
    main()
