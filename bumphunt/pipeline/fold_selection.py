"""Simulated signal through the selection that the data passed: one fold a repeat, by the models that scored it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.events import drop_truth
from bumphunt.masses.acceptance import Select
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowTask, cross_fit
from bumphunt.results.base import short_repr
from bumphunt.rng import generator
from bumphunt.scores.repeats import RepeatedModels, repeated_models

FloatArray = npt.NDArray[np.float64]

DRAWS = 3
"""Times that each simulated event is put into folds; the mean of passing is its efficiency."""


class Selection(Protocol):
    """What a search did to the data, to be done to events that are in no file."""

    def at(self, fraction: float) -> Select:
        """Return the selection of the most anomalous ``fraction``: how often each event of a table passes it."""
        ...

    def passes(self, table: pd.DataFrame, fractions: Sequence[float]) -> FloatArray:
        """Return how often each event of a table passes each of several such selections, (fractions, events)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldSelection:
    """The fold models of a window, and what they see.

    Parameters
    ----------
    models : RepeatedModels
        Of all repeats and folds.
    features : callable
        Event table -> features as the models were trained on, shape (events, features); mjj in GeV is a column of it.
    seed : int
        Draws the folds of simulated events; the same at each call, so that a fit to them is a smooth function.
    """

    models: RepeatedModels
    features: Callable[[pd.DataFrame], FloatArray]
    seed: int

    __repr__ = short_repr

    def at(self, fraction: float) -> Select:
        """Return the selection of the most anomalous ``fraction``: how often each event of a table passes it."""
        return lambda table: self.passes(table, (fraction,))[0]

    def passes(self, table: pd.DataFrame, fractions: Sequence[float]) -> FloatArray:
        """Return how often each event of a table passes each of several such selections, (fractions, events)."""
        features = self.features(table)
        rng = generator(self.seed, "signal folds")
        passed = np.zeros((len(fractions), len(features)))
        for _ in range(DRAWS):
            folds, ties = self.models.draw(len(features), rng=rng)
            score = self.models.score(features, folds=folds, ties=ties)
            passed += score > 1.0 - np.asarray(fractions)[:, None]
        return passed / DRAWS


def window_selection(search: Search, task: WindowTask, *, threads: int = 1) -> FoldSelection | None:
    """Return what a window's score does to events that are in no file, such as simulated signal.

    An event of the file is scored in each repeat by the one model that has not seen it. A simulated event is put into
    a random fold of each repeat and scored by those models: to average over all would be kinder to it than
    the data were treated. The models are trained anew, with the seeds of the search, and are the same.

    Parameters
    ----------
    search, task
        The search, and the window.
    threads : int
        Folds trained side by side.

    Returns
    -------
    FoldSelection or None
        None where the score of a fold is not that of one classifier (``cwola.nested``, ``cwola.average: rank``), or
        sees a column that simulated signal does not have.
    """
    columns = response_named(task.config.masses.response).table.columns
    if not models_can_be_kept(task.config) or not set(search.features) <= set(columns):
        return None
    models = window_models(task, threads=threads)
    return FoldSelection(models=models, features=lambda table: search.score_features(drop_truth(table)), seed=task.seed)


def models_can_be_kept(config: AnalysisConfig) -> bool:
    """Tell whether the score of a fold is that of one classifier, which can be asked about other events."""
    return not config.cwola.nested and config.cwola.average == "score"


def window_models(task: WindowTask, *, threads: int = 1) -> RepeatedModels:
    """Return the fold models of a window: trained anew with the seeds of the search, they are the same."""
    return repeated_models(cross_fit(task, task.folds(), threads=threads))
