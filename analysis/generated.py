"""New events from the latent space: Vaupotič's way and a closer one (figures 14 to 18 of that report).

    python analysis/studies.py --only generated

The document fits every continuous scipy distribution to the one latent variable, draws as many events as were
trained on and decodes them; resonances came out at wrong masses. Here each way is judged by what it does
to events that were not trained on: a Kolmogorov distance for each variable, and a classifier that tries to
tell generated from real events.
"""

import time
from typing import Any

import numpy as np
import pandas as pd
from panels import BLACK, BLUE, COLOURS, GREY, RED, TRUTH, legend, new_figure, styled, variables
from records import FEATURES, Findings, Settings, labelled

import bumphunt

INPUTS = ("sample",)
SOME = ("norm", "johnsonsu", "skewnorm", "gamma")
SHAPES = ("norm", "johnsonsu")
MEASURES = ("ks", "aic", "squared_error")


def run(settings: Settings) -> Findings:
    n_background, n_signal = settings.pick((4000, 400), (270_000, 27_000))
    n_held = settings.pick(1000, 33_000)
    events, truth = labelled(
        settings, background=n_background + round(n_held / 1.1), signal=n_signal + round(n_held / 11)
    )
    names = [name for name in FEATURES if name in events]
    held, rows = events[names][:n_held].astype(float), events[names][n_held:].astype(float)
    signal = truth[n_held:]
    front_end = bumphunt.preprocessing.QuantileFrontEnd(features=names).fit(rows)
    unit = front_end.transform(rows)

    line = bumphunt.scores.VariationalAutoencoder(epochs=settings.pick(3, None), seed=settings.seed).fit(unit)
    z = line.encode(unit)[0][:, 0]
    begun = time.monotonic()
    fits = bumphunt.generation.rank_distributions(
        z, names=SOME if settings.quick else None, workers=settings.workers, time_limit=settings.pick(5.0, 4.0)
    )
    seconds = time.monotonic() - begun
    best = fits[0]
    gauss, johnson = (next(fit for fit in fits if fit.name == name) for name in ("norm", "johnsonsu"))

    drawn: dict[str, pd.DataFrame] = {}

    def draw(name: str, model: bumphunt.scores.VariationalAutoencoder, latent: object, **options: Any) -> None:
        made = bumphunt.generation.generate(
            model.decode, front_end.inverse_transform, latent, len(unit), rng=settings.seed, **options
        )
        drawn[name] = pd.DataFrame(made, columns=names)

    draw("report, Gaussian", line, gauss)
    draw("report, best fit", line, best)
    wide = bumphunt.scores.VariationalAutoencoder(
        hidden=(128, 128, 128), latent_dim=len(names), zeta=2000.0, optimizer="adam", learning_rate=1e-3,
        batch_size=settings.pick(200, 500), epochs=settings.pick(6, 12), seed=settings.seed,
    ).fit(unit)  # fmt: skip
    mean, log_variance = wide.encode(unit)
    points = mean + np.random.default_rng(settings.seed).standard_normal(mean.shape) * np.exp(0.5 * log_variance)
    mixture = bumphunt.generation.fit_mixture(
        points, components=settings.pick(4, 32), max_events=settings.pick(2000, 40_000)
    )
    copula = bumphunt.generation.fit_copula(points[: settings.pick(2000, 20_000)], names=SHAPES)
    some = slice(0, settings.pick(2000, 40_000))
    residuals = bumphunt.generation.Residuals(points[some], unit[some] - wide.decode(points[some]))
    possible = {"accept": lambda made: bumphunt.generation.heavier_first(made, names)}
    draw("copula, decoder's mean", wide, copula, **possible)
    draw("mixture, decoder's mean", wide, mixture, **possible)
    draw("mixture, with residuals", wide, mixture, residuals=residuals, **possible)
    draw("mixture, residuals, margins", wide, mixture, residuals=residuals, uniform_margins=True, **possible)
    drawn["no network: mixture of quantiles"] = quantile_mixture(unit, front_end, names, settings)
    drawn["real events (floor)"] = rows

    limit = settings.pick(800, 20_000)
    found = {name: bumphunt.generation.closeness(held, made, max_events=limit, folds=2) for name, made in drawn.items()}
    best_way = "mixture, residuals, margins"
    rebuilt = pd.DataFrame(line.reconstruct(unit), columns=names)
    as_unit = {
        "training events": pd.DataFrame(unit, columns=names),
        "drawn, report's way": pd.DataFrame(front_end.transform(drawn["report, best fit"]), columns=names),
        "drawn, mixture": pd.DataFrame(front_end.transform(drawn[best_way]), columns=names),
    }
    physical = {
        "training events": rows,
        "drawn, report's way": drawn["report, best fit"],
        "drawn, mixture": drawn[best_way],
    }
    outputs = {
        "input": as_unit["training events"],
        "output, report's VAE": rebuilt,
        "output, wide VAE": pd.DataFrame(wide.reconstruct(unit), columns=names),
    }
    order = [*names[::2], *names[1::2]]
    numbers = {
        "trained_on": len(unit),
        "judged_on": n_held,
        "distributions_fitted": len(fits),
        "search_seconds": seconds,
        "ranking": [
            {"name": fit.name, "ks": fit.ks, "aic": fit.aic, "squared_error": fit.squared_error} for fit in fits[:10]
        ],
        "best_by": {by: min(fits, key=lambda fit, by=by: getattr(fit, by)).name for by in MEASURES},
        "gaussian": {"ks": gauss.ks, "squared_error": gauss.squared_error},
        "johnson_su": {"ks": johnson.ks, "squared_error": johnson.squared_error},
        "closeness": {
            name: {
                "largest_ks": float(one.ks.max()), "mean_ks": float(one.ks.mean()), "auc": one.auc,
                "auc_error": one.auc_error, "ks_noise": one.ks_noise, "ks": dict(zip(names, one.ks, strict=True)),
            }
            for name, one in found.items()
        },
        "peaks": {name: resonances(made) for name, made in physical.items()},
        "reconstruction": {"seed": float(line.history_["L_R"][-1]), "wide": float(wide.history_["L_R"][-1])},
        "nearest": nearest(front_end.transform(drawn[best_way]), unit, front_end.transform(held), settings),
    }  # fmt: skip
    return Findings(
        numbers,
        {
            "fig14_latent_fits": latent_fits(z, signal, best, gauss),
            "fig15_distributions": all_fits(z, fits),
            "fig16_generated_quantiles": variables(as_unit, order, unit=True),
            "fig17_generated": variables(physical, order, marks=TRUTH),
            "fig18_input_output": variables(outputs, order, unit=True),
            "generation_closeness": closeness_bars(found),
        },
    )


