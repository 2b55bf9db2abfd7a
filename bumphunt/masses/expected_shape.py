"""The shape of mjj that simulated signal has, tails and all: what a limit on a narrow resonance is to be set with."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.masses.constants import FEW_LOST, LOST_BELOW
from bumphunt.masses.quadrature import jet_pairs
from bumphunt.masses.response import jet_shape, signal_model
from bumphunt.masses.signal_table import Masses, SignalTable

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalShape:
    """Probability of each bin of mjj, and the part of produced events that pass the trigger.

    ``probabilities`` (bins,) are of one signal event that passed the trigger, as those of a file did: their sum is
    below one by what lies outside the edges.
    """

    probabilities: FloatArray
    trigger_acceptance: float


def expected_shape(table: SignalTable, masses: Masses, edges: FloatArray, *, widening: float = 1.0) -> SignalShape:
    """Return how signal of given masses spreads over bins of mjj before any selection.

    Parameters
    ----------
    table : SignalTable
        Simulated signal, from :func:`bumphunt.masses.signal_table.load_signal`.
    masses : (m_resonance, m_x, m_y)
        GeV.
    edges : array of shape (bins + 1,)
        Bin edges in GeV, ascending and above 0.
    widening : float
        Factor on the resolution of mjj.

    Raises
    ------
    InputError
        If edges or masses are unusable.

    Examples
    --------
    >>> import numpy as np
    >>> from bumphunt.masses.signal_table import load_signal
    >>> shape = expected_shape(load_signal(), (3500.0, 500.0, 100.0), np.array([3500 * 0.934, 3500 * 1.066]))
    >>> bool(0.7 < shape.probabilities[0] < 0.9)  # a Gaussian of 3.3 % would have 0.954
    True
    """
    edges = np.asarray(edges, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (edges[0] > 0 and np.all(np.diff(edges) > 0)):
        raise InputError(f"bin edges {edges} are not ascending and above 0; give at least two, in GeV")
    if not min(masses) > 0:
        raise InputError(f"masses {masses} are not all above 0; give m_resonance, m_x and m_y in GeV")
    model = signal_model(table, masses)
    pairs = jet_pairs(model)
    below = [
        float(model.probability_below(edge / masses[0], pairs.pull, pairs.contained, widening).mean()) for edge in edges
    ]
    return SignalShape(probabilities=np.diff(below), trigger_acceptance=model.accepted)


_HALVINGS = 12


def broadest_masses(table: SignalTable, m_resonance: float) -> Masses | None:
    """Return the masses (GeV) of the broadest peak in mjj at a resonance of which nothing else is known.

    Both daughters are as heavy as jets mostly hold: at most a quarter of their jets lose more than a quarter of the
    decay. What jets lose spreads mjj, so signal of lighter daughters is excluded at fewer events; heavier ones make
    no peak at m_resonance, and no limit on a narrow resonance speaks of them.

    Parameters
    ----------
    table : SignalTable
        Simulated signal.
    m_resonance : float
        GeV.

    Returns
    -------
    (m_resonance, m_x, m_y) or None
        None outside the resonances that were simulated.

    Examples
    --------
    >>> from bumphunt.masses.signal_table import load_signal
    >>> masses = broadest_masses(load_signal(), 3500.0)
    >>> bool(600.0 < masses[1] < 650.0), masses[1] == masses[2]
    (True, True)
    >>> broadest_masses(load_signal(), 2000.0) is None
    True
    """
    if not table.masses[:, 0].min() <= m_resonance <= table.masses[:, 0].max():
        return None
    ratios = table.masses[:, 1:] / table.masses[:, :1]
    low, high = float(ratios.min()), float(ratios.max())

    def held(ratio: float) -> bool:
        return bool(jet_shape(table, ratio * m_resonance, m_resonance).below(LOST_BELOW) <= FEW_LOST)

    if held(high):
        low = high
    else:
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if held(middle) else (low, middle)
    return m_resonance, low * m_resonance, low * m_resonance
