"""What the detector makes of particles' masses: the density of signal in (mjj, mj1, mj2) at any masses.

The two jets lose and gain independently of one another (measured: a correlation of the masses of contained jets
below 0.03), and each pulls mjj along by an amount that its own mass tells. So the density is

    f(mjj, mj_x, mj_y) = f_x(mj_x / m_x) f_y(mj_y / m_y) h(log mjj/m_resonance - g_x - g_y),

where f and g of a jet depend on its particle's mass and on m_resonance alone. They are read off the simulated jets of
neighbouring masses (:mod:`bumphunt.masses.signal_table`), weighted so that whatever changes linearly over the plane
of masses comes out unbiased (local linear regression).
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from bumphunt.masses.constants import (
    CONTAINED,
    CONTAINED_EDGE,
    FIRST_KERNEL,
    JET_CORE,
    JET_SCALES,
    KERNEL_STEP,
    LEAST_POINTS,
    MASS_CLASSES,
    MJJ_CLIP,
    MOST_EVENTS,
    MOST_JETS,
    OFFSET_FOLLOWS,
    PAIR_SCALES,
    RESONANCE_CORE,
    SMOOTHING,
    WIDEST_KERNEL,
)
from bumphunt.masses.interpolation import (
    SmoothTable,
    between,
    deposited,
    half_height_width,
    highest,
    smooth_table,
)
from bumphunt.masses.resolution import to_nominal
from bumphunt.masses.signal_table import Masses, SignalTable

FloatArray = npt.NDArray[np.float64]

JET_GRID = np.linspace(-4.2, 3.4, 1521)
"""Logarithm of jet over particle mass at which jet shapes are tabulated."""
RESONANCE_GRID = np.linspace(-1.2, 1.0, 1101)
"""Logarithm of mjj over m_resonance at which its shape is tabulated."""


_PARTS = np.linspace(0.0, 1.0, 41)


def place(mass: npt.ArrayLike, m_resonance: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return coordinates in which the response changes evenly: log m_resonance, and sqrt(mass / m_resonance)."""
    return np.log(np.asarray(m_resonance, dtype=np.float64)), np.sqrt(np.asarray(mass) / np.asarray(m_resonance))


def local_weights(offsets: FloatArray, scales: tuple[float, ...]) -> FloatArray:
    """Return weights of points at ``offsets`` (points, dimensions) from the target, one in sum, at least 0.

    Gaussian weights of the given scales, widened until some eight points count, and made linear so that the
    weighted mean of the offsets vanishes as far as the points surround the target.
    """
    widening = 1.0
    while True:
        weights = np.exp(-0.5 * ((offsets / (widening * np.asarray(scales))) ** 2).sum(axis=1))
        if weights.sum() > 0 and weights.sum() ** 2 / (weights**2).sum() >= min(LEAST_POINTS, 0.5 * len(offsets)):
            break
        widening *= 1.25
    first = weights @ offsets
    second = (offsets * weights[:, None]).T @ offsets
    second += 1e-6 * np.diag(np.diag(second)) + 1e-12 * np.eye(len(second))
    slope = np.linalg.solve(second, first)
    linear = np.maximum(weights * (1.0 - np.clip(offsets @ slope, -3.0, 1.0)), 0.0)
    chosen = linear if linear.sum() > 1e-3 * weights.sum() else weights
    chosen = np.where(chosen > 1e-4 * chosen.max(), chosen, 0.0)
    return np.asarray(chosen / chosen.sum(), dtype=np.float64)


def containment(log_ratio: FloatArray) -> FloatArray:
    """Return how far a jet holds all of its decay and little else, from 0 to 1."""
    low, high = ((log_ratio - end) / CONTAINED_EDGE for end in CONTAINED)
    return np.asarray(expit(low) * expit(-high), dtype=np.float64)


