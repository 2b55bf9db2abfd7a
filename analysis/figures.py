"""Redraw, from what is stored in analysis/results, every figure that its JSON is enough for.

    make figures

Seconds, and nothing is run again. `--box FOLDER` first takes the selected spectrum of the black box from a finished run
(`make run` leaves one in out/blackbox) into spectrum_after.json, from which the picture in README is drawn.
The published spectra are refitted where the development data are there.
"""

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import boxes
import failed_check
import fit_calibration
import injections
import nulls
import reach_curves
import real_spectra
import vae_quality

import bumphunt
from bumphunt.plots import spectrum
from bumphunt.plots.style import style
from bumphunt.report.figure_files import save
from bumphunt.results import AnalysisResult, MassFit, Products, SpectrumFit

RESULTS = Path("analysis/results")
LINES = {"null_rates": "nulls"}
"""Figures whose lines have another name."""


def selected_spectrum(folder: Path) -> dict[str, Any]:
    """Return the selected spectrum of a finished run, with what it was made by."""
    result = AnalysisResult.from_dict(json.loads((folder / "result.json").read_text("utf-8")))
    products = Products.from_dict(json.loads((folder / "products.json").read_text("utf-8")))
    best = products.scan.best_spectrum
    if best is None or best.fit is None:
        raise SystemExit(f"{folder}: no window was searched in this run; give a run of the black box")
    given = result.answers.m_resonance is not None and products.mass_fit is not None
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "command": "make run; python analysis/figures.py --box out/blackbox",
        "commit": head,
        "version": bumphunt.__version__,
        "seed": result.seed,
        "config": result.config,
        "sha256": result.input["sha256"],
        "cut_fraction": best.cut_fraction,
        "z_local": best.z_local,
        "search": result.answers.search,
        "z_global": result.answers.z_global,
        "of_the_finder": best is products.scan.best_window,
        "fit": best.fit.to_dict(),
        "mass_fit": products.mass_fit.to_dict() if given and products.mass_fit is not None else None,
    }


def draw_selected(stored: dict[str, Any], path: Path) -> None:
    """Draw the selected spectrum of the black box."""
    # masses are fitted to what the finder selected, and the spectrum may be of the other search
    own = stored["mass_fit"] is not None and stored["of_the_finder"]
    mass_fit = MassFit.from_dict(stored["mass_fit"]) if own else None
    with style():
        figure, _ = spectrum(
            SpectrumFit.from_dict(stored["fit"]), title=f"{100 * stored['cut_fraction']:.2g} % most anomalous events",
            status="Simulation, 13 TeV", mass_fit=mass_fit,
        )  # fmt: skip
    _, picture = save(figure, path.with_suffix(""))
    picture.with_suffix(".pdf").unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--box", type=Path, help="folder of a finished run of the shipped black box")
    parser.add_argument("--data", type=Path, default=real_spectra.DATA, help="folder of the published data")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    folder: Path = arguments.results
    if arguments.box is not None:
        text = json.dumps(selected_spectrum(arguments.box))
        (folder / "spectrum_after.json").write_text(text + "\n")

    def stored(name: str) -> Any:
        lines = folder / f"{LINES.get(name, name)}.jsonl"
        if lines.exists():
            return boxes.read(lines)
        return json.loads((folder / f"{name}.json").read_text("utf-8"))

    drawn = {
        "spectrum_after": draw_selected,
        "failed_check": failed_check.draw,
        "fit_calibration": fit_calibration.draw,
        "injections": injections.draw,
        "null_rates": nulls.draw,
        "reach_both": lambda lines, path: reach_curves.draw(lines, boxes.read(folder / "reach_before.jsonl"), path),
        "vae_quality": lambda result, path: vae_quality.draw(result["trainings"], path),
        "real_spectra": lambda result, path: real_spectra.draw(arguments.data, result, path),
    }
    for name, draw in drawn.items():
        if name == "real_spectra" and not arguments.data.is_dir():
            print(f"{name}: left as it is, the published data are not in {arguments.data}")
            continue
        draw(stored(name), folder / f"{name}.png")
        print(name, flush=True)


if __name__ == "__main__":
    main()
