"""N-subjettiness of many jets at once, beta = 1, with axes minimised from those of exclusive kT.

The definition is that of fastjet-contrib's ``OnePass_KT_Axes`` and ``NormalizedMeasure``, step for step
(arXiv:1011.2268; the minimisation is section 3 of arXiv:1108.2701, with its tolerance), and the results
are those of fastjet-contrib to rounding. There each N clusters each jet again; here one clustering gives
the axes of all N, and one step of the minimisation is taken for all jets together.
"""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.features import jets
from bumphunt.features.jets import Columns, FloatArray, IntArray, Momenta

TOLERANCE = 1e-4
"""Mean movement of the axes at which the minimisation ends, and the distance added in quadrature to its weights."""
STEPS = 1000
"""Greatest number of steps of the minimisation."""
MOST_AXES = 3
"""tau_1 to tau_3 are computed."""
_NARROW = 0.5 * np.pi
_BEYOND = 1e5  # fastjet's rapidity of momenta along the beam
_CHUNK = 2000  # jets taken through the minimisation together: more no longer save time, fewer do not amortise it
_CROWDED = 0.5


def taus(constituents: Momenta, *, radius: float) -> FloatArray:
    """Return tau_1, tau_2, tau_3 of each jet, NaN where :func:`contrib_taus` must be asked.

    Parameters
    ----------
    constituents : Momenta
        Constituents of each jet, at least four.
    radius : float
        Radius parameter of the jets.

    Returns
    -------
    numpy.ndarray
        Shape (jets, 3). NaN marks jets with constituents more than a quarter turn from their axis in azimuth.
    """
    result = np.empty((len(constituents), MOST_AXES))
    chunks = max(1, round(len(constituents) / _CHUNK))
    owner = np.arange(len(constituents)) * chunks // max(1, len(constituents))
    for index in range(chunks):
        chunk = owner == index
        result[chunk] = _chunk_taus(constituents.select(chunk), radius=radius)
    return result


def contrib_taus(constituents: Momenta, *, measure: str, axes: str, beta: float, radius: float) -> FloatArray:
    """Return tau_1, tau_2, tau_3 of each jet as fastjet-contrib computes them, for any axes and measure.

    Parameters
    ----------
    constituents : Momenta
        Constituents of each jet, at least four.
    measure, axes : str
        Names of fastjet-contrib.
    beta, radius : float
        Angular exponent, and radius parameter of the jets.
    """
    unused, many = 999.0, 999
    sequences: Any = jets.recluster(constituents, algorithm="cambridge")
    values = sequences.to_numpy_njettiness(measure, axes, [1, 2, 3], beta, radius, unused, many, unused)[0]
    return np.asarray(values, dtype=np.float64).reshape(len(constituents), MOST_AXES)


def _chunk_taus(constituents: Momenta, *, radius: float) -> FloatArray:
    counts, starts = constituents.counts, constituents.starts
    owner = np.repeat(np.arange(len(counts)), counts)
    rapidity, azimuth, pt = _coordinates(constituents.columns)
    sequences = jets.recluster(constituents, algorithm="kt")
    seeds = [_coordinates(jets.exclusive(sequences, n))[:2] for n in range(1, MOST_AXES + 1)]
    # azimuths count from that of their jet: then none of the distances crosses the seam
    middle = seeds[0][1][:, 0]
    place = np.stack([rapidity, _turn(azimuth - middle[owner])])
    scale = np.add.reduceat(pt, starts) * radius
    result = np.empty((len(counts), MOST_AXES))
    for row, (axis_rapidity, axis_azimuth) in zip(result.T, seeds, strict=True):
        # shape (axes, 2, jets)
        axes = np.ascontiguousarray(np.stack([axis_rapidity, _turn(axis_azimuth - middle[:, None])]).transpose(2, 0, 1))
        axes = _minimised(axes, place=place, pt=pt, counts=counts)
        nearest = _squares(axes, place, counts, np.empty((len(axes), len(pt)))).min(axis=0)
        row[:] = np.add.reduceat(pt * np.sqrt(nearest), starts) / scale
    wide = np.maximum.reduceat(np.abs(place[1]), starts) >= _NARROW
    result[wide] = np.nan
    return result


