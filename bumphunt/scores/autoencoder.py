"""The plain autoencoder: an event that is rebuilt badly is unlike those it was trained on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.scores.estimators import ScorerMixin
from bumphunt.scores.losses import RECONSTRUCTIONS, reconstruction_loss
from bumphunt.scores.persistence import load_network_of, save_network
from bumphunt.scores.protocol import Features, check_features

# Events passed through a network at once when it is only read: enough to be fast, few enough to stay small.
_CHUNK = 32_768


class EncoderDecoderEstimator(ScorerMixin, BaseEstimator):  # type: ignore[misc, unused-ignore]
    """What the autoencoders share: training, decoding, reconstruction error, files.

    Use :class:`Autoencoder` or :class:`~bumphunt.scores.vae.VariationalAutoencoder`. A subclass
    stores its settings in ``__init__`` under the names used here.

    Attributes
    ----------
    history_ : dict of str to numpy.ndarray
        ``loss``, ``L_R`` and ``L_KL`` of each epoch.
    n_features_in_ : int
        Features per event.
    network_ : keras.Model
        The trained network.

    Notes
    -----
    Trained with a ``condition``, such as mjj, the decoder is told it and the encoder is not
    (arXiv:2103.06595): there is then no need to keep it in the latent space, whose scores stay
    agnostic of the mass, and the decoder answers what an event of given latent point *and* mass
    looks like. Whatever decodes needs the condition again; whatever only encodes does not take it.
    """

    hidden: Sequence[int]
    latent_dim: int
    reconstruction: str
    activation: str
    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int | None
    seed: int

    def _loss_weights(self) -> tuple[float, float]:
        """Return the weights of the reconstruction and the KL part of the loss."""
        return 1.0, 0.0

    def _is_variational(self) -> bool:
        return False

    def fit(
        self,
        features: Features,
        y: None = None,
        *,
        condition: npt.ArrayLike | None = None,
        on_epoch: Callable[[int, Self], object] | None = None,
    ) -> Self:
        """Train on feature rows in [0, 1].

        Parameters
        ----------
        features : array_like or pandas.DataFrame
            Shape (events, features), each value in [0, 1].
        y : None
            Ignored: there is no truth here.
        condition : array_like, optional
            Shape (events,) or (events, conditions), in any unit, for example mjj in GeV: told to the
            decoder alone. It is centred and scaled here.
        on_epoch : callable, optional
            Called after each epoch with its number, from 1, and a *copy* of the estimator, for curves
            of a quality against the epoch; what it does to the copy cannot reach the training.

        Returns
        -------
        self

        Raises
        ------
        InputError
            On features that are not finite, not in [0, 1] or the same in every event (one that is constant beside
            others that are not does no harm), or a condition that is not finite or never changes.
        TruthError
            On a table with a truth column.
        ConfigError
            On a setting out of range.
        FitError
            If the training diverges.
        """
        matrix = _check_unit(np.asarray(features) if _single_precision(features) else check_features(features))
        if len(matrix) > 1 and not np.ptp(matrix, axis=0).any():
            raise InputError(f"all {len(matrix)} events are the same; there is nothing to learn from them")
        known = None if condition is None else _columns(condition, len(matrix))
        centre, scale = ((), ()) if known is None else _centre_and_scale(known)
        self._check_settings()
        from bumphunt.scores.layers import EncoderDecoder
        from bumphunt.scores.training import Objective, Schedule, train

        zeta, xi = self._loss_weights()
        objective = Objective(reconstruction=self.reconstruction, zeta=zeta, xi=xi)
        schedule = Schedule.of(self)
        try:
            network = EncoderDecoder(
                n_features=matrix.shape[1],
                hidden=list(self.hidden),
                latent_dim=self.latent_dim,
                activation=self.activation,
                variational=self._is_variational(),
                seed=self.seed,
                condition_centre=centre,
                condition_scale=scale,
            )
        except ValueError as error:
            raise ConfigError(
                f"the network cannot be built ({str(error).splitlines()[0]}); check activation"
            ) from error

        def show(epoch: int) -> None:
            if on_epoch is not None:
                copy = type(network).from_config(network.get_config())
                copy.set_weights(network.get_weights())
                on_epoch(epoch, type(self)(**self.get_params())._with_network(copy, {}))

        history = train(
            network,
            matrix,
            objective=objective,
            schedule=schedule,
            condition=None if known is None else _scaled(known, centre, scale),
            on_epoch=show if on_epoch is not None else None,
        )
        return self._with_network(network, history)

    def decode(self, z: npt.ArrayLike, *, condition: npt.ArrayLike | None = None) -> FloatArray:
        """Return the features, in [0, 1], that latent points stand for.

        Parameters
        ----------
        z : array_like
            Shape (events, latent_dim).
        condition : array_like, optional
            For a model trained with one, in the same unit: shape (events,) or (events, conditions),
            or one number for all.
        """
        network = self._fitted()
        points = check_features(z, width=self.latent_dim, name="z")
        return in_chunks(network.decoder, points, *self._told(condition, len(points)))[0]

    def reconstruct(self, features: Features, *, condition: npt.ArrayLike | None = None) -> FloatArray:
        """Return each event as the network rebuilds it (from the latent mean, without sampling), in [0, 1].

        ``condition`` is as for :meth:`decode`.
        """
        network = self._fitted()
        rows = self._unit_features(features)
        return in_chunks(network, rows, *self._told(condition, len(rows)))[0]

    def reconstruction_error(self, features: Features, *, condition: npt.ArrayLike | None = None) -> FloatArray:
        """Return the reconstruction loss of each event, shape (events,); higher is more anomalous.

        ``condition`` is as for :meth:`decode`.
        """
        network, target = self._fitted(), self._unit_features(features)
        told = self._told(condition, len(target))
        loss = np.empty(len(target), dtype=np.float64)
        for start in range(0, len(target), _CHUNK):
            rows = slice(start, start + _CHUNK)
            rebuilt = in_chunks(network, target[rows], *(column[rows] for column in told))[0].astype(np.float32)
            loss[rows] = reconstruction_loss(target[rows], rebuilt, kind=self.reconstruction)
        return loss

    def save(self, path: str | Path) -> None:
        """Write network, settings and history to a ``.keras`` file."""
        network = self._fitted()
        network.settings_json = {
            "estimator": type(self).__name__,
            "parameters": {**self.get_params(), "hidden": list(self.hidden)},
            "history": {key: list(map(float, values)) for key, values in self.history_.items()},
        }
        save_network(network, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is not of this kind of estimator.
        """
        network, settings = load_network_of(path, cls.__name__)
        parameters = {**settings["parameters"], "hidden": tuple(settings["parameters"]["hidden"])}
        return cls(**parameters)._with_network(network, {k: np.array(v) for k, v in settings["history"].items()})

    def _with_network(self, network: Any, history: dict[str, FloatArray]) -> Self:
        self.network_ = network
        self.history_ = history
        self.n_features_in_ = int(network.shape_config["n_features"])
        return self

    def _fitted(self) -> Any:
        if not hasattr(self, "network_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")
        return self.network_

    def _told(self, condition: npt.ArrayLike | None, n_events: int) -> tuple[npt.NDArray[np.float32], ...]:
        """Return what the decoder must be told besides the latent point: nothing, or the scaled condition."""
        shape = self._fitted().shape_config
        centre, scale = list(shape["condition_centre"]), list(shape["condition_scale"])
        if not centre and condition is None:
            return ()
        if not centre:
            raise InputError("a condition was given, but the model was fitted without one; leave it out")
        if condition is None:
            raise InputError("the decoder was fitted with a condition; give condition= here too (encode needs none)")
        columns = _columns(condition, n_events)
        if columns.shape[1] != len(centre):
            raise InputError(f"condition has {columns.shape[1]} columns, but the model was fitted with {len(centre)}")
        return (_scaled(columns, centre, scale),)

    def _check_settings(self) -> None:
        if not self.hidden or min(self.hidden) < 1 or self.latent_dim < 1:
            raise ConfigError(f"hidden {tuple(self.hidden)} and latent_dim {self.latent_dim} must be positive widths")
        if self.reconstruction not in RECONSTRUCTIONS:
            raise ConfigError(f"reconstruction is {self.reconstruction!r}; choose one of {', '.join(RECONSTRUCTIONS)}")

    def _unit_features(self, features: Features) -> npt.NDArray[np.float32]:
        self._fitted()
        if _single_precision(features) and np.shape(features)[1] == self.n_features_in_:
            return _check_unit(np.asarray(features))
        return _check_unit(check_features(features, width=self.n_features_in_))


