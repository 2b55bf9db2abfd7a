"""An autoencoder as anomaly detector and as monitor of data quality (Pedro).

    python analysis/studies.py --only monitor

It learns to rebuild ordinary events. Is a resonance never seen rebuilt worse? That depends on the width of the latent
space: jets of a resonance are simpler than those of QCD, and a network that is good enough rebuilds them as well or
better. Faults of a detector are looked for in the mean error of runs of a thousand events, beside what the largest
Kolmogorov distance of a single variable sees.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from panels import BLUE, GREY, RED, legend, new_figure, styled
from records import FEATURES, Findings, Settings, labelled

import bumphunt
from bumphunt.plots import score_distribution as draw_scores

INPUTS = ("sample",)


def run(settings: Settings) -> Findings:
    n_train, per_run, n_runs = settings.pick((3000, 100, 12), (60_000, 1000, 40))
    n_signal = settings.pick(400, 10_000)
    events, truth = labelled(settings, background=n_train + 2 * per_run * n_runs, signal=n_signal)
    names = [name for name in FEATURES if name in events]
    good, strange = events[names][~truth].astype(float), events[names][truth].astype(float)
    learned, reference = good[:n_train], good[n_train : n_train + per_run * n_runs]
    taken = good[n_train + per_run * n_runs :].reset_index(drop=True)
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=names).fit(learned)
    unit = front_end.transform(learned)
    models = {
        dimension: bumphunt.scores.Autoencoder(
            latent_dim=dimension, optimizer="adam", learning_rate=1e-3, epochs=settings.pick(4, 25), batch_size=500,
            seed=settings.seed,
        ).fit(unit)
        for dimension in (1, 3)
    }  # fmt: skip

    def error(rows: pd.DataFrame, dimension: int = 3) -> np.ndarray:
        return models[dimension].anomaly_score(front_end.transform(rows))

    normal = error(reference)
    scores = {name: np.concatenate([error(reference, name), error(strange, name)]) for name in models}
    flags = np.repeat([0, 1], [len(normal), len(strange)])
    rng = np.random.default_rng(settings.seed)
    faults = defects(rng)
    runs, labels = [], []
    starts = np.linspace(n_runs // 4, n_runs - 2, len(faults)).astype(int)
    plan = {int(start): name for start, name in zip(starts, faults, strict=True)}
    for number in range(n_runs):
        part = taken.iloc[number * per_run : (number + 1) * per_run].copy()
        fault = plan.get(number)
        runs.append(error(part if fault is None else faults[fault](part)))
        labels.append(fault)
    centre, spread = normal.mean(), normal.std() / np.sqrt(per_run)
    pulls = np.array([(one.mean() - centre) / spread for one in runs])
    fine = np.array([label is None for label in labels])
    numbers = {
        "trained_on": n_train,
        "events_in_a_run": per_run,
        "auc_signal": {str(name): bumphunt.scores.roc(score, flags).auc for name, score in scores.items()},
        "good_runs": int(fine.sum()),
        "good_run_pull_width": float(pulls[fine].std()),
        "good_run_largest_pull": float(np.abs(pulls[fine]).max()),
        "faults": {label: float(value) for label, value in zip(labels, pulls, strict=True) if label},
        # what checking every variable by itself would see: the largest KS distance in units of its 5 % level
        "faults_by_variable": {
            name: largest_ks(reference, fault(taken.iloc[:per_run].copy())) for name, fault in faults.items()
        },
    }
    return Findings(
        numbers,
        {
            "monitor_scores": draw_scores(
                bumphunt.scores.score_distribution(np.log10(scores[1]), flags),
                label="log10 of the reconstruction error, one latent dimension",
            )[0],
            "monitor_runs": run_chart(pulls, labels),
        },
    )


Fault = Callable[[pd.DataFrame], pd.DataFrame]


def defects(rng: np.random.Generator) -> dict[str, Fault]:
    """Return faults of a detector, each a change of a run's events."""

    def energy_scale(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(mj1=1.08 * rows["mj1"], mj2=1.08 * rows["mj2"])

    def dead_sector(rows: pd.DataFrame) -> pd.DataFrame:
        hit = rng.random(len(rows)) < 0.15
        return rows.assign(mj1=np.where(hit, 0.5 * rows["mj1"], rows["mj1"]))

    def noisy_cells(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(
            tau21_1=np.clip(rows["tau21_1"] + np.abs(0.08 * rng.standard_normal(len(rows))), 0, 1),
            tau32_1=np.clip(rows["tau32_1"] + np.abs(0.08 * rng.standard_normal(len(rows))), 0, 1),
        )

    def mixed_up(rows: pd.DataFrame) -> pd.DataFrame:
        # every variable keeps its distribution; only which belongs to which event is lost
        hit = rng.random(len(rows)) < 0.2
        shuffled = rows["tau21_1"].to_numpy().copy()
        shuffled[hit] = rng.permutation(shuffled[hit])
        return rows.assign(tau21_1=shuffled)

    return {
        "scale + 8 %": energy_scale,
        "dead sector": dead_sector,
        "noisy cells": noisy_cells,
        "events mixed up": mixed_up,
    }


def largest_ks(reference: pd.DataFrame, rows: pd.DataFrame) -> float:
    from scipy import stats

    level = 1.358 * np.sqrt(1 / len(reference) + 1 / len(rows))
    return float(max(stats.ks_2samp(reference[name], rows[name]).statistic for name in rows) / level)


@styled
def run_chart(pulls: np.ndarray, labels: list[str | None]) -> object:
    figure = new_figure(3.6, width=7.5)
    axes = figure.add_subplot()
    places = np.arange(1, len(pulls) + 1)
    fine = np.array([label is None for label in labels])
    axes.axhspan(-3, 3, color=GREY, alpha=0.15, linewidth=0, label="Within 3 standard errors")
    axes.plot(places[fine], pulls[fine], "o", color=BLUE, markersize=4, label="Good run")
    axes.plot(places[~fine], pulls[~fine], "s", color=RED, markersize=6, label="Faulty run")
    for place, value, label in zip(places, pulls, labels, strict=True):
        if label is not None:
            axes.annotate(label, (place, value), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=10)
    axes.set_yscale("symlog", linthresh=4)
    top = 4 * max(10.0, float(pulls.max()))
    axes.set_ylim(-8, top)
    axes.set_yticks([level for level in (-5, -3, -1, 0, 1, 3, 5, 10, 30, 100, 300, 1000) if level < top])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_xlim(-1, len(pulls) + 4)  # room for the name of a fault in the last runs
    axes.set_xlabel("Run number")
    axes.set_ylabel("Mean error, standard errors from normal")
    legend(axes, loc="upper left")
    return figure
