"""The supervised network of the lectures of Soares and Kalinowski, with adversarial training. For studies only.

Standardised features, rotated to their principal axes; balanced samples; dense layers whose width falls
by a step a layer, with dropout; the weights with the best validation loss are kept.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.events import FloatArray
from bumphunt.rng import generator
from bumphunt.scores.autoencoder import in_chunks
from bumphunt.scores.losses import focal_loss, log_loss
from bumphunt.scores.persistence import load_network_of, save_network
from bumphunt.scores.supervised.trees import BoolArray, SupervisedClassifier
from bumphunt.scores.training import Schedule

LOSSES = ("log", "focal")


class MlpClassifier(SupervisedClassifier):
    r"""Multilayer perceptron trained on truth. For studies only.

    Scaling (mean and standard deviation) and principal axes are learned from all events given, whatever their
    class. The network is trained on as many signal as background events, drawn at random from the
    larger class, and a fifth of each is held out to choose the epoch.

    Parameters
    ----------
    width, depth, step : int
        The first of ``depth`` hidden layers has ``width`` neurons, and each next one ``step`` fewer.
    activation : str
        Keras name.
    dropout : float
        Part of each hidden layer's output left out in training, in [0, 1).
    loss : {"log", "focal"}
        :func:`~bumphunt.scores.losses.log_loss` or :func:`~bumphunt.scores.losses.focal_loss`.
        After the focal loss :meth:`probability` is not calibrated; the order of events is what counts.
    gamma : float
        Of the focal loss.
    alpha : float, optional
        Of the focal loss.
    optimizer : str
        Keras name.
    learning_rate : float
        Step of the optimiser.
    batch_size, epochs : int
        Events a step, and passes over the events.
    patience : int, optional
        Stop after so many epochs without a better validation loss. By default all epochs are run.
    validation_fraction : float
        Part of the events held out, in (0, 1).
    balanced : bool
        Train on as many events of one class as of the other, or on all events.
    pca : bool
        Rotate to the principal axes.
    fgsm_epsilon : float
        Size of the adversarial shift, in standard deviations of each feature; 0 trains without it, and 0.01 is
        the choice of Kalinowski's lecture.
    fgsm_share : float
        Weight of the shifted events in the loss, in (0, 1]: 0.5 is that of arXiv:1412.6572 (section 6), 1 trains
        on shifted events only.
    seed : int
        Seeds weights, dropout, the choice and the order of events; the same seed gives the same scores.

    Attributes
    ----------
    history_ : dict of str to numpy.ndarray
        ``loss`` and ``validation_loss`` of each epoch.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept.
    network_ : keras.Model
        The trained network, from standardised features to log-odds.
    mean_, scale_ : numpy.ndarray
        Mean and standard deviation of each feature, shape (features,).

    Notes
    -----
    The defaults are those of a course template: two layers of 25 and 20, batches of 100, 100 epochs, Adam. A network
    found by search for a resonance in large-radius jets is ``width=352, depth=3, step=0,
    activation="selu", optimizer="nadam", dropout=0.1``.
    """

    def __init__(
        self,
        *,
        width: int = 25,
        depth: int = 2,
        step: int = 5,
        activation: str = "relu",
        dropout: float = 0.1,
        loss: str = "log",
        gamma: float = 2.0,
        alpha: float | None = None,
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        batch_size: int = 100,
        epochs: int = 100,
        patience: int | None = None,
        validation_fraction: float = 0.2,
        balanced: bool = True,
        pca: bool = True,
        fgsm_epsilon: float = 0.0,
        fgsm_share: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.width = width
        self.depth = depth
        self.step = step
        self.activation = activation
        self.dropout = dropout
        self.loss = loss
        self.gamma = gamma
        self.alpha = alpha
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.balanced = balanced
        self.pca = pca
        self.fgsm_epsilon = fgsm_epsilon
        self.fgsm_share = fgsm_share
        self.seed = seed

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return tuple(self.width - self.step * number for number in range(self.depth))

    def standardise(self, features: FloatArray) -> npt.NDArray[np.float32]:
        """Return feature rows in units of their standard deviation, as the network takes them."""
        return np.asarray((features - self.mean_) / self.scale_, dtype=np.float32)

    def save(self, path: str | Path) -> None:
        """Write network, settings and history to a ``.keras`` file."""
        if not hasattr(self, "network_"):
            raise InputError("MlpClassifier is not fitted; call fit or load first")
        self.network_.settings_json = {
            "estimator": type(self).__name__,
            "parameters": self.get_params(),
            "history": {key: values.tolist() for key, values in self.history_.items()},
            "mean": self.mean_.tolist(),
            "scale": self.scale_.tolist(),
        }
        save_network(self.network_, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; its answers are identical.

        Raises
        ------
        InputError
            If the file is not of this kind of classifier.
        """
        # Imported for the class it registers.
        import bumphunt.scores.supervised.layers  # noqa: F401

        network, settings = load_network_of(path, cls.__name__)
        model = cls(**settings["parameters"])
        model.mean_, model.scale_ = np.array(settings["mean"]), np.array(settings["scale"])
        model.n_features_in_ = len(model.mean_)
        return model._with_network(network, {key: np.array(values) for key, values in settings["history"].items()})

    def _train(self, features: FloatArray, signal: BoolArray) -> None:
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        self._check_settings()
        from bumphunt.scores.supervised.layers import ClassifierNetwork
        from bumphunt.scores.supervised.training import train_classifier

        scaler = StandardScaler().fit(features)
        self.mean_, self.scale_ = np.asarray(scaler.mean_), np.asarray(scaler.scale_)
        rows, truth = self.standardise(features), signal.astype(np.float32)
        try:
            network = ClassifierNetwork(
                n_features=features.shape[1],
                widths=self.widths,
                activation=self.activation,
                dropout=self.dropout,
                seed=self.seed,
            )
        except ValueError as error:
            raise ConfigError(
                f"the network cannot be built ({str(error).splitlines()[0]}); check activation"
            ) from error
        if self.pca and len(features) >= features.shape[1]:
            network.set_axes(PCA(svd_solver="full").fit(scaler.transform(features)).components_)
        training, held_out = self._split(signal)
        history = train_classifier(
            network,
            (rows[training], truth[training]),
            (rows[held_out], truth[held_out]),
            loss=self._loss(),
            schedule=Schedule.of(self),
            adversarial=(float(self.fgsm_epsilon), float(self.fgsm_share)),
        )
        self._with_network(network, history)

    def _log_odds(self, features: FloatArray) -> FloatArray:
        return in_chunks(self.network_, self.standardise(features))[0]

    def _loss(self) -> Callable[[Any, Any], Any]:
        return log_loss if self.loss == "log" else partial(focal_loss, gamma=self.gamma, alpha=self.alpha)

    def _with_network(self, network: Any, history: dict[str, FloatArray]) -> Self:
        self.network_ = network
        self.history_ = history
        self.best_epoch_ = int(np.argmin(history["validation_loss"])) + 1
        return self

    def _split(self, signal: BoolArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return which events train and which are held out, balanced where asked for."""
        rng = generator(self.seed, "reference", "split")
        classes = [rng.permutation(np.flatnonzero(signal == flag)) for flag in (True, False)]
        if self.balanced:
            fewest = min(map(len, classes))
            classes = [members[:fewest] for members in classes]
        held = [max(1, round(self.validation_fraction * len(members))) for members in classes]
        training = np.concatenate([members[number:] for members, number in zip(classes, held, strict=True)])
        held_out = np.concatenate([members[:number] for members, number in zip(classes, held, strict=True)])
        return training, held_out

    def _check_settings(self) -> None:
        if self.depth < 1 or self.step < 0 or self.widths[-1] < 1:
            raise ConfigError(
                f"width {self.width}, depth {self.depth} and step {self.step} give layers of {self.widths}; "
                "each needs a neuron"
            )
        Schedule.of(self)
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"patience is {self.patience}; give at least 1 epoch, or None")
        if not 0 <= self.dropout < 1 or not 0 < self.validation_fraction < 0.9:
            raise ConfigError(
                f"dropout {self.dropout} must be in [0, 1) and validation_fraction {self.validation_fraction} "
                "in (0, 0.9)"
            )
        if self.loss not in LOSSES:
            raise ConfigError(f"loss is {self.loss!r}; choose one of {', '.join(LOSSES)}")
        if self.gamma < 0 or (self.alpha is not None and not 0 < self.alpha < 1):
            raise ConfigError(
                f"gamma is {self.gamma} and alpha {self.alpha}; give gamma >= 0 and alpha in (0, 1) or None"
            )
        if self.fgsm_epsilon < 0 or not 0 < self.fgsm_share <= 1:
            raise ConfigError(
                f"fgsm_epsilon {self.fgsm_epsilon} must be >= 0 and fgsm_share {self.fgsm_share} in (0, 1]"
            )