def _single_precision(features: Features) -> bool:
    """Return whether these are finite numbers that a network can take as they are, without a copy in between."""
    return (
        isinstance(features, np.ndarray)
        and features.dtype == np.float32
        and features.ndim == 2
        and features.size > 0
        and bool(np.isfinite(features.min()) and np.isfinite(features.max()))
    )


def _check_unit(matrix: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    low, high = float(matrix.min()), float(matrix.max())
    if low < -1e-6 or high > 1 + 1e-6:
        raise InputError(
            f"features span [{low:.4g}, {high:.4g}], outside [0, 1]; transform them first (QuantileFrontEnd does)"
        )
    return matrix.astype(np.float32, copy=False)


def _columns(condition: npt.ArrayLike, n_events: int) -> FloatArray:
    """Return a condition as a finite array of shape (events, conditions); one number serves all events."""
    array = np.asarray(condition)
    if array.ndim == 0:
        array = np.broadcast_to(array, (n_events,))
    columns = check_features(array[:, None] if array.ndim == 1 else array, name="condition")
    if len(columns) != n_events:
        raise InputError(f"condition has {len(columns)} rows for {n_events} events; give one per event")
    return columns


def _centre_and_scale(columns: FloatArray) -> tuple[list[float], list[float]]:
    scale = columns.std(axis=0)
    if not (scale > 0).all():
        raise InputError("the condition has the same value in every event and carries no information; leave it out")
    return columns.mean(axis=0).tolist(), scale.tolist()


def _scaled(columns: FloatArray, centre: Sequence[float], scale: Sequence[float]) -> npt.NDArray[np.float32]:
    return np.asarray((columns - np.asarray(centre)) / np.asarray(scale), dtype=np.float32)


def in_chunks(function: Any, *columns: npt.NDArray[Any]) -> tuple[FloatArray, ...]:
    """Apply a network to rows, a chunk at a time, and return its outputs as float64 arrays.

    A network of several inputs is given one array for each.
    """
    pieces: list[Sequence[Any]] = []
    for start in range(0, len(columns[0]), _CHUNK):
        chunk = [rows[start : start + _CHUNK].astype(np.float32) for rows in columns]
        outputs = function(chunk if len(chunk) > 1 else chunk[0], training=False)
        pieces.append(outputs if isinstance(outputs, (list, tuple)) else (outputs,))
    return tuple(
        np.concatenate([np.asarray(part) for part in parts]).astype(np.float64) for parts in zip(*pieces, strict=True)
    )


class Autoencoder(EncoderDecoderEstimator):
    """Autoencoder with the reconstruction error as anomaly score.

    Use it as the simplest unsupervised cross-check. Where a latent description of the events is
    wanted, use :class:`~bumphunt.scores.vae.VariationalAutoencoder`.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    latent_dim : int
        Width of the bottleneck; it must stay well below the number of features.
    reconstruction : {"mse", "binary_crossentropy"}
        The loss and the score of an event.
    activation, optimizer : str
        Keras names.
    learning_rate : float
        Step of the optimiser.
    batch_size : int
        Events a step.
    epochs : int, optional
        Passes over the events. By default as many as make about 4000 steps, however many events there are.
    seed : int
        Seeds weights and shuffling; the same seed gives the same scores.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (64, 64, 64),
        latent_dim: int = 2,
        reconstruction: str = "mse",
        activation: str = "relu",
        optimizer: str = "adadelta",
        learning_rate: float = 5e-3,
        batch_size: int = 1000,
        epochs: int | None = None,
        seed: int = 0,
    ) -> None:
        self.hidden = hidden
        self.latent_dim = latent_dim
        self.reconstruction = reconstruction
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.seed = seed

    def encode(self, features: Features) -> FloatArray:
        """Return the latent point of each event, shape (events, latent_dim)."""
        network = self._fitted()
        return in_chunks(network.encoder, self._unit_features(features))[0]

    def anomaly_score(self, features: Features, *, condition: npt.ArrayLike | None = None) -> FloatArray:
        """Return the reconstruction error of each event, shape (events,); higher is more anomalous.

        ``condition`` is as for :meth:`decode`.
        """
        return self.reconstruction_error(features, condition=condition)

    def score(self, features: Features, y: None = None) -> float:
        """Return minus the mean reconstruction error, higher is better, for scikit-learn's searches."""
        return -float(self.reconstruction_error(features).mean())
