"""Which features a score relies on: what is lost when one is shuffled among the events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.rng import generator
from bumphunt.scores.protocol import AnomalyScorer, Features, check_features
from bumphunt.scores.quality import check_metric, measure

Score = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportanceResult(Result):
    """Permutation importance: one entry per feature, or group of features.

    Attributes
    ----------
    names : tuple of str
        Features, or groups.
    mean, spread : numpy.ndarray
        Fall of the metric when the feature is shuffled: mean and standard deviation over the repeats, shape
        (features,). The error of the mean is ``spread / sqrt(repeats)``.
    reference : float
        The metric with nothing shuffled.
    metric : str
        Its name.
    repeats : int
        Shuffles of each.
    """

    names: tuple[str, ...]
    mean: FloatArray
    spread: FloatArray
    reference: float
    metric: str
    repeats: int

    def __str__(self) -> str:
        order = np.argsort(-self.mean, kind="stable")
        falls = ", ".join(f"{self.names[i]} {self.mean[i]:.3f} ± {self.spread[i]:.3f}" for i in order)
        return f"{self.metric} {self.reference:.3f}; fall when shuffled: {falls}"


def permutation_importance(
    scorers: AnomalyScorer | Mapping[int, AnomalyScorer],
    features: Features,
    labels: npt.ArrayLike,
    *,
    folds: npt.ArrayLike | None = None,
    groups: Mapping[str, Sequence[str | int]] | None = None,
    metric: str = "auc",
    repeats: int = 10,
    seed: int = 0,
) -> ImportanceResult:
    """Return how much a score loses when a feature is shuffled among the events (Breiman 2001, section 10).

    Events a scorer was trained on would flatter what it learned by heart. So give one scorer with events it
    never saw, or the scorers of all folds with ``folds``: every event is then scored by the scorer that was
    trained without its fold, features are shuffled within folds, and the metric is the mean over
    folds, by their size, since models of different folds share no scale.

    Two features that tell the same are each of little importance, as the other stands in: shuffle them
    together as a group.

    Parameters
    ----------
    scorers : AnomalyScorer, or mapping of int to AnomalyScorer
        Fitted. A mapping is from fold to the scorer trained *without* that fold.
    features : array_like or pandas.DataFrame
        Shape (events, features); a table names them.
    labels : array_like
        Shape (events,), what the score is judged by: truth in studies. For weak supervision, give the flags of
        the signal region among events of signal region and sidebands, and no truth is used.
    folds : array_like of int, optional
        Fold of each event, shape (events,); needed with a mapping.
    groups : mapping of str to sequence of str or int, optional
        Features, by name or column, to shuffle together, in place of every feature by itself.
    metric : str
        One of :data:`bumphunt.scores.quality.METRICS`.
    repeats : int
        Shuffles of each feature, at least 2.
    seed : int
        Decides the shuffles.

    Raises
    ------
    InputError
        On features that are not finite, labels of one class (in a fold), a fold without scorer, an unknown
        feature or metric, or fewer than 2 repeats.
    """
    check_metric(metric)
    matrix = check_features(features)
    targets = np.asarray(labels)
    if targets.shape != (len(matrix),):
        raise InputError(f"labels have shape {targets.shape}; give one for each of {len(matrix)} events")
    if repeats < 2:
        raise InputError(f"repeats is {repeats}; a spread needs at least 2")
    names = [str(name) for name in features.columns] if isinstance(features, pd.DataFrame) else None
    columns = _columns(groups, names or [f"x{index}" for index in range(matrix.shape[1])])
    parts = [(score, matrix[rows], targets[rows]) for score, rows in _parts(scorers, folds, len(matrix))]
    sizes = np.array([len(rows) for _, rows, _ in parts], dtype=np.float64)

    def quality(shuffled: Sequence[FloatArray]) -> float:
        values = [measure(metric, score(rows), part) for (score, _, part), rows in zip(parts, shuffled, strict=True)]
        return float(np.average(values, weights=sizes))

    reference = quality([rows for _, rows, _ in parts])
    falls = np.empty((len(columns), repeats))
    for number, (name, chosen) in enumerate(columns.items()):
        rng = generator(seed, "importance", name)
        for repeat in range(repeats):
            shuffled = []
            for _, rows, _ in parts:
                copy = rows.copy()
                copy[:, chosen] = rows[rng.permutation(len(rows))][:, chosen]
                shuffled.append(copy)
            falls[number, repeat] = reference - quality(shuffled)
    return ImportanceResult(
        names=tuple(columns),
        mean=falls.mean(axis=1),
        spread=falls.std(axis=1, ddof=1),
        reference=reference,
        metric=metric,
        repeats=repeats,
    )


def _columns(groups: Mapping[str, Sequence[str | int]] | None, names: Sequence[str]) -> dict[str, list[int]]:
    if groups is None:
        return {name: [index] for index, name in enumerate(names)}
    found: dict[str, list[int]] = {}
    for group, members in groups.items():
        found[group] = []
        for member in members:
            index = names.index(member) if member in names else member
            if not isinstance(index, int) or not 0 <= index < len(names):
                raise InputError(f"group {group!r} has no feature {member!r}; there are {', '.join(names)}")
            found[group].append(index)
    if not found or not all(found.values()):
        raise InputError("groups are empty; name the features of each")
    return found


def _parts(
    scorers: AnomalyScorer | Mapping[int, AnomalyScorer], folds: npt.ArrayLike | None, number: int
) -> list[tuple[Score, npt.NDArray[np.intp]]]:
    """Return each scorer with the events that it never saw."""
    if not isinstance(scorers, Mapping):
        if folds is not None:
            raise InputError("folds go with one scorer for each; give a mapping from fold to scorer")
        return [(scorers.anomaly_score, np.arange(number))]
    if folds is None:
        raise InputError("with the scorers of several folds, folds must say which event is in which")
    of_event = np.asarray(folds)
    if of_event.shape != (number,):
        raise InputError(f"folds have shape {of_event.shape}; give one for each of {number} events")
    missing = sorted(set(of_event.tolist()) - set(scorers))
    if missing:
        raise InputError(f"no scorer for fold {missing[0]}; there are scorers for {sorted(scorers)}")
    return [(scorers[int(fold)].anomaly_score, np.flatnonzero(of_event == fold)) for fold in np.unique(of_event)]