def _coordinates(momentum: Columns) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rapidity, azimuth and pT as fastjet computes them."""
    px, py, pz, energy = momentum
    pt2 = px * px + py * py
    square = np.maximum((energy + pz) * (energy - pz) - pt2, 0.0) + pt2
    beam = square <= 0
    rapidity = 0.5 * np.log((energy + np.abs(pz)) ** 2 / np.where(beam, 1.0, square))
    rapidity = np.copysign(np.where(beam, _BEYOND, rapidity), pz)
    return rapidity, np.arctan2(py, px), np.sqrt(pt2)


def _turn(azimuth: FloatArray) -> FloatArray:
    """Return azimuths between -pi and pi."""
    return azimuth - 2 * np.pi * np.rint(azimuth / (2 * np.pi))


def _squares(axes: FloatArray, place: FloatArray, counts: IntArray, room: FloatArray) -> FloatArray:
    """Return squared distances of all particles to the axes of their jet, shape (axes, particles).

    The result lies in ``room``, of shape (axes, particles).
    """
    for axis, square in zip(axes, room, strict=True):
        apart = np.repeat(axis, counts, axis=1)
        np.subtract(place, apart, out=apart)
        np.multiply(apart, apart, out=apart)
        np.add(apart[0], apart[1], out=square)
    return room


def _nearest(squares: FloatArray) -> tuple[FloatArray, list[npt.NDArray[np.bool_]]]:
    """Return the squared distance to the nearest axis, and for each axis which particles are nearest to it."""
    best = functools.reduce(np.minimum, squares[1:], squares[0])
    free = np.ones(len(best), dtype=bool)
    members = []
    for square in squares[:-1]:
        mine = square == best
        mine &= free
        free ^= mine
        members.append(mine)
    return best, [*members, free]


def _minimised(axes: FloatArray, *, place: FloatArray, pt: FloatArray, counts: IntArray) -> FloatArray:
    """Move axes, shape (axes, 2, jets), to the weighted means of the particles nearest to each until they rest."""
    result = axes.copy()
    jet = np.arange(len(counts))  # those still on their way, or that came to rest since the last clearing
    moving = np.ones(len(counts), dtype=bool)
    starts = jets.first_of(counts)
    room, product = np.empty((len(axes), len(pt))), np.empty_like(place)
    for _ in range(STEPS):
        squares = _squares(axes, place, counts, room)
        best, members = _nearest(squares)
        best += TOLERANCE**2
        weight = np.divide(pt, np.sqrt(best, out=best), out=best)
        moved = np.empty_like(axes)
        for axis, mine, share, out in zip(axes, members, squares, moved, strict=True):
            if len(axes) > 1:
                np.multiply(weight, mine, out=share)
            sums = np.add.reduceat(share, starts)
            alone = sums <= 0
            means = np.add.reduceat(np.multiply(share, place, out=product), starts, axis=1)
            np.divide(means, np.where(alone, 1.0, sums), out=out)
            if alone.any():  # an axis without particles stays where it is
                out[:, alone] = axis[:, alone]
        distance = np.sqrt(((moved - axes) ** 2).sum(axis=1)).mean(axis=0)
        axes = moved
        rests = moving & (distance <= TOLERANCE)
        result[:, :, jet[rests]] = axes[:, :, rests]
        moving &= ~rests
        left = np.count_nonzero(moving)
        if left == 0:
            return result
        if left < _CROWDED * len(jet):
            kept = np.repeat(moving, counts)
            place, pt = place[:, kept], pt[kept]
            axes, jet, counts = axes[:, :, moving], jet[moving], counts[moving]
            moving = np.ones(left, dtype=bool)
            room, product = room[:, : len(pt)], product[:, : len(pt)]
            starts = jets.first_of(counts)
    result[:, :, jet[moving]] = axes[:, :, moving]
    return result
