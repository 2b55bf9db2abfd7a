r"""The variational autoencoder of the praktikum, with the loss :math:`\zeta L_R + \xi L_{KL}`.

Domen Vaupotič, *Praktikum strojnega učenja v fiziki*; "the report" below.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError
from bumphunt.events import FloatArray
from bumphunt.scores.autoencoder import EncoderDecoderEstimator, in_chunks
from bumphunt.scores.losses import kl_divergence
from bumphunt.scores.protocol import Features

SCORES = ("z2", "kl", "reconstruction_error")


class VariationalAutoencoder(EncoderDecoderEstimator):
    r"""Variational autoencoder: each event becomes a Gaussian in a narrow latent space.

    Use it for the latent-space classifiers of :mod:`bumphunt.scores.latent` and to generate events.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the encoder's hidden layers; the decoder has them in reverse.
    latent_dim : int
        Dimensions of the latent space.
    zeta, xi : float
        Weights of the reconstruction and of the KL part of the loss. 5000 and 1 are the
        report's for jets, 784 and 1 its choice for 28 × 28 images.
    reconstruction : {"mse", "binary_crossentropy"}
        Reconstruction loss of an event, averaged over features.
    activation, optimizer : str
        Keras names.
    learning_rate : float
        Step of the optimiser.
    batch_size : int
        Events a step.
    epochs : int, optional
        Passes over the events. By default as many as make about 4000 steps, however many events there are.
    seed : int
        Seeds weights, shuffling and sampling; the same seed gives the same scores bit for bit.
    score : {"z2", "kl", "reconstruction_error"}
        What :meth:`anomaly_score` returns: those latent quantities whose anomalous end is known
        without looking. The signed ones (z, log σ²) need an orientation: see :mod:`bumphunt.scores.latent`.

    Notes
    -----
    The defaults follow the report where it was right to train gently: with Adadelta the
    latent line passes through the bulk of the events once, and events far along it stand out. Trained
    harder (Adam at 0.001, or many more steps) the line coils until it fills the feature space:
    the loss falls and the separation with it. Where that balance is not to depend on the number of
    steps, a smaller ``zeta`` (about 50) with Adam converges to a line that does not coil.

    In training :math:`z = \mu + \varepsilon \exp(\tfrac12 \log\sigma^2)` with standard normal
    :math:`\varepsilon` (arXiv:1312.6114). The encoder's second output is :math:`\log\sigma^2`. The
    report prints the formula wrongly, as :math:`\mu + \exp(\varepsilon \log\sigma / 2)`: that is not
    Gaussian, and it is not centred on :math:`\mu`.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (64, 64, 64),
        latent_dim: int = 1,
        zeta: float = 5000.0,
        xi: float = 1.0,
        reconstruction: str = "mse",
        activation: str = "relu",
        optimizer: str = "adadelta",
        learning_rate: float = 5e-3,
        batch_size: int = 1000,
        epochs: int | None = None,
        seed: int = 0,
        score: str = "z2",
    ) -> None:
        self.hidden = hidden
        self.latent_dim = latent_dim
        self.zeta = zeta
        self.xi = xi
        self.reconstruction = reconstruction
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.seed = seed
        self.score = score

    def encode(self, features: Features) -> tuple[FloatArray, FloatArray]:
        r"""Return :math:`\mu` and :math:`\log\sigma^2` of each event, each of shape (events, latent_dim)."""
        network = self._fitted()
        mean, log_var = in_chunks(network.encoder, self._unit_features(features))
        return mean, log_var

    def anomaly_score(self, features: Features, *, condition: npt.ArrayLike | None = None) -> FloatArray:
        """Return the score named by ``score`` for each event, shape (events,); higher is more anomalous.

        Of a model trained with a condition only the reconstruction error needs it again, as for
        :meth:`decode`; the scores of the latent space are blind to it.
        """
        if self.score == "reconstruction_error":
            return self.reconstruction_error(features, condition=condition)
        mean, log_var = self.encode(features)
        if self.score == "z2":
            return np.asarray((mean**2).sum(axis=1))
        return np.asarray(kl_divergence(mean, log_var), dtype=np.float64)

    def _loss_weights(self) -> tuple[float, float]:
        return float(self.zeta), float(self.xi)

    def _is_variational(self) -> bool:
        return True

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.zeta < 0 or self.xi < 0 or self.zeta + self.xi == 0:
            raise ConfigError(f"zeta {self.zeta:g} and xi {self.xi:g} are weights; give numbers >= 0, not both 0")
        if self.score not in SCORES:
            raise ConfigError(f"score is {self.score!r}; choose one of {', '.join(SCORES)}")
