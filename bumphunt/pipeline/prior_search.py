"""The prior-assisted search: simulated signal of all masses against the data, hypotheses over the plane of masses.

Beside the search that learns from the data alone stands one that assumes two daughters with two prongs each. One
cross-fitted score tells simulated signal of all masses from data, in features moved to the window's mass, so that
background of any mjj looks alike; each hypothesis (m_x, m_y) multiplies it by a ratio of mass densities and weighs the
most signal-like events. Their sidebands say what to expect in the window; permutations of the masses say how large the
largest of all these significances is without signal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError, NotSearchedError
from bumphunt.events import DAUGHTERS, BlindEvents, feature_matrix
from bumphunt.execution import ALONE, Workers
from bumphunt.masses.hypotheses import (
    SimulatedSignal,
    known_features,
    simulated_signal,
)
from bumphunt.masses.signal_table import SignalTable, load_signal
from bumphunt.pipeline.keeping import Watch, unwatched
from bumphunt.pipeline.prior_windows import (
    HypothesisSelections,
    HypothesisTask,
    PriorSettings,
    excess_elsewhere,
    fitted_window,
    hypothesis_map,
    hypothesis_score,
    kept_by,
    most_significant,
    score_inputs,
    select_hypotheses,
)
from bumphunt.pipeline.small_files import decorrelation_for
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import HypothesisScan, WindowResult
from bumphunt.rng import generator, integer_seed
from bumphunt.scores.prior import PriorScore
from bumphunt.scores.trees import BoostedTrees
from bumphunt.significance.permutations import Tail, fit_tail, permuted_maxima
from bumphunt.spectrum.binning import count
from bumphunt.statistics import z_from_p

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


MANY = 400_000
"""Events beyond which no worker processes wait while the score is trained and masses are permuted: threads do that,
and the memory is needed."""

LEAST_EVENTS = 5_000
"""Events in the searched range below which a hypothesis would keep a handful of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorFindings:
    """All that the prior-assisted search found, a map per window; ``best`` numbers the most significant of them.

    ``selected`` (events,) are the purest events of the best hypothesis, ``score`` (events,) the log likelihood ratio
    of it. ``fitted`` is the best window with the spectrum of these events fitted, a second estimate of the background
    beside that of the map (its ``n_direct``). ``maxima`` are the largest significances of permuted data. ``elsewhere``
    is how far hypotheses far from the best one see an excess in its window, too, in standard deviations.
    """

    maps: tuple[HypothesisScan, ...]
    best: int
    selected: BoolArray
    score: npt.NDArray[np.float32]
    fitted: WindowResult
    z_local: float
    p_global: float
    maxima: FloatArray
    tail: Tail
    elsewhere: float = float("nan")

    @property
    def z_global(self) -> float:
        """Significance over all windows and hypotheses."""
        return z_from_p(self.p_global)

    @property
    def method(self) -> str:
        """How the global p-value came about."""
        return (
            f"maximum over {sum(found.n_hypotheses for found in self.maps)} hypotheses in {len(self.maps)} windows, "
            f"{len(self.maxima)} permutations of the masses and the tail fitted to them"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Data:
    """Features (jet masses as logarithms), mjj and folds in an order that content decides, and the bins."""

    features: FloatArray
    mjj: FloatArray
    folds: IntArray
    edges: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Signal:
    """Simulated signal near each of the windows' centres."""

    table: SignalTable
    events: SimulatedSignal
    references: list[float]


def covered_windows(windows: Sequence[MassWindow], table: SignalTable | None = None) -> tuple[MassWindow, ...]:
    """Return the windows in which signal is simulated."""
    masses = (table or load_signal()).masses[:, 0]
    return tuple(w for w in windows if masses.min() <= _centre(w) <= masses.max())


def search_prior(
    events: BlindEvents,
    windows: Sequence[MassWindow],
    edges: FloatArray,
    folds: IntArray,
    *,
    seed: int,
    settings: PriorSettings | None = None,
    table: SignalTable | None = None,
    workers: Workers = ALONE,
) -> PriorFindings:
    """Search every window for signal like the simulated.

    Parameters
    ----------
    events : BlindEvents
        The events of the searched range, without truth.
    windows : sequence of MassWindow
        Signal regions on the grid of ``edges``, all of them :func:`covered_windows`.
    edges : array of shape (bins + 1,)
        Bin edges of the searched range in GeV.
    folds : int array of shape (events,)
        Fold of each event, decided by its content.
    seed : int
        Seed of the run.
    settings, table
        What is declared, and the simulated signal; the shipped one by default.
    workers : Workers
        Who searches the windows.

    Raises
    ------
    InputError
        If no window is given, or the events lack the jets' masses or are too few to decorrelate.
    """
    prepared = prepare_prior(events, windows, edges, folds, seed=seed, settings=settings, table=table)
    return scan_hypotheses(prepared, seed=seed, workers=workers)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedPrior:
    """A task for each window with the trained models, the mass bin of each event, and which row each event was.

    ``bins`` and ``order`` have shape (events,); ``features`` names the columns that the score sees.
    """

    tasks: tuple[HypothesisTask, ...]
    bins: IntArray
    order: IntArray
    features: tuple[str, ...]

    def inputs(self, number: int, table: BlindEvents) -> FloatArray:
        """Return what the score sees of other events in a window, shape (events, features + 1)."""
        task, raw = self.tasks[number], _with_log_masses(feature_matrix(table, self.features))
        quantiles = task.decorrelation.transform(raw, table["mjj"].to_numpy(dtype=np.float64))
        return score_inputs(quantiles, task.decorrelation, [task.reference], np.zeros(len(raw), dtype=np.int64))


def prepare_prior(
    events: BlindEvents,
    windows: Sequence[MassWindow],
    edges: FloatArray,
    folds: IntArray,
    *,
    seed: int,
    settings: PriorSettings | None = None,
    table: SignalTable | None = None,
    threads: int = 1,
) -> PreparedPrior:
    """Train the score, as many folds at a time as ``threads``; all else is as of :func:`search_prior`.

    The same every time.
    """
    settings, table = settings or PriorSettings(), table or load_signal()
    names = what_it_sees(events, windows, edges, settings=settings, table=table)
    mjj = events["mjj"].to_numpy(dtype=np.float64)
    if len(folds) != len(mjj):
        raise InputError(f"{len(mjj)} events have {len(folds)} fold numbers; give one for each event")
    raw = _with_log_masses(feature_matrix(events, names))
    # sums depend on the order of their terms in the last digit, and draws on it altogether: content decides it
    order = np.lexsort((*raw.T, mjj))
    data = _Data(features=raw[order], mjj=mjj[order], folds=np.asarray(folds, dtype=np.int64)[order], edges=edges)
    signal = _signal(table, windows, names, settings, seed)
    tasks, bins = _trained(data, windows, settings, signal, seed=seed, threads=threads)
    return PreparedPrior(tasks=tasks, bins=bins, order=order, features=tuple(names))


def what_it_sees(
    events: BlindEvents,
    windows: Sequence[MassWindow],
    edges: FloatArray,
    *,
    settings: PriorSettings,
    table: SignalTable,
) -> tuple[str, ...]:
    """Return the features of the score; parameters as of :func:`search_prior`.

    Raises
    ------
    NotSearchedError
        With the reason, where the search does not apply.
    """
    if not windows:
        raise NotSearchedError(
            f"no window lies where signal is simulated, {table.masses[:, 0].min():.0f} to "
            f"{table.masses[:, 0].max():.0f} GeV"
        )
    names = _shared_features(events, table, settings.features)
    if names[:2] != DAUGHTERS:
        raise NotSearchedError(f"{' and '.join(DAUGHTERS)} are not among the features")
    if len(events) < LEAST_EVENTS:
        raise NotSearchedError(
            f"it needs {LEAST_EVENTS} events between {edges[0]:.0f} and {edges[-1]:.0f} GeV, and here are {len(events)}"
        )
    return names


def _shared_features(events: BlindEvents, table: SignalTable, allowed: Sequence[str] | None) -> tuple[str, ...]:
    """Return the features that both the events and simulated signal have, of those allowed."""
    known = [name for name in known_features(table) if name in events.columns]
    return tuple(name for name in known if allowed is None or name in allowed)


def _with_log_masses(features: FloatArray) -> FloatArray:
    features = features.copy()
    features[:, :2] = np.log(np.maximum(features[:, :2], 1.0))
    return features


def _signal(
    table: SignalTable, windows: Sequence[MassWindow], names: Sequence[str], settings: PriorSettings, seed: int
) -> _Signal:
    references = [_centre(window) for window in windows]
    number = max(settings.simulated // len(windows), 100)
    events = simulated_signal(table, references, names, number=number, rng=generator(seed, "prior", "signal"))
    return _Signal(table=table, events=events, references=references)


def _centre(window: MassWindow) -> float:
    return float(np.sqrt(window.low * window.high))


def _trained(
    data: _Data,
    windows: Sequence[MassWindow],
    settings: PriorSettings,
    signal: _Signal,
    *,
    seed: int,
    threads: int,
) -> tuple[tuple[HypothesisTask, ...], IntArray]:
    """Return a task for each window, and the mass bin of each event."""
    rng = generator(seed, "prior", "training")
    decorrelation = decorrelation_for(len(data.mjj)).fit(data.features, data.mjj)
    quantiles = decorrelation.transform(data.features, data.mjj)
    references, at = signal.references, signal.events.reference
    simulated = score_inputs(
        decorrelation.transform(signal.events.features, signal.events.mjj), decorrelation, references, at
    )
    drawn = rng.integers(len(windows), size=len(data.mjj))
    model = PriorScore(make_classifier=lambda fold: _classifier(settings, seed, fold), threads=threads).fit(
        score_inputs(quantiles, decorrelation, references, drawn), simulated, folds=data.folds, rng=rng
    )
    inclusive = count(data.mjj, data.edges)
    bins = np.clip(np.searchsorted(data.edges, data.mjj, side="right") - 1, 0, len(inclusive) - 1)
    return tuple(
        HypothesisTask(
            reference=reference,
            window=window,
            quantiles=quantiles,
            edges=data.edges,
            inclusive=inclusive,
            folds=data.folds,
            decorrelation=decorrelation,
            models=model.models_,
            signal_jets=simulated[at == number, :2],
            table=signal.table,
            settings=settings,
        )
        for number, (window, reference) in enumerate(zip(windows, references, strict=True))
    ), bins


def dismiss_idle(workers: Workers, n_events: int) -> None:
    """Send worker processes of very many events home, which keep what they have mapped, before threads work."""
    if n_events > MANY:
        workers.dismiss()


def scan_hypotheses(
    prepared: PreparedPrior, *, seed: int, workers: Workers = ALONE, watch: Watch = unwatched
) -> PriorFindings:
    """Search all windows with the trained models, which ``watch`` follows, and permute the masses."""
    tasks, bins = prepared.tasks, prepared.bins
    chosen = {}
    with watch("windows with a prior", len(tasks), done=0) as advance:
        for number, of_window in workers.map(select_hypotheses, tasks):
            chosen[number] = of_window
            advance()
    cuts = [chosen[number] for number in range(len(tasks))]
    dismiss_idle(workers, len(bins))
    maxima = permuted_maxima(
        [each.selections for of_window in cuts for each in of_window],
        bins,
        number=tasks[0].settings.permutations,
        rng=generator(seed, "prior", "permutations"),
        threads=workers.number,
    )
    tail = fit_tail(maxima)
    parts = [most_significant(of_window, bins) for of_window in cuts]
    maps = tuple(
        replace(hypothesis_map(task, part, bins, maxima=maxima, tail=tail), n_hypotheses=_tried(of_window))
        for task, part, of_window in zip(tasks, parts, cuts, strict=True)
    )
    best = int(np.argmax([found.z_best for found in maps]))
    top = maps[best]
    chosen_rows = kept_by(parts[best], top)
    selected = np.zeros(len(bins), dtype=bool)
    selected[prepared.order[chosen_rows]] = True
    score = np.empty(len(bins), dtype=np.float32)
    score[prepared.order] = hypothesis_score(tasks[best], top.best_m_x, top.best_m_y)
    counts = np.bincount(bins[chosen_rows], minlength=len(tasks[best].inclusive)).astype(np.float64)
    return PriorFindings(
        maps=maps,
        best=best,
        selected=selected,
        score=score,
        fitted=fitted_window(tasks[best], top, counts),
        z_local=top.z_best,
        p_global=top.p_global,
        maxima=maxima,
        tail=tail,
        elsewhere=excess_elsewhere(parts[best], bins, rng=generator(seed, "prior", "elsewhere")),
    )


def _tried(cuts: Sequence[HypothesisSelections]) -> int:
    return sum(len(each.hypotheses) * len(each.selections.sidebands) for each in cuts)


def _classifier(settings: PriorSettings, seed: int, fold: int) -> BoostedTrees:
    return BoostedTrees(
        members=settings.members,
        max_iter=settings.max_iter,
        learning_rate=settings.learning_rate,
        max_leaf_nodes=settings.max_leaf_nodes,
        min_samples_leaf=settings.min_samples_leaf,
        max_bins=settings.max_bins,
        seed=integer_seed(seed, "prior", fold),
    )
