"""Train the supervised network on labelled events, if asked for with adversarial ones.

Whole epochs are compiled, as in :mod:`bumphunt.scores.training`. Adversarial training is inside the
same compiled step: the gradient on the features comes before the gradient on the weights.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, FitError
from bumphunt.rng import generator
from bumphunt.scores.autoencoder import in_chunks
from bumphunt.scores.backend import import_tensorflow
from bumphunt.scores.training import Schedule, compile_epoch, make_optimizer, minibatches

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]
Loss = Callable[[Any, Any], Any]
"""(truth, log-odds) -> loss of each event, all of shape (events,)."""

# Events whose gradients are taken at once.
_CHUNK = 32_768


def train_classifier(
    network: Any,
    sample: tuple[Rows, Rows],
    validation: tuple[Rows, Rows],
    *,
    loss: Loss,
    schedule: Schedule,
    adversarial: tuple[float, float] = (0.0, 0.0),
) -> dict[str, FloatArray]:
    r"""Minimise a loss epoch by epoch, and leave the network with the weights of its best validation loss.

    Parameters
    ----------
    network : ClassifierNetwork
        Trained in place.
    sample, validation : (features, truth)
        Standardised features of shape (events, features) and truth of shape (events,), float32.
    loss : callable
        Loss of each event, for example :func:`bumphunt.scores.losses.log_loss`.
    schedule : Schedule
        How it is trained.
    adversarial : (epsilon, share)
        With ``epsilon`` > 0 each step minimises :math:`(1-s) J(x) + s J(x')` with the share *s* and
        :math:`x' = x + \epsilon\,\mathrm{sign}\,\partial J/\partial x` (arXiv:1412.6572, section 6).

    Returns
    -------
    dict of str to numpy.ndarray
        ``loss`` (as minimised, with dropout, averaged over the epoch) and ``validation_loss`` (of the
        events as they are, at the end of the epoch), each of shape (epochs run,).

    Raises
    ------
    ConfigError
        If the optimiser is unknown, or the number of epochs is not given.
    FitError
        If the loss is no longer finite.
    """
    if schedule.epochs is None:
        raise ConfigError("a classifier is trained for a given number of epochs; set epochs")
    tf = import_tensorflow()
    (features, truth), (epsilon, share) = sample, adversarial
    steps, size = minibatches(len(features), schedule.batch_size)

    def mean_loss(batch: Any, labels: Any) -> Any:
        return tf.reduce_mean(loss(labels, network(batch, training=True)))

    def losses(batch: Any, labels: Any) -> tuple[Any, Any]:
        value = mean_loss(batch, labels) if epsilon == 0 or share < 1 else 0.0
        if epsilon > 0:
            # Without dropout: the direction is that of the network as it will be used.
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(batch)
                wrong = wrongness(labels, network(batch, training=False))
            shift = tf.stop_gradient(epsilon * tf.sign(tape.gradient(wrong, batch)))
            value = (1.0 - share) * value + share * mean_loss(batch + shift, labels)
        return value, tf.reshape(value, (1,))

    weights = network.trainable_variables
    epoch = compile_epoch(losses, weights, make_optimizer(weights, schedule), steps, size, parts=1)
    data = [tf.constant(column) for column in (features, truth)]
    order = generator(schedule.seed, "reference", "shuffle")
    history: dict[str, list[float]] = {"loss": [], "validation_loss": []}
    best, since, kept = np.inf, 0, network.get_weights()
    for number in range(1, schedule.epochs + 1):
        chosen = order.permutation(len(features))[: steps * size].astype(np.int32)
        training = float(epoch(tf.constant(chosen), *data)[0])
        outcome = np.asarray(loss(validation[1], in_chunks(network, validation[0])[0].astype(np.float32)))
        reached = float(outcome.mean(dtype=np.float64))
        if not (np.isfinite(training) and np.isfinite(reached)):
            raise FitError(
                f"training diverged in epoch {number} (loss {training}); "
                f"lower learning_rate (now {schedule.learning_rate:g})"
            )
        history["loss"].append(training)
        history["validation_loss"].append(reached)
        logger.debug("epoch %d/%d: loss %.4g, validation loss %.4g", number, schedule.epochs, training, reached)
        since += 1
        if reached < best:
            best, since, kept = reached, 0, network.get_weights()
        if schedule.patience is not None and since >= schedule.patience:
            break
    network.set_weights(kept)
    return {key: np.array(values) for key, values in history.items()}


def wrongness(truth: Any, log_odds: Any) -> Any:
    """Return a number whose gradient on each event has the sign of the loss's, and never underflows as that does."""
    return import_tensorflow().reduce_sum((1.0 - 2.0 * truth) * log_odds)


def loss_gradient_sign(network: Any, rows: Rows, truth: Rows) -> Rows:
    """Return the sign of the loss's gradient on each feature, shape (events, features), without dropout.

    It is the same for every loss that falls as the log-odds move towards the truth. It is 0 where the
    network is flat, as where all rectified units of a layer are off.
    """
    tf = import_tensorflow()
    pieces = []
    for start in range(0, len(rows), _CHUNK):
        part = tf.constant(rows[start : start + _CHUNK])
        with tf.GradientTape() as tape:
            tape.watch(part)
            value = wrongness(truth[start : start + _CHUNK], network(part, training=False))
        pieces.append(np.sign(np.asarray(tape.gradient(value, part))))
    return np.concatenate(pieces).astype(np.float32)
