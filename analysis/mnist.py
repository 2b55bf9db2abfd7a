"""The first part of Vaupotič's report: a variational autoencoder on handwritten digits (figures 1 to 6 there).

    python analysis/studies.py --only mnist [--mnist PATH]

Reads mnist.npz in keras' layout from --mnist, from beside the project, or with keras' own loader; in quick mode the
8 x 8 digits that scikit-learn ships.
"""

from pathlib import Path

import numpy as np
from panels import BLACK, BLUE, COLOURS, GREY, RED, legend, new_figure, styled
from records import Findings, Settings

import bumphunt

INPUTS = ("mnist",)
BESIDE = Path("../shared/data/mnist.npz")
SQUARE = 1.8


def run(settings: Settings) -> Findings:
    digits, names = load(settings)
    pixels = digits.shape[1]
    part = digits[: settings.pick(600, 15_000)]
    sizes = settings.pick((50, 200), (100, 500, 1000, 5000))
    epochs = settings.pick(3, 60)
    losses = {size: train(part, pixels, 1.0, epochs, size, settings).history_["loss"] for size in sizes}
    several = digits[: settings.pick(600, 30_000)]
    whole = train(several, pixels, 1.0, settings.pick(6, 60), settings.pick(50, 250), settings)
    models = {
        (pixels, 1): whole,
        (0, 1): train(part, 0.0, 1.0, settings.pick(6, 30), settings.pick(50, 250), settings),
        (1, 0): train(part, 1.0, 0.0, settings.pick(6, 30), settings.pick(50, 250), settings),
    }
    shown = digits[: settings.pick(600, 4000)]
    rng = np.random.default_rng(settings.seed)
    means, draws = {}, {}
    for weights, model in models.items():
        mean, log_variance = model.encode(shown)
        means[weights] = mean
        draws[weights] = mean + rng.standard_normal(mean.shape) * np.exp(0.5 * log_variance)
    labels = names[: len(shown)]
    no_order = draws[(0, 1)]
    numbers = {
        "digits": len(digits),
        "pixels": pixels,
        "epochs": epochs,
        "loss_by_batch_size": {size: [float(loss[0]), float(loss[-1])] for size, loss in losses.items()},
        # how well a digit is known from its neighbours in the latent plane; 0.1 is chance
        "neighbours_right": {f"{z:g}, {x:g}": neighbours(means[(z, x)], labels) for z, x in models},
        "kl_only_distance_from_normal": [kolmogorov_normal(no_order[:, axis]) for axis in (0, 1)],
        "kl_only_chance": float(1.358 / np.sqrt(len(no_order))),
        "part_inside_square": float((np.abs(means[(pixels, 1)]) < SQUARE).all(axis=1).mean()),
    }
    extremes = {
        r"Only KL: $\zeta=0$, $\xi=1$ (draws)": draws[(0, 1)],
        r"Only reconstruction: $\zeta=1$, $\xi=0$": means[(1, 0)],
    }
    return Findings(
        numbers,
        {
            "fig01_reparametrisation": reparametrisation(),
            "fig02_batch_size": loss_curves(losses),
            "fig03_latent_space": planes({rf"$\zeta={pixels}$, $\xi=1$": means[(pixels, 1)]}, labels),
            "fig04_decoded_grid": decoded(whole, settings.pick(8, 16)),
            "fig05_extreme_weights": planes(extremes, labels),
            "fig06_kl_only": against_normal(no_order),
        },
    )


