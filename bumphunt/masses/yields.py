"""Signal events in the whole file: a count in a box of jet masses that no classifier has touched.

Where simulated signal can be sent through the same score, the mass fit counts signal itself and this count is the check
beside it; it is the answer where it cannot.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.constants import DETECTOR_PRIOR, EFFICIENCY_ERROR
from bumphunt.masses.response import SignalModel, signal_model
from bumphunt.masses.responses import Response
from bumphunt.masses.signal_table import Masses
from bumphunt.results import Interval
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class MassBox:
    """A box around two jet masses.

    Parameters
    ----------
    masses : (m_resonance, m_x, m_y)
        Fitted masses, GeV.
    widths : float
        Half-size of the box in widths of the core of each jet's mass.
    widening : (float, float)
        Factors on the resolutions of mjj and of the jet masses, as the data ask: they change what the box holds.
    """

    masses: Masses
    widths: float = 2.5
    widening: tuple[float, float] = (1.0, 1.0)

    def holds(self, mj1: FloatArray, mj2: FloatArray, model: SignalModel) -> BoolArray:
        """Return the events with a jet near either daughter's mass, whichever is the heavier, shape (events,).

        ``model`` says where the peak of each jet's mass is, and how wide its core.
        """
        logs = [np.log(np.maximum(mass, 1e-3)) for mass in (mj1, mj2)]

        def near(log_mass: FloatArray, slot: int) -> BoolArray:
            shape = (model.heavy, model.light)[slot].shape
            away = np.abs(log_mass - np.log(self.masses[slot + 1]) - shape.mode)
            return np.asarray(away < self.widths * shape.core_width, dtype=np.bool_)

        return (near(logs[0], 0) & near(logs[1], 1)) | (near(logs[1], 0) & near(logs[0], 1))

    def efficiency(self, drawn: SignalModel, model: SignalModel, ends: tuple[float, float]) -> float:
        """Return the part of drawn signal that lies in the box of a model and in a window, at least one in 10,000."""
        draws = draw_signal(drawn, rng=np.random.default_rng(0)).measured(drawn, self.widening)
        mjj = self.masses[0] * np.exp(draws.log_resonance)
        inside = self.holds(*draws.jet_masses(self.masses), model)
        return max(float((inside & (mjj >= ends[0]) & (mjj < ends[1])).mean()), 1e-4)


def box_yield(
    events: tuple[FloatArray, FloatArray, FloatArray],
    spectrum: Spectrum,
    box: MassBox,
    response: Response,
    *,
    hypothesis: str = "",
) -> BoxYield:
    """Count the signal in the file from the events around the fitted masses, without any score.

    Parameters
    ----------
    events : three arrays of shape (events,)
        mjj, mj1 and mj2 of all events, GeV.
    spectrum : Spectrum
        Bins of the searched range, the window in which events are counted, the bins that the fit leaves out, and the
        collision energy; its counts are not asked for.
    box : MassBox
        Around the fitted masses.
    response : Response
        Simulated signal. Where there is that of another detector, the difference of the efficiencies times
        ``DETECTOR_PRIOR`` enters the interval.
    hypothesis : str
        What the daughters decay to, by a name of the response; its first one otherwise.
    """
    mjj, mj1, mj2 = events
    model = signal_model(response.of(hypothesis), box.masses)
    counts = count(mjj[box.holds(mj1, mj2, model)], spectrum.edges)
    fit = fit_spectrum(spectrum.with_counts(counts), family="dijet3")
    edges, window = spectrum.edges, spectrum.window
    ends = float(edges[:-1][window].min()), float(edges[1:][window].max())
    efficiency = box.efficiency(model, model, ends)
    relative = EFFICIENCY_ERROR
    if response.varied is not None:
        models = signal_model(response.table, box.masses), signal_model(response.varied, box.masses)
        base, other = (box.efficiency(one, model, ends) for one in models)
        relative = float(np.hypot(relative, DETECTOR_PRIOR * (other / base - 1.0)))
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
