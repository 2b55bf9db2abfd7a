"""What pyhf says of the best window: the discovery fit after the cut, and the limit on a narrow resonance before it."""

import logging
from typing import Any

from bumphunt.errors import FitError
from bumphunt.masses.expected_shape import expected_shape
from bumphunt.masses.responses import response_named
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


def inclusive_limit(search: Search, verdict: Verdict) -> tuple[Workspace | None, UpperLimit | None]:
    """Return the workspace of the inclusive spectrum, and the limit on a narrow resonance in the best window.

    Where masses were fitted, the signal is the simulated one of these masses with its tails; a Gaussian of the
    resolution in the middle of the window otherwise, which holds more of itself in the window than a real signal does.

    Returns
    -------
    workspace : dict or None
        None where the spectrum cannot be fitted without the window.
    limit : UpperLimit or None
        None in that case, or where the configuration asks for none.
    """
    best, fit = verdict.best, verdict.mass_fit
    config, task, mass = best.task.config, best.task, best.result.centre
    signal = resonance_signal(search.edges, mass=mass, width=config.limit.width)
    if fit is not None:
        mass = fit.m_resonance.value
        table = response_named(config.masses.response).of(fit.hypothesis)
        signal = expected_shape(table, (mass, *fit.as_measured[1:]), search.edges).probabilities
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
        return workspace, upper_limit(workspace, mass=mass, width=config.limit.width)
    except FitError as error:
        logger.warning("no upper limit: %s", error)
        return None, None
