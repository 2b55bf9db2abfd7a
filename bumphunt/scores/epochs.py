"""How the scores of a VAE change while it trains: for studies, whose truth never comes near the training."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError
from bumphunt.events import FloatArray
from bumphunt.scores.latent import LatentModel, latent_scores
from bumphunt.scores.protocol import Features, check_features


class EpochScores:
    """Keep the latent scores of some events after each epoch; pass it to ``fit`` as ``on_epoch``.

    It holds features and is shown copies of the model. Truth has no place in it: a study judges the
    scores after training, for example ``[roc(score, truth).auc for score in kept.scores["z2"]]``.

    Parameters
    ----------
    features : array_like or pandas.DataFrame
        Shape (events, features), in [0, 1]; a table with truth is refused.
    condition : array_like, optional
        What the decoder of a conditional model is told, shape (events,).
    every : int
        Epochs from one look to the next.

    Attributes
    ----------
    epochs : list of int
        Numbers of the epochs looked at, from 1.
    scores : dict of str to list of numpy.ndarray
        For each score of :func:`~bumphunt.scores.latent.latent_scores` one array of shape (events,) per look.
    """

    def __init__(self, features: Features, *, condition: npt.ArrayLike | None = None, every: int = 1) -> None:
        if every < 1:
            raise ConfigError(f"every is {every}; give 1 epoch or more")
        self._features = check_features(features)
        self._condition = None if condition is None else np.asarray(condition, dtype=np.float64)
        self._every = every
        self.epochs: list[int] = []
        self.scores: dict[str, list[FloatArray]] = {}

    def __call__(self, epoch: int, model: LatentModel | Any) -> None:
        """Look at a copy of the model after an epoch."""
        if epoch % self._every:
            return
        self.epochs.append(epoch)
        for name, score in latent_scores(model, self._features, condition=self._condition).items():
            self.scores.setdefault(name, []).append(score)
