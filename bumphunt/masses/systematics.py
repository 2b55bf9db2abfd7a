"""The systematic part of the intervals: what another detector and shower would do to the answers, and its registry.

To add a systematic of the masses or the yield: a function like those below, here or in a module of its own, and a line
in :data:`SOURCES`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.acceptance import Select, draw_signal
from bumphunt.masses.constants import (
    DETECTOR_PRIOR,
    EFFICIENCY_ERROR,
    OFFSET_PRIOR,
    SCORE_EFFICIENCY_ERROR,
    SCORE_EFFICIENCY_LEFT,
    SHIFT_CORE,
)
from bumphunt.masses.likelihood import SelectedSignal
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.masses.substructure import Tau21Scale

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Relative differences of the varied detector: m_resonance, the two jets' masses, and the efficiency."""

    m_resonance: float
    m_x: float
    m_y: float
    efficiency: float

    def relative(self, prior: float) -> dict[str, float]:
        """Return the relative errors that a part ``prior`` of the differences makes, by the parameters of the fit."""
        return {
            "m_resonance": prior * abs(self.m_resonance),
            "m_x": prior * abs(self.m_x),
            "m_y": prior * abs(self.m_y),
            "n_signal": prior * abs(self.efficiency),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What a systematic is told of a fit: the signal at the masses found, and what could be known of it.

    Parameters
    ----------
    signal : SignalModel
        The simulated signal near these masses.
    shift : Shift or None
        What the varied detector changes there; None without one.
    scale : Tau21Scale or None
        The scale of tau21 that the data ask for; None where no score takes part.
    counted : bool
        The efficiency of the score was compared with counts of signal at other cuts.
    """

    signal: SignalModel
    shift: Shift | None
    scale: Tau21Scale | None
    counted: bool = False


Source = Callable[[Fitted], dict[str, float]]
"""Relative errors of one source, by the name of what it makes uncertain: m_resonance, m_x, m_y, n_signal."""


def varied_detector(fitted: Fitted) -> dict[str, float]:
    """Return a part of the differences of the varied detector and shower."""
    return {} if fitted.shift is None else fitted.shift.relative(DETECTOR_PRIOR)


def jet_offset(fitted: Fitted) -> dict[str, float]:
    """Return what is not known of the offset of a jet's mass above its particle's."""
    if fitted.shift is None:
        return {}
    jets = {"m_x": fitted.signal.heavy, "m_y": fitted.signal.light}
    return {name: OFFSET_PRIOR * max(jet.shape.mode, 0.0) for name, jet in jets.items()}


def selection_efficiency(fitted: Fitted) -> dict[str, float]:
    """Return what is declared of the efficiency, of the score or of the range of mjj alone."""
    if fitted.scale is None:
        return {"n_signal": EFFICIENCY_ERROR}
    return {"n_signal": SCORE_EFFICIENCY_LEFT if fitted.counted else SCORE_EFFICIENCY_ERROR}


def substructure(fitted: Fitted) -> dict[str, float]:
    """Return what the priors of the scale of tau21, and of how hard the cut is for signal, leave open."""
    return {} if fitted.scale is None else {"n_signal": fitted.scale.prior}


SOURCES: tuple[Source, ...] = (
    varied_detector,
    jet_offset,
    selection_efficiency,
    substructure,
)
"""All that is added in quadrature."""


def relative_errors(fitted: Fitted) -> dict[str, float]:
    """Return the relative systematic errors of all that is answered."""
    total = dict.fromkeys(("m_resonance", "m_x", "m_y", "n_signal"), 0.0)
    for source in SOURCES:
        for name, error in source(fitted).items():
            total[name] = float(np.hypot(total[name], error))
    return total


def detector_shift(
    table: SignalTable,
    varied: SignalTable,
    masses: Masses,
    *,
    ends: tuple[float, float],
    select: Select | None,
) -> Shift:
    """Return what the varied detector changes near ``masses`` (GeV), between the same points of the grid.

    The jets' and the resonance's masses are compared by the mean of their core; the efficiency is that of
    ``select`` on drawn signal, or of the range of mjj where there is none.
    """
    paired = table.at(np.array([(point == varied.masses).all(axis=1).any() for point in table.masses]))
    means, efficiencies = [], []
    for one in (paired, varied):
        model = signal_model(one, masses)
        draws = draw_signal(model, rng=np.random.default_rng(0))
        cores = [core_mean(jet.shape.grid, np.exp(jet.shape.log_density))[0] for jet in (model.heavy, model.light)]
        contained = draws.contained > 0.5
        resonance = core_mean(draws.log_resonance[contained], np.ones(int(contained.sum())))[0]
        means.append([resonance, *cores])
        signal = SelectedSignal(model=model, draws=draws, acceptance=None, ends=ends)
        efficiency = signal.efficiency(masses)
        if select is not None:
            efficiency *= float(np.mean(select(draws.table(masses))))
        efficiencies.append(efficiency)
    resonance, m_x, m_y = (np.array(means[1]) - np.array(means[0])).tolist()
    return Shift(m_resonance=resonance, m_x=m_x, m_y=m_y, efficiency=efficiencies[1] / max(efficiencies[0], 1e-9) - 1.0)


def core_mean(log_ratio: FloatArray, weight: FloatArray) -> tuple[float, float, float]:
    """Return mean and spread of the core, found from its own centre in a few steps, and the part of events in it."""
    centre = float(np.average(np.clip(log_ratio, -0.3, 0.3), weights=weight))
    near = np.ones(len(log_ratio), dtype=bool)
    for _ in range(5):
        inside = np.abs(log_ratio - centre) < SHIFT_CORE
        if not inside.any():
            break
        near, centre = inside, float(np.average(log_ratio[inside], weights=weight[inside]))
    spread = float(np.sqrt(np.average((log_ratio[near] - centre) ** 2, weights=weight[near])))
    return centre, spread, float(weight[near].sum() / weight.sum())
