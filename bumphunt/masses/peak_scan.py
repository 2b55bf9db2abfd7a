"""The seed document's peak scan: where the histogram's maximum lies as ever more events are taken."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.results import PeakScan

FloatArray = npt.NDArray[np.float64]


def peak_scan(
    score: FloatArray,
    variables: Mapping[str, FloatArray],
    *,
    bin_widths: Mapping[str, float],
    take: tuple[int, int],
    steps: int = 60,
) -> PeakScan:
    """Follow the position of each mass histogram's maximum while the number of events taken grows.

    The average over a range of N is the seed document's estimate of the mass. Its spread over that
    range is no uncertainty: successive steps share nearly all their events, and a bias common to
    all steps never shows (the seed's m_X of 617 ± 19 GeV stood against a truth of 732).

    Parameters
    ----------
    score : array of shape (events,)
        Anomaly score of the events in the window, higher is more anomalous.
    variables : mapping of name to array of shape (events,)
        Masses in GeV.
    bin_widths : mapping of name to float
        Histogram bin width of each variable in GeV.
    take : (int, int)
        Range of N that is averaged.
    steps : int
        Values of N looked at, up to twice the end of that range.
    """
    low, high = take
    n_events = len(score)
    if not 1 <= low < high:
        raise InputError(f"the peak scan must average over a rising range of N, not {low} to {high}")
    order = np.argsort(-score, kind="stable")
    last = min(2 * high, n_events)
    n_taken = np.unique(np.linspace(max(min(low // 2, last), 1), last, steps).astype(int))
    names = tuple(variables)
    modes = np.array(
        [[_mode(variables[name][order[:n]], bin_widths[name]) for name in names] for n in n_taken], dtype=np.float64
    )
    averaged = (n_taken >= low) & (n_taken <= high)
    if not averaged.any():
        averaged = n_taken == n_taken[-1]
    return PeakScan(
        variables=names,
        n_taken=n_taken.astype(np.float64),
        modes=modes,
        take_low=low,
        take_high=high,
        mean=modes[averaged].mean(axis=0),
        spread=modes[averaged].std(axis=0),
    )


def _mode(values: FloatArray, width: float) -> float:
    """Centre of the fullest bin; bins start at a multiple of their width, the first of equals counts."""
    index = np.floor(values / width).astype(int)
    fullest = np.bincount(index - index.min()).argmax() + index.min()
    return float((fullest + 0.5) * width)


def default_take(n_selected: int) -> tuple[int, int]:
    """Return the range of N to average over: from half to twice the events that pass the cut in the window."""
    low = max(n_selected // 2, 10)
    return low, max(2 * n_selected, low + 10)
