"""Are masses with a plain jet for a daughter refused by `daughters_peak`, and two peaks not? A line a box.

    python analysis/plain_jets.py

Experiments drawn from the shipped response on background like that of a selection, no score: `plain` has a quark or
gluon in place of the lighter daughter, `peaks` has two peaks. Five mass points by three sizes, in turn.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import boxes
import numpy as np
import numpy.typing as npt
from mass_stability import background
from scipy.stats import binomtest

import bumphunt
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.checks import mass_checks
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.response import signal_model
from bumphunt.masses.signal_table import Masses, load_signal
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

POINTS: tuple[Masses, ...] = (
    (3530.0, 480.0, 160.0),
    (4200.0, 600.0, 200.0),
    (5000.0, 700.0, 250.0),
    (4500.0, 300.0, 150.0),
    (3600.0, 350.0, 350.0),
)
SIZES = ((120, 150), (50, 150), (30, 250))
"""Signal and background events."""
PLAIN = (0.03, 0.6)
"""Median of the mass of a plain jet over m_resonance, and the spread of its logarithm."""
SETS = ("plain", "peaks")
SEED = 45


def one_box(task: dict[str, Any]) -> dict[str, Any]:
    """Fit one experiment; its events depend on its set and number alone."""
    start, number = time.process_time(), task["number"]
    rng = np.random.default_rng([SEED, SETS.index(task["set"]), number])
    masses = POINTS[(number - 1) % len(POINTS)]
    n_signal, n_background = SIZES[(number - 1) // len(POINTS) % len(SIZES)]
    edges = mass_grid(0.82 * masses[0], 1.36 * masses[0], ratio=1.03)
    found = signal(masses, n_signal, rng, plain=task["set"] == "plain")
    events = np.concatenate([found, background(n_background, rng, edges[0], edges[-1])], axis=1)
    table = load_signal()
    fit = fit_masses(as_selected(events, edges, masses[0]), table=table)
    checks = mass_checks(fit, n_events=10_000, jet_ratio=0.1, table=table)
    return {
        "masses": list(masses),
        "n_signal": n_signal,
        "n_background": n_background,
        "over_plain": None if fit.over_plain is None else round(fit.over_plain, 2),
        "p_value": float(f"{fit.p_value:.2g}"),
        "failed": [check.name for check in checks if not check.passed],
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def signal(masses: Masses, number: int, rng: np.random.Generator, *, plain: bool) -> npt.NDArray[np.float64]:
    """Return mjj, mj1 and mj2 of signal (GeV), shape (3, number), the lighter daughter a plain jet or not."""
    draws = draw_signal(signal_model(load_signal(), masses), 20 * number, rng=rng)
    chosen = rng.permutation(20 * number)[:number]
    of_x, of_y = masses[1] * np.exp(draws.heavy[chosen]), masses[2] * np.exp(draws.light[chosen])
    if plain:
        of_y = PLAIN[0] * masses[0] * np.exp(rng.normal(0.0, PLAIN[1], number))
    mjj = masses[0] * np.exp(draws.log_resonance[chosen])
    return np.stack([mjj, np.maximum(of_x, of_y), np.minimum(of_x, of_y)])


def as_selected(events: npt.NDArray[np.float64], edges: npt.NDArray[np.float64], mass: float) -> SelectedEvents:
    """Return events (3, n) as the fit takes them, the window about ``mass``."""
    events = events[:, (events[0] >= edges[0]) & (events[0] < edges[-1])]
    window = np.zeros(len(edges) - 1, dtype=bool)
    middle = int(np.searchsorted(edges, mass))
    window[middle - 3 : middle + 2] = True
    masked = window.copy()
    masked[[middle - 4, middle + 2]] = True
    low, high = edges[middle - 3], edges[middle + 2]
    return SelectedEvents(
        mjj=events[0],
        mj1=events[1],
        mj2=events[2],
        in_window=(events[0] >= low) & (events[0] < high),
        spectrum=fit_spectrum(
            count(events[0], edges), edges, family="dijet3", masked=masked, window=window, sqrt_s=13_000.0
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=15, help="of each set")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--result", type=Path, default=boxes.RESULTS / "plain_jets.jsonl")
    arguments = parser.parse_args()
    tasks = [{"set": name, "number": number} for number in range(1, arguments.boxes + 1) for name in SETS]
    origin = boxes.stamp(bumphunt.AnalysisConfig(), seed=SEED)
    boxes.grow(arguments.result, one_box, tasks, origin=origin, workers=arguments.workers)
    lines = boxes.read(arguments.result)
    for name in SETS:
        failed = ["daughters_peak" in line["failed"] for line in lines if line["set"] == name]
        interval = binomtest(sum(failed), len(failed)).proportion_ci()
        print(f"{name}: {sum(failed)} of {len(failed)} fail ({100 * interval.low:.0f}–{100 * interval.high:.0f} %)")


if __name__ == "__main__":
    main()
