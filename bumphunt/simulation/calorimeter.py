"""Calorimeter cells: geometry, resolution, thresholds, and the energy-flow rule with the tracks."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calorimeter:
    """Resolution and thresholds of one calorimeter.

    sigma(E)^2 = noise^2 + stochastic^2 E + constant^2 E^2 in GeV, with the forward numbers and no
    noise from ``forward_from`` in |eta| on. ``shaped`` scales the central part with |eta| as the
    crystal calorimeter of CMS (arXiv:1306.2016). A cell counts above ``energy_min`` GeV and above
    ``significance_min`` times its sigma.
    """

    noise: float
    stochastic: float
    constant: float
    forward_stochastic: float
    forward_constant: float
    forward_from: float
    shaped: bool
    energy_min: float
    significance_min: float

    def sigma(self, energy: FloatArray, eta: FloatArray) -> FloatArray:
        """Return the resolution in GeV at an energy (GeV) and pseudorapidity."""
        a = np.abs(eta)
        central = np.sqrt((self.constant * energy) ** 2 + self.stochastic**2 * energy + self.noise**2)
        if self.shaped:
            central = central * np.where(a <= 1.5, 1 + 0.64 * a**2, 2.16 + 5.6 * (a - 2) ** 2)
        forward = np.sqrt((self.forward_constant * energy) ** 2 + self.forward_stochastic**2 * energy)
        return np.where(a <= self.forward_from, central, forward)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A grid of cells: ``edges`` in pseudorapidity, and for each ring its number of cells in azimuth."""

    edges: FloatArray
    number: IntArray
    first: IntArray

    def index(self, eta: FloatArray, phi: FloatArray) -> IntArray:
        """Return the cell of each direction, -1 outside the grid."""
        ring = self._ring_at(eta)
        turn = (phi + np.pi) / (2 * np.pi)
        turn -= np.floor(turn)
        number = self.number[ring]
        cell = self.first[ring] + np.minimum((turn * number).astype(np.int64), number - 1)
        return np.where((eta > self.edges[0]) & (eta <= self.edges[-1]), cell, -1)

    def _ring_at(self, eta: FloatArray) -> IntArray:
        """Return the ring of each pseudorapidity, of those outside the grid any."""
        # a table of the rings at the lower ends of bins narrower than a ring, then a step up or down: a search
        # for each particle takes several times as long
        table, low, per_bin = _ring_table(self)
        ring = table[np.clip(((eta - low) * per_bin).astype(np.int64), 0, len(table) - 1)]
        ring += eta > self.edges[ring + 1]
        ring -= (eta <= self.edges[ring]) & (ring > 0)
        return np.minimum(ring, len(self.number) - 1)

    def ring(self, cell: IntArray) -> IntArray:
        """Return the ring of each cell."""
        return _ring_of_cell(self)[cell]

    @property
    def total(self) -> int:
        """Return the number of cells."""
        return int(self.number.sum())


@functools.cache
def _ring_of_cell(cells: Cells) -> IntArray:
    return np.repeat(np.arange(len(cells.number)), cells.number)


@functools.cache
def _ring_table(cells: Cells) -> tuple[IntArray, float, float]:
    """Return the ring at the lower end of each bin in eta, the first such end, and bins per unit of eta."""
    low, high = float(cells.edges[0]), float(cells.edges[-1])
    bins = int(2 * (high - low) / np.diff(cells.edges).min())
    ends = low + (high - low) / bins * np.arange(bins)
    ring = np.searchsorted(cells.edges, ends) - 1
    return np.clip(ring, 0, len(cells.number) - 1).astype(np.int64), low, bins / (high - low)


def _grid(cells_by_upper_edge: dict[float, int], lowest: float) -> Cells:
    upper = np.array(sorted(cells_by_upper_edge))
    number = np.array([cells_by_upper_edge[edge] for edge in upper], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(number)[:-1]]).astype(np.int64)
    return Cells(edges=np.concatenate([[lowest], upper]), number=number, first=first)


@functools.cache
def ecal_cells() -> Cells:
    """Return cells of one degree up to |eta| = 2.96, of ten degrees up to 5."""
    step, limit, forward = 0.0174, 2.958, np.array([3.125, 3.3, 3.475, 3.65, 3.825, 4.0, 4.175, 4.35, 4.525, 4.7, 5.0])
    fine = {round(float(edge), 4): 360 for edge in -limit + step * np.arange(1, 2 * round(limit / step) + 1)}
    coarse = {float(edge): 36 for edge in (*forward, *-forward[:-1], -limit)}
    return _grid({**fine, **coarse}, -5.0)


