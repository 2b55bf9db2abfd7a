"""One window of the search, from training to local significance: the unit of work that runs in parallel."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError, InputError
from bumphunt.pipeline.null import TREES_LEARNING_RATE, Null
from bumphunt.pipeline.ordinary_events import of_ordinary_events
from bumphunt.pipeline.small_files import least_leaf, selected_background
from bumphunt.preprocessing.content import Folds, Keys, TieBreakers
from bumphunt.preprocessing.splits import MassWindow, balanced_weights
from bumphunt.results import SpectrumFit, WindowResult
from bumphunt.results.base import short_repr
from bumphunt.rng import generator, integer_seed
from bumphunt.scores.passes import PassCounter, RepeatedPasses
from bumphunt.scores.protocol import Classifier
from bumphunt.scores.ranks import ranks
from bumphunt.scores.registry import make_score
from bumphunt.scores.repeats import CrossFit, average_ranks, repeated_passes
from bumphunt.scores.weak_supervision import nested_scores, out_of_fold_scores
from bumphunt.significance.checks import NEIGHBOURHOOD, fold_agreement
from bumphunt.significance.direct import direct_estimate
from bumphunt.significance.form import NO_DIFFERENCE, FormDifference, form_difference, with_form_difference
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import bin_of, count
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowTask:
    """All that one window needs: the searched events (mjj in GeV, feature matrix), the window, bins and seeds.

    ``keys`` (events,) are hashes of the events' content, from which folds and ties are drawn; ``threads`` folds train
    side by side; ``null`` calibrates what is found. ``excluded`` bins are in no fit: a resonance was taken out there.
    """

    number: int
    window: MassWindow
    mjj: FloatArray
    features: FloatArray
    edges: FloatArray
    config: AnalysisConfig
    seed: int
    keys: Keys
    null: Null
    threads: int = 1
    excluded: BoolArray | None = None

    __repr__ = short_repr

    def masked_bins(self, *, guard: int) -> BoolArray:
        """Return the bins that a background fit leaves out, (bins,): window, guard, and what was taken out."""
        own = self.window.masked_bins(self.edges, guard=guard)
        return own if self.excluded is None else own | self.excluded

    def null_at(self, cut_fraction: float) -> tuple[float, float]:
        """Return mean and width of local z without signal in this window, at a cut."""
        n_window = float(self.window.signal_region(self.mjj).sum())
        return self.null.at(
            n_window=n_window,
            share=n_window / len(self.mjj),
            cut_fraction=cut_fraction,
            n_features=self.features.shape[1],
            repeats=self.config.cwola.repeats,
            folds=self.config.cwola.folds,
        )

    def folds(self) -> Folds:
        """Return the fold of every event in each repeat, (events,) each; the same for all windows of a run."""
        return Folds(self.keys, folds=self.config.cwola.folds, repeats=self.config.cwola.repeats)

    def ties(self) -> TieBreakers:
        """Return what orders events of equal score in each repeat, (events,) each."""
        return TieBreakers(self.keys, repeats=self.config.cwola.repeats)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowOutcome:
    """Score of every searched event, averaged over repeats and out of fold, and one result for each cut.

    ``frequency`` (cuts, events) is in how many repeats an event passes each cut: its weight in the significance.
    ``folds`` (events,) are those of the first repeat, for second opinions that are not repeated.
    """

    score: npt.NDArray[np.float32]
    folds: IntArray
    frequency: npt.NDArray[np.uint8]
    results: tuple[WindowResult, ...]

    __repr__ = short_repr

    def selected(self, fraction: float) -> BoolArray:
        """Return which searched events are among the most anomalous ``fraction``, at any mass; 1 keeps all."""
        if fraction >= 1.0:
            return np.ones(len(self.score), dtype=np.bool_)
        # scores are ranks without ties
        return np.asarray(self.score > 1.0 - fraction, dtype=np.bool_)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the per-event part, to be stored."""
        return {"score": self.score, "folds": self.folds, "frequency": self.frequency}

    @classmethod
    def from_stored(cls, arrays: dict[str, npt.NDArray[Any]], rows: list[dict[str, Any]]) -> Self:
        """Rebuild an outcome from what was stored of it."""
        results = tuple(WindowResult.from_dict(row) for row in rows)
        return cls(score=arrays["score"], folds=arrays["folds"], frequency=arrays["frequency"], results=results)

    def weights(self, found: WindowResult, cuts: list[float]) -> FloatArray:
        """Return the weight of each event in the significance of one of the results, (events,)."""
        if found.cut_fraction >= 1.0:
            return np.ones(len(self.score), dtype=np.float64)
        return np.asarray(self.frequency[cuts.index(found.cut_fraction)], dtype=np.float64)


