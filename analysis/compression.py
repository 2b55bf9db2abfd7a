"""The autoencoder beside principal components, and as a remover of noise (introduction of Vaupotič's report).

python analysis/studies.py --only compression
"""

from typing import Any

import mnist
import numpy as np
from panels import BLUE, GREY, RED, legend, new_figure, styled
from records import FEATURES, Findings, Settings, labelled

import bumphunt

INPUTS = ("sample", "mnist")
NOISE = 0.4
CODE = 24


def run(settings: Settings) -> Findings:
    number = settings.pick(3000, 60_000)
    events, truth = labelled(settings, background=2 * number, signal=settings.pick(300, 5000))
    names = [name for name in FEATURES if name in events]
    good = events[names][~truth].astype(float)
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=names).fit(good[:number])
    unit, held = front_end.transform(good[:number]), front_end.transform(good[number:])
    strange = front_end.transform(events[names][truth].astype(float))
    dimensions = settings.pick((1, 3), (1, 2, 3, 4, 5, 6))
    both: dict[str, dict[int, dict[str, float]]] = {"autoencoder": {}, "principal components": {}}
    for dimension in dimensions:
        model = bumphunt.scores.Autoencoder(
            latent_dim=dimension, optimizer="adam", learning_rate=1e-3, epochs=settings.pick(4, 15), batch_size=500,
            seed=settings.seed,
        ).fit(unit)  # fmt: skip
        both["autoencoder"][dimension] = judge(model.reconstruct, held, strange)
        both["principal components"][dimension] = judge(principal(unit, dimension), held, strange)
    digits, _ = mnist.load(settings)
    cleaned = denoise(digits, settings)
    return Findings(
        {
            "jets_trained_on": number,
            "jets": {name: {str(d): one for d, one in found.items()} for name, found in both.items()},
            "denoising": cleaned["numbers"],
        },
        {
            "compression_jets": draw_curves(both),
            "compression_denoising": draw_digits(cleaned["images"]),
        },
    )


def principal(unit: np.ndarray, dimension: int) -> Any:
    """Return the projection on the first principal components."""
    from sklearn.decomposition import PCA

    axes = PCA(dimension).fit(unit)
    return lambda rows: axes.inverse_transform(axes.transform(rows))


def judge(rebuild: Any, held: np.ndarray, strange: np.ndarray) -> dict[str, float]:
    """Return the squared error on events not trained on, and how well it finds a resonance never seen."""
    errors = [np.mean((rebuild(rows) - rows) ** 2, axis=1) for rows in (held, strange)]
    flags = np.repeat([0, 1], [len(held), len(strange)])
    return {"error": float(errors[0].mean()), "auc": bumphunt.scores.roc(np.concatenate(errors), flags).auc}


def denoise(digits: np.ndarray, settings: Settings) -> dict[str, Any]:
    """Learn clean digits from noisy ones through a narrow layer, and judge on digits not trained on.

    The yardsticks are principal components of noisy digits (no clean ones needed) and the best linear map.
    """
    import warnings

    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.neural_network import MLPRegressor

    rng = np.random.default_rng(settings.seed)
    n_train, n_test = settings.pick((900, 300), (10_000, 2000))
    clean = rng.permutation(digits)[: n_train + n_test]
    noisy = np.clip(clean + NOISE * rng.standard_normal(clean.shape), 0, 1)
    code = min(CODE, clean.shape[1] // 3)
    wide = settings.pick(48, 128)
    network = MLPRegressor(
        hidden_layer_sizes=(wide, code, wide), max_iter=settings.pick(8, 20), batch_size=100,
        random_state=settings.seed, tol=0.0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is meant to stop after a number of epochs
        network.fit(noisy[:n_train], clean[:n_train])
    axes = PCA(code, random_state=settings.seed).fit(noisy[:n_train])
    linear = Ridge(1.0).fit(noisy[:n_train], clean[:n_train])
    test = noisy[n_train:]
    made = {
        "clean": clean[n_train:],
        "noisy": test,
        "principal components": axes.inverse_transform(axes.transform(test)),
        "linear map": linear.predict(test),
        "autoencoder": np.clip(network.predict(test), 0, 1),
    }
    errors = {name: float(np.mean((image - made["clean"]) ** 2)) for name, image in made.items() if name != "clean"}
    return {
        "numbers": {"code": code, "noise": NOISE, "trained_on": n_train, "squared_error": errors},
        "images": {name: image[:8] for name, image in made.items()},
    }


@styled
def draw_curves(both: dict[str, dict[int, dict[str, float]]]) -> object:
    figure = new_figure(3.4, width=8.0)
    left, right = figure.subplots(1, 2)
    for (name, found), colour, form in zip(both.items(), (RED, BLUE), ("o-", "s--"), strict=True):
        dimensions = list(found)
        left.plot(dimensions, [one["error"] for one in found.values()], form, color=colour, label=name)
        right.plot(dimensions, [one["auc"] for one in found.values()], form, color=colour, label=name)
    right.axhline(0.5, color=GREY, linestyle=":")
    left.set_yscale("log")
    left.set_ylabel("Squared error, held-out jets")
    right.set_ylabel("AUC of the error: signal never seen")
    for axes in (left, right):
        axes.set_xlabel("Latent dimensions")
        legend(axes)
    return figure


@styled
def draw_digits(images: dict[str, np.ndarray]) -> object:
    number = len(next(iter(images.values())))
    figure = new_figure(0.75 * len(images), width=0.75 * number + 1.4)
    grid = figure.subplots(len(images), number)
    for row, (name, rows) in enumerate(images.items()):
        side = int(np.sqrt(rows.shape[1]))
        for column in range(number):
            axes = grid[row, column]
            axes.imshow(rows[column].reshape(side, side), cmap="Greys", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.minorticks_off()
        grid[row, 0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center", fontsize=9)
    return figure
