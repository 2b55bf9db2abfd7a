"""Second opinions in the best window: scores of networks trained on all events, blind to mjj.

Which they are is declared by the configuration before the data are seen: the latent scores of a VAE and
the choice among them, the reconstruction error of a plain autoencoder, and CWoLa in the latent space of a
second VAE. All are reported beside the primary score and none is ever picked, so that they cost no trials.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError, InputError
from bumphunt.events import BlindEvents
from bumphunt.pipeline.networks import UnitFeatures, train_autoencoder, train_latent_vae, train_vae, unit_features
from bumphunt.pipeline.null import TREES_LEARNING_RATE
from bumphunt.pipeline.small_files import decorrelation_for
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measure, training_sample
from bumphunt.results import CrossCheck, TrainingHistory
from bumphunt.rng import generator, integer_seed
from bumphunt.scores.blind_choice import choose_out_of_fold
from bumphunt.scores.latent import latent_scores, orient
from bumphunt.scores.latent_cwola import latent_features
from bumphunt.scores.mahalanobis import MahalanobisDistance
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.weak_supervision import out_of_fold_scores
from bumphunt.selection import select_fraction

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]
Arrays = dict[str, FloatArray]
Keep = Callable[[str, Callable[[], Arrays]], Arrays]
"""``keep(name, make)`` returns the arrays of that name, calling ``make`` where nobody has kept them before."""


def vae_scores(
    events: BlindEvents, config: AnalysisConfig, *, seed: int, prepared: UnitFeatures | None = None
) -> tuple[dict[str, FloatArray], TrainingHistory]:
    """Train the VAE on all events and return its latent scores, each of shape (events,), and its history."""
    trained = train_vae(events, config, seed=seed, prepared=prepared)
    found = trained.model.history_
    history = TrainingHistory(loss=found["loss"], reconstruction=found["L_R"], kl=found["L_KL"])
    distance = None
    if config.vae.latent_dim > 1:
        distance = MahalanobisDistance(robust=True).fit(trained.model.encode(trained.unit)[0])
    return latent_scores(trained.model, trained.unit, distance=distance), history


def latent_classifier_score(latent: FloatArray, task: WindowTask, folds: IntArray) -> FloatArray:
    """Return the out-of-fold score of boosted trees that tell the window from its sidebands in a latent space.

    Parameters
    ----------
    latent : array of shape (events, latent dimensions)
        Latent means, from a VAE that does not know mjj. It has seen the events that are scored, but not
        their regions; the trees have seen neither.
    task : WindowTask
        The window; its section ``cwola`` says how regions are weighted and whether the means are decorrelated from mjj.
    folds : array of shape (events,)
        Folds of the run.
    """
    settings, sample = task.config.cwola, training_sample(task)
    if settings.decorrelate:
        latent = decorrelation_for(len(latent)).fit(latent, task.mjj).transform(latent, task.mjj)
    return out_of_fold_scores(
        latent,
        sample.region,
        sample.weights,
        folds,
        make_classifier=lambda fold: BoostedTrees(
            members=task.config.latent.members,
            max_iter=task.config.latent.max_iter,
            learning_rate=TREES_LEARNING_RATE,
            seed=integer_seed(task.seed, "latent", task.number, fold),
        ),
        rng=generator(task.seed, "latent", "ties", task.number),
        average=settings.average,
    )


def cross_check(
    name: str, score: FloatArray, task: WindowTask, folds: IntArray, *, fraction: float, sign: int | None = None
) -> CrossCheck:
    """Measure one score in one window.

    Where ``sign``, +1 or -1, does not declare which end is the anomalous one, it is chosen without labels and
    out of fold: for each fold it is the one that ARGOS prefers in the other folds (arXiv:2511.14832), and the
    orientation reported is that of most folds.
    """
    signs = []
    oriented = score.copy() if sign is None else sign * score
    for fold in np.unique(folds) if sign is None else ():
        held_out = folds == fold
        signs.append(_orientation(score[~held_out], task, task.mjj[~held_out]))
        oriented[held_out] *= signs[-1]
    found = measure(select_fraction(oriented, folds, fraction=fraction), task, fraction=fraction)
    return CrossCheck(
        name=name,
        orientation=sign or (1 if sum(signs) > 0 else -1),
        cut_fraction=fraction,
        n_observed=found.n_observed,
        n_expected=found.n_expected,
        n_expected_error=found.n_expected_error,
        z_local=found.z_local,
    )


def _orientation(score: FloatArray, task: WindowTask, mjj: FloatArray) -> int:
    try:
        return orient(score, task.window.signal_region(mjj), task.window.sidebands(mjj))
    except InputError:  # too few events to tell
        return 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bench:
    """What all second opinions of a run share; what a network has found before is kept by ``keep``."""

    events: BlindEvents
    keep: Keep
    task: WindowTask
    folds: IntArray
    config: AnalysisConfig
    seed: int
    prepared: dict[tuple[str, ...] | None, UnitFeatures] = field(default_factory=dict)
    found: dict[str, Arrays] = field(default_factory=dict)

    def seen(self, names: list[str] | None) -> UnitFeatures:
        key = None if names is None else tuple(names)
        if key not in self.prepared:
            self.prepared[key] = unit_features(self.events, names)
        return self.prepared[key]

    def kept(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        self.found[name] = self.keep(name, make)
        return self.found[name]

    def check(self, name: str, score: FloatArray, *, sign: int | None = None) -> CrossCheck:
        fraction = max(self.config.search.cut_fractions)
        return cross_check(name, score, self.task, self.folds, fraction=fraction, sign=sign)


def run_cross_checks(
    events: BlindEvents,
    task: WindowTask,
    outcome: WindowOutcome,
    config: AnalysisConfig,
    *,
    seed: int,
    keep: Keep = lambda name, make: make(),
) -> tuple[tuple[CrossCheck, ...], TrainingHistory | None]:
    """Measure every second opinion in the best window, training what ``keep`` does not hold yet.

    A network whose training diverges, or whose latent space collapses to a point, is left out with a warning: the main
    analysis does not depend on it.

    Returns
    -------
    checks : tuple of CrossCheck
        ``vae_...`` for each latent score and ``vae_chosen`` for the score that is chosen among them for each fold by
        the others, ``autoencoder_error``, and ``latent_cwola``; those that the configuration enables.
    history : TrainingHistory or None
        Of the VAE.
    """
    bench = _Bench(events=events, keep=keep, task=task, folds=outcome.folds, config=config, seed=seed)
    wanted: list[Callable[[_Bench], list[CrossCheck]]] = []
    if config.vae.enabled:
        wanted.append(_of_vae)
    if config.autoencoder.enabled:
        wanted.append(_of_autoencoder)
    if config.vae.enabled and config.latent.enabled:
        wanted.append(_of_latent_classifier)
    found: list[CrossCheck] = []
    for opinion in wanted:
        try:
            found += opinion(bench)
        except (FitError, InputError) as error:
            logger.warning("a cross-check is left out: %s", error)
    return tuple(found), _history(bench.found["vae"]) if "vae" in bench.found else None


def _of_vae(bench: _Bench) -> list[CrossCheck]:
    def make() -> Arrays:
        seen = bench.seen(bench.config.vae.features or bench.config.features)
        scores, history = vae_scores(bench.events, bench.config, seed=bench.seed, prepared=seen)
        return {**scores, **{f"history_{name}": np.asarray(values) for name, values in history.to_dict().items()}}

    arrays = bench.kept("vae", make)
    scores = {name: values for name, values in arrays.items() if not name.startswith("history_")}
    return [bench.check(f"vae_{name}", score) for name, score in scores.items()] + _chosen(bench, scores)


def _history(arrays: Arrays) -> TrainingHistory:
    return TrainingHistory(
        **{name.removeprefix("history_"): arrays[name] for name in arrays if name.startswith("history_")}
    )


def _chosen(bench: _Bench, scores: dict[str, FloatArray]) -> list[CrossCheck]:
    """Measure the score chosen out of fold among several; nothing where there are too few events to choose on."""
    task = bench.task
    region, sidebands = task.window.signal_region(task.mjj), task.window.sidebands(task.mjj)
    try:
        chosen = choose_out_of_fold(
            scores, region, sidebands, bench.folds, rng=generator(task.seed, "cross_checks", "ties")
        )
    except InputError:
        return []
    return [bench.check("vae_chosen", chosen.score, sign=1)]


def _of_autoencoder(bench: _Bench) -> list[CrossCheck]:
    seen, width = (
        bench.seen(bench.config.autoencoder.features or bench.config.features),
        bench.config.autoencoder.latent_dim,
    )
    if width >= len(seen.features):
        logger.warning("no autoencoder: its bottleneck of %d is as wide as its features are many", width)
        return []

    def make() -> Arrays:
        model = train_autoencoder(bench.config, seen.unit, seed=bench.seed)
        return {"reconstruction_error": model.reconstruction_error(seen.unit)}

    error = bench.kept("autoencoder", make)["reconstruction_error"]
    return [bench.check("autoencoder_error", error, sign=1)]


def _of_latent_classifier(bench: _Bench) -> list[CrossCheck]:
    def make() -> Arrays:
        unit = bench.seen(bench.config.vae.features or bench.config.features).unit
        latent = latent_features(train_latent_vae(bench.config, unit, seed=bench.seed), unit)
        return {"score": latent_classifier_score(latent, bench.task, bench.folds)}

    return [bench.check("latent_cwola", bench.kept("latent", make)["score"], sign=1)]