def load(settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return digits of shape (digits, pixels) in [0, 1] and what they are."""
    path = settings.mnist or (BESIDE if BESIDE.exists() else None)
    if settings.quick and settings.mnist is None:
        from sklearn.datasets import load_digits

        images, names = load_digits(return_X_y=True)
        return np.asarray(images / 16.0), np.asarray(names)
    if path is not None:
        with np.load(path, allow_pickle=False) as stored:
            images, names = stored["x_train"], stored["y_train"]
    else:
        from keras.datasets import mnist

        images, names = mnist.load_data()[0]
    return images.reshape(len(images), -1) / 255.0, names


def train(
    digits: np.ndarray, zeta: float, xi: float, epochs: int, batch_size: int, settings: Settings
) -> bumphunt.scores.VariationalAutoencoder:
    return bumphunt.scores.VariationalAutoencoder(
        hidden=(64,), latent_dim=2, zeta=float(zeta), xi=xi, reconstruction="binary_crossentropy", optimizer="adam",
        learning_rate=1e-3, batch_size=batch_size, epochs=epochs, seed=settings.seed,
    ).fit(digits)  # fmt: skip


def neighbours(points: np.ndarray, labels: np.ndarray) -> float:
    """Return how often the 15 nearest neighbours of a digit in the latent plane agree on what it is."""
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    return float(cross_val_score(KNeighborsClassifier(15), points, labels, cv=3).mean())


def kolmogorov_normal(values: np.ndarray) -> float:
    from scipy import stats

    return float(stats.kstest(values, "norm").statistic)


@styled
def reparametrisation() -> object:
    """Draw what both forms of the trick give for one event: the right one is its Gaussian, the printed one is not."""
    from scipy import stats

    mean, log_variance = 1.0, -1.0
    noise = np.random.default_rng(0).standard_normal(200_000)
    figure = new_figure(3.3)
    axes = figure.add_subplot()
    grid = np.linspace(-2.0, 5.0, 400)
    edges = np.linspace(-2.0, 5.0, 141)
    forms = (
        (mean + noise * np.exp(0.5 * log_variance), r"$\mu+\varepsilon\,e^{(\log\sigma^2)/2}$", BLUE),
        (mean + np.exp(0.5 * noise * log_variance), r"as printed: $\mu+e^{(\varepsilon\log\sigma^2)/2}$", RED),
    )
    for draws, text, colour in forms:
        counts = np.histogram(draws, edges)[0] / len(draws) / np.diff(edges)
        axes.stairs(counts, edges, color=colour, label=text)
    density = stats.norm.pdf(grid, mean, np.exp(0.5 * log_variance))
    axes.plot(grid, density, "--", color=BLACK, linewidth=1.1, label=r"$N(\mu,\sigma^2)$")
    axes.set_xlim(-2, 5)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(r"Latent draw $z$ for $\mu=1$, $\log\sigma^2=-1$, $\varepsilon\sim N(0,1)$")
    axes.set_ylabel("Density")
    legend(axes)
    return figure


@styled
def loss_curves(losses: dict[int, np.ndarray]) -> object:
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    for (size, loss), colour in zip(losses.items(), COLOURS, strict=False):
        axes.plot(np.arange(1, len(loss) + 1), loss, color=colour, label=f"{size} digits")
    axes.set_xlabel("Epoch")
    axes.set_ylabel(r"Loss $\zeta L_R+\xi L_{KL}$ per digit")
    axes.legend(title="Batch size", fontsize=9)
    return figure


@styled
def planes(latent: dict[str, np.ndarray], labels: np.ndarray) -> object:
    figure = new_figure(4.6, width=5.4 if len(latent) == 1 else 9.6)
    grid = figure.subplots(1, len(latent), squeeze=False)[0]
    for axes, (text, points) in zip(grid, latent.items(), strict=True):
        for digit in range(10):
            of_digit = points[labels == digit]
            # the shape tells the digit, so that nothing hangs on colour and no legend is needed
            colour = COLOURS[digit % 5]
            axes.scatter(*of_digit.T, s=22, marker=f"${digit}$", color=colour, linewidths=0, alpha=0.8)
        axes.set_title(text)
        axes.set_xlabel(r"$z_1$")
        axes.set_ylabel(r"$z_2$")
    return figure


@styled
def decoded(model: bumphunt.scores.VariationalAutoencoder, number: int) -> object:
    steps = np.linspace(-SQUARE, SQUARE, number)
    points = np.stack(np.meshgrid(steps, steps[::-1]), axis=-1).reshape(-1, 2)
    images = model.decode(points)
    side = int(np.sqrt(images.shape[1]))
    mosaic = images.reshape(number, number, side, side).swapaxes(1, 2).reshape(number * side, -1)
    figure = new_figure(4.6, width=5.0)
    axes = figure.add_subplot()
    half = SQUARE * (1 + 1 / (number - 1))
    axes.imshow(mosaic, cmap="Greys", extent=(-half, half, -half, half), vmin=0, vmax=1)
    axes.set_xlabel(r"$z_1$")
    axes.set_ylabel(r"$z_2$")
    return figure


@styled
def against_normal(points: np.ndarray) -> object:
    from scipy import stats

    figure = new_figure(3.2)
    grid = np.linspace(-4, 4, 200)
    edges = np.linspace(-4, 4, 41)
    for number, axes in enumerate(figure.subplots(1, 2, sharey=True)):
        counts = np.histogram(points[:, number], edges)[0] / len(points) / np.diff(edges)
        axes.stairs(counts, edges, color=BLUE, fill=True, alpha=0.35, label="Digits")
        axes.plot(grid, stats.norm.pdf(grid), color=RED, label=r"$N(0,1)$")
        axes.set_xlabel(rf"$z_{number + 1}$")
        axes.axvline(0, color=GREY, linewidth=0.6)
    axes.legend(fontsize=9)
    figure.axes[0].set_ylabel("Density")
    return figure
