"""CWoLa: classification without labels, a window in mjj against its sidebands (arXiv:1708.02949, 1805.02664).

A classifier trained to tell the signal region from the sidebands learns what is rare in one and
common in the other. Every event is scored by models that never saw it: with k folds, the score of
a fold comes from the other k - 1.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.scores.trees import BoostedTrees

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


def out_of_fold_scores(
    features: FloatArray,
    region: BoolArray,
    weights: FloatArray,
    folds: IntArray,
    *,
    make_classifier: Callable[[int], BoostedTrees],
    rng: np.random.Generator,
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
        Fold number -> an untrained classifier with its own seed.
    rng : numpy.random.Generator
        Orders events of equal score, so that the order of rows in the file cannot.

    Returns
    -------
    array of shape (events,)
        Out-of-fold scores, turned into the rank within their fold, in (0, 1): models of different
        folds do not share a scale.
    """
    if not (len(features) == len(region) == len(weights) == len(folds)):
        raise InputError("features, region, weights and folds must have one row per event")
    trains = weights > 0
    ranks = np.empty(len(features), dtype=np.float64)
    for fold in np.unique(folds):
        training = trains & (folds != fold)
        held_out = folds == fold
        classifier = make_classifier(int(fold))
        classifier.fit(features[training], region[training], weights=weights[training])
        ranks[held_out] = rank_within(classifier.anomaly_score(features[held_out]), rng=rng)
    return ranks


def rank_within(score: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Return the rank of each score divided by their number, in (0, 1); equal scores in random order.

    Examples
    --------
    >>> import numpy as np
    >>> rank_within(np.array([0.3, 0.1, 0.9, 0.2]), rng=np.random.default_rng(1)).tolist()
    [0.625, 0.125, 0.875, 0.375]
    """
    order = np.lexsort((rng.random(len(score)), score))
    ranks = np.empty(len(score), dtype=np.float64)
    ranks[order] = (np.arange(len(score)) + 0.5) / len(score)
    return ranks


def leakage(
    score: FloatArray, lower: BoolArray, middle: BoolArray, upper: BoolArray, *, exclude: float = 0.05
) -> tuple[float, float]:
    """Return how well a score tells a middle range of mjj from those on either side, in background.

    The area under the ROC curve of the middle against either side, averaged over the two, for events
    outside the most anomalous ``exclude`` of all. It is 0.5 where the score does not follow mjj, or
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

    Returns
    -------
    area, error : float
        The area and its standard error were there nothing to tell.
    """
    from scipy.stats import rankdata

    bulk = score < 1.0 - exclude
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
