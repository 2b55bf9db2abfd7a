"""Quality checks of an excess, each with a threshold that is declared before the data are seen.

The search with a score and the scan of a bare spectrum share them, and the verdict that follows from them. Each check
says in words what a failure looks like.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, gammaincc

from bumphunt.config import ChecksConfig
from bumphunt.results import Check, SpectrumFit, WindowResult
from bumphunt.results.rounding import mass_range

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

EVIDENCE, DISCOVERY = 3.0, 5.0
"""Global significances from which masses are given, and a discovery is claimed."""

NEIGHBOURHOOD = 2
"""Bins beside a window (beyond its guard) in which a strong signal's tails would spoil the sidebands as a reference."""

DEEP_DEFICIT = 3.0
"""Standard deviations below the expectation from which a bin beside the window cannot be the tail of a signal."""


def verdict(z_global: float, checks: Sequence[Check]) -> str:
    """Return the status of a search: ``none``, ``evidence``, ``discovery`` or ``unverified_excess``.

    Parameters
    ----------
    z_global : float
        Global significance.
    checks : sequence of Check
        An excess that fails one of them is unverified.
    """
    if z_global < EVIDENCE:
        return "none"
    if not all(check.passed for check in checks):
        return "unverified_excess"
    return "discovery" if z_global >= DISCOVERY else "evidence"


def with_neighbours(bins: BoolArray) -> BoolArray:
    """Return bins and the :data:`NEIGHBOURHOOD` on either side of each, (bins,)."""
    near = bins.copy()
    for _ in range(NEIGHBOURHOOD):
        near[1:] |= near[:-1].copy()
        near[:-1] |= near[1:].copy()
    return near


def neighbourhood_of(window: BoolArray, fit: SpectrumFit) -> BoolArray:
    """Return the bins beside a window that tails of a signal may fill: not those with far too few events.

    Parameters
    ----------
    window : bool array of shape (bins,)
        The window.
    fit : SpectrumFit
        The background.
    """
    near = with_neighbours(window)
    pulls = (fit.counts - fit.expected) / np.sqrt(fit.expected + fit.error**2 + 1e-9)
    return np.asarray(near & ~window & (pulls > -DEEP_DEFICIT), dtype=np.bool_)


def spectrum_checks(window: WindowResult, *, thresholds: ChecksConfig) -> tuple[Check, ...]:
    """Return the checks of the best window of a bare spectrum, of which there is no score to judge.

    Parameters
    ----------
    window : WindowResult
        With the fit of its sidebands; a window without a fit has nothing that could be checked.
    thresholds : ChecksConfig
        Declared beforehand.
    """
    if window.fit is None:
        return ()
    return _goodness("goodness_of_fit", window.sideband_p_value, thresholds.sideband_p_value), deficit_check(
        window.fit, threshold=thresholds.sideband_p_value
    )


def deficit_check(
    fit: SpectrumFit, *, threshold: float, where: BoolArray | None = None, looks: int = 1, when: str = ""
) -> Check:
    """Return the check that no bin outside the window is short of events, which makes an excess beside it.

    Inside the window an empty bin counts, since no resonance empties one.

    Parameters
    ----------
    fit : SpectrumFit
        Background fitted outside the window.
    threshold : float
        Smallest p-value of the deepest deficit, all bins counted as trials, that passes.
    where : bool array of shape (bins,), optional
        Bins that are judged where they lie outside the window, masked or not; those that were fitted by default.
    looks : int
        Spectra that are looked at, all of whose bins are trials.
    when : str
        Says in words which of them this is.
    """
    judged = ~fit.masked | (fit.counts == 0) if where is None else where & (~fit.window | (fit.counts == 0))
    outside = np.flatnonzero(judged)
    # the fit may be too high by one of its own errors before a deficit is believed
    expected = np.maximum(fit.expected - fit.error, 0.0)[outside]
    p_values = gammaincc(fit.counts[outside] + 1.0, np.maximum(expected, 1e-12))
    deepest = int(np.argmin(p_values))
    p_value = float(-np.expm1(looks * len(outside) * np.log1p(-min(float(p_values[deepest]), 1.0 - 1e-16))))
    place = outside[deepest]
    low, high, seen, wanted = fit.edges[place], fit.edges[place + 1], fit.counts[place], fit.expected[place]
    what = "a dead bin" if seen == 0 else "a deficit"
    said = f" {when}" if when else ""
    found = f": {mass_range(low, high)} GeV holds {seen:.0f} events{said} where {wanted:.0f} are expected, {what}"
    return Check.judged(
        "no_deficit",
        p_value,
        at_least=threshold,
        meaning="p-value of the deepest deficit of a bin outside the window or empty, at least the threshold; a "
        "failure is a bin without its events (a dead region, a hole of the trigger), which pulls the background down "
        "and makes an excess beside it" + (found if p_value < threshold else ""),
    )


def _goodness(name: str, p_value: float, threshold: float) -> Check:
    return Check.judged(
        name,
        p_value,
        at_least=threshold,
        meaning="goodness-of-fit p-value of the background outside the best window and its neighbourhood, at least the "
        "threshold; a failure looks like sidebands that wander around the fitted curve, and what it predicts in the "
        "window is then no background",
    )


