"""How jet masses of background grow with mjj: the lines of equal quantile, along which a decorrelated score is blind.

A score whose features are quantiles at their mjj keeps the same quantiles at every mjj. What it keeps in the sidebands
is therefore what it keeps in the window once the jet masses are moved along the lines of equal quantile.
"""

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import GROWTH_FARTHEST, GROWTH_POWERS, GROWTH_SLICES, GROWTH_STEP
from bumphunt.masses.interpolation import bilinear_table

FloatArray = npt.NDArray[np.float64]

_PROBABILITIES = np.concatenate([[0.005, 0.02], np.linspace(0.05, 0.95, 19), [0.98, 0.995, 0.999]])


class MassGrowth:
    """Lines of equal quantile of both jet masses, parabolas in the logarithms.

    Parameters
    ----------
    mjj, mj1, mj2 : arrays of shape (events,), optional
        All events of the searched range before any selection, GeV. Without them (or with too few) masses grow by
        :data:`GROWTH_POWERS`.
    """

    def __init__(self, mjj: FloatArray | None = None, mj1: FloatArray | None = None, mj2: FloatArray | None = None):
        self.log_mjj = float(np.log(4000.0))
        # offsets at the mean mjj, slopes and curvatures
        self._lines = [np.array([[0.0, 10.0], [power, power], [0.0, 0.0]]) for power in GROWTH_POWERS]
        if mjj is None or mj1 is None or mj2 is None or len(mjj) < 100 * GROWTH_SLICES:
            return
        along = np.log(mjj)
        self.log_mjj = float(along.mean())
        parts = np.array_split(np.argsort(along, kind="stable"), GROWTH_SLICES)
        places = np.array([along[part].mean() for part in parts]) - self.log_mjj
        for axis, mass in enumerate((mj1, mj2)):
            logs = np.log(np.maximum(mass, 1.0))
            lines = np.array([np.quantile(logs[part], _PROBABILITIES) for part in parts])
            curvature, slope, offset = np.polyfit(places, lines, 2)
            offset = np.maximum.accumulate(offset + 1e-4 * np.arange(len(offset)))
            # beyond the outermost lines, where interpolation stands still, it goes on in parallel
            self._lines[axis] = np.stack([offset, _smoothed(slope), _smoothed(curvature)])

    def removed(self, axis: int, mjj: FloatArray, log_mass: FloatArray, *, reference: float) -> FloatArray:
        """Return the log mass that a jet would have at the mjj ``reference`` (GeV), shape (events,).

        Parameters
        ----------
        axis : int
            0 for the heavier jet, 1 for the lighter.
        mjj : array of shape (events,)
            GeV.
        log_mass : array of shape (events,)
            Logarithm of the jet mass in GeV.
        """
        along = np.clip(np.log(mjj) - self.log_mjj, -GROWTH_FARTHEST, GROWTH_FARTHEST)
        at = float(np.clip(np.log(reference) - self.log_mjj, -GROWTH_FARTHEST, GROWTH_FARTHEST))
        offset, slope, curvature = self._lines[axis]
        both, squared = slope + 1j * curvature, along**2  # numpy interpolates both at once
        found = np.asarray(log_mass, dtype=np.float64)
        base = found
        for _ in range(4):  # on which line the jet lies depends on the line
            here = np.interp(base, offset, both)
            base = found - along * here.real - squared * here.imag
        here = np.interp(base, offset, both)
        return np.asarray(base + at * here.real + at**2 * here.imag, dtype=np.float64)

    def stretch(self, axis: int, mjj: FloatArray, log_mass: FloatArray, *, reference: float) -> FloatArray:
        """Return the derivative of :meth:`removed` by the log mass, shape (events,)."""
        ahead, behind = (self.removed(axis, mjj, log_mass + step, reference=reference) for step in (0.02, -0.02))
        return np.asarray((ahead - behind) / 0.04, dtype=np.float64)


class TabulatedGrowth:
    """What :meth:`MassGrowth.removed` returns, read off a table: ten times faster, for sums over many points.

    Parameters
    ----------
    growth : MassGrowth
        Lines of equal quantile.
    reference : float
        The mjj that jets are moved to, GeV.
    ends : (float, float)
        Range of mjj, GeV; beyond it, the table stands still.
    """

    def __init__(self, growth: MassGrowth, *, reference: float, ends: tuple[float, float]) -> None:
        low, high = np.log(max(ends[0], 1.0)), np.log(ends[1])
        along, masses = (np.arange(first, high + 2.0 * GROWTH_STEP, GROWTH_STEP) for first in (low, 0.0))
        mjj, log_mass = (part.ravel() for part in np.meshgrid(np.exp(along), masses, indexing="ij"))
        tables = (growth.removed(axis, mjj, log_mass, reference=reference) for axis in (0, 1))
        self._tables = [bilinear_table((along, masses), table.reshape(len(along), -1)) for table in tables]

    def removed(self, axis: int, log_mjj: FloatArray, log_mass: FloatArray) -> FloatArray:
        """Return the log mass that a jet would have at the reference, from the logarithms of both masses in GeV."""
        return self._tables[axis](log_mjj, log_mass)


def _smoothed(slope: FloatArray) -> FloatArray:
    """Return the slopes of neighbouring quantiles averaged, which differ by chance."""
    padded = np.concatenate([slope[:1], slope, slope[-1:]])
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:], dtype=np.float64)