def quantile_mixture(unit: np.ndarray, front_end: Any, names: list[str], settings: Settings) -> pd.DataFrame:
    """Return events of a Gaussian mixture fitted to the normal scores of the features, without any network."""
    from scipy import special

    scores = special.ndtri(np.clip(unit, 1e-4, 1 - 1e-4))
    model = bumphunt.generation.fit_mixture(
        scores, components=settings.pick(4, 32), max_events=settings.pick(2000, 40_000)
    )
    made = bumphunt.generation.generate(
        special.ndtr, front_end.inverse_transform, model, len(unit), rng=settings.seed,
        accept=lambda rows: bumphunt.generation.heavier_first(rows, names),
    )  # fmt: skip
    return pd.DataFrame(made, columns=names)


def resonances(events: pd.DataFrame) -> dict[str, float]:
    """Return where the excess of each jet mass over a smooth curve through its spectrum is largest, GeV.

    The curve is a running median of 15 bins of 10 GeV; the excess is counted in units of its square root.
    """
    from scipy.ndimage import median_filter

    found = {}
    for name in ("mj1", "mj2"):
        edges = np.arange(60, 800, 10.0) if name == "mj1" else np.arange(40, 400, 10.0)
        counts = np.histogram(events[name], edges)[0].astype(float)
        smooth = np.maximum(median_filter(counts, 15, mode="nearest"), 1.0)
        pulls = (counts - smooth) / np.sqrt(smooth)
        best = int(np.argmax(pulls[3:-3])) + 3
        found[name] = float(0.5 * (edges[best] + edges[best + 1]))
    return found


