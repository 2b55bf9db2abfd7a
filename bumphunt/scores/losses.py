r"""The two parts of the loss of a variational autoencoder, per event.

:math:`L = \zeta L_R + \xi L_{KL}`: how badly an event is rebuilt, and how far its latent Gaussian is
from the standard one. The functions take numpy arrays or TensorFlow tensors of shape
(events, ...) and give a tensor of shape (events,).
"""

from typing import Any

from bumphunt.errors import ConfigError
from bumphunt.scores.backend import import_keras

RECONSTRUCTIONS = ("mse", "binary_crossentropy")


def reconstruction_loss(target: Any, output: Any, *, kind: str = "mse") -> Any:
    """Return the reconstruction loss of each event, averaged over its features.

    Parameters
    ----------
    target, output : array_like
        Features and their reconstruction, shape (events, features); both in [0, 1] for the cross-entropy.
    kind : {"mse", "binary_crossentropy"}
        Squared error, or cross-entropy of the features read as probabilities. The latter has its
        minimum, but not zero, at ``output == target``.

    Examples
    --------
    >>> import numpy as np
    >>> float(reconstruction_loss(np.array([[0.0, 1.0]]), np.array([[0.5, 1.0]]))[0])
    0.125
    """
    keras = import_keras()
    if kind == "mse":
        return keras.ops.mean(keras.ops.square(output - target), axis=-1)
    if kind == "binary_crossentropy":
        return keras.ops.mean(keras.ops.binary_crossentropy(target, output), axis=-1)
    raise ConfigError(f"reconstruction is {kind!r}; choose one of {', '.join(RECONSTRUCTIONS)}")


def kl_divergence(mean: Any, log_var: Any) -> Any:
    r"""Return :math:`D_{KL}(N(\mu, \sigma^2) \,\|\, N(0, 1))` of each event, summed over latent dimensions.

    .. math:: \tfrac12 \sum_i (\mu_i^2 + \sigma_i^2 - 1 - \log \sigma_i^2)

    (arXiv:1312.6114, appendix B).

    Parameters
    ----------
    mean, log_var : array_like
        :math:`\mu` and :math:`\log \sigma^2`, shape (events, latent dimensions).

    Examples
    --------
    >>> import numpy as np
    >>> float(kl_divergence(np.array([[2.0]]), np.array([[0.0]]))[0])
    2.0
    """
    ops = import_keras().ops
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)
