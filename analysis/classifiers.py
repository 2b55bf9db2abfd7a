"""Decision tree, boosted trees and networks on labelled jets: what the other lectures teach, repeated here.

    python analysis/studies.py --only classifiers

Documents 000 (trees, log loss, ROC, permutation importance), 001 (a searched selu network), 003 (scaled, rotated and
balanced network) and 004 (focal loss, adversarial training). All train on truth and are references only.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from panels import BLUE, RED, new_figure, styled
from records import FEATURES, Findings, Settings, labelled

import bumphunt
from bumphunt.plots import classifier_history, learning_curve
from bumphunt.plots import importance as draw_importance
from bumphunt.plots import robustness as draw_robustness
from bumphunt.plots import roc as draw_roc
from bumphunt.plots import score_distribution as draw_scores
from bumphunt.scores.supervised.adversarial import fgsm, mismodelled

INPUTS = ("sample",)
EPSILON = 0.01


def run(settings: Settings) -> Findings:
    n_background, n_signal = settings.pick((3000, 800), (60_000, 20_000))
    events, truth = labelled(settings, background=n_background, signal=n_signal)
    names = [name for name in FEATURES if name in events]
    rows = events[names].astype(float)
    half = len(rows) // 2
    train, test = (rows[:half], truth[:half]), (rows[half:], truth[half:])
    epochs = settings.pick(4, 60)
    recipe = {"epochs": epochs, "batch_size": settings.pick(100, 200), "seed": settings.seed}
    models: dict[str, Any] = {
        "decision tree": bumphunt.scores.DecisionTree(),
        "boosted trees": bumphunt.scores.SupervisedTrees(max_iter=settings.pick(30, 150), seed=settings.seed),
        "network": bumphunt.scores.MlpClassifier(**recipe),
        "network, focal loss": bumphunt.scores.MlpClassifier(loss="focal", **recipe),
        "network, adversarial": bumphunt.scores.MlpClassifier(fgsm_epsilon=EPSILON, **recipe),
        "searched network": bumphunt.scores.MlpClassifier(
            width=settings.pick(32, 128), depth=3, step=0, activation="selu", optimizer="nadam", dropout=0.1,
            epochs=settings.pick(3, 15), batch_size=settings.pick(100, 500), seed=settings.seed,
        ),
    }  # fmt: skip
    scores = {name: model.fit(*train).anomaly_score(test[0]) for name, model in models.items()}
    masses = ["mj1", "mj2"]
    few = bumphunt.scores.SupervisedTrees(max_iter=settings.pick(30, 150), seed=settings.seed).fit(
        train[0][masses], train[1]
    )
    scores["trees, masses only"] = few.anomaly_score(test[0][masses])
    importance = {
        name: bumphunt.scores.permutation_importance(
            models[name], *test, repeats=settings.pick(2, 5), seed=settings.seed
        )
        for name in ("boosted trees", "network")
    }
    rng = np.random.default_rng(settings.seed)
    shifts = {
        "scale + 2 %": mismodelled(test[0], scale=1.02, rng=rng),
        "smear 0.1 σ": mismodelled(test[0], smear=0.1, rng=rng),
    }
    robust = bumphunt.scores.robustness(
        *train, test, shifts=shifts, epsilon=EPSILON, seeds=(0,) if settings.quick else (0, 1, 2),
        model=bumphunt.scores.MlpClassifier(epochs=settings.pick(3, 20), batch_size=settings.pick(100, 500)),
    )  # fmt: skip
    sizes = settings.pick((400, 1200), (500, 2000, 8000, 32_000))
    growth = bumphunt.scores.learning_curve(
        lambda seed: bumphunt.scores.SupervisedTrees(max_iter=settings.pick(20, 60), members=1, seed=seed),
        *train,
        test,
        sizes=sizes,
        repeats=2,
        seed=settings.seed,
    )
    fooled = models["network"].anomaly_score(fgsm(models["network"], *test, epsilon=EPSILON))
    found = {name: judge(score, test[1]) for name, score in scores.items()}
    for name in ("network, focal loss",):
        del found[name]["log_loss"]  # its output is no probability
    del found["trees, masses only"]["log_loss"]
    numbers = {
        "training_events": half,
        "test_events": len(test[1]),
        "guess_log_loss": float(np.log(2)),
        "models": found,
        "attacked_auc": bumphunt.scores.roc(fooled, test[1]).auc,
        "epsilon": EPSILON,
        "network_parameters": parameters(len(names), models["network"].widths),
        "best_epoch": models["network"].best_epoch_,
        "importance": {name: dict(zip(one.names, one.mean.tolist(), strict=True)) for name, one in importance.items()},
        "robustness": {
            name: {
                "auc_plain": float(np.median(robust.auc_plain[:, i])),
                "auc_adversarial": float(np.median(robust.auc_fgsm[:, i])),
                "log_loss_plain": float(np.median(robust.log_loss_plain[:, i])),
                "log_loss_adversarial": float(np.median(robust.log_loss_fgsm[:, i])),
            }
            for i, name in enumerate(robust.samples)
        },
        "learning_curve": dict(zip(map(str, sizes), growth.test.mean(axis=1).tolist(), strict=True)),
    }
    order = ("decision tree", "boosted trees", "network", "searched network", "trees, masses only")
    losses = {name: scores[name] for name in ("network", "network, focal loss", "network, adversarial")}
    return Findings(
        numbers,
        {
            "classifiers_tree": tree_boxes(train[0], train[1]),
            "classifiers_roc": draw_roc({name: bumphunt.scores.roc(scores[name], test[1]) for name in order})[0],
            "classifiers_losses_roc": draw_roc({name: bumphunt.scores.roc(s, test[1]) for name, s in losses.items()})[
                0
            ],
            "classifiers_scores": draw_scores(
                bumphunt.scores.score_distribution(models["network"].probability(test[0]), test[1], limits=(0, 1)),
                label="Probability of being signal, by the network",
            )[0],
            "classifiers_history": classifier_history(models["network"].history_)[0],
            "classifiers_importance_trees": draw_importance(importance["boosted trees"])[0],
            "classifiers_importance_network": draw_importance(importance["network"])[0],
            "classifiers_robustness": draw_robustness(robust)[0],
            "classifiers_learning": learning_curve(growth)[0],
            "classifiers_focal": focal_curves(),
        },
    )


def judge(score: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    loss = bumphunt.scores.log_loss(score, truth, balanced=True)
    improvement = bumphunt.scores.significance_improvement(score, truth)
    return {
        "auc": bumphunt.scores.roc(score, truth).auc,
        "log_loss": loss.value,
        "log_loss_error": loss.error,
        "max_sic": improvement.max_sic,
    }


def parameters(inputs: int, widths: tuple[int, ...]) -> int:
    """Return the weights and biases of a dense network with one output: n m + m a layer."""
    layers = [inputs, *widths, 1]
    return sum(before * after + after for before, after in pairwise(layers))


@styled
def tree_boxes(rows: pd.DataFrame, truth: np.ndarray) -> object:
    """Draw a tree of two questions: question, Gini coefficient, events and classes in each box."""
    from sklearn.tree import plot_tree

    from bumphunt.plots.marks import FEATURES

    # unlike the reference, every event counts the same here, so that boxes show plain numbers of events
    tree = bumphunt.scores.DecisionTree(max_depth=2, balanced=False).fit(rows, truth).tree_
    figure = new_figure(4.2, width=8.5)
    axes = figure.add_subplot()
    plot_tree(
        tree,
        feature_names=[FEATURES.get(name, name) for name in rows.columns],
        class_names=["background", "signal"],
        filled=True,
        impurity=True,
        ax=axes,
        fontsize=8,
        precision=3,
    )
    return figure


@styled
def focal_curves() -> object:
    """Draw log loss and focal loss of a signal event against the probability it is given."""
    from bumphunt.scores.losses import focal_loss, log_loss

    probability = np.linspace(0.005, 0.999, 300)
    odds = np.log(probability / (1 - probability))
    ones = np.ones_like(odds)
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    axes.plot(probability, np.asarray(log_loss(ones, odds)), color=BLUE, label="Log loss")
    for gamma, style in ((1.0, "--"), (2.0, "-"), (5.0, ":")):
        values = np.asarray(focal_loss(ones, odds, gamma=gamma))
        axes.plot(probability, values, style, color=RED, label=rf"Focal loss, $\gamma={gamma:g}$")
    axes.set_xlabel("Probability given to the right class")
    axes.set_ylabel("Loss [nats]")
    axes.set_ylim(0, 4)
    axes.legend()
    return figure
