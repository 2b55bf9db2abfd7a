"""The search of one spectrum that a user brings, by one of three methods.

- ``counting``: each window's count against the fit of its sidebands, the error of the fit included. The default.
- ``q0``: the profile likelihood of a resonance of known resolution at every mass, no bin masked; in a window named
  beforehand, that of the window's count.
- ``bumphunter``: the BumpHunter statistic, the background fitted to the whole spectrum and again to every toy.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError, whole_number
from bumphunt.results import ScanResult, WindowResult
from bumphunt.results.rounding import empty_window
from bumphunt.significance.bumphunter import bump_hunt
from bumphunt.significance.checks import neighbourhood_of
from bumphunt.significance.likelihood_scan import RESOLUTION, likelihood_scan
from bumphunt.significance.scan import clear_p_value, combine_windows, window_significance
from bumphunt.significance.toys import most_significant, throw, window_curves
from bumphunt.significance.trials import global_p_value, mean_upcrossings
from bumphunt.significance.window_likelihood import window_sqrt_q0
from bumphunt.spectrum.choice import resolve_family
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.families.registry import check_family
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import UNSET, Energy, Spectrum, SpectrumLike, as_spectrum
from bumphunt.statistics import p_from_z, z_from_p

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Method = Literal["counting", "q0", "bumphunter"]
Mode = Literal["excess", "deficit"]
BLOCK = 2000
"""Toys whose significances are held at a time."""
DEFICIT = "deficit, "
"""What the method of a global p-value begins with, where a deficit was looked for."""
REACH = 1.5
"""Half the width, in resolutions, of the window that is described around a resonance found by ``q0``."""


@overload
def scan_spectrum(
    counts: Spectrum,
    *,
    family: str = "auto",
    window: tuple[float, float] | None = None,
    widths: Sequence[int] = (2, 3, 4),
    n_toys: int = 2000,
    rng: np.random.Generator,
    method: Method = "counting",
    resolutions: Sequence[float] = (RESOLUTION,),
    mode: Mode = "excess",
) -> ScanResult: ...
@overload
def scan_spectrum(
    counts: SpectrumLike,
    edges: FloatArray | Sequence[float] | None = None,
    *,
    family: str = "auto",
    window: tuple[float, float] | None = None,
    widths: Sequence[int] = (2, 3, 4),
    n_toys: int = 2000,
    rng: np.random.Generator,
    method: Method = "counting",
    resolutions: Sequence[float] = (RESOLUTION,),
    mode: Mode = "excess",
    sqrt_s: float | None,
) -> ScanResult: ...
def scan_spectrum(
    counts: SpectrumLike,
    edges: FloatArray | Sequence[float] | None = None,
    *,
    family: str = "auto",
    window: tuple[float, float] | None = None,
    widths: Sequence[int] = (2, 3, 4),
    n_toys: int = 2000,
    rng: np.random.Generator,
    method: Method = "counting",
    resolutions: Sequence[float] = (RESOLUTION,),
    mode: Mode = "excess",
    sqrt_s: Energy = UNSET,
) -> ScanResult:
    """Search one spectrum for an excess, with the background refitted around every window.

    Parameters
    ----------
    counts : Spectrum, array of shape (bins,) or histogram
        A :class:`~bumphunt.spectrum.spectrum.Spectrum`; or whole event counts; or any UHI histogram with one axis in
        GeV. Weighted contents with one common weight are searched as effective counts, which a note of the result says.
    edges : array of shape (bins + 1,), optional
        Bin edges in GeV, with an array of counts.
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
    sqrt_s : float or None
        Collision energy in GeV, with bare counts or a histogram; None where none is meant, 13 TeV where a user leaves
        it out. A spectrum has its own.

    Raises
    ------
    InputError
        If the spectrum, the window, the family or the method cannot be used.
    FitError
        If the background cannot be fitted.
    """
    if method not in ("counting", "q0", "bumphunter"):
        raise InputError(f"unknown method {method!r}; use counting, q0 or bumphunter")
    if mode != "excess" and method != "bumphunter":
        raise InputError(f"method {method} looks for excesses only; use bumphunter for a deficit")
    check_family(family)
    if window is None:
        n_toys = whole_number(n_toys, "n_toys", least=1)
    elif len(window) != 2:
        raise InputError(f"window is {window!r:.60}; give (low, high) in GeV")
    if method == "bumphunter" and family == "envelope":
        raise InputError("method bumphunter fits one background; use a family or auto, or another method")
    given = as_spectrum(counts, edges, sqrt_s=sqrt_s)
    given.check_whole()
    spectrum = given.effective().whole()
    if not spectrum.counts.any():
        raise InputError("the spectrum holds no events; give counts")
    if window is not None:
        if method == "bumphunter":
            raise InputError("method bumphunter looks at every window; leave the window out, or use counting or q0")
        inside = spectrum.with_window(_window_bins(spectrum.edges, window))
        found = _one_window(inside, family, method)
    elif method == "q0":
        found = _resonance(spectrum, family, resolutions, n_toys, rng)
    elif method == "bumphunter":
        found = _bump_hunt(spectrum, family, widths, n_toys, rng, mode)
    else:
        found = _counting(spectrum, family, widths, n_toys, rng)
    return replace(_judged(spectrum, found), notes=_notes(given))


def _judged(spectrum: Spectrum, found: ScanResult) -> ScanResult:
    """Judge the goodness of the best window's background clear of the tails that a signal there has."""
    best = found.best_window
    if best is None or best.fit is None:
        return found
    near = neighbourhood_of(best.fit.masked, best.fit)
    around = spectrum.with_window(best.fit.masked)
    judged = replace(best, sideband_p_value=clear_p_value(around, best.fit, near, family=best.fit.family))
    windows = tuple(judged if number == found.best else window for number, window in enumerate(found.windows))
    return replace(found, windows=windows)


