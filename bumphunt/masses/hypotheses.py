"""Signal of all masses, as a search that assumes some signal needs it: hypotheses, simulated events, mass shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from bumphunt.errors import InputError
from bumphunt.masses.response import jet_shape
from bumphunt.masses.signal_table import SignalTable
from bumphunt.table.names import DAUGHTERS

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

STEP = (0.06, 6.0)
"""Step in the logarithm of a daughter's mass between hypotheses, a + b / m: about one and a half widths of the core."""
LIGHTEST = 50.0
"""Least mass of a daughter in GeV: below, a jet of QCD looks the same."""
HEAVIEST = 0.24
"""Largest ratio of a daughter's mass to the resonance's: above, hardly any jet holds the whole decay."""

_NEAR = 0.15
"""Scale in log m_resonance within which simulated events, rescaled, stand for those of another resonance."""
_JITTER = 0.08
"""Spread in the logarithm by which masses of simulated events are moved, to fill the plane between the points."""
_REGION = 0.06
"""Half-width, in log mass, of the masses of resonances that a window is searched for."""

CELL = 0.02
"""Cells in the logarithm of a jet's mass over the reference, in which shapes are tabulated ..."""
LOWEST = -5.0
"""... from here to 0."""
CELLS = round(-LOWEST / CELL)


def hypothesis_grid(
    reference: float,
    *,
    step: tuple[float, float] = STEP,
    lightest: float = LIGHTEST,
    heaviest: float = HEAVIEST,
) -> FloatArray:
    """Return the pairs (m_x, m_y), m_x >= m_y, in GeV that are looked for in a window around ``reference`` GeV.

    Examples
    --------
    >>> hypothesis_grid(1000.0, step=(1.0, 0.0)).round(1).tolist()
    [[50.0, 50.0], [135.9, 50.0], [135.9, 135.9]]
    """
    top = heaviest * reference
    if top < lightest:
        raise InputError(
            f"a resonance of {reference:g} GeV leaves no daughters between {lightest:g} and {top:g} GeV to look for"
        )
    found = [lightest]
    while (following := found[-1] * float(np.exp(step[0] + step[1] / found[-1]))) <= top:
        found.append(following)
    masses = np.array(found)
    heavier, lighter = np.tril_indices(len(masses))
    return np.column_stack([masses[heavier], masses[lighter]])