def nearest(made: np.ndarray, trained: np.ndarray, held: np.ndarray, settings: Settings) -> dict[str, float]:
    """Return the median distance to the nearest training event, of generated and of held-out events.

    Where the first is much smaller, the generator copies.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(trained[: settings.pick(2000, 60_000)])
    number = settings.pick(300, 4000)
    return {
        name: float(np.median(tree.query(rows[:number])[0])) for name, rows in (("generated", made), ("held_out", held))
    }


@styled
def latent_fits(z: np.ndarray, signal: np.ndarray, best: Any, gauss: Any) -> object:
    from scipy import stats

    figure = new_figure(3.6, width=8.5)
    left, right = figure.subplots(1, 2)
    low, high = np.quantile(z, [0.0005, 0.9995])
    edges, grid = np.linspace(low, high, 81), np.linspace(low, high, 400)
    for flags, text, colour in ((~signal, "Background", BLUE), (signal, "Signal", RED)):
        left.stairs(np.histogram(z[flags], edges)[0], edges, fill=True, alpha=0.4, color=colour, label=text)
    counts = np.histogram(z, edges)[0] / len(z) / np.diff(edges)
    right.stairs(counts, edges, fill=True, alpha=0.3, color=GREY, label="All events")
    shown = {"norm": "Gaussian", "johnsonsu": "Johnson SU"}
    for fit, colour in {gauss.name: (gauss, RED), best.name: (best, BLACK)}.values():
        density = getattr(stats, fit.name).pdf(grid, *fit.parameters)
        right.plot(grid, density, color=colour, label=f"{shown.get(fit.name, fit.name)}: KS {fit.ks:.3f}")
    left.set_ylabel("Events / bin")
    right.set_ylabel("Density")
    right.set_ylim(0, 1.35 * counts.max())
    for axes in (left, right):
        axes.set_xlabel("Latent mean $z$")
        axes.set_xlim(low, high)
        legend(axes)
    return figure


@styled
def all_fits(z: np.ndarray, fits: list[Any]) -> object:
    """Draw every fitted density, the best five by KS in colour."""
    from scipy import stats

    figure = new_figure(4.0)
    axes = figure.add_subplot()
    low, high = np.quantile(z, [0.0005, 0.9995])
    edges, grid = np.linspace(low, high, 81), np.linspace(low, high, 300)
    counts = np.histogram(z, edges)[0] / len(z) / np.diff(edges)
    axes.stairs(counts, edges, fill=True, alpha=0.3, color=GREY, label="All events")
    with np.errstate(all="ignore"):
        for fit in fits[5:]:
            density = getattr(stats, fit.name).pdf(grid, *fit.parameters)
            axes.plot(grid, density, color=GREY, linewidth=0.4, alpha=0.6)
        dashes = ("-", "--", "-.", ":", (0, (6, 1, 1, 1)))
        for fit, colour, dash in zip(fits[:5], COLOURS, dashes, strict=False):
            density = getattr(stats, fit.name).pdf(grid, *fit.parameters)
            axes.plot(grid, density, color=colour, linestyle=dash, linewidth=1.6, label=f"{fit.name}: KS {fit.ks:.4f}")
    axes.set_ylim(0, 1.5 * counts.max())
    axes.set_xlim(low, high)
    axes.set_xlabel("Latent mean $z$")
    axes.set_ylabel("Density")
    axes.set_title(f"{len(fits)} continuous distributions of scipy.stats")
    legend(axes)
    return figure


@styled
def closeness_bars(found: dict[str, Any]) -> object:
    figure = new_figure(0.9 + 0.33 * len(found), width=8.5)
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(found))
    left.barh(rows, [one.ks.max() for one in found.values()], color=BLUE, height=0.6)
    right.barh(rows, [one.auc - 0.5 for one in found.values()], left=0.5, color=RED, height=0.6)
    for row, one in zip(rows, found.values(), strict=True):
        left.text(one.ks.max(), row, f" {one.ks.max():.3f}", va="center", fontsize=9)
        right.text(one.auc, row, f" {one.auc:.3f}", va="center", fontsize=9)
    left.axvline(next(iter(found.values())).ks_noise, color=GREY, linestyle=":")
    left.set_yticks(rows, list(found), fontsize=9)
    left.set_ylim(len(found) - 0.4, -0.6)
    left.set_xlim(0, 1.2 * max(one.ks.max() for one in found.values()))
    right.set_xlim(0.5, 1.1)
    left.set_xlabel("Largest KS distance of a variable", fontsize=9)
    right.set_xlabel("AUC of a classifier, generated against real", fontsize=9)
    for axes in (left, right):
        axes.tick_params(axis="y", which="both", left=False, right=False)
    return figure
