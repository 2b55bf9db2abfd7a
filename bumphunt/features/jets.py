"""Clustering of massless particles into large-radius jets, a whole chunk of events at a time.

Particles of many events (or constituents of many jets) lie one after another in flat columns,
:class:`Momenta`; fastjet is handed these columns as they are.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Columns = tuple[FloatArray, FloatArray, FloatArray, FloatArray]

RADIUS = 1.0
"""Radius parameter of the anti-kT jets (LHC Olympics convention, arXiv:2101.08320)."""
REUNITE_RADIUS = 1000.0
"""Larger than any distance: exclusive clustering then ends in one jet."""
_LEADING = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Momenta:
    """Four-momenta in GeV of the members of many groups (events or jets), one group after the other.

    ``px``, ``py``, ``pz``, ``energy`` have shape (members,), ``counts`` the number of members of each
    group, shape (groups,).
    """

    px: FloatArray
    py: FloatArray
    pz: FloatArray
    energy: FloatArray
    counts: IntArray

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.counts)

    @property
    def columns(self) -> Columns:
        """Return px, py, pz and energy."""
        return self.px, self.py, self.pz, self.energy

    @property
    def starts(self) -> IntArray:
        """Return where each group begins."""
        return first_of(self.counts)

    def select(self, groups: npt.NDArray[np.bool_]) -> "Momenta":
        """Return the chosen groups; ``groups`` is a mask of shape (groups,)."""
        if groups.all():
            return self
        return _momenta(tuple(c[np.repeat(groups, self.counts)] for c in self.columns), self.counts[groups])


def first_of(counts: IntArray) -> IntArray:
    """Return where each of several consecutive groups of the given sizes begins."""
    ends: IntArray = np.cumsum(counts)
    return ends - counts


def join(parts: list[Momenta]) -> Momenta:
    """Return the groups of all parts, one part after the other."""
    columns = tuple(np.concatenate(column) for column in zip(*(part.columns for part in parts), strict=True))
    return _momenta(columns, np.concatenate([part.counts for part in parts]))


def _momenta(columns: tuple[FloatArray, ...], counts: IntArray) -> Momenta:
    px, py, pz, energy = columns
    return Momenta(px=px, py=py, pz=pz, energy=energy, counts=counts)


def massless(pt: npt.ArrayLike, eta: npt.ArrayLike, phi: npt.ArrayLike, counts: npt.ArrayLike) -> Momenta:
    """Return the four-momenta of massless particles.

    Parameters
    ----------
    pt, eta, phi : array-like
        Shape (particles,); transverse momentum in GeV, pseudorapidity, azimuth in radians.
    counts : array-like
        Number of particles of each event, in their order.

    Examples
    --------
    >>> massless([3.0, 4.0], [0.0, 0.0], [0.0, 0.0], counts=[2]).energy.tolist()
    [3.0, 4.0]
    """
    pt, eta, phi = (np.asarray(x, dtype=np.float64) for x in (pt, eta, phi))
    columns = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
    return _momenta(columns, np.asarray(counts, dtype=np.int64))


@functools.cache
def _fastjet() -> Any:
    """Import fastjet without the banner that it prints on first use."""
    import fastjet

    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return fastjet


@functools.cache
def _definition(algorithm: str, radius: float, strategy: str) -> Any:
    fastjet = _fastjet()
    kind, recombination = getattr(fastjet, f"{algorithm}_algorithm"), fastjet.E_scheme
    return fastjet.JetDefinition(kind, radius, recombination, getattr(fastjet, strategy), 1)


def cluster(momenta: Momenta, *, algorithm: str, radius: float, strategy: str = "Best") -> Any:
    """Return fastjet's cluster sequences of all groups, as its multi-event interface keeps them.

    Parameters
    ----------
    momenta : Momenta
        No group is empty.
    algorithm : {"antikt", "cambridge", "kt"}
        The recombination algorithm.
    radius : float
        Its radius parameter.
    strategy : str
        fastjet's name of the way to find the closest pair; no result depends on it.
    """
    # the flat columns go straight to the function below fastjet's awkward interface, which spares the copies there
    starts = momenta.starts.astype(np.int32)
    stops = (momenta.starts + momenta.counts).astype(np.int32)
    return _fastjet()._ext.interfacemulti(*momenta.columns, starts, stops, _definition(algorithm, radius, strategy))


def recluster(momenta: Momenta, *, algorithm: str) -> Any:
    """Return the cluster sequences that unite all of each jet, for :func:`exclusive`."""
    # at a radius beyond all distances the tiles of the other strategies are of no use
    return cluster(momenta, algorithm=algorithm, radius=REUNITE_RADIUS, strategy="N2Plain")


def exclusive(sequences: Any, number: int) -> Columns:
    """Return px, py, pz, E of the last ``number`` subjets, each of shape (groups, number)."""
    px, py, pz, energy = (np.asarray(x).reshape(-1, number) for x in sequences.to_numpy_exclusive_njet(number)[:4])
    return px, py, pz, energy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Jets:
    """Leading jets of events: their constituents, and the event and rank (0 leading in pT) of each jet."""

    constituents: Momenta
    event: IntArray
    slot: IntArray


def leading_jets(momenta: Momenta, *, radius: float = RADIUS) -> Jets:
    """Return the two anti-kT jets of every event that lead in transverse momentum, fewer where there are fewer.

    Parameters
    ----------
    momenta : Momenta
        Particles of each event; events may be empty.
    radius : float
        Radius parameter.
    """
    filled = momenta.counts > 0
    if not filled.any():
        none, nothing = np.zeros(0), np.zeros(0, dtype=np.int64)
        return Jets(constituents=_momenta((none,) * 4, nothing), event=nothing, slot=nothing)
    events = momenta.select(filled)
    sequences = cluster(events, algorithm="antikt", radius=radius)
    member, counts = _by_jet(sequences, events.counts)
    jet_starts = first_of(counts)
    pt2 = np.add.reduceat(events.px[member], jet_starts) ** 2 + np.add.reduceat(events.py[member], jet_starts) ** 2
    event = np.repeat(np.arange(len(events)), events.counts)[member[jet_starts]]
    order = np.lexsort((-pt2, event))
    slot = np.arange(len(order)) - np.searchsorted(event, event)
    order, event, slot = order[slot < _LEADING], event[slot < _LEADING], slot[slot < _LEADING]
    counts, jet_starts = counts[order], jet_starts[order]
    within = np.arange(counts.sum()) - np.repeat(first_of(counts), counts)
    index = member[np.repeat(jet_starts, counts) + within]
    constituents = _momenta(tuple(column[index] for column in events.columns), counts)
    return Jets(constituents=constituents, event=np.flatnonzero(filled)[event], slot=slot)


def _by_jet(sequences: Any, particles: IntArray) -> tuple[IntArray, IntArray]:
    """Return all particles sorted by the jet they are in, and the number of particles of each jet.

    fastjet's constituent lists cost ten times as much as its unique history order, which names the same jets:
    the particles (first in the history) and recombinations of a jet follow each other, each recombination
    after its parents. As the last is that with the beam, a jet ends where there are as many as particles.
    """
    order = np.asarray(sequences.to_numpy_unique_history_order()[0], dtype=np.int64)
    starts = first_of(particles)
    is_particle = order < np.repeat(particles, 2 * particles)
    balance = np.cumsum(np.where(is_particle, 1, -1))
    number = np.cumsum(is_particle)[balance == 0]
    member = (order + np.repeat(starts, 2 * particles))[is_particle]
    return member, np.diff(number, prepend=0)


def total(momenta: Momenta) -> Columns:
    """Return the summed px, py, pz, E of each group, each of shape (groups,); zero for an empty group."""
    filled = momenta.counts > 0
    starts = momenta.starts[filled]
    sums = np.zeros((4, len(momenta)))
    if filled.any():
        for row, column in zip(sums, momenta.columns, strict=True):
            row[filled] = np.add.reduceat(column, starts)
    return sums[0], sums[1], sums[2], sums[3]


def hardest_possible(momenta: Momenta) -> FloatArray:
    """Return a transverse momentum in GeV that no jet of the group can exceed, whatever its members.

    Notes
    -----
    With n the direction of a jet of members J, pT = sum_J p.n <= sum max(0, p.n) over all members of the group,
    which is (sum |p.n| + P.n) / 2 with P = sum p. The second term is at most |P|. By Cauchy and Schwarz the first
    is at most the root of S times sum (p.n)^2 / |p|, where S = sum |p|; and that sum is at most (S + |Q|) / 2
    for every n, where Q = sum |p| exp(2 i phi). A relative 1e-9 is added for rounding. For dijets the bound
    lies a hundredth above what the hardest hemisphere holds.
    """
    pt2 = momenta.px**2 + momenta.py**2
    pt = np.sqrt(pt2)
    over = np.where(pt > 0, pt, 1.0)
    q_x, q_y = (momenta.px**2 - momenta.py**2) / over, 2 * momenta.px * momenta.py / over
    sums = np.zeros((5, len(momenta)))
    filled = momenta.counts > 0
    if filled.any():
        terms = np.stack([pt, momenta.px, momenta.py, q_x, q_y])
        sums[:, filled] = np.add.reduceat(terms, momenta.starts[filled], axis=1)
    scalar, p_x, p_y, q_x, q_y = sums
    thrust = np.sqrt(0.5 * scalar * (scalar + np.hypot(q_x, q_y)))
    bound: FloatArray = 0.5 * (thrust + np.hypot(p_x, p_y)) * (1 + 1e-9)
    return bound


def mass(momentum: Columns) -> FloatArray:
    """Return the invariant mass in GeV; rounding below zero counts as zero."""
    px, py, pz, energy = momentum
    square: FloatArray = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    return square


def transverse_momentum(momentum: Columns) -> FloatArray:
    """Return the transverse momentum in GeV."""
    return np.hypot(momentum[0], momentum[1])


def pseudorapidity(momentum: Columns) -> FloatArray:
    """Return the pseudorapidity; along the beam it is large and finite."""
    return np.arcsinh(momentum[2] / np.maximum(transverse_momentum(momentum), 1e-9))
