"""The background of the shipped samples as one signal-free pool of 1.3 million events, for pseudo-experiments.

    python analysis/background_pool.py --output out/pool.parquet

The black box comes without labels. Its signal is simulated again, event for event the same, from the seed in its truth
file, and taken out.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

import bumphunt

DATA = Path("data")


def box_signal(box: pd.DataFrame, truth: Path, scratch: Path, *, workers: int) -> npt.NDArray[np.bool_]:
    """Return which events of a shipped black box are signal, shape (events,)."""
    known = json.loads(truth.read_text())
    path = scratch / "box_signal.parquet"
    bumphunt.simulation.simulate_sample(
        path,
        bumphunt.simulation.Sample(signal=known["n_signal"], masses=tuple(known["masses"])),
        seed=known["seed"],
        workers=workers,
    )
    keys = ["mjj", "mj1", "mj2"]
    signal = pd.MultiIndex.from_frame(bumphunt.read_events(path)[keys].astype("float32"))
    found = pd.MultiIndex.from_frame(box[keys].astype("float32")).isin(signal)
    if found.sum() != known["n_signal"]:
        raise SystemExit(
            f"{found.sum()} of {known['n_signal']} signal events were found again; the simulation has changed"
        )
    return np.asarray(found, dtype=np.bool_)


def labelled_box(scratch: Path, *, workers: int = 1) -> pd.DataFrame:
    """Return the shipped black box with labels, for studies after its answers stand."""
    box = bumphunt.read_events(DATA / "blackbox.parquet")
    scratch.mkdir(parents=True, exist_ok=True)
    return box.assign(label=box_signal(box, DATA / "blackbox_truth.json", scratch, workers=workers).astype(float))


def background_pool(output: Path, *, workers: int = 1) -> Path:
    """Write all background events of the shipped samples to one file, unless it is there."""
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        parts = [labelled_box(output.parent, workers=workers), bumphunt.read_events(DATA / "lhco_rnd.parquet")]
        kept = [bumphunt.events.drop_truth(part[~bumphunt.events.truth_labels(part)]) for part in parts]
        table = pd.concat(kept, ignore_index=True)
        part = output.with_suffix(".part")
        table.to_parquet(part)
        part.rename(output)
    return output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("out/pool.parquet"))
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    path = background_pool(arguments.output, workers=arguments.workers)
    print(f"{path}: {len(bumphunt.read_events(path))} background events")


if __name__ == "__main__":
    main()
