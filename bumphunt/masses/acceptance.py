"""What a selection does to signal: the probability that a simulated event passes, as a function of its jet masses.

CWoLa learns what is rare in background, so it keeps the core of the signal's jet masses and cuts its tails: masses
fitted with the shapes of all signal come out biased. Here simulated signal is passed through the very same cut.
The probability is a function of the jet masses with the growth of background's taken out, as a decorrelated score's is.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates

from bumphunt.errors import InputError
from bumphunt.masses.constants import (
    ACCEPTANCE_CELL,
    ACCEPTANCE_KERNELS,
    ACCEPTANCE_PRIOR,
    DRAWS,
    JET_CORE,
    RESONANCE_CORE,
)
from bumphunt.masses.growth import MassGrowth, TabulatedGrowth
from bumphunt.masses.resolution import from_nominal
from bumphunt.masses.response import SignalModel, containment
from bumphunt.masses.signal_table import Masses

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
Select = Callable[["pd.DataFrame"], FloatArray]
"""Probability that each event of a table passes the selection, shape (events,): the mean over the folds' models."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalDraws:
    """Signal events in ratios: log of jet over particle mass, of mjj over m_resonance, and the jets' substructure.

    ``heavy`` and ``light`` (events,) are the jets of the two daughters, ``pull`` and ``contained`` what they do to mjj,
    ``observables`` name the substructure.
    """

    heavy: FloatArray
    light: FloatArray
    pull: FloatArray
    contained: FloatArray
    log_resonance: FloatArray
    substructure: tuple[FloatArray, FloatArray]
    observables: tuple[str, ...]

    def jet_masses(self, masses: Masses) -> tuple[FloatArray, FloatArray]:
        """Return the masses of the heavier and the lighter jet in GeV at the given particles' masses."""
        pair = np.stack([masses[1] * np.exp(self.heavy), masses[2] * np.exp(self.light)])
        return pair.max(axis=0), pair.min(axis=0)

    def widened(self, model: SignalModel, widening: float) -> "SignalDraws":
        """Return the same events with the jet masses' resolution scaled."""
        if widening == 1.0:
            return self
        heavy, light = (
            jet.shape.peak(widening) + from_nominal(ratio - jet.shape.mode, widening, JET_CORE)
            for jet, ratio in ((model.heavy, self.heavy), (model.light, self.light))
        )
        return replace(self, heavy=heavy, light=light)

    def measured(self, model: SignalModel, widening: tuple[float, float]) -> "SignalDraws":
        """Return the same events with the resolutions of mjj and of the jet masses scaled."""
        scaled, mode = self.widened(model, widening[1]), model.contained.mode
        residual = mode + from_nominal(scaled.log_resonance - scaled.pull - mode, widening[0], RESONANCE_CORE)
        return replace(scaled, log_resonance=scaled.pull + residual)

    def table(self, masses: Masses) -> "pd.DataFrame":
        """Return the events as an event table at the given masses (GeV)."""
        import pandas as pd

        pair = np.stack([masses[1] * np.exp(self.heavy), masses[2] * np.exp(self.light)])
        heavier, rows = pair.argmax(axis=0), np.arange(pair.shape[1])
        columns = {"mjj": masses[0] * np.exp(self.log_resonance)}
        columns |= {f"mj{jet}": pair[heavier if jet == 1 else 1 - heavier, rows] for jet in (1, 2)}
        both = np.stack(self.substructure)
        for index, name in enumerate(self.observables):
            for jet in (1, 2):
                columns[f"{name}_{jet}"] = both[heavier if jet == 1 else 1 - heavier, rows, index]
        return pd.DataFrame(columns)


def draw_signal(model: SignalModel, number: int = DRAWS, *, rng: np.random.Generator) -> SignalDraws:
    """Draw from the simulated events of neighbouring masses, so that what goes together stays together."""
    pool = model.pool
    # evenly spaced in the order of one mass: the draws follow the density more closely than chance would
    order = np.argsort(pool.ratio[0], kind="stable")
    parts = (np.arange(number) + rng.random(number)) / number
    chosen = order[np.clip(np.searchsorted(np.cumsum(pool.weight[order]), parts), 0, len(order) - 1)]
    heavy, light = pool.ratio[:, chosen]
    pull = model.heavy.pull_at(heavy) + model.light.pull_at(light)
    return SignalDraws(
        heavy=heavy,
        light=light,
        pull=pull,
        contained=containment(heavy) * containment(light),
        log_resonance=pull + pool.residual[chosen],
        substructure=(pool.substructure[0, chosen], pool.substructure[1, chosen]),
        observables=model.observables,
    )