def _smooth_density(values: FloatArray, weights: FloatArray, grid: FloatArray) -> FloatArray:
    """Return a density on ``grid``: kernels a fraction of the core's width at the peak, wider towards the tails.

    A kernel grows with the inverse root of the density where it stands (Abramson, Ann. Statist. 10 (1982) 1217), so
    that the peak does not spill into the tails. A density with the noise of its events makes a likelihood rough, and
    its intervals too short: kernels are wider than the density alone would ask.
    """
    step = grid[1] - grid[0]
    found = deposited(values, weights, grid) / weights.sum()
    first = gaussian_filter1d(found, FIRST_KERNEL / step, mode="nearest")
    kernel = max(SMOOTHING * half_height_width(grid, first) / 2.355, 2.0 * step)
    pilot = gaussian_filter1d(found, 2.0 * kernel / step, mode="nearest")
    widening = np.clip(np.sqrt(pilot.max() / np.maximum(pilot, 1e-12)), 1.0, WIDEST_KERNEL)
    # each point is shared by the two kernels of a ladder whose widths enclose its own, so that no kernel jumps
    rung = np.log2(widening) / KERNEL_STEP
    lower = np.floor(rung).astype(np.int64)
    upper_part = rung - lower
    density = np.zeros(len(grid))
    for name in range(int(lower[found > 0].max()) + 2):
        part = np.where(lower == name, 1.0 - upper_part, np.where(lower == name - 1, upper_part, 0.0)) * found
        if part.any():
            density += gaussian_filter1d(part, 2.0 ** (KERNEL_STEP * name) * kernel / step, mode="nearest")
    density += 1e-9
    return np.asarray(density / (density.sum() * step), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """A tabulated density: its logarithm and integral on ``grid``, and where it is highest."""

    grid: FloatArray
    log_density: FloatArray
    smooth: SmoothTable
    cumulative: FloatArray
    mode: float

    def log_at(self, x: FloatArray) -> FloatArray:
        """Return the logarithm of the density at ``x``."""
        return self.smooth(x)

    def peak(self, widening: float) -> float:
        """Return where a jet's mass is highest when its core is wider: soft particles make both offset and width."""
        return self.mode + OFFSET_FOLLOWS * max(self.mode, 0.0) * (widening - 1.0)

    def widened(self, x: FloatArray, widening: float) -> FloatArray:
        """Return the logarithm of the density at ``x`` when its core is wider by a factor."""
        offset, derivative = to_nominal(x - self.peak(widening), widening, JET_CORE)
        return self.log_at(self.mode + offset) + np.log(derivative)

    def below(self, x: npt.ArrayLike) -> FloatArray:
        """Return the part of the density below ``x``."""
        return between(np.asarray(x, dtype=np.float64), self.grid, self.cumulative)

    def quantile(self, part: npt.ArrayLike) -> FloatArray:
        """Return where the given part lies below."""
        return np.asarray(np.interp(np.asarray(part), self.cumulative, self.grid), dtype=np.float64)

    @property
    def core_width(self) -> float:
        """Standard deviation of a Gaussian as wide as the peak at half of its height."""
        return half_height_width(self.grid, np.exp(self.log_density)) / 2.355


def shape_of(values: FloatArray, weights: FloatArray, grid: FloatArray) -> Shape:
    """Tabulate the density of weighted values."""
    density = _smooth_density(values, weights, grid)
    step = grid[1] - grid[0]
    cumulative = np.append(0.0, np.cumsum(density[1:] + density[:-1]))
    log_density = np.log(density)
    return Shape(
        grid=grid,
        log_density=log_density,
        smooth=smooth_table(grid, log_density),
        cumulative=cumulative / cumulative[-1],
        mode=highest(grid, gaussian_filter1d(density, 0.02 / step)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jet:
    """Response to one particle: shape of log jet/particle mass, and pull on log mjj tabulated on :data:`JET_GRID`.

    ``substructure`` (classes, observables, quantiles) holds quantiles of jets in classes of like mass.
    """

    shape: Shape
    pull: SmoothTable
    substructure: FloatArray

    def pull_at(self, log_ratio: FloatArray) -> FloatArray:
        """Return what jets of these masses add to log mjj."""
        return self.pull(log_ratio)


def jet_response(table: SignalTable, mass: float, m_resonance: float) -> Jet:
    """Return the response to a particle of ``mass`` (GeV) from a resonance of ``m_resonance`` (GeV)."""
    sample, slot, step, ratio, weight = _jets_near(table, mass, m_resonance)
    relative = np.clip(table.log_resonance[sample, ::step] - table.core[sample, None], -MJJ_CLIP, MJJ_CLIP)
    shape = shape_of(ratio.ravel(), weight, JET_GRID)
    observables = table.substructure[sample, slot, ::step].reshape(len(weight), -1)
    return Jet(
        shape=shape,
        pull=smooth_table(JET_GRID, _pull(ratio.ravel(), relative.ravel(), weight, shape.mode)),
        substructure=_substructure_quantiles(_mass_class(ratio.ravel(), shape), observables, weight),
    )


def jet_shape(table: SignalTable, mass: float, m_resonance: float) -> Shape:
    """Return the shape of :func:`jet_response` alone, in a third of its time."""
    _, _, _, ratio, weight = _jets_near(table, mass, m_resonance)
    return shape_of(ratio.ravel(), weight, JET_GRID)


def _jets_near(
    table: SignalTable, mass: float, m_resonance: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int, FloatArray, FloatArray]:
    """Return samples, slots and step of the simulated jets of like particles, their log mass ratios and weights."""
    at, target = place(table.masses[:, 1:], table.masses[:, :1]), place(mass, m_resonance)
    offsets = np.stack([np.broadcast_to(at[0] - target[0], at[1].shape).ravel(), (at[1] - target[1]).ravel()], axis=1)
    points = local_weights(offsets, JET_SCALES).reshape(at[1].shape)
    sample, slot = np.nonzero(points)
    # as many events as give the shape to a percent; more would only cost time
    step = max(len(sample) * table.log_jet.shape[2] // MOST_JETS, 1)
    ratio = table.log_jet[sample, slot, ::step]
    return sample, slot, step, ratio, np.repeat(points[sample, slot], ratio.shape[1]) / ratio.shape[1]


def _mass_class(ratio: FloatArray, shape: Shape) -> npt.NDArray[np.int64]:
    """Return in which of equally crowded classes of mass each jet is, shape (jets,)."""
    return np.minimum((shape.below(ratio) * MASS_CLASSES).astype(np.int64), MASS_CLASSES - 1)


def _substructure_quantiles(
    mass_class: npt.NDArray[np.int64], observables: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return quantiles of each observable in each class of mass, shape (classes, observables, quantiles)."""
    found = np.zeros((MASS_CLASSES, observables.shape[1], len(_PARTS)))
    for kind in range(MASS_CLASSES):
        chosen = np.flatnonzero(mass_class == kind)
        if len(chosen) < 20:
            chosen = np.arange(len(mass_class))
        for index, column in enumerate(observables[chosen].T):
            order = np.argsort(column, kind="stable")
            cumulative = np.cumsum(weight[chosen[order]])
            found[kind, index] = np.interp(_PARTS * cumulative[-1], cumulative, column[order])
    return found


def _pull(ratio: FloatArray, relative: FloatArray, weight: FloatArray, mode: float) -> FloatArray:
    """Return the smoothed mean of ``relative`` against ``ratio`` on the grid, 0 at the mode."""
    step = JET_GRID[1] - JET_GRID[0]
    inside = np.clip(ratio, JET_GRID[0], JET_GRID[-1])
    count, total = (deposited(inside, part, JET_GRID) for part in (weight, weight * relative))
    overall = float((weight * relative).sum() / weight.sum())
    effective = weight.sum() ** 2 / (weight**2).sum()
    pull = np.full(len(JET_GRID), overall)
    for width in (0.5, 0.12, 0.03):  # from coarse to fine: where events are few, the coarser stands
        near, sums = (gaussian_filter1d(part, width / step, mode="constant") for part in (count, total))
        prior = 60.0 / effective * step / (width * 3.5)
        pull = (sums + prior * pull) / (near + prior)
    return np.asarray(pull - np.interp(mode, JET_GRID, pull), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Simulated events of neighbouring masses: logs of jet over particle mass, of mjj less the jets' pulls, the rest.

    ``ratio`` (2, events) of the jets of the two daughters, ``residual`` (events,), ``weight`` (events,),
    ``substructure`` (2, events, observables). Each jet's observables are moved, rank for rank, to where its own
    response has them.
    """

    ratio: FloatArray
    residual: FloatArray
    substructure: FloatArray
    weight: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalModel:
    """Density of signal near given masses.

    ``heavy`` and ``light`` are the responses to the two daughters in the order of ``masses``; ``contained`` and
    ``uncontained`` are the shapes of log mjj/m_resonance less the jets' pulls, for events whose jets hold their decays
    or do not.
    ``pool`` are the simulated events, ``accepted`` is the part of events that pass the trigger, ``observables`` name
    the substructure.
    """

    masses: Masses
    heavy: Jet
    light: Jet
    contained: Shape
    uncontained: Shape
    pool: Pool
    accepted: float
    observables: tuple[str, ...]

    def with_residuals(self, residual: FloatArray, weight: FloatArray, contained: FloatArray) -> "SignalModel":
        """Return the model with the shapes of mjj read off other events, ``residual`` being log mjj less pulls."""
        inner, outer = resonance_shapes(residual, weight, contained)
        return replace(self, contained=inner, uncontained=outer)

    def density(
        self, logs: tuple[FloatArray, FloatArray, FloatArray], *, masses: Masses, widening: tuple[float, float] = (1, 1)
    ) -> FloatArray:
        """Return the density of signal in the logarithms of (mjj, mj1, mj2); either jet may be that of X.

        Parameters
        ----------
        logs : three arrays of shape (events,)
            Logarithms of mjj and of the ordered jet masses in GeV.
        masses : (m_resonance, m_x, m_y)
            GeV, near those of the model.
        widening : (float, float)
            Factors on the resolutions of mjj and of the jet masses (:mod:`bumphunt.masses.resolution`).
        """
        log_mjj, log_1, log_2 = logs
        log_z, log_x, log_y = np.log(masses)
        total = np.zeros(len(log_mjj))
        for ratio_x, ratio_y in ((log_1 - log_x, log_2 - log_y), (log_2 - log_x, log_1 - log_y)):
            pair = self.heavy.shape.widened(ratio_x, widening[1]) + self.light.shape.widened(ratio_y, widening[1])
            contained = containment(ratio_x) * containment(ratio_y)
            pull = self.heavy.pull_at(ratio_x) + self.light.pull_at(ratio_y)
            residual, derivative = self.unwidened(log_mjj - log_z - pull, widening[0])
            inner, outer = np.exp(self.contained.log_at(residual)), np.exp(self.uncontained.log_at(residual))
            total += np.exp(pair) * (outer + contained * (inner - outer)) * derivative
        return total

    def unwidened(self, log_ratio: FloatArray, widening: float) -> tuple[FloatArray, FloatArray]:
        """Return log mjj/m_resonance less pulls in the nominal detector, and by how much it stretches densities."""
        offset, derivative = to_nominal(log_ratio - self.contained.mode, widening, RESONANCE_CORE)
        return self.contained.mode + offset, derivative

    def range_probability(
        self,
        pull: FloatArray,
        contained: FloatArray,
        m_resonance: float,
        ends: tuple[float, float],
        widening: float = 1.0,
    ) -> FloatArray:
        """Return the probability of mjj between ``ends`` (GeV), given what the jets do, shape (events,)."""
        low, high = (
            self.probability_below(end / m_resonance, pull, contained, widening) for end in (max(ends[0], 1.0), ends[1])
        )
        return high - low

    def probability_below(
        self, ratio: float, pull: FloatArray, contained: FloatArray, widening: float = 1.0
    ) -> FloatArray:
        """Return the probability of mjj below ``ratio`` times m_resonance, given what the jets do, shape (events,)."""
        at = self.unwidened(np.log(ratio) - pull, widening)[0]
        return contained * self.contained.below(at) + (1.0 - contained) * self.uncontained.below(at)


def signal_model(table: SignalTable, masses: Masses) -> SignalModel:
    """Build the density of signal near ``masses`` (m_resonance, m_x, m_y in GeV, the pair in either order)."""
    m_resonance, m_x, m_y = masses
    heavy, light = jet_response(table, m_x, m_resonance), jet_response(table, m_y, m_resonance)
    at, target = place(table.masses[:, 1:], table.masses[:, :1]), place(np.array([m_x, m_y]), m_resonance)
    mirrored = np.concatenate([at[1], at[1][:, ::-1]])
    along = np.concatenate([at[0][:, 0]] * 2) - target[0]
    both = local_weights(np.column_stack([along, mirrored - target[1]]), PAIR_SCALES)
    rows = np.flatnonzero(both)
    flipped = rows >= len(table)
    step = max(len(rows) * table.log_jet.shape[2] // MOST_EVENTS, 1)
    jets, shapes = table.log_jet[rows % len(table), :, ::step], table.substructure[rows % len(table), :, ::step]
    jets[flipped], shapes[flipped] = jets[flipped][:, ::-1].copy(), shapes[flipped][:, ::-1].copy()
    pulls = heavy.pull_at(jets[:, 0]) + light.pull_at(jets[:, 1])
    weight = np.repeat(both[rows], jets.shape[2]) / jets.shape[2]
    ratio, observables = np.moveaxis(jets, 1, 0).reshape(2, -1), np.moveaxis(shapes, 1, 0).reshape(2, len(weight), -1)
    for slot, jet in enumerate((heavy, light)):
        ratio[slot] = jet.shape.quantile(shape_of(ratio[slot], weight, JET_GRID).below(ratio[slot]))
        mass_class = _mass_class(ratio[slot], jet.shape)
        have = _substructure_quantiles(mass_class, observables[slot], weight)
        for kind in range(MASS_CLASSES):
            chosen = mass_class == kind
            for index in range(observables.shape[2]):
                parts = np.interp(observables[slot, chosen, index], have[kind, index], _PARTS)
                observables[slot, chosen, index] = np.interp(parts, _PARTS, jet.substructure[kind, index])
    pool = Pool(
        ratio=ratio,
        residual=(table.log_resonance[rows % len(table), ::step] - pulls).ravel(),
        substructure=observables,
        weight=weight / weight.sum(),
    )
    inner, outer = resonance_shapes(pool.residual, pool.weight, containment(ratio[0]) * containment(ratio[1]))
    accepted = float(both @ np.concatenate([table.accepted] * 2))
    return SignalModel(
        masses=masses,
        heavy=heavy,
        light=light,
        contained=inner,
        uncontained=outer,
        pool=pool,
        accepted=accepted,
        observables=table.observables,
    )


def resonance_shapes(residual: FloatArray, weight: FloatArray, contained: FloatArray) -> tuple[Shape, Shape]:
    """Return the shapes of log mjj less pulls, of contained and of other events."""
    inner = shape_of(residual, weight * contained, RESONANCE_GRID)
    # where hardly any event is not contained, its shape is that of all, broader tails included
    return inner, shape_of(residual, weight * (1.0 - contained + 0.02), RESONANCE_GRID)
