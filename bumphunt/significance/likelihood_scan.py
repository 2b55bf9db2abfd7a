"""The profile likelihood ratio q0 of a resonance at every mass, of fixed or floating width.

At each mass and width the signal is fitted on a background fitted with it, no bin masked. The local p-value is that
of half a chi2 (arXiv:1007.1727, eq. 52); the global one comes from toys with refit and, beyond their reach, from
upcrossings.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.results import Result
from bumphunt.results.rounding import mass_range, mass_text
from bumphunt.significance.toys import most_significant, throw
from bumphunt.significance.trials import global_p_value, mean_upcrossings
from bumphunt.spectrum.batched import TINY, ManyFits, fit_many
from bumphunt.spectrum.choice import resolve_family
from bumphunt.spectrum.design import Design, make_design
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.profiling import ENVELOPE, PENALTY
from bumphunt.spectrum.signal_fit import fit_signal
from bumphunt.spectrum.spectrum import UNSET, Energy, Spectrum, SpectrumLike, as_spectrum
from bumphunt.statistics import p_from_z, z_from_p

FloatArray = npt.NDArray[np.float64]
BLOCK = 1000
"""Toys treated together."""
RESOLUTION = 0.033
"""Resolution of the dijet mass as a fraction of it, where none is given."""
NEAR_BEST, NEAR_BEST_OFFSET = 0.8, 0.2
"""Signals are fitted whose guessed significance is above this part of the best guess less the offset; a test compares
the largest root with that of a fit of every signal."""
CURVES = 400
"""Toys of which the whole curve is fitted, to count upcrossings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LikelihoodScan(Result):
    """Profile likelihood over mass and width.

    Attributes
    ----------
    masses : array of shape (masses,)
        Masses tried, GeV; what lies outside them was not searched.
    widths : array of shape (widths,)
        Resolutions tried, as fractions of the mass.
    z : array of shape (widths, masses)
        Signed root of the likelihood ratio; NaN where a fit failed.
    n_signal, error : array of shape (widths, masses)
        Fitted signal events and standard error; with ``envelope`` the error is that of the ``auto`` family.
    family : str
        Background family.
    best_mass, best_width, best_signal : float
        Where z is largest: mass (GeV), width (fraction) and signal events.
    p_local, z_local, p_global, z_global : float
        One-sided p-values and normal quantiles.
    p_global_method : str
        Where the global one is from.
    n_toys, n_exceed, n_failed : int
        Toys, those at least as significant as the data, and those of the latter of which the fit failed.
    is_bound : bool
        The global p-value is an upper bound.
    upcrossings : float
        Mean upcrossings of one sigma in the toys' curves, summed over widths.
    """

    masses: FloatArray
    widths: FloatArray
    z: FloatArray
    n_signal: FloatArray
    error: FloatArray
    family: str
    best_mass: float
    best_width: float
    best_signal: float
    p_local: float
    z_local: float
    p_global: float
    z_global: float
    p_global_method: str
    n_toys: int
    n_exceed: int
    n_failed: int
    is_bound: bool
    upcrossings: float

    def __str__(self) -> str:
        return (
            f"best mass {mass_text(self.best_mass)} GeV (width {self.best_width:.1%}): {self.best_signal:.1f} "
            f"signal events, z = {self.z_local:.2f} local, {self.z_global:.2f} global"
        )


def mass_steps(edges: FloatArray, *, width: float) -> FloatArray:
    """Return masses in steps of half the resolution, two resolutions away from either end of the spectrum.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    width : float
        Resolution as a fraction of the mass.
    """
    low, high = float(edges[0]) / (1.0 - 2.0 * width), float(edges[-1]) / (1.0 + 2.0 * width)
    if low >= high:
        raise InputError(
            f"the spectrum, {mass_range(edges[0], edges[-1])} GeV, is too short for a resonance of width {width:.1%}"
        )
    return np.geomspace(low, high, max(2, int(np.ceil(np.log(high / low) / (0.5 * width))) + 1))