class Acceptance:
    """Probability that signal with given jet masses passes a selection, smoothed over the plane.

    Parameters
    ----------
    mjj, mj1, mj2 : arrays of shape (events,)
        Signal events in GeV.
    passed : array of shape (events,)
        The probability that each passes.
    growth : MassGrowth
        Lines of equal quantile in background, along which a cut moves with mjj.
    reference : float
        The mjj at which the plane is tabulated, GeV.
    ends : (float, float)
        Range of mjj, GeV, that :meth:`mean_over` is asked for.
    """

    def __init__(
        self,
        mjj: FloatArray,
        mj1: FloatArray,
        mj2: FloatArray,
        passed: FloatArray,
        *,
        growth: MassGrowth,
        reference: float,
        ends: tuple[float, float],
    ) -> None:
        self._growth, self._reference = growth, reference
        points = self._places(mjj, mj1, mj2)
        self._origin = [float(p.min()) - 0.5 for p in points]
        shape = [
            int((float(p.max()) - o + 0.5) / ACCEPTANCE_CELL) + 2 for p, o in zip(points, self._origin, strict=True)
        ]
        edges = [o + ACCEPTANCE_CELL * (np.arange(n + 1) - 0.5) for o, n in zip(self._origin, shape, strict=True)]
        count = np.histogramdd(points.T, bins=edges)[0]
        kept = np.histogramdd(points.T, bins=edges, weights=passed)[0]
        self.mean = float(passed.mean())
        found = np.full(count.shape, self.mean)
        for kernel in ACCEPTANCE_KERNELS:  # from coarse to fine: where events are few, the coarser stands
            near, sums = (gaussian_filter(part, kernel / ACCEPTANCE_CELL, mode="constant") for part in (count, kept))
            prior = ACCEPTANCE_PRIOR * (ACCEPTANCE_CELL / kernel) ** 2 / (4.0 * np.pi)
            found = (sums + prior * found) / (near + prior)
        self._table = np.maximum(found, 1e-6)
        self._tabulated = TabulatedGrowth(growth, reference=reference, ends=ends)

    def scaled(self, factor: float) -> "Acceptance":
        """Return the same acceptance times a factor."""
        other = copy.copy(self)
        other._table = self._table * factor
        return other

    def __call__(self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray) -> FloatArray:
        """Return the probability at each event's masses (GeV), shape (events,)."""
        return self._at(self._places(mjj, mj1, mj2))

    def mean_over(self, log_mjj: FloatArray, log_1: FloatArray, log_2: FloatArray, *, weight: FloatArray) -> float:
        """Return the mean of weights times probabilities at the logarithms of masses in GeV, shape (points,) each."""
        places = [self._tabulated.removed(axis, log_mjj, log_mass) for axis, log_mass in enumerate((log_1, log_2))]
        return float((self._at(np.stack(places)) * weight).mean())

    def _at(self, places: FloatArray) -> FloatArray:
        cells = (places - np.array(self._origin)[:, None]) / ACCEPTANCE_CELL
        # the table as coefficients of cubic splines: positive, and smooth where linear interpolation has kinks
        found = map_coordinates(self._table, cells, order=3, prefilter=False, mode="nearest")
        return np.asarray(found, dtype=np.float64)

    def _places(self, mjj: FloatArray, mj1: FloatArray, mj2: FloatArray) -> FloatArray:
        logs = np.log(np.maximum(np.stack([mj1, mj2]), 1.0))
        return np.stack([self._growth.removed(axis, mjj, logs[axis], reference=self._reference) for axis in (0, 1)])


def passed_by(select: Select, draws: SignalDraws, masses: Masses) -> FloatArray:
    """Return the probability that each drawn event passes.

    Raises
    ------
    InputError
        If ``select`` does not give one number between 0 and 1 an event.
    """
    passed = np.asarray(select(draws.table(masses)), dtype=np.float64)
    if passed.shape != draws.heavy.shape or not np.isfinite(passed).all() or passed.min() < 0 or passed.max() > 1:
        raise InputError(
            f"the selection gave {passed.shape} numbers for {len(draws.heavy)} simulated events; "
            "give one probability between 0 and 1 for each"
        )
    return passed
