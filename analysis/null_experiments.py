"""Is the p-value of the whole analysis true? Pseudo-experiments without signal, on background as it is and disturbed.

    make null-experiments

Four sets of boxes of 100 thousand events, drawn from the 1.3 million background events of the shipped samples (two
boxes share 8 % of their events): as they are; shifted (jet masses 4 % higher and smeared by 5 %, mjj 1 % higher, tau21
up by 0.02: another detector); and with both jet masses made to follow mjj, m -> m + 0.1 mjj (as in arXiv:2001.04990),
once with the score decorrelated from mjj as by default and once without. One tree model a fold, five folds, four
windows, two cuts. Finished experiments are kept under --output and not repeated.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from background_pool import background_pool
from origin import stamped

import bumphunt
from bumphunt.plots import null_rates
from bumphunt.plots.style import style

WINDOWS = [(3200.0, 3600.0), (3500.0, 3950.0), (3900.0, 4400.0), (4300.0, 4850.0)]
TITLES = {
    "nominal": "nominal background",
    "shifted": "another detector",
    "correlated": "jet masses follow mjj",
    "correlated_raw": "the same, not decorrelated",
}
SETS = {"nominal": 200, "shifted": 100, "correlated": 100, "correlated_raw": 100}


def config(*, decorrelate: bool) -> bumphunt.AnalysisConfig:
    return bumphunt.AnalysisConfig.model_validate(
        {
            "search": {"low": 2900.0, "high": 6000.0, "windows": WINDOWS},
            "cwola": {"members": 1, "decorrelate": decorrelate},
            "vae": {"enabled": False},
        }
    )


def shifted(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the events as another detector would see them."""
    changed = table.copy()
    for name in ("mj1", "mj2"):
        changed[name] = table[name] * 1.04 * np.exp(0.05 * rng.standard_normal(len(table)))
    changed["mjj"] = table["mjj"] * 1.01
    for name in ("tau21_1", "tau21_2"):
        changed[name] = np.clip(table[name] + 0.02, 0.0, 1.0)
    return bumphunt.events.check_events(changed)


def correlated(table: pd.DataFrame) -> pd.DataFrame:
    """Return the events with both jet masses following mjj."""
    return table.assign(**{name: table[name] + 0.1 * table["mjj"] for name in ("mj1", "mj2")})


def pool_of(name: str, folder: Path, workers: int) -> Path:
    """Write the pool of a set, unless it is there."""
    nominal = background_pool(folder / "pool.parquet", workers=workers)
    kind = name.removesuffix("_raw")
    path = folder / f"pool_{kind}.parquet"
    if kind == "nominal":
        return nominal
    if not path.exists():
        table = pd.read_parquet(nominal)
        made = shifted(table, np.random.default_rng(7)) if kind == "shifted" else correlated(table)
        part = path.with_suffix(".part")
        made.to_parquet(part)
        part.rename(path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--boxes", type=int, help="boxes in each set; those of the module otherwise")
    parser.add_argument("--size", type=int, default=100_000, help="events in a box")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--output", type=Path, default=Path("out/null_experiments"))
    parser.add_argument("--result", type=Path, default=Path("analysis/results/null_experiments.json"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    summary = json.loads(arguments.result.read_text()) if arguments.result.exists() else {}
    for name in arguments.sets:
        found = bumphunt.calibrate(
            pool_of(name, arguments.output, arguments.workers),
            bumphunt.CalibrationPlan(null=arguments.boxes or SETS[name], size=arguments.size),
            output=arguments.output / name,
            config=config(decorrelate=not name.endswith("_raw")),
            seed=arguments.seed + list(SETS).index(name),
            workers=bumphunt.Workers(arguments.workers, arguments.scheduler, progress=True),
        )
        print(f"{name}\n{found}\n", flush=True)
        local = [
            round(z, 3)
            for file in sorted((arguments.output / name / "null" / "stages").glob("experiment_*.json"))
            for z in json.loads(file.read_text())["z_local"]
        ]
        summary[name] = {"events_per_box": arguments.size, **found.to_dict()["null"], "z_local": local}
        arguments.result.write_text(json.dumps(stamped(summary, seed=arguments.seed)) + "\n")
    draw(summary, arguments.result.with_suffix(".png"))


def draw(summary: dict[str, Any], path: Path) -> None:
    """Draw the rates of local significances of each set."""
    with style():
        figure, _ = null_rates({text: summary[name]["z_local"] for name, text in TITLES.items() if name in summary})
        figure.savefig(path, dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
