"""The whole analysis, from a file of events to the three answers.

Rooms are called in order and their products handed on; nothing is computed here. Truth is dropped
before anything else sees the events.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError, InputError
from bumphunt.events import drop_truth
from bumphunt.execution import parallel_map
from bumphunt.files import write_json
from bumphunt.jobs.candidates import write_candidates
from bumphunt.jobs.ingest import read_events
from bumphunt.jobs.progress import bar
from bumphunt.jobs.provenance import describe_input, request, versions
from bumphunt.jobs.store import StageStore, output_folder
from bumphunt.pipeline.cross_checks import run_cross_checks
from bumphunt.pipeline.mass_estimate import describe_peaks
from bumphunt.pipeline.networks import check_networks
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.verdict import answers, best_window, judge
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, search_window
from bumphunt.results import (
    SCHEMA_VERSION,
    AnalysisResult,
    Products,
    UpperLimit,
    WindowResult,
)
from bumphunt.significance.workspace import (
    build_counting_workspace,
    build_workspace,
    discovery_p_value,
    resonance_signal,
    upper_limit,
)
from bumphunt.spectrum.fit import fit_spectrum

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Clock:
    """What each stage found, and its seconds."""

    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        logger.info("stage %s", name)
        start = time.perf_counter()
        found: dict[str, Any] = {}
        yield found
        self.stages[name] = {**found, "seconds": round(time.perf_counter() - start, 3)}


def run_analysis(
    events: str | Path,
    *,
    output: str | Path,
    config: AnalysisConfig | None = None,
    seed: int = 1,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> AnalysisResult:
    """Search a file of dijet events for a resonance and write result, workspace, figures and report.

    Parameters
    ----------
    events : path
        Events in any layout of :func:`bumphunt.jobs.ingest.read_events`. A truth column is dropped unread.
    output : path
        Folder for ``result.json``, ``report.html``, ``workspace.json`` and ``figures/``.
    config : AnalysisConfig, optional
        Settings; the default otherwise.
    seed : int
        Seed of the run; answers depend on it and on the events, not on ``workers``.
    workers, scheduler
        As in :func:`bumphunt.execution.parallel_map`.
    resume : bool
        Go on with the stages that an interrupted run of the same request left in ``output``.
    overwrite : bool
        Replace a finished result in ``output``, which is an error otherwise.
    progress : bool
        Show a progress bar.

    Returns
    -------
    AnalysisResult
        What ``result.json`` holds.

    Raises
    ------
    InputError
        If events or settings cannot be used, or ``output`` cannot be written to or holds a finished result.
    """
    if seed < 0:
        raise InputError(f"seed is {seed}; give a number of at least 0")
    with output_folder(output, resume=resume, overwrite=overwrite) as folder:
        return _analyse(
            events,
            output=folder,
            config=config or AnalysisConfig(),
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            resume=resume,
            progress=progress,
        )


def _analyse(
    events: str | Path,
    *,
    output: Path,
    config: AnalysisConfig,
    seed: int,
    workers: int,
    scheduler: str | None,
    resume: bool,
    progress: bool,
) -> AnalysisResult:
    clock = _Clock()
    with clock.stage("events") as found:
        table = read_events(events, progress=progress)
        source = describe_input(events, table)
        blind = drop_truth(table)
        found["n_events"] = len(blind)
    with clock.stage("spectrum") as found:
        search = prepare_search(blind, config, seed)
        found.update(search.summary())
        check_networks(search.events, config)
    store = StageStore(output, request(source, config, seed), resume=resume)
    with clock.stage("scan") as found:
        outcomes = _scan(search, store, workers=workers, scheduler=scheduler, progress=progress)
        winner = best_window(search, outcomes)
        scan, task, outcome, best = winner.scan, winner.task, winner.outcome, winner.result
        found.update(low=best.low, high=best.high, cut_fraction=best.cut_fraction, n_trials=scan.n_trials)
    with clock.stage("limit") as found:
        found.update(_discovery_fit(search, task, best, output, config))
        limit = _limit(search, task, best, output, config)
    with clock.stage("cross_checks"):
        second_opinions, history = run_cross_checks(search.events, task, outcome, config, seed=seed, keep=store.keep)
    with clock.stage("masses") as found:
        checks, mass_fit, fraction = judge(search, winner, config, threads=workers)
        if fraction is not None:
            found["cut_fraction"] = fraction
        peaks, plane = describe_peaks(search, task, outcome, best, config)
        write_candidates(output / "candidates.csv", search.events, outcome.score, winner.candidates())
    products = Products(
        inclusive=search.inclusive,
        scan=scan,
        peak_scan=peaks,
        mass_fit=mass_fit,
        plane=plane,
        limit=limit,
        cross_checks=second_opinions,
        training=history,
    )
    result = AnalysisResult(
        schema_version=SCHEMA_VERSION,
        input=source,
        seed=seed,
        versions=versions(),
        config=config.model_dump(mode="json"),
        answers=answers(scan, checks, mass_fit, limit, luminosity=config.limit.luminosity),
        checks=checks,
        stages=clock.stages,
    )
    write_json(output / "products.json", products.to_dict())
    write_json(output / "result.json", result.to_dict())
    from bumphunt.report.html import write_report

    write_report(output)
    return result


def _scan(
    search: Search, store: StageStore, *, workers: int, scheduler: str | None, progress: bool
) -> list[WindowOutcome]:
    """Search every window that the store does not hold yet."""
    outcomes: dict[int, WindowOutcome] = {}
    for task in search.tasks:
        name = f"window_{task.number:03d}"
        if store.has(f"{name}.json") and store.has(f"{name}.npz"):
            outcomes[task.number] = WindowOutcome.from_stored(
                store.load_arrays(f"{name}.npz"), store.load_json(f"{name}.json")
            )
    missing = [task for task in search.tasks if task.number not in outcomes]
    # with fewer windows than workers, the folds of a window are trained side by side as well
    missing = [replace(task, threads=max(1, workers // len(missing))) for task in missing]
    with bar("windows", len(search.tasks), done=len(outcomes), shown=progress) as advance:
        for index, outcome in parallel_map(search_window, missing, workers=workers, scheduler=scheduler):
            number = missing[index].number
            outcomes[number] = outcome
            # the arrays first: the JSON says that the window is complete
            store.save_arrays(f"window_{number:03d}.npz", outcome.arrays())
            store.save_json(f"window_{number:03d}.json", [found.to_dict() for found in outcome.results])
            advance()
    return [outcomes[task.number] for task in search.tasks]


def _discovery_fit(
    search: Search, task: WindowTask, best: WindowResult, output: Path, config: AnalysisConfig
) -> dict[str, float]:
    """Write the workspace of the selected events in the best window and return pyhf's fit of it."""
    signal = resonance_signal(search.edges, mass=best.centre, width=config.limit.width)
    if best.fit is not None:
        selected = build_workspace(best.fit, signal, channel="mjj_selected", sqrt_s=config.sqrt_s)
    else:
        inside = float(signal[task.window.bins(search.edges)].sum())
        selected = build_counting_workspace(best, inside, channel="mjj_selected")
    write_json(output / "workspace.json", selected)
    try:
        p_value, n_selected = discovery_p_value(selected)
    except FitError as error:
        logger.warning("no discovery fit: %s", error)
        return {}
    return {"q0_p_value": p_value, "n_selected": n_selected}


def _limit(
    search: Search, task: WindowTask, best: WindowResult, output: Path, config: AnalysisConfig
) -> UpperLimit | None:
    """Write the inclusive workspace; return the limit on a narrow resonance in the best window."""
    signal = resonance_signal(search.edges, mass=best.centre, width=config.limit.width)
    try:
        masked = fit_spectrum(
            search.inclusive.counts,
            search.edges,
            family=search.inclusive.family,
            masked=task.window.masked_bins(search.edges, guard=config.search.guard_bins),
            window=task.window.bins(search.edges),
            sqrt_s=config.sqrt_s,
        )
        inclusive = build_workspace(masked, signal, channel="mjj_inclusive", sqrt_s=config.sqrt_s)
        write_json(output / "workspace_inclusive.json", inclusive)
        return upper_limit(inclusive, mass=best.centre, width=config.limit.width) if config.limit.enabled else None
    except FitError as error:
        logger.warning("no upper limit: %s", error)
        return None
