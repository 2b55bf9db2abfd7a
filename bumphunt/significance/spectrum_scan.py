"""The search of one spectrum that a user brings, by one of three methods.

- ``counting``: each window's count against the fit of its sidebands, the error of the fit included. The default.
- ``q0``: the profile likelihood of a resonance of known resolution at every mass, no bin masked; in a window named
  beforehand, that of the window's count.
- ``bumphunter``: the BumpHunter statistic, the background fitted to the whole spectrum and again to every toy.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.results import ScanResult, WindowResult
from bumphunt.significance.bumphunter import bump_hunt
from bumphunt.significance.likelihood_scan import likelihood_scan
from bumphunt.significance.scan import combine_windows, window_significance
from bumphunt.significance.toys import most_significant, throw, window_curves
from bumphunt.significance.trials import global_p_value, mean_upcrossings
from bumphunt.significance.window_likelihood import window_roots
from bumphunt.spectrum.binning import spectrum_arrays
from bumphunt.spectrum.choice import resolve_family
from bumphunt.spectrum.fit import fit_spectrum, make_design
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.statistics import p_from_z, z_from_p

if TYPE_CHECKING:
    import hist

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Method = Literal["counting", "q0", "bumphunter"]
BLOCK = 2000


def scan_spectrum(
    counts: "FloatArray | Sequence[float] | hist.Hist[Any]",
    edges: FloatArray | Sequence[float] | None = None,
    *,
    family: str = "auto",
    window: tuple[float, float] | None = None,
    widths: Sequence[int] = (2, 3, 4),
    n_toys: int = 2000,
    rng: np.random.Generator,
    method: Method = "counting",
    resolutions: Sequence[float] = (0.033,),
    mode: Literal["excess", "deficit"] = "excess",
    sqrt_s: float = SQRT_S,
) -> ScanResult:
    """Search one spectrum for an excess, with the background refitted around every window.

    Parameters
    ----------
    counts : array of shape (bins,) or histogram
        Event counts, or a :class:`hist.Hist` (or any UHI histogram) with one axis in GeV.
    edges : array of shape (bins + 1,), optional
        Bin edges in GeV; not with a histogram, which has its own.
    family : str
        Background family as in :func:`bumphunt.spectrum.fit.fit_spectrum`; ``auto`` and ``gp`` are chosen once.
    window : (low, high), optional
        Look at this one window only (GeV); the global p-value is then the local one.
    widths : sequence of int
        Widths in bins of the windows to try, for ``counting`` and ``bumphunter``.
    n_toys : int
        Toys of the whole scan for the global p-value: ``(k + 1) / (n + 1)``, and beyond their reach the upcrossing
        bound of arXiv:1005.1891 (:func:`bumphunt.significance.trials.global_p_value`).
    rng : numpy.random.Generator
        Draws the toys.
    method : str
        ``counting``, ``q0`` or ``bumphunter``.
    resolutions : sequence of float
        Resolutions of the resonance as fractions of its mass, for ``q0``; several let the width float.
    mode : str
        ``excess``, or ``deficit`` for ``bumphunter``.
    sqrt_s : float
        Collision energy in GeV.

    Raises
    ------
    InputError
        If the spectrum, the window or the method cannot be used.
    FitError
        If the background cannot be fitted.
    """
    values, bins = spectrum_arrays(counts, edges)
    if method not in ("counting", "q0", "bumphunter"):
        raise InputError(f"unknown method {method!r}; use counting, q0 or bumphunter")
    if mode != "excess" and method != "bumphunter":
        raise InputError(f"method {method} looks for excesses only; use bumphunter for a deficit")
    if window is not None:
        if method == "bumphunter":
            raise InputError("method bumphunter looks at every window; leave the window out, or use counting or q0")
        return _one_window(values, bins, _window_bins(bins, window), family, method, sqrt_s)
    if method == "q0":
        return _resonance(values, bins, family, resolutions, n_toys, rng, sqrt_s)
    if method == "bumphunter":
        return _bump_hunt(values, bins, family, widths, n_toys, rng, mode, sqrt_s)
    return _counting(values, bins, family, widths, n_toys, rng, sqrt_s)


def _one_window(
    counts: FloatArray, edges: FloatArray, masked: BoolArray, family: str, method: Method, sqrt_s: float
) -> ScanResult:
    found = window_significance(counts, edges, masked, family=family, sqrt_s=sqrt_s)
    chosen = found.fit.family if found.fit is not None else family
    if found.fit is not None and (method == "q0" or found.note):
        # where the error of the background means little, as with a few events, the likelihood of the counts still does
        z = float(window_roots(counts[None, :], edges, masked, family=chosen, sqrt_s=sqrt_s)[0])
        if np.isfinite(z):
            found = replace(found, p_local=p_from_z(z), z_local=z, note="")
    combined = combine_windows([found], searched_low=found.low, searched_high=found.high)
    return replace(
        combined,
        p_global=combined.p_local,
        z_global=combined.z_local,
        p_global_method="one window, no trials",
        is_bound=False,
    )


def _counting(
    counts: FloatArray,
    edges: FloatArray,
    family: str,
    widths: Sequence[int],
    n_toys: int,
    rng: np.random.Generator,
    sqrt_s: float,
) -> ScanResult:
    masks = _masks(len(counts), widths)
    family = resolve_family(counts, edges, family=family, sqrt_s=sqrt_s)
    results = [window_significance(counts, edges, masked, family=family, sqrt_s=sqrt_s) for masked in masks]
    combined = combine_windows(results, searched_low=float(edges[0]), searched_high=float(edges[-1]))
    usable = [not result.note for result in results]
    background = fit_spectrum(counts, edges, family=_thrown(family), sqrt_s=sqrt_s)
    searched = [masked for masked, use in zip(masks, usable, strict=True) if use]
    widths_of = np.array([int(masked.sum()) for masked in searched])
    exceed, crossings = 0, 0.0
    for block in _blocks(n_toys):
        toys = throw(background.expected, n_toys=block, rng=rng)
        z = window_curves(toys, edges, searched, family=family, sqrt_s=sqrt_s)
        exceed += int(np.sum(most_significant(z) >= combined.z_local))
        crossings += block * sum(mean_upcrossings(z[:, widths_of == width]) for width in np.unique(widths_of))
    p_global, method, is_bound = global_p_value(
        combined.z_local, combined.p_local, n_exceed=exceed, n_toys=n_toys, upcrossings=crossings / n_toys
    )
    return replace(
        combined,
        p_global=p_global,
        z_global=z_from_p(p_global),
        p_global_method=method,
        n_toys=n_toys,
        is_bound=is_bound,
    )


def _resonance(
    counts: FloatArray,
    edges: FloatArray,
    family: str,
    resolutions: Sequence[float],
    n_toys: int,
    rng: np.random.Generator,
    sqrt_s: float,
) -> ScanResult:
    found = likelihood_scan(counts, edges, family=family, widths=resolutions, n_toys=n_toys, rng=rng, sqrt_s=sqrt_s)
    reach = 1.5 * found.best_width * found.best_mass
    result = _around(counts, edges, found.best_mass - reach, found.best_mass + reach, found.family, sqrt_s)
    return ScanResult(
        windows=(replace(result, p_local=found.p_local, z_local=found.z_local, note=""),),
        best=0,
        searched_low=float(found.masses[0]),
        searched_high=float(found.masses[-1]),
        p_local=found.p_local,
        z_local=found.z_local,
        p_global=found.p_global,
        z_global=found.z_global,
        p_global_method=found.p_global_method,
        n_trials=found.z.size,
        n_toys=found.n_toys,
        is_bound=found.is_bound,
    )


def _bump_hunt(
    counts: FloatArray,
    edges: FloatArray,
    family: str,
    widths: Sequence[int],
    n_toys: int,
    rng: np.random.Generator,
    mode: Literal["excess", "deficit"],
    sqrt_s: float,
) -> ScanResult:
    if family == "envelope":
        raise InputError("method bumphunter fits one background; use a family or auto, or another method")
    chosen = resolve_family(counts, edges, family=family, sqrt_s=sqrt_s)
    design = make_design(edges, family=chosen, sqrt_s=sqrt_s)
    found = bump_hunt(counts, edges, design=design, widths=widths, n_toys=n_toys, rng=rng, mode=mode)
    result = _around(counts, edges, found.low, found.high, chosen, sqrt_s)
    sign = "" if mode == "excess" else "deficit, "
    return ScanResult(
        windows=(replace(result, p_local=found.p_local, z_local=found.z_local, note=""),),
        best=0,
        searched_low=float(edges[0]),
        searched_high=float(edges[-1]),
        p_local=found.p_local,
        z_local=found.z_local,
        p_global=found.p_global,
        z_global=found.z_global,
        p_global_method=f"{sign}toys with refit, (k+1)/(n+1), k = {found.n_exceed}",
        n_trials=len(found.p_values),
        n_toys=found.n_toys,
        is_bound=found.n_exceed == 0,
    )


def _around(counts: FloatArray, edges: FloatArray, low: float, high: float, family: str, sqrt_s: float) -> WindowResult:
    """Describe the place that another method found: its counts against the sidebands."""
    centres = 0.5 * (edges[:-1] + edges[1:])
    inside = np.asarray((centres > low) & (centres < high), dtype=np.bool_)
    if not inside.any():
        inside[int(np.argmin(np.abs(centres - 0.5 * (low + high))))] = True
    return window_significance(counts, edges, inside, family=family, sqrt_s=sqrt_s)


def _thrown(family: str) -> str:
    """Return the family that toys are thrown from: an envelope has no spectrum of its own."""
    return "auto" if family == "envelope" else family


def _window_bins(edges: FloatArray, window: tuple[float, float]) -> BoolArray:
    centres = 0.5 * (edges[:-1] + edges[1:])
    masked = np.asarray((centres > window[0]) & (centres < window[1]), dtype=np.bool_)
    if not masked.any():
        raise InputError(
            f"the window {window[0]:g}-{window[1]:g} GeV holds no bin; "
            f"the edges run from {edges[0]:g} to {edges[-1]:g} GeV"
        )
    if masked[0] or masked[-1]:
        raise InputError(
            f"the window {window[0]:g}-{window[1]:g} GeV has no sideband on one side; "
            f"it must lie inside {edges[1]:g}-{edges[-2]:g} GeV"
        )
    return masked


def _masks(n_bins: int, widths: Sequence[int]) -> list[BoolArray]:
    masks = []
    for width in widths:
        for first in range(1, n_bins - width):
            masked = np.zeros(n_bins, dtype=bool)
            masked[first : first + width] = True
            masks.append(masked)
    if not masks:
        raise InputError(f"{n_bins} bins are too few for a window of {min(widths)} bins and two sidebands")
    return masks


def _blocks(n_toys: int) -> list[int]:
    full, rest = divmod(n_toys, BLOCK)
    return [BLOCK] * full + ([rest] if rest else [])
