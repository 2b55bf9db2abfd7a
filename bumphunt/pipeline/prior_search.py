"""The prior-assisted search: simulated signal of all masses against the data, hypotheses over the plane of masses.

Beside the search that learns from the data alone stands one that assumes two daughters with two prongs each. One
cross-fitted score tells simulated signal of all masses from data, in features moved to the window's mass, so that
background of any mjj looks alike; each hypothesis (m_x, m_y) multiplies it by a ratio of mass densities and keeps the
most signal-like events. Their sidebands say what to expect in the window; permutations of the masses say how large the
largest of all these significances is without signal.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import BlindEvents, feature_matrix
from bumphunt.execution import parallel_map
from bumphunt.masses.hypotheses import MassShapes, cells, hypothesis_grid, known_features, simulated_signal
from bumphunt.masses.signal_table import SignalTable, load_signal
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.preprocessing.transport import features_at
from bumphunt.results import HypothesisMap
from bumphunt.rng import generator, integer_seed
from bumphunt.scores.prior import PriorScore
from bumphunt.scores.trees import BoostedTrees
from bumphunt.selection import BoolArray
from bumphunt.significance.permutations import Selections, Tail, counts_of, fit_tail, permuted_maxima
from bumphunt.significance.smooth_sidebands import excess_z, sidebands
from bumphunt.spectrum.binning import count
from bumphunt.statistics import p_from_z, z_from_p

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSettings:
    """What the search declares before it sees data.

    ``cuts`` are the parts of all searched events that a hypothesis keeps, raised where fewer than ``least`` would be
    expected in the window; ``step`` is that of the hypotheses in log mass, ``simulated`` the number of simulated
    events in all, ``permutations`` how often masses are permuted, ``guard`` the bins left out beside the window.
    """

    cuts: tuple[float, ...] = (1e-3, 3e-4)
    least: float = 3.0
    step: float = 0.09
    simulated: int = 200_000
    permutations: int = 1000
    guard: int = 1
    max_iter: int = 120
    learning_rate: float = 0.08
    max_leaf_nodes: int = 31
    min_samples_leaf: int = 100
    max_bins: int = 255
    members: int = 1
    features: tuple[str, ...] | None = None
    only: str = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorFindings:
    """All that the prior-assisted search found, a map per window; ``best`` numbers the most significant of them.

    ``selected`` (events,) are the events that the best hypothesis keeps, ``score`` (events,) the log likelihood ratio
    of it. ``maxima`` are the largest significances of permuted data.
    """

    maps: tuple[HypothesisMap, ...]
    best: int
    selected: BoolArray
    score: npt.NDArray[np.float32]
    z_local: float
    p_global: float
    maxima: FloatArray
    tail: Tail

    @property
    def z_global(self) -> float:
        """Significance over all windows, hypotheses and cuts."""
        return z_from_p(self.p_global)

    @property
    def method(self) -> str:
        """How the global p-value came about."""
        return (
            f"maximum over {sum(found.n_hypotheses for found in self.maps)} hypotheses in {len(self.maps)} windows, "
            f"{len(self.maxima)} permutations of the masses and the tail fitted to them"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _WindowTask:
    reference: float
    window: MassWindow
    quantiles: FloatArray
    bins: IntArray
    edges: FloatArray
    inclusive: FloatArray
    folds: IntArray
    decorrelation: SmoothDecorrelation
    model: PriorScore
    signal_jets: FloatArray
    table: SignalTable
    settings: PriorSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _WindowSelections:
    hypotheses: FloatArray
    parts: tuple[float, ...]
    groups: tuple[Selections, ...]


def covered_windows(windows: Sequence[MassWindow], table: SignalTable | None = None) -> tuple[MassWindow, ...]:
    """Return the windows in which signal is simulated."""
    masses = (table or load_signal()).masses[:, 0]
    return tuple(w for w in windows if masses.min() <= np.sqrt(w.low * w.high) <= masses.max())


def search_prior(
    events: BlindEvents,
    windows: Sequence[MassWindow],
    edges: FloatArray,
    folds: IntArray,
    *,
    seed: int,
    settings: PriorSettings | None = None,
    table: SignalTable | None = None,
    workers: int = 1,
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
    workers : int
        Processes.

    Raises
    ------
    InputError
        If no window is given, or the events lack the jets' masses or are too few to decorrelate.
    """
    settings, table = settings or PriorSettings(), table or load_signal()
    if not windows:
        raise InputError(
            f"no window lies where signal is simulated, {table.masses[:, 0].min():.0f} to "
            f"{table.masses[:, 0].max():.0f} GeV; leave 'prior' out of searches"
        )
    names = settings.features or tuple(name for name in known_features() if name in events.columns)
    if names[:2] != ("mj1", "mj2"):
        raise InputError("the prior-assisted search needs the jets' masses mj1 and mj2; leave 'prior' out of searches")
    mjj = events["mjj"].to_numpy(dtype=np.float64)
    raw = _with_log_masses(feature_matrix(events, names))
    # sums depend on the order of their terms in the last digit, and draws on it altogether: content decides it
    order = np.lexsort((*raw.T, mjj))
    found = _search(raw[order], mjj[order], windows, edges, np.asarray(folds)[order], seed, settings, table, names, workers)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return PriorFindings(
        maps=found.maps,
        best=found.best,
        selected=found.selected[back],
        score=found.score[back],
        z_local=found.z_local,
        p_global=found.p_global,
        maxima=found.maxima,
        tail=found.tail,
    )


