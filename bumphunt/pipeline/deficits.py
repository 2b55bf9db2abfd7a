"""Whether a bin near a claimed excess lacks events, before the cut or after it, which makes an excess beside it."""

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.pipeline.windows import WindowTask
from bumphunt.results import Check, SpectrumFit, WindowResult
from bumphunt.significance.checks import NEIGHBOURHOOD, deficit_check, with_neighbours
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

BoolArray = npt.NDArray[np.bool_]

LEAST_MISSED = 10.0
"""Events that neighbours lead to expect in an empty bin from which it is left out of the fit, which it would bend."""


def no_deficit(task: WindowTask, found: WindowResult) -> tuple[Check, ...]:
    """Return the check that no bin lacks events, in the spectrum before the cut or in that after it.

    The one before the cut has events enough to tell a dead bin; the one after it is that of the claim. The
    neighbourhood of the window is left out of the fit before the cut, since tails of a strong signal would lift it.

    Parameters
    ----------
    task, found
        The claimed window and its result.
    """
    threshold = task.config.checks.sideband_p_value
    fits = (fit_before(task), found.fit if found.cut_fraction < 1.0 else None)
    names = ("before the cut", "after the cut")
    checks = [
        deficit_check(fit, threshold=threshold, where=judged_bins(task, fit), looks=len(fits), when=name)
        for fit, name in zip(fits, names, strict=True)
        if fit is not None
    ]
    return tuple(sorted(checks, key=lambda check: check.value)[:1])


def fit_before(task: WindowTask) -> SpectrumFit | None:
    """Return the fit of the spectrum before the cut beside the window and its neighbourhood; None where none is."""
    guard, counts = task.config.search.guard_bins, count(task.mjj, task.edges)
    spectrum = Spectrum(counts=counts, edges=task.edges, sqrt_s=task.config.sqrt_s)
    window, dead = task.window.bins(task.edges), dead_bins(counts)
    inside = np.flatnonzero(window)
    for wider in (guard + NEIGHBOURHOOD, guard):
        masked = task.masked_bins(guard=wider) | dead
        if masked[: inside[0]].all() or masked[inside[-1] :].all():
            continue  # near an end of the range: nothing would be left beside the neighbourhood
        try:
            return fit_spectrum(spectrum.with_window(window, masked=masked), family=task.config.search.family)
        except (FitError, InputError):
            continue
    return None


def dead_bins(counts: npt.NDArray[np.number]) -> BoolArray:
    """Return the empty bins between bins with events where some are certainly missing, (bins,): no fit follows them."""
    filled = np.flatnonzero(counts > 0)
    if len(filled) < 2:
        return np.zeros(len(counts), dtype=np.bool_)
    places = np.arange(len(counts))
    between = np.exp(np.interp(places, filled, np.log(counts[filled]), left=-np.inf, right=-np.inf))
    return np.asarray((counts == 0) & (between > LEAST_MISSED), dtype=np.bool_)


def judged_bins(task: WindowTask, fit: SpectrumFit) -> BoolArray:
    """Return the bins that should have their events, (bins,).

    Not those beyond the last that were fitted, where the curve is extrapolated, nor where a resonance was taken out,
    nor beside that.
    """
    fitted = np.flatnonzero(~fit.masked)
    judged = np.zeros(len(fit.masked), dtype=np.bool_)
    judged[fitted[0] : fitted[-1] + 1] = True
    if task.excluded is None:
        return judged
    return np.asarray(judged & ~with_neighbours(task.excluded), dtype=np.bool_)
