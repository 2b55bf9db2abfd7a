"""The mass fit in each of its three variables, binned for drawing, and its goodness."""

import numpy as np
import numpy.typing as npt

from bumphunt.masses.likelihood import Likelihood, SelectedSignal
from bumphunt.masses.parameters import Parameters
from bumphunt.results import Projection
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.goodness import pearson_p_value
from bumphunt.table.names import DAUGHTERS

FloatArray = npt.NDArray[np.float64]


def projections(likelihood: Likelihood, at: Parameters) -> tuple[Projection, ...]:
    """Bin the events of the window and the two fitted parts of the model in each mass.

    Parameters
    ----------
    likelihood : Likelihood
        The likelihood at its minimum.
    at : Parameters
        The minimum, the heavier daughter as X or as Y.
    """
    events, signal = likelihood.events, likelihood.signal
    masses, widening, n_background = at.masses, at.widening, at.n_background
    ordered = max(masses[1:]), min(masses[1:])
    low, high = events.window
    drawn_mjj, drawn_1, drawn_2, weight = _drawn(signal, masses, widening, at.n_signal)
    within = (drawn_mjj >= low) & (drawn_mjj < high)
    fine = np.linspace(low, high, 241)
    shifted = np.maximum(1.0 + at.background_shift * likelihood.spectrum.bump(fine), 0.05)
    density = likelihood.spectrum.density(fine) * shifted
    inside = events.in_window
    edges = np.linspace(low, high, 13)
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1])) * (fine[1] - fine[0])])
    background = n_background * np.diff(np.interp(edges, fine, cumulative))
    found = [
        Projection(
            variable="mjj",
            edges=edges,
            counts=count(events.mjj[inside], edges),
            signal=np.histogram(drawn_mjj, edges, weights=weight)[0],
            background=background,
        )
    ]
    jets = zip(DAUGHTERS, (events.mj1, events.mj2), (drawn_1, drawn_2), strict=True)
    for axis, (name, data, drawn) in enumerate(jets):
        reach = float(np.quantile(data[inside], 0.98)) if inside.any() else 0.0
        edges = np.linspace(0.0, max(reach, 1.4 * ordered[axis]), 31)
        found.append(
            Projection(
                variable=name,
                edges=edges,
                counts=count(data[inside], edges),
                signal=np.histogram(drawn[within], edges, weights=weight[within])[0],
                background=background.sum() * likelihood.plane.marginal(axis, edges, fine, density),
            )
        )
    return tuple(found)


def _drawn(
    signal: SelectedSignal, masses: tuple[float, float, float], widening: tuple[float, float], n_signal: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return selected signal as weighted events: mjj, both jet masses, and their weights."""
    draws = signal.draws.measured(signal.model, widening)
    mjj = masses[0] * np.exp(draws.log_resonance)
    mj1, mj2 = draws.jet_masses(masses)
    weight = np.full(len(mjj), n_signal / len(mjj))
    if signal.acceptance is not None:
        weight = weight * signal.acceptance(mjj, mj1, mj2)
    return mjj, mj1, mj2, weight


def simulated_per_event(likelihood: Likelihood, at: Parameters) -> float:
    """Return the number of independent simulated events, after the selection, for each event of fitted signal.

    The draws repeat simulated events, which carry different weights: both numbers count.
    """
    weight = _drawn(likelihood.signal, at.masses, at.widening, max(at.n_signal, 1e-9))[3]
    pool = likelihood.signal.model.pool.weight
    simulated = pool.sum() ** 2 / (pool**2).sum()
    return float(weight.sum() / (weight**2).sum() / (1.0 + len(weight) / simulated))


def goodness(parts: tuple[Projection, ...], likelihood: Likelihood, at: Parameters) -> float:
    """Return the smallest of the projections' p-values, paid for as that many looks.

    Background in the window spreads more than Poisson, as its excess does; its jet masses are known as well as the
    events beside the window tell, and signal's shape as well as a finite simulation does (as by Barlow and Beeston,
    Comput. Phys. Commun. 77 (1993) 219, with the variances added).
    """
    simulated = simulated_per_event(likelihood, at)
    width, beside = likelihood.events.width, likelihood.plane.n_events
    p_values = []
    for part in parts:
        expected = np.maximum(part.signal + part.background, 1e-9)
        known = part.background.sum() / beside if part.variable in DAUGHTERS else 0.0
        variance = expected + part.background * (width**2 - 1.0 + known) + part.signal / simulated
        p_values.append(pearson_p_value(part.counts, expected, variance=variance, n_parameters=2)[2])
    return min(1.0, len(p_values) * min(p_values))
