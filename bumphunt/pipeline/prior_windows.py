"""One window of the prior-assisted search: what each hypothesis keeps, and how significant that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import NotSearchedError
from bumphunt.masses.hypotheses import MassShapes, cells, hypothesis_grid, resonance_share
from bumphunt.masses.signal_table import SignalTable
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.preprocessing.transport import features_at
from bumphunt.results import HypothesisScan, WindowResult
from bumphunt.scores.prior import log_ratio
from bumphunt.scores.protocol import Classifier
from bumphunt.scores.ranks import largest
from bumphunt.significance.permutations import Selections, Tail, significances
from bumphunt.significance.scan import window_significance
from bumphunt.significance.smooth_sidebands import Sidebands, rank_weights, sidebands, weighted
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import p_from_z

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


NEIGHBOURHOOD = 2
"""Bins beyond the guard that are left out where the fit of the sidebands is judged."""


FAR_OFF = -1e3
"""Score of events whose jets are far from a hypothesis' masses."""


FAR = (0.4, 0.6)
"""Differences in log m_x or log m_y beyond which a hypothesis shares no jets with another."""

TAILS = 0.05
"""Part of a signal's significance that hypotheses far from its masses may see of it on average."""

PART = 500_000
"""Events that are scored together."""

PERMUTED = 40
"""Permutations that say what these see without signal."""