def _notes(given: Spectrum) -> tuple[str, ...]:
    weight = given.weight()
    if weight == 1.0:
        return ()
    return (
        f"the contents are weighted: their variances are {weight:.3g} times as large; all events here are effective "
        f"ones, contents over {weight:.3g}",
    )


def _one_window(spectrum: Spectrum, family: str, method: Method) -> ScanResult:
    found = window_significance(spectrum, family=family)
    chosen = found.fit.family if found.fit is not None else family
    if found.fit is not None and (method == "q0" or found.note):
        # where the error of the background means little, as with a few events, the likelihood of the counts still does
        z = float(window_sqrt_q0(spectrum.counts[None, :], spectrum, family=chosen)[0])
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
    spectrum: Spectrum, family: str, widths: Sequence[int], n_toys: int, rng: np.random.Generator
) -> ScanResult:
    masks = _masks(len(spectrum.counts), widths)
    family = resolve_family(spectrum, family=family)
    results = [window_significance(spectrum.with_window(masked), family=family) for masked in masks]
    low, high = float(spectrum.edges[0]), float(spectrum.edges[-1])
    combined = combine_windows(results, searched_low=low, searched_high=high)
    usable = [not result.note for result in results]
    background = fit_spectrum(spectrum, family=_thrown(family))
    searched = [masked for masked, use in zip(masks, usable, strict=True) if use]
    widths_of = np.array([int(masked.sum()) for masked in searched])
    exceed, crossings = 0, 0.0
    for block in _blocks(n_toys):
        toys = throw(background.expected, n_toys=block, rng=rng)
        z = window_curves(toys, spectrum, searched, family=family)
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
    spectrum: Spectrum, family: str, resolutions: Sequence[float], n_toys: int, rng: np.random.Generator
) -> ScanResult:
    found = likelihood_scan(spectrum, family=family, widths=resolutions, n_toys=n_toys, rng=rng)
    reach = REACH * found.best_width * found.best_mass
    result = _around(spectrum, found.best_mass - reach, found.best_mass + reach, found.family)
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
    spectrum: Spectrum, family: str, widths: Sequence[int], n_toys: int, rng: np.random.Generator, mode: Mode
) -> ScanResult:
    chosen = resolve_family(spectrum, family=family)
    design = make_design(spectrum, family=chosen)
    found = bump_hunt(spectrum, design=design, widths=widths, n_toys=n_toys, rng=rng, mode=mode)
    result = _around(spectrum, found.low, found.high, chosen)
    sign = "" if mode == "excess" else DEFICIT
    return ScanResult(
        windows=(replace(result, p_local=found.p_local, z_local=found.z_local, note=""),),
        best=0,
        searched_low=float(spectrum.edges[0]),
        searched_high=float(spectrum.edges[-1]),
        p_local=found.p_local,
        z_local=found.z_local,
        p_global=found.p_global,
        z_global=found.z_global,
        p_global_method=f"{sign}toys with refit, (k+1)/(n+1), k = {found.n_exceed}",
        n_trials=len(found.p_values),
        n_toys=found.n_toys,
        is_bound=found.n_exceed == 0,
    )


def _around(spectrum: Spectrum, low: float, high: float, family: str) -> WindowResult:
    """Describe the place that another method found: its counts against the sidebands."""
    centres = spectrum.centres
    inside = np.asarray((centres > low) & (centres < high), dtype=np.bool_)
    if not inside.any():
        inside[int(np.argmin(np.abs(centres - 0.5 * (low + high))))] = True
    return window_significance(spectrum.with_window(inside), family=family)


def _thrown(family: str) -> str:
    """Return the family that toys are thrown from: an envelope has no spectrum of its own."""
    return "auto" if family == "envelope" else family


def _window_bins(edges: FloatArray, window: tuple[float, float]) -> BoolArray:
    centres = 0.5 * (edges[:-1] + edges[1:])
    masked = np.asarray((centres > window[0]) & (centres < window[1]), dtype=np.bool_)
    if not masked.any():
        raise InputError(empty_window(*window, edges[0], edges[-1]))
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
