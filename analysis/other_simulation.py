"""Do masses and yields hold on another detector? Light hunts in boxes of it, answers beside the truth, a line each.

    make other-simulation

Boxes hold 60 thousand background events and 300 signal events. Detectors:

* ``sharper``: another simulation, a prototype with cores of jet masses half as wide, in ../shared/data (skipped where
  that is absent);
* ``low`` and ``high``: the shipped simulation with jet masses 5 % lower and higher, mj -> 0.95 mj and 1.05 mj, in
  background and signal;
* ``groomed``: the same with 1.5 GeV less, half of what an ungroomed jet of a light particle has too much,
  mj -> mj exp(-1.5 GeV / mj);
* ``nominal``: as it is;
* ``three_prongs``: as it is, with signal of another decay, simulated for this study alone (seconds).

Signal of ``low``, ``high``, ``groomed`` and ``nominal`` is drawn from the shipped response. One window about the true
mass is searched, by CWoLa with 2 repeats of 3 folds of one tree model of 40 steps and by the prior-assisted search:
a test of the mass fit, not of the search. With --searches cwola there is no prior-assisted one.
With --response own, masses are read off a response of the detector's own signal, at sixty other masses, and jets of
background are compared with its own background, as ``bumphunt response --background`` does.
Lines are added to analysis/results/other_simulation.jsonl; those of this commit that are there are not repeated, and of
a box repeated at a later commit the last line counts. Boxes of equal seed
(those below 1,010: one for all detectors) hold the same drawn events as different detectors see them.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from boxes import latest

import bumphunt
from bumphunt.calibration.pulls import pulls_of
from bumphunt.events import drop_truth
from bumphunt.files import write_atomically
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.own_signal import response_content
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.hunt import hunt_events
from bumphunt.simulation.request import Sample
from bumphunt.simulation.samples import simulate_sample

SHARPER = ((4000.0, 800.0, 300.0), (4500.0, 300.0, 150.0), (3500.0, 500.0, 100.0))
POINTS = (*SHARPER, (3600.0, 350.0, 350.0), (4200.0, 600.0, 200.0))
DETECTORS = ("sharper", "low", "high", "groomed", "nominal", "three_prongs")
SCALES = {"low": 0.95, "high": 1.05}
THREE_PRONGS = (4000.0, 500.0, 200.0)
MASSES = ("mj1", "mj2")
QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
BACKGROUND, SIGNAL = 60_000, 300
ROOT = Path(__file__).resolve().parents[1]


def jet_masses(detector: str, masses: np.ndarray) -> np.ndarray:
    """Return what a detector makes of the jet masses (GeV) of the shipped simulation."""
    if detector in SCALES:
        return SCALES[detector] * masses
    return masses * np.exp(-1.5 / np.maximum(masses, 1.0)) if detector == "groomed" else masses


def box_of(detector: str, masses: tuple[float, float, float], *, data: Path, response: str, seed: int) -> pd.DataFrame:
    """Return the events of a box, signal among them by the label."""
    rng = np.random.default_rng(seed)
    if detector == "sharper":
        signal = pd.read_parquet(data / ("dev_signal_" + "_".join(f"{mass:.0f}" for mass in masses) + ".parquet"))
        signal = signal.iloc[rng.permutation(len(signal))[:SIGNAL]]
        background = pd.read_parquet(data / "dev_qcd.parquet")
    elif detector == "three_prongs":
        file = ROOT / "out/other_simulation/three_prongs.parquet"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            simulate_sample(file, Sample(signal=700, masses=masses, prongs=3), seed=77)
        signal = pd.read_parquet(file)
        signal = signal.iloc[rng.permutation(len(signal))[:SIGNAL]]
        background = pd.read_parquet(ROOT / "data/lhco_rnd.parquet").query("label == 0")
    else:
        table = response_named(response).table
        drawn = draw_signal(signal_model(table, masses), 20 * SIGNAL, rng=rng).table(masses)
        signal = drawn.iloc[rng.permutation(len(drawn))[:SIGNAL]].copy()
        background = pd.read_parquet(ROOT / "data/lhco_rnd.parquet").query("label == 0")
    background = background.iloc[rng.permutation(len(background))[:BACKGROUND]]
    columns = [*table_columns(signal)]
    parts = [background[columns].assign(label=0), signal[columns].assign(label=1)]
    box = pd.concat(parts, ignore_index=True).iloc[rng.permutation(BACKGROUND + SIGNAL)]
    for name in MASSES:
        box[name] = jet_masses(detector, box[name].to_numpy())
    return box.reset_index(drop=True)


def own_response(detector: str) -> Path:
    """Make the response of a detector's own signal and background, unless it is there."""
    path = ROOT / f"out/other_simulation/{detector}.npz"
    if path.exists():
        return path
    table = response_named("shipped").table
    near = [tuple(point) for point in table.masses if 3_100 < point[0] < 5_000 and point[1] < 0.24 * point[0]]
    signal = {}
    for number, masses in enumerate(near[:60]):
        events = draw_signal(signal_model(table, masses), 1_000, rng=np.random.default_rng(number)).table(masses)
        signal[masses] = events.assign(**{name: jet_masses(detector, events[name].to_numpy()) for name in MASSES})
    background = pd.read_parquet(ROOT / "data/lhco_rnd.parquet").query("label == 0").astype(float)
    background = background.assign(**{name: jet_masses(detector, background[name].to_numpy()) for name in MASSES})
    content, found = response_content(signal, background=background, made_by="make other-simulation")
    print(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(path, lambda part: np.savez_compressed(part, allow_pickle=False, **content))


def table_columns(signal: pd.DataFrame) -> list[str]:
    """Return the columns that boxes have."""
    return [name for name in response_named("shipped").table.columns if name in signal.columns]


def answered(
    box: pd.DataFrame, masses: tuple[float, float, float], *, searches: list[str], response: str, seed: int
) -> dict[str, Any]:
    """Hunt in a box about the true mass and return the answers beside the truth."""
    config = bumphunt.AnalysisConfig.model_validate(
        {
            "searches": searches,
            "search": {"low": 2900.0, "high": 6000.0, "windows": [[0.94 * masses[0], 1.06 * masses[0]]]},
            "cwola": {"repeats": 2, "folds": 3, "members": 1, "max_iter": 40, "learning_rate": 0.1},
            "masses": {"response": response},
            "limit": {"enabled": False},
            "vae": {"enabled": False},
            "autoencoder": {"enabled": False},
        }
    )
    start = time.process_time()
    found = hunt_events(drop_truth(box), config, seed=seed)
    answers, fit = found.answers, found.products.mass_fit
    row: dict[str, Any] = {
        "z_local": round(answers.z_local, 2),
        "status": answers.status,
        "search": answers.search,
        "masses_verified": answers.masses_verified,
        "failed": [check.name for check in found.verdict.checks if not check.passed and check.applies_to == "masses"],
        "cpu_seconds": round(time.process_time() - start, 1),
    }
    if fit is None:
        return row
    injected = box["label"].to_numpy()[found.search.rows] == 1
    kept = found.verdict.best.outcome.selected(found.verdict.mass_cut)
    row["efficiency_true"] = round(float((kept & injected).sum()) / SIGNAL, 4)
    seen = fit.jet_scale
    widths = [] if fit.log_widths is None else fit.log_widths.tolist()
    row |= {
        "hypothesis": fit.hypothesis,
        "tau21_scale": round(fit.tau21_scale, 3),
        "cut_scale": [round(fit.cut_scale, 3), fit.cut_scale_error and round(fit.cut_scale_error, 3)],
        "jet_scale": None if seen is None else [round(seen.log_scale, 4), round(seen.applied, 4)],
        "efficiency": round(fit.efficiency, 4),
    }
    row |= {"log_widths": [round(width, 2) for width in widths], "p_value": round(fit.p_value, 4)}
    if fit.n_signal_box is not None:
        row["n_signal_box"] = [round(fit.n_signal_box.value, 1), round(fit.n_signal_box.high, 1)]
    for name, true in zip(QUANTITIES, (*masses, float(SIGNAL)), strict=True):
        interval = getattr(fit, name)
        row[name] = {
            **{end: round(getattr(interval, end), 1) for end in ("value", "low", "high", "stat", "scale")},
            "truth": true,
            "pull": round(float(pulls_of([interval], [true])[0]), 2),
        }
    return row


def summary(rows: list[dict[str, Any]]) -> str:
    """Return mean pull and coverage of the verified boxes of each detector."""
    lines = []
    rows = latest(({"searches": "cwola", **row} for row in rows), key=("detector", "response", "searches", "number"))
    named = [((row["detector"], row["response"], row.get("searches", "cwola")), row) for row in rows]
    for key in dict.fromkeys(key for key, _ in named):
        chosen = [row for its, row in named if its == key and "m_x" in row]
        good = [row for row in chosen if row["masses_verified"]]
        lines.append(f"{' '.join(key)}: {len(chosen)} fitted, {len(good)} verified")
        for name in QUANTITIES:
            pulls = np.array([row[name]["pull"] for row in good])
            if len(pulls):
                lines.append(
                    f"  {name:12s} mean pull {pulls.mean():+.2f}, width {pulls.std():.2f}, "
                    f"covered {(np.abs(pulls) <= 1).sum()} of {len(pulls)}"
                )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=list(DETECTORS))
    parser.add_argument("--boxes", type=int, default=40, help="of each detector")
    parser.add_argument("--response", default="shipped", choices=("shipped", "own"), help="for masses.response")
    parser.add_argument("--searches", nargs="+", default=["cwola", "prior"], choices=("cwola", "prior"))
    parser.add_argument("--minutes", type=float, default=1e6, help="no box is begun after so many")
    parser.add_argument("--result", type=Path, default=ROOT / "analysis/results/other_simulation.jsonl")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    rows = [json.loads(line) for line in arguments.result.read_text().splitlines()] if arguments.result.exists() else []
    searches = "+".join(arguments.searches)
    begun = time.monotonic()
    for number in range(arguments.boxes):
        for detector in arguments.detectors:
            if arguments.response == "own" and detector not in (*SCALES, "groomed", "nominal"):
                continue  # its signal was simulated at too few masses, or is of another decay
            if detector == "sharper" and not (arguments.data / "dev_qcd.parquet").exists():
                continue
            points = {"sharper": SHARPER, "three_prongs": (THREE_PRONGS,)}.get(detector, POINTS)
            masses = points[number % len(points)]
            key = {"detector": detector, "response": arguments.response, "number": number, "searches": searches}
            made = {**key, "commit": commit.strip()[:7]}
            known = any(all(row.get(name, "cwola") == value for name, value in made.items()) for row in rows)
            if known or time.monotonic() - begun > 60 * arguments.minutes:
                continue
            response = "shipped" if arguments.response == "shipped" else str(own_response(detector))
            seed = 1000 + number + 10_000 * DETECTORS.index(detector)
            box = box_of(detector, masses, data=arguments.data, response="shipped", seed=seed)
            row = {
                **key,
                "masses": masses,
                **answered(box, masses, searches=arguments.searches, response=response, seed=number),
                "seed": seed,
                "commit": made["commit"],
                "config": "light: one window, 3 folds, 2 repeats, 40 steps; 60k + 300 events",
                "command": "make other-simulation",
            }
            rows.append(row)
            with arguments.result.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    print(summary(rows))


if __name__ == "__main__":
    main()
