"""Background of the mass fit: the density of selected background in mjj and in the plane of jet masses."""

import copy

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz
from scipy.ndimage import map_coordinates

from bumphunt.masses.constants import BROAD_PART, MOST_FOR_BANDWIDTH, PLANE_CELL, PLANE_KERNEL_STEP
from bumphunt.masses.growth import MassGrowth
from bumphunt.results import SpectrumFit

FloatArray = npt.NDArray[np.float64]

_BANDWIDTHS = np.geomspace(0.03, 0.4, 12)


class PlaneDensity:
    """Kernel density of the ordered jet masses of selected background at any mjj, in their logarithms.

    The jet masses are moved along the lines of equal quantile to one mjj. Kernels are narrower where events crowd
    (Abramson, Ann. Statist. 10 (1982) 1217), as they do where a score found its signal; their overall
    width is the likeliest when each event is left out in turn. The plane is mirrored at equal masses.

    Parameters
    ----------
    mjj, mj1, mj2 : arrays of shape (events,)
        Selected background in GeV.
    growth : MassGrowth
        The lines of equal quantile.
    reference : float
        The mjj they are moved to, GeV.
    """

    def __init__(
        self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray, *, growth: MassGrowth, reference: float
    ) -> None:
        self.growth, self.reference = growth, reference
        self._points = self._moved(mjj, mj1, mj2).T
        self._widths = _adaptive_widths(self._points)
        self._stretch = self._jacobian(mjj, mj1, mj2)
        self._fill(np.ones(len(self._points)))

    def _moved(self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray) -> FloatArray:
        logs = np.log(np.maximum(np.stack([mj1, mj2]), 1.0))
        return np.stack([self.growth.removed(axis, mjj, logs[axis], reference=self.reference) for axis in (0, 1)])

    def weighted(self, weights: FloatArray) -> "PlaneDensity":
        """Return the density of the same events with weights: the probability of each to be background."""
        other = copy.copy(self)
        other._fill(weights)
        return other

    @property
    def n_events(self) -> float:
        """Events of background that it was estimated from."""
        return float(self._weights.sum())

    def left_out(self) -> FloatArray:
        """Return the density per GeV squared at each of the events by all others, shape (events,)."""
        apart = self._points[:, 0] - self._points[:, 1]
        own = np.zeros(len(self._points))
        for part, widening in ((1.0 - BROAD_PART, 1.0), (BROAD_PART, 3.0)):
            variance = (
                np.maximum(widening * self._widths, 0.4 * PLANE_CELL) ** 2 + PLANE_CELL**2 / 6.0
            )  # and the grid's own
            own += part * (1.0 + np.exp(-(apart**2) / variance)) / (2.0 * np.pi * variance)
        share = self._weights / self._weights.sum()
        others = (self._tabulated(self._points.T) - share * own) / np.maximum(1.0 - share, 0.1)
        return np.asarray(np.maximum(others, 1e-9) * self._stretch, dtype=np.float64)

    def _fill(self, weights: FloatArray) -> None:
        """Tabulate the density: points of like width are binned and smoothed together."""
        self._weights = weights
        self._origin = self._points.min() - 1.0
        number = int((self._points.max() + 1.0 - self._origin) / PLANE_CELL) + 2
        cells = ((self._points - self._origin) / PLANE_CELL + 0.5).astype(np.intp)
        classes = np.round(np.log(self._widths) / PLANE_KERNEL_STEP)
        table = np.zeros((number, number))
        for name in np.unique(classes):
            chosen = classes == name
            width = float(np.exp(name * PLANE_KERNEL_STEP)) / PLANE_CELL
            for part, widening in ((1.0 - BROAD_PART, 1.0), (BROAD_PART, 3.0)):
                table += part * _smeared(cells[chosen], weights[chosen], number, width=max(widening * width, 0.4))
        table += table.T
        # the ordered half of the plane holds all events
        self._table = table / (0.5 * table.sum() * PLANE_CELL**2)

    def __call__(self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray) -> FloatArray:
        """Return the density of background per GeV squared at given mjj, shape (events,)."""
        found = self._tabulated(self._moved(mjj, mj1, mj2))
        return np.asarray(np.maximum(found, 1e-9) * self._jacobian(mjj, mj1, mj2), dtype=np.float64)

    def _tabulated(self, at: FloatArray) -> FloatArray:
        return np.asarray(map_coordinates(self._table, (at - self._origin) / PLANE_CELL, order=1, mode="constant"))

    def _jacobian(self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray) -> FloatArray:
        masses = np.maximum(np.stack([mj1, mj2]), 1.0)
        stretch = [self.growth.stretch(axis, mjj, np.log(masses[axis]), reference=self.reference) for axis in (0, 1)]
        return np.asarray(np.maximum(stretch[0] * stretch[1], 0.1) / masses.prod(axis=0), dtype=np.float64)

    def marginal(self, axis: int, edges: FloatArray, mjj: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the probability of each bin (GeV) of one jet mass where mjj is spread as given."""
        ordered = np.tril(self._table)  # the first index is the heavier jet
        ordered[np.diag_indices(len(ordered))] *= 0.5
        density = ordered.sum(axis=1 - axis)
        density /= density.sum()
        logs = self._origin + PLANE_CELL * (np.arange(len(density) + 1) - 0.5)
        cumulative = np.append(0.0, np.cumsum(density))
        spread = np.quantile(mjj, np.linspace(0.05, 0.95, 10), weights=weights, method="inverted_cdf")
        found = np.zeros(len(edges) - 1)
        at = np.log(np.maximum(edges, 1.0))
        for place in spread:
            moved = self.growth.removed(axis, np.full(len(at), place), at, reference=self.reference)
            found += np.diff(np.interp(moved, logs, cumulative)) / len(spread)
        return found


def _smeared(cells: npt.NDArray[np.intp], weights: FloatArray, number: int, *, width: float) -> FloatArray:
    """Return Gaussian kernels at the cells (events, 2) on a square table, each as much as its weight.

    As products of matrices this is five to forty times as fast as filtering the table.
    """
    half = np.exp(-0.5 * (np.arange(int(3.5 * width + 0.5) + 1) / width) ** 2)
    kernel = np.zeros(number)
    kernel[: len(half)] = half[:number] / (2.0 * half.sum() - half[0])
    spread = toeplitz(kernel)
    if len(cells) < number:
        return np.asarray((spread[cells[:, 0]] * weights[:, None]).T @ spread[cells[:, 1]], dtype=np.float64)
    counts = np.bincount(cells @ np.array([number, 1]), weights, number**2).reshape(number, number)
    return np.asarray(spread @ counts @ spread, dtype=np.float64)


def _adaptive_widths(points: FloatArray) -> FloatArray:
    """Return the kernel width of each point."""
    number = len(points)
    sample = points[:: max(number // MOST_FOR_BANDWIDTH, 1)]
    ones = np.ones(len(sample))
    pilot = _likeliest(sample, ones)
    crowd = _mirrored_kernels(sample, sample, pilot * ones).mean(axis=1)
    mean = float(np.exp(np.log(crowd).mean()))
    relative = np.clip(np.sqrt(mean / crowd), 0.3, 3.0)
    width = _likeliest(sample, relative) * (len(sample) / number) ** (1.0 / 6.0)
    if len(sample) < number:
        everywhere = _mirrored_kernels(points, sample, pilot * ones).mean(axis=1)
        relative = np.clip(np.sqrt(mean / everywhere), 0.3, 3.0)
    return np.asarray(width * relative, dtype=np.float64)


def _likeliest(points: FloatArray, relative: FloatArray) -> float:
    return float(_BANDWIDTHS[int(np.argmax([_left_out(points, width * relative) for width in _BANDWIDTHS]))])


def _mirrored_kernels(at: FloatArray, points: FloatArray, widths: FloatArray) -> FloatArray:
    """Return the density at ``at`` (n, 2) of each of ``points`` (m, 2) and its mirror image, shape (n, m)."""
    total = np.zeros((len(at), len(points)))
    for ordered in (points, points[:, ::-1]):
        squared = (at[:, None, 0] - ordered[None, :, 0]) ** 2 + (at[:, None, 1] - ordered[None, :, 1]) ** 2
        squared /= widths**2
        total += (1.0 - BROAD_PART) * np.exp(-0.5 * squared) + BROAD_PART / 9.0 * np.exp(-0.5 * squared / 9.0)
    return total / (2.0 * np.pi * widths**2)


def _left_out(points: FloatArray, widths: FloatArray) -> float:
    """Return the log likelihood of the events, each by the density of all others."""
    kernels = _mirrored_kernels(points, points, widths)
    np.fill_diagonal(kernels, 0.0)
    return float(np.log(np.maximum(kernels.sum(axis=1), 1e-12)).sum())


class MassSpectrum:
    """Fitted background in mjj as a density, with what is uncertain of it under the window.

    Parameters
    ----------
    spectrum : SpectrumFit
        The background fit of the selected events.
    """

    def __init__(self, spectrum: SpectrumFit) -> None:
        widths = np.diff(spectrum.edges)
        self._centres = 0.5 * (spectrum.edges[:-1] + spectrum.edges[1:])
        self._log_density = np.log(np.maximum(spectrum.expected, 1e-9) / widths / spectrum.expected.sum())
        self._bump = spectrum.window.astype(np.float64)
        masked = np.flatnonzero(spectrum.masked & ~spectrum.window)
        self._bump[masked] = 0.5
        self.error = spectrum.window_error / max(spectrum.window_expected, 1e-9)
        """Relative error of the background expected in the window."""
        self.share = float(spectrum.expected @ self._bump / spectrum.expected.sum())
        """Part of the background that the window's error moves."""

    def density(self, mjj: FloatArray) -> FloatArray:
        """Return the density per GeV over the fitted range, shape (events,)."""
        return np.asarray(np.exp(np.interp(mjj, self._centres, self._log_density)), dtype=np.float64)

    def bump(self, mjj: FloatArray) -> FloatArray:
        """Return how far the window's error moves the background at ``mjj``, from 0 to 1."""
        return np.asarray(np.interp(mjj, self._centres, self._bump), dtype=np.float64)