def fold_agreement(observed: FloatArray) -> float:
    """Return the chi2 p-value for folds to differ as much as they do, were they draws of one sample.

    Models of different folds differ, so that their counts spread a little more than Poisson; a
    fold on its own, far from the others, is what this is to find.
    """
    mean = float(observed.mean())
    if mean <= 0:
        return 1.0
    return float(chdtrc(len(observed) - 1, float(np.sum((observed - mean) ** 2) / mean)))


def window_checks(
    window: WindowResult, *, thresholds: ChecksConfig, beside: Sequence[WindowResult] = ()
) -> tuple[Check, ...]:
    """Return the checks of the best window; before any cut there is no score to judge.

    ``beside`` are windows in its sidebands, whose ordinary events have to be like all others as well.
    """
    goodness = _goodness("sideband_fit", window.sideband_p_value, thresholds.sideband_p_value)
    if window.cut_fraction >= 1.0:
        return (goodness,)
    # noise alone moves the area by its error; only what lies beyond two of them counts
    distance = max(abs(window.leakage - 0.5) - 2.0 * window.leakage_error, 0.0)
    # the worst of all repeats, each of which had its chance to disagree
    folds_p_value = min(1.0, len(window.fold_p_values) * float(np.min(window.fold_p_values, initial=1.0)))
    return (
        goodness,
        Check.judged(
            "sculpting",
            distance,
            at_most=thresholds.leakage,
            meaning="how far the score tells the inner from the outer sidebands, which a score blind to mjj cannot "
            "(distance of the AUC from 0.5 beyond two standard errors), at most the threshold; a failure looks like a "
            "hump that the cut itself makes in the spectrum, wherever the window is put",
        ),
        Check.judged(
            "fold_agreement",
            folds_p_value,
            at_least=thresholds.fold_p_value,
            meaning="p-value for the folds of a repeat to disagree as much as they do (the worst of all repeats, times "
            "their number), at least the threshold; a failure looks like an excess in the events of one fold that the "
            "others do not have",
        ),
        *_ordinary_events((window, *beside), thresholds.leakage),
        *_agreement(window, thresholds.estimates_pull),
    )


def _ordinary_events(windows: Sequence[WindowResult], threshold: float) -> tuple[Check, ...]:
    """Return the check that the excess is made by few events, and not by all of the window being a little different.

    A signal is few events that are unlike the others. A feature that is shifted in a range of masses, or a kind of
    background that is more frequent there, changes many, and the score, which has learned it, tells ordinary events
    of the window from those of the sidebands.
    """
    judged = [each for each in windows if np.isfinite(each.ordinary)]
    if not judged:
        return ()
    # a score that was trained on this very question spreads more than noise: what lies beyond three errors counts
    distance = max(0.0, *(each.ordinary - 0.5 - 3.0 * each.ordinary_error for each in judged))
    return (
        Check.judged(
            "ordinary_events",
            distance,
            at_most=threshold,
            meaning="how far the score tells ordinary events of the window, or of one in its sidebands, not the most "
            "and the least anomalous, from those beside (AUC above 0.5 beyond three standard errors, the largest of "
            "these windows), at most the threshold; a failure looks like a feature that is shifted in a range of "
            "masses, or a kind of background that is more frequent there: many events a little different instead of a "
            "few that are unlike the others",
        ),
    )


def _agreement(window: WindowResult, threshold: float) -> tuple[Check, ...]:
    """Return the check of the fitted background against the direct estimate, where there is one."""
    pull = abs(window.estimates_pull)
    if not np.isfinite(pull):
        return ()
    return (
        Check.judged(
            "estimates_agree",
            pull,
            at_most=threshold,
            meaning="difference of the fitted background and the one from the sidebands' efficiencies, in standard "
            "deviations, at most the threshold; a failure looks like two backgrounds, one without an excess",
        ),
    )


MOST_ELSEWHERE = 4.0
"""Standard deviations by which hypotheses far from the best one may see an excess on average."""


def hypotheses_check(elsewhere: float) -> tuple[Check, ...]:
    """Return the check that an excess of the prior-assisted search has one place in the plane of masses."""
    if not np.isfinite(elsewhere):
        return ()
    return (
        Check.judged(
            "one_hypothesis",
            elsewhere,
            at_most=MOST_ELSEWHERE,
            meaning="by how many standard deviations hypotheses far from the best one in the plane of masses see an "
            "excess as well, at most the threshold; a failure looks like an excess at all masses of the daughters, as "
            "features make that change with the mass of the resonance",
        ),
    )


def mass_fit_check(converged: bool) -> Check:
    """Return the check that an excess has masses that can be fitted."""
    return Check(
        name="mass_fit",
        passed=converged,
        value=float(converged),
        threshold=1.0,
        meaning="1 when the likelihood fit of the three masses converged; a failure looks like an excess without a "
        "place in the plane of jet masses",
    )
