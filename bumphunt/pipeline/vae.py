"""The VAE of a run: quantile front end and network, trained on all events as the configuration says."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.events import BlindEvents, feature_matrix, feature_names
from bumphunt.preprocessing.scaling import QuantileFrontEnd
from bumphunt.rng import integer_seed
from bumphunt.scores.vae import VariationalAutoencoder

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedVae:
    """A trained network with its front end, its features and the events it saw, (events, features) in [0, 1]."""

    features: tuple[str, ...]
    front_end: QuantileFrontEnd
    unit: FloatArray
    model: VariationalAutoencoder


def train_vae(events: BlindEvents, config: AnalysisConfig, *, seed: int) -> TrainedVae:
    """Train the VAE on all events, blind to mjj and to truth."""
    settings = config.vae
    names = feature_names(events, settings.features)
    front_end = QuantileFrontEnd(features=names).fit(events[list(names)])
    unit = front_end.transform(feature_matrix(events, names))
    model = VariationalAutoencoder(
        hidden=tuple(settings.hidden),
        latent_dim=settings.latent_dim,
        activation=settings.activation,
        reconstruction=settings.reconstruction,
        zeta=settings.zeta,
        xi=settings.xi,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        seed=integer_seed(seed, "vae"),
    ).fit(unit)
    return TrainedVae(features=names, front_end=front_end, unit=unit, model=model)
