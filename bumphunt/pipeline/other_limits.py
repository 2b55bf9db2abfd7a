"""Limits beside the inclusive one of the best window: after the selection, there and everywhere; along the mass."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bumphunt.errors import BumphuntError, FitError
from bumphunt.masses.acceptance import draw_signal, passed_by
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.masses.substructure import at_scale
from bumphunt.pipeline.limit import inclusive_signal
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.verdict import BestWindow, Verdict
from bumphunt.results import HypothesisScan, LimitCurve, SelectedLimit, UpperLimit, WindowLimits, WindowResult
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits, window_limit
from bumphunt.significance.workspace import (
    build_counting_workspace,
    build_workspace,
    upper_limit,
)
from bumphunt.spectrum.binning import count
from bumphunt.spectrum.design import make_design

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

CURVE_POINTS = 24
"""Masses at which the limit along the mass is given."""


def selected_limit(search: Search, verdict: Verdict) -> SelectedLimit | None:
    """Return the limit on signal of the fitted masses from the events that pass the best cut.

    The shape of mjj and the efficiency are those of simulated signal sent through the models that selected the data,
    its tau21 scaled, or the cut moved, as the data ask. The same events have trained the selection: that is why the
    limit is one on this signal in these data, and not what another search of the same kind would exclude.

    Returns
    -------
    SelectedLimit or None
        None without fitted masses, or without a selection that simulated signal can be sent through.
    """
    best, fit, selection = verdict.best, verdict.mass_fit, verdict.selection
    if fit is None or selection is None:
        return None
    masses = fit.as_measured
    table = response_named(best.task.config.masses.response).of(fit.hypothesis)
    draws = draw_signal(signal_model(table, table.nearest(masses)), rng=np.random.default_rng(0))
    fraction = best.result.cut_fraction
    if fit.cut_scale_error is None:
        select = at_scale(selection.at(fraction), fit.tau21_scale)
    else:  # what tau21 says of the efficiency is in the moved cut
        select = selection.at(min(fraction * fit.cut_scale, 1.0))
    passed = passed_by(select, draws, masses)
    mjj = masses[0] * np.exp(draws.log_resonance)
    signal = np.histogram(mjj, search.edges, weights=passed)[0] / len(mjj)
    inside = float(signal[best.task.window.bins(search.edges)].sum())
    error = min(fit.efficiency_error / max(fit.efficiency, 1e-9), 0.9)
    try:
        if inside <= 0:
            raise FitError("no simulated signal passes the cut in the window")
        found = _limit_of(best, signal, inside, mass=masses[0], error=error)
    except FitError as failure:
        logger.warning("no upper limit after the selection: %s", failure)
        return None
    return SelectedLimit(
        n_signal_95=found.n_signal_95,
        expected=found.expected,
        masses=np.array(masses),
        cut_fraction=fraction,
        efficiency=float(signal.sum()),
        efficiency_error=error,
    )


def _limit_of(best: BestWindow, signal: FloatArray, inside: float, *, mass: float, error: float) -> UpperLimit:
    """Return the limit from the fitted spectrum, or from the counts in the window where that has none.

    ``signal`` is the part of the signal in each bin of the spectrum, ``inside`` that in the window. A background that
    is known to a factor of a few, from a few dozen events, has no minimum that is found at all strengths.

    Raises
    ------
    FitError
        If the counts give no limit either.
    """
    width = best.task.config.limit.width
    if best.result.fit is not None:
        workspace = build_workspace(best.result.fit, signal, channel="mjj_selected", efficiency_error=error)
        try:
            return upper_limit(workspace, mass=mass, width=width)
        except FitError as failure:
            logger.info("no upper limit from the selected spectrum: %s; the counts are taken", failure)
    workspace = build_counting_workspace(best.result, inside, channel="mjj_selected", efficiency_error=error)
    return upper_limit(workspace, mass=mass, width=width)


def limits_of_windows(windows: Sequence[WindowResult]) -> WindowLimits | None:
    """Return the limits on signal events that pass each cut in each signal region; None where nothing was searched."""
    searched = [window for window in windows if not window.note]
    return _limits_of(searched) if searched else None


def limits_of_hypotheses(scans: Sequence[HypothesisScan]) -> WindowLimits:
    """Return such limits by the prior-assisted search, on the hypothesis of the largest excess in each window."""
    # where the sidebands keep no event, an expectation of none would leave the background without any bound
    known = [replace(each, n_expected=max(each.n_expected, each.n_expected_error)) for each in scans]
    return replace(
        _limits_of(known),
        m_x=np.array([each.best_m_x for each in scans]),
        m_y=np.array([each.best_m_y for each in scans]),
    )


def _limits_of(searched: Sequence[WindowResult] | Sequence[HypothesisScan]) -> WindowLimits:
    found = [window_limit(each.n_observed, each.n_expected, each.n_expected_error) for each in searched]
    return WindowLimits(
        low=np.array([each.low for each in searched]),
        high=np.array([each.high for each in searched]),
        cut_fraction=np.array([each.cut_fraction for each in searched]),
        observed=np.array([limit.n_signal for limit in found]),
        expected=np.array([limit.expected for limit in found]),
    )


def limit_curve(search: Search, verdict: Verdict) -> LimitCurve | None:
    """Return inclusive limits along the mass over the searched windows, the background profiled under each.

    Signal is that of :func:`bumphunt.pipeline.limit.inclusive_signal`, as for the limit in the best window, whose
    background is fitted without the window.

    Returns
    -------
    LimitCurve or None
        None where the spectrum cannot be fitted.
    """
    config = verdict.best.task.config
    centres = sorted({0.5 * (task.window.low + task.window.high) for task in search.tasks})
    masses = np.geomspace(centres[0], centres[-1], CURVE_POINTS if len(centres) > 1 else 1)
    shapes = [inclusive_signal(search, verdict, mass)[0] for mass in masses.tolist()]
    try:
        design = make_design(search.edges, family=search.inclusive.family, sqrt_s=config.sqrt_s)
        counts = np.tile(count(search.mjj, search.edges), (len(masses), 1))
        signal = np.stack(shapes)
        observed = spectrum_limits(counts, design, signal)
        expected = expected_spectrum_limits(counts, design, signal)
    except BumphuntError as failure:
        logger.warning("no limits along the mass: %s", failure)
        return None
    good = np.isfinite(observed) & np.isfinite(expected).all(axis=1)
    if not good.any():
        return None
    return LimitCurve(mass=masses[good], observed=observed[good], expected=expected[good])
