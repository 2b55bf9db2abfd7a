"""Vaupotič's peak scan: where the histogram's maximum lies as ever more events are taken.

Domen Vaupotič, *Praktikum strojnega učenja v fiziki*, section 4.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.masses.modes import half_sample_mode, histogram_mode, kernel_mode
from bumphunt.results import PeakScan

FloatArray = npt.NDArray[np.float64]

PUBLISHED_RANGE = (100, 1300)
"""Numbers of events that the report averages over."""
KERNEL_WIDTHS = {"mjj": 0.025}
"""Kernel of the kernel mode as a fraction of the mass; 0.05 for other variables: two thirds of the resolutions."""
_REPLICAS = 40
_BOOTSTRAP_STEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sideband:
    """Events outside the window that stand for the background in it.

    ``score`` (events,), and ``variables`` (GeV) in which sidebands and window look alike: the jet masses, not mjj.
    ``scale`` is the background expected in the window over the number of sideband events, at the same cut.
    ``weights`` (events,) is how often each counts, once by default.
    """

    score: FloatArray
    variables: Mapping[str, FloatArray]
    scale: float
    weights: FloatArray | None = None


def peak_scan(
    score: FloatArray,
    variables: Mapping[str, FloatArray],
    *,
    bin_widths: Mapping[str, float],
    take: tuple[int, int],
    steps: int = 60,
    sideband: Sideband | None = None,
    rng: np.random.Generator | None = None,
) -> PeakScan:
    """Follow the position of each mass histogram's maximum while the number of events taken grows.

    The average over a range of N is the report's estimate of the mass. Its spread over that
    range is no uncertainty: successive steps share nearly all their events, and a bias common to
    all steps never shows (its m_X of 617 ± 19 GeV stood against a truth of 732). Beside it stand two
    modes that need no bins, the kernel mode with the background of ``sideband`` taken off, and a bootstrap error of its
    average: whole events are drawn anew, so that all steps move together.

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
    sideband : Sideband, optional
        Background to take off the kernel mode's density.
    rng : numpy.random.Generator, optional
        For the bootstrap; without it none is made.
    """
    low, high = take
    n_events = len(score)
    if not 1 <= low < high:
        raise InputError(f"the peak scan must average over a rising range of N, not {low} to {high}")
    order = np.argsort(-score, kind="stable")
    last = min(2 * high, n_events)
    n_taken = np.unique(np.linspace(max(min(low // 2, last), 1), last, steps).astype(int))
    names = tuple(variables)
    modes, halves, kernels = (np.empty((len(n_taken), len(names))) for _ in range(3))
    ones = np.ones(n_events)
    for column, name in enumerate(names):
        ordered = np.asarray(variables[name], dtype=np.float64)[order]
        kernels[:, column] = _kernel_modes(name, ordered, score[order], n_taken, ones, sideband)
        for row, number in enumerate(n_taken):
            modes[row, column] = histogram_mode(ordered[:number], bin_widths[name])
            halves[row, column] = half_sample_mode(ordered[:number])
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
        half_sample=halves,
        kernel=kernels,
        robust=kernels[averaged].mean(axis=0),
        robust_error=None if rng is None else _bootstrap(variables, score, order, n_taken[averaged], sideband, rng=rng),
    )


def seed_estimate(
    score: FloatArray, variables: Mapping[str, FloatArray], *, bin_widths: Mapping[str, float]
) -> tuple[FloatArray, FloatArray] | None:
    """Return the report's own estimate: mean and spread of the maxima for 100 <= N <= 1300, or None.

    Parameters
    ----------
    score, variables, bin_widths
        As in :func:`peak_scan`.

    Returns
    -------
    (mean, spread) or None
        Arrays of shape (variables,) in GeV; None where there are fewer than 100 events.
    """
    if len(score) < PUBLISHED_RANGE[0]:
        return None
    found = peak_scan(score, variables, bin_widths=bin_widths, take=PUBLISHED_RANGE, steps=121)
    return found.mean, found.spread


def _kernel_modes(
    name: str,
    ordered: FloatArray,
    score: FloatArray,
    n_taken: npt.NDArray[np.int64],
    weights: FloatArray,
    sideband: Sideband | None,
) -> FloatArray:
    """Return the kernel mode of the first so many events less the sideband events of the same scores."""
    width = KERNEL_WIDTHS.get(name, 0.05)
    found = np.empty(len(n_taken))
    for row, number in enumerate(n_taken):
        values, given = ordered[:number], weights[:number]
        if sideband is not None and name in sideband.variables:
            above = sideband.score >= score[number - 1]
            more = np.ones(int(above.sum())) if sideband.weights is None else sideband.weights[above]
            values = np.concatenate([values, sideband.variables[name][above]])
            given = np.concatenate([given, -sideband.scale * more])
        found[row] = kernel_mode(values, given, width) if (given > 0).any() else np.nan
    return found


def _bootstrap(
    variables: Mapping[str, FloatArray],
    score: FloatArray,
    order: npt.NDArray[np.int64],
    n_taken: npt.NDArray[np.int64],
    sideband: Sideband | None,
    *,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the standard deviation of the averaged kernel mode when the events are drawn anew."""
    chosen = n_taken[:: max(len(n_taken) // _BOOTSTRAP_STEPS, 1)]
    means = np.empty((_REPLICAS, len(variables)))
    for replica in range(_REPLICAS):
        weights = rng.poisson(1.0, len(score)).astype(np.float64)
        if not weights[: chosen[0]].any():
            weights[: chosen[0]] = 1.0
        other = sideband
        if sideband is not None:
            other = replace(sideband, weights=rng.poisson(1.0, len(sideband.score)).astype(np.float64))
        for column, name in enumerate(variables):
            ordered = np.asarray(variables[name], dtype=np.float64)[order]
            means[replica, column] = np.nanmean(_kernel_modes(name, ordered, score[order], chosen, weights, other))
    return np.asarray(means.std(axis=0), dtype=np.float64)


def default_take(n_selected: int) -> tuple[int, int]:
    """Return the range of N to average over: from half to twice the events that pass the cut in the window."""
    low = max(n_selected // 2, 10)
    return low, max(2 * n_selected, low + 10)
