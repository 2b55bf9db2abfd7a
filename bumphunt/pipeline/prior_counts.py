"""What one hypothesis of the prior-assisted search counts in a window, and what signal of a model adds to it.

The search keeps the events most like signal, so many of all of them: signal pushes background out of the list, and in
the end its own events. For a limit events of the window are ranked among those of the sidebands instead. Background
expects the same count whatever the signal, and signal counts in proportion to its number, as far as the training lets
it. A limit on one model is that of one hypothesis, without trials over others.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bumphunt.errors import NotSearchedError
from bumphunt.events import DAUGHTERS, BlindEvents
from bumphunt.masses.hypotheses import MassShapes, cells, hypothesis_grid
from bumphunt.pipeline.prior_search import PreparedPrior
from bumphunt.pipeline.prior_windows import HypothesisTask, beside, inputs_of, sidebands_of
from bumphunt.scores.prior import log_ratio
from bumphunt.significance.smooth_sidebands import Sidebands, rank_weights

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Hypothesis = tuple[float, float]
"""Masses of X and Y in GeV."""

NEAR = 0.4
"""How far in log mass from the medians of a model's jets hypotheses are tried for it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Events as the score of a window sees them: its log ratio, the cell of their jets' masses, the bin of mjj."""

    ratio: FloatArray
    cell: IntArray
    bins: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptList:
    """The events of the sidebands that a hypothesis keeps, by which all others are ranked, and its count.

    ``scores`` (kept,) are theirs, best first, ``weights`` (kept,) what an event of such a rank counts; ``sidebands``
    say where. ``observed`` and ``expected`` are effective events in the window, ``error`` that of the expectation;
    ``part`` is the part of background that is kept.
    """

    scores: FloatArray
    weights: FloatArray
    sidebands: Sidebands
    part: float
    observed: float
    expected: float
    error: float

    def adds(self, scores: FloatArray, bins: IntArray) -> FloatArray:
        """Return how far each further event would raise the count above its expectation, shape (events,).

        What lies in the sidebands raises the expectation, and adds less than nothing.
        """
        return (self.sidebands.inside - self.sidebands.outside)[bins] * weight_of(scores, self.scores, self.weights)


class WindowScores:
    """The data in a window of the prior-assisted search, scored once for all hypotheses.

    Parameters
    ----------
    prepared : PreparedPrior
        The trained score.
    number : int
        The window among those that it covers.
    """

    def __init__(self, prepared: PreparedPrior, number: int) -> None:
        self.prepared, self.number = prepared, number
        self.task: HypothesisTask = prepared.tasks[number]
        self.data = self._scored(inputs_of(self.task), self.task.folds, prepared.bins)

    def scored(self, events: BlindEvents, folds: IntArray) -> Scored:
        """Return other events, such as simulated signal, each scored by the model of a fold."""
        mjj, edges = events["mjj"].to_numpy(dtype=np.float64), self.task.edges
        bins = np.clip(np.searchsorted(edges, mjj, side="right") - 1, 0, len(edges) - 2)
        return self._scored(self.prepared.inputs(self.number, events), folds, bins)

    def _scored(self, inputs: FloatArray, folds: IntArray, bins: IntArray) -> Scored:
        return Scored(ratio=log_ratio(self.task.models, inputs, folds=folds), cell=cells(inputs[:, :2]), bins=bins)

    @cached_property
    def _shapes(self) -> MassShapes:
        return MassShapes(self.task.table, reference=self.task.reference, jets=self.task.signal_jets)

    @cached_property
    def _part(self) -> float:
        return self.task.settings.part(float(self.task.inclusive[self.task.window.bins(self.task.edges)].sum()))

    def score(self, events: Scored, hypothesis: Hypothesis) -> FloatArray:
        """Return the log likelihood ratio of a hypothesis for each event, -inf far from its masses, (events,)."""
        return np.asarray(events.ratio + self._shapes.log_ratio(*hypothesis)[events.cell], dtype=np.float64)

    def kept(self, hypothesis: Hypothesis) -> KeptList:
        """Return what a hypothesis keeps of the data.

        Raises
        ------
        NotSearchedError
            If too few events are near its masses.
        """
        score, bins = self.score(self.data, hypothesis), self.data.bins
        clear = beside(self.task)[1][bins]
        keep = max(round(self._part * int(clear.sum())), 1)
        weights = rank_weights(keep)
        side = sidebands_of(self.task, self._part, weights)[0]
        best = -np.sort(-score[clear])[:keep]
        if not np.isfinite(best).all():
            raise NotSearchedError(f"too few events in {self.task.window} are near the model's masses")
        counts = weight_of(score, best, weights)
        expected = max(float(side.outside[bins] @ counts), 0.0)
        return KeptList(
            scores=best,
            weights=weights,
            sidebands=side,
            part=self._part,
            observed=max(float(side.inside[bins] @ counts), 0.0),
            expected=expected,
            error=float(np.sqrt(side.ratio * expected)),
        )

    def best_hypothesis(self, signal: BlindEvents, folds: IntArray) -> Hypothesis:
        """Return the hypothesis of the search that counts most of a signal; masses of the data have no say.

        Raises
        ------
        NotSearchedError
            If none has enough events near its masses.
        """
        probes, grid = self.scored(signal, folds), hypothesis_grid(self.task.reference)
        medians = np.median(signal[list(DAUGHTERS)].to_numpy(dtype=np.float64), axis=0)
        away = np.abs(np.log(grid / np.maximum(medians, 1.0))).max(axis=1)
        found: dict[Hypothesis, float] = {}
        refused = NotSearchedError("no hypothesis is near the model's masses")
        for m_x, m_y in grid[away <= max(NEAR, float(away.min()))].tolist():
            try:
                added = self.kept((m_x, m_y)).adds(self.score(probes, (m_x, m_y)), probes.bins)
            except NotSearchedError as error:
                refused = error
                continue
            found[m_x, m_y] = float(added.mean())
        if not found:
            raise refused
        return max(found, key=lambda each: found[each])


def weight_of(scores: FloatArray, kept: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weight of events by their rank among kept ones, best first; 0 below all of these, shape (events,).

    A score that several kept events share gives the rank in the middle of theirs.

    Examples
    --------
    >>> import numpy as np
    >>> kept, weights = np.array([5.0, 3.0, 3.0, 1.0]), np.array([4.0, 3.0, 2.0, 1.0])
    >>> weight_of(np.array([9.0, 4.0, 3.0, 2.0, 0.5]), kept, weights).tolist()
    [4.0, 3.0, 2.0, 1.0, 0.0]
    """
    rising = kept[::-1]
    above = [len(rising) - np.searchsorted(rising, scores, side=side) for side in ("right", "left")]
    rank = np.minimum((above[0] + above[1]) // 2, len(weights))
    return np.asarray(np.append(weights, 0.0)[rank], dtype=np.float64)
