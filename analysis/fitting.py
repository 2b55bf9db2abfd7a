"""Fit a function with powers, sines and a small network, inside and outside the training range (Kalinowski).

python analysis/studies.py --only fitting
"""

from typing import Any

import numpy as np
from panels import BLACK, COLOURS, GREY, legend, new_figure, styled
from records import Findings, Settings

INPUTS = ()
INSIDE, OUTSIDE = 1.0, 2.0
NOISE = 0.05


def run(settings: Settings) -> Findings:
    rng = np.random.default_rng(settings.seed)
    number = settings.pick(300, 2000)
    x = np.sort(rng.uniform(-INSIDE, INSIDE, number))
    y = smooth(x) + NOISE * rng.standard_normal(number)
    fits = {
        "polynomial, 11 terms": powers(x, y, 11),
        "sines and cosines, 11 terms": sines(x, y, 5, 2 * INSIDE),
        "network, 2 x 32 ReLU": network(x, y, settings, "relu"),
        "network, 2 x 32 tanh": network(x, y, settings, "tanh"),
    }
    grid = np.linspace(-OUTSIDE, OUTSIDE, 801)
    values = {name: fit(grid) for name, fit in fits.items()}
    within = np.abs(grid) <= INSIDE
    beyond = ~within
    square = np.linspace(0, 1, 2001, endpoint=False)
    step = {terms: square_wave(square, terms) for terms in (1, 5, 49)}
    errors = {
        name: {"inside": rms(curve - smooth(grid), within), "outside": rms(curve - smooth(grid), beyond)}
        for name, curve in values.items()
    }
    gibbs = {str(terms): float(wave.max() - 1.0) for terms, wave in step.items()}
    return Findings(
        {"training_points": number, "noise": NOISE, "rms_error": errors, "square_wave_overshoot": gibbs},
        {"fitting_functions": draw(grid, values, x, y), "fitting_square_wave": draw_square(square, step)},
    )


def smooth(x: np.ndarray) -> np.ndarray:
    """Return the function to be learned."""
    return np.sin(3.0 * x) + 0.5 * x**2


def powers(x: np.ndarray, y: np.ndarray, terms: int) -> Any:
    return np.polynomial.Polynomial.fit(x, y, terms - 1, domain=[-INSIDE, INSIDE])


def sines(x: np.ndarray, y: np.ndarray, order: int, period: float) -> Any:
    def columns(values: np.ndarray) -> np.ndarray:
        phases = 2 * np.pi / period * np.outer(values, np.arange(1, order + 1))
        return np.column_stack([np.ones_like(values), np.cos(phases), np.sin(phases)])

    coefficients = np.linalg.lstsq(columns(x), y, rcond=None)[0]
    return lambda values: columns(values) @ coefficients


def network(x: np.ndarray, y: np.ndarray, settings: Settings, activation: str) -> Any:
    """Train the lecture's network: two hidden layers of 32, mean squared error, 150 epochs."""
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(32, 32), activation=activation, max_iter=settings.pick(100, 150), batch_size=32,
        n_iter_no_change=1000, tol=0.0, random_state=settings.seed,
    )  # fmt: skip
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is meant to stop after a number of epochs
        model.fit(x[:, None], y)
    return lambda values: model.predict(values[:, None])


def square_wave(x: np.ndarray, terms: int) -> np.ndarray:
    """Return the sum of the first odd sines of a square wave between 0 and 1."""
    return 0.5 + sum(2 / np.pi / n * np.sin(2 * np.pi * n * x) for n in range(1, terms + 1, 2))


def rms(difference: np.ndarray, where: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference[where] ** 2)))


@styled
def draw(grid: np.ndarray, values: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> object:
    figure = new_figure(4.0)
    axes = figure.add_subplot()
    axes.axvspan(-INSIDE, INSIDE, color=GREY, alpha=0.15, linewidth=0, label="Training range")
    axes.plot(x[:: max(len(x) // 150, 1)], y[:: max(len(x) // 150, 1)], ".", color=GREY, markersize=3)
    axes.plot(grid, smooth(grid), color=BLACK, linewidth=2.2, alpha=0.6, label="True function")
    for (name, curve), colour in zip(values.items(), COLOURS, strict=False):
        axes.plot(grid, curve, color=colour, linewidth=1.2, label=name)
    axes.set_xlim(-OUTSIDE, OUTSIDE)
    axes.set_ylim(-3, 6)
    axes.set_xlabel("$x$")
    axes.set_ylabel("$f(x)$")
    legend(axes, loc="upper center")
    return figure


@styled
def draw_square(x: np.ndarray, step: dict[int, np.ndarray]) -> object:
    figure = new_figure(2.8)
    axes = figure.add_subplot()
    axes.plot(x, (x < 0.5).astype(float), color=BLACK, linewidth=2.2, alpha=0.5, label="Square wave")
    for (terms, wave), colour in zip(step.items(), COLOURS, strict=False):
        axes.plot(x, wave, color=colour, linewidth=1.0, label=f"sines up to n = {terms}")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.3, 1.75)
    axes.set_xlabel("$x$")
    axes.set_ylabel("$f(x)$")
    axes.legend(ncols=2, fontsize=9)
    return figure