def resonance_share(table: SignalTable, m_resonance: float, edges: FloatArray) -> FloatArray:
    """Return the part of contained signal of ``m_resonance`` GeV in each bin of mjj, shape (bins,)."""
    distance = np.abs(np.log(table.masses[:, 0] / m_resonance))
    near = distance <= max(1.5 * _NEAR, float(np.sort(distance)[min(20, len(distance)) - 1]))
    contained = np.all(np.abs(table.log_jet[near] - 0.03) < 0.15, axis=1)
    ratios = table.log_resonance[near][contained]
    return np.asarray(np.histogram(ratios, np.log(edges / m_resonance))[0] / max(len(ratios), 1), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedSignal:
    """Simulated events: ``features`` (events, features), ``mjj`` in GeV, number of their ``reference`` (events,)."""

    features: FloatArray
    mjj: FloatArray
    reference: IntArray


def simulated_signal(
    table: SignalTable, references: Sequence[float], names: Sequence[str], *, number: int, rng: np.random.Generator
) -> SimulatedSignal:
    """Return simulated events of resonances near each of the reference masses and daughters of all masses.

    Parameters
    ----------
    table : SignalTable
        The shipped simulation.
    references : sequence of float
        Centres of windows in GeV. Events of nearby points are rescaled, daughters and all, so that the resonance lies
        in the window: only ratios of masses shape them.
    names : sequence of str
        Features wanted: mj1 and mj2 (given as logarithms of GeV) and substructure that it has.
    number : int
        Events for each reference.
    rng : numpy.random.Generator
        Draws them.
    """
    unknown = [name for name in names if name not in known_features(table)]
    if unknown:
        raise InputError(
            f"no simulated signal has the feature {unknown[0]!r}; choose from {', '.join(known_features(table))}"
        )
    logs = np.log(table.masses)
    parts, masses = [], []
    for reference in references:
        weights = np.exp(-0.5 * ((logs[:, 0] - np.log(reference)) / _NEAR) ** 2)
        if weights.max() < 0.1:
            raise InputError(
                f"signal is simulated for resonances from {table.masses[:, 0].min():.0f} to "
                f"{table.masses[:, 0].max():.0f} GeV, none near {reference:.0f} GeV"
            )
        weights = np.where(weights > 1e-3, weights, 0.0)
        point = rng.choice(len(table), number, p=weights / weights.sum())
        event = rng.integers(table.log_resonance.shape[1], size=number)
        resonance = np.log(reference) + rng.uniform(-_REGION, _REGION, number)
        daughters = logs[point, 1:] + (resonance - logs[point, 0])[:, None] + rng.normal(0.0, _JITTER, (number, 2))
        jets = np.maximum(daughters + table.log_jet[point, :, event], 0.0)
        order = np.argsort(-jets, axis=1, kind="stable")
        jets = np.take_along_axis(jets, order, axis=1)
        substructure = np.take_along_axis(table.substructure[point, :, event], order[:, :, None], axis=1)
        columns = {f"mj{jet + 1}": jets[:, jet] for jet in (0, 1)}
        for index, name in enumerate(table.observables):
            columns |= {f"{name}_{jet + 1}": substructure[:, jet, index] for jet in (0, 1)}
        parts.append(np.column_stack([columns[name] for name in names]))
        masses.append(np.exp(resonance + table.log_resonance[point, event]))
    return SimulatedSignal(
        features=np.concatenate(parts),
        mjj=np.concatenate(masses),
        reference=np.repeat(np.arange(len(references), dtype=np.int64), number),
    )


def known_features(table: SignalTable) -> tuple[str, ...]:
    """Return the features that simulated signal has."""
    return (*DAUGHTERS, *(f"{name}_{jet}" for name in table.observables for jet in (1, 2)))


class MassShapes:
    """Densities of signal in the two jets' masses, of one hypothesis against all of them together.

    A classifier of signal of *all* masses against data gives ``p(x | any) / p(x | background)``. Times the ratio of
    the mass densities that this class tabulates, ``p(mj1, mj2 | m_x, m_y) / p(mj1, mj2 | any)``, that is the likelihood
    ratio of one hypothesis; substructure depends on the hypothesis little once the jets' masses are known.

    Parameters
    ----------
    table : SignalTable
        The shipped simulation.
    reference : float
        Centre of the window in GeV.
    jets : array of shape (events, 2)
        Logarithms of jet mass over the reference, heavier first, of the simulated events of all masses.
    """

    def __init__(self, table: SignalTable, *, reference: float, jets: FloatArray) -> None:
        self.table = table
        self.reference = reference
        number = np.zeros(CELLS * CELLS)
        np.add.at(number, cells(jets), 1.0)
        plane = number.reshape(CELLS, CELLS) / len(jets)
        # the wide kernel keeps the ratio from blowing up where simulated events are few
        plane = (
            plane + plane.T
        )  # jets are ordered: without their mirror images the kernels would leak over the diagonal
        smooth = 0.9 * gaussian_filter(plane, 0.05 / CELL) + 0.1 * gaussian_filter(plane, 0.12 / CELL)
        self._log_all = np.log(smooth + 1e-7)
        self._places = LOWEST + CELL * (np.arange(CELLS) + 0.5)
        self._jets: dict[float, FloatArray] = {}

    def _jet(self, mass: float) -> FloatArray:
        if mass not in self._jets:
            shape = jet_shape(self.table, mass, self.reference)
            self._jets[mass] = np.exp(shape.log_at(self._places + np.log(self.reference / mass))) * CELL
        return self._jets[mass]

    def log_ratio(self, m_x: float, m_y: float, *, least: float = 3e-3) -> FloatArray:
        """Return the log ratio in each cell, shape (cells * cells,); -inf where density is below ``least`` of its peak.

        Either jet may be that of X.
        """
        near, ratio = self.near(m_x, m_y, least=least)
        everywhere = np.full(CELLS * CELLS, -np.inf)
        everywhere[near] = ratio
        return everywhere

    def near(self, m_x: float, m_y: float, *, least: float = 3e-3) -> tuple[IntArray, FloatArray]:
        """Return the cells, rising, where :meth:`log_ratio` is finite, and what it is there, (cells near,) each."""
        first, second = self._jet(m_x), self._jet(m_y)
        # nothing in a row is denser than this, nor the peak less dense than the product of the tops; half is for digits
        bound = first * second.max() + second * first.max()
        rows = np.flatnonzero(bound > 0.5 * least * first.max() * second.max())
        density = np.outer(first[rows], second[rows])
        density = density + density.T
        inside = np.flatnonzero(density > least * density.max())
        row, column = rows[inside // len(rows)], rows[inside % len(rows)]
        found = np.log(np.maximum(density.ravel()[inside], 1e-300)) - self._log_all[row, column]
        return row * CELLS + column, np.asarray(found, dtype=np.float64)


def cells(jets: FloatArray) -> IntArray:
    """Return the number of the cell of :class:`MassShapes` of each event from log jet masses over the reference."""
    index = np.clip(np.floor((jets - LOWEST) / CELL), 0, CELLS - 1).astype(np.int64)
    return np.asarray(index[:, 0] * CELLS + index[:, 1], dtype=np.int64)