def _with_log_masses(features: FloatArray) -> FloatArray:
    features = features.copy()
    features[:, :2] = np.log(np.maximum(features[:, :2], 1.0))
    return features


def _search(
    raw: FloatArray,
    mjj: FloatArray,
    windows: Sequence[MassWindow],
    edges: FloatArray,
    folds: IntArray,
    seed: int,
    settings: PriorSettings,
    table: SignalTable,
    names: tuple[str, ...],
    workers: int,
) -> PriorFindings:
    rng = generator(seed, "prior")
    decorrelation = SmoothDecorrelation().fit(raw, mjj)
    quantiles = decorrelation.transform(raw, mjj)
    references = [float(np.sqrt(window.low * window.high)) for window in windows]
    signal = simulated_signal(
        table, references, names, number=max(settings.simulated // len(windows), 100), rng=rng
    )
    at = signal.reference
    simulated = score_inputs(decorrelation.transform(signal.features, signal.mjj), decorrelation, references, at)
    drawn = rng.integers(len(windows), size=len(mjj))
    model = PriorScore(make_classifier=lambda fold: _classifier(settings, seed, fold)).fit(
        score_inputs(quantiles, decorrelation, references, drawn), simulated, folds=folds, rng=rng
    )
    inclusive, bins = count(mjj, edges), np.searchsorted(edges, mjj, side="right") - 1
    del model.make_classifier  # it cannot travel to other processes, and is not needed any more
    tasks = [
        _WindowTask(
            reference=reference,
            window=window,
            quantiles=quantiles,
            bins=bins,
            edges=edges,
            inclusive=inclusive,
            folds=folds,
            decorrelation=decorrelation,
            model=model,
            signal_jets=simulated[at == number, :2],
            table=table,
            settings=settings,
        )
        for number, (window, reference) in enumerate(zip(windows, references, strict=True))
    ]
    chosen = dict(parallel_map(_select, tasks, workers=workers))
    parts = [chosen[number] for number in range(len(tasks))]
    maxima = permuted_maxima(
        [group for part in parts for group in part.groups],
        bins,
        number=settings.permutations,
        rng=generator(seed, "prior", "permutations"),
    )
    tail = fit_tail(maxima)
    maps = tuple(_map(task, part, bins, maxima, tail) for task, part in zip(tasks, parts, strict=True))
    best = int(np.argmax([found.z_best for found in maps]))
    top = maps[best]
    selected = np.zeros(len(mjj), dtype=bool)
    selected[_members(parts[best], top, bins)] = True
    return PriorFindings(
        maps=maps,
        best=best,
        selected=selected,
        score=hypothesis_score(tasks[best], top.best_m_x, top.best_m_y).astype(np.float32),
        z_local=top.z_best,
        p_global=top.p_global,
        maxima=maxima,
        tail=tail,
    )


def score_inputs(
    quantiles: FloatArray, decorrelation: SmoothDecorrelation, references: Sequence[float], number: IntArray
) -> FloatArray:
    """Return what the score sees, each event at its own reference mass, shape (events, features + 1).

    Log jet masses over the reference and quantiles of all else, and the logarithm of the reference.
    """
    found = np.column_stack([quantiles, np.log(np.asarray(references))[number]])
    for index, reference in enumerate(references):
        rows = number == index
        moved = features_at(quantiles[rows], decorrelation, reference)[:, :2]
        found[rows, :2] = moved - np.log(reference)
    return found


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


def _inputs(task: _WindowTask) -> FloatArray:
    at = np.zeros(len(task.quantiles), dtype=np.int64)
    return score_inputs(task.quantiles, task.decorrelation, [task.reference], at)


def hypothesis_score(task: _WindowTask, m_x: float, m_y: float) -> FloatArray:
    """Return the log likelihood ratio of one hypothesis for every event, -1e3 where its jets are far off, (events,)."""
    inputs = _inputs(task)
    shapes = MassShapes(task.table, reference=task.reference, jets=task.signal_jets)
    ratio = shapes.log_ratio(m_x, m_y)[cells(inputs[:, :2])]
    return np.asarray(np.maximum(task.model.log_ratio(inputs, folds=task.folds) + ratio, -1e3), dtype=np.float64)


def _select(task: _WindowTask) -> _WindowSelections:
    """Return which events each hypothesis keeps at each cut."""
    settings, inputs = task.settings, _inputs(task)
    score = task.model.log_ratio(inputs, folds=task.folds)
    shapes = MassShapes(task.table, reference=task.reference, jets=task.signal_jets)
    cell = cells(inputs[:, :2])
    order = np.argsort(cell, kind="stable")
    size = np.bincount(cell, minlength=int(cell.max()) + 1)
    start = np.cumsum(size) - size
    score = score[order]
    region = task.window.bins(task.edges)
    per_event = settings.least / max(float(task.inclusive[region].sum()), 1.0)
    parts = tuple(dict.fromkeys(min(max(cut, per_event), 0.5) for cut in settings.cuts))
    keep = [max(round(part * len(score)), 1) for part in parts]
    members: list[list[IntArray]] = [[] for _ in parts]
    hypotheses = []
    for m_x, m_y in hypothesis_grid(task.reference, step=settings.step):
        ratio = shapes.log_ratio(float(m_x), float(m_y))[: len(size)]
        inside = np.flatnonzero((ratio > -np.inf) & (size > 0))
        lengths = size[inside]
        if lengths.sum() < keep[0]:
            continue
        first = np.cumsum(lengths) - lengths
        rows = np.repeat(start[inside] - first, lengths) + np.arange(int(lengths.sum()))
        total = score[rows] + np.repeat(ratio[inside], lengths)
        best = np.argpartition(-total, keep[0] - 1)[: keep[0]]
        best = best[np.argsort(-total[best], kind="stable")]
        hypotheses.append((m_x, m_y))
        for kept, number in zip(members, keep, strict=True):
            kept.append(order[rows[best[:number]]])
    side = task.window.masked_bins(task.edges, guard=settings.guard)
    centres = 0.5 * (task.edges[:-1] + task.edges[1:])
    near = (centres > task.window.sideband_low) & (centres < task.window.sideband_high)
    groups = tuple(
        Selections(
            sidebands=sidebands(task.inclusive, task.edges, region=region, side=near & ~side, part=part),
            members=np.stack(kept),
        )
        for part, kept in zip(parts, members, strict=True)
    )
    return _WindowSelections(hypotheses=np.array(hypotheses), parts=parts, groups=groups)


def _significances(part: _WindowSelections, bins: IntArray) -> FloatArray:
    """Return z of each cut and hypothesis, shape (cuts, hypotheses)."""
    return np.stack([excess_z(*counts_of(group, bins), group.sidebands.ratio) for group in part.groups])


def _members(part: _WindowSelections, found: HypothesisMap, bins: IntArray) -> IntArray:
    which = int(np.argmin(np.abs(np.log(part.hypotheses / [found.best_m_x, found.best_m_y])).sum(axis=1)))
    return part.groups[part.parts.index(found.cut_fraction)].members[which]


def _map(
    task: _WindowTask, part: _WindowSelections, bins: IntArray, maxima: FloatArray, tail: Tail
) -> HypothesisMap:
    z = _significances(part, bins)
    cut, best = np.unravel_index(int(np.argmax(z)), z.shape)
    group = part.groups[int(cut)]
    on, expected = counts_of(group, bins)
    m_x, rows = np.unique(part.hypotheses[:, 0], return_inverse=True)
    m_y, columns = np.unique(part.hypotheses[:, 1], return_inverse=True)
    plane = np.full((len(m_x), len(m_y)), np.nan)
    plane[rows, columns] = z.max(axis=0)
    top = float(z[cut, best])
    return HypothesisMap(
        low=task.window.low,
        high=task.window.high,
        m_x=m_x,
        m_y=m_y,
        z_local=plane,
        best_m_x=float(part.hypotheses[best, 0]),
        best_m_y=float(part.hypotheses[best, 1]),
        cut_fraction=part.parts[int(cut)],
        n_observed=int(on[best]),
        n_expected=float(expected[best]),
        n_expected_error=float(np.sqrt(max(expected[best], 0.0) * group.sidebands.ratio)),
        z_best=top,
        n_hypotheses=z.size,
        null_median=float(np.median(maxima)),
        p_global=max(tail.p_value(top), p_from_z(top)),
    )
