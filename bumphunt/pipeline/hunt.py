"""The chain in memory: a table of events, a configuration and a seed in, all that was found out.

Rooms are called in order and their products handed on; nothing is computed here, and no file is known.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bumphunt.config import AnalysisConfig
from bumphunt.events import BlindEvents
from bumphunt.execution import ALONE, Workers
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.cross_checks import run_cross_checks
from bumphunt.pipeline.further_signals import further_signals
from bumphunt.pipeline.keeping import Keeper, Memory, Watch, unwatched
from bumphunt.pipeline.limit import Workspace, discovery_fit, inclusive_limit
from bumphunt.pipeline.mass_estimate import describe_peaks
from bumphunt.pipeline.networks import check_networks
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.other_limits import limit_curve, limits_of_hypotheses, limits_of_windows, selected_limit
from bumphunt.pipeline.prior_answer import run_prior
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.verdict import Verdict, reach_verdict
from bumphunt.pipeline.windows import WindowOutcome, search_window
from bumphunt.results import Answers, CrossCheck, Products, TrainingHistory, UpperLimit, mass_named, name_mass
from bumphunt.results.base import short_repr

logger = logging.getLogger(__name__)

Calibrate = Callable[[Search, Keeper], Null]
"""Makes the null of a search, whose finished parts a keeper has."""


@dataclass(kw_only=True)
class Clock:
    """What each stage found, and its seconds; ``entered`` and ``left`` are told of it, a progress bar for one."""

    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    entered: Callable[[str], None] = lambda _: None
    left: Callable[[str, dict[str, Any]], None] = lambda *_: None

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Time a stage; what is put into the dictionary it yields is noted beside its seconds."""
        logger.info("stage %s", name)
        self.entered(name)
        start = time.perf_counter()
        found: dict[str, Any] = {}
        yield found
        self.left(name, found)
        seconds = time.perf_counter() - start
        logger.info("stage %s took %.1f s", name, seconds)
        self.stages[name] = {**found, "seconds": round(seconds, 3)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """All that a hunt found: the search with its windows, the verdict, limit, and what figures are drawn from.

    ``further`` are verdicts on resonances beyond the first.
    ``workspaces`` are pyhf workspaces by name: ``selected`` and, where the spectrum could be fitted, ``inclusive``.
    """

    search: Search
    verdict: Verdict
    answers: Answers
    products: Products
    workspaces: dict[str, Workspace]
    stages: dict[str, dict[str, Any]]
    further: tuple[Verdict, ...] = ()

    __repr__ = short_repr


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hooks:
    """What is told of a hunt while it goes on, and what it asks.

    Parameters
    ----------
    keeper : Keeper
        Where finished stages are kept and looked up.
    watch : callable
        Follows the windows.
    clock : Clock
        Times the stages, after those it has timed before.
    calibrate : callable, optional
        Makes a null for the search; the measured surface otherwise.
    """

    keeper: Keeper = field(default_factory=Memory)
    watch: Watch = unwatched
    clock: Clock = field(default_factory=Clock)
    calibrate: Calibrate | None = None


def hunt_events(
    events: BlindEvents,
    config: AnalysisConfig,
    *,
    seed: int,
    workers: Workers = ALONE,
    n_events: int | None = None,
    hooks: Hooks | None = None,
) -> Findings:
    """Search events for a resonance.

    Parameters
    ----------
    events : BlindEvents
        Checked events without truth.
    config, seed
        Settings and seed; answers depend on these and on the events, not on ``workers``.
    workers : Workers
        Who searches the windows.
    n_events : int, optional
        Events of the file, where some of them are not among ``events``.
    hooks : Hooks, optional
        What follows the hunt, keeps its stages and calibrates it; nothing by default.

    Raises
    ------
    InputError
        If events or settings cannot be used.
    """
    hooks = hooks or Hooks()
    keeper, clock = hooks.keeper, hooks.clock

    def scan(each: Search) -> list[WindowOutcome]:
        return scan_windows(each, keeper, workers=workers, watch=hooks.watch)

    with clock.stage("spectrum") as found:
        response = response_named(config.masses.response)  # a missing one is told before the work, not after
        search = prepare_search(events, config, seed)
        n_events = n_events or len(events)
        del events  # the search has those it needs in a table of its own
        found.update(search.summary())
        check_networks(search.events, config)
    if hooks.calibrate is not None:
        with clock.stage("calibration") as found:
            null = hooks.calibrate(search, keeper)
            search = search.with_null(null)
            found.update(null.to_dict())
            if null.of_prior is not None:
                found["prior"] = null.of_prior.to_dict()
    with clock.stage("scan") as found:
        outcomes = scan(search)
    prior = None
    if "prior" in config.searches:
        with clock.stage("prior") as found:
            prior = run_prior(search, keeper=keeper, workers=workers, watch=hooks.watch)
            if hooks.calibrate is not None:
                prior = prior.calibrated_by(search.tasks[0].null.of_prior)
            found.update(prior.summary())
    with clock.stage("masses") as found:
        verdict = reach_verdict(search, outcomes, prior=prior, threads=workers.number, n_events=n_events)
        best, window = verdict.best, verdict.best.result
        clock.stages["scan"] |= {
            "low": window.low,
            "high": window.high,
            "cut_fraction": window.cut_fraction,
            "n_trials": best.scan.n_trials,
        }
        if verdict.mass_cut is not None:
            found["cut_fraction"] = verdict.mass_cut
        if verdict.mass_fit is not None:
            found["response"] = response.summary()
    with clock.stage("further_signals") as found:
        further = further_signals(search, outcomes, verdict, scan=scan, threads=workers.number, n_events=n_events)
        found.update(further.summary())
    with clock.stage("limit") as found:
        selected, fitted = discovery_fit(search, best)
        found.update(fitted)
        inclusive, limit = inclusive_limit(search, verdict)
        curve = None
        if limit is not None:
            limit = replace(limit, selected=selected_limit(search, verdict))
            curve = limit_curve(search, verdict)
    if config.vae.enabled or config.autoencoder.enabled:
        workers.dismiss()  # networks train in this process and need more memory than the rest
    with clock.stage("cross_checks"):
        opinions, history = run_cross_checks(
            search.events, best.task, best.outcome, config, seed=seed, keep=keeper.keep
        )
        products = replace(_products(search, verdict, limit, opinions, history), limit_curve=curve)
        if prior is not None and prior.findings is not None:
            maps = prior.findings.maps
            products = replace(products, hypotheses=maps[prior.findings.best].map, hypothesis_scans=maps)
            if config.limit.enabled:
                products = replace(products, prior_limits=limits_of_hypotheses(maps))
    workspaces = {"selected": selected} | ({} if inclusive is None else {"inclusive": inclusive})
    label, unit = mass_named(config.model_dump(include={"resonance"}))
    return Findings(
        search=search,
        verdict=verdict,
        answers=name_mass(verdict.answers(limit), label=label, unit=unit),
        products=name_mass(products, label=label, unit=unit),
        workspaces=workspaces,
        stages=clock.stages,
        further=further.verdicts,
    )


def _products(
    search: Search,
    verdict: Verdict,
    limit: UpperLimit | None,
    opinions: tuple[CrossCheck, ...],
    history: TrainingHistory | None,
) -> Products:
    best = verdict.best
    peaks, plane = describe_peaks(search, best.task, best.outcome, best.result, best.task.config)
    return Products(
        inclusive=search.inclusive,
        scan=best.scan,
        peak_scan=peaks,
        mass_fit=verdict.mass_fit,
        plane=plane,
        limit=limit,
        window_limits=limits_of_windows(best.scan.windows) if best.task.config.limit.enabled else None,
        cross_checks=opinions,
        training=history,
    )


def scan_windows(search: Search, keeper: Keeper, *, workers: Workers, watch: Watch) -> list[WindowOutcome]:
    """Search every window that is not kept yet, and return them all in the order of the search."""
    outcomes: dict[int, WindowOutcome] = {}
    for task in search.tasks:
        kept = keeper.window(task.number)
        if kept is not None:
            outcomes[task.number] = kept
    missing = [task for task in search.tasks if task.number not in outcomes]
    # with fewer windows than workers, the folds of a window are trained side by side as well
    missing = [replace(task, threads=max(1, workers.number // len(missing))) for task in missing]
    with watch("windows", len(search.tasks), done=len(outcomes)) as advance:
        for index, outcome in workers.map(search_window, missing):
            number = missing[index].number
            outcomes[number] = keeper.keep_window(number, outcome)
            advance()
    return [outcomes[task.number] for task in search.tasks]
