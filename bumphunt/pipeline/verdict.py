"""From the windows of a search to its verdict: the best window, the checks it must pass, the status."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.pipeline.fold_selection import window_selection
from bumphunt.pipeline.mass_estimate import estimate_masses
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask
from bumphunt.results import Answers, Check, MassFit, ScanResult, UpperLimit, WindowResult
from bumphunt.rng import generator
from bumphunt.significance.checks import EVIDENCE, mass_fit_check, verdict, window_checks
from bumphunt.significance.correlated_trials import shared_events
from bumphunt.significance.limits import cross_section_limit
from bumphunt.significance.scan import combine_windows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestWindow:
    """The global answer, and the best window with its task, scores and result."""

    scan: ScanResult
    task: WindowTask
    outcome: WindowOutcome
    result: WindowResult

    def candidates(self) -> npt.NDArray[np.bool_]:
        """Return which searched events pass the best cut and lie in the window, shape (events,)."""
        return self.outcome.selected(self.result.cut_fraction) & self.task.window.signal_region(self.task.mjj)


def best_window(search: Search, outcomes: list[WindowOutcome]) -> BestWindow:
    """Return the global answer of all windows and cuts, and the best of them.

    Windows and cuts that share events are correlated as far as they do; what is left of the trials counts.
    """
    every = [
        (task, outcome, found)
        for task, outcome in zip(search.tasks, outcomes, strict=True)
        for found in outcome.results
    ]
    low, high = float(search.edges[0]), float(search.edges[-1])
    counted = [
        np.flatnonzero(outcome.selected(found.cut_fraction) & task.window.signal_region(task.mjj))
        for task, outcome, found in every
        if not found.note
    ]
    scan = combine_windows(
        [found for _, _, found in every],
        searched_low=low,
        searched_high=high,
        correlation=shared_events(counted),
        rng=generator(search.tasks[0].seed, "trials"),
    )
    task, outcome, result = every[scan.best or 0]
    return BestWindow(scan=scan, task=task, outcome=outcome, result=result)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """The best window, the checks it has to pass, and the masses with the cut at which they were fitted, if any."""

    best: BestWindow
    checks: tuple[Check, ...]
    mass_fit: MassFit | None
    mass_cut: float | None

    def answers(self, limit: UpperLimit | None = None) -> Answers:
        """Return the three answers, beside a limit."""
        luminosity = self.best.task.config.limit.luminosity
        return answers(self.best.scan, self.checks, self.mass_fit, limit, luminosity=luminosity)


def reach_verdict(search: Search, outcomes: list[WindowOutcome], *, threads: int = 1) -> Verdict:
    """Find the best window of a search, check it and, from evidence on, fit the masses.

    ``threads`` folds are trained side by side, to learn what the score does to signal.
    """
    best = best_window(search, outcomes)
    config = best.task.config
    checks = window_checks(best.result, thresholds=config.checks)
    if best.scan.z_global < EVIDENCE:
        return Verdict(best=best, checks=checks, mass_fit=None, mass_cut=None)
    selection = window_selection(search, best.task, threads=threads)
    mass_fit, cut = estimate_masses(search, best.task, best.outcome, best.result, config, selection=selection)
    return Verdict(best=best, checks=(*checks, mass_fit_check(mass_fit is not None)), mass_fit=mass_fit, mass_cut=cut)


def answers(
    scan: ScanResult,
    checks: tuple[Check, ...],
    mass_fit: MassFit | None,
    limit: UpperLimit | None = None,
    *,
    luminosity: float | None = None,
) -> Answers:
    """Return the three answers; an excess that fails a check is unverified, and no discovery.

    With a luminosity (1/fb) the limit is given on sigma x B x acceptance in fb as well.
    """
    status = verdict(scan.z_global, checks)
    return Answers(
        status=status,
        discovery=status == "discovery",
        p_local=scan.p_local,
        z_local=scan.z_local,
        p_global=scan.p_global,
        z_global=scan.z_global,
        p_global_method=scan.p_global_method,
        n_toys=scan.n_toys,
        n_trials=scan.n_trials,
        is_bound=scan.is_bound,
        m_resonance=mass_fit.m_resonance if mass_fit else None,
        m_x=mass_fit.m_x if mass_fit else None,
        m_y=mass_fit.m_y if mass_fit else None,
        n_signal=mass_fit.n_signal if mass_fit else None,
        upper_limit=_limit(limit, luminosity) if limit else None,
    )


def _limit(limit: UpperLimit, luminosity: float | None) -> dict[str, float]:
    numbers = {"n_signal_95": limit.n_signal_95, "mass": limit.mass}
    if luminosity is not None:
        numbers["cross_section_fb_95"] = cross_section_limit(limit.n_signal_95, luminosity=luminosity)
    return numbers
