"""Calibrate the masses and the yield, given the events that a score selected.

    make mass-calibration

For each mass point a CWoLa score is trained once on a box with injected signal and frozen. Toys then draw background
from events that took no part in the training (the black box, whose own 834 signal events hardly pass a score trained on
another signal) and signal simulated with its own seed, and are fitted twice: with simulated signal sent
through the score, and without, which shows what the score does to the masses. Truth is read to compare.
Writes analysis/results/mass_calibration.json and .png.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from origin import stamped

import bumphunt
from bumphunt.errors import FitError
from bumphunt.events import feature_matrix
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.signal_table import load_signal
from bumphunt.pipeline.final_state import CWOLA_FEATURES
from bumphunt.pipeline.fold_selection import FoldSelection, fold_selection
from bumphunt.pipeline.search import prepare_search
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.splits import MassWindow, assign_folds, balanced_weights
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.fit import fit_spectrum

POINTS = (
    (3300, 250, 120),
    (3500, 500, 100),
    (3600, 350, 350),
    (3823, 732, 378),
    (4000, 300, 80),
    (4000, 800, 300),
    (4200, 600, 200),
    (4600, 400, 150),
    (5000, 700, 250),
)
"""(m_resonance, m_x, m_y) in GeV."""

QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")
MASSES = ["mjj", "mj1", "mj2"]
FOLDS = 5
CUT = 0.01


@dataclass(kw_only=True)
class Frozen:
    """A score that is trained no more, and which events of the pools each of its folds keeps."""

    selection: FoldSelection
    edges: np.ndarray
    window: MassWindow
    growth: MassGrowth
    background: np.ndarray
    background_passes: np.ndarray
    signal: np.ndarray
    signal_passes: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, default=Path("data/lhco_rnd.parquet"), help="labelled; trained on")
    parser.add_argument("--pool", type=Path, default=Path("data/blackbox.parquet"), help="background of the toys")
    parser.add_argument("--samples", type=Path, default=Path("out/mass_calibration"))
    parser.add_argument("--size", type=int, default=100_000, help="background events in a box")
    parser.add_argument("--signal", type=int, default=300, help="signal events in a box")
    parser.add_argument("--simulated", type=int, default=8000, help="signal events simulated at each point")
    parser.add_argument("--toys", type=int, default=30)
    parser.add_argument("--without", type=int, default=6, help="of them, fitted without the acceptance as well")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--points", type=int, default=len(POINTS), help="how many of the points")
    parser.add_argument("--result", type=Path, default=Path("analysis/results/mass_calibration.json"))
    arguments = parser.parse_args()

    arguments.samples.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(POINTS[: arguments.points]):
        file = arguments.samples / f"point_{'_'.join(map(str, point))}.json"
        if not file.exists():
            frozen = freeze(point, number, arguments)
            file.write_text(
                json.dumps([toy(frozen, point, number, index, arguments) for index in range(arguments.toys)])
            )
        rows += json.loads(file.read_text())
        print(point, json.dumps(spread([row for row in rows if row["masses"] == list(point)], "with")), flush=True)
    summary = {
        "background_per_box": arguments.size,
        "signal_per_box": arguments.signal,
        "cut": CUT,
        "fits": len(rows),
        "failed": sum("with" not in row for row in rows),
        "cpu_seconds_per_fit": float(np.median([row.get("cpu_seconds", np.nan) for row in rows])),
        "goodness_below_0.01": float(np.mean([row["p_value"] < 0.01 for row in rows if "p_value" in row])),
        "with_acceptance": spread(rows, "with"),
        "without_acceptance": spread(rows, "without"),
        "points": [
            {
                "masses": list(point),
                "with_acceptance": spread([row for row in rows if row["masses"] == list(point)], "with"),
                "without_acceptance": spread([row for row in rows if row["masses"] == list(point)], "without"),
            }
            for point in POINTS[: arguments.points]
        ],
    }
    arguments.result.write_text(json.dumps(stamped(summary, seed=arguments.seed), indent=1) + "\n")
    draw(summary, arguments.result.with_suffix(".png"))
    print(json.dumps({key: value for key, value in summary.items() if key != "points"}, indent=1))


def freeze(point: tuple[int, int, int], number: int, arguments: argparse.Namespace) -> Frozen:
    """Train a CWoLa score on a box with signal of these masses, fold by fold, as the analysis does."""
    masses = (float(point[0]), float(point[1]), float(point[2]))
    sample = arguments.samples / f"signal_{'_'.join(map(str, point))}.parquet"
    if not sample.exists():
        bumphunt.simulation.simulate_sample(
            sample,
            background=0,
            signal=arguments.simulated,
            masses=masses,
            seed=7000 + number,
            workers=arguments.workers,
        )
    signal = pd.read_parquet(sample)
    labelled = bumphunt.read_events(arguments.events)
    background = labelled[~bumphunt.events.truth_labels(labelled)].sample(arguments.size, random_state=arguments.seed)
    columns = [name for name in background.columns if name in signal.columns and name != "label"]
    box = pd.concat([background[columns], signal[columns].iloc[: arguments.signal]])
    box = box.sample(frac=1.0, random_state=arguments.seed).reset_index(drop=True)
    config = bumphunt.AnalysisConfig()
    search = prepare_search(bumphunt.events.drop_truth(box), config, arguments.seed)
    task = min(search.tasks, key=lambda t: abs(0.5 * (t.window.low + t.window.high) - point[0]))
    names, mjj, window = list(CWOLA_FEATURES), search.mjj, task.window
    decorrelation = SmoothDecorrelation().fit(feature_matrix(search.events, names), mjj)
    lower, region, upper = window.lower_sideband(mjj), window.signal_region(mjj), window.upper_sideband(mjj)
    weights = balanced_weights(lower, region, upper, class_weight=config.cwola.class_weight)
    folds = assign_folds(len(mjj), folds=FOLDS, rng=np.random.default_rng(arguments.seed))
    models = []
    for fold in range(FOLDS):
        seen = (folds != fold) & (weights > 0)
        model = bumphunt.scores.BoostedTrees(seed=fold)
        models.append(model.fit(task.features[seen], region[seen], weights=weights[seen]))

    def features(table: pd.DataFrame) -> np.ndarray:
        return decorrelation.transform(table[names].to_numpy(float), table["mjj"].to_numpy(float))

    selection = fold_selection(models, trained_on=task.features, folds=folds, features=features)
    pool = bumphunt.read_events(arguments.pool)
    pool = pool[pool["mjj"].between(search.edges[0], search.edges[-1])]
    unseen = signal.iloc[arguments.signal :]
    return Frozen(
        selection=selection,
        edges=search.edges,
        window=window,
        growth=MassGrowth(mjj, search.mass("mj1"), search.mass("mj2")),
        background=pool[MASSES].to_numpy(float),
        background_passes=passes(selection, pool),
        signal=unseen[MASSES].to_numpy(float),
        signal_passes=passes(selection, unseen),
    )


def passes(selection: FoldSelection, table: pd.DataFrame) -> np.ndarray:
    """Return which events pass the cut of each fold, shape (folds, events)."""
    found = []
    for model, scores in zip(selection.models, selection.held_out, strict=True):
        one = FoldSelection(models=[model], held_out=[scores], features=selection.features).at(CUT)
        parts = [one(table.iloc[start : start + 100_000]) for start in range(0, len(table), 100_000)]
        found.append(np.concatenate(parts) > 0.5)
    return np.array(found)


def toy(
    frozen: Frozen, point: tuple[int, int, int], number: int, index: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Draw selected events, each event's fold by chance, and fit them."""
    rng = np.random.default_rng([arguments.seed, number, index])
    share = arguments.size / pool_size(arguments)
    drawn = []
    for masses, kept, mean in (
        (frozen.background, frozen.background_passes, share),
        (frozen.signal, frozen.signal_passes, arguments.signal / len(frozen.signal)),
    ):
        times = rng.poisson(mean, len(masses)) * kept[rng.integers(FOLDS, size=len(masses)), np.arange(len(masses))]
        drawn.append(np.repeat(masses, times, axis=0))
    mjj, mj1, mj2 = np.concatenate(drawn).T
    inside = (mjj >= frozen.edges[0]) & (mjj < frozen.edges[-1])
    mjj, mj1, mj2 = mjj[inside], mj1[inside], mj2[inside]
    spectrum = fit_spectrum(
        count(mjj, frozen.edges),
        frozen.edges,
        masked=frozen.window.masked_bins(frozen.edges, guard=1),
        window=frozen.window.bins(frozen.edges),
    )
    selected = SelectedEvents(
        mjj=mjj,
        mj1=mj1,
        mj2=mj2,
        in_window=frozen.window.signal_region(mjj),
        spectrum=spectrum,
        growth=frozen.growth,
    )
    row: dict[str, Any] = {"masses": list(point), "toy": index}
    truths = {"with": (*point, arguments.signal), "without": (*point, len(drawn[1]))}
    for kind in ("with", "without") if index < arguments.without else ("with",):
        start = time.process_time()
        try:
            fit = fit_masses(selected, table=load_signal(), select=frozen.selection.at(CUT) if kind == "with" else None)
        except FitError:
            continue
        if kind == "with":
            row |= {"cpu_seconds": time.process_time() - start, "p_value": fit.p_value}
        row[kind] = {
            name: [getattr(fit, name).stat_low, getattr(fit, name).value, getattr(fit, name).stat_high, truth]
            for name, truth in zip(QUANTITIES, truths[kind], strict=True)
        }
    return row


