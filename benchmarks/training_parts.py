"""Where the CPU time of a training step of the VAE goes: matrix products, activations, Adam, gathering the batch.

    python benchmarks/training_parts.py --json analysis/results/training_parts.json

CPU seconds on one thread, so that a busy machine does not decide; each part alone, for an epoch of as many steps, the
fastest of five. Products of the same shapes are dispatched one by one as TensorFlow does: what the compiler fuses at
small batches can be faster than these.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stamp import stamped
from training import BATCHES, HIDDEN, LATENT, flops_per_event, train_package

import bumphunt
from bumphunt.scores.backend import import_tensorflow

N_FEATURES = 8
LARGE = 1024
FUSED = 1000
"""Largest batch whose training the package has compiled as a whole."""


def cpu_seconds(function: Callable[[], Any], calls: int = 1) -> float:
    """Return the least CPU time of a call, compiled before."""
    function()
    spent = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(calls):
            function()
        spent.append((time.process_time() - start) / calls)
    return min(spent)


def layers() -> list[tuple[int, int]]:
    """Return inputs and outputs of every layer; mean and width of the latent dimension are one."""
    encoder = list(zip((N_FEATURES, *HIDDEN), (*HIDDEN, 2 * LATENT), strict=True))
    return encoder + list(zip((LATENT, *reversed(HIDDEN)), (*reversed(HIDDEN), N_FEATURES), strict=True))


def epoch_seconds(rows: np.ndarray, batch: int) -> float:
    """Return the CPU time of the fastest epoch of a real training."""
    laps, last = [], [time.process_time()]

    def lap(_: int) -> None:
        now = time.process_time()
        laps.append(now - last[0])
        last[0] = now

    train_package(rows, batch, 6, 0, lap)
    return min(laps[1:])


def parts(batch: int, steps: int) -> dict[str, Callable[[], Any]]:
    """Return a function for each part, for an epoch of so many steps."""
    import keras

    tf, rng = import_tensorflow(), np.random.default_rng(0)

    def random(*shape: int) -> Any:
        return tf.constant(rng.random(shape, dtype=np.float32))

    inputs, outputs = ([random(batch, pair[side]) for pair in layers()] for side in (0, 1))
    weights = [random(*pair) for pair in layers()]
    hidden = [each for each in outputs if each.shape[1] == HIDDEN[0]]
    trained = [keras.Variable(each) for each in weights] + [keras.Variable(np.zeros(b, "float32")) for _, b in layers()]
    gradients = [random(*each.shape) for each in trained]
    adam = keras.optimizers.Adam(0.001)
    adam.build(trained)
    events, order = random(batch * steps, N_FEATURES), tf.constant(rng.permutation(batch * steps))

    def looped(step: Callable[[Any], Any], *, fused: bool) -> Callable[[], Any]:
        @tf.function(jit_compile=fused, autograph=False)
        def epoch() -> Any:
            begin = (tf.constant(0), tf.constant(0.0))
            return tf.while_loop(lambda n, _: n < steps, lambda n, total: (n + 1, total + step(n)), begin)[1]

        return lambda: epoch().numpy()

    def products(number: Any) -> Any:
        # operands that change with the step, or the loop would need no second product
        change, total = tf.cast(number, tf.float32) * 1e-9, tf.constant(0.0)
        for place, (x, g, w) in enumerate(zip(inputs, outputs, weights, strict=True)):
            total += tf.matmul(x, w + change)[0, 0] + tf.matmul(x, g + change, transpose_a=True)[0, 0]
            if place:
                total += tf.matmul(g, w + change, transpose_b=True)[0, 0]
        return total

    def activations(number: Any) -> Any:
        change, total = tf.cast(number, tf.float32) * 1e-9, tf.constant(0.0)
        for x in hidden:
            y = tf.nn.relu(x + change)
            total += tf.reduce_sum(y * x) + tf.reduce_sum(x * tf.cast(y > 0, tf.float32))
        return total

    def update(_: Any) -> Any:
        adam.apply(gradients, trained)
        return tf.constant(0.0)

    fused = batch <= FUSED
    gather = tf.function(lambda: tf.reduce_sum(tf.gather(events, order)), jit_compile=fused, autograph=False)
    return {
        "products": looped(products, fused=False),
        "activations": looped(activations, fused=fused),
        "adam": looped(update, fused=fused),
        "gather": lambda: gather().numpy(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tf = import_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    matrix = tf.constant(np.random.default_rng(1).random((LARGE, LARGE), dtype=np.float32))
    table = []
    for batch, events in BATCHES.items():
        steps = events // batch
        rows = np.random.default_rng(0).random((steps * batch, N_FEATURES), dtype=np.float32)
        sgemm = 2e-9 * LARGE**3 / cpu_seconds(lambda: tf.matmul(matrix, matrix).numpy(), 3)
        gigaflops = 1e-9 * flops_per_event(N_FEATURES) * steps * batch
        whole = epoch_seconds(rows, batch)
        alone = {name: cpu_seconds(run) for name, run in parts(batch, steps).items()}
        table.append(
            {
                "batch": batch,
                "sgemm_gflops": sgemm,
                "epoch_cpu_seconds": whole,
                "fraction_of_sgemm": gigaflops / whole / sgemm,
                "products_alone_of_sgemm": gigaflops / alone["products"] / sgemm,
                "over_epoch": {name: seconds / whole for name, seconds in alone.items()},
            }
        )
        print(json.dumps(table[-1]), flush=True)
    result = {"rows": table, "cores": os.cpu_count(), "load_average": os.getloadavg()[0], "tensorflow": tf.__version__}
    result |= {"python": platform.python_version(), "bumphunt": bumphunt.__version__}
    if arguments.json:
        arguments.json.write_text(json.dumps(stamped(result, seed=0), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