def signal_shapes(edges: FloatArray, masses: FloatArray, widths: FloatArray) -> FloatArray:
    """Return the part of each resonance in each bin, shape (widths * masses, bins), masses running fastest.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    masses : array of shape (masses,)
        GeV.
    widths : array of shape (widths,)
        Resolutions as fractions of the mass.
    """
    rows = [gaussian_fractions(edges, mass=float(m), width=float(w * m)) for w in widths for m in masses]
    return np.array(rows)


def likely_z(counts: FloatArray, design: Design, shapes: FloatArray, null: ManyFits) -> FloatArray:
    """Return roughly the root of q0 of every signal from the background-only fits alone, shape (rows, signals).

    The slope of the likelihood at no signal over its curvature is a guess s of the signal, the curvature itself one
    of the background b it stands on; the root is that of a count, ``2 ((s + b) ln(1 + s / b) - s)`` (arXiv:1007.1727,
    eq. 97), scaled by what the background fit can take up of the signal. Only used to find where q0 can be largest.
    """
    inverse = 1.0 / np.maximum(null.expected, TINY)
    slope = (counts * inverse - 1.0) @ shapes.T
    information = np.maximum(inverse @ (shapes**2).T, 1e-12)
    mixed = shapes @ design.basis
    lost = np.einsum("mp,tpq,mq->tm", mixed, null.covariance, mixed, optimize=True)
    kept = np.maximum(1.0 - lost / information, 1e-6)
    background = np.sum(shapes, axis=1) ** 2 / information
    signal = np.maximum(slope / (information * kept), 0.0) * np.sum(shapes, axis=1)
    root = np.sqrt(2.0 * np.maximum((signal + background) * np.log1p(signal / background) - signal, 0.0))
    return np.asarray(root * np.sqrt(kept), dtype=np.float64)


def signed_sqrt_q0(
    counts: FloatArray, design: Design, shapes: FloatArray, *, null: ManyFits | None = None
) -> FloatArray:
    """Return the signed root of the likelihood ratio of every signal in every spectrum, shape (rows, signals).

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Spectra.
    design : Design
        Background, from :func:`bumphunt.spectrum.design.make_design`.
    shapes : array of shape (signals, bins)
        From :func:`signal_shapes`.
    null : ManyFits, optional
        The background-only fits of the same rows.
    """
    null = fit_many(counts, design) if null is None else null
    roots = [fit_signal(counts, design, shape, null=null).signed_sqrt_q0() for shape in shapes]
    return np.stack(roots, axis=1)


def signed_roots(counts: FloatArray, design: Design, shapes: FloatArray, *, null: ManyFits | None = None) -> FloatArray:
    """Return :func:`signed_sqrt_q0`, whose old name this is for one release.

    Parameters
    ----------
    counts, design, shapes, null
        As there.
    """
    warnings.warn("signed_roots is called signed_sqrt_q0 now", DeprecationWarning, stacklevel=2)
    return signed_sqrt_q0(counts, design, shapes, null=null)


