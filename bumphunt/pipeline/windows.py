"""One window of the search, from training to local significance: the unit of work that runs in parallel."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.preprocessing.splits import MassWindow, assign_folds, balanced_weights
from bumphunt.results import WindowResult
from bumphunt.rng import generator, integer_seed
from bumphunt.scores.protocol import Classifier
from bumphunt.scores.registry import make_score
from bumphunt.scores.weak_supervision import leakage, nested_scores, out_of_fold_scores
from bumphunt.selection import select_fraction
from bumphunt.significance.checks import fold_excesses
from bumphunt.significance.direct import direct_estimate
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import count

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


NEIGHBOURHOOD = 2
"""Bins beyond the guard in which a strong signal's tails would spoil the sidebands as a reference."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowTask:
    """All that one window needs: the searched events (mjj in GeV, feature matrix), the window, bins and seeds.

    ``groups`` (events,) says which events are copies of one; ``threads`` folds train side by side.
    """

    number: int
    window: MassWindow
    mjj: FloatArray
    features: FloatArray
    edges: FloatArray
    config: AnalysisConfig
    seed: int
    groups: IntArray | None = None
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowOutcome:
    """Out-of-fold score and fold of every searched event, and one result for each cut."""

    score: npt.NDArray[np.float32]
    folds: IntArray
    results: tuple[WindowResult, ...]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the per-event part, to be stored."""
        return {"score": self.score, "folds": self.folds.astype(np.int8)}

    @classmethod
    def from_stored(cls, arrays: dict[str, npt.NDArray[Any]], rows: list[dict[str, Any]]) -> Self:
        """Rebuild an outcome from what was stored of it."""
        results = tuple(WindowResult.from_dict(row) for row in rows)
        return cls(score=arrays["score"], folds=arrays["folds"].astype(np.int64), results=results)


def search_window(task: WindowTask) -> WindowOutcome:
    """Train on the window against its sidebands, score out of fold, cut, and fit the background."""
    window, mjj = task.window, task.mjj
    folds = event_folds(len(mjj), task)
    score = primary_score(task, folds)
    leak = leakage(score, *window.sideband_halves(mjj))
    results = tuple(
        measure(select_fraction(score, folds, fraction=fraction), task, folds=folds, fraction=fraction, leak=leak)
        for fraction in task.config.search.cut_fractions
    )
    return WindowOutcome(score=score.astype(np.float32), folds=folds, results=results)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSample:
    """Who trains in a window: its signal region and the weights, zero outside region and sidebands, (events,)."""

    region: BoolArray
    weights: FloatArray


def training_sample(task: WindowTask) -> TrainingSample:
    """Return which events train the primary score of a window, and with which weights."""
    settings, mjj = task.config.cwola, task.mjj
    window = task.window.narrowed() if settings.sidebands == "narrow" else task.window
    lower, region, upper = window.lower_sideband(mjj), window.signal_region(mjj), window.upper_sideband(mjj)
    weights = balanced_weights(lower, region, upper, class_weight=settings.class_weight)
    return TrainingSample(region=region, weights=weights)


def primary_score(task: WindowTask, folds: IntArray) -> FloatArray:
    """Return the primary score of every searched event, out of fold, shape (events,)."""
    settings, sample = task.config.cwola, training_sample(task)
    rng = generator(task.seed, "ties", task.number)
    if settings.nested:
        return nested_scores(
            task.features,
            sample.region,
            sample.weights,
            folds,
            make_classifier=lambda fold, inner: make_classifier(task, fold, inner),
            rng=rng,
            average=settings.average,
        )
    return out_of_fold_scores(
        task.features,
        sample.region,
        sample.weights,
        folds,
        make_classifier=lambda fold: make_classifier(task, fold),
        rng=rng,
        average=settings.average,
        threads=task.threads,
    )


def event_folds(n_events: int, task: WindowTask) -> IntArray:
    """Return the folds of a run; they are the same for all its windows."""
    return assign_folds(n_events, folds=task.config.cwola.folds, rng=generator(task.seed, "folds"), groups=task.groups)


def measure(
    selected: BoolArray, task: WindowTask, *, folds: IntArray, fraction: float, leak: tuple[float, float] = (0.5, 0.0)
) -> WindowResult:
    """Return the local significance of the window in the spectrum of the selected events."""
    region = task.window.signal_region(task.mjj)
    found = window_significance(
        count(task.mjj[selected], task.edges),
        task.edges,
        task.window.bins(task.edges),
        masked=task.window.masked_bins(task.edges, guard=task.config.search.guard_bins),
        neighbourhood=task.window.masked_bins(task.edges, guard=task.config.search.guard_bins + NEIGHBOURHOOD),
        family=task.config.search.family,
        cut_fraction=fraction,
        n_window=int(region.sum()),
        inclusive=count(task.mjj, task.edges),
        null_width=task.config.search.null_width,
        leakage=leak[0],
        leakage_error=leak[1],
        sqrt_s=task.config.sqrt_s,
    )
    in_fold = fold_counts(selected & region, folds)
    found = found.with_folds(fold_excesses(in_fold, found.n_expected))
    lower, upper = _clear_sidebands(task)
    if found.note or not (lower.any() and upper.any()):
        return found
    direct = direct_estimate(task.mjj, selected, region=region, lower=lower, upper=upper)
    return found.with_direct(direct.expected, direct.error)


def _clear_sidebands(task: WindowTask) -> tuple[BoolArray, BoolArray]:
    """Return which events lie in either sideband and clear of the tails of a strong signal."""
    lower, upper = task.window.lower_sideband(task.mjj), task.window.upper_sideband(task.mjj)
    for guard in (task.config.search.guard_bins + NEIGHBOURHOOD, task.config.search.guard_bins):
        near = np.flatnonzero(task.window.masked_bins(task.edges, guard=guard))
        below = lower & (task.mjj < task.edges[near[0]])
        above = upper & (task.mjj >= task.edges[near[-1] + 1])
        if below.any() and above.any():
            break  # near an end of the range a sideband may have room for the guard only
    return below, above


def fold_counts(chosen: BoolArray, folds: IntArray) -> FloatArray:
    """Return how many of the chosen events each fold holds, shape (folds,)."""
    return np.bincount(folds[chosen], minlength=int(folds.max()) + 1).astype(np.float64)


def make_classifier(task: WindowTask, *folds: int) -> Classifier:
    """Return an untrained classifier with the seed of these folds."""
    settings = task.config.cwola.model_dump()
    if settings["classifier"] != "trees" and settings["learning_rate"] == TREES_LEARNING_RATE:
        settings["learning_rate"] = None
    seed = integer_seed(task.seed, "cwola", task.number, *folds)
    classifier: Classifier = make_score(settings["classifier"], settings, seed=seed)
    return classifier


TREES_LEARNING_RATE = 0.05
"""The default of the config, made for trees: other classifiers then keep their own."""
