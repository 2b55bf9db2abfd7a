"""The networks of a run: quantile front end and VAE or autoencoder, trained on all events as the configuration says."""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.address_space import NEEDED_BY_NETWORKS, check_room
from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents, feature_matrix, feature_names
from bumphunt.preprocessing.scaling import QuantileFrontEnd
from bumphunt.rng import integer_seed
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.vae import VariationalAutoencoder

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitFeatures:
    """What a network sees: its features, the front end, and the events in [0, 1], (events, features), single precision.

    Networks compute in single precision, whatever they are given.
    """

    features: tuple[str, ...]
    front_end: QuantileFrontEnd
    unit: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedVae(UnitFeatures):
    """A trained network with its front end, its features and the events it saw, (events, features) in [0, 1]."""

    model: VariationalAutoencoder


def unit_features(events: BlindEvents, features: list[str] | None) -> UnitFeatures:
    """Return features, those named or all jet observables that vary, each replaced by its quantile.

    Raises
    ------
    InputError
        If a feature is missing, or one that was named has the same value in every event, or all have.
    """
    names = _varying(events, features)
    front_end = QuantileFrontEnd(features=names).fit(events[list(names)])
    unit = np.empty((len(events), len(names)), dtype=np.float32)
    for start in range(0, len(events), _CHUNK):
        rows = slice(start, start + _CHUNK)
        unit[rows] = front_end.transform(events.iloc[rows])
    return UnitFeatures(features=names, front_end=front_end, unit=unit)


_CHUNK = 1 << 17  # events whose features are mapped at a time


def _varying(events: BlindEvents, features: list[str] | None) -> tuple[str, ...]:
    """Return the names of the features that vary."""
    names = feature_names(events, features)
    constant = [name for name in names if not np.ptp(feature_matrix(events, [name])) > 0]
    if constant and (features is not None or len(constant) == len(names)):
        raise InputError(
            f"feature {constant[0]!r} has the same value in every event and carries no information; leave it out"
        )
    if constant:
        logger.warning("the networks leave out %s: the same value in every event", ", ".join(constant))
        names = tuple(name for name in names if name not in constant)
    return names


def check_networks(events: BlindEvents, config: AnalysisConfig) -> None:
    """Refuse, before a long search, a network whose features the events do not have or do not vary in.

    Raises
    ------
    InputError
        As for :func:`unit_features`; also if the address space is too small for any network.
    """
    if config.vae.enabled or config.autoencoder.enabled:
        remedy = ", or set enabled: false in the sections vae and autoencoder of the configuration"
        check_room(NEEDED_BY_NETWORKS, what="a run with networks", remedy=remedy)
    for section in (config.vae, config.autoencoder):
        features = section.features or config.features
        if section.enabled and features is not None:
            _varying(events, features)


def train_vae(
    events: BlindEvents, config: AnalysisConfig, *, seed: int, prepared: UnitFeatures | None = None
) -> TrainedVae:
    """Train the VAE on all events, blind to mjj and to truth; ``prepared`` saves preparing its features again."""
    settings = config.vae
    seen = prepared or unit_features(events, settings.features or config.features)
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
    ).fit(seen.unit)
    return TrainedVae(features=seen.features, front_end=seen.front_end, unit=seen.unit, model=model)


def train_latent_vae(config: AnalysisConfig, unit: npt.NDArray[np.floating], *, seed: int) -> VariationalAutoencoder:
    """Train the VAE in whose latent space a classifier will look, on features in [0, 1] of shape (events, features)."""
    settings, own = config.vae, config.latent
    return VariationalAutoencoder(
        hidden=tuple(settings.hidden),
        latent_dim=own.latent_dim,
        activation=settings.activation,
        reconstruction=settings.reconstruction,
        zeta=own.zeta,
        xi=settings.xi,
        epochs=own.epochs,
        batch_size=own.batch_size,
        optimizer=own.optimizer,
        learning_rate=own.learning_rate,
        seed=integer_seed(seed, "latent", "vae"),
    ).fit(unit)


def train_autoencoder(config: AnalysisConfig, unit: npt.NDArray[np.floating], *, seed: int) -> Autoencoder:
    """Train the plain autoencoder on features in [0, 1], shape (events, features)."""
    settings = config.autoencoder
    return Autoencoder(
        hidden=tuple(settings.hidden),
        latent_dim=settings.latent_dim,
        reconstruction=settings.reconstruction,
        activation=settings.activation,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=integer_seed(seed, "autoencoder"),
    ).fit(unit)
