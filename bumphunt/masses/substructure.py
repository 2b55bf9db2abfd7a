"""The scale of N-subjettiness in the data: selected signal itself tells how far simulation is off.

A score that looks at tau21 keeps more signal where the detector makes two prongs clearer. The mean log tau21 of the
selected signal, background taken off, is compared with that of simulated signal after the same selection; the scale
that brings them together corrects the efficiency.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bumphunt.masses.acceptance import Select
from bumphunt.masses.constants import FEWEST_FOR_TAU21, LARGEST_LOG_SCALE, TAU21_BOX, TAU21_PRIOR
from bumphunt.masses.interpolation import highest
from bumphunt.masses.likelihood import Likelihood
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.signal_table import MASS_COLUMNS
from bumphunt.masses.yields import MassBox

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NAMES = ["tau21_1", "tau21_2"]
_SCALES = np.linspace(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE, 5)
_FINE = np.linspace(-LARGEST_LOG_SCALE, LARGEST_LOG_SCALE, 801)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau21Scale:
    """Logarithm of the scale, and what it does to the efficiency.

    ``correction`` is the efficiency at this scale over that of simulation as it is; ``statistical`` and ``prior`` are
    the relative errors of it: from the events, and from what is assumed of the scale before. ``cost`` is what is
    left in twice the log likelihood, from the scale and from data that no scale brings near; ``compared``: the data
    told it.
    """

    log_scale: float = 0.0
    correction: float = 1.0
    statistical: float = 0.0
    prior: float = 0.0
    cost: float = 0.0
    compared: bool = False


def tau21_scale(likelihood: Likelihood, at: Parameters, select: Select) -> Tau21Scale:
    """Estimate the scale at the minimum ``at`` of ``likelihood``, under a Gaussian prior of :data:`TAU21_PRIOR`.

    Parameters
    ----------
    likelihood : Likelihood
        Its events must have ``tau21``.
    at : Parameters
        The minimum.
    select : callable
        The selection, as in :func:`bumphunt.masses.fit.fit_masses`.
    """
    if "tau21" not in likelihood.signal.model.observables:
        return Tau21Scale()
    predicted, efficiency = _predictions(likelihood, at, select)
    centre = len(_SCALES) // 2
    if efficiency[centre] <= 0.0 or not np.isfinite(predicted).all():
        return Tau21Scale()
    mean = np.polyval(np.polyfit(_SCALES, predicted, 2), _FINE)
    log_efficiency = np.polyval(np.polyfit(_SCALES, np.log(np.maximum(efficiency, 1e-6)), 2), _FINE)
    seen = _seen(likelihood, at)
    penalty = (_FINE / TAU21_PRIOR) ** 2
    if seen is not None:
        penalty = penalty + ((mean - seen[0]) / seen[1]) ** 2
    log_scale = highest(_FINE, -penalty)  # between the steps of the scan
    slope = abs(float(np.interp(log_scale, _FINE, np.gradient(log_efficiency, _FINE))))
    if seen is None:
        return Tau21Scale(prior=slope * TAU21_PRIOR)
    own = seen[1] / max(abs(float(np.interp(log_scale, _FINE, np.gradient(mean, _FINE)))), 1e-3)
    share = TAU21_PRIOR**2 / (TAU21_PRIOR**2 + own**2)
    return Tau21Scale(
        log_scale=log_scale,
        correction=float(np.exp(np.diff(np.interp([0.0, log_scale], _FINE, log_efficiency))[0])),
        statistical=slope * own * share,
        prior=slope * TAU21_PRIOR * (1.0 - share),
        cost=float(np.interp(log_scale, _FINE, penalty)),
        compared=True,
    )


def at_scale(select: Select, scale: float) -> Select:
    """Return the selection as it is for signal whose tau21 is ``scale`` times that of simulation."""

    def scaled(table: "pd.DataFrame") -> FloatArray:
        names = [name for name in _NAMES if name in table.columns]
        return select(table.assign(**{name: np.clip(scale * table[name], 1e-3, 1.0) for name in names}))

    return scaled


def simulated_near(likelihood: Likelihood, at: Parameters) -> "tuple[pd.DataFrame, BoolArray, BoolArray]":
    """Return simulated signal at the parameters; which of it is in the box in the window, and which is searched."""
    signal, events = likelihood.signal, likelihood.events
    table = signal.draws.measured(signal.model, at.widening).table(at.masses)
    mjj, mj1, mj2 = (table[name].to_numpy(dtype=np.float64) for name in MASS_COLUMNS)
    low, high = events.window
    box = MassBox(masses=at.masses, widths=TAU21_BOX)
    inside = box.holds(mj1, mj2, signal.model) & (mjj >= low) & (mjj < high)
    return table, inside, (mjj >= events.range[0]) & (mjj < events.range[1])


def _predictions(likelihood: Likelihood, at: Parameters, select: Select) -> tuple[FloatArray, FloatArray]:
    """Return mean log tau21 of selected signal in the box, and the part selected, for each of the scales."""
    table, inside, searched = simulated_near(likelihood, at)
    tau21 = table[_NAMES].to_numpy(dtype=np.float64)
    means, efficiencies = [], []
    for log_scale in _SCALES:
        scaled = np.clip(tau21 * np.exp(log_scale), 1e-3, 1.0)
        table[_NAMES] = scaled
        passed = np.asarray(select(table), dtype=np.float64)
        weight = passed * inside
        means.append(float((weight * _mean_log(scaled.T)).sum() / max(weight.sum(), 1e-9)))
        efficiencies.append(float((passed * searched).mean()))
    return np.array(means), np.array(efficiencies)


def _seen(likelihood: Likelihood, at: Parameters) -> tuple[float, float] | None:
    """Return the mean log tau21 of selected signal in the box and its error, None with too few events."""
    events, masses = likelihood.events, at.masses
    if events.tau21 is None:
        return None
    observable = _mean_log(events.tau21)
    near = MassBox(masses=masses, widths=TAU21_BOX).holds(events.mj1, events.mj2, likelihood.signal.model)
    box = near & events.in_window
    n_background = float((1.0 - likelihood.signal_probability(at)[box]).sum())
    n_signal = float(box.sum()) - n_background
    if n_signal < FEWEST_FOR_TAU21:
        return None
    beside = near & events.outside
    beside = beside if beside.sum() >= FEWEST_FOR_TAU21 else events.outside
    background = observable[beside]
    mean = (observable[box].sum() - n_background * background.mean()) / n_signal
    variance = box.sum() * observable[box].var() + n_background**2 * background.var() / len(background)
    return float(mean), float(np.sqrt(variance) / n_signal)


def _mean_log(tau21: FloatArray) -> FloatArray:
    """Return the mean of the logarithms over both jets, shape (events,), of tau21 (2, events)."""
    return np.asarray(np.log(np.clip(tau21, 1e-3, 1.0)).mean(axis=0), dtype=np.float64)
