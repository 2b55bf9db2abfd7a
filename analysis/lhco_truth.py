"""Vaupotič's test data: 10 % and 0.1 % of signal, with truth (figures 7 to 9 and 11 to 13 of that report).

    python analysis/studies.py --only lhco_truth

Trains the report's variational autoencoder without truth and judges it with truth. In full mode the
package's own analysis also runs on the sample with 0.1 % of signal.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from panels import BLACK, BLUE, GREY, RED, TRUTH, legend, limits, new_figure, styled, variables
from records import FEATURES, MASSES, SYMBOLS, Findings, Settings

import bumphunt
from bumphunt.plots import roc as draw_roc

INPUTS = ("sample",)
RATIOS = {"10 %": 0.1, "0.1 %": 0.001}
SCORES = {"z": "z", "z2": "z²", "log_var": "log σ²"}
REGION = (3300.0, 3700.0)


def run(settings: Settings) -> Findings:
    events, truth = sample(settings)
    names = [name for name in FEATURES if name in events]
    figures: dict[str, Any] = {}
    numbers: dict[str, Any] = {"background": int((~truth).sum())}
    for number, (text, ratio) in zip((7, 8), RATIOS.items(), strict=True):
        chosen, flags = mixed(events, truth, ratio)
        figures[f"fig{number:02d}_structure"] = structure(chosen, flags, text)
    figures["fig09_mjj"] = mass_range({text: mixed(events, truth, ratio) for text, ratio in RATIOS.items()})
    scored = {text: classify(*mixed(events, truth, ratio), names, settings, numbers) for text, ratio in RATIOS.items()}
    figures["fig11_latent"] = latent(scored)
    for number, (text, (_, flags, scores)) in zip("ab", scored.items(), strict=True):
        rocs = {name: bumphunt.scores.roc(best_end(scores[name], flags), flags) for name in SCORES}
        figures[f"fig12{number}_roc"] = draw_roc({SCORES[name]: found for name, found in rocs.items()})[0]
        numbers[text]["auc"] = {name: found.auc for name, found in rocs.items()}
        numbers[text]["max_sic"] = {
            name: bumphunt.scores.significance_improvement(best_end(scores[name], flags), flags).max_sic
            for name in SCORES
        }
        best = max(rocs, key=lambda name, rocs=rocs: rocs[name].auc)
        numbers[text]["best"] = SCORES[best]
        chosen, score = scored[text][0], best_end(scores[best], flags)
        title = f"S/B = {text}, most anomalous in {SCORES[best]}"
        figures[f"fig13{number}_masses"] = more_events(chosen, flags, score, title, settings)
        numbers[text]["peaks"] = peaks(chosen, score, settings)
    if not settings.quick:
        numbers["package"] = package(*mixed(events, truth, RATIOS["0.1 %"]), settings)
    return Findings(numbers, figures)


def sample(settings: Settings) -> tuple[pd.DataFrame, np.ndarray]:
    """Return labelled events in random order, without truth, and their truth."""
    events = pd.read_parquet(settings.sample)
    truth = bumphunt.events.truth_labels(events)
    order = np.random.default_rng(settings.seed).permutation(len(events))[: settings.pick(9000, len(events))]
    return bumphunt.events.drop_truth(events.iloc[order].reset_index(drop=True)), truth[order]


def mixed(events: pd.DataFrame, truth: np.ndarray, ratio: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Return all background and the first signal events, so that S/B is as asked for (at least 20 events)."""
    wanted = max(round(ratio * (~truth).sum()), 20)
    kept = ~truth
    kept[np.flatnonzero(truth)[:wanted]] = True
    return events[kept].reset_index(drop=True), truth[kept]


def structure(events: pd.DataFrame, truth: np.ndarray, text: str) -> object:
    names = [name for name in FEATURES if name in events]
    background, signal = events[~truth], events[truth]
    small = truth.mean() < 0.02
    return variables(
        {"background": background, "signal": signal}, [*names[::2], *names[1::2]], density=False, marks=TRUTH,
        second_axis="signal" if small else None, title=f"S/B = {text}",
    )  # fmt: skip


@styled
def mass_range(samples: dict[str, tuple[pd.DataFrame, np.ndarray]]) -> object:
    figure = new_figure(3.4, width=8.0)
    edges = np.linspace(3000, 4000, 51)
    for axes, (text, (events, truth)) in zip(figure.subplots(1, 2), samples.items(), strict=True):
        counts, signal = (np.histogram(events["mjj"][flags], edges)[0] for flags in (truth | True, truth))
        axes.stairs(counts, edges, color=BLUE, label="All events")
        axes.stairs(signal, edges, color=RED, fill=True, alpha=0.5, label="Signal")
        axes.axvline(TRUTH["mjj"], color=GREY, linestyle=":")
        axes.set_title(f"S/B = {text}")
        axes.set_xlabel(SYMBOLS["mjj"])
        axes.set_ylabel("Events / 20 GeV")
        axes.set_xlim(3000, 4000)
        axes.set_ylim(0, 1.25 * counts.max())
        legend(axes)
    return figure


