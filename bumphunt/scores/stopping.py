"""When to stop training a classifier of weak supervision: quantities that know regions of mjj, never truth."""

import numpy as np

from bumphunt.errors import ConfigError
from bumphunt.events import FloatArray
from bumphunt.scores.latent import FRACTIONS, argos
from bumphunt.scores.protocol import Validation

CRITERIA = ("argos", "log_loss")

_MIN_TEMPLATE = 25


def check_criterion(name: str) -> None:
    """Refuse a criterion that does not exist.

    Raises
    ------
    ConfigError
        If the name is not among :data:`CRITERIA`.
    """
    if name not in CRITERIA:
        raise ConfigError(f"criterion is {name!r}; choose one of {', '.join(CRITERIA)}")


def criterion_value(name: str, score: FloatArray, validation: Validation) -> float:
    """Return how good a score is on events that did not train it; lower is better.

    Parameters
    ----------
    name : {"argos", "log_loss"}
        Minus the largest ARGOS (arXiv:2511.14832), which looks at the anomalous end alone: what is
        wanted, but noisy (without signal its standard deviation is the same at every cut). Or the weighted
        log loss of signal region against sidebands, all events together: smooth, but a rare signal
        hardly moves it, and training tends to end before that signal is learned.
    score : array of shape (events,)
        Log-odds of the signal region for the events of ``validation``.
    validation : Validation
        Their regions and weights.
    """
    check_criterion(name)
    return _log_loss(score, validation) if name == "log_loss" else -_best_argos(score, validation)


def _log_loss(score: FloatArray, validation: Validation) -> float:
    # log(1 + exp(∓score)), written so that neither end overflows
    loss = np.logaddexp(0.0, np.where(validation.positive, -score, score))
    return float(np.average(loss, weights=validation.weights))


def _best_argos(score: FloatArray, validation: Validation) -> float:
    region, template = validation.positive, ~validation.positive
    usable = [f for f in FRACTIONS if f * np.count_nonzero(validation.weights[template]) >= _MIN_TEMPLATE] or [0.5]
    # Both regions from the anomalous end: weighted efficiencies of the cut at every event.
    efficiencies = []
    order = np.argsort(-score, kind="stable")
    for part in (region, template):
        passing = np.cumsum(np.where(part, validation.weights, 0.0)[order])
        efficiencies.append(passing / passing[-1])
    ordered = score[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    in_region, in_template = (efficiency[last_of_ties] for efficiency in efficiencies)
    cuts = np.minimum(np.searchsorted(in_template, usable, side="left"), len(in_template) - 1)
    return float(argos(in_region[cuts], in_template[cuts]).max())
