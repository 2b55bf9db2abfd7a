"""A small Keras network for weak supervision: the alternative to the boosted trees, behind the same protocol."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.scores.autoencoder import in_chunks
from bumphunt.scores.estimators import BinaryClassifier
from bumphunt.scores.persistence import load_network_of, save_network
from bumphunt.scores.protocol import BoolArray, Validation, check_features, check_training
from bumphunt.scores.stopping import check_criterion, criterion_value

# Standardised features are cut off here, so that one wild value cannot drown a minibatch.
_FARTHEST = 10.0


class NetworkClassifier(BinaryClassifier):
    """Ensemble of small dense networks that separates two samples of events.

    Use it beside :class:`~bumphunt.scores.trees.BoostedTrees` as a classifier of another kind: it is
    smooth where trees make steps. Features are standardised here. Members differ in their start and in the
    order of the events; whole epochs run in one compiled call.

    Parameters
    ----------
    members : int
        Networks in the ensemble.
    hidden : sequence of int
        Widths of the hidden layers.
    activation, optimizer : str
        Keras names. With ``"selu"`` weights start as LeCun's and dropout is the one made for it.
    dropout : float
        Part of each hidden layer that is silenced in training, from 0 up to but not including 1.
    learning_rate : float
        Step of the optimiser.
    batch_size : int
        Events a step.
    epochs : int
        Passes over the events; at most, where a validation sample ends the training.
    patience : int
        Epochs without a better one after which a validation sample ends the training.
    criterion : {"argos", "log_loss"}
        What judges an epoch on the validation sample; see :mod:`bumphunt.scores.stopping`. Neither knows truth.
    seed : int
        Seeds weights, dropout and shuffling; the same seed gives the same scores bit for bit on the
        same machine with the same number of threads.

    Attributes
    ----------
    histories_ : tuple of dict
        For each member ``loss`` and, with a validation sample, ``validation``, each of shape (epochs,).
    n_features_in_ : int
        Features per event.
    network_ : keras.Model
        The trained members.
    """

    def __init__(
        self,
        *,
        members: int = 2,
        hidden: Sequence[int] = (64, 64),
        activation: str = "relu",
        dropout: float = 0.1,
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        batch_size: int = 1000,
        epochs: int = 30,
        patience: int = 5,
        criterion: str = "argos",
        seed: int = 0,
    ) -> None:
        self.members = members
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.criterion = criterion
        self.seed = seed

    def fit(
        self,
        features: FloatArray,
        positive: BoolArray,
        *,
        weights: FloatArray | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Train on ``features`` (events, features) to find the events flagged ``positive`` (events,).

        With ``validation`` each member keeps the weights of the epoch that does best there.

        Raises
        ------
        TruthError
            If the truth column is among the features or given as the classes.
        InputError
            If there is only one class, or NaN among the features.
        ConfigError
            On a setting out of range.
        FitError
            If the training diverges.
        """
        self._check_settings()
        features, positive, sample = check_training(features, positive, weights)
        if validation is not None:
            check_training(validation.features, validation.positive, validation.weights)
        from bumphunt.scores.layers import ClassifierEnsemble
        from bumphunt.scores.training import Schedule, train_classifiers

        sample = sample / sample.mean()
        centre = np.average(features, axis=0, weights=sample)
        scale = np.sqrt(np.average((features - centre) ** 2, axis=0, weights=sample))
        # A feature that is constant among these events carries nothing; it stays at 0.
        standard = {"centre": centre.tolist(), "scale": np.where(scale > 0, scale, 1.0).tolist()}
        try:
            network = ClassifierEnsemble(
                n_features=features.shape[1],
                hidden=list(self.hidden),
                activation=self.activation,
                dropout=self.dropout,
                members=self.members,
                seed=self.seed,
                settings={"standard": standard},
            )
        except ValueError as error:
            raise ConfigError(
                f"the network cannot be built ({str(error).splitlines()[0]}); check activation"
            ) from error

        judge = None
        if validation is not None:
            held_out = _standardised(validation.features, standard)

            def judge(member: Any) -> float:
                return criterion_value(self.criterion, in_chunks(member, held_out)[0][:, 0], validation)

        histories = train_classifiers(
            network.members,
            _standardised(features, standard),
            positive.astype(np.float32),
            sample.astype(np.float32),
            schedule=Schedule.of(self),
            judge=judge,
        )
        return self._with_network(network, histories)

    def member_scores(self, features: FloatArray) -> FloatArray:
        """Return the log-odds each member gives each event, shape (members, events)."""
        network = self._fitted()
        rows = check_features(features, width=self.n_features_in_)
        return np.ascontiguousarray(in_chunks(network, _standardised(rows, network.settings_json["standard"]))[0].T)

    def save(self, path: str | Path) -> None:
        """Write members, settings and histories to a ``.keras`` file."""
        network = self._fitted()
        network.settings_json = {
            "standard": dict(network.settings_json["standard"]),
            "estimator": type(self).__name__,
            "parameters": self.get_params() | {"hidden": list(self.hidden)},
            "histories": [{key: list(values) for key, values in history.items()} for history in self.histories_],
        }
        save_network(network, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is missing, damaged, or holds something else.
        """
        network, settings = load_network_of(path, cls.__name__)
        parameters = {**settings["parameters"], "hidden": tuple(settings["parameters"]["hidden"])}
        return cls(**parameters)._with_network(network, settings["histories"])

    def _with_network(self, network: Any, histories: Sequence[dict[str, list[float]]]) -> Self:
        self.network_ = network
        self.histories_ = tuple({key: np.array(values) for key, values in history.items()} for history in histories)
        self.classes_ = np.array([False, True])
        self.n_features_in_ = int(network.shape_config["n_features"])
        return self

    def _fitted(self) -> Any:
        if not hasattr(self, "network_"):
            raise InputError(f"{type(self).__name__} is not fitted; call fit or load first")
        return self.network_

    def _check_settings(self) -> None:
        if self.members < 1 or self.patience < 1 or not self.hidden or min(self.hidden) < 1:
            raise ConfigError(
                f"members {self.members}, patience {self.patience} and hidden {tuple(self.hidden)} must be positive"
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout:g}; give a part of the layer, 0 up to 1")
        check_criterion(self.criterion)


def _standardised(features: FloatArray, standard: dict[str, list[float]]) -> npt.NDArray[np.float32]:
    rows = (features - np.asarray(standard["centre"])) / np.asarray(standard["scale"])
    return np.asarray(np.clip(rows, -_FARTHEST, _FARTHEST), dtype=np.float32)
