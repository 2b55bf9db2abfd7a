"""How a score improves with the number of events it is trained on. For studies only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.rng import generator, integer_seed
from bumphunt.scores.protocol import AnomalyScorer, Features
from bumphunt.scores.quality import check_metric, measure
from bumphunt.scores.supervised.trees import check_labelled

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurve(Result):
    """A metric against the number of training events.

    Attributes
    ----------
    sizes : numpy.ndarray of int
        Training events, shape (sizes,).
    test, training : numpy.ndarray
        The metric on the test sample, and on the events trained on, shape (sizes, repeats). Where they differ, more
        events would help.
    metric : str
        Its name; higher is better.
    n_signal, n_background : int
        Size of the test sample.
    """

    sizes: IntArray
    test: FloatArray
    training: FloatArray
    metric: str
    n_signal: int
    n_background: int

    def __str__(self) -> str:
        values = ", ".join(
            f"{size}: {np.mean(row):.3f} ± {np.std(row, ddof=1):.3f}"
            for size, row in zip(self.sizes, self.test, strict=True)
        )
        return f"{self.metric} by training events: {values}"


def learning_curve(
    make_scorer: Callable[[int], AnomalyScorer],
    features: Features,
    truth: npt.ArrayLike,
    test: tuple[Features, npt.ArrayLike],
    *,
    sizes: Sequence[int],
    repeats: int = 3,
    metric: str = "auc",
    seed: int = 0,
) -> LearningCurve:
    """Train on ever more events, several times each, and test on events that are always the same.

    Parameters
    ----------
    make_scorer : callable
        Seed -> an untrained scorer whose ``fit`` takes features and truth.
    features, truth
        Labelled events to draw from; the part of signal is kept.
    test : tuple
        Features and truth of the test events, which are not among those to draw from.
    sizes : sequence of int
        Numbers of training events, rising, at most all of them.
    repeats : int
        Trainings at each size, at least 2, each with events drawn anew and a seed of its own.
    metric : str
        One of :data:`bumphunt.scores.quality.METRICS`.
    seed : int
        Decides draws and trainings.

    Raises
    ------
    InputError
        As for the training; on sizes that do not rise or exceed the events, or an unknown metric.
    """
    check_metric(metric)
    matrix, signal = check_labelled(features, truth)
    test_matrix, test_signal = check_labelled(*test)
    if repeats < 2 or not sizes or sizes[0] < 1 or sizes[-1] > len(matrix) or (np.diff(sizes) <= 0).any():
        raise InputError(
            f"sizes {list(sizes)} with {repeats} repeats; give rising sizes up to {len(matrix)} events, and 2 repeats"
        )
    classes = [np.flatnonzero(signal), np.flatnonzero(~signal)]
    quality = np.empty((2, len(sizes), repeats))
    for row, size in enumerate(sizes):
        taken = round(size * len(classes[0]) / len(matrix))
        for repeat in range(repeats):
            rng = generator(seed, "learning curve", size, repeat)
            chosen = np.concatenate(
                [rng.permutation(part)[:n] for part, n in zip(classes, (taken, size - taken), strict=True)]
            )
            scorer = make_scorer(integer_seed(seed, "learning curve", "scorer", size, repeat))
            scorer.fit(matrix[chosen], signal[chosen])
            quality[0, row, repeat] = measure(metric, scorer.anomaly_score(test_matrix), test_signal)
            quality[1, row, repeat] = measure(metric, scorer.anomaly_score(matrix[chosen]), signal[chosen])
    return LearningCurve(
        sizes=np.array(sizes, dtype=np.int64),
        test=quality[0],
        training=quality[1],
        metric=metric,
        n_signal=int(test_signal.sum()),
        n_background=int((~test_signal).sum()),
    )
