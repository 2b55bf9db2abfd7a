"""Train a network a whole epoch at a time: one compiled call, no Python per step.

The features lie in memory as one tensor; shuffling, the minibatch loop, the gradient and the
optimiser's step are all inside a single compiled function. At small batches this removes most of
the cost of a step, which is Python and dispatch rather than arithmetic.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

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
# products, where TensorFlow's own threaded kernels are as fast on CPU and compile in a third of the time.
_XLA_MAX_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a network is trained.

    Parameters
    ----------
    optimizer : str
        A name that Keras knows.
    learning_rate : float
        Its step.
    batch_size : int
        Events a step. It is reduced to the next size that divides the events almost evenly, so that
        an epoch leaves out fewer events than it has steps (others each time, since each epoch is
        shuffled anew).
    epochs : int, optional
        Passes over the events; by default as many as make about :data:`DEFAULT_STEPS` steps.
    seed : int
        Decides the order of the events and the noise. The same seed gives the same weights bit for bit on the
        same machine with the same number of threads.
    patience : int, optional
        Epochs without a better validation after which a training that has one ends; by default all are run.

    Raises
    ------
    ConfigError
        If the learning rate, the batch size or the number of epochs is not positive.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    epochs: int | None
    seed: int
    patience: int | None = None

    def __post_init__(self) -> None:
        """Refuse a schedule that is not positive."""
        rate = self.learning_rate
        if self.batch_size < 1 or (self.epochs is not None and self.epochs < 1) or not rate > 0:
            raise ConfigError(
                f"batch_size {self.batch_size}, epochs {self.epochs} and learning_rate {rate:g} must all be positive"
            )

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the schedule that the settings of an estimator say."""
        settings: dict[str, Any] = {each.name: getattr(estimator, each.name, None) for each in fields(cls)}
        return cls(**settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """``zeta`` × reconstruction loss (a name of :mod:`bumphunt.scores.losses`) + ``xi`` × KL divergence."""

    reconstruction: str
    zeta: float
    xi: float


def train(
    network: Any,
    features: npt.NDArray[np.float32],
    *,
    objective: Objective,
    schedule: Schedule,
    condition: npt.NDArray[np.float32] | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> History:
    """Minimise an objective epoch by epoch.

    Parameters
    ----------
    network : EncoderDecoder
        Trained in place.
    features : numpy.ndarray
        Shape (events, features), float32.
    objective : Objective
        What is minimised.
    schedule : Schedule
        How; ``patience`` has no meaning here.
    condition : numpy.ndarray, optional
        Shape (events, conditions), float32: what a conditional decoder is told and the encoder is not.
    on_epoch : callable, optional
        Called with the number of each epoch, from 1, after it.

    Returns
    -------
    dict of str to numpy.ndarray
        ``loss``, ``L_R`` and ``L_KL`` averaged over each epoch, shape (epochs,) each.

    Raises
    ------
    ConfigError
        If the optimiser is unknown.
    FitError
        If the loss is no longer finite.
    """
    if len(features) < 2:
        raise InputError(f"{len(features)} event to train on; give at least 2, sensibly thousands")
    tf = import_tensorflow()
    steps, size = minibatches(len(features), schedule.batch_size)
    epochs = schedule.epochs or max(1, round(DEFAULT_STEPS / steps))
    zeta, xi = objective.zeta, objective.xi
    told, sampled = condition is not None, network.sampling is not None

    def losses(batch: Any, *others: Any) -> tuple[Any, Any]:
        known, noise = others[0] if told else None, others[-1] if sampled else None
        rebuilt, divergence = network.rebuild(batch, known, noise=noise, training=True)
        error = tf.reduce_mean(reconstruction_loss(batch, rebuilt, kind=objective.reconstruction))
        divergence = tf.reduce_mean(divergence)
        return zeta * error + xi * divergence, tf.stack([error, divergence])

    weights = network.trainable_variables
    epoch = compile_epoch(losses, weights, make_optimizer(weights, schedule), steps, size, parts=2)
    data = [tf.constant(column) for column in (features, condition) if column is not None]
    order, noise = (generator(schedule.seed, "autoencoder", each) for each in ("shuffle", "noise"))
    history: dict[str, list[float]] = {"loss": [], "L_R": [], "L_KL": []}
    for number in range(1, epochs + 1):
        chosen = order.permutation(len(features))[: steps * size].astype(np.int32)
        # One call for all of an epoch's noise: drawn step by step it costs a third of a step of 128 events.
        shape = (len(features), network.shape_config["latent_dim"])
        drawn = [tf.constant(noise.standard_normal(shape, dtype=np.float32))] if sampled else []
        parts = epoch(tf.constant(chosen), *data, *drawn).numpy().astype(float)
        loss = zeta * parts[0] + xi * parts[1]
        if not np.isfinite(loss):
            raise FitError(
                f"training diverged in epoch {number} (loss {loss}); "
                f"lower learning_rate (now {schedule.learning_rate:g})"
            )
        for key, value in zip(history, (loss, *parts), strict=True):
            history[key].append(float(value))
        logger.debug("epoch %d/%d: loss %.4g, L_R %.4g, L_KL %.4g", number, epochs, loss, *parts)
        if on_epoch is not None:
            on_epoch(number)
    return {key: np.array(values) for key, values in history.items()}


def train_classifiers(
    members: Sequence[Any],
    features: npt.NDArray[np.float32],
    target: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    *,
    schedule: Schedule,
    judge: Callable[[Any], float] | None = None,
) -> tuple[dict[str, list[float]], ...]:
    """Minimise the weighted binary cross-entropy of each member in turn, epoch by epoch.

    Members are of one shape, so that one compiled epoch serves them all.

    Parameters
    ----------
    members : sequence of keras.Model
        Trained in place; each gives log-odds of shape (events, 1).
    features, target, weights : numpy.ndarray
        Shapes (events, features), (events,) and (events,), float32.
    schedule : Schedule
        How they are trained.
    judge : callable, optional
        Member -> a number, lower is better, taken after each epoch. With it the weights of the best
        epoch are kept, and training ends after ``patience`` epochs without a better one.

    Returns
    -------
    tuple of dict
        For each member ``loss`` and, with ``judge``, ``validation`` of each epoch.

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
    steps, size = minibatches(len(features), schedule.batch_size)
    # One member's variables are the vehicle in which all are trained.
    vehicle = members[0]
    starts = [_state(member.variables) for member in members]
    stepper = make_optimizer(vehicle.trainable_variables, schedule)
    rest = _state(stepper.variables)

    def losses(batch: Any, label: Any, weight: Any) -> tuple[Any, Any]:
        log_odds = vehicle(batch, training=True)[:, 0]
        loss = tf.reduce_mean(weight * tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=log_odds))
        return loss, tf.reshape(loss, (1,))

    epoch = compile_epoch(losses, vehicle.trainable_variables, stepper, steps, size, parts=1)
    data = [tf.constant(column) for column in (features, target, weights)]
    finished, histories = [], []
    for number, start in enumerate(starts):
        _restore(vehicle.variables, start)
        _restore(stepper.variables, rest)
        order = generator(schedule.seed, "classifier", "shuffle", number)
        history: dict[str, list[float]] = {"loss": []} if judge is None else {"loss": [], "validation": []}
        best, kept, waited = np.inf, start, 0
        for _ in range(schedule.epochs):
            chosen = order.permutation(len(features))[: steps * size].astype(np.int32)
            loss = float(epoch(tf.constant(chosen), *data).numpy()[0])
            if not np.isfinite(loss):
                raise FitError(f"training diverged (loss {loss}); lower learning_rate (now {schedule.learning_rate:g})")
            history["loss"].append(loss)
            if judge is None:
                continue
            history["validation"].append(judge(vehicle))
            waited += 1
            if history["validation"][-1] < best:
                best, kept, waited = history["validation"][-1], _state(vehicle.variables), 0
            if schedule.patience is not None and waited >= schedule.patience:
                break
        finished.append(_state(vehicle.variables) if judge is None else kept)
        histories.append(history)
        logger.debug("member %d: %d epochs, loss %.4g", number, len(history["loss"]), history["loss"][-1])
    for member, state in zip(members, finished, strict=True):
        _restore(member.variables, state)
    return tuple(histories)


def _state(variables: Sequence[Any]) -> list[npt.NDArray[Any]]:
    return [variable.numpy().copy() for variable in variables]


def _restore(variables: Sequence[Any], state: Sequence[npt.NDArray[Any]]) -> None:
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)


def minibatches(n_events: int, batch_size: int) -> tuple[int, int]:
    """Return steps in an epoch and events in a step: ``batch_size`` at most, and hardly any event left out.

    Examples
    --------
    >>> minibatches(1050, 500)
    (3, 350)
    """
    steps = -(-n_events // batch_size)
    return steps, n_events // steps


def make_optimizer(weights: Any, schedule: Schedule) -> Any:
    """Return the Keras optimiser of a schedule, built for those weights.

    Raises
    ------
    ConfigError
        If Keras knows none of that name.
    """
    keras = import_keras()
    try:
        optimizer = keras.optimizers.get(schedule.optimizer)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"optimizer {schedule.optimizer!r} is unknown to Keras; use for example 'adam' or 'adadelta'"
        ) from error
    optimizer.learning_rate = schedule.learning_rate
    optimizer.build(weights)
    return optimizer


def compile_epoch(
    losses: Callable[..., tuple[Any, Any]], weights: Any, optimizer: Any, steps: int, size: int, *, parts: int
) -> Any:
    """Return a compiled function that trains for one epoch.

    Parameters
    ----------
    losses : callable
        Minibatch of each data column -> the loss to be lowered, and a tensor of shape (parts,) to be shown.
    weights, optimizer
        What is trained, and a Keras optimiser built for it.
    steps, size : int
        Minibatches in an epoch, and events in each.
    parts : int
        Numbers that ``losses`` shows.

    Returns
    -------
    callable
        (order, *columns) -> tensor of shape (parts,): the numbers shown, averaged over the epoch.
        ``order`` holds the ``steps * size`` rows to be used, each column is of shape (events, ...).
    """
    tf = import_tensorflow()
    fuse = size <= _XLA_MAX_BATCH or bool(tf.config.list_physical_devices("GPU"))

    # Left to itself autograph would look for this function's source to turn the loop into graph
    # operations; tf.while_loop says it outright.
    @tf.function(jit_compile=fuse, autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def epoch(order: Any, *columns: Any) -> Any:
        shuffled = [tf.reshape(tf.gather(column, order), (steps, size, *column.shape[1:])) for column in columns]

        def step(number: Any, total: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                value, shown = losses(*(column[number] for column in shuffled))
            gradients = tape.gradient(value, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            optimizer.apply(gradients, weights)
            return number + 1, total + shown

        start = (tf.constant(0), tf.zeros(parts))
        return tf.while_loop(lambda number, _: number < steps, step, start)[1] / steps

    return epoch
