"""Signal events in the whole file: a count in a box of jet masses that no classifier has touched."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.response import Response
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
    n_signal: Interval


def box_yield(
    mjj: FloatArray,
    mj1: FloatArray,
    mj2: FloatArray,
    *,
    masses: tuple[float, float, float],
    edges: FloatArray,
    window: BoolArray,
    masked: BoolArray,
    response: Response,
    widths: float = 2.5,
    family: str = "dijet3",
) -> BoxYield:
    """Count the signal in the file from the events around the fitted masses, without any score.

    CWoLa favours the part of signal that is rare in background, by an amount that the data do not
    tell. The box is wide and its efficiency follows from the jet mass response alone.

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
    response : Response
        Shapes of signal.
    widths : float
        Half-size of the box in widths of the core of each jet's mass.
    family : str
        Background family of the spectrum in the box.
    """
    chosen = response.in_box(mj1, mj2, masses=masses, widths=widths)
    counts = count(mjj[chosen], edges)
    fit = fit_spectrum(counts, edges, family=family, masked=masked, window=window)
    low, high = float(edges[:-1][window].min()), float(edges[1:][window].max())
    efficiency = response.box_efficiency(masses, low=low, high=high, widths=widths)
    observed = float(counts[window].sum())
    value = (observed - fit.window_expected) / efficiency
    statistical = np.sqrt(max(observed, 1.0) + fit.window_error**2) / efficiency
    error = float(np.hypot(statistical, response.efficiency_error * value))
    return BoxYield(
        n_observed=observed,
        n_expected=fit.window_expected,
        n_expected_error=fit.window_error,
        efficiency=efficiency,
        n_signal=Interval(value=max(value, 0.0), low=max(value - error, 0.0), high=max(value + error, 0.0)),
    )
