"""A window's selection as a function: the trained models applied to events that were not there when they were trained.

Which of a repeat's models looks at an event follows from its content and the seed of the run, as in training. A new
event is treated as the data were, with the same efficiency, and an event of the training meets only models that have
not seen it.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.config.scores import score_named
from bumphunt.errors import ConfigError, InputError
from bumphunt.events import BlindEvents, feature_matrix
from bumphunt.pipeline.fold_selection import models_can_be_kept, window_models
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowTask
from bumphunt.preprocessing.content import (
    canonical_order,
    content_digest,
    content_keys,
    fold_assignments,
    tie_breakers,
)
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.scores.repeats import RepeatedModels

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenSelection:
    """All that the score of a window needs to look at new events.

    Parameters
    ----------
    models : RepeatedModels
        Of all repeats and folds.
    decorrelation : SmoothDecorrelation or None
        What the features went through first.
    resonance : str
        The searched column.
    features, content : tuple of str
        Columns that the models see, and those whose content decides the folds.
    window : MassWindow
        That the models were trained in.
    low, high : float
        The searched range; events outside have no score.
    folds : tuple of int
        How many folds each repeat has.
    cuts : tuple of float
        Parts of the events that were kept; ``best`` is the cut of the most significant result of the window.
    best : float
        1 where that was before any cut.
    seed : int
        Of the run.
    digest : str
        Of the content of the searched events that were trained on.
    """

    models: RepeatedModels
    decorrelation: SmoothDecorrelation | None
    resonance: str
    features: tuple[str, ...]
    content: tuple[str, ...]
    window: MassWindow
    low: float
    high: float
    folds: tuple[int, ...]
    cuts: tuple[float, ...]
    best: float
    seed: int
    digest: str

    @classmethod
    def of(cls, search: Search, task: WindowTask, *, best: float, threads: int = 1) -> Self:
        """Train a window's models anew, with the seeds of the search.

        Parameters
        ----------
        search, task
            The search, and the window.
        best : float
            The cut of its most significant result.
        threads : int
            Folds trained side by side.

        Raises
        ------
        ConfigError
            If the score of a fold is not that of one classifier.
        """
        config = task.config
        check_models_can_be_kept(config)
        content = (search.resonance, *(config.daughters or ()), *search.features)
        models = window_models(task, threads=threads)
        return cls(
            models=models,
            decorrelation=search.decorrelation,
            resonance=search.resonance,
            features=tuple(search.features),
            content=tuple(dict.fromkeys(content)),
            window=task.window,
            low=float(task.edges[0]),
            high=float(task.edges[-1]),
            folds=tuple(len(row) for row in models.models),
            cuts=tuple(config.search.cut_fractions),
            best=best,
            seed=task.seed,
            digest=content_digest(search.events, content),
        )

    def apply(self, events: BlindEvents, *, same: bool = False) -> tuple[FloatArray, FloatArray]:
        """Return the score of each event, and in which part of the repeats it passes each cut.

        Parameters
        ----------
        events : BlindEvents
            Checked events, without truth.
        same : bool
            The events are those of the training, all of them; their scores are then those of the run, bit for bit.
            Without it they differ a little in the bulk, where a thousand quantiles stand for all events, and pass the
            same cuts.

        Returns
        -------
        score : array of shape (events,)
            In [0, 1], higher is more anomalous; NaN outside the searched range.
        frequency : array of shape (cuts, events)
            From 0 to 1; NaN outside the searched range.

        Raises
        ------
        InputError
            If a column is missing, or ``same`` is asked for other events.
        """
        missing = [name for name in self.content if name not in events.columns]
        if missing:
            raise InputError(f"the models need the column {missing[0]!r}, which the events do not have; add it")
        mass = events[self.resonance].to_numpy(dtype=np.float64)
        rows = np.flatnonzero((mass >= self.low) & (mass < self.high))
        score = np.full(len(events), np.nan)
        frequency = np.full((len(self.cuts), len(events)), np.nan)
        if same and (not len(rows) or content_digest(events.iloc[rows], self.content) != self.digest):
            raise InputError(
                "these are not the events that the models were trained on, or not all of them; leave out --same-events"
            )
        if not len(rows):
            return score, frequency
        keys = content_keys(events.iloc[rows], self.content, seed=self.seed)
        order = canonical_order(keys, events.iloc[rows], self.content)
        rows, keys = rows[order], keys[order]
        seen = BlindEvents(events.iloc[rows].reset_index(drop=True))
        features = feature_matrix(seen, self.features)
        if self.decorrelation is not None:
            features = self.decorrelation.transform(features, mass[rows])
        numbers = list(enumerate(self.folds))
        folds = np.stack([fold_assignments(keys, folds=each, repeat=repeat) for repeat, each in numbers])
        ties = np.stack([tie_breakers(keys, repeat=repeat) for repeat, _ in numbers])
        found = (self.models.scores_of_all if same else self.models.scores)(features, folds=folds, ties=ties)
        score[rows] = found.score.astype(np.float32)
        for place, cut in enumerate(self.cuts):
            frequency[place, rows] = (found.single > 1.0 - cut).mean(axis=0)
        return score, frequency


def check_models_can_be_kept(config: AnalysisConfig) -> None:
    """Refuse settings whose models cannot be kept.

    Raises
    ------
    ConfigError
        If the score of a fold is not that of one classifier, or its classifier cannot be written to a file.
    """
    classifier = config.cwola.classifier
    if not score_named(classifier).suffix:
        raise ConfigError(f"models of cwola.classifier: {classifier} cannot be saved; do not ask for them")
    if not models_can_be_kept(config):
        raise ConfigError(
            "models can be saved with cwola.nested: false and cwola.average: score only, where the score of a fold is "
            "that of one classifier; change these, or do not ask for models"
        )
