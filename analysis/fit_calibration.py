"""Are the numbers of the fits true? Signal-free and injected toys of a spectrum, every seed fixed beforehand.

    make fit-calibration

False-alarm rates of the profile likelihood and of counting, global p-values against upcrossings, pulls and coverage
of fitted signals, coverage of upper limits, spurious signal of each background family under each other's truth. About
eight minutes of one core; writes analysis/results/fit_calibration.json and .png.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from origin import stamped
from scipy import stats

import bumphunt

FloatArray = npt.NDArray[np.float64]
RESULT = Path("analysis/results/fit_calibration.json")
SEED = 20_26
EDGES = bumphunt.spectrum.mass_grid(3_000.0, 7_000.0, ratio=1.03)
MASS, WIDTH = 4_000.0, 0.033
WINDOW = np.zeros(len(EDGES) - 1, dtype=bool)
WINDOW[8:12] = True
LEVELS = (1.0, 2.0, 3.0, 3.5)
TRUTHS = ("dijet3", "dijet4", "dijet5", "powexp", "gp")
FAMILIES = ("dijet3", "dijet4", "dijet5", "powexp", "gp", "envelope")
KS_TOYS = 20_000
"""Toys of the Kolmogorov test: the first ones of a run."""


def smooth(total: float) -> FloatArray:
    """Return an exact dijet3 spectrum."""
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000.0
    shape = (1 - x) ** 10 / x**5 * np.diff(EDGES)
    return np.asarray(total * shape / shape.sum())


def blocks(expected: FloatArray, number: int, *names: int) -> Iterator[FloatArray]:
    """Throw toys, 50,000 at a time."""
    rng = np.random.default_rng([SEED, *names])
    for first in range(0, number, 50_000):
        yield rng.poisson(expected, (min(50_000, number - first), len(expected))).astype(float)


def rates(z: FloatArray) -> list[dict[str, float]]:
    """Return how often toys exceed each level, over what is nominal, with its statistical error."""
    rows = []
    for level in LEVELS:
        above, nominal = int(np.sum(z > level)), float(stats.norm.sf(level))
        ratio = above / len(z) / nominal
        rows.append({"sigma": level, "toys_above": above, "ratio": ratio, "error": ratio / max(above, 1) ** 0.5})
    return rows


def profile_likelihood(toys: int) -> dict[str, Any]:
    """Signed root of q0 at one mass."""
    shape = bumphunt.significance.signal_shapes(EDGES, np.array([MASS]), np.array([WIDTH]))[0]
    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    result = {}
    for index, total in enumerate((3e5, 2e4)):
        number = toys if index == 0 else toys // 4
        z = np.concatenate(
            [
                bumphunt.spectrum.fit_signal(block, design, shape).signed_sqrt_q0()
                for block in blocks(smooth(total), number, 1, index)
            ]
        )
        good = z[np.isfinite(z)]
        result[f"{total:.0f} events"] = {
            "toys": number,
            "not_converged": int(np.isnan(z).sum()),
            "ks_p_value": float(stats.kstest(stats.norm.sf(good[:KS_TOYS]), "uniform").pvalue),
            "mean": float(good.mean()),
            "spread": float(good.std()),
            "rates": rates(good),
        }
    return result


def counting(toys: int) -> dict[str, Any]:
    """Local p-value of a window with its background refitted; p-values randomised for the Kolmogorov test only."""
    result = {}
    for index, (family, total) in enumerate((("dijet3", 2e4), ("dijet3", 600.0), ("gp(1,10)", 2e4))):
        number = toys if family == "dijet3" else toys // 10
        z, drawn = [], []
        rng = np.random.default_rng([SEED, 9, index])
        for block in blocks(smooth(total), number, 2, index):
            z.append(bumphunt.significance.window_z(block, EDGES, WINDOW, family=family))
            if sum(len(part) for part in drawn) < KS_TOYS:
                more = block.copy()
                more[:, np.argmax(WINDOW)] += 1
                low = stats.norm.sf(bumphunt.significance.window_z(more, EDGES, WINDOW, family=family))
                drawn.append(low + rng.random(len(block)) * (stats.norm.sf(z[-1]) - low))
        every = np.concatenate(z)
        good = every[np.isfinite(every)]
        result[f"{family}, {total:.0f} events"] = {
            "toys": number,
            "not_converged": int(np.isnan(every).sum()),
            "ks_p_value_randomised": float(stats.kstest(np.concatenate(drawn)[:KS_TOYS], "uniform").pvalue),
            "rates": rates(good),
        }
    return result


def global_p_values(toys: int) -> dict[str, Any]:
    """Largest q0 of a scan over mass: toys against upcrossings."""
    masses = np.geomspace(EDGES[0] * 1.07, EDGES[-1] / 1.07, 44)
    shapes = bumphunt.significance.signal_shapes(EDGES, masses, np.array([WIDTH]))
    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    best = np.concatenate(
        [bumphunt.significance.largest_z(block, design, shapes) for block in blocks(smooth(2e4), toys, 3)]
    )
    few = next(blocks(smooth(2e4), 2_000, 4))
    crossings = bumphunt.significance.mean_upcrossings(bumphunt.significance.signed_sqrt_q0(few, design, shapes))
    rows = []
    for z_global in LEVELS:
        # the local significance that the bound says is worth this much globally
        grid = np.linspace(1.0, 7.0, 6_001)
        bound = np.array([bumphunt.significance.gross_vitells(z, crossings) for z in grid])
        local = float(grid[np.argmax(bound <= stats.norm.sf(z_global))])
        above = int(np.sum(best >= local))
        ratio = above / toys / float(stats.norm.sf(z_global))
        rows.append(
            {
                "z_global": z_global,
                "z_local": local,
                "toys_above": above,
                "toys_over_bound": ratio,
                "error": ratio / max(above, 1) ** 0.5,
            }
        )
    return {"toys": toys, "upcrossings_of_1_sigma": crossings, "rows": rows}


def injected(toys: int) -> list[dict[str, float]]:
    """Return pulls of the fitted signal, and the coverage of its likelihood interval."""
    shape = bumphunt.significance.signal_shapes(EDGES, np.array([MASS]), np.array([WIDTH]))[0]
    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    expected = smooth(2e4)
    error = float(bumphunt.spectrum.fit_signal(expected[None], design, shape).error[0])
    rows = []
    for index, sigmas in enumerate((0.0, 1.0, 2.0, 3.0, 5.0)):
        strength = sigmas * error
        counts = next(blocks(expected + strength * shape, toys, 5, index))
        null = bumphunt.spectrum.fit_many(counts, design, with_covariance=False)
        free = bumphunt.spectrum.fit_signal(counts, design, shape, null=null)
        held = bumphunt.spectrum.fit_background_given_signal(
            counts, design, shape, np.full(len(counts), strength), null=null
        )
        pulls = (free.n_signal - strength) / free.error
        inside = free.gain - held.gain
        rows.append(
            {
                "injected_sigma": sigmas,
                "injected": strength,
                "toys": toys,
                "not_converged": int(np.sum(~free.converged | ~held.converged)),
                "pull_mean": float(pulls.mean()),
                "pull_spread": float(pulls.std()),
                "coverage_68": float(np.mean(inside < 1.0)),
                "coverage_95": float(np.mean(inside < stats.chi2.ppf(0.95, 1))),
            }
        )
    return rows


def limits(toys: int) -> dict[str, Any]:
    """Coverage of 95 % limits, of one window and of a whole spectrum."""
    rng = np.random.default_rng([SEED, 6])
    background, error, signal = 400.0, 15.0, 50.0
    tau = background / error**2
    off, on = rng.poisson(background * tau, toys), rng.poisson(signal + background, toys)
    shape = bumphunt.significance.signal_shapes(EDGES, np.array([MASS]), np.array([WIDTH]))[0]
    design = bumphunt.spectrum.make_design(EDGES, family="dijet3")
    strength = 90.0
    counts = next(blocks(smooth(2e4) + strength * shape, toys // 2, 7))
    result: dict[str, Any] = {}
    for method in ("CLs+b", "CLs"):
        window = bumphunt.significance.window_limits(on, off / tau, np.sqrt(off) / tau, method=method)
        spectrum = bumphunt.significance.spectrum_limits(counts, design, shape, method=method)
        result[method] = {
            "window": float(np.mean(window >= signal)),
            "window_toys": toys,
            "spectrum": float(np.mean(spectrum >= strength)),
            "spectrum_toys": toys // 2,
            "not_converged": int(np.isnan(spectrum).sum()),
        }
    return result


def spurious(events: Path) -> dict[str, Any]:
    """Signal that a family finds in the exact spectrum of another, in units of its error: the largest over the masses.

    The truths are the families' fits to the shipped background. ``window`` is the same for the count in a window:
    what the sidebands predict too little or too much, over the error.
    """
    sample = bumphunt.read_events(events)
    mjj = sample["mjj"].to_numpy()[~bumphunt.events.truth_labels(sample)]
    counts = np.histogram(mjj, EDGES)[0].astype(float)
    masses = np.geomspace(3_400.0, 6_000.0, 20)
    shapes = bumphunt.significance.signal_shapes(EDGES, masses, np.array([WIDTH]))
    signal: dict[str, dict[str, float]] = {}
    window: dict[str, dict[str, float]] = {}
    for truth in TRUTHS:
        expected = bumphunt.spectrum.fit_spectrum(counts, EDGES, family=truth).expected
        signal[truth], window[truth] = {}, {}
        repeated = np.repeat(expected[None], len(shapes), axis=0)
        for family in FAMILIES:
            if family != "envelope":
                resolved = bumphunt.spectrum.fit_spectrum(expected, EDGES, family=family).family
                fits = bumphunt.spectrum.fit_signal(
                    repeated, bumphunt.spectrum.make_design(EDGES, family=resolved), shapes
                )
                signal[truth][family] = float(np.max(np.abs(fits.n_signal / fits.error)))
            bias = []
            for first in range(3, len(EDGES) - 9, 2):
                masked = np.zeros(len(EDGES) - 1, dtype=bool)
                masked[first : first + 4] = True
                fit = bumphunt.spectrum.fit_spectrum(expected, EDGES, family=family, masked=masked)
                bias.append(abs(fit.window_expected - expected[masked].sum()) / np.hypot(
                    fit.window_error, np.sqrt(expected[masked].sum())
                ))  # fmt: skip
            window[truth][family] = float(np.max(bias))
    return {"events": int(counts.sum()), "signal": signal, "window": window}


WORDS = {
    "dijet3": "dijet, 3 par.",
    "dijet4": "dijet, 4 par.",
    "dijet5": "dijet, 5 par.",
    "powexp": "power × exp.",
    "gp": "Gaussian pr.",
    "envelope": "envelope",
}


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the four answers that fit into a figure."""
    from bumphunt.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, new_figure, style

    with style():
        figure = new_figure(8.2, width=9.6)
        alarms, trials, pulls, bias = figure.subplots(2, 2).ravel()
        named = {f"Likelihood, {name}": part for name, part in result["profile_likelihood"].items()}
        named |= {f"Counting, {name}": part for name, part in result["counting"].items()}
        colours = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK)
        for shift, (name, part) in enumerate(named.items()):
            rows = part["rates"]
            alarms.errorbar(
                [row["sigma"] + 0.04 * (shift - 2) for row in rows], [row["ratio"] for row in rows],
                [row["error"] for row in rows], fmt="os^Dv"[shift % 5], markersize=4, color=colours[shift % 7],
                label=re.sub(r"(\d)(000)\b", "\\1\u2009\\2", name.replace("gp(1,10)", "Gaussian process")),
            )  # fmt: skip
        alarms.axhline(1.0, color=GREY, linewidth=1.0)
        alarms.set(xlabel="Nominal significance [σ]", ylabel="False alarms / nominal", ylim=(0, 2.0))
        alarms.set_title("Local p-values without signal")
        alarms.legend(fontsize="small", loc="upper left")
        rows = result["global_p_values"]["rows"]
        trials.errorbar(
            [row["z_global"] for row in rows], [row["toys_over_bound"] for row in rows],
            [row["error"] for row in rows], fmt="o", color=BLUE,
        )  # fmt: skip
        trials.axhline(1.0, color=GREY, linewidth=1.0)
        trials.set(xlabel="Global significance, Gross and Vitells [σ]", ylabel="Rate in toys / bound", ylim=(0, 1.5))
        trials.set_title("Global p-values")
        rows = result["injected"]
        at = [row["injected_sigma"] for row in rows]
        means, widths = [row["pull_mean"] for row in rows], [row["pull_spread"] for row in rows]
        pulls.errorbar(at, means, widths, fmt="o", color=BLUE, capsize=3)
        for level in (-1, 0, 1):
            pulls.axhline(level, color=GREY, linewidth=1.0, linestyle="-" if level == 0 else ":")
        pulls.set(xlabel="Injected signal [σ]", ylabel="Mean and spread of pulls [σ]", ylim=(-1.6, 1.6))
        pulls.set_title("Fitted signal")
        table = np.array([[result["spurious"]["window"][truth][family] for family in FAMILIES] for truth in TRUTHS])
        bias.imshow(table, cmap="cividis_r", vmin=0, vmax=1, aspect="auto")
        bias.set_xticks(range(len(FAMILIES)), [WORDS.get(name, name) for name in FAMILIES], rotation=35, ha="right")
        bias.set_yticks(range(len(TRUTHS)), [WORDS.get(name, name) for name in TRUTHS])
        bias.tick_params(which="both", length=0, labelsize="small")
        for (row, column), value in np.ndenumerate(table):
            colour = "white" if value > 0.6 else "black"
            bias.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize="small", color=colour)
        bias.set_xlabel("Fitted family")
        bias.set_ylabel("True family", loc="center")
        bias.set_title("Largest bias of a window [σ]")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", type=int, default=2_000_000, help="toys of the false-alarm rates")
    parser.add_argument("--events", type=Path, default=Path("data/lhco_rnd.parquet"), help="labelled, for the truths")
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"seed": SEED}
    for name, study in (
        ("profile_likelihood", lambda: profile_likelihood(arguments.toys)),
        ("counting", lambda: counting(arguments.toys // 2)),
        ("global_p_values", lambda: global_p_values(arguments.toys // 2)),
        ("injected", lambda: injected(max(arguments.toys // 200, 1_000))),
        ("limits", lambda: limits(max(arguments.toys // 200, 1_000))),
        ("spurious", lambda: spurious(arguments.events)),
    ):
        begin = time.process_time()
        result[name] = study()
        print(f"{name} ({time.process_time() - begin:.0f} s)\n{json.dumps(result[name])}", flush=True)
    draw(result, arguments.result.with_suffix(".png"))
    arguments.result.write_text(json.dumps(stamped(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
