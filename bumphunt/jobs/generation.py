"""New events like those of a file: train a VAE, fit its latent space, draw, decode, transform back."""

from typing import Any

import numpy as np
import pandas as pd

from bumphunt.config import AnalysisConfig, VaeConfig
from bumphunt.errors import ConfigError, InputError
from bumphunt.events import BlindEvents, common_weight, feature_names
from bumphunt.generation.closeness import kolmogorov
from bumphunt.generation.distributions import DistributionFit, rank_distributions
from bumphunt.generation.drawing import Residuals, generate, heavier_first
from bumphunt.generation.latent import LatentMixture, fit_mixture
from bumphunt.jobs.ingest import name_of
from bumphunt.jobs.intake import Events, take_in
from bumphunt.pipeline.networks import TrainedVae, train_vae
from bumphunt.rng import generator, integer_seed

METHODS = ("mixture", "distribution")
_STEPS = 8000
_PLACES = 30_000


def generator_settings(n_features: int, n_events: int) -> VaeConfig:
    """Return the VAE for the method ``mixture``: one latent variable a feature, trained to rebuild rather than to sort.

    Parameters
    ----------
    n_features : int
        Jet observables of an event.
    n_events : int
        Events to train on; the number of epochs makes about 8000 steps.
    """
    batch = 500
    return VaeConfig(
        latent_dim=n_features,
        hidden=[128, 128, 128],
        zeta=2000.0,
        xi=1.0,
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=batch,
        epochs=max(1, round(_STEPS * batch / n_events)),
    )


def generate_events(
    path: Events,
    *,
    n_events: int | None = None,
    method: str = "mixture",
    config: AnalysisConfig | None = None,
    seed: int = 1,
    workers: int = 1,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Draw new events from a VAE trained on a file: latent space fitted, sampled, decoded, transformed back.

    Parameters
    ----------
    path : DataFrame, path or several paths
        Events; truth and copies are dropped.
    n_events : int, optional
        Events to draw; as many as trained on otherwise.
    method : {"mixture", "distribution"}
        ``mixture`` draws from a Gaussian mixture in a latent space of several dimensions and gives each event
        the spread that the decoder leaves out. ``distribution`` is the way of Vaupotič's report: one latent
        variable, the best of scipy's distributions, the decoder's mean. Its events lie on a curve.
    config : AnalysisConfig, optional
        Its section ``vae`` describes the network. By default that of the method.
    seed : int
        Seed of training and drawing.
    workers : int
        Local processes for the fits of the latent distribution.

    Returns
    -------
    events : pandas.DataFrame
        Drawn jet observables, as many rows as trained on unless ``n_events`` says otherwise.
    fit : dict
        ``name`` of what the latent space was fitted with, with its parameters, and ``distances``: the Kolmogorov
        distance of each observable from the events trained on.

    Raises
    ------
    InputError
        If ``distribution`` is asked for with more than one latent dimension.
    ConfigError
        On an unknown method.
    """
    if method not in METHODS:
        raise ConfigError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    if method == "distribution" and config is not None and config.vae.latent_dim != 1:
        raise InputError(
            f"vae.latent_dim is {config.vae.latent_dim}; method 'distribution' fits one latent variable, set it to 1"
        )
    chosen = config or AnalysisConfig()
    table = _trained_on(path, chosen)
    if method == "mixture" and config is None:
        n_features = len(feature_names(table, chosen.vae.features or chosen.features))
        chosen = chosen.model_copy(update={"vae": generator_settings(n_features, len(table))})
    trained = train_vae(table, chosen, seed=seed)
    latent: DistributionFit | LatentMixture
    residuals: Residuals | None = None
    if method == "mixture":
        latent, residuals = fit_latent_space(trained, seed=seed)
        found = {"name": str(latent), **latent.to_dict()}
    else:
        latent = rank_distributions(trained.model.encode(trained.unit)[0][:, 0], workers=workers)[0]
        found = latent.to_dict()
    names = list(trained.features)
    rows = generate(
        trained.model.decode,
        trained.front_end.inverse_transform,
        latent,
        n_events or len(table),
        residuals=residuals,
        uniform_margins=method == "mixture",
        accept=(lambda drawn: heavier_first(drawn, names, daughters=chosen.daughters)) if method == "mixture" else None,
        rng=generator(seed, "generation"),
    )
    drawn = pd.DataFrame(rows, columns=names)
    found["distances"] = {name: kolmogorov(table[name], drawn[name]) for name in names}
    return drawn, found


def _trained_on(path: Events, config: AnalysisConfig) -> BlindEvents:
    """Return checked events without truth and copies, which a generator would draw as often as they are there."""
    networks = {"vae": {"enabled": True}, "autoencoder": {"enabled": False}}
    sections = {name: getattr(config, name).model_copy(update=update) for name, update in networks.items()}
    events = take_in(path, config.model_copy(update=sections)).events
    common_weight(events, name="events" if isinstance(path, pd.DataFrame) else name_of(path))
    return events


def fit_latent_space(trained: TrainedVae, *, components: int = 32, seed: int = 1) -> tuple[LatentMixture, Residuals]:
    """Fit a Gaussian mixture to draws from the events' latent Gaussians, and keep what the decoder leaves out.

    Parameters
    ----------
    trained : TrainedVae
        Network and events.
    components : int
        Gaussians; fewer where there are fewer than 50 events for each.
    seed : int
        Seed of draws and fit.

    Returns
    -------
    mixture : LatentMixture
        Of the aggregate posterior.
    residuals : Residuals
        Input minus reconstruction from the same draws, of up to 30,000 events.
    """
    mean, log_variance = trained.model.encode(trained.unit)
    noise = generator(seed, "generation", "posterior").standard_normal(mean.shape)
    points = mean + noise * np.exp(0.5 * log_variance)
    order = generator(seed, "generation", "order").permutation(len(points))
    mixture = fit_mixture(
        points[order],
        components=max(1, min(components, len(points) // 50)),
        seed=integer_seed(seed, "generation", "mixture"),
    )
    some = order[:_PLACES]
    left_out = trained.unit[some] - trained.model.decode(points[some])
    return mixture, Residuals(points[some], left_out, neighbours=min(10, len(some)))
