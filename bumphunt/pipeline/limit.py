"""What pyhf says of the best window: the discovery fit after the cut, and the limit on a narrow resonance before it."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError
from bumphunt.masses.expected_shape import broadest_masses, expected_shape
from bumphunt.masses.responses import response_named
from bumphunt.masses.signal_table import Masses
from bumphunt.pipeline.final_state import is_dijet
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.verdict import BestWindow, Verdict
from bumphunt.results import UpperLimit
from bumphunt.significance.workspace import (
    build_counting_workspace,
    build_workspace,
    discovery_p_value,
    resonance_signal,
    upper_limit,
)
from bumphunt.spectrum.fit import fit_spectrum

logger = logging.getLogger(__name__)

Workspace = dict[str, Any]


def discovery_fit(search: Search, best: BestWindow) -> tuple[Workspace, dict[str, float]]:
    """Return the workspace of the selected events in the best window, and pyhf's fit of it.

    Returns
    -------
    workspace : dict
        HistFactory workspace as plain data.
    found : dict
        ``q0_p_value`` and ``n_selected``; empty where pyhf's fit does not converge.
    """
    config, window = best.task.config, best.result
    signal = resonance_signal(search.edges, mass=window.centre, width=config.limit.width)
    if window.fit is not None:
        workspace = build_workspace(window.fit, signal, channel="mjj_selected")
    else:
        inside = float(signal[best.task.window.bins(search.edges)].sum())
        workspace = build_counting_workspace(window, inside, channel="mjj_selected")
    try:
        p_value, n_selected = discovery_p_value(workspace)
    except FitError as error:
        logger.warning("no discovery fit: %s", error)
        return workspace, {}
    return workspace, {"q0_p_value": p_value, "n_selected": n_selected}


def inclusive_signal(search: Search, verdict: Verdict, mass: float) -> tuple[npt.NDArray[np.float64], Masses | None]:
    """Return the part of a resonance at ``mass`` GeV in each bin before any cut, and the masses it was simulated with.

    Signal is the simulated one of the fitted daughters, where masses were fitted, and else that of the broadest peak
    (:func:`bumphunt.masses.expected_shape.broadest_masses`), so that a limit holds for lighter daughters, too. In
    other final states and outside the simulated resonances it is a Gaussian of the resolution, which holds more of
    itself near its mass than a real signal does; no masses are given with it.
    """
    config, fit = verdict.best.task.config, verdict.mass_fit
    if is_dijet(config):
        response = response_named(config.masses.response)
        table = response.table if fit is None else response.of(fit.hypothesis)
        masses = broadest_masses(table, mass) if fit is None else table.nearest((mass, *fit.as_measured[1:]))
        if masses is not None:
            return expected_shape(table, masses, search.edges).probabilities, masses
    return resonance_signal(search.edges, mass=mass, width=config.limit.width), None


def inclusive_limit(search: Search, verdict: Verdict) -> tuple[Workspace | None, UpperLimit | None]:
    """Return the workspace of the inclusive spectrum, and the limit on a narrow resonance in the best window.

    The signal is that of :func:`inclusive_signal` at the fitted mass, or in the middle of the window.

    Returns
    -------
    workspace : dict or None
        None where the spectrum cannot be fitted without the window.
    limit : UpperLimit or None
        None in that case, or where the configuration asks for none.
    """
    best, fit = verdict.best, verdict.mass_fit
    config, task, mass = best.task.config, best.task, best.result.centre
    if fit is not None:
        mass = fit.m_resonance.value
    signal, masses = inclusive_signal(search, verdict, mass)
    try:
        masked = fit_spectrum(
            search.inclusive.counts,
            search.edges,
            family=search.inclusive.family,
            masked=task.window.masked_bins(search.edges, guard=config.search.guard_bins),
            window=task.window.bins(search.edges),
            sqrt_s=config.sqrt_s,
        )
        workspace = build_workspace(masked, signal, channel="mjj_inclusive")
        if not config.limit.enabled:
            return workspace, None
        limit = upper_limit(workspace, mass=mass, width=config.limit.width)
        return workspace, replace(limit, masses=None if masses is None else np.array(masses))
    except FitError as error:
        logger.warning("no upper limit: %s", error)
        return None, None
