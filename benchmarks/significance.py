"""Fits and scans of toys: toys per second and core beside iminuit, pyhf and pyBumpHunter, on the same toys.

    python benchmarks/significance.py --json significance.json

First checks that all give the same numbers (pyhf, whose background is linear and constrained, nearly the same).
Refits are of a dijet3 background on 40 bins, without and with a free signal. pyhf fits a model of the same size (mu
and three nuisance parameters, which vary the background along its eigenvectors by three standard errors); the scan is
that of pyBumpHunter 0.5.1, 10,000 toys and windows of 2 to 7 bins. Times are CPU seconds, the fastest of interleaved
repeats.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from stamp import stamped

import bumphunt

EDGES = bumphunt.spectrum.mass_grid(3_000.0, 9_800.0, ratio=1.03)
SIGNAL = bumphunt.significance.signal_shapes(EDGES, np.array([4_000.0]), np.array([0.033]))[0]
UNIT = 100.0


def spectrum(total: float) -> np.ndarray:
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 10 / x**5 * np.diff(EDGES)
    return total * shape / shape.sum()


def pyhf_model(expected: np.ndarray) -> Any:
    import pyhf

    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    covariance = bumphunt.spectrum.fit_many(expected[None], design).covariance[0]
    values, vectors = np.linalg.eigh(covariance)
    shifts = 3.0 * (design.basis @ (vectors * np.sqrt(values))).T
    modifiers = [
        {
            "name": f"shape_{number}",
            "type": "histosys",
            "data": {"hi_data": (expected * (1 + shift)).tolist(), "lo_data": (expected * (1 - shift)).tolist()},
        }
        for number, shift in enumerate(shifts)
    ]
    mu = {"name": "mu", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": (UNIT * SIGNAL).tolist(), "modifiers": [mu]},
        {"name": "background", "data": expected.tolist(), "modifiers": modifiers},
    ]
    return pyhf.Model({"channels": [{"name": "mjj", "samples": samples}]}, poi_name="mu", validate=False)


def seconds(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def many_toys(seed: int) -> int:
    """Throw and refit a fixed number of toys: the work of one process."""
    toys = np.random.default_rng(seed).poisson(spectrum(1e4), (100_000, len(EDGES) - 1)).astype(float)
    return int(bumphunt.spectrum.fit_many(toys, bumphunt.spectrum.make_design(EDGES, family="dijet3")).converged.sum())


def refits(number: int, repeats: int) -> list[dict[str, Any]]:
    """Time refits with and without signal."""
    import pyhf

    expected = spectrum(1e4)
    toys = np.random.default_rng(1).poisson(expected, (number, len(expected))).astype(float)
    few, fewer = toys[:60], toys[:12]
    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    model = pyhf_model(expected)
    bounds = [(-20.0, 20.0) if name == "mu" else (-5.0, 5.0) for name in model.config.par_names]
    rows = []
    for signal in (False, True):
        ways: dict[str, tuple[int, Callable[[], Any]]] = {
            "bumphunt": (
                number,
                (lambda: bumphunt.spectrum.fit_signal(toys, design, SIGNAL))
                if signal
                else (lambda: bumphunt.spectrum.fit_many(toys, design)),
            ),
            "iminuit": (
                len(few),
                lambda signal=signal: [
                    bumphunt.spectrum.minuit_fit(row, EDGES, signal=SIGNAL if signal else None) for row in few
                ],
            ),
            "pyhf": (
                len(fewer),
                lambda signal=signal: [
                    pyhf.infer.mle.fit([*row, *model.config.auxdata], model, par_bounds=bounds)
                    if signal
                    else pyhf.infer.mle.fixed_poi_fit(0.0, [*row, *model.config.auxdata], model, par_bounds=bounds)
                    for row in fewer
                ],
            ),
        }
        best = dict.fromkeys(ways, np.inf)
        for _ in range(repeats):
            for name, (_, work) in ways.items():
                best[name] = min(best[name], seconds(work))
        rates = {name: ways[name][0] / best[name] for name in ways}
        rows.append(
            {
                "signal": signal,
                "toys_per_second": rates,
                "over_iminuit": rates["bumphunt"] / rates["iminuit"],
                "over_pyhf": rates["bumphunt"] / rates["pyhf"],
            }
        )
    return rows


def agreement() -> dict[str, float]:
    """Return the largest differences on a few toys: twice the likelihood and signal in units of its error."""
    import pyhf

    expected = spectrum(1e4)
    toys = np.random.default_rng(2).poisson(expected, (6, len(expected))).astype(float)
    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    null = bumphunt.spectrum.fit_many(toys, design)
    fits = bumphunt.spectrum.fit_signal(toys, design, SIGNAL, null=null)
    model = pyhf_model(expected)
    bounds = [(-20.0, 20.0) if name == "mu" else (-5.0, 5.0) for name in model.config.par_names]
    likelihood = minuit = histfactory = 0.0
    for row, counts in enumerate(toys):
        reference = bumphunt.spectrum.minuit_fit(counts, EDGES, signal=SIGNAL)
        likelihood = max(likelihood, abs(reference.deviance - (null.deviance[row] - fits.gain[row])))
        minuit = max(minuit, abs(reference.parameters[-1] - fits.n_signal[row]) / fits.error[row])
        best = pyhf.infer.mle.fit([*counts, *model.config.auxdata], model, par_bounds=bounds)
        found = UNIT * float(np.asarray(best)[model.config.poi_index])
        histfactory = max(histfactory, abs(found - fits.n_signal[row]) / fits.error[row])
    return {"twice_nll_iminuit": likelihood, "signal_iminuit": minuit, "signal_pyhf": histfactory}


def scans(repeats: int) -> dict[str, Any]:
    """Time the BumpHunter scan of 10,000 toys, thrown and scanned."""
    import pyBumpHunter

    background = spectrum(1e4)
    counts = np.random.default_rng(3).poisson(background)
    best = {"bumphunt": np.inf, "pyBumpHunter": np.inf}
    for _ in range(repeats):
        hunter = pyBumpHunter.BumpHunter1D(
            width_min=2, width_max=7, width_step=1, scan_step=1, npe=10_000, nworker=1, seed=5, bins=EDGES
        )
        with contextlib.redirect_stdout(io.StringIO()):
            best["pyBumpHunter"] = min(
                best["pyBumpHunter"],
                seconds(lambda hunter=hunter: hunter.bump_scan(counts, background, is_hist=True)),
            )
        found: list[Any] = []
        best["bumphunt"] = min(
            best["bumphunt"],
            seconds(
                lambda found=found: found.append(
                    bumphunt.significance.bump_hunt(
                        counts, EDGES, background=background, n_toys=10_000, rng=np.random.default_rng(4)
                    )
                )
            ),
        )
    local = float(np.abs(found[0].p_values - np.concatenate(hunter.res_ar)).max())
    return {
        "seconds": best,
        "times_as_fast": best["pyBumpHunter"] / best["bumphunt"],
        "largest_difference_of_p_values": local,
        "p_global": {"bumphunt": found[0].p_global, "pyBumpHunter": float(hunter.global_Pval)},
    }


def scaling(workers: int) -> dict[str, Any]:
    """Return how much more work so many processes do in the same wall time, one process being 1."""
    load = os.getloadavg()[0]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(many_toys, range(workers)))  # libraries loaded before the clock starts
        begin = time.perf_counter()
        list(pool.map(many_toys, [1]))
        one = time.perf_counter() - begin
        begin = time.perf_counter()
        list(pool.map(many_toys, range(workers)))
        gain = workers * one / (time.perf_counter() - begin)
    return {"workers": workers, "gain": gain, "cores": os.cpu_count(), "load_before": load}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes of the scaling test; it needs idle cores")
    parser.add_argument("--json", type=Path, help="write the result there, too")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result: dict[str, Any] = {
            "agreement": agreement(),
            "refits": refits(arguments.toys, arguments.repeats),
            "scan": scans(arguments.repeats),
            "scaling": scaling(arguments.workers),
        }
    print("largest differences:", json.dumps(result["agreement"]))
    for row in result["refits"]:
        rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in row["toys_per_second"].items())
        kind = "background and signal" if row["signal"] else "background"
        print(f"{kind}: toys/s/core {rates}; {row['over_iminuit']:.0f} x iminuit, {row['over_pyhf']:.0f} x pyhf")
    scan = result["scan"]
    print(f"scan of 10,000 toys: {scan['times_as_fast']:.0f} x pyBumpHunter, p-values equal to "
          f"{scan['largest_difference_of_p_values']:.1g}")  # fmt: skip
    print(f"{result['scaling']['workers']} workers do {result['scaling']['gain']:.2f} times the work of one "
          f"(load before: {result['scaling']['load_before']:.1f} on {os.cpu_count()} cores)")  # fmt: skip
    if arguments.json:
        result |= {"python": platform.python_version(), "bumphunt": bumphunt.__version__, "cores": os.cpu_count()}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(stamped(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
