"""The fits on real data: five published CMS spectra, the Z, and the Upsilon under ever harder anomaly cuts.

    make real-spectra

Which background family, how well it fits, and whether anything stands out where CMS saw nothing; the mass of the Z in
2011 open data; the window of the Upsilon (arXiv:2502.14036). Reads the development data beside the project, about a
minute; writes analysis/results/real_spectra.json and .png.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from origin import stamped

import bumphunt

FloatArray = npt.NDArray[np.float64]
RESULT = Path("analysis/results/real_spectra.json")
DATA = Path("../shared/data")
FAMILIES = ("dijet3", "dijet4", "dijet5", "powexp", "gp")
Z_MASS, Z_WIDTH = 91.1876, 2.4952
"""World average of the Z, GeV (Review of Particle Physics 2022)."""


def published(data: Path, name: str) -> tuple[FloatArray, FloatArray]:
    """Return counts and edges (GeV) of a CMS spectrum as published on HEPData.

    Dijets and pairs of dijets are given as pb/TeV in 137/fb, trijets and dimuons as events, photons as events per GeV
    in bins whose whole-numbered edges follow from their centres, beginning at 500 GeV. Each gives whole events where
    there are few, which a test checks.
    """
    table = json.loads((data / "cms_hepdata_spectra.json").read_text("utf-8"))[name]
    centre, width, value = (np.array(table[key], dtype=np.float64) for key in ("x", "bin_widths_1d", "y"))
    if name == "diphoton":
        edges = [500.0]
        for middle in centre:
            edges.append(2 * middle - edges[-1])
        return np.rint(value * np.diff(edges)), np.array(edges)
    edges = np.append(centre - width / 2, centre[-1] + width[-1] / 2)
    counts = value * width / 1000.0 * 137_000.0 if name in ("dijet", "dijet_pair") else value
    return np.rint(counts), edges


RESOLUTION = {"dijet": 0.05, "dijet_pair": 0.05, "trijet": 0.05, "diphoton": 0.014, "dimuon": 0.02}
"""Roughly the mass resolution of each, as a fraction; the widths of windows in bins are the same for all."""


def search(name: str, counts: FloatArray, edges: FloatArray, toys: int) -> dict[str, Any]:
    """Fit all families, let the F-test choose, and search by three methods."""
    families = {}
    for family in FAMILIES:
        fit = bumphunt.spectrum.fit_spectrum(counts, edges, family=family)
        families[family] = {
            "chi2": fit.chi2,
            "ndf": fit.ndf,
            "p_value": fit.p_value,
            "deviance": fit.deviance,
            "used": fit.family,
        }
    chosen = bumphunt.spectrum.fit_spectrum(counts, edges, family="auto")
    goodness = bumphunt.spectrum.saturated_p_value(chosen, n_toys=1000, rng=np.random.default_rng(1))
    found = {}
    for method in ("counting", "q0", "bumphunter"):
        scan = bumphunt.significance.scan_spectrum(
            counts,
            edges,
            family=chosen.family,
            method=method,
            n_toys=toys,
            resolutions=(RESOLUTION[name],),
            rng=np.random.default_rng(2),
        )
        best = scan.best_window
        found[method] = {
            "low": best.low,
            "high": best.high,
            "n_observed": best.n_observed,
            "n_expected": best.n_expected,
            "z_local": scan.z_local,
            "z_global": scan.z_global,
            "p_global": scan.p_global,
            "method": scan.p_global_method,
        }
    return {
        "events": int(counts.sum()),
        "bins": len(counts),
        "low": float(edges[0]),
        "high": float(edges[-1]),
        "family": chosen.family,
        "why": "first of dijet3, dijet4, dijet5 that the next one improves by less than a p-value of 0.05 asks for",
        "chi2_over_ndf": chosen.chi2 / chosen.ndf,
        "p_value": chosen.p_value,
        "p_value_toys": goodness,
        "families": families,
        "search": found,
    }


def dimuon_masses(path: Path) -> FloatArray:
    """Return the invariant masses of the muon pairs in GeV, muons taken as massless."""
    table = pd.read_csv(path)
    difference = np.cosh(table["eta1"] - table["eta2"]) - np.cos(table["phi1"] - table["phi2"])
    return np.sqrt(2.0 * table["pt1"] * table["pt2"] * difference).to_numpy(dtype=np.float64)


def fit_z(path: Path) -> dict[str, float]:
    """Fit the Z: a Breit-Wigner of the known width with a free Gaussian resolution on a falling background."""
    edges = np.linspace(70.0, 110.0, 81)
    counts = np.histogram(dimuon_masses(path), edges)[0].astype(float)
    design = bumphunt.spectrum.make_design(edges, family="powexp", sqrt_s=7_000.0)
    masses, resolutions = np.arange(90.0, 92.5, 0.02), np.arange(0.6, 3.01, 0.1)
    grid = [(mass, resolution) for resolution in resolutions for mass in masses]
    shapes = np.array([bumphunt.spectrum.voigt_fractions(edges, mass=m, width=Z_WIDTH, resolution=r) for m, r in grid])
    fits = bumphunt.spectrum.fit_signal(np.repeat(counts[None], len(grid), axis=0), design, shapes, negative=False)
    gain = np.where(fits.converged, fits.gain, -np.inf).reshape(len(resolutions), len(masses))
    best = int(np.argmax(gain))
    along = gain.max(axis=0)
    peak = int(np.argmax(along))
    near = slice(max(peak - 5, 0), peak + 6)
    curve = np.polyfit(masses[near] - masses[peak], along[near], 2)
    mass = float(masses[peak] - curve[1] / (2 * curve[0]))
    expected = fits.background[best] + fits.n_signal[best] * shapes[best]
    return {
        "events": int(counts.sum()),
        "mass": mass,
        "error": float(1.0 / np.sqrt(-curve[0])),
        "offset": mass - Z_MASS,
        "muon_scale": mass / Z_MASS - 1.0,
        "resolution": float(grid[best][1]),
        "n_z": float(fits.n_signal[best]),
        "n_z_error": float(fits.error[best]),
        "chi2": float(np.sum((counts - expected) ** 2 / expected)),
        "ndf": len(counts) - 6,
        "not_converged": int(np.sum(~fits.converged)),
    }


def upsilon(path: Path) -> list[dict[str, float | str]]:
    """Count in the window of the three Upsilon, 9.0-10.6 GeV, against a fit of the rest, cut by cut."""
    masses = np.load(path)
    edges = bumphunt.spectrum.mass_grid(5.0, 16.0, ratio=(10.6 / 9.0) ** (1 / 6))
    edges = edges * 9.0 / edges[np.argmin(np.abs(edges - 9.0))]
    rows = []
    for rate in ("1", "0.25", "0.1", "0.05", "0.01", "0.005", "0.001"):
        values = masses[f"lowmass_upsilon_iso_OS_nojet_histogram_data_septic_12__fpr{rate}"]
        counts = np.histogram(values, edges)[0].astype(float)
        row: dict[str, float | str] = {"false_positive_rate": float(rate), "events": len(values)}
        for family in ("dijet4", "gp"):
            found = bumphunt.significance.scan_spectrum(
                counts, edges, family=family, window=(9.0, 10.6), method="q0", rng=np.random.default_rng(3)
            )
            row[f"z_{family}"] = found.z_local
            row[f"n_expected_{family}"] = found.best_window.n_expected
            row["n_observed"] = found.best_window.n_observed
            row[f"p_value_{family}"] = found.best_window.fit.p_value
        rows.append(row)
    return rows


NAMES = {
    "dijet": "Dijet mass",
    "dijet_pair": "Mass of two pairs of jets",
    "trijet": "Trijet mass",
    "diphoton": "Diphoton mass",
    "dimuon": "Dimuon mass",
}
STATUS = {"dijet": "CMS, 137 fb⁻¹", "dijet_pair": "CMS, 137 fb⁻¹"}


def draw(data: Path, result: dict[str, Any], path: Path) -> None:
    """Draw the five spectra with their chosen fit and pulls, and the Upsilon against the hardness of the cut."""
    from bumphunt.plots.marks import draw_counts, draw_pulls, per_bin, status_label
    from bumphunt.plots.spectra import FAMILIES as IN_WORDS
    from bumphunt.plots.style import BLUE, new_figure, style

    names = list(result["spectra"])
    with style():
        figure = new_figure(12.6, width=9.6)
        parts = figure.subfigures(3, 2).ravel()
        for part, name in zip(parts, names, strict=False):
            counts, edges = published(data, name)
            fit = bumphunt.spectrum.fit_spectrum(counts, edges, family=result["spectra"][name]["family"])
            above, below = part.subplots(2, 1, sharex=True, height_ratios=(2.8, 1))
            above.set_yscale("log")
            text = f"{IN_WORDS.get(fit.family, fit.family)}\nχ²/ndf = {fit.chi2:.0f}/{fit.ndf}, p = {fit.p_value:.2f}"
            above.stairs(fit.expected, edges, baseline=None, color=BLUE, label=text)
            draw_counts(above, counts, edges, text=f"Data ({counts.sum():,.0f} events)".replace(",", "\u2009"))
            above.set_ylim(0.3, 30.0 * counts.max())
            above.set_ylabel(per_bin(edges))
            status_label(above, STATUS.get(name, "CMS"))
            handles, texts = above.get_legend_handles_labels()
            above.legend(handles[::-1], texts[::-1], loc="upper right", fontsize="small")
            draw_pulls(below, counts, fit.expected, edges)
            below.set(xlim=(edges[0], edges[-1]), xlabel=f"{NAMES.get(name, name)} [GeV]")
        draw_upsilon(parts[len(names)].subplots(), result["upsilon"])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110, metadata={"Software": None})


def draw_upsilon(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Draw the significance in 9.0-10.6 GeV against the part of background kept, by both background forms."""
    from bumphunt.plots.marks import status_label
    from bumphunt.plots.style import BLACK, BLUE, RED

    rates = [row["false_positive_rate"] for row in rows]
    for family, text, colour, form in (("dijet4", "dijet function, 4 parameters", BLUE, "o-"),
                                       ("gp", "Gaussian process", RED, "s--")):  # fmt: skip
        axes.plot(rates, [row[f"z_{family}"] for row in rows], form, color=colour, markersize=4.5, label=text)
    for level in (3.0, 5.0):
        axes.axhline(level, color=BLACK, linewidth=1.0, linestyle="--", zorder=0)
    axes.set_xscale("log")
    axes.invert_xaxis()
    top = max(5.0, *(row[f"z_{family}"] for row in rows for family in ("dijet4", "gp")))
    axes.set_ylim(min(0.0, *(row[f"z_{family}"] for row in rows for family in ("dijet4", "gp"))) - 0.3, 1.35 * top)
    axes.set_xlabel("Part of the background kept by the cut")
    axes.set_ylabel("Local significance, 9.0–10.6 GeV [σ]")
    status_label(axes, "CMS, Υ → μμ")
    axes.legend(loc="upper left", fontsize="small")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the published data")
    parser.add_argument("--toys", type=int, default=1000)
    parser.add_argument("--result", type=Path, default=RESULT)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data}: the published data are not here; name their folder with --data")
    result: dict[str, Any] = {"spectra": {}}
    for name in RESOLUTION:
        result["spectra"][name] = search(name, *published(arguments.data, name), arguments.toys)
        print(name, json.dumps(result["spectra"][name]), flush=True)
    result["z"] = fit_z(arguments.data / "cms_zmumu_2011.csv")
    result["upsilon"] = upsilon(arguments.data / "cms_upsilon_dimuon_masses.npz")
    print(json.dumps(result["z"]), *(json.dumps(row) for row in result["upsilon"]), sep="\n")
    draw(arguments.data, result, arguments.result.with_suffix(".png"))
    arguments.result.write_text(json.dumps(stamped(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
