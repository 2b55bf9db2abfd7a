"""Signal events in the whole file: a count in a box of jet masses that no classifier has touched.

Where simulated signal can be sent through the same score, the mass fit counts signal itself and this count is the check
beside it; it is the answer where it cannot.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.constants import EFFICIENCY_ERROR
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.results import Interval
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.fit import fit_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxYield:
    """Excess in the mass box, the part of signal the box holds, and the yield that follows."""

    n_observed: float
    n_expected: float
    n_expected_error: float
    efficiency: float
    efficiency_error: float
    n_signal: Interval


def in_box(mj1: FloatArray, mj2: FloatArray, *, model: SignalModel, masses: Masses, widths: float) -> BoolArray:
    """Return the events with a jet near either daughter's mass, whichever is the heavier, shape (events,).

    The box reaches ``widths`` widths of the core of each jet's mass to either side of its peak.
    """
    logs = [np.log(np.maximum(mass, 1e-3)) for mass in (mj1, mj2)]

    def near(log_mass: FloatArray, slot: int) -> BoolArray:
        shape = (model.heavy, model.light)[slot].shape
        away = np.abs(log_mass - np.log(masses[slot + 1]) - shape.mode)
        return np.asarray(away < widths * shape.core_width, dtype=np.bool_)

    return (near(logs[0], 0) & near(logs[1], 1)) | (near(logs[1], 0) & near(logs[0], 1))


def box_yield(
    mjj: FloatArray,
    mj1: FloatArray,
    mj2: FloatArray,
    *,
    masses: Masses,
    edges: FloatArray,
    window: BoolArray,
    masked: BoolArray,
    table: SignalTable,
    varied: SignalTable | None = None,
    nominal: SignalTable | None = None,
    detector_prior: float = 0.5,
    widening: tuple[float, float] = (1.0, 1.0),
    widths: float = 2.5,
    family: str = "dijet3",
    sqrt_s: float | None,
) -> BoxYield:
    """Count the signal in the file from the events around the fitted masses, without any score.

    Parameters
    ----------
    mjj, mj1, mj2 : arrays of shape (events,)
        All events, GeV.
    masses : (m_resonance, m_x, m_y)
        Fitted masses, GeV.
    edges : array of shape (bins + 1,)
        Bin edges of the searched range, GeV.
    window, masked : bool arrays of shape (bins,)
        The bins in which events are counted, and those left out of the background fit.
    table : SignalTable
        Simulated signal.
    varied : SignalTable, optional
        The same of another detector: the difference of the efficiencies times ``detector_prior`` enters the interval.
    nominal : SignalTable, optional
        What ``varied`` is compared with, where it is not ``table``.
    widening : (float, float)
        Factors on the resolutions of mjj and of the jet masses, as the data ask: they change what the box holds.
    widths : float
        Half-size of the box in widths of the core of each jet's mass.
    family : str
        Background family of the spectrum in the box.
    sqrt_s : float or None
        Collision energy in GeV.
    """
    model = signal_model(table, masses)
    chosen = in_box(mj1, mj2, model=model, masses=masses, widths=widths)
    counts = count(mjj[chosen], edges)
    fit = fit_spectrum(counts, edges, family=family, masked=masked, window=window, sqrt_s=sqrt_s)
    ends = float(edges[:-1][window].min()), float(edges[1:][window].max())
    efficiency = _efficiency(model, model, masses, ends, widths, widening)
    relative = EFFICIENCY_ERROR
    if varied is not None:
        models = model if nominal is None else signal_model(nominal, masses), signal_model(varied, masses)
        base, other = (_efficiency(one, model, masses, ends, widths, widening) for one in models)
        relative = float(np.hypot(relative, detector_prior * (other / base - 1.0)))
    observed = float(counts[window].sum())
    value = (observed - fit.window_expected) / efficiency
    statistical = float(np.sqrt(max(observed, 1.0) + fit.window_error**2) / efficiency)
    error = float(np.hypot(statistical, relative * value))
    return BoxYield(
        n_observed=observed,
        n_expected=fit.window_expected,
        n_expected_error=fit.window_error,
        efficiency=efficiency,
        efficiency_error=relative * efficiency,
        n_signal=Interval(
            value=max(value, 0.0),
            low=max(value - error, 0.0),
            high=max(value + error, 0.0),
            stat_low=max(value - statistical, 0.0),
            stat_high=max(value + statistical, 0.0),
        ),
    )


def _efficiency(
    model: SignalModel,
    box: SignalModel,
    masses: Masses,
    ends: tuple[float, float],
    widths: float,
    widening: tuple[float, float],
) -> float:
    """Return the part of drawn signal that lies in the box and in the window, at least one in ten thousand."""
    draws = draw_signal(model, rng=np.random.default_rng(0)).measured(model, widening)
    mjj = masses[0] * np.exp(draws.log_resonance)
    inside = in_box(*draws.jet_masses(masses), model=box, masses=masses, widths=widths)
    return max(float((inside & (mjj >= ends[0]) & (mjj < ends[1])).mean()), 1e-4)