def search_window(task: WindowTask) -> WindowOutcome:
    """Train on the window against its sidebands, score out of fold and repeatedly, cut, and fit the background."""
    folds = task.folds()
    scores = primary_scores(task, folds)
    cuts = task.config.search.cut_fractions
    frequency = scores.frequency
    outcome = WindowOutcome(score=scores.score.astype(np.float32), folds=folds[0], frequency=frequency, results=())
    form, before = form_difference(_spectrum(task.mjj, task)), before_the_cut(task)
    excess = measure(outcome.selected(1.0), task, fraction=1.0, form=form)
    ordinary = of_ordinary_events(scores.score, task.window, task.mjj, excess=excess)
    found = [excess] if task.config.search.inclusive else []
    for fraction, often in zip(cuts, frequency, strict=True):
        result = measure(outcome.selected(fraction), task, fraction=fraction, form=form)
        found.append(
            replace(
                with_significance_of(often, result, task, form=form, before=before),
                z_repeats=single_significances(scores, task, fraction=fraction, before=before),
                fold_p_values=fold_p_values(scores, fraction=fraction),
                **ordinary,
            )
        )
    return replace(outcome, results=tuple(found))


OF_THE_SCORE = ("leakage", "leakage_error", "ordinary", "ordinary_error", "z_repeats", "fold_p_values")


def measured_again(outcome: WindowOutcome, task: WindowTask, *, rows: IntArray) -> WindowOutcome:
    """Return what a window's scores say of a part of the events, without another training.

    Parameters
    ----------
    outcome : WindowOutcome
        Of the same window with all events.
    task : WindowTask
        The window with those that are left.
    rows : int array of shape (events left,)
        Their places among all.
    """
    left = replace(outcome, score=outcome.score[rows], folds=outcome.folds[rows], frequency=outcome.frequency[:, rows])
    form, before = form_difference(_spectrum(task.mjj, task)), before_the_cut(task)
    results = []
    for old in outcome.results:
        new = measure(left.selected(old.cut_fraction), task, fraction=old.cut_fraction, form=form)
        if old.cut_fraction < 1.0:
            passes = left.frequency[task.config.search.cut_fractions.index(old.cut_fraction)]
            new = with_significance_of(passes, new, task, form=form, before=before)
        # what the score does to the mass and to the folds is as it was
        as_was: dict[str, Any] = {name: getattr(old, name) for name in OF_THE_SCORE}
        results.append(replace(new, **as_was))
    return replace(left, results=tuple(results))


