"""Bins as wide as the mass resolution, and the range of masses that can be searched at all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.results.rounding import mass_range

if TYPE_CHECKING:
    import hist

FloatArray = npt.NDArray[np.float64]

MIN_EVENTS = 200
"""Events from which a range is looked for: fewer leave no peak that could be told from noise."""
MIN_BINS = 12
"""Bins of the shortest range: a window of four and sidebands of four on either side."""
BINS_ABOVE_PEAK = 3
"""Bins between the peak that the trigger's turn-on makes and the lower end of the range: 9 % in mass, over which the
turn-on of the simulated samples has died away."""
MIN_TAIL = 20
"""Events above the upper end of the range, so that its last bins are not all empty."""
PEAK_BINS = 80
"""Logarithmic bins in which the peak is looked for."""
PEAK_QUANTILES = (0.001, 0.999)
"""Between these the peak is looked for: single events far out would make the bins too wide."""
FALL, FALL_SIGMA = 0.15, 4.0
"""The spectrum falls clearly where it lies below its maximum by this part and by so many standard deviations."""


def mass_grid(low: float, high: float, *, ratio: float) -> FloatArray:
    """Return bin edges from ``low`` in GeV, each ``ratio`` times the one before, up to at most ``high``.

    Parameters
    ----------
    low, high : float
        First edge and upper bound of the last, GeV.
    ratio : float
        Factor between neighbouring edges.

    Examples
    --------
    >>> mass_grid(3000.0, 3400.0, ratio=1.03).round(1).tolist()
    [3000.0, 3090.0, 3182.7, 3278.2, 3376.5]
    """
    if not (0 < low < high) or ratio <= 1:
        raise InputError(f"cannot bin from {low:g} to {high:g} GeV in steps of a factor {ratio:g}")
    steps = int(np.floor(np.log(high / low) / np.log(ratio) + 1e-9))
    return low * ratio ** np.arange(steps + 1, dtype=np.float64)


def count(mjj: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the number of events in each bin, shape (bins,)."""
    return np.histogram(mjj, bins=edges)[0].astype(np.float64)


def bin_of(mjj: FloatArray, edges: FloatArray) -> npt.NDArray[np.int16]:
    """Return the bin that :func:`count` puts each event into, shape (events,); the number of bins for those in none.

    Examples
    --------
    >>> import numpy as np
    >>> bin_of(np.array([0.5, 1.0, 2.5, 3.0, 3.1]), np.array([1.0, 2.0, 3.0])).tolist()
    [2, 0, 1, 1, 2]
    """
    n_bins = len(edges) - 1
    number = (np.searchsorted(edges, mjj, side="right") - 1).astype(np.int16)
    number[mjj == edges[-1]] = n_bins - 1  # the last bin holds its upper edge
    number[number < 0] = n_bins
    return number


def to_hist(counts: Sequence[float] | FloatArray, edges: FloatArray) -> "hist.Hist[Any]":
    """Return counts as a :class:`hist.Hist` with a variable ``mjj`` axis, to be drawn or exported.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts.
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    """
    import hist

    spectrum = hist.Hist(hist.axis.Variable(list(edges), name="mjj", label="mjj [GeV]"), storage=hist.storage.Double())
    spectrum.view()[:] = np.asarray(counts, dtype=np.float64)
    return spectrum


def searched_range(
    mjj: FloatArray,
    *,
    ratio: float,
    low: float | None = None,
    high: float | None = None,
    bins_above_peak: int = BINS_ABOVE_PEAK,
    min_tail: int = MIN_TAIL,
) -> FloatArray:
    """Return the bin edges over which the inclusive spectrum can be searched.

    The lower end stands a few bins above the peak that the trigger's turn-on makes; the upper end is
    where fewer than ``min_tail`` events remain above. Neither asks how well a background fits: a
    strong resonance spoils every fit, and must not push the range past itself.

    Parameters
    ----------
    mjj : array of shape (events,)
        Dijet masses in GeV.
    ratio : float
        Factor between successive bin edges.
    low, high : float, optional
        Fix an end by hand instead, GeV.
    bins_above_peak : int
        Bins between the peak of the spectrum and the lower end.
    min_tail : int
        Events that must lie above the upper end.

    Raises
    ------
    InputError
        If there are fewer than 200 events, nearly all of one mass, or no range of at least twelve bins is left.
    """
    mjj = np.asarray(mjj, dtype=np.float64)
    if len(mjj) < MIN_EVENTS:
        raise InputError(f"{len(mjj)} events are too few to fit a spectrum; at least {MIN_EVENTS} are needed")
    least, most = (float(end) for end in np.quantile(mjj, PEAK_QUANTILES))
    if not least < most:
        raise InputError(
            f"nearly all of the {len(mjj)} events have the mass {least:g}; there is no spectrum to search: "
            "check the column of the resonance"
        )
    top = high if high is not None else float(np.sort(mjj)[-min_tail])
    start = low if low is not None else _peak(mjj) * ratio**bins_above_peak
    if np.log(top / start) < MIN_BINS * np.log(ratio):
        raise InputError(
            f"the spectrum between {mass_range(start, top, ' and ')} GeV is too short to hold a window and "
            "two sidebands; give more events, or set search.low and search.high in the config"
        )
    return mass_grid(start, top, ratio=ratio)


def _peak(mjj: FloatArray) -> float:
    """Where the turn-on ends: the lowest maximum after which the spectrum clearly falls.

    Counts are per logarithmic bin, which puts the peak slightly above that per GeV, on the safe side. A
    strong resonance further up may be higher still, and is not what is looked for.
    """
    low, high = (float(end) for end in np.quantile(mjj, PEAK_QUANTILES))
    counts, edges = np.histogram(mjj, bins=np.geomspace(low, high, PEAK_BINS))
    smooth = np.convolve(counts, np.ones(3) / 3, mode="same")
    best = 0
    for place, height in enumerate(smooth):
        if height > smooth[best]:
            best = place
        elif smooth[best] - height > max(FALL * smooth[best], FALL_SIGMA * np.sqrt(smooth[best])):
            break
    return float(edges[best])