def pool_size(arguments: argparse.Namespace) -> int:
    """Return the number of events of the pool, without reading them."""
    import pyarrow.parquet

    return int(pyarrow.parquet.read_metadata(arguments.pool).num_rows)


def spread(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return bias, pulls and coverage of the statistical intervals."""
    found: dict[str, Any] = {}
    for name in QUANTITIES:
        values = [row[kind][name] for row in rows if kind in row]
        if not values:
            return {}
        low, value, high, truth = np.array(values, dtype=float).T
        half = np.maximum(np.where(truth > value, high - value, value - low), 1e-9)
        pull = (value - truth) / half
        found[name] = {
            "bias": round(float(np.median(value / truth - 1)), 5),
            "median_error": round(float(np.median(np.abs(value / truth - 1))), 5),
            "half_width": round(float(np.mean(0.5 * (high - low) / truth)), 5),
            "pull_mean": round(float(np.clip(pull, -8, 8).mean()), 3),
            "pull_width": round(float(np.clip(pull, -8, 8).std()), 3),
            "covered": round(float((np.abs(pull) <= 1).mean()), 3),
        }
    return {"fits": len(values), **found}


def draw(summary: dict[str, Any], file: Path) -> None:
    """Draw the mean pull at each point, with and without the acceptance."""
    from bumphunt.plots.style import new_figure, styled

    @styled
    def figure() -> Any:
        canvas = new_figure(6.5)
        panels = canvas.subplots(len(QUANTITIES), 1, sharex=True)
        ticks = np.arange(len(summary["points"]))
        for axes, name in zip(panels, QUANTITIES, strict=True):
            axes.axhspan(-1, 1, color="0.92")
            axes.axhline(0, color="0.6", linewidth=0.8)
            for kind, mark, offset in (("with_acceptance", "o", -0.08), ("without_acceptance", "s", 0.08)):
                found = [point[kind].get(name) for point in summary["points"]]
                mean = [np.nan if one is None else one["pull_mean"] for one in found]
                width = [np.nan if one is None else one["pull_width"] for one in found]
                text = "signal through the score" if kind == "with_acceptance" else "score ignored"
                axes.errorbar(ticks + offset, mean, yerr=width, fmt=mark, markersize=4, capsize=2, label=text)
            axes.set_ylabel(name, fontsize=10, loc="center")
            axes.set_ylim(-5, 5)
        panels[0].legend(loc="upper left", ncols=2, fontsize=9)
        panels[-1].set_xticks(
            ticks, ["/".join(map(str, p["masses"])) for p in summary["points"]], rotation=30, fontsize=8
        )
        panels[0].set_title("Pulls: mean and width", fontsize=10)
        return canvas

    figure().savefig(file, dpi=110)


if __name__ == "__main__":
    main()
