"""Which events train on what: folds, the signal region and its sidebands."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import ConfigError, InputError
from bumphunt.results.rounding import empty_window, mass_range

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MassWindow:
    """A signal region in mjj and its sidebands.

    Parameters
    ----------
    low, high : float
        The signal region, GeV.
    sideband_low, sideband_high : float
        How far the sidebands reach below and above it, GeV.
    """

    low: float
    high: float
    sideband_low: float
    sideband_high: float

    def signal_region(self, mjj: FloatArray) -> BoolArray:
        """Return which events lie in the signal region, shape (events,)."""
        return (mjj >= self.low) & (mjj < self.high)

    def lower_sideband(self, mjj: FloatArray) -> BoolArray:
        """Return which events lie in the sideband below, shape (events,)."""
        return (mjj >= self.sideband_low) & (mjj < self.low)

    def upper_sideband(self, mjj: FloatArray) -> BoolArray:
        """Return which events lie in the sideband above, shape (events,)."""
        return (mjj >= self.high) & (mjj < self.sideband_high)

    def sidebands(self, mjj: FloatArray) -> BoolArray:
        """Return which events lie in either sideband, shape (events,)."""
        return self.lower_sideband(mjj) | self.upper_sideband(mjj)

    def parts(self, mjj: FloatArray) -> tuple[BoolArray, BoolArray, BoolArray]:
        """Return which events lie in the lower sideband, the signal region and the upper sideband."""
        return self.lower_sideband(mjj), self.signal_region(mjj), self.upper_sideband(mjj)

    def narrowed(self) -> Self:
        """Return the window with the inner halves, in log mjj, of its sidebands.

        Wide sidebands hold more events to learn from; narrow ones are more like the region where features follow mjj.
        """
        low, high = np.sqrt(self.sideband_low * self.low), np.sqrt(self.high * self.sideband_high)
        return replace(self, sideband_low=float(low), sideband_high=float(high))

    def sideband_halves(self, mjj: FloatArray) -> tuple[BoolArray, BoolArray, BoolArray]:
        """Return which events lie in the outer lower, the inner, and the outer upper halves of the sidebands.

        Sidebands are halved in log mjj; the two inner halves count as one, around the window.
        """
        inner = self.narrowed().sidebands(mjj)
        return self.lower_sideband(mjj) & ~inner, inner, self.upper_sideband(mjj) & ~inner

    def bins(self, edges: FloatArray) -> BoolArray:
        """Return which bins lie in the signal region, by their centres, shape (bins,)."""
        centres = 0.5 * (edges[:-1] + edges[1:])
        return (centres > self.low) & (centres < self.high)

    def masked_bins(self, edges: FloatArray, *, guard: int) -> BoolArray:
        """Return the bins of the signal region and ``guard`` bins on either side, shape (bins,).

        The guard keeps the tails of a resonance out of the background fit.
        """
        inside = self.bins(edges)
        widened = inside.copy()
        for shift in range(1, guard + 1):
            widened[:-shift] |= inside[shift:]
            widened[shift:] |= inside[:-shift]
        return widened

    def __str__(self) -> str:
        return f"{mass_range(self.low, self.high)} GeV"


def mass_windows(edges: FloatArray, *, width: int, step: int, sideband: int) -> tuple[MassWindow, ...]:
    """Return overlapping windows on a mass grid, each with a sideband on either side.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV, from the searched range.
    width, step, sideband : int
        Bins in a window, between two windows, and in a full sideband. Near the ends of the range a
        sideband may be as narrow as half the window; a window that has less is left out.

    Raises
    ------
    InputError
        If no window has room for both sidebands.
    """
    n_bins = len(edges) - 1
    least = max(width // 2, 1)
    windows = tuple(
        MassWindow(
            low=float(edges[first]),
            high=float(edges[first + width]),
            sideband_low=float(edges[max(first - sideband, 0)]),
            sideband_high=float(edges[min(first + width + sideband, n_bins)]),
        )
        for first in range(least, n_bins - width - least + 1, step)
    )
    if not windows:
        raise InputError(
            f"no window of {width} bins has sidebands between {mass_range(edges[0], edges[-1], ' and ')} GeV; "
            "widen search.low and search.high, or use fewer bins a window"
        )
    return windows


def window_on_grid(edges: FloatArray, low: float, high: float, *, sideband: int) -> MassWindow:
    """Return the window whose edges are the grid edges nearest to ``low`` and ``high`` GeV.

    Raises
    ------
    InputError
        If the window is empty or has no room for a sideband on either side.
    """
    first, last = (int(np.argmin(np.abs(edges - mass))) for mass in (low, high))
    if not low < high or last <= first:
        raise InputError(empty_window(low, high, edges[0], edges[-1]))
    if first < 1 or last > len(edges) - 2:
        side = "below" if first < 1 else "above"
        raise InputError(
            f"the window {low:g}-{high:g} GeV has no sideband {side} it: the spectrum can be fitted from "
            f"{mass_range(edges[0], edges[-1], ' to ')} GeV only; move or narrow the window"
        )
    return MassWindow(
        low=float(edges[first]),
        high=float(edges[last]),
        sideband_low=float(edges[max(first - sideband, 0)]),
        sideband_high=float(edges[min(last + sideband, len(edges) - 1)]),
    )


def assign_folds(
    n_events: int, *, folds: int, rng: np.random.Generator, groups: npt.NDArray[np.generic] | None = None
) -> IntArray:
    """Return a fold number for each event, in random order and of equal size to within one event.

    Parameters
    ----------
    n_events : int
        Events to divide.
    folds : int
        Number of folds.
    rng : numpy.random.Generator
        Draws the order.
    groups : array of shape (events,), optional
        Events of equal value, such as copies of one event, share a fold, so that none stands on both sides;
        folds are then equal in groups.

    Raises
    ------
    InputError
        If there are fewer than two folds or fewer events (or groups) than folds.

    Examples
    --------
    >>> import numpy as np
    >>> folds = assign_folds(4, folds=2, rng=np.random.default_rng(1), groups=np.array([7, 8, 7, 8]))
    >>> bool(folds[0] == folds[2]), bool(folds[1] == folds[3]), bool(folds[0] == folds[1])
    (True, True, False)
    """
    if folds < 2:
        raise InputError(f"folds is {folds}; at least 2 are needed, so that no event is scored by a model it trained")
    if groups is not None:
        different, member = np.unique(groups, return_inverse=True)
        if len(different) < n_events:
            return assign_folds(len(different), folds=folds, rng=rng)[member]
    if n_events < folds:
        raise InputError(f"{n_events} events cannot be split into {folds} folds; give more events or fewer folds")
    return rng.permutation(np.arange(n_events, dtype=np.int64) % folds)


def balanced_weights(
    lower: BoolArray, region: BoolArray, upper: BoolArray, *, class_weight: str = "sides"
) -> FloatArray:
    """Return training weights of signal region against sidebands, zero elsewhere, shape (events,).

    Parameters
    ----------
    lower, region, upper : bool arrays of shape (events,)
        The lower sideband, the signal region and the upper sideband.
    class_weight : {"sides", "classes", "none"}
        ``sides``: the region and the sidebands together count the same, and so do the two sidebands
        (arXiv:1902.02634, section III): a feature that drifts with mjj then tells the region from one
        sideband only as well as from the other, and a slope teaches the classifier nothing. ``classes``: the
        first half of that. ``none``: every event counts 1.

    Raises
    ------
    ConfigError
        If ``class_weight`` is none of these.
    InputError
        If the region or a sideband is empty.
    """
    shares = {
        "sides": ((lower, 0.25), (region, 0.5), (upper, 0.25)),
        "classes": ((lower | upper, 0.5), (region, 0.5)),
        "none": ((lower | region | upper, 1.0),),
    }
    if class_weight not in shares:
        raise ConfigError(f"class_weight is {class_weight!r}; choose one of {', '.join(shares)}")
    for part, name in ((lower, "lower sideband"), (region, "signal region"), (upper, "upper sideband")):
        if not part.any():
            raise InputError(f"the {name} holds no events to train on; widen it or give more events")
    weights = np.zeros(len(region), dtype=np.float64)
    total = float(lower.sum() + region.sum() + upper.sum())
    for part, share in shares[class_weight]:
        weights[part] = share * total / part.sum()
    return weights