@functools.cache
def hcal_cells() -> Cells:
    """Return cells of 5 degrees in the barrel, 10 in the end caps, 20 at the largest |eta|."""
    barrel = np.round(0.087 * np.arange(0, 20), 4)
    endcap = (
        1.74,
        1.83,
        1.93,
        2.043,
        2.172,
        2.322,
        2.5,
        2.65,
        2.868,
        2.95,
        3.125,
        3.3,
        3.475,
        3.65,
        3.825,
        4.0,
        4.175,
        4.35,
        4.525,
    )
    rings = {float(edge): 72 for edge in barrel}
    rings.update({-float(edge): 72 for edge in barrel[1:-1]})
    rings.update(dict.fromkeys(endcap, 36))
    rings.update({-edge: 36 for edge in (float(barrel[-1]), *endcap[:-1])})
    rings.update({4.7: 18, 5.0: 18, -4.7: 18, -4.525: 18})
    return _grid(rings, -5.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """What one calorimeter gives: neutral cells, and the factor by which each track is rescaled."""

    event: IntArray
    pt: FloatArray
    eta: FloatArray
    phi: FloatArray
    track_scale: FloatArray


def energy_flow(
    calorimeter: Calorimeter,
    cells: Cells,
    *,
    hits: tuple[IntArray, IntArray, FloatArray],
    tracks: tuple[IntArray, FloatArray, FloatArray],
    scale: float,
    rng: np.random.Generator,
) -> Flow:
    """Measure cells and combine them with the tracks that point to them.

    A cell whose measured energy exceeds that of its tracks significantly gives a neutral particle
    with the excess and leaves the tracks alone; otherwise the tracks are scaled to the mean of both
    measurements, weighted with their resolutions.

    Parameters
    ----------
    hits : tuple
        Event, cell and energy (GeV) of all particles that leave energy here.
    tracks : tuple
        Which of the hits are those of tracks, and energy (GeV) and relative resolution of these tracks.
    scale : float
        Multiplies the measured energy.
    rng : numpy.random.Generator
        Source of the fluctuations.
    """
    event, cell, energy = hits
    of_track, track_energy, resolution = tracks
    towers, tower = _grouped(event * cells.total + cell)
    true = _sums(tower, energy, len(towers))
    at = tower[of_track]
    charged = _sums(at, track_energy, len(towers))
    charged_sigma2 = _sums(at, (resolution * track_energy) ** 2, len(towers))

    tower_event = towers // cells.total
    index = towers - tower_event * cells.total
    ring = cells.ring(index)
    low, high = cells.edges[ring], cells.edges[ring + 1]
    centre = 0.5 * (low + high)
    measured = scale * _lognormal(true, calorimeter.sigma(true, centre), rng)
    sigma = calorimeter.sigma(measured, centre)
    measured[(measured < calorimeter.energy_min) | (measured < calorimeter.significance_min * sigma)] = 0.0
    sigma = np.where(measured > 0, sigma, calorimeter.sigma(measured, centre))

    excess = np.maximum(measured - charged, 0.0)
    spread2 = charged_sigma2 + sigma**2
    neutral = (excess > calorimeter.energy_min) & (excess > calorimeter.significance_min * np.sqrt(spread2))
    both = (charged_sigma2 > 0) & (sigma > 0) & ~neutral
    best = np.ones_like(charged)
    # mean of track and cell energy with weights 1/sigma^2, over the track energy
    np.divide(charged * sigma**2 + measured * charged_sigma2, charged * spread2, out=best, where=both)

    place = rng.random((2, len(towers)))
    eta = (low + (high - low) * place[0])[neutral]
    turn = (index - cells.first[ring] + place[1]) / cells.number[ring]
    return Flow(
        event=tower_event[neutral],
        pt=excess[neutral] / np.cosh(eta),
        eta=eta,
        phi=(2 * np.pi * turn - np.pi)[neutral],
        track_scale=best[at],
    )


def _grouped(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Return what np.unique returns with the inverse; keys are non-negative."""
    bits = max(len(keys) - 1, 1).bit_length()
    if len(keys) and int(keys.max()).bit_length() + bits > 62:
        values, inverse = np.unique(keys, return_inverse=True)
        return values, inverse
    # numbers that hold key and place sort several times faster than the places do by key
    packed = np.sort((keys << bits) | np.arange(len(keys)))
    ordered, place = packed >> bits, packed & ((1 << bits) - 1)
    fresh = np.ones(len(keys), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    inverse = np.empty(len(keys), dtype=np.int64)
    inverse[place] = np.cumsum(fresh) - 1
    return ordered[fresh], inverse


def _sums(group: IntArray, values: FloatArray, number: int) -> FloatArray:
    return np.bincount(group, weights=values, minlength=number).astype(np.float64)


def _lognormal(mean: FloatArray, sigma: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw positive numbers of the given mean and standard deviation."""
    relative = np.divide(sigma, mean, out=np.zeros_like(mean), where=mean > 0)
    width = np.sqrt(np.log1p(relative**2))
    drawn: FloatArray = mean * np.exp(width * rng.standard_normal(len(mean)) - 0.5 * width**2)
    return drawn
