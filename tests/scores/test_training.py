"""Compiled epochs against the same training written out step by step."""

import numpy as np
import pytest

from bumphunt.rng import generator
from bumphunt.scores.backend import import_keras, import_tensorflow
from bumphunt.scores.layers import EncoderDecoder, Sampling
from bumphunt.scores.training import Objective, Schedule, minibatches, train

ZETA, XI, SEED, EPOCHS = 50.0, 0.7, 5, 2


def build(variational=True):
    return EncoderDecoder(
        n_features=3, hidden=[8, 6], latent_dim=2, activation="selu", variational=variational, seed=SEED
    )


def by_hand(network, rows, batch, optimizer):
    """Train as the textbook says, one eager step after the other, with the same order and noise."""
    tf = import_tensorflow()
    order, noise = generator(SEED, "autoencoder", "shuffle"), generator(SEED, "autoencoder", "noise")
    steps, size = minibatches(len(rows), batch)
    weights = network.trainable_variables
    for _ in range(EPOCHS):
        chosen = order.permutation(len(rows))
        drawn = noise.standard_normal((len(rows), 2), dtype=np.float32)
        for step in range(steps):
            part = chosen[step * size : (step + 1) * size]
            batch_rows = tf.constant(rows[part])
            with tf.GradientTape() as tape:
                if network.sampling is None:
                    code, divergence = network.encoder(batch_rows), 0.0
                else:
                    mean, log_var = network.encoder(batch_rows)
                    code = mean + drawn[part] * tf.exp(log_var / 2)
                    divergence = tf.reduce_mean(tf.reduce_sum(0.5 * (mean**2 + tf.exp(log_var) - 1 - log_var), axis=1))
                error = tf.reduce_mean((network.decoder(code) - batch_rows) ** 2)
                loss = ZETA * error + XI * divergence
            optimizer.apply(tape.gradient(loss, weights), weights)


@pytest.mark.parametrize(
    ("name", "batch", "variational"),
    [("adam", 50, True), ("adadelta", 50, True), ("adam", 160, True), ("adam", 50, False)],
)
def test_compiled_epochs_are_the_steps_written_out(batch, variational, name):
    keras = import_keras()
    rows = np.random.default_rng(1).random((310, 3)).astype(np.float32)
    compiled, written = build(variational), build(variational)
    train(
        compiled,
        rows,
        objective=Objective(reconstruction="mse", zeta=ZETA, xi=XI),
        schedule=Schedule(optimizer=name, learning_rate=0.01, batch_size=batch, epochs=EPOCHS, seed=SEED),
    )
    optimizer = {"adam": keras.optimizers.Adam, "adadelta": keras.optimizers.Adadelta}[name](learning_rate=0.01)
    start = [weight.copy() for weight in written.get_weights()]
    by_hand(written, rows, batch, optimizer)
    moved = [np.abs(after - before).max() for after, before in zip(written.get_weights(), start, strict=True)]
    for ours, theirs, scale in zip(compiled.get_weights(), written.get_weights(), moved, strict=True):
        # float32 rounding grows over the steps; relative to how far the weights went it stays small
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=max(5e-3 * scale, 1e-7))


def test_given_noise_takes_the_place_of_the_layers_own():
    sampling = Sampling(seed=1)
    mean, log_var = np.array([[1.0], [2.0]], np.float32), np.log(np.array([[4.0], [9.0]], np.float32))
    noise = np.array([[1.0], [-1.0]], np.float32)
    np.testing.assert_allclose(np.asarray(sampling((mean, log_var), noise)), [[3.0], [-1.0]], rtol=1e-6)
