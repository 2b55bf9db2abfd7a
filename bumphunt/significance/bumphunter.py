"""The BumpHunter statistic: the smallest Poisson p-value of any window of neighbouring bins (arXiv:1101.0390).

Window counts are differences of cumulative sums, and with a fixed background the p-value of each window is read from
a table over its possible counts, so that 10,000 toys take some milliseconds. With ``refit`` the background of every
toy is its own fit to the whole spectrum, as in the data; its p-values then have to be computed one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaincc

from bumphunt.errors import FitError, InputError
from bumphunt.results import Result
from bumphunt.results.rounding import mass_range
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import Design
from bumphunt.spectrum.spectrum import UNSET, Spectrum, SpectrumLike, as_spectrum
from bumphunt.statistics import SMALLEST_P, z_from_p

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Mode = Literal["excess", "deficit"]
BLOCK = 10_000
"""Toys treated together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Windows as first bin and bin after the last, arrays of shape (windows,)."""

    first: IntArray
    last: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BumpHunt(Result):
    """What the search of one spectrum found.

    Attributes
    ----------
    first, last : int arrays of shape (windows,)
        First bin of each window and the bin after its last.
    p_values : array of shape (windows,)
        Local p-values, the background taken as known.
    best : int
        The window with the smallest.
    low, high : float
        Its edges in GeV.
    n_observed, n_expected : float
        Its counts.
    p_local, z_local : float
        Its p-value and the normal quantile.
    p_global, z_global : float
        How often toys have a window at least as extreme, ``(k + 1) / (n + 1)``.
    n_exceed, n_toys : int
        k and n.
    statistics : array of shape (toys,)
        ``-log`` of the smallest p-value of each toy.
    refitted : bool
        The background of each toy was fitted to it.
    mode : str
        ``excess`` or ``deficit``.
    """

    first: IntArray
    last: IntArray
    p_values: FloatArray
    best: int
    low: float
    high: float
    n_observed: float
    n_expected: float
    p_local: float
    z_local: float
    p_global: float
    z_global: float
    n_exceed: int
    n_toys: int
    statistics: FloatArray
    refitted: bool
    mode: str

    def __str__(self) -> str:
        return (
            f"{self.mode} in {mass_range(self.low, self.high)} GeV: {self.n_observed:.0f} events on "
            f"{self.n_expected:.1f}, "
            f"z = {self.z_local:.2f} local, {self.z_global:.2f} global ({self.n_exceed} of {self.n_toys} toys exceed)"
        )


def windows(n_bins: int, *, widths: Sequence[int], step: int | Literal["half", "full"] = 1) -> Windows:
    """Return all windows of the given widths, in bins.

    Parameters
    ----------
    n_bins : int
        Bins of the spectrum.
    widths : sequence of int
        Widths to try.
    step : int or str
        Bins between neighbouring windows, ``half`` their width or their ``full`` width.
    """
    first, last = [], []
    for width in widths:
        stride = {"half": max(1, width // 2), "full": width}.get(step, step) if isinstance(step, str) else step
        places = np.arange(0, n_bins - width + 1, int(stride))
        first.append(places)
        last.append(places + width)
    if not first or sum(len(part) for part in first) == 0:
        raise InputError(f"{n_bins} bins hold no window of {list(widths)} bins; use narrower windows or finer bins")
    return Windows(first=np.concatenate(first).astype(np.int64), last=np.concatenate(last).astype(np.int64))


def window_p_values(
    counts: FloatArray, background: FloatArray, places: Windows, *, mode: Mode = "excess"
) -> FloatArray:
    """Return the Poisson p-value of every window of every spectrum, shape (spectra, windows).

    The probability of at least (excess) or at most (deficit) the observed count on a known background; a window on the
    other side of its expectation has p = 1.

    Parameters
    ----------
    counts : array of shape (spectra, bins)
        Event counts.
    background : array of shape (bins,) or (spectra, bins)
        Expected counts.
    places : Windows
        From :func:`windows`.
    mode : str
        ``excess`` or ``deficit``.
    """
    observed = _sums(np.atleast_2d(counts), places)
    expected = _sums(np.atleast_2d(np.asarray(background, dtype=np.float64)), places)
    return _tail(observed, np.broadcast_to(expected, observed.shape), mode)


def smallest_p_values(
    toys: FloatArray, background: FloatArray, places: Windows, *, mode: Mode = "excess"
) -> tuple[FloatArray, IntArray]:
    """Return the smallest window p-value of each toy on a fixed background, and which window has it.

    Parameters
    ----------
    toys : array of shape (toys, bins)
        Whole-numbered counts.
    background : array of shape (bins,)
        Expected counts.
    places : Windows
        From :func:`windows`.
    mode : str
        ``excess`` or ``deficit``.
    """
    smallest, which = np.ones(len(toys)), np.zeros(len(toys), dtype=np.int64)
    for number, found in enumerate(_from_tables(toys, background, places, mode)):
        better = found < smallest
        smallest[better] = found[better]
        which[better] = number
    return smallest, which


def _from_tables(
    toys: npt.NDArray[np.generic], background: FloatArray, places: Windows, mode: Mode
) -> Iterator[FloatArray]:
    """Yield the p-values of one window after the other, for all toys."""
    cumulative = np.zeros((toys.shape[1] + 1, len(toys)), dtype=np.int64)
    np.cumsum(toys.T, axis=0, out=cumulative[1:], dtype=np.int64)
    expected = np.diff(np.concatenate([[0.0], np.cumsum(background)])[np.stack([places.first, places.last])], axis=0)[0]
    for number, (first, last) in enumerate(zip(places.first, places.last, strict=True)):
        observed = cumulative[last] - cumulative[first]
        low, high = int(observed.min()), int(observed.max())
        if mode == "excess":
            low = min(max(low, int(np.floor(expected[number]))), high)
        else:
            high = max(min(high, int(np.ceil(expected[number]))), low)
        table = _tail(np.arange(low, high + 1, dtype=np.float64), np.full(high - low + 1, expected[number]), mode)
        # a count beyond the table lies on the other side of the expectation, where p = 1 stands at the end
        yield table.take(observed - low, mode="clip")


def bump_hunt(
    counts: SpectrumLike,
    edges: FloatArray | None = None,
    *,
    background: FloatArray | None = None,
    design: Design | None = None,
    widths: Sequence[int] = (2, 3, 4, 5, 6, 7),
    step: int | Literal["half", "full"] = 1,
    mode: Mode = "excess",
    n_toys: int = 10_000,
    rng: np.random.Generator,
) -> BumpHunt:
    """Search one spectrum for the window that departs most from the background, with toys for the global p-value.

    Parameters
    ----------
    counts : Spectrum, array of shape (bins,) or histogram
        A :class:`~bumphunt.spectrum.spectrum.Spectrum`, all bins of which are searched; or whole-numbered event counts;
        or any UHI histogram with one axis in GeV. Contents with a common weight are searched as effective counts.
    edges : array of shape (bins + 1,), optional
        Bin edges in GeV, with an array of counts.
    background : array of shape (bins,), optional
        A background known beforehand, in the units of the contents; or else give
    design : Design, optional
        a family (:func:`bumphunt.spectrum.design.make_design`) that is fitted to the data and again to every toy. A
        signal pulls such a fit up, which makes the answer cautious.
    widths, step
        As in :func:`windows`.
    mode : str
        ``excess`` or ``deficit``.
    n_toys : int
        Spectra thrown from the background.
    rng : numpy.random.Generator
        Throws them.

    Raises
    ------
    FitError
        If the background of the data cannot be fitted.
    InputError
        If neither or both of background and family are given, the counts cannot be a spectrum, or no window fits it.
    """
    # no collision energy: the background is given, or has it in its design
    given = as_spectrum(counts, edges, sqrt_s=UNSET if isinstance(counts, Spectrum) else None)
    spectrum = given.effective()
    counts, edges = spectrum.counts, spectrum.edges
    if (background is None) == (design is None):
        raise InputError("give either a known background or a family to fit, not both")
    if design is not None:
        fit = fit_many(counts[None, :], design, with_covariance=False)
        if not fit.converged[0]:
            raise FitError("the background fit of the whole spectrum did not converge")
        known = fit.expected[0]
    else:
        known = np.asarray(background, dtype=np.float64) / given.weight()
        if known.shape != counts.shape or not np.isfinite(known).all() or (known < 0).any():
            raise InputError(f"a background of {known.size} finite counts is needed for {counts.size} bins")
    places = windows(len(counts), widths=widths, step=step)
    p_values = window_p_values(counts, known, places, mode=mode)[0]
    best = int(np.argmin(p_values))
    smallest = np.concatenate([_toy_block(known, design, places, mode, size, rng) for size in _blocks(n_toys)])
    exceed = int(np.sum(smallest <= p_values[best] * (1.0 + 1e-12)))
    p_global = max((exceed + 1) / (n_toys + 1), float(p_values[best]))
    p_local = max(float(p_values[best]), SMALLEST_P)
    chosen = slice(int(places.first[best]), int(places.last[best]))
    return BumpHunt(
        first=places.first,
        last=places.last,
        p_values=p_values,
        best=best,
        low=float(edges[chosen.start]),
        high=float(edges[chosen.stop]),
        n_observed=float(counts[chosen].sum()),
        n_expected=float(known[chosen].sum()),
        p_local=p_local,
        z_local=z_from_p(p_local),
        p_global=p_global,
        z_global=z_from_p(p_global),
        n_exceed=exceed,
        n_toys=n_toys,
        statistics=-np.log(np.maximum(smallest, SMALLEST_P)),
        refitted=design is not None,
        mode=mode,
    )


def _toy_block(
    known: FloatArray, design: Design | None, places: Windows, mode: Mode, size: int, rng: np.random.Generator
) -> FloatArray:
    drawn = rng.poisson(known, (size, len(known)))
    if design is None:
        smallest = np.ones(size)
        for found in _from_tables(drawn, known, places, mode):
            np.minimum(smallest, found, out=smallest)
        return smallest
    toys = drawn.astype(np.float64)
    fits = fit_many(toys, design, with_covariance=False)
    smallest = window_p_values(toys, fits.expected, places, mode=mode).min(axis=1)
    # a toy whose refit failed counts as extreme: a failure can only make the global p-value larger
    return np.asarray(np.where(fits.converged, smallest, 0.0), dtype=np.float64)


def _sums(values: npt.NDArray[np.generic], places: Windows) -> FloatArray:
    cumulative = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1)
    return np.asarray(cumulative[:, places.last] - cumulative[:, places.first], dtype=np.float64)


def _tail(observed: FloatArray, expected: FloatArray, mode: Mode) -> FloatArray:
    p_values = np.ones(observed.shape)
    if mode == "excess":
        rows = (observed > expected) & (expected > 0)
        p_values[rows] = gammainc(observed[rows], expected[rows])
    elif mode == "deficit":
        rows = observed < expected
        p_values[rows] = gammaincc(observed[rows] + 1.0, expected[rows])
    else:
        raise InputError(f"unknown mode {mode!r}; use excess or deficit")
    return p_values


def _blocks(n_toys: int) -> list[int]:
    full, rest = divmod(n_toys, BLOCK)
    return [BLOCK] * full + ([rest] if rest else [])