def classify(
    events: pd.DataFrame, truth: np.ndarray, names: list[str], settings: Settings, numbers: dict[str, Any]
) -> tuple[pd.DataFrame, np.ndarray, dict[str, np.ndarray]]:
    """Train on all events, return the latent scores, and note whether the blind orientation was the right one."""
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=names).fit(events[names])
    unit = front_end.transform(events[names])
    model = bumphunt.scores.VariationalAutoencoder(epochs=settings.pick(2, None), seed=settings.seed).fit(unit)
    scores = bumphunt.scores.latent_scores(model, unit)
    mjj = events["mjj"].to_numpy()
    in_sr = (mjj > REGION[0]) & (mjj < REGION[1])
    in_sb = ~in_sr & (mjj > REGION[0] - 400) & (mjj < REGION[1] + 600)
    right = {}
    for name in SCORES:
        sign = bumphunt.scores.orient(scores[name], in_sr, in_sb)
        right[name] = bool(bumphunt.scores.roc(sign * scores[name], truth).auc > 0.5)
    text = next(text for text, ratio in RATIOS.items() if (truth.mean() < 0.02) == (ratio < 0.02))
    numbers[text] = {"events": len(events), "signal": int(truth.sum()), "blind_end_right": right}
    return events, truth, scores


def best_end(score: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the score with its anomalous end up, as the report chose it: with truth."""
    return score if bumphunt.scores.roc(score, truth).auc >= 0.5 else -score


@styled
def latent(scored: dict[str, tuple[pd.DataFrame, np.ndarray, dict[str, np.ndarray]]]) -> object:
    figure = new_figure(5.0, width=8.0)
    grid = figure.subplots(2, 2)
    for row, (text, (_, truth, scores)) in enumerate(scored.items()):
        for column, name in enumerate(("z", "log_var")):
            axes = grid[row, column]
            low, high = np.quantile(scores[name], [0.0005, 0.9995])
            edges = np.linspace(low, high, 61)
            for flags, colour, kind in ((~truth, BLUE, "Background"), (truth, RED, "Signal")):
                counts = np.histogram(scores[name][flags], edges)[0] / flags.sum()
                axes.stairs(counts, edges, color=colour, label=kind, fill=True, alpha=0.3)
                axes.stairs(counts, edges, color=colour)
            axes.set_xlabel(SCORES[name])
            axes.set_title(f"S/B = {text}", fontsize=10)
        grid[row, 0].set_ylabel("Part of the events / bin")
    legend(grid[0, 0])
    return figure


@styled
def more_events(events: pd.DataFrame, truth: np.ndarray, score: np.ndarray, title: str, settings: Settings) -> object:
    """Draw the three masses of the most anomalous N events, for growing N."""
    order = np.argsort(-score, kind="stable")
    taken = settings.pick((50, 200, 800), (300, 1000, 3000, 10_000))
    figure = new_figure(1.6 * len(taken) + 0.8, width=8.4)
    grid = figure.subplots(len(taken), 3, sharex="col")
    for row, number in enumerate(taken):
        part = order[:number]
        for column, name in enumerate(MASSES):
            axes = grid[row, column]
            low, high = limits(name, events[name].to_numpy())
            edges = np.linspace(low, high, 45)
            values = events[name].to_numpy()[part]
            axes.stairs(np.histogram(values, edges)[0], edges, color=BLUE, label="Events taken")
            axes.stairs(
                np.histogram(values[truth[part]], edges)[0],
                edges,
                color=RED,
                fill=True,
                alpha=0.7,
                label="of them signal",
            )
            axes.axvline(TRUTH[name], color=BLACK, linewidth=1.3, linestyle="--", label="True mass")
            axes.set_xlim(low, high)
            axes.set_ylim(bottom=0)
            axes.tick_params(labelsize=9)
            if row == len(taken) - 1:
                axes.set_xlabel(SYMBOLS[name])
        grid[row, 0].set_ylabel(f"N = {number}\nEvents / bin", fontsize=9.5)
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=3)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def peaks(events: pd.DataFrame, score: np.ndarray, settings: Settings) -> dict[str, list[float]]:
    """Return the report's estimates: mean and spread of each histogram's maximum over a range of N."""
    found = bumphunt.masses.peak_scan(
        score, {name: events[name].to_numpy(dtype=float) for name in MASSES},
        bin_widths={"mjj": 50.0, "mj1": 20.0, "mj2": 10.0}, take=settings.pick((30, 200), (100, 1300)),
    )  # fmt: skip
    return {name: [found.mean[i], found.spread[i], TRUTH[name]] for i, name in enumerate(MASSES)}


def package(events: pd.DataFrame, truth: np.ndarray, settings: Settings) -> dict[str, Any]:
    """Return the package's own answers on the same events, analysed from a file without truth."""
    folder = Path("out/lhco_truth")
    folder.mkdir(parents=True, exist_ok=True)
    box = folder / "events.parquet"
    events.to_parquet(box, index=False)
    config = bumphunt.AnalysisConfig.model_validate({"vae": {"enabled": False}})
    found = bumphunt.run_analysis(
        box,
        output=folder / "run",
        config=config,
        seed=settings.seed,
        workers=settings.workers,
        options=bumphunt.RunOptions(resume=True),
    )
    answers = found.answers
    known = {"m_resonance": TRUTH["mjj"], "m_x": TRUTH["mj1"], "m_y": TRUTH["mj2"], "n_signal": int(truth.sum())}
    found_masses: dict[str, Any] = {"status": answers.status, "z_global": answers.z_global}
    for name, value in known.items():
        interval = getattr(answers, name)
        found_masses[name] = None if interval is None else [interval.low, interval.value, interval.high, value]
    return found_masses
