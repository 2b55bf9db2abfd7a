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
    """What a network sees: its features, the front end, and the events in [0, 1], shape (events, features)."""

    features: tuple[str, ...]
    front_end: QuantileFrontEnd
    unit: FloatArray


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
    names, matrix = _varying(events, features)
    front_end = QuantileFrontEnd(features=names).fit(events[list(names)])
    return UnitFeatures(features=names, front_end=front_end, unit=front_end.transform(matrix))


def _varying(events: BlindEvents, features: list[str] | None) -> tuple[tuple[str, ...], FloatArray]:
    """Return names and values of the features that vary."""
    names = feature_names(events, features)
    matrix = feature_matrix(events, names)
    varies = np.ptp(matrix, axis=0) > 0
    constant = [name for name, moves in zip(names, varies, strict=True) if not moves]
    if constant and (features is not None or not varies.any()):
        raise InputError(
            f"feature {constant[0]!r} has the same value in every event and carries no information; leave it out"
        )
    if constant:
        logger.warning("the networks leave out %s: the same value in every event", ", ".join(constant))
        names, matrix = tuple(name for name in names if name not in constant), matrix[:, varies]
    return names, matrix


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
    seen = prepared or unit_features(events, settings.features)
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


def train_latent_vae(config: AnalysisConfig, unit: FloatArray, *, seed: int) -> VariationalAutoencoder:
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


def train_autoencoder(config: AnalysisConfig, unit: FloatArray, *, seed: int) -> Autoencoder:
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
