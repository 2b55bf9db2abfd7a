"""Second opinions in the best window: the latent scores of a VAE trained on all events, blind to mjj."""

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents
from bumphunt.pipeline.store import StageStore
from bumphunt.pipeline.vae import train_vae
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measure
from bumphunt.results import CrossCheck, TrainingHistory
from bumphunt.scores.latent import latent_scores, orient
from bumphunt.scores.mahalanobis import MahalanobisDistance
from bumphunt.selection import select_fraction

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def vae_scores(
    events: BlindEvents, config: AnalysisConfig, *, seed: int
) -> tuple[dict[str, FloatArray], TrainingHistory]:
    """Train the VAE on all events and return its latent scores, each of shape (events,), and its history."""
    trained = train_vae(events, config, seed=seed)
    found = trained.model.history_
    history = TrainingHistory(loss=found["loss"], reconstruction=found["L_R"], kl=found["L_KL"])
    distance = None
    if config.vae.latent_dim > 1:
        distance = MahalanobisDistance(robust=True).fit(trained.model.encode(trained.unit)[0])
    return latent_scores(trained.model, trained.unit, distance=distance), history


def cross_check(name: str, score: FloatArray, task: WindowTask, folds: IntArray, *, fraction: float) -> CrossCheck:
    """Measure one score in one window, its orientation chosen without labels and out of fold.

    For each fold the anomalous end is the one that ARGOS prefers in the other folds
    (arXiv:2511.14832). The orientation reported is that of most folds.
    """
    region = task.window.signal_region(task.mjj)
    sidebands = task.window.sidebands(task.mjj)
    oriented = np.empty_like(score)
    signs = []
    for fold in np.unique(folds):
        others = folds != fold
        try:
            sign = orient(score[others], region[others], sidebands[others])
        except InputError:
            sign = 1
        signs.append(sign)
        oriented[~others] = sign * score[~others]
    found = measure(select_fraction(oriented, folds, fraction=fraction), task, folds=folds, fraction=fraction)
    return CrossCheck(
        name=name,
        orientation=1 if sum(signs) > 0 else -1,
        cut_fraction=fraction,
        n_observed=found.n_observed,
        n_expected=found.n_expected,
        n_expected_error=found.n_expected_error,
        z_local=found.z_local,
    )


def run_cross_checks(
    events: BlindEvents,
    store: StageStore,
    task: WindowTask,
    outcome: WindowOutcome,
    config: AnalysisConfig,
    *,
    seed: int,
) -> tuple[tuple[CrossCheck, ...], TrainingHistory | None]:
    """Measure every latent score in the best window, training the VAE unless the store holds its scores."""
    if not config.vae.enabled:
        return (), None
    if not store.has("vae.npz"):
        scores, history = vae_scores(events, config, seed=seed)
        parts = {f"history_{name}": np.asarray(values) for name, values in history.to_dict().items()}
        store.save_arrays("vae.npz", {**scores, **parts})
    arrays = store.load_arrays("vae.npz")
    history = TrainingHistory(
        **{name.removeprefix("history_"): arrays[name] for name in arrays if name.startswith("history_")}
    )
    fraction = max(config.search.cut_fractions)
    found = tuple(
        cross_check(f"vae_{name}", arrays[name], task, outcome.folds, fraction=fraction)
        for name in arrays
        if not name.startswith("history_")
    )
    return found, history
