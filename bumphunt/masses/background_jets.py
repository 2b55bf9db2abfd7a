"""Jet masses of simulated background, in a few numbers: what data are compared with."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.masses.constants import (
    BACKGROUND_JETS,
    BACKGROUND_MJJ,
    FEWEST_BACKGROUND_JETS,
    JET_SCALE_PIVOT,
    JET_SCALE_TRIM,
    JET_SLICES,
)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundJets:
    """Mean log(mj / mjj), without its tails, along mjj.

    ``heavier`` and ``lighter`` are parabolas in log(mjj / JET_SCALE_PIVOT) of the heavier and the lighter jet, the
    highest power first; they hold for mjj between ``ends`` in GeV.
    """

    heavier: tuple[float, float, float]
    lighter: tuple[float, float, float]
    ends: tuple[float, float]

    def difference(self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray) -> tuple[float, float, int]:
        """Return the mean difference of events (GeV) in log(mj / mjj), of both jets, its error, and of how many."""
        inside = (mjj > self.ends[0]) & (mjj < self.ends[1])
        number = int(inside.sum())
        if number < 2:
            return 0.0, float("inf"), number
        found, variance = 0.0, 0.0
        for mass, curve in ((mj1, self.heavier), (mj2, self.lighter)):
            mean, error = trimmed_mean(_log_ratio(mjj, mass)[inside] - np.polyval(curve, _along(mjj[inside])))
            found, variance = found + 0.5 * mean, variance + 0.25 * error**2
        return found, float(np.sqrt(variance)), number


SHIPPED_JETS = BackgroundJets(heavier=BACKGROUND_JETS[0], lighter=BACKGROUND_JETS[1], ends=BACKGROUND_MJJ)
"""Those of the shipped simulation."""


def background_jets(mjj: FloatArray, mj1: FloatArray, mj2: FloatArray, *, ends: tuple[float, float]) -> BackgroundJets:
    """Return the jet masses of simulated background (GeV) between two dijet masses.

    Raises
    ------
    InputError
        If there are too few events.
    """
    inside = np.flatnonzero((mjj > ends[0]) & (mjj < ends[1]))
    if len(inside) < FEWEST_BACKGROUND_JETS * JET_SLICES:
        raise InputError(
            f"{len(inside)} background events with mjj from {ends[0]:g} to {ends[1]:g} GeV are too few to compare jet "
            f"masses with; give at least {FEWEST_BACKGROUND_JETS * JET_SLICES}"
        )
    order = inside[np.argsort(mjj[inside], kind="stable")]
    along = _along(mjj[order])
    places = [float(part.mean()) for part in np.array_split(along, JET_SLICES)]
    found = []
    for mass in (mj1, mj2):
        ratio = _log_ratio(mjj, mass)[order]
        curve = np.polyfit(places, [trimmed_mean(part)[0] for part in np.array_split(ratio, JET_SLICES)], 2)
        # of all events together, as data are compared, nothing is left over
        curve[2] += trimmed_mean(ratio - np.polyval(curve, along))[0]
        found.append((float(curve[0]), float(curve[1]), float(curve[2])))
    return BackgroundJets(heavier=found[0], lighter=found[1], ends=ends)


def trimmed_mean(values: FloatArray) -> tuple[float, float]:
    """Return the mean without :data:`JET_SCALE_TRIM` of the values at either end, and its error (Tukey, McLaughlin).

    Examples
    --------
    >>> mean, error = trimmed_mean(np.append(np.linspace(-1.0, 1.0, 101), 1e6))
    >>> round(mean, 3), round(error, 3)
    (0.01, 0.069)
    """
    low, high = np.quantile(values, [JET_SCALE_TRIM, 1.0 - JET_SCALE_TRIM])
    inside = values[(values >= low) & (values <= high)]
    spread = float(np.std(np.clip(values, low, high)))
    return float(inside.mean()), spread / ((1.0 - 2.0 * JET_SCALE_TRIM) * float(np.sqrt(len(values))))


def _along(mjj: FloatArray) -> FloatArray:
    return np.log(mjj / JET_SCALE_PIVOT)


def _log_ratio(mjj: FloatArray, mass: FloatArray) -> FloatArray:
    return np.log(np.maximum(mass, 1e-3) / np.maximum(mjj, 1e-3))
