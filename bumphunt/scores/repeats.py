"""Repeated cross-fitting: out-of-fold ranks averaged over several ways to divide the events into folds.

One division leaves the answer to luck: which events a model trains on shapes what it finds among the rest. Averaged
over divisions the score depends on the events alone, as far as repeats reach, and finds more. In each of them an
event is scored by a model that has not seen it, so that it has no say in its own score.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.results.base import short_repr
from bumphunt.scores.passes import PassCounter, RepeatedPasses
from bumphunt.scores.protocol import BoolArray, Classifier, SharingClassifier
from bumphunt.scores.ranks import RankTable, grouped_ranks, ranks
from bumphunt.scores.weak_supervision import check_folds, check_sample

IntArray = npt.NDArray[np.integer]
MakeClassifier = Callable[[int, int], Classifier]
Item = TypeVar("Item")


class Ties(Protocol):
    """For each repeat the order of events of equal score, (events,): an array, or something that makes it when asked.

    The ties of all repeats together can be larger than the events.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, repeat: int, /) -> FloatArray: ...


class Folds(Protocol):
    """For each repeat the fold of every event, (events,), from 0 without a gap: an array, or made when asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, repeat: int, /) -> IntArray: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossFit:
    """What is trained on what, in each of several divisions of the events into folds.

    Parameters
    ----------
    features : array of shape (events, features)
        What the classifier sees; mjj must not be among it.
    region : bool array of shape (events,)
        Events in the signal region, the positive class.
    weights : array of shape (events,)
        Training weights, zero for events in neither region nor sidebands; these are scored as well.
    folds : int array of shape (repeats, events), or sequence of arrays
        Fold of each event in each repeat, from 0 without a gap.
    make_classifier : callable
        (Repeat, fold) -> an untrained classifier with its own seed.
    ties : sequence of arrays of shape (events,)
        Order of events of equal score, for each repeat. From the events' content, it keeps the order of rows out.
    threads : int
        Trainings side by side in this process; the scores do not depend on it.
    """

    features: FloatArray
    region: BoolArray
    weights: FloatArray
    folds: Folds
    make_classifier: MakeClassifier
    ties: Ties
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RepeatedScores:
    """The score of every event, and that of each division alone.

    Parameters
    ----------
    score : array of shape (events,)
        Rank, in (0, 1), of the average over repeats, without ties: the most anomalous 1 % are those above 0.99, in all
        folds together.
    single : float32 array of shape (repeats, events)
        Rank within the fold, in (0, 1), in each repeat.
    """

    score: FloatArray
    single: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RepeatedModels:
    """The trained models of all repeats and folds, for events that are in no fold, such as simulated signal.

    Parameters
    ----------
    models : tuple of tuples of Classifier
        By repeat and fold: the model that has not seen the fold.
    tables : tuple of tuples of RankTable
        By repeat and fold: the scores this model gave the events of the fold.
    average : RankTable
        The averages of the events.
    combine : {"log", "rank"}
        What was averaged.
    """

    models: tuple[tuple[Classifier, ...], ...]
    tables: tuple[tuple[RankTable, ...], ...]
    average: RankTable
    combine: str

    __repr__ = short_repr

    def draw(self, n_events: int, *, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], FloatArray]:
        """Return a random fold and a random tie number in each repeat for events from outside, (repeats, events)."""
        folds = [rng.integers(len(row), size=n_events) for row in self.models]
        return np.stack(folds).astype(np.int64), rng.random((len(self.models), n_events))

    def score(self, features: FloatArray, *, folds: IntArray, ties: FloatArray) -> FloatArray:
        """Return the score that events from outside would have had in the file, shape (events,), in [0, 1].

        In each repeat an event belongs to one fold and is scored by that fold's model alone, as the events of the
        file are. To average over all models would be fairer to an event than the data were treated, and its
        efficiency would come out too high.

        Parameters
        ----------
        features : array of shape (events, features)
            As the models were trained on.
        folds, ties : arrays of shape (repeats, events)
            Fold, and order among equal scores in [0, 1), of each event in each repeat; :meth:`draw` makes them.

        Raises
        ------
        InputError
            If there is not one fold and tie number per repeat and event.
        """
        return self.scores(features, folds=folds, ties=ties).score

    def scores(self, features: FloatArray, *, folds: IntArray, ties: FloatArray) -> RepeatedScores:
        """Return what :meth:`score` does, and the rank in each repeat, of which the cuts are; same parameters."""
        self._check(features, folds, ties)
        single = np.zeros(np.shape(folds), dtype=np.float32)
        for repeat, (models, tables) in enumerate(zip(self.models, self.tables, strict=True)):
            for number, (model, table) in enumerate(zip(models, tables, strict=True)):
                mine = folds[repeat] == number
                if mine.any():
                    raw = model.anomaly_score(features[mine])
                    single[repeat, mine] = table.rank(raw, ties=ties[repeat, mine])
        return RepeatedScores(
            score=self.average.rank(average_ranks(single, combine=self.combine), ties=ties[0]), single=single
        )

    def scores_of_all(self, features: FloatArray, *, folds: IntArray, ties: FloatArray) -> RepeatedScores:
        """Return the scores of the very events that the models were trained on, all of them, as they were then.

        Events are ranked among each other, not in the tables, which hold a thousand quantiles of the bulk. Parameters
        are those of :meth:`score`.
        """
        self._check(features, folds, ties)
        single = np.empty(np.shape(folds), dtype=np.float32)
        for repeat, models in enumerate(self.models):
            for number, model in enumerate(models):
                mine = folds[repeat] == number
                single[repeat, mine] = ranks(model.anomaly_score(features[mine]), ties=ties[repeat, mine])
        return RepeatedScores(score=ranks(average_ranks(single, combine=self.combine), ties=ties[0]), single=single)

    def _check(self, features: FloatArray, folds: IntArray, ties: FloatArray) -> None:
        expected = (len(self.models), len(features))
        if np.shape(folds) != expected or np.shape(ties) != expected:
            raise InputError(
                f"folds have shape {np.shape(folds)} and ties {np.shape(ties)}; give (repeats, events) = {expected}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Raw:
    """Scores of the events of a fold: ``values`` (groups,) of events of equal score, and the ``group`` of each event.

    Without groups the values are those of the events.
    """

    values: FloatArray
    group: IntArray | None = None

    def scores(self) -> FloatArray:
        return self.values if self.group is None else self.values[self.group]

    def ranks(self, ties: FloatArray) -> FloatArray:
        if self.group is None:
            return ranks(self.values, ties=ties)
        return grouped_ranks(self.values, self.group, ties=ties)


def repeated_scores(cross_fit: CrossFit, *, combine: str = "log") -> RepeatedScores:
    """Score every event out of fold in each of several divisions, and average the ranks.

    Parameters
    ----------
    cross_fit : CrossFit
        Events, folds and classifiers.
    combine : {"log", "rank"}
        What is averaged over repeats; see :func:`average_ranks`.

    Raises
    ------
    ConfigError
        If ``combine`` is neither.
    InputError
        If the rows do not agree, a repeat has fewer than two folds, a feature is constant, NaN or infinite, or a
        fold leaves one class only to train on.
    """
    check_combine(combine)
    folds, ties = cross_fit.folds, cross_fit.ties
    single = np.empty((len(folds), len(cross_fit.features)), dtype=np.float32)
    for repeat, held_out, _, raw in _trained(cross_fit):
        single[repeat, held_out] = raw.ranks(ties[repeat][held_out])
    return RepeatedScores(score=ranks(average_ranks(single, combine=combine), ties=ties[0]), single=single)


def repeated_passes(cross_fit: CrossFit, *, counter: PassCounter) -> RepeatedPasses:
    """Return what :func:`repeated_scores` finds, cut, counted and averaged on the way: memory does not grow in repeats.

    Errors are those of :func:`repeated_scores`; ``counter`` is of the same events and repeats, and has counted nothing.
    """
    folds, ties = cross_fit.folds, cross_fit.ties
    total = np.zeros(len(cross_fit.features))
    for repeat, held_out, _, raw in _trained(cross_fit):
        rank = raw.ranks(ties[repeat][held_out]).astype(np.float32)
        counter.add(repeat, held_out, rank)
        total[held_out] += _log_rank(rank)
    return counter.found(ranks(total / len(folds), ties=ties[0]))


def repeated_models(cross_fit: CrossFit, *, combine: str = "log") -> RepeatedModels:
    """Return the models that :func:`repeated_scores` trains, for events that are in no fold.

    Parameters and errors are those of :func:`repeated_scores`.
    """
    check_combine(combine)
    folds, ties = cross_fit.folds, cross_fit.ties
    average = np.zeros(len(cross_fit.features))
    models: list[list[Classifier]] = [[] for _ in range(len(folds))]
    tables: list[list[RankTable]] = [[] for _ in range(len(folds))]
    for repeat, held_out, model, raw in _trained(cross_fit):
        rank = raw.ranks(ties[repeat][held_out]).astype(np.float32)
        average[held_out] += rank if combine == "rank" else _log_rank(rank)
        models[repeat].append(model)
        tables[repeat].append(RankTable.of(raw.scores()))
    return RepeatedModels(
        models=tuple(map(tuple, models)),
        tables=tuple(map(tuple, tables)),
        average=RankTable.of(average / len(folds)),
        combine=combine,
    )


def _trained(cross_fit: CrossFit) -> Iterator[tuple[int, BoolArray, Classifier, _Raw]]:
    """Give repeat, which events are the fold, the trained model and its raw scores of the fold, in order."""
    features, region, weights = cross_fit.features, cross_fit.region, cross_fit.weights
    folds, ties, make_classifier = cross_fit.folds, cross_fit.ties, cross_fit.make_classifier
    rows = (len(folds), *np.shape(folds[0])) if len(folds) else (0,)
    if len(rows) != 2 or len(ties) != len(folds) or len(ties[0]) != rows[1]:
        raise InputError(
            f"folds have shape {rows} and there are {len(ties)} sequences of ties; give (repeats, events) "
            "of folds, and ties for each repeat"
        )
    check_sample(features, region, weights, folds[0], least=2)
    first = make_classifier(0, 0)
    prepared = first.prepare(features, weights > 0) if isinstance(first, SharingClassifier) else None

    def tasks() -> Iterator[tuple[int, int, IntArray]]:
        for repeat in range(len(folds)):
            numbers = folds[repeat]
            check_folds(region, weights, numbers, least=2)
            if numbers.min() < 0 or not np.bincount(numbers).all():
                raise InputError("the folds of a repeat must be numbered from 0 without a gap")
            for fold in range(int(numbers.max()) + 1):
                yield repeat, fold, numbers

    def work(task: tuple[int, int, IntArray]) -> tuple[int, BoolArray, Classifier, _Raw]:
        repeat, fold, numbers = task
        held_out = numbers == fold
        classifier = make_classifier(repeat, fold)
        if prepared is not None and isinstance(classifier, SharingClassifier):
            scores, group = classifier.fit_and_score(prepared, region, np.where(held_out, 0.0, weights), held_out)
            return repeat, held_out, classifier, _Raw(values=scores.mean(axis=0), group=group)
        training = (weights > 0) & ~held_out
        classifier.fit(features[training], region[training], weights=weights[training])
        return repeat, held_out, classifier, _Raw(values=classifier.anomaly_score(features[held_out]))

    if cross_fit.threads <= 1:
        yield from map(work, tasks())
        return
    # the trees work outside the interpreter's lock, so that threads do, without copies of the events
    with ThreadPoolExecutor(max_workers=cross_fit.threads) as pool:
        yield from pool.map(work, tasks())


def average_ranks(single: npt.NDArray[np.floating], *, combine: str = "log") -> FloatArray:
    """Return the average over repeats of out-of-fold ranks, (repeats, events) -> (events,).

    Parameters
    ----------
    single : array of shape (repeats, events)
        Ranks in [0, 1].
    combine : {"log", "rank"}
        ``log``: the mean of -log(1 - rank), as in Fisher's combination of p-values; an event near the top in most
        repeats stays there when one of them misses it. ``rank``: the mean rank, where one such miss outweighs the rest.

    Examples
    --------
    >>> import numpy as np
    >>> single = np.array([[0.999, 0.95], [0.999, 0.95], [0.6, 0.95]])
    >>> [average_ranks(single, combine=name).argmax() for name in ("log", "rank")]
    [np.int64(0), np.int64(1)]
    """
    check_combine(combine)
    if combine == "rank":
        return np.asarray(single.mean(axis=0, dtype=np.float64))
    total = np.zeros(single.shape[1])
    for row in single:
        total += _log_rank(row)
    return total / len(single)


def _log_rank(rank: npt.NDArray[np.floating]) -> FloatArray:
    """Return -log(1 - rank); float32 ranks of a million events stay below 1, those from outside may reach it."""
    return -np.log1p(-np.minimum(rank.astype(np.float64), 1.0 - 2.0**-24))


def check_combine(name: str) -> None:
    """Refuse a way to combine repeats that does not exist.

    Raises
    ------
    ConfigError
        If the name is neither log nor rank.
    """
    if name not in ("log", "rank"):
        raise ConfigError(f"combine is {name!r}; choose log or rank")
