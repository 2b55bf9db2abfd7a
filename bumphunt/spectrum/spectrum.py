"""The currency of fits and searches: counts, edges, masked bins, window and collision energy, together.

What travels alone gets lost: a fit that is handed counts and edges only has to assume a collision energy. So everything
inside takes a :class:`Spectrum`, and the public functions make one of what they are given (:func:`as_spectrum`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.spectrum.functions import SQRT_S, check_edges, mass_scale
from bumphunt.spectrum.histograms import histogram_arrays, is_histogram, numbers

if TYPE_CHECKING:
    import hist

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LARGEST_COUNT: Final = 2.0**53
"""Counts above this are no longer whole numbers in double precision."""

WEIGHT_SPREAD: Final = 0.5
"""Variance over content may differ from bin to bin by this part: more is no common weight, and effective counts would
no longer follow the smooth spectrum."""

ENOUGH_TO_COMPARE: Final = 25.0
"""Effective events in a bin from which its own ratio of variance to content says something about its weights."""


class Unset(Enum):
    """A collision energy that was not given, which is not the same as none."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Energy = float | None | Unset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """A mass spectrum with what is needed to fit it. Arrays are copies and cannot be written to.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts, or sums of weights where ``variances`` are given.
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    sqrt_s : float or None
        Collision energy in GeV. None where none is meant: families are then written in the mass over twice the upper
        end of the spectrum (:func:`bumphunt.spectrum.functions.mass_scale`).
    masked : bool array of shape (bins,)
        Bins left out of fits; none by default.
    window : bool array of shape (bins,)
        Those of the masked bins in which signal is looked for; all of them by default.
    variances : array of shape (bins,), optional
        Sums of squared weights, where they differ from the counts.

    Examples
    --------
    >>> Spectrum.from_events([3100.0, 3150.0, 3300.0], [3000.0, 3200.0, 3400.0], sqrt_s=13_000.0)
    Spectrum(3 events in 2 bins, 3000-3400 GeV, sqrt_s = 13000 GeV)
    """

    counts: FloatArray
    edges: FloatArray
    sqrt_s: float | None
    masked: BoolArray = None  # type: ignore[assignment]  # an array once it is made
    window: BoolArray = None  # type: ignore[assignment]
    variances: FloatArray | None = None

    def __post_init__(self) -> None:
        counts, edges = numbers(self.counts, "counts"), numbers(self.edges, "bin edges")
        if counts.ndim != 1 or edges.shape != (len(counts) + 1,):
            raise InputError(
                f"{counts.size} counts do not fit {edges.size} bin edges; one more edge than counts is needed"
            )
        if not len(counts):
            raise InputError("the spectrum has no bins; give counts in bins of the mass, and their edges in GeV")
        _check_counts(counts)
        _check_energy(self.sqrt_s)
        if not np.isfinite(edges).all():
            raise InputError("NaN or infinity among the bin edges; give finite edges in GeV")
        check_edges(edges, self.sqrt_s)
        # in TeV a spectrum ends below the collision energy in TeV
        if self.sqrt_s is not None and edges[-1] < self.sqrt_s / 1000.0:
            raise InputError(
                f"bin edges end at {edges[-1]:g}, which looks like TeV; give GeV: multiply by 1000 (for a resonance "
                "of a few GeV set sqrt_s to None, null in a config)"
            )
        masked = np.zeros(len(counts), dtype=bool) if self.masked is None else _bins(self.masked, len(counts))
        window = masked if self.window is None else _bins(self.window, len(counts))
        if np.any(window & ~masked):
            raise InputError("the window reaches beyond the masked bins; its events would make their own background")
        variances = self.variances
        if variances is not None:
            variances = numbers(variances, "variances")
            if variances.shape != counts.shape or not np.isfinite(variances).all() or (variances < 0).any():
                raise InputError(f"{counts.size} finite variances, not negative, are needed for {counts.size} counts")
            if np.allclose(variances, counts, rtol=1e-9, atol=1e-9):  # plain counts are their own variance
                variances = None
                object.__setattr__(self, "variances", None)
        made = {"counts": counts, "edges": edges, "masked": masked, "window": window}
        if variances is not None:
            made["variances"] = variances
        for name, value in made.items():
            own = np.array(value)
            own.setflags(write=False)
            object.__setattr__(self, name, own)

    @classmethod
    def from_events(
        cls, masses: Sequence[float] | FloatArray, edges: Sequence[float] | FloatArray, *, sqrt_s: float | None
    ) -> Self:
        """Count events in bins.

        Parameters
        ----------
        masses : array of shape (events,)
            GeV; those outside the edges are left out.
        edges : array of shape (bins + 1,)
            Bin edges in GeV.
        sqrt_s : float or None
            Collision energy in GeV.
        """
        bins = numbers(edges, "bin edges")
        return cls(counts=np.histogram(np.asarray(masses), bins=bins)[0].astype(float), edges=bins, sqrt_s=sqrt_s)

    @classmethod
    def from_histogram(cls, histogram: Any, *, sqrt_s: float | None) -> Self:
        """Take over a histogram of :mod:`hist`, boost-histogram, uproot or any other that follows UHI.

        Parameters
        ----------
        histogram : histogram
            Of counts, with one axis in GeV; its flow bins are left out.
        sqrt_s : float or None
            Collision energy in GeV.
        """
        counts, edges, variances = histogram_arrays(histogram)
        return cls(counts=counts, edges=edges, variances=variances, sqrt_s=sqrt_s)

    @property
    def scale(self) -> float:
        """The mass in GeV at which x, in which the families are written, is one."""
        return mass_scale(self.edges, self.sqrt_s)

    @property
    def centres(self) -> FloatArray:
        """Middles of the bins in GeV, shape (bins,)."""
        return 0.5 * (self.edges[:-1] + self.edges[1:])

    def with_window(self, window: BoolArray, *, masked: BoolArray | None = None) -> "Spectrum":
        """Return the same counts with another window, and the bins masked, where they are more than the window."""
        return replace(self, window=window, masked=window if masked is None else masked)

    def whole(self) -> "Spectrum":
        """Return the same counts with no bin masked."""
        nothing = np.zeros(len(self.counts), dtype=bool)
        return replace(self, masked=nothing, window=nothing)

    def with_counts(self, counts: FloatArray) -> "Spectrum":
        """Return the same binning, window and energy with other counts."""
        return replace(self, counts=counts, variances=None)

    def check_whole(self) -> None:
        """Refuse fractional contents that come without errors: they are no counts, and have no known variance.

        Raises
        ------
        InputError
            If there are any.
        """
        off = np.abs(self.counts - np.round(self.counts)) > 1e-6 * np.maximum(self.counts, 1.0)
        if self.variances is None and off.any():
            raise InputError(
                f"content {self.counts[off][0]:g} is no count of events; give the unscaled counts, or the variances of "
                "the weighted ones (UHI JSON of weighted storage, or a key 'variances')"
            )

    def weight(self) -> float:
        """Return the common weight, the sum of the variances over that of the contents; 1 for plain counts.

        Raises
        ------
        InputError
            If the weights differ so much from bin to bin that the contents have none in common.
        """
        if self.variances is None:
            return 1.0
        if self.counts.sum() <= 0 or self.variances.sum() <= 0:
            raise InputError("contents or variances are all zero; give a histogram with events")
        common = float(self.variances.sum() / self.counts.sum())
        filled = (self.counts > 0) & (self.variances > 0)
        # a content without an error, or an error without content, belongs to no weighted event
        if np.any((self.counts > 0) & (self.variances == 0)):
            raise InputError("a bin has a content but no variance; give the sums of squared weights as variances")
        ratio = self.variances[filled] / self.counts[filled]
        sure = self.counts[filled] / ratio >= ENOUGH_TO_COMPARE
        worst = float(np.max(np.abs(ratio[sure] / common - 1.0), initial=0.0))
        if worst > WEIGHT_SPREAD:
            raise InputError(
                f"the weights differ from bin to bin (variance over content from {ratio[sure].min():.3g} to "
                f"{ratio[sure].max():.3g}), so that no effective counts can be given; use unweighted events"
            )
        return common

    def effective(self) -> "Spectrum":
        """Return effective counts: contents over their common weight, which fluctuate like counts (arXiv:1309.1287)."""
        weight = self.weight()
        return self if weight == 1.0 else replace(self, counts=self.counts / weight, variances=None)

    def to_hist(self) -> "hist.Hist[Any]":
        """Return a :class:`hist.Hist` with a variable axis ``mass``; of weighted storage where there are variances."""
        import hist

        axis = hist.axis.Variable(self.edges.tolist(), name="mass", label="mass [GeV]")
        if self.variances is None:
            filled: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Double())
            filled.view()[:] = self.counts
            return filled
        weighted: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight())
        weighted.view()[:] = np.stack([self.counts, self.variances], axis=-1)
        return weighted

    def __repr__(self) -> str:
        what = "events" if self.variances is None else "weighted events"
        ends = f"{self.edges[0]:.6g}-{self.edges[-1]:.6g}"
        text = f"{self.counts.sum():.6g} {what} in {len(self.counts)} bins, {ends} GeV"
        if self.window.any():
            inside = np.flatnonzero(self.window)
            text += f", window {self.edges[inside[0]]:.6g}-{self.edges[inside[-1] + 1]:.6g} GeV"
        energy = "no collision energy" if self.sqrt_s is None else f"sqrt_s = {self.sqrt_s:g} GeV"
        return f"Spectrum({text}, {energy})"


SpectrumLike = Any
"""Counts with edges beside them, a histogram of any library, or a :class:`Spectrum`."""


def as_spectrum(
    source: SpectrumLike,
    edges: Sequence[float] | FloatArray | None = None,
    *,
    masked: BoolArray | None = None,
    window: BoolArray | None = None,
    sqrt_s: Energy = UNSET,
) -> Spectrum:
    """Return what a public function was given as a spectrum.

    Parameters
    ----------
    source : array of shape (bins,), histogram or Spectrum
        Counts; or anything that follows UHI; or a spectrum, which is taken as it is.
    edges : array of shape (bins + 1,), optional
        Bin edges in GeV, with an array.
    masked, window : bool array of shape (bins,), optional
        Bins left out of fits and those of them in which signal is looked for; those of the spectrum otherwise.
    sqrt_s : float or None
        Collision energy in GeV; None where none is meant. A spectrum has its own; for bare arrays it is that of Run 2,
        13 TeV, where a user leaves it out. (Inside the package that is a type error.)

    Raises
    ------
    InputError
        If edges or energy are missing or given twice, or the numbers cannot be a spectrum.
    """
    if isinstance(source, Spectrum):
        if edges is not None:
            raise InputError("a spectrum has its own edges; leave them out")
        if sqrt_s is not UNSET and sqrt_s != source.sqrt_s:
            raise InputError(f"the spectrum has sqrt_s = {source.sqrt_s}; leave out sqrt_s = {sqrt_s}")
        if masked is None and window is None:
            return source
        left_out = source.masked if masked is None else masked
        return replace(source, masked=left_out, window=left_out if window is None else window)
    energy = SQRT_S if isinstance(sqrt_s, Unset) else sqrt_s
    variances = None
    if is_histogram(source):
        if edges is not None:
            raise InputError("a histogram has its own edges; leave them out")
        source, edges, variances = histogram_arrays(source)
    elif edges is None:
        raise InputError("counts without bin edges; give edges in GeV, or a histogram")
    return Spectrum(
        counts=source,
        edges=edges,  # type: ignore[arg-type]  # any list becomes an array
        masked=masked,  # type: ignore[arg-type]  # None is made an array
        window=window,  # type: ignore[arg-type]
        sqrt_s=energy,
        variances=variances,
    )


def _bins(values: Any, size: int) -> BoolArray:
    bins = np.asarray(values)
    if bins.dtype != np.bool_ or bins.shape != (size,):
        raise InputError(f"masked bins and window must be {size} booleans, one a bin")
    return bins


def _check_counts(counts: FloatArray) -> None:
    if not np.isfinite(counts).all():
        raise InputError("NaN or infinity among the counts; counts must be finite and not negative: repair those bins")
    if (counts < 0).any():
        raise InputError(
            f"count {counts.min():g} is negative; counts must be finite and not negative: give event counts, "
            "not differences"
        )
    if counts.max() > LARGEST_COUNT:
        raise InputError(f"count {counts.max():g} is no number of events; the largest that is believed is 9e15")


def _check_energy(sqrt_s: float | None) -> None:
    if sqrt_s is not None and not (isinstance(sqrt_s, int | float | np.number) and 0 < sqrt_s < math.inf):
        raise InputError(f"sqrt_s = {sqrt_s!r} is no collision energy; give GeV, such as 13000, or None")
