"""CWoLa: classification without labels, a window in mjj against its sidebands (arXiv:1708.02949, 1805.02664).

A classifier trained to tell the signal region from the sidebands learns what is rare in one and
common in the other. Every event is scored by models that never saw it: with k folds, the score of
a fold comes from the other k - 1; nested (arXiv:1902.02634), each of those in turn ends the training on the rest.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.scores.protocol import BoolArray, Classifier, Validation
from bumphunt.scores.ranks import ranks

IntArray = npt.NDArray[np.integer]
Item = TypeVar("Item")


def out_of_fold_scores(
    features: FloatArray,
    region: BoolArray,
    weights: FloatArray,
    folds: IntArray,
    *,
    make_classifier: Callable[[int], Classifier],
    rng: np.random.Generator,
    average: str = "score",
    threads: int = 1,
) -> FloatArray:
    """Train on all folds but one and score that one, in turn.

    Parameters
    ----------
    features : array of shape (events, features)
        What the classifier sees; mjj must not be among it.
    region : bool array of shape (events,)
        Events in the signal region, the positive class.
    weights : array of shape (events,)
        Training weights, zero for events in neither region nor sidebands; these are scored as well.
    folds : int array of shape (events,)
        Fold of each event.
    make_classifier : callable
        Fold number -> an untrained classifier with its own seed, for example
        :class:`~bumphunt.scores.trees.BoostedTrees` or :class:`~bumphunt.scores.cwola_network.NetworkClassifier`.
    rng : numpy.random.Generator
        Orders events of equal score, so that the order of rows in the file cannot.
    average : {"score", "rank"}
        What is averaged over the members of an ensemble: their log-odds, or their ranks within the fold,
        where no member outvotes the others by being surer of itself.
    threads : int
        Folds trained side by side in this process; the scores do not depend on it.

    Returns
    -------
    array of shape (events,)
        Out-of-fold scores, turned into the rank within their fold, in (0, 1): models of different
        folds do not share a scale.

    Raises
    ------
    InputError
        If the rows do not agree, there are fewer than two folds, a feature is constant, NaN or
        infinite, or a fold leaves one class only to train on.
    """
    check_sample(features, region, weights, folds, least=2)
    _check_average(average)

    def score_fold(fold: int) -> FloatArray:
        classifier = _train_without(fold, features, region, weights, folds, make_classifier)
        held_out = features[folds == fold]
        return classifier.anomaly_score(held_out) if average == "score" else classifier.member_scores(held_out)

    numbers = [int(fold) for fold in np.unique(folds)]
    result = np.empty(len(features), dtype=np.float64)
    for fold, score in zip(numbers, _side_by_side(score_fold, numbers, threads), strict=True):
        result[folds == fold] = rank_within(score, rng=rng) if average == "score" else mean_rank(score, rng=rng)
    return result


def _train_without(
    fold: int,
    features: FloatArray,
    region: BoolArray,
    weights: FloatArray,
    folds: IntArray,
    make_classifier: Callable[[int], Classifier],
) -> Classifier:
    training = (weights > 0) & (folds != fold)
    return make_classifier(fold).fit(features[training], region[training], weights=weights[training])


def _side_by_side(function: Callable[[int], Item], numbers: list[int], threads: int) -> list[Item]:
    if threads <= 1:
        return [function(number) for number in numbers]
    # the trees work outside the interpreter's lock, so that threads do, without copies of the events
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(function, numbers))


def nested_scores(
    features: FloatArray,
    region: BoolArray,
    weights: FloatArray,
    folds: IntArray,
    *,
    make_classifier: Callable[[int, int], Classifier],
    rng: np.random.Generator,
    average: str = "rank",
) -> FloatArray:
    """Score each fold by k - 1 classifiers, each trained on k - 2 folds and stopped on the one left.

    Neither the events that are scored nor those that ended a training have trained it, and how
    long to train is found without truth (arXiv:1902.02634, section III).

    Parameters
    ----------
    features, region, weights, folds, rng
        As for :func:`out_of_fold_scores`; at least three folds.
    make_classifier : callable
        (Fold that is scored, fold that stops) -> an untrained classifier with its own seed.
    average : {"rank", "score"}
        What is averaged over the members of all k - 1 classifiers. Stopped at different times they differ in scale,
        so that ranks are the default here.

    Returns
    -------
    array of shape (events,)
        Out-of-fold scores, turned into the rank within their fold, in (0, 1).

    Raises
    ------
    InputError
        As for :func:`out_of_fold_scores`, or for fewer than three folds.
    """
    check_sample(features, region, weights, folds, least=3)
    _check_average(average)
    trains = weights > 0
    numbers = np.unique(folds)
    result = np.empty(len(features), dtype=np.float64)
    for fold in numbers:
        held_out = folds == fold
        members = []
        for inner in numbers[numbers != fold]:
            stopping = trains & (folds == inner)
            training = trains & ~held_out & (folds != inner)
            classifier = make_classifier(int(fold), int(inner))
            classifier.fit(
                features[training],
                region[training],
                weights=weights[training],
                validation=Validation(
                    features=features[stopping], positive=region[stopping], weights=weights[stopping]
                ),
            )
            members.append(classifier.member_scores(features[held_out]))
        scores = np.concatenate(members)
        result[held_out] = (
            mean_rank(scores, rng=rng) if average == "rank" else rank_within(scores.mean(axis=0), rng=rng)
        )
    return result


def mean_rank(scores: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Return the rank, in (0, 1), of each event's mean rank over members, (members, events) -> (events,).

    Examples
    --------
    >>> import numpy as np
    >>> mean_rank(np.array([[0.1, 0.2, 9.0], [5.0, 7.0, 8.0]]), rng=np.random.default_rng(1)).round(3).tolist()
    [0.167, 0.5, 0.833]
    """
    return rank_within(np.mean([rank_within(member, rng=rng) for member in scores], axis=0), rng=rng)


