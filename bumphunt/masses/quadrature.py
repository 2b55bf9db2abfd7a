"""Sums over what simulation says of both jets: quantiles of their masses, and what they do to mjj."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import JET_CORE, QUANTILES, RESONANCE_CORE
from bumphunt.masses.resolution import from_nominal
from bumphunt.masses.response import Shape, SignalModel, containment
from bumphunt.masses.signal_table import Masses

FloatArray = npt.NDArray[np.float64]

_TURN = (np.add.outer(11 * np.arange(QUANTILES), 17 * np.arange(QUANTILES)) % QUANTILES).ravel()
"""Which quantile of the third variable each pair of two has: every one once in each row and column."""
REACH = 0.35
"""How far in log mass from the peak parts of equal width reach."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JetPairs:
    """Pairs of jets, shape (pairs,): weights, logs of jet over particle mass, pull on log mjj, containment.

    The weights are one in sum.
    """

    weight: FloatArray
    heavy: FloatArray
    light: FloatArray
    pull: FloatArray
    contained: FloatArray

    def mjj(self, model: SignalModel, m_resonance: float, widening: float) -> FloatArray:
        """Return mjj in GeV, spread as what is left of it beside the pulls: each pair has another one of its quantiles.

        A cut that follows the growth of background's jet masses with mjj is smeared by that spread: an efficiency
        without it changes with masses and resolutions otherwise than the density does, and draws equal daughters apart.
        """
        parts = (np.arange(QUANTILES) + 0.5) / QUANTILES
        inner, outer = (
            model.contained.mode
            + from_nominal(shape.quantile(parts) - model.contained.mode, widening, RESONANCE_CORE)[_TURN]
            for shape in (model.contained, model.uncontained)
        )
        residual = outer + self.contained * (inner - outer)
        return np.asarray(m_resonance * np.exp(self.pull + residual), dtype=np.float64)

    def jet_masses(self, masses: Masses) -> tuple[FloatArray, FloatArray]:
        """Return the masses of the heavier and the lighter jet in GeV at the given particles' masses."""
        mj_x, mj_y = masses[1] * np.exp(self.heavy), masses[2] * np.exp(self.light)
        return np.maximum(mj_x, mj_y), np.minimum(mj_x, mj_y)


def jet_pairs(model: SignalModel, *, widening: float = 1.0) -> JetPairs:
    """Return pairs of parts of both jets' masses, their resolution scaled by ``widening``.

    Half of the parts are of equal probability, half of equal width over the core and beside it: there a cut goes from
    all to nothing, and equal probabilities, far apart, would let the sum depend on where they lie by half a percent.
    """
    parts = [_parts(jet.shape) for jet in (model.heavy, model.light)]
    ratios = [
        jet.shape.peak(widening) + from_nominal(place - jet.shape.mode, widening, JET_CORE)
        for jet, (place, _) in zip((model.heavy, model.light), parts, strict=True)
    ]
    heavy, light = (part.ravel() for part in np.meshgrid(*ratios, indexing="ij"))
    pulls = [jet.pull_at(ratio) for jet, ratio in zip((model.heavy, model.light), ratios, strict=True)]
    return JetPairs(
        weight=np.multiply.outer(parts[0][1], parts[1][1]).ravel(),
        heavy=heavy,
        light=light,
        pull=np.add.outer(*pulls).ravel(),
        contained=np.multiply.outer(*(containment(ratio) for ratio in ratios)).ravel(),
    )


def _parts(shape: Shape) -> tuple[FloatArray, FloatArray]:
    """Return the median log mass ratio of each part of a jet's mass, and its probability, shape (parts,)."""
    even = np.clip((shape.grid - shape.mode) / (2.0 * REACH) + 0.5, 0.0, 1.0)
    # the small slope makes it rise everywhere, so that it can be inverted
    both = 0.5 * (shape.cumulative + even) + 1e-9 * np.arange(len(even))
    ends = np.interp(np.linspace(0.0, 1.0, QUANTILES + 1)[1:-1], both, shape.grid)
    below = np.concatenate([[0.0], shape.below(ends), [1.0]])
    return shape.quantile(0.5 * (below[1:] + below[:-1])), np.diff(below)