def envelope_sqrt_q0(
    counts: FloatArray, designs: Sequence[Design], shapes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the signed roots with the background family profiled, and the signal events of the best family.

    Twice the negative log-likelihood of every family is charged
    :data:`bumphunt.spectrum.profiling.PENALTY` per parameter, and the best is taken once without and once with each
    signal (arXiv:1408.6865, section 3).

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Spectra.
    designs : sequence of Design
        The families.
    shapes : array of shape (signals, bins)
        From :func:`signal_shapes`.

    Returns
    -------
    roots, n_signal : array of shape (rows, signals)
        NaN where every family failed.
    """
    without, gains, events = [], [], []
    for design in designs:
        null = fit_many(counts, design)
        charged = null.deviance + PENALTY * design.n_free
        without.append(np.where(null.converged, charged, np.inf))
        fits = [fit_signal(counts, design, shape, null=null) for shape in shapes]
        gains.append(np.stack([np.where(fit.converged, fit.gain, np.nan) for fit in fits], axis=1))
        events.append(np.stack([fit.n_signal for fit in fits], axis=1))
    charge = np.stack(without)
    with_signal = np.where(np.isnan(np.stack(gains)), np.inf, charge[:, :, None] - np.stack(gains))
    best = np.argmin(with_signal, axis=0)[None]
    n_signal = np.take_along_axis(np.stack(events), best, axis=0)[0]
    lowest = np.take_along_axis(with_signal, best, axis=0)[0]
    usable = np.isfinite(lowest)
    gain = np.where(usable, charge.min(axis=0)[:, None] - np.where(usable, lowest, 0.0), np.nan)
    return np.sign(n_signal) * np.sqrt(np.maximum(gain, 0.0)), n_signal


def largest_z(counts: FloatArray, design: Design, shapes: FloatArray) -> FloatArray:
    """Return the largest root of q0 over all signals for many spectra, shape (rows,); infinite where a fit failed.

    Only signals that :func:`likely_z` puts near the best one are fitted.

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Spectra.
    design : Design
        Background.
    shapes : array of shape (signals, bins)
        From :func:`signal_shapes`.
    """
    counts = np.asarray(counts, dtype=np.float64)
    best = np.empty(len(counts))
    for first in range(0, len(counts), BLOCK):
        block = counts[first : first + BLOCK]
        null = fit_many(block, design)
        guess = likely_z(block, design, shapes, null)
        near = guess >= np.maximum(guess.max(axis=1, keepdims=True) * NEAR_BEST - NEAR_BEST_OFFSET, 1e-9)
        near[~null.converged] = False
        rows, signals = np.nonzero(near)
        part = ManyFits(
            expected=null.expected[rows],
            coefficients=null.coefficients[rows],
            covariance=null.covariance[:0],
            deviance=null.deviance[rows],
            converged=null.converged[rows],
        )
        fits = fit_signal(block[rows], design, shapes[signals], null=part, negative=False)
        z = np.where(fits.converged, np.sqrt(np.maximum(fits.gain, 0.0)), np.inf)
        largest = np.where(null.converged, 0.0, np.inf)
        np.maximum.at(largest, rows, z)
        best[first : first + BLOCK] = largest
    return best


@overload
def likelihood_scan(
    counts: Spectrum,
    *,
    family: str = "auto",
    masses: Sequence[float] | FloatArray | None = None,
    widths: Sequence[float] = (RESOLUTION,),
    n_toys: int = 1000,
    rng: np.random.Generator,
) -> LikelihoodScan: ...
@overload
def likelihood_scan(
    counts: SpectrumLike,
    edges: FloatArray | None = None,
    *,
    family: str = "auto",
    masses: Sequence[float] | FloatArray | None = None,
    widths: Sequence[float] = (RESOLUTION,),
    n_toys: int = 1000,
    rng: np.random.Generator,
    sqrt_s: float | None,
) -> LikelihoodScan: ...
def likelihood_scan(
    counts: SpectrumLike,
    edges: FloatArray | None = None,
    *,
    family: str = "auto",
    masses: Sequence[float] | FloatArray | None = None,
    widths: Sequence[float] = (RESOLUTION,),
    n_toys: int = 1000,
    rng: np.random.Generator,
    sqrt_s: Energy = UNSET,
) -> LikelihoodScan:
    """Fit a resonance at every mass and width of a grid.

    Parameters
    ----------
    counts, edges, sqrt_s
        As in :func:`bumphunt.spectrum.fit.fit_spectrum`.
    family : str
        Background family, ``auto`` or ``gp``, chosen once, on the data; or ``envelope``, the family profiled at
        every mass and in every toy.
    masses : sequence of float, optional
        Masses in GeV; one only is a fixed mass without trials. Otherwise in steps of half the narrowest resolution.
    widths : sequence of float
        Resolutions as fractions of the mass; several let the width float.
    n_toys : int
        Toys for the global p-value; none with one mass and width.
    rng : numpy.random.Generator
        Throws the toys.

    Raises
    ------
    FitError
        If the background or every signal fit of the data fails.
    """
    spectrum = as_spectrum(counts, edges, sqrt_s=sqrt_s).effective()
    counts, edges = spectrum.counts, spectrum.edges
    spread = np.asarray(widths, dtype=np.float64)
    if spread.ndim != 1 or len(spread) == 0 or (spread <= 0).any() or (spread > 0.5).any():
        raise InputError(f"widths {list(widths)} must be fractions of the mass between 0 and 0.5, such as 0.033")
    places = mass_steps(edges, width=float(spread.min())) if masses is None else np.asarray(masses, dtype=np.float64)
    outside = (places <= edges[0]) | (places >= edges[-1])
    if outside.any():
        raise InputError(
            f"mass {places[outside][0]:g} GeV lies outside the spectrum, {edges[0]:g} to {edges[-1]:g} GeV: "
            "not searched"
        )
    profiled = family == "envelope"
    thrown = resolve_family(spectrum, family="auto" if profiled else family)
    names = ENVELOPE if profiled else (thrown,)
    designs = [make_design(spectrum, family=name) for name in names]
    design = make_design(spectrum, family=thrown)
    shapes = signal_shapes(edges, places, spread)
    tried = _Tried(designs=designs, shapes=shapes, grid=(len(spread), len(places)))
    null = fit_many(counts[None, :], design)
    if not null.converged[0]:
        raise FitError(f"the {thrown} fit of the whole spectrum did not converge")
    fits = fit_signal(np.repeat(counts[None, :], len(shapes), axis=0), design, shapes)
    z, n_signal = fits.signed_sqrt_q0(), fits.n_signal
    if profiled:
        z, n_signal = (part[0] for part in envelope_sqrt_q0(counts[None, :], designs, shapes))
    if np.isnan(z).all():
        raise FitError("not one signal could be fitted; give more events or a wider range")
    best = int(np.nanargmax(z))
    z_local = float(z[best])
    outcome = _global(z_local, null.expected[0], tried, n_toys=0 if len(shapes) == 1 else n_toys, rng=rng)
    return LikelihoodScan(
        masses=places,
        widths=spread,
        z=z.reshape(tried.grid),
        n_signal=n_signal.reshape(tried.grid),
        error=fits.error.reshape(tried.grid),
        family=family if profiled else thrown,
        best_mass=float(places[best % len(places)]),
        best_width=float(spread[best // len(places)]),
        best_signal=float(n_signal[best]),
        p_local=p_from_z(z_local),
        z_local=z_local,
        **outcome,  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    """What is tried on each spectrum: forms of the background, and signals, ``grid`` = (widths, masses) of them."""

    designs: Sequence[Design]
    shapes: FloatArray
    grid: tuple[int, int]


def _global(
    z_local: float, expected: FloatArray, tried: _Tried, *, n_toys: int, rng: np.random.Generator
) -> dict[str, float | int | bool | str]:
    p_local = p_from_z(z_local)
    if n_toys == 0:
        return {
            "p_global": p_local, "z_global": z_local, "p_global_method": "one mass and width, no trials",
            "n_toys": 0, "n_exceed": 0, "n_failed": 0, "is_bound": False, "upcrossings": 0.0,
        }  # fmt: skip
    toys = throw(expected, n_toys=n_toys, rng=rng)
    if len(tried.designs) == 1:
        best = largest_z(toys, tried.designs[0], tried.shapes)
        curves = signed_sqrt_q0(toys[:CURVES], tried.designs[0], tried.shapes).reshape(-1, *tried.grid)
    else:
        roots = envelope_sqrt_q0(toys, tried.designs, tried.shapes)[0]
        best = most_significant(roots)
        curves = roots[:CURVES].reshape(-1, *tried.grid)
    exceed = int(np.sum(best >= z_local))
    upcrossings = sum(mean_upcrossings(curves[:, width]) for width in range(tried.grid[0]))
    p_global, method, bound = global_p_value(z_local, p_local, n_exceed=exceed, n_toys=n_toys, upcrossings=upcrossings)
    return {
        "p_global": p_global, "z_global": z_from_p(p_global), "p_global_method": method, "n_toys": n_toys,
        "n_exceed": exceed, "n_failed": int(np.isinf(best).sum()), "is_bound": bound, "upcrossings": upcrossings,
    }  # fmt: skip
