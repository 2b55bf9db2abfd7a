"""Train an encoder-decoder a whole epoch at a time: one compiled call, no Python per step.

The features lie in memory as one tensor; shuffling, the minibatch loop, the gradient and the
optimiser's step are all inside a single compiled function. At small batches this removes most of
the cost of a step, which is Python and dispatch rather than arithmetic.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, FitError, InputError
from bumphunt.rng import generator
from bumphunt.scores.backend import import_keras, import_tensorflow
from bumphunt.scores.losses import reconstruction_loss

logger = logging.getLogger(__name__)

History = dict[str, npt.NDArray[np.float64]]

DEFAULT_STEPS = 4000
"""Steps of a training whose number of epochs is not given: as far trained on 50,000 events as on 1,000,000."""

# Below this many events a step is bound by dispatch, which XLA fuses away; above it by matrix
# products, where TensorFlow's own threaded kernels win over XLA's on CPU.
_XLA_MAX_BATCH = 256


def train(
    network: Any,
    features: npt.NDArray[np.float32],
    *,
    reconstruction: str,
    zeta: float,
    xi: float,
    optimizer: str,
    learning_rate: float,
    batch_size: int,
    epochs: int | None,
    seed: int,
    on_epoch: Callable[[int], None] | None = None,
) -> History:
    """Minimise ``zeta`` × reconstruction loss + ``xi`` × KL divergence epoch by epoch.

    Parameters
    ----------
    network : EncoderDecoder
        Trained in place.
    features : numpy.ndarray
        Shape (events, features), float32.
    batch_size : int
        Events a step. It is reduced to the next size that divides the events almost evenly, so that
        an epoch leaves out fewer events than it has steps (others each time, since each epoch is
        shuffled anew).
    epochs : int, optional
        Passes over the events; by default as many as make about :data:`DEFAULT_STEPS` steps.
    seed : int
        Decides the order of the events. The same seed gives the same weights bit for bit on the
        same machine with the same number of threads.
    on_epoch : callable, optional
        Called with the number of each epoch, from 1, after it.

    Returns
    -------
    dict of str to numpy.ndarray
        ``loss``, ``L_R`` and ``L_KL`` averaged over each epoch, shape (epochs,) each.

    Raises
    ------
    ConfigError
        If the optimiser is unknown or a setting is out of range.
    FitError
        If the loss is no longer finite.
    """
    if batch_size < 1 or (epochs is not None and epochs < 1) or not learning_rate > 0:
        raise ConfigError(
            f"batch_size {batch_size}, epochs {epochs} and learning_rate {learning_rate:g} must all be positive"
        )
    if len(features) < 2:
        raise InputError(f"{len(features)} event to train on; give at least 2, sensibly thousands")
    tf = import_tensorflow()
    steps = -(-len(features) // batch_size)
    size = len(features) // steps
    if epochs is None:
        epochs = max(1, round(DEFAULT_STEPS / steps))
    epoch = _compile_epoch(
        network, _make_optimizer(network, optimizer, learning_rate), steps, size, (reconstruction, zeta, xi)
    )
    data = tf.constant(features)
    order = generator(seed, "autoencoder", "shuffle")
    history: dict[str, list[float]] = {"loss": [], "L_R": [], "L_KL": []}
    for number in range(1, epochs + 1):
        chosen = order.permutation(len(features))[: steps * size].astype(np.int32)
        parts = epoch(data, tf.constant(chosen)).numpy().astype(float)
        loss = zeta * parts[0] + xi * parts[1]
        if not np.isfinite(loss):
            raise FitError(
                f"training diverged in epoch {number} (loss {loss}); lower learning_rate (now {learning_rate:g})"
            )
        for key, value in zip(history, (loss, *parts), strict=True):
            history[key].append(float(value))
        logger.debug("epoch %d/%d: loss %.4g, L_R %.4g, L_KL %.4g", number, epochs, loss, *parts)
        if on_epoch is not None:
            on_epoch(number)
    return {key: np.array(values) for key, values in history.items()}


def _make_optimizer(network: Any, name: str, learning_rate: float) -> Any:
    keras = import_keras()
    try:
        optimizer = keras.optimizers.get(name)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"optimizer {name!r} is unknown to Keras; use for example 'adam' or 'adadelta'") from error
    optimizer.learning_rate = learning_rate
    optimizer.build(network.trainable_variables)
    return optimizer


def _compile_epoch(network: Any, optimizer: Any, steps: int, size: int, loss: tuple[str, float, float]) -> Any:
    tf = import_tensorflow()
    kind, zeta, xi = loss
    weights = network.trainable_variables

    # Left to itself autograph would look for this function's source to turn the loop into graph
    # operations; tf.while_loop says it outright.
    @tf.function(jit_compile=size <= _XLA_MAX_BATCH, autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def epoch(data: Any, order: Any) -> Any:
        shuffled = tf.reshape(tf.gather(data, order), (steps, size, data.shape[1]))

        def step(number: Any, total: Any) -> tuple[Any, Any]:
            batch = shuffled[number]
            with tf.GradientTape() as tape:
                rebuilt, divergence = network.rebuild(batch, training=True)
                error = tf.reduce_mean(reconstruction_loss(batch, rebuilt, kind=kind))
                divergence = tf.reduce_mean(divergence)
                value = zeta * error + xi * divergence
            gradients = tape.gradient(value, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            optimizer.apply(gradients, weights)
            return number + 1, total + tf.stack([error, divergence])

        start = (tf.constant(0), tf.zeros(2))
        return tf.while_loop(lambda number, _: number < steps, step, start)[1] / steps

    return epoch
