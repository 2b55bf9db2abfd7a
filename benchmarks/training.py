"""Training of the seed's VAE: whole compiled epochs of the package against plain `keras.Model.fit`.

    python benchmarks/training.py --json training.json

Both train the same network (8 features, 3 x 64, one latent dimension, zeta 5000) with the same optimiser on
the same events. Their final losses must agree within what seeds explain before anything is timed. Then
their epochs take turns in one process, so that both meet the same machine; the fastest epoch counts.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from stamp import stamped

import bumphunt
from bumphunt.events import drop_truth, feature_matrix, feature_names
from bumphunt.preprocessing.scaling import QuantileFrontEnd
from bumphunt.scores.backend import import_tensorflow

SAMPLE = Path(__file__).resolve().parents[1] / "data/lhco_rnd.parquet"
HIDDEN, LATENT, ZETA, XI = (64, 64, 64), 1, 5000.0, 1.0
OPTIMIZER, LEARNING_RATE = "adam", 0.001
BATCHES = {128: 20_000, 5000: 100_000}
"""Events of an epoch for each batch size."""
GOALS = {128: 10.0, 5000: 2.0}
STEPS = {128: 1600, 5000: 200}
"""Steps of the trainings whose losses are compared."""


def plain_model(n_features: int, seed: int) -> Any:
    """Return the VAE as a Keras user writes it: a sampling layer that adds the KL term, compiled by default."""
    import keras

    class Sampling(keras.layers.Layer):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.noise = keras.random.SeedGenerator(seed)

        def call(self, inputs: Any) -> Any:
            mean, log_var = inputs
            kl = 0.5 * keras.ops.sum(mean**2 + keras.ops.exp(log_var) - 1.0 - log_var, axis=-1)
            self.add_loss(XI * keras.ops.mean(kl))
            return mean + keras.random.normal(keras.ops.shape(mean), seed=self.noise) * keras.ops.exp(0.5 * log_var)

    keras.utils.set_random_seed(seed)
    inputs = flow = keras.Input((n_features,))
    for width in HIDDEN:
        flow = keras.layers.Dense(width, activation="relu")(flow)
    flow = Sampling(seed)([keras.layers.Dense(LATENT)(flow), keras.layers.Dense(LATENT)(flow)])
    for width in reversed(HIDDEN):
        flow = keras.layers.Dense(width, activation="relu")(flow)
    model = keras.Model(inputs, keras.layers.Dense(n_features, activation="sigmoid")(flow))
    optimizer = keras.optimizers.get(OPTIMIZER)
    optimizer.learning_rate = LEARNING_RATE
    model.compile(optimizer, loss=lambda target, output: ZETA * keras.ops.mean((output - target) ** 2, axis=-1))
    return model


def train_package(rows: np.ndarray, batch: int, epochs: int, seed: int, on_epoch: Callable | None = None) -> float:
    """Train with the package and return the loss averaged over the last epoch."""
    from bumphunt.scores.layers import EncoderDecoder
    from bumphunt.scores.training import Objective, Schedule, train

    network = EncoderDecoder(
        n_features=rows.shape[1], hidden=HIDDEN, latent_dim=LATENT, activation="relu", variational=True, seed=seed
    )
    history = train(
        network,
        rows,
        objective=Objective(reconstruction="mse", zeta=ZETA, xi=XI),
        schedule=Schedule(optimizer=OPTIMIZER, learning_rate=LEARNING_RATE, batch_size=batch, epochs=epochs, seed=seed),
        on_epoch=on_epoch,
    )
    return float(history["loss"][-1])


def compare_losses(rows: np.ndarray, batch: int, seeds: int) -> dict[str, Any]:
    """Train both ways from several seeds; end the run if mean losses differ by more than seeds explain."""
    rows = rows[: BATCHES[128]]
    epochs = max(1, STEPS[batch] * batch // len(rows))
    package = [train_package(rows, batch, epochs, seed) for seed in range(seeds)]
    plain = []
    for seed in range(seeds):
        fitted = plain_model(rows.shape[1], seed).fit(rows, rows, batch_size=batch, epochs=epochs, verbose=0)
        plain.append(float(fitted.history["loss"][-1]))
    spread = float(np.sqrt(0.5 * (np.var(package, ddof=1) + np.var(plain, ddof=1))))
    difference = float(np.mean(package) - np.mean(plain))
    error = spread * float(np.sqrt(2.0 / seeds))
    print(
        f"batch {batch}: loss after {epochs} epochs {np.mean(package):.2f} (package), {np.mean(plain):.2f} (fit); "
        f"spread of {seeds} seeds {spread:.2f}, difference {difference:+.2f} ± {error:.2f}",
        flush=True,
    )
    if abs(difference) > 2.5 * error:
        sys.exit(f"the losses differ by {difference:.2f} ± {error:.2f}, more than seeds explain; nothing is timed")
    found = {"difference": difference, "error": error, "spread_of_seeds": spread}
    return {"epochs": epochs, "package": package, "fit": plain, **found}


def take_turns(rows: np.ndarray, batch: int, rounds: int) -> dict[str, dict[str, float]]:
    """Let epochs of both ways take turns; return the seconds of their first and of their fastest epochs."""
    rows = rows[: BATCHES[batch]]
    plain = plain_model(rows.shape[1], 0)
    wall: dict[str, list[float]] = {"package": [], "fit": []}
    cpu: dict[str, list[float]] = {"package": [], "fit": []}
    since = [time.perf_counter(), time.process_time()]

    def lap(way: str) -> None:
        wall[way].append(time.perf_counter() - since[0])
        cpu[way].append(time.process_time() - since[1])
        since[:] = time.perf_counter(), time.process_time()

    def other(_: int) -> None:
        lap("package")
        plain.fit(rows, rows, batch_size=batch, epochs=1, verbose=0)
        lap("fit")

    train_package(rows, batch, rounds + 1, 0, other)
    return {
        way: {
            "events_per_second": len(rows) / min(wall[way][1:]),
            "events_per_cpu_second": len(rows) / min(cpu[way][1:]),
            "first_epoch_seconds": wall[way][0],
        }
        for way in wall
    }


def flops_per_event(n_features: int) -> int:
    """Return the floating-point operations of the matrix products of one event: forwards, and backwards twice that.

    The gradient on the features themselves is not needed, so the first layer counts twice, not three times.
    """
    encoder = [n_features, *HIDDEN]
    decoder = [LATENT, *reversed(HIDDEN), n_features]
    products = [a * b for widths in (encoder, decoder) for a, b in itertools.pairwise(widths)]
    products.append(HIDDEN[-1] * 2 * LATENT)
    return 2 * (3 * sum(products) - n_features * HIDDEN[0])


def sgemm_rates(size: int = 2048, repeats: int = 7) -> dict[str, float]:
    """Return the rates, in GFlop/s, at which numpy and TensorFlow multiply two large float32 matrices."""
    tf = import_tensorflow()
    matrix = np.random.default_rng(1).random((size, size), dtype=np.float32)
    tensor = tf.constant(matrix)
    ways: dict[str, Callable[[], object]] = {
        "numpy": lambda: matrix @ matrix,
        "tensorflow": lambda: tf.matmul(tensor, tensor).numpy(),
    }
    rates = {}
    for way, multiply in ways.items():
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            multiply()
            seconds.append(time.perf_counter() - start)
        rates[way] = 2e-9 * size**3 / min(seconds)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads of TensorFlow and of numpy")
    parser.add_argument("--rounds", type=int, default=8, help="epochs of either way; the fastest counts")
    parser.add_argument("--seeds", type=int, default=6, help="trainings of either way whose losses are compared")
    parser.add_argument("--json", type=Path, help="write the result there, too")
    arguments = parser.parse_args()
    from threadpoolctl import threadpool_limits

    tf = import_tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)

    events = drop_truth(pd.read_parquet(SAMPLE).iloc[: max(BATCHES.values())])
    names = feature_names(events, None)
    matrix = feature_matrix(events, names)
    rows = QuantileFrontEnd(features=names).fit(events[list(names)]).transform(matrix).astype(np.float32)

    losses = {str(batch): compare_losses(rows, batch, arguments.seeds) for batch in BATCHES}
    with threadpool_limits(limits=arguments.threads):
        rates = sgemm_rates()
    flops = flops_per_event(rows.shape[1])
    print(f"{flops} floating-point operations an event; sgemm of 2048: {rates} GFlop/s")
    print(f"{'batch':>6} {'way':8} {'events/s':>9} {'per CPU s':>9} {'of sgemm':>8} {'first epoch s':>13}")
    table, ratios = [], {}
    for batch in BATCHES:
        found = take_turns(rows, batch, arguments.rounds)
        for way, row in found.items():
            row["fraction_of_sgemm"] = 1e-9 * flops * row["events_per_second"] / max(rates.values())
            table.append({"batch": batch, "way": way, **row})
            print(
                f"{batch:6d} {way:8} {row['events_per_second']:9.0f} {row['events_per_cpu_second']:9.0f} "
                f"{row['fraction_of_sgemm']:8.2f} {row['first_epoch_seconds']:13.2f}",
                flush=True,
            )
        ratio = {key: found["package"][key] / found["fit"][key] for key in list(found["fit"])[:2]}
        ratios[str(batch)] = {"wall": ratio["events_per_second"], "cpu": ratio["events_per_cpu_second"]}
        print(f"batch {batch}: {ratios[str(batch)]['wall']:.1f} times as fast (goal {GOALS[batch]:g})", flush=True)
    if arguments.json:
        result = {
            "threads": arguments.threads,
            "losses": losses,
            "sgemm_gflops": rates,
            "flops_per_event": flops,
            "rows": table,
            "times_as_fast": ratios,
            "goals": {str(batch): goal for batch, goal in GOALS.items()},
            "load_average": os.getloadavg()[0],
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "bumphunt": bumphunt.__version__,
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(stamped(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
