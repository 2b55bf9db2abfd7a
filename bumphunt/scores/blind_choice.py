"""Which score to believe, and which end of it, decided for each event by the other folds alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.scores.latent import FRACTIONS, ScoreChoice, choose
from bumphunt.scores.weak_supervision import rank_within


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfFoldChoice(Result):
    """The score that results, and what was chosen for each fold.

    ``score``, shape (events,), is the rank within the fold, in (0, 1), of the score chosen for that
    fold, turned so that higher is more anomalous; ``choices`` has one entry per fold, in their order.
    """

    score: FloatArray
    choices: tuple[ScoreChoice, ...]


def choose_out_of_fold(
    scores: Mapping[str, npt.ArrayLike],
    in_signal_region: npt.ArrayLike,
    in_sideband: npt.ArrayLike,
    folds: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    fractions: Sequence[float] = FRACTIONS,
) -> OutOfFoldChoice:
    """Choose score and orientation by ARGOS for each fold from the other folds, and return one score.

    No event has a say in its own score, so that a p-value from the result pays for no trials: the
    choice among the candidates is part of the one score. Candidates must themselves be out of fold,
    or learned without regard to the regions, as those of a VAE are.

    Parameters
    ----------
    scores : mapping of str to array_like
        Candidates, each of shape (events,). One alone is oriented only.
    in_signal_region, in_sideband : array_like of bool
        Shape (events,); the sidebands are the background template (arXiv:2511.14832).
    folds : array_like of int
        Shape (events,), at least two different ones.
    rng : numpy.random.Generator
        Orders events of equal score.
    fractions : sequence of float
        As for :func:`~bumphunt.scores.latent.choose`.

    Raises
    ------
    TruthError
        If one of the scores is the truth column.
    InputError
        As for :func:`~bumphunt.scores.latent.choose`, or for fewer than two folds.
    """
    region, sideband, numbers = np.asarray(in_signal_region), np.asarray(in_sideband), np.asarray(folds)
    if numbers.shape != region.shape or numbers.shape != sideband.shape or len(np.unique(numbers)) < 2:
        raise InputError(
            f"{len(np.unique(numbers))} different folds of shape {numbers.shape} for regions of shape {region.shape}; "
            "give one fold number per event, and at least 2 folds"
        )
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    wrong = [name for name, values in columns.items() if values.shape != numbers.shape]
    if wrong:
        raise InputError(f"score {wrong[0]!r} has shape {columns[wrong[0]].shape}; give one number per event")
    ranks = np.empty(len(numbers), dtype=np.float64)
    choices = []
    for fold in np.unique(numbers):
        held_out = numbers == fold
        others = {name: values[~held_out] for name, values in columns.items()}
        choice = choose(others, region[~held_out], sideband[~held_out], fractions=fractions)
        choices.append(choice)
        ranks[held_out] = rank_within(choice.sign * columns[choice.name][held_out], rng=rng)
    return OutOfFoldChoice(score=ranks, choices=tuple(choices))
