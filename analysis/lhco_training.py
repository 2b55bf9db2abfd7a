"""How optimiser and learning rate decide what Vaupotič's autoencoder sees (figure 10 of that report).

    python analysis/studies.py --only lhco_training

AUC against the epoch, with truth, on events that did not train, for two optimisers, three learning rates and both
fractions of signal.
"""

import numpy as np
import pandas as pd
from lhco_truth import RATIOS, best_end, sample
from panels import COLOURS, GREY, legend, new_figure, styled
from records import FEATURES, Findings, Settings

import bumphunt

INPUTS = ("sample",)
RATES = (0.005, 0.001, 0.0005)
OPTIMIZERS = ("adam", "adadelta")


def run(settings: Settings) -> Findings:
    events, truth = sample(settings)
    curves = scan_training(events[[name for name in FEATURES if name in events]], truth, settings)
    numbers = {
        f"{ratio}, {optimizer}, {rate:g}": {
            name: {"best": float(np.max(values)), "last": float(values[-1]), "swing": float(np.ptp(values[-5:]))}
            for name, values in found.items()
            if name != "epoch"
        }
        for (ratio, optimizer, rate), found in curves.items()
    }
    return Findings(numbers, {"fig10_training": training_curves(curves)})


def scan_training(
    events: pd.DataFrame, truth: np.ndarray, settings: Settings
) -> dict[tuple[str, str, float], dict[str, list[float]]]:
    """Train with each optimiser and rate, and return the AUC against the epoch, on events that did not train.

    Either end of a score counts as the anomalous one, as in the report: an AUC below one half is turned round.
    """
    number = settings.pick(1500, 25_000)
    signal, background = np.flatnonzero(truth), np.flatnonzero(~truth)
    test = np.concatenate([signal[-settings.pick(200, 2000) :], background[-settings.pick(500, 6000) :]])
    found = {}
    for text, ratio in RATIOS.items():
        rows = np.concatenate([background[:number], signal[: max(round(ratio * number), 1)]])
        front_end = bumphunt.preprocessing.QuantileFrontEnd().fit(events.iloc[rows])
        unit, looked_at = front_end.transform(events.iloc[rows]), front_end.transform(events.iloc[test])
        for optimizer in OPTIMIZERS:
            for rate in RATES[: settings.pick(1, 3)]:
                kept = bumphunt.scores.EpochScores(looked_at, every=settings.pick(1, 4))
                bumphunt.scores.VariationalAutoencoder(
                    optimizer=optimizer, learning_rate=rate, batch_size=500, epochs=settings.pick(2, 100),
                    seed=settings.seed,
                ).fit(unit, on_epoch=kept)  # fmt: skip
                areas = {
                    name: [
                        bumphunt.scores.roc(best_end(score, truth[test]), truth[test]).auc
                        for score in kept.scores[name]
                    ]
                    for name in ("z2", "log_var")
                }
                found[(text, optimizer, rate)] = {"epoch": list(kept.epochs), **areas}
    return found


@styled
def training_curves(curves: dict[tuple[str, str, float], dict[str, list[float]]]) -> object:
    figure = new_figure(5.2, width=8.0)
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, ratio in enumerate(RATIOS):
        for column, optimizer in enumerate(OPTIMIZERS):
            axes = grid[row, column]
            rates = [rate for text, name, rate in curves if (text, name) == (ratio, optimizer)]
            for rate, colour in zip(rates, COLOURS, strict=False):
                found = curves[(ratio, optimizer, rate)]
                axes.plot(found["epoch"], found["z2"], "--", color=colour)
                axes.plot(found["epoch"], found["log_var"], "-", color=colour, label=rf"$\beta={rate:g}$")
            axes.set_ylim(0.48, 1.0)
            axes.set_title(f"{optimizer.capitalize()}, S/B = {ratio}", fontsize=10)
    grid[0, 0].plot([], [], "--", color=GREY, label="$z^2$")
    grid[0, 0].plot([], [], "-", color=GREY, label=r"$\log\sigma^2$")
    legend(grid[0, 0])
    for axes in grid[1]:
        axes.set_xlabel("Epoch")
    for axes in grid[:, 0]:
        axes.set_ylabel("AUC")
    return figure