PUREST = 1.0 / 3.0
"""Part of a hypothesis' events, the most signal-like, that are counted for people and handed to the fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSettings:
    """What the search declares before it sees data.

    A hypothesis weighs, by rank, the part of all searched events that leaves ``background`` of them in the window
    without signal, at most ``largest``, but ``least`` events of background. Where fewer than ``few`` events are
    searched, that is a few dozen of them, and ``looser`` times as many are weighed as well, the larger significance
    counting: a signal of a percent has more events than the first cut keeps. ``offsets`` are the masses of the
    resonance that are tried, in bins from the window's centre; ``guard`` bins beside the window belong to no sideband.
    ``simulated`` is the number of simulated events in all, ``permutations`` how often masses are permuted.
    ``features`` are the only ones that may be used, of those that the events have and signal is simulated with.
    ``family`` and ``sqrt_s`` are for the fit of the best hypothesis' spectrum.
    """

    background: float = 130.0
    largest: float = 3e-3
    least: float = 5.0
    few: int = 40_000
    looser: float = 3.0
    offsets: tuple[float, ...] = (0.0,)
    guard: int = 1
    simulated: int = 200_000
    permutations: int = 500
    members: int = 1
    max_iter: int = 60
    learning_rate: float = 0.15
    max_leaf_nodes: int = 16
    min_samples_leaf: int = 100
    max_bins: int = 64
    features: tuple[str, ...] | None = None
    family: str = "auto"
    sqrt_s: float | None = SQRT_S

    def part(self, in_window: float) -> float:
        """Return the part of the events to keep for a window of so many.

        Examples
        --------
        >>> settings = PriorSettings()
        >>> settings.part(130_000.0), settings.part(40_000.0), settings.part(1000.0)
        (0.001, 0.003, 0.005)
        """
        number = max(in_window, 1.0)
        return min(max(min(self.background / number, self.largest), self.least / number), 0.5)

    def parts(self, in_window: float, searched: int) -> tuple[float, ...]:
        """Return the parts of so many searched events that are kept in turn, smallest first.

        Examples
        --------
        >>> PriorSettings().parts(4000.0, 50_000), PriorSettings().parts(1000.0, 12_000)
        ((0.003,), (0.005, 0.015))
        """
        first = self.part(in_window)
        return (first,) if searched >= self.few else (first, min(self.looser * first, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HypothesisTask:
    """All that one window needs: its centre in GeV, quantiles and folds of the events, spectrum, models, simulation.

    ``signal_jets`` (simulated events, 2) are logarithms of their jets' masses over the centre.
    """

    reference: float
    window: MassWindow
    quantiles: FloatArray
    edges: FloatArray
    inclusive: FloatArray
    folds: IntArray
    decorrelation: SmoothDecorrelation
    models: dict[int, Classifier]
    signal_jets: FloatArray
    table: SignalTable
    settings: PriorSettings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HypothesisSelections:
    """The (m_x, m_y) of ``hypotheses`` in GeV, the part of all events that each keeps, and which."""

    hypotheses: FloatArray
    part: float
    selections: Selections


def score_inputs(
    quantiles: FloatArray, decorrelation: SmoothDecorrelation, references: Sequence[float], number: IntArray
) -> FloatArray:
    """Return what the score sees, each event at its own reference mass, shape (events, features + 1).

    Log jet masses over the reference and quantiles of all else, and the logarithm of the reference.
    """
    found = np.column_stack([quantiles, np.log(np.asarray(references))[number]])
    for index, reference in enumerate(references):
        rows = number == index
        moved = features_at(quantiles[rows], decorrelation, reference, first=2)
        found[rows, :2] = moved - np.log(reference)
    return found


def inputs_of(task: HypothesisTask) -> FloatArray:
    """Return what the score sees of the events of a task, shape (events, features + 1)."""
    at = np.zeros(len(task.quantiles), dtype=np.int64)
    return score_inputs(task.quantiles, task.decorrelation, [task.reference], at)


def hypothesis_score(task: HypothesisTask, m_x: float, m_y: float) -> FloatArray:
    """Return the log likelihood ratio of one hypothesis for every event, -1e3 where its jets are far off, (events,)."""
    return score_by(task.models, task, inputs_of(task), task.folds, m_x, m_y)


def score_by(
    models: dict[int, Classifier], task: HypothesisTask, inputs: FloatArray, folds: IntArray, m_x: float, m_y: float
) -> FloatArray:
    """Return :func:`hypothesis_score` of other events, each by the model of its fold; ``inputs`` as the score sees."""
    shapes = MassShapes(task.table, reference=task.reference, jets=task.signal_jets)
    ratio = shapes.log_ratio(m_x, m_y)[cells(inputs[:, :2])]
    return np.asarray(np.maximum(log_ratio(models, inputs, folds=folds) + ratio, FAR_OFF), dtype=np.float64)


def select_hypotheses(task: HypothesisTask) -> tuple[HypothesisSelections, ...]:
    """Return which events each hypothesis keeps, for each cut that is declared, the purest first.

    A hypothesis with too few events near its masses for a cut is left out there.

    Raises
    ------
    NotSearchedError
        If that is so for all of them and the purest cut.
    """
    settings = task.settings
    score, cell = _scored(task)
    shapes = MassShapes(task.table, reference=task.reference, jets=task.signal_jets)
    order = np.argsort(cell, kind="stable")
    size = np.bincount(cell, minlength=int(cell.max()) + 1)
    start = np.cumsum(size) - size
    score = score[order]
    parts = settings.parts(float(task.inclusive[task.window.bins(task.edges)].sum()), len(score))
    keeps = [max(round(part * len(score)), 1) for part in parts]
    lists: list[IntArray] = []
    hypotheses = []
    for m_x, m_y in hypothesis_grid(task.reference):
        near, ratio = shapes.near(float(m_x), float(m_y))
        there = np.flatnonzero(size[near[near < len(size)]] > 0)
        inside, ratio = near[there], ratio[there]
        lengths = size[inside]
        affordable = [keep for keep in keeps if keep <= lengths.sum()]
        if not affordable:
            continue
        first = np.cumsum(lengths) - lengths
        rows = np.repeat(start[inside] - first, lengths) + np.arange(int(lengths.sum()))
        total = score[rows] + np.repeat(ratio, lengths)
        lists.append(order[rows[largest(total, affordable[-1])]].astype(np.int32))
        hypotheses.append((m_x, m_y))
    if not lists:
        raise NotSearchedError(f"no hypothesis in {task.window} has {keeps[0]} events near its masses")
    found = []
    for part, keep in zip(parts, keeps, strict=True):
        long = [number for number, each in enumerate(lists) if len(each) >= keep]
        if long:
            weights = rank_weights(keep)
            members = np.stack([lists[number][:keep] for number in long])
            selections = Selections(sidebands=sidebands_of(task, part, weights), members=members, weights=weights)
            found.append(HypothesisSelections(hypotheses=np.array(hypotheses)[long], part=part, selections=selections))
    return tuple(found)


def _scored(task: HypothesisTask) -> tuple[FloatArray, IntArray]:
    """Return the log ratio of the score and the cell of jet masses of every event, (events,), a part at a time."""
    score, cell = np.empty(len(task.quantiles)), np.empty(len(task.quantiles), dtype=np.int64)
    for start in range(0, len(score), PART):
        part = slice(start, start + PART)
        inputs = inputs_of(replace(task, quantiles=task.quantiles[part]))
        score[part] = log_ratio(task.models, inputs, folds=task.folds[part])
        cell[part] = cells(inputs[:, :2])
    return score, cell


def most_significant(cuts: Sequence[HypothesisSelections], bins: IntArray) -> HypothesisSelections:
    """Return the cut that shows the largest significance of all, the purest of equals."""
    return max(cuts, key=lambda each: float(significances(each.selections, bins).max()))


def sidebands_of(task: HypothesisTask, part: float, weights: FloatArray) -> tuple[Sidebands, ...]:
    """Return how events count for each mass of the resonance."""
    around, side = beside(task)
    if not task.inclusive[side].any():
        raise NotSearchedError(f"{task.window} has no events in sidebands clear of its guard")
    edges = task.edges
    step = float(np.log(edges[1] / edges[0]))
    masses = [task.reference * float(np.exp(offset * step)) for offset in task.settings.offsets]
    plain = [
        sidebands(task.inclusive, edges, signal=resonance_share(task.table, mass, edges) * around, side=side, part=part)
        for mass in masses
    ]
    return tuple(weighted(counted, weights, task.inclusive) for counted in plain)


def beside(task: HypothesisTask) -> tuple[BoolArray, BoolArray]:
    """Return which bins are the window with its guard, and which the sidebands clear of it, (bins,) each."""
    window, edges = task.window, task.edges
    centres = 0.5 * (edges[:-1] + edges[1:])
    around = window.masked_bins(edges, guard=task.settings.guard)
    return around, (centres > window.sideband_low) & (centres < window.sideband_high) & ~around


def excess_elsewhere(part: HypothesisSelections, bins: IntArray, *, rng: np.random.Generator) -> float:
    """Return in standard deviations how far hypotheses far from the best one see an excess as well, on average.

    Without signal, and with any that the search looks for, they see what permuted masses show; where features of
    background change with the mass of a window, all see it.
    """
    z = significances(part.selections, bins)
    best = np.unravel_index(int(np.argmax(z)), z.shape)[1]
    far = (np.abs(np.log(part.hypotheses / part.hypotheses[best])) > FAR).any(axis=1)
    if not far.any():
        return float("nan")
    drawn = [significances(part.selections, rng.permutation(bins))[:, far].mean() for _ in range(PERMUTED)]
    excess = float(z[:, far].mean() - np.mean(drawn))
    return excess / float(np.hypot(np.std(drawn, ddof=1), TAILS * max(z.max(), 0.0)))


def kept_by(part: HypothesisSelections, found: HypothesisScan) -> IntArray:
    """Return the rows of the purest events, those of its ``cut_fraction``, of the best hypothesis of a window."""
    which = int(np.argmin(np.abs(np.log(part.hypotheses / [found.best_m_x, found.best_m_y])).sum(axis=1)))
    return np.asarray(_purest(part.selections.members[which]), dtype=np.int64)


def _purest(members: IntArray) -> IntArray:
    return members[: max(round(PUREST * len(members)), 1)]


def hypothesis_map(
    task: HypothesisTask, part: HypothesisSelections, bins: IntArray, maxima: FloatArray, tail: Tail
) -> HypothesisScan:
    """Return the significances of a window over the plane of masses."""
    z = significances(part.selections, bins)
    offset, best = (int(index) for index in np.unravel_index(int(np.argmax(z)), z.shape))
    m_x, rows = np.unique(part.hypotheses[:, 0], return_inverse=True)
    m_y, columns = np.unique(part.hypotheses[:, 1], return_inverse=True)
    plane = np.full((len(m_x), len(m_y)), np.nan)
    plane[rows, columns] = z.max(axis=0)
    top = float(z[offset, best])
    purest = _purest(part.selections.members[best])
    found = np.bincount(bins[purest], minlength=len(task.inclusive)).astype(np.float64)
    region = task.window.bins(task.edges)
    # a plain count for people, and for the fits that follow: what is weighted is not a number of events
    outside = part.selections.sidebands[offset].outside
    share = float(task.inclusive[region].sum() / max(outside @ task.inclusive, 1e-12))
    return HypothesisScan(
        low=task.window.low,
        high=task.window.high,
        m_x=m_x,
        m_y=m_y,
        z_local=plane,
        best_m_x=float(part.hypotheses[best, 0]),
        best_m_y=float(part.hypotheses[best, 1]),
        cut_fraction=len(purest) / len(bins),
        n_observed=int(found[region].sum()),
        n_expected=max(float(outside @ found), 0.0) * share,
        n_expected_error=float(np.sqrt(outside**2 @ np.maximum(found, 0.1))) * share,
        z_best=top,
        n_hypotheses=z.size,
        null_median=float(np.median(maxima)),
        p_global=max(tail.p_value(top), p_from_z(top)),
    )


def fitted_window(task: HypothesisTask, found: HypothesisScan, counts: FloatArray) -> WindowResult:
    """Return the window with a fit to the spectrum ``counts`` (bins,) of what the best hypothesis keeps.

    The estimate from the sidebands' efficiencies is its ``n_direct``.
    """
    window, edges, guard = task.window, task.edges, task.settings.guard
    region = window.bins(edges)
    spectrum = Spectrum(counts=counts, edges=edges, sqrt_s=task.settings.sqrt_s).with_window(
        region, masked=window.masked_bins(edges, guard=guard)
    )
    fitted = window_significance(
        spectrum,
        neighbourhood=window.masked_bins(edges, guard=guard + NEIGHBOURHOOD),
        family=task.settings.family,
        inclusive=task.inclusive,
    )
    fitted = replace(fitted, cut_fraction=found.cut_fraction, n_window=int(task.inclusive[region].sum()))
    return fitted.with_direct(found.n_expected, found.n_expected_error)