def check_sample(features: FloatArray, region: BoolArray, weights: FloatArray, folds: IntArray, *, least: int) -> None:
    """Refuse events that cannot be trained on and scored out of fold.

    Raises
    ------
    InputError
        As for :func:`out_of_fold_scores`; ``least`` folds must be there.
    """
    if not (len(features) == len(region) == len(weights) == len(folds)):
        raise InputError("features, region, weights and folds must have one row per event")
    if not np.isfinite(features).all():
        raise InputError("NaN or infinity among the training features; remove or repair those events")
    check_folds(region, weights, folds, least=least)
    constant = np.flatnonzero(np.ptp(features, axis=0) == 0)
    if len(constant):
        raise InputError(
            f"feature {constant[0]} has the same value in every event and carries no information; leave it out"
        )


def check_folds(region: BoolArray, weights: FloatArray, folds: IntArray, *, least: int) -> None:
    """Refuse folds that are too few, or of which one leaves only one class to train on."""
    found = np.unique(folds)
    if len(found) < least:
        raise InputError(
            f"the events are in {len(found)} folds, but at least {least} are needed, so that no event is "
            "scored by a model it trained or stopped; use more folds (or more events, if fewer than folds)"
        )
    trains = weights > 0
    inside_too = trains & region
    for fold in found:
        others = folds != fold
        seen, inside = np.count_nonzero(trains & others), np.count_nonzero(inside_too & others)
        if inside in (0, seen):
            raise InputError(
                f"all {seen} training events are of one class where fold {fold} is left out; "
                "a classifier needs events in the signal region and in the sidebands"
            )


def _check_average(name: str) -> None:
    if name not in ("score", "rank"):
        raise ConfigError(f"average is {name!r}; choose score or rank")


def rank_within(score: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Return the rank of each score divided by their number, in (0, 1); equal scores in random order.

    Examples
    --------
    >>> import numpy as np
    >>> rank_within(np.array([0.3, 0.1, 0.9, 0.2]), rng=np.random.default_rng(1)).tolist()
    [0.625, 0.125, 0.875, 0.375]
    """
    return ranks(score, ties=rng.random(len(score)))


def leakage(
    score: FloatArray,
    lower: BoolArray,
    middle: BoolArray,
    upper: BoolArray,
    *,
    exclude: float = 0.05,
    exclude_lowest: float = 0.05,
) -> tuple[float, float]:
    """Return how well a score separates a middle range of mjj from those on either side, in background.

    The area under the ROC curve of the middle against either side, averaged over the two, for events
    outside the most anomalous ``exclude`` of all, where a signal lies, and the least anomalous
    ``exclude_lowest``, where another resonance in a sideband lies. It is 0.5 where the score does not follow mjj, or
    only drifts. A score that knows mjj picks a window out of pure background and carves a bump; it
    then also prefers the inner halves of the sidebands to the outer, and there no signal confuses the measure.

    Parameters
    ----------
    score : array of shape (events,)
        Out-of-fold ranks in (0, 1), higher is more anomalous.
    lower, middle, upper : bool arrays of shape (events,)
        Three ranges of mjj, for example from :meth:`bumphunt.preprocessing.splits.MassWindow.sideband_halves`.
    exclude : float
        Part of the events left out at the anomalous end.
    exclude_lowest : float
        Part left out at the other end.

    Returns
    -------
    area, error : float
        The area, and its standard error for a score that does not separate them.
    """
    from scipy.stats import rankdata

    bulk = (score < 1.0 - exclude) & (score > exclude_lowest)
    areas, variances = [], []
    for side in (lower, upper):
        first, second = score[middle & bulk], score[side & bulk]
        n, m = len(first), len(second)
        if n == 0 or m == 0:
            return 0.5, 0.5
        ranks = rankdata(np.concatenate([first, second]))[:n]
        areas.append((ranks.sum() - 0.5 * n * (n + 1)) / (n * m))
        variances.append((n + m + 1) / (12.0 * n * m))
    return float(np.mean(areas)), float(0.5 * np.sqrt(np.sum(variances)))