def with_significance_of(
    frequency: npt.NDArray[np.uint8],
    found: WindowResult,
    task: WindowTask,
    *,
    form: FormDifference,
    before: SpectrumFit | None = None,
) -> WindowResult:
    """Return a window's result with the significance of all repeats together, calibrated by the null.

    Each event counts by the number of repeats in which it passes the cut. Repeats choose signal again and again, but
    background by chance: their mean count has the excess of a single repeat and less noise. What noise it has is known
    from the weights in the sidebands: sums of weights over ``sum w^2 / sum w`` are effective counts. A cut on the
    averaged score, in contrast, picks what fluctuates upwards in all folds together, and its excess without signal
    spreads one and a half to two times as much as Poisson (``analysis/nulls.py``).
    """
    if found.note:
        return found
    effective = effective_spectrum(frequency, task)
    if effective is None:
        return found
    family, inclusive = task.config.search.family, count(task.mjj, task.edges)
    together = with_form_difference(
        window_significance(effective.spectrum, family=family, inclusive=inclusive, before=before), form
    )
    if together.note:
        return found
    together = replace(
        found,
        z_stat=together.z_stat,
        z_local=together.z_local,
        p_local=together.p_local,
        n_effective=together.n_expected,
    )
    settings = task.config.cwola
    return task.null.applied(
        together,
        n_features=task.features.shape[1],
        repeats=settings.repeats,
        folds=settings.folds,
        n_searched=len(task.mjj),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectiveSpectrum:
    """Effective counts of all repeats together, and how many of them an event counts that passes in every repeat."""

    spectrum: Spectrum
    gain: float


def effective_spectrum(frequency: npt.NDArray[np.uint8], task: WindowTask) -> EffectiveSpectrum | None:
    """Return the spectrum of events weighted by how often they pass, in effective counts; None where none do outside.

    Weights in the sidebands tell how many events a sum of weights stands for: ``sum w / sum w^2`` of it.
    """
    weights = frequency.astype(np.float64)
    outside = ~task.masked_bins(guard=task.config.search.guard_bins)
    counts, squares = (np.histogram(task.mjj, bins=task.edges, weights=w)[0] for w in (weights, weights**2))
    if counts[outside].sum() == 0.0:
        return None
    scale = float(counts[outside].sum() / squares[outside].sum())
    spectrum = Spectrum(counts=counts * scale, edges=task.edges, sqrt_s=task.config.sqrt_s).with_window(
        task.window.bins(task.edges), masked=~outside
    )
    return EffectiveSpectrum(spectrum=spectrum, gain=scale * task.config.cwola.repeats)


def before_the_cut(task: WindowTask) -> SpectrumFit | None:
    """Return the fit before any cut, where the spectrum after it is described as this times an efficiency."""
    if selected_background(task.config, len(task.mjj)) == "form":
        return None
    try:
        return fit_spectrum(_spectrum(task.mjj, task), family=task.config.search.family)
    except (FitError, InputError):
        return None  # a form of the selected spectrum may do where that of the whole does not


def single_significances(
    scores: RepeatedPasses, task: WindowTask, *, fraction: float, before: SpectrumFit | None = None
) -> FloatArray:
    """Return local z of each repeat alone, (repeats,): their spread is what the division into folds decides."""
    if len(scores.counts) == 1:
        return np.array([])
    family, inclusive = task.config.search.family, count(task.mjj, task.edges)
    # the significance alone: no second estimate of the background, no judgement of the sidebands
    spectra = (_with_window(counts, task) for counts in scores.counts[:, scores.place(fraction)])
    return np.array(
        [window_significance(each, family=family, inclusive=inclusive, before=before).z_local for each in spectra]
    )


def fold_p_values(scores: RepeatedPasses, *, fraction: float) -> FloatArray:
    """Return for each repeat the p-value for its folds to disagree as much as they do, (repeats,)."""
    place = scores.place(fraction)
    return np.array([fold_agreement(inside[place].astype(np.float64)) for inside in scores.by_fold])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSample:
    """Who trains in a window: its signal region and the weights, zero outside region and sidebands, (events,)."""

    region: BoolArray
    weights: FloatArray


def training_sample(task: WindowTask) -> TrainingSample:
    """Return which events train the primary score of a window, and with which weights."""
    settings, mjj = task.config.cwola, task.mjj
    window = task.window.narrowed() if settings.sidebands == "narrow" else task.window
    lower, region, upper = window.parts(mjj)
    weights = balanced_weights(lower, region, upper, class_weight=settings.class_weight)
    return TrainingSample(region=region, weights=weights)


def cross_fit(task: WindowTask, folds: Folds, *, threads: int) -> CrossFit:
    """Return what repeated cross-fitting of the primary score in a window takes."""
    sample = training_sample(task)
    return CrossFit(
        features=task.features,
        region=sample.region,
        weights=sample.weights,
        folds=folds,
        make_classifier=lambda repeat, fold: make_classifier(task, repeat, fold),
        ties=task.ties(),
        threads=threads,
    )


def primary_scores(task: WindowTask, folds: Folds) -> RepeatedPasses:
    """Return the primary score of every searched event, out of fold, averaged over repeats, and what passes cuts."""
    cuts = task.config.search.cut_fractions
    settings, sample, ties = task.config.cwola, training_sample(task), task.ties()
    counter = PassCounter(
        cuts, region=sample.region, bins=bin_of(task.mjj, task.edges), n_bins=len(task.edges) - 1, repeats=len(folds)
    )
    if not settings.nested and settings.average == "score":
        return repeated_passes(cross_fit(task, folds, threads=task.threads), counter=counter)
    total = np.zeros(len(task.mjj))
    for repeat in range(len(folds)):
        numbers = folds[repeat]
        rank = _alone(task, sample, numbers, repeat).astype(np.float32)
        for fold in range(int(numbers.max()) + 1):
            counter.add(repeat, numbers == fold, rank[numbers == fold])
        total += average_ranks(rank[None])
    return counter.found(ranks(total / len(folds), ties=ties[0]))


def _alone(task: WindowTask, sample: TrainingSample, folds: IntArray, repeat: int) -> FloatArray:
    """Return the out-of-fold score of one repeat, nested or with the ranks of its members averaged."""
    settings, events = task.config.cwola, (task.features, sample.region, sample.weights, folds)
    how: Any = {"rng": generator(task.seed, "ties", task.number, repeat), "average": settings.average}
    if settings.nested:
        return nested_scores(
            *events, make_classifier=lambda fold, inner: make_classifier(task, repeat, fold, inner), **how
        )
    return out_of_fold_scores(
        *events, make_classifier=lambda fold: make_classifier(task, repeat, fold), threads=task.threads, **how
    )


def measure(
    selected: BoolArray, task: WindowTask, *, fraction: float, form: FormDifference = NO_DIFFERENCE
) -> WindowResult:
    """Return the local significance of the window in the spectrum of the selected events, not calibrated.

    ``form`` is what another form of the background might expect in addition.
    """
    settings, region = task.config.search, task.window.signal_region(task.mjj)
    found = window_significance(
        _spectrum(task.mjj[selected], task),
        neighbourhood=task.masked_bins(guard=settings.guard_bins + NEIGHBOURHOOD),
        family=settings.family,
        inclusive=count(task.mjj, task.edges),
    )
    found = with_form_difference(found, form)
    found = replace(found, cut_fraction=fraction, n_window=int(region.sum()))
    lower, upper = _clear_sidebands(task)
    if fraction >= 1.0 or found.note or not (lower.any() and upper.any()):
        return found
    direct = direct_estimate(task.mjj, selected, region=region, lower=lower, upper=upper)
    return found.with_direct(direct.expected, direct.error)


def _spectrum(mjj: FloatArray, task: WindowTask) -> Spectrum:
    """Return the spectrum of events with the window of the task and its guard."""
    return _with_window(count(mjj, task.edges), task)


def _with_window(counts: npt.NDArray[np.number], task: WindowTask) -> Spectrum:
    """Return the counts of bins as a spectrum with the window of the task and its guard."""
    return Spectrum(counts=counts.astype(np.float64), edges=task.edges, sqrt_s=task.config.sqrt_s).with_window(
        task.window.bins(task.edges),
        masked=task.masked_bins(guard=task.config.search.guard_bins),
    )


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


def make_classifier(task: WindowTask, *folds: int) -> Classifier:
    """Return an untrained classifier with the seed of these folds."""
    settings = task.config.cwola.model_dump()
    settings["min_samples_leaf"] = least_leaf(task.config, len(task.mjj))
    if settings["classifier"] == "trees" and settings["learning_rate"] is None:
        settings["learning_rate"] = TREES_LEARNING_RATE
    seed = integer_seed(task.seed, "cwola", task.number, *folds)
    classifier: Classifier = make_score(settings["classifier"], settings, seed=seed)
    return classifier
