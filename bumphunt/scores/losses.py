r"""Losses per event: of a variational autoencoder, and of a classifier.

An autoencoder minimises :math:`L = \zeta L_R + \xi L_{KL}`: how badly an event is rebuilt, and how far
its latent Gaussian is from the standard one. A classifier minimises the log loss, or the focal loss
that dwells on events it finds hard. The functions take numpy arrays or TensorFlow tensors of shape
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


def log_loss(truth: Any, log_odds: Any) -> Any:
    r"""Return the log loss (binary cross-entropy) :math:`-\log p_t` of each event, from its log-odds.

    :math:`p_t` is the probability given to the class the event belongs to. Log-odds instead of
    probabilities keep it exact, and its gradient alive, however sure the classifier is.

    Parameters
    ----------
    truth : array_like
        1 or 0, of the type of ``log_odds``, shape (events,).
    log_odds : array_like
        :math:`\log p/(1-p)` of class 1, shape (events,).

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(log_loss(np.array([1.0, 0.0]), np.array([0.0, 2.0]))).round(3).tolist()
    [0.693, 2.127]
    """
    return import_keras().ops.softplus((1.0 - 2.0 * truth) * log_odds)


def focal_loss(truth: Any, log_odds: Any, *, gamma: float = 2.0, alpha: float | None = None) -> Any:
    r"""Return the focal loss :math:`-\alpha_t (1 - p_t)^\gamma \log p_t` of each event (arXiv:1708.02002, equation 5).

    Easy events, with :math:`p_t` near 1, count little, so that training dwells on the hard ones. A
    :math:`\gamma` of 0 without ``alpha`` is the log loss. With another :math:`\gamma` the output is no longer
    a calibrated probability; its order is what counts.

    Parameters
    ----------
    truth, log_odds
        As for :func:`log_loss`.
    gamma : float
        How little easy events count, at least 0; 2 is the choice of the paper.
    alpha : float, optional
        Weight of class 1, between 0 and 1; class 0 then has ``1 - alpha``. By default both have weight 1.

    Raises
    ------
    ConfigError
        If ``gamma`` or ``alpha`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(focal_loss(np.array([1.0, 1.0]), np.array([0.0, 4.0]))).round(6).tolist()  # (1 - p)² × log loss
    [0.173287, 6e-06]
    """
    if gamma < 0 or (alpha is not None and not 0 < alpha < 1):
        raise ConfigError(f"gamma is {gamma} and alpha {alpha}; give gamma >= 0 and alpha in (0, 1) or None")
    ops = import_keras().ops
    margin = (2.0 * truth - 1.0) * log_odds
    # (1 - p)^gamma through its logarithm: a power of a number that underflows to 0 has no gradient.
    loss = ops.exp(-gamma * ops.softplus(margin)) * ops.softplus(-margin)
    if alpha is None:
        return loss
    return (alpha * truth + (1.0 - alpha) * (1.0 - truth)) * loss
