"""What passes the cuts on a score in each of several divisions into folds, counted fold by fold.

A search needs no more of a repeat than these counts, so that its memory does not grow with the number of repeats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.scores.protocol import BoolArray

IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RepeatedPasses:
    """The score of every event and how often it passes each cut: all that a search needs of any number of repeats.

    Parameters
    ----------
    score : array of shape (events,)
        Rank, in (0, 1), of the average over repeats, as in :class:`bumphunt.scores.repeats.RepeatedScores`.
    fractions : tuple of float
        Parts of their fold that the cuts keep, those with the highest ranks.
    frequency : uint8 array of shape (cuts, events)
        In how many repeats the event passes the cut.
    counts : int array of shape (repeats, cuts, bins)
        Events that pass in each repeat, by the bin they are in.
    by_fold : tuple of int arrays of shape (cuts, folds)
        For each repeat, events of the region that pass, by fold.
    """

    score: FloatArray
    fractions: tuple[float, ...]
    frequency: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]
    by_fold: tuple[npt.NDArray[np.int64], ...]

    def place(self, fraction: float) -> int:
        """Return the place of a cut among ``fractions``."""
        if fraction not in self.fractions:
            raise InputError(f"no cut keeps {fraction:g} of the events; there are {self.fractions}")
        return self.fractions.index(fraction)


class PassCounter:
    """Cuts on the ranks of one fold after the other, and counts what passes.

    Parameters
    ----------
    fractions : sequence of float
        Parts of the events that the cuts keep.
    region : bool array of shape (events,)
        Events in the signal region.
    bins : int array of shape (events,)
        The bin of each event; those in none have the number ``n_bins``.
    n_bins, repeats : int
        How many there are.
    """

    def __init__(
        self, fractions: Sequence[float], *, region: BoolArray, bins: IntArray, n_bins: int, repeats: int
    ) -> None:
        self._fractions, self._region, self._bins = tuple(fractions), region, bins
        self._frequency = np.zeros((len(self._fractions), len(region)), dtype=np.min_scalar_type(repeats))
        self._counts = np.zeros((repeats, len(self._fractions), n_bins + 1), dtype=np.int64)
        self._by_fold: list[list[list[int]]] = [[] for _ in range(repeats)]

    def add(self, repeat: int, held_out: BoolArray, rank: npt.NDArray[np.float32]) -> None:
        """Count the flagged events, which are a fold of the repeat and have these ranks."""
        rows = np.flatnonzero(held_out)
        inside = []
        for number, fraction in enumerate(self._fractions):
            passes = rows[rank > 1.0 - fraction]
            self._frequency[number, passes] += 1
            self._counts[repeat, number] += np.bincount(self._bins[passes], minlength=self._counts.shape[2])
            inside.append(int(self._region[passes].sum()))
        self._by_fold[repeat].append(inside)

    def found(self, score: FloatArray) -> RepeatedPasses:
        """Return what was counted, beside the score of all repeats together."""
        return RepeatedPasses(
            score=score,
            fractions=self._fractions,
            frequency=self._frequency,
            counts=self._counts[:, :, :-1],
            by_fold=tuple(np.array(inside, dtype=np.int64).T for inside in self._by_fold),
        )
