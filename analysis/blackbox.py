"""Analyse a black box as any user would, beside the procedure of Vaupotič's report and, where it is known, the truth.

    python analysis/blackbox.py data/blackbox.parquet --output out/blackbox --workers 2

The report's procedure (figures 19 to 21 there): train its autoencoder on everything, keep events of 3.6 to 4 TeV,
take the N most anomalous, and average the position of each mass histogram's maximum over 100 <= N <= 1300. It
used z there, chosen after looking, though log sigma^2 had been the better one on the test data; here both are followed
in both directions, since which one "looks right" is part of the procedure.
"""

import argparse
import json
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from panels import BLUE, COLOURS, RED, limits, new_figure, styled, variables
from records import FEATURES, MASSES, SYMBOLS, Findings, Settings, perform

import bumphunt
from bumphunt.plots import peak_scan as draw_peak_scan

INPUTS = ("box",)
REGION = (3600.0, 4000.0)
TAKEN = (100, 1300)
BINS = {"mjj": 50.0, "mj1": 20.0, "mj2": 10.0}
WAYS = {"z, high end": ("z", 1), "z, low end": ("z", -1), "log σ², high end": ("log_var", 1),
        "log σ², low end": ("log_var", -1)}  # fmt: skip
ANSWERS = ("m_resonance", "m_x", "m_y", "n_signal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path, nargs="?", default=Path("data/blackbox.parquet"))
    parser.add_argument("--output", type=Path, default=Path("out/blackbox"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()

    result = bumphunt.run_analysis(
        arguments.events, output=arguments.output, seed=arguments.seed, workers=arguments.workers
    )
    print(result)
    settings = Settings(
        box=arguments.events, box_run=arguments.output, output=arguments.output / "praktikum",
        seed=arguments.seed, workers=arguments.workers,
    )  # fmt: skip
    if in_region(arguments.events) < 100:
        print("too few events between 3.6 and 4 TeV for Vaupotič's procedure")
        return
    record = perform(import_module("blackbox"), settings)
    print(f"\n{'':12} {'Vaupotič':>18} {'package':>16} {'truth':>8} {'pull':>6}")
    for name in ANSWERS:
        print(row(name, record["numbers"], result))


def in_region(events: Path) -> int:
    mjj = bumphunt.read_events(events)["mjj"].to_numpy(dtype=float)
    return int(((mjj > REGION[0]) & (mjj < REGION[1])).sum())


def row(name: str, numbers: dict[str, Any], result: bumphunt.results.AnalysisResult) -> str:
    """Return one line: Vaupotič's way, the package's answer, truth, and their distance in intervals."""
    way = numbers["seed"][numbers["followed"]]
    seed = way.get(name)
    interval, value = getattr(result.answers, name), (numbers["truth"] or {}).get(name)
    text = f"{name:12} {'-' if seed is None else f'{seed[0]:.0f} ± {seed[1]:.0f}':>18} "
    text += f"{'not given' if interval is None else str(interval):>16} "
    if value is None:
        return text
    text += f"{value:8.0f} "
    return text if interval is None else f"{text}{pull([interval.low, interval.value, interval.high], value):6.2f}"


def pull(interval: list[float], truth: float) -> float:
    """Return how far the answer is from the truth, in units of its interval on that side."""
    low, value, high = interval
    return (value - truth) / (high - value if truth > value else value - low)


def analysed(settings: Settings) -> bumphunt.results.AnalysisResult | None:
    """Return the package's answers where a run of this box is there, as ``make run`` leaves one; None otherwise."""
    finished = settings.box_run / "result.json"
    if not finished.exists():
        return None
    found = bumphunt.results.AnalysisResult.from_dict(json.loads(finished.read_text("utf-8")))
    return found if found.input["sha256"] == sha256(settings.box.read_bytes()).hexdigest() else None


def truth_of(events: Path) -> dict[str, float] | None:
    """Return the truth beside a box; it is read after the answers stand."""
    path = events.with_name(f"{events.stem}_truth.json")
    if not path.exists():
        return None
    truth = json.loads(path.read_text("utf-8"))
    return {**dict(zip(ANSWERS, truth["masses"] or [], strict=False)), "n_signal": truth["n_signal"]}


def run(settings: Settings) -> Findings:
    events = bumphunt.events.drop_truth(bumphunt.read_events(settings.box))
    if settings.quick:
        events = events.iloc[:20_000]
    names = [name for name in FEATURES if name in events]
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=names).fit(events[names])
    unit = front_end.transform(events[names])
    model = bumphunt.scores.VariationalAutoencoder(epochs=settings.pick(2, None), seed=settings.seed).fit(unit)
    scores = bumphunt.scores.latent_scores(model, unit)
    mjj = events["mjj"].to_numpy(dtype=float)
    inside = (mjj > REGION[0]) & (mjj < REGION[1])
    taken = settings.pick((20, 200), TAKEN)
    values = {name: events[name].to_numpy(dtype=float)[inside] for name in MASSES}
    scans, numbers = {}, {}
    for way, (name, sign) in WAYS.items():
        scans[way] = bumphunt.masses.peak_scan(sign * scores[name][inside], values, bin_widths=BINS, take=taken)
        numbers[way] = dict(
            zip(ANSWERS, zip(scans[way].mean.tolist(), scans[way].spread.tolist(), strict=True), strict=False)
        )
    followed = blind_way(scores, mjj)
    name, sign = WAYS[followed]
    order = np.flatnonzero(inside)[np.argsort(-sign * scores[name][inside], kind="stable")]
    package = None
    if not settings.quick and (result := analysed(settings)) is not None:
        answers = result.answers
        package = {
            "status": answers.status, "z_global": answers.z_global,
            **{key: [one.low, one.value, one.high] for key in ANSWERS if (one := getattr(answers, key))},
        }  # fmt: skip
    truth = truth_of(settings.box)
    if truth and package:
        package["pulls"] = {key: pull(package[key], truth[key]) for key in ANSWERS if package.get(key)}
    number = settings.pick(100, 1000)
    figures = {
        "fig19_blackbox_masses": masses(events, order, settings),
        "fig20_peak_positions": draw_peak_scan(
            scans[followed], truth=None if truth is None else dict(zip(MASSES, truth.values(), strict=False))
        )[0],
        "fig20b_four_ways": four_ways(scans, truth),
        "fig21_selected": variables(
            {f"{number} most anomalous": events.iloc[order[:number]], "all in 3.6–4 TeV": events.iloc[order]},
            [*names[::2], *names[1::2]], bins=30,
        ),
    }  # fmt: skip
    return Findings(
        {"events": len(events), "inside": int(inside.sum()), "seed": numbers, "followed": followed,
         "package": package, "truth": truth},
        figures,
    )  # fmt: skip


def blind_way(scores: dict[str, np.ndarray], mjj: np.ndarray) -> str:
    """Return z with the end that the signal region prefers to its sidebands: what Vaupotič did by eye."""
    in_sr = (mjj > REGION[0]) & (mjj < REGION[1])
    in_sb = ~in_sr & (mjj > REGION[0] - 400) & (mjj < REGION[1] + 600)
    return "z, high end" if bumphunt.scores.orient(scores["z"], in_sr, in_sb) > 0 else "z, low end"


@styled
def masses(events: pd.DataFrame, order: np.ndarray, settings: Settings) -> object:
    taken = settings.pick((50, 200), (300, 1000, 3000))
    figure = new_figure(1.5 * len(taken) + 0.5, width=8.0)
    grid = figure.subplots(len(taken), 3, sharex="col")
    for row_, number in enumerate(taken):
        for column, name in enumerate(MASSES):
            axes = grid[row_, column]
            low, high = REGION if name == "mjj" else limits(name, events[name].to_numpy())
            edges = np.linspace(low, high, 41)
            axes.stairs(np.histogram(events[name].to_numpy()[order[:number]], edges)[0], edges, color=BLUE, fill=True,
                        alpha=0.35)  # fmt: skip
            axes.set_xlim(low, high)
            axes.tick_params(labelsize=9)
            if row_ == len(taken) - 1:
                axes.set_xlabel(SYMBOLS[name])
        grid[row_, 0].set_ylabel(f"N = {number}\nEvents / bin", fontsize=9.5)
    return figure


@styled
def four_ways(scans: dict[str, Any], truth: dict[str, float] | None) -> object:
    """Draw the estimate of each way to choose score and end, with its spread, and the truth."""
    figure = new_figure(2.8, width=8.0)
    for column, axes in enumerate(figure.subplots(1, 3, sharey=True)):
        for place, (way, found) in enumerate(scans.items()):
            axes.errorbar(found.mean[column], place, xerr=found.spread[column], fmt="o", capsize=3,
                          color=COLOURS[place], label=way)  # fmt: skip
        if truth is not None:
            axes.axvline(list(truth.values())[column], color=RED, linestyle=":", label="Truth")
        axes.set_xlabel(SYMBOLS[MASSES[column]])
        axes.set_yticks(range(len(scans)), list(scans), fontsize=9)
        axes.tick_params(axis="y", which="both", left=False, right=False)
        axes.set_ylim(len(scans) - 0.4, -0.6)
    if truth is not None:
        handles, texts = axes.get_legend_handles_labels()
        axes.legend([handles[texts.index("Truth")]], ["Truth"], fontsize=9)
    return figure


if __name__ == "__main__":
    main()
