"""Sums over what simulation says of both jets: quantiles of their masses, and what they do to mjj."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import JET_CORE, QUANTILES
from bumphunt.masses.resolution import from_nominal
from bumphunt.masses.response import SignalModel, containment
from bumphunt.masses.signal_table import Masses

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JetPairs:
    """Pairs of jets of equal weight, shape (pairs,): logs of jet over particle mass, pull on log mjj, containment."""

    heavy: FloatArray
    light: FloatArray
    pull: FloatArray
    contained: FloatArray

    def jet_masses(self, masses: Masses) -> tuple[FloatArray, FloatArray]:
        """Return the masses of the heavier and the lighter jet in GeV at the given particles' masses."""
        mj_x, mj_y = masses[1] * np.exp(self.heavy), masses[2] * np.exp(self.light)
        return np.maximum(mj_x, mj_y), np.minimum(mj_x, mj_y)


def jet_pairs(model: SignalModel, *, widening: float = 1.0) -> JetPairs:
    """Return every pair of the quantiles of both jets' masses, their resolution scaled by ``widening``."""
    parts = (np.arange(QUANTILES) + 0.5) / QUANTILES
    ratios = [
        jet.shape.peak(widening) + from_nominal(jet.shape.quantile(parts) - jet.shape.mode, widening, JET_CORE)
        for jet in (model.heavy, model.light)
    ]
    heavy, light = (part.ravel() for part in np.meshgrid(*ratios, indexing="ij"))
    pulls = [jet.pull_at(ratio) for jet, ratio in zip((model.heavy, model.light), ratios, strict=True)]
    return JetPairs(
        heavy=heavy,
        light=light,
        pull=np.add.outer(*pulls).ravel(),
        contained=np.multiply.outer(*(containment(ratio) for ratio in ratios)).ravel(),
    )
