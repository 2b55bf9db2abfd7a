"""Check that the mass fit does not change with the last digits of its input, or with the linear algebra used.

    make mass-stability

Experiments are drawn from the response and fitted twice, in two fresh processes whose OpenBLAS uses another kernel
each, their events moved by a relative 1e-9 in another way each. Differences are given in units of the statistical
errors. Writes analysis/results/mass_stability.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from kernels import two_kernels
from origin import stamped

from bumphunt.errors import FitError
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.response import signal_model
from bumphunt.masses.signal_table import load_signal
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
POINTS = ((3530.0, 480.0, 160.0), (3530.0, 680.0, 350.0), (3600.0, 350.0, 350.0), (3500.0, 250.0, 90.0))
"""(m_resonance, m_x, m_y) in GeV, taken in turn."""
SIZES = (500, 150, 80)
"""Signal events before any selection, taken in turn; the largest passes a cut that shapes the masses."""
JITTER = 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=5)
    parser.add_argument("--one", type=int, help="jitter all experiments by this seed and print what is fitted")
    parser.add_argument("--result", type=Path, default=Path("analysis/results/mass_stability.json"))
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.experiments)
    if arguments.one is not None:
        for seed in seeds:
            print(json.dumps(fitted(seed, arguments.one)), flush=True)
        return
    found = [rows(kernel, jitter, arguments) for jitter, kernel in enumerate(two_kernels())]
    summary = compared(*found)
    arguments.result.write_text(json.dumps(stamped(summary, seed=arguments.first_seed), indent=1) + "\n")
    print(json.dumps({key: value for key, value in summary.items() if key != "experiments"}, indent=1))


def rows(kernel: str, jitter: int, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the fits of a fresh process under one kernel."""
    command = [sys.executable, __file__, "--one", str(jitter), "--experiments", str(arguments.experiments)]
    command += ["--first-seed", str(arguments.first_seed)]
    output = subprocess.run(
        command, env=os.environ | {"OPENBLAS_CORETYPE": kernel}, capture_output=True, text=True, check=True
    ).stdout
    return [json.loads(line) for line in output.splitlines()]


def compared(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> dict[str, Any]:
    """Return differences of values over errors, and of errors over errors."""
    values, errors, failed = [], [], 0
    for one, other in zip(first, second, strict=True):
        if "error" in one or "error" in other:
            failed += 1
            continue
        a, b = (np.array([fit[name] for name in QUANTITIES]) for fit in (one, other))
        own = 0.5 * (a[:, 2] - a[:, 1])
        values.append(np.abs(a[:, 0] - b[:, 0]) / own)
        sides = [np.stack([fit[:, 0] - fit[:, 1], fit[:, 2] - fit[:, 0]]) for fit in (a, b)]
        errors.append(np.abs(sides[1] / sides[0] - 1.0).max(axis=0))
    value, error = np.array(values), np.array(errors)
    return {
        "experiments": [{"kernels": list(pair)} for pair in zip(first, second, strict=True)],
        "n": len(first),
        "failed": failed,
        "cpu_seconds_per_fit": float(np.mean([fit["cpu_seconds"] for fit in first + second])),
        "largest_change_of_value_in_errors": dict(zip(QUANTITIES, value.max(axis=0).tolist(), strict=True)),
        "largest_relative_change_of_error": dict(zip(QUANTITIES, error.max(axis=0).tolist(), strict=True)),
        "values_within_1_percent": int((value < 0.01).all(axis=1).sum()),
        "errors_within_2_percent": int((error < 0.02).all(axis=1).sum()),
    }


def fitted(seed: int, jitter: int) -> dict[str, Any]:
    """Return value and statistical interval of each quantity of one experiment, its events moved by a jitter."""
    events, select = experiment(seed, jitter)
    started = time.process_time()
    try:
        fit = fit_masses(events, table=load_signal(), select=select)
    except FitError as error:
        return {"seed": seed, "error": str(error), "cpu_seconds": time.process_time() - started}
    found: dict[str, Any] = {"seed": seed, "cpu_seconds": time.process_time() - started}
    for name in QUANTITIES:
        interval = getattr(fit, name)
        found[name] = [interval.value, interval.stat_low, interval.stat_high]
    return found


def background(number: int, rng: np.random.Generator, low: float, high: float) -> npt.NDArray[np.float64]:
    """Return mjj and ordered jet masses that grow with the root of mjj (GeV), shape (3, number)."""
    mjj = (low**-7 + rng.random(number) * (high**-7 - low**-7)) ** (-1 / 7)
    mj1 = 300.0 * (mjj / 4000.0) ** 0.5 * np.exp(rng.normal(0.0, 0.4, number))
    return np.stack([mjj, mj1, mj1 * rng.beta(2.5, 2.5, number)])


def experiment(seed: int, jitter: int) -> tuple[SelectedEvents, Any]:
    """Return the selected events of an experiment and the selection they passed."""
    rng, masses, number = np.random.default_rng(seed), POINTS[seed % len(POINTS)], SIZES[seed % len(SIZES)]
    edges = mass_grid(2_900.0, 4_800.0, ratio=1.03)
    window, masked = np.zeros((2, len(edges) - 1), dtype=bool)
    window[5:9], masked[4:10] = True, True
    draws = draw_signal(signal_model(load_signal(), masses), 20 * number, rng=rng)
    signal = np.stack([masses[0] * np.exp(draws.log_resonance), *draws.jet_masses(masses)])
    signal = signal[:, rng.permutation(20 * number)[:number]]
    cut = number == max(SIZES)

    def passing(mj1: Any) -> Any:
        return 0.05 + 0.9 / (1.0 + np.exp(-(mj1 / masses[1] - 1.03) / 0.025))

    def select(table: pd.DataFrame) -> Any:
        return passing(table["mj1"].to_numpy())

    if cut:
        signal = signal[:, rng.random(number) < passing(signal[1])]
    events = np.concatenate([signal, background(rng.poisson(250), rng, edges[0], edges[-1])], axis=1)
    events = events[:, (events[0] >= edges[0]) & (events[0] < edges[-1])]
    events = events * (1.0 + JITTER * np.random.default_rng([seed, jitter]).standard_normal(events.shape))
    spectrum = fit_spectrum(count(events[0], edges), edges, family="dijet3", masked=masked, window=window)
    inside = (events[0] >= edges[5]) & (events[0] < edges[9])
    chosen = SelectedEvents(mjj=events[0], mj1=events[1], mj2=events[2], in_window=inside, spectrum=spectrum)
    return chosen, select if cut else None


if __name__ == "__main__":
    main()
