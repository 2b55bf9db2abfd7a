"""Sums over what simulation says of both jets and of mjj: points that fill all three evenly.

The density of signal is a product of shapes, of which the points are quantiles: those of mjj evenly spaced, those of
the jets by multiples of powers of an irrational number (Roberts, *The unreasonable effectiveness of quasirandom
sequences*, 2018) in the order of their fractional parts, so that each of the three alone, and any two together, are
filled evenly. A grid of as many points has a hundredth of the quantiles of each jet's mass: too coarse in the tails.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import JET_CORE, POINTS, RESONANCE_CORE
from bumphunt.masses.interpolation import between
from bumphunt.masses.resolution import from_nominal
from bumphunt.masses.response import SignalModel, containment
from bumphunt.masses.signal_table import Masses

FloatArray = npt.NDArray[np.float64]

_PLASTIC = 1.3247179572447460
"""The root of x^3 = x + 1, of which powers are the hardest to approximate by fractions with one denominator."""
_PARTS = (np.arange(POINTS) + 0.5) / POINTS
_RANKS = [
    np.argsort(np.argsort((np.arange(POINTS) / _PLASTIC**power) % 1.0, kind="stable"), kind="stable")
    for power in (1, 2)
]
"""Which of the parts each point has of the heavier and the lighter daughter's jet; of mjj, they are in order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JetPairs:
    """Pairs of jets of equal weight, shape (pairs,): logs of jet over particle mass, pull on log mjj, containment."""

    heavy: FloatArray
    light: FloatArray
    pull: FloatArray
    contained: FloatArray

    def log_masses(self, masses: Masses) -> tuple[FloatArray, FloatArray]:
        """Return the logarithms of the heavier and the lighter jet's mass in GeV at the given particles' masses."""
        log_x, log_y = self.heavy + np.log(masses[1]), self.light + np.log(masses[2])
        return np.maximum(log_x, log_y), np.minimum(log_x, log_y)


def jet_pairs(model: SignalModel, *, widening: float = 1.0) -> JetPairs:
    """Return pairs of quantiles of both jets' masses, their resolution scaled by ``widening``."""
    jets = model.heavy, model.light
    ratios = [
        jet.shape.peak(widening) + from_nominal(jet.shape.quantile(_PARTS) - jet.shape.mode, widening, JET_CORE)
        for jet in jets
    ]
    pulls = [jet.pull_at(ratio)[rank] for jet, ratio, rank in zip(jets, ratios, _RANKS, strict=True)]
    contained = [containment(ratio)[rank] for ratio, rank in zip(ratios, _RANKS, strict=True)]
    return JetPairs(
        heavy=ratios[0][_RANKS[0]],
        light=ratios[1][_RANKS[1]],
        pull=pulls[0] + pulls[1],
        contained=contained[0] * contained[1],
    )


def mjj_of_pairs(
    model: SignalModel,
    pairs: JetPairs,
    m_resonance: float,
    *,
    ends: tuple[float, float],
    widening: float = 1.0,
) -> tuple[FloatArray, FloatArray]:
    """Return log mjj (GeV) between ``ends`` for each pair of :func:`jet_pairs`, and its weight, shape (pairs,) each.

    Taken from the mean of the shapes of contained and of other events, and weighted as each pair's own asks: the mean
    weight is the probability of mjj between the ends. Both change smoothly with all parameters.

    Parameters
    ----------
    model : SignalModel
        Signal.
    pairs : JetPairs
        From :func:`jet_pairs`.
    m_resonance : float
        GeV.
    ends : (float, float)
        GeV.
    widening : float
        Factor on the resolution of mjj.
    """
    inner, outer = model.contained, model.uncontained
    grid, cumulative = inner.grid, 0.5 * (inner.cumulative + outer.cumulative)
    low, high = (
        between(model.unwidened(np.log(max(end, 1.0) / m_resonance) - pairs.pull, widening)[0], grid, cumulative)
        for end in ends
    )
    measured = inner.mode + from_nominal(grid - inner.mode, widening, RESONANCE_CORE)
    surplus = np.tanh(0.5 * (inner.log_density - outer.log_density))  # (inner - outer) / (inner + outer)
    both = np.interp(low + (high - low) * _PARTS, cumulative, measured + 1j * surplus)  # numpy interpolates both
    weight = (high - low) * (1.0 + (2.0 * pairs.contained - 1.0) * both.imag)
    return np.log(m_resonance) + pairs.pull + both.real, weight
