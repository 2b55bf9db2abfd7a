"""Where a mass fit starts: the places in the plane of jet masses where selected events crowd."""

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import CROWD_BEHIND, CROWD_WIDTHS, CROWDS_APART, JET_MASS_BIAS, MOST_TRIALS
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.plane import MassSpectrum, PlaneDensity
from bumphunt.masses.signal_table import Masses

FloatArray = npt.NDArray[np.float64]


def starting_points(events: SelectedEvents, plane: PlaneDensity, *, number: int = 2) -> list[Masses]:
    """Return (m_resonance, m_x, m_y) of the likeliest crowds of events in the window, the best first (GeV).

    Every event of the window is tried as the place of the peak: the log likelihood ratio of a signal of the size of
    the excess, with jets spread about that place, to background alone. The next one must lie apart from the first.
    """
    chosen = np.flatnonzero(events.in_window)
    mjj, mj1, mj2 = events.mjj[chosen], events.mj1[chosen], events.mj2[chosen]
    centre = float(np.median(mjj)) if len(mjj) else float(np.median(events.mjj))
    if not len(chosen):
        return [(centre, 0.1 * centre, 0.05 * centre)]
    logs = np.log(np.maximum(np.stack([mj1, mj2], axis=1), 1.0))
    background = plane(mjj, mj1, mj2) * np.maximum(mj1, 1.0) * np.maximum(mj2, 1.0)
    n_background = max(events.spectrum.window_expected, 1.0)
    n_signal = max(len(chosen) - n_background, 0.15 * len(chosen), 3.0)
    trials = logs[:: max(len(logs) // MOST_TRIALS, 1)]
    pull = (logs[None, :, :] - trials[:, None, :]) / np.array(CROWD_WIDTHS)
    kernel = np.exp(-0.5 * (pull**2).sum(axis=2)) / (2.0 * np.pi * CROWD_WIDTHS[0] * CROWD_WIDTHS[1])
    ratio = np.log1p(0.7 * n_signal * kernel / (n_background * np.maximum(background, 1e-12))).sum(axis=1)
    points: list[Masses] = []
    left = np.ones(len(trials), dtype=bool)
    for _ in range(number):
        if not left.any():
            break
        best = int(np.argmax(np.where(left, ratio, -np.inf)))
        if ratio[best] < ratio.max() - CROWD_BEHIND:
            break
        near = (np.abs(pull[best]) < 1.5).all(axis=1)
        m_x, m_y = (np.exp(np.average(logs[near], axis=0)) / JET_MASS_BIAS).tolist()
        points.append((_resonance(events, near, chosen), max(m_x, 30.0), max(m_y, 30.0)))
        left &= (np.abs((trials - trials[best]) / np.array(CROWD_WIDTHS)) > CROWDS_APART).any(axis=1)
    return points


def _resonance(events: SelectedEvents, near: npt.NDArray[np.bool_], chosen: npt.NDArray[np.int64]) -> float:
    """Return the mean mjj of the crowd after the background's own is taken off."""
    inside = events.mjj[chosen][near]
    spectrum = events.spectrum
    grid = np.linspace(*events.window, 200)
    density = MassSpectrum(spectrum).density(grid)
    flat = float((grid * density).sum() / density.sum())
    share = max(1.0 - spectrum.window_expected / len(chosen), 0.3)
    # near the crowd there is less background than in the whole window
    share = 1.0 - 0.5 * (1.0 - share)
    return float(np.clip(flat + (inside.mean() - flat) / share, grid[0], grid[-1]))
