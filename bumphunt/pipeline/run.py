"""The whole analysis, from a file of events to the three answers.

Rooms are called in order and their products handed on; nothing is computed here. Truth is dropped
in the first line, before anything else sees the events.
"""

import logging
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError, InputError
from bumphunt.events import BlindEvents, drop_truth, feature_matrix, feature_names
from bumphunt.execution import parallel_map
from bumphunt.masses.fit import SelectedEvents, fit_masses
from bumphunt.masses.peak_scan import default_take, peak_scan
from bumphunt.masses.response import load_response
from bumphunt.masses.yields import box_yield
from bumphunt.pipeline.candidates import write_candidates
from bumphunt.pipeline.cross_checks import cross_check, vae_scores
from bumphunt.pipeline.ingest import read_events
from bumphunt.pipeline.store import StageStore, file_sha256, write_json
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, fold_counts, search_window
from bumphunt.preprocessing.splits import MassWindow, mass_windows, window_on_grid
from bumphunt.results import (
    SCHEMA_VERSION,
    AnalysisResult,
    Answers,
    Check,
    CrossCheck,
    JetPlane,
    MassFit,
    PeakScan,
    Products,
    ScanResult,
    SpectrumFit,
    TrainingHistory,
    UpperLimit,
    WindowResult,
)
from bumphunt.selection import select_fraction
from bumphunt.significance.checks import mass_fit_check, window_checks
from bumphunt.significance.scan import combine_windows
from bumphunt.significance.workspace import build_workspace, resonance_signal, upper_limit, write_workspace
from bumphunt.spectrum.binning import count, searched_range
from bumphunt.spectrum.fit import fit_spectrum

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

EVIDENCE, DISCOVERY = 3.0, 5.0
"""Global significances from which masses are given, and a discovery is claimed."""

CWOLA_FEATURES = ("mj1", "mj2", "tau21_1", "tau21_2")
"""Features of the primary score where the config names none: few, so that rare signal is not drowned."""

_PACKAGES = ("bumphunt", "numpy", "scipy", "pandas", "scikit-learn", "tensorflow", "keras", "pyhf", "iminuit", "fastjet")


@dataclass(kw_only=True)
class _Clock:
    """Seconds of each stage and what it found."""

    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        logger.info("stage %s", name)
        start, found = time.perf_counter(), {}
        yield found
        self.stages[name] = {**found, "seconds": round(time.perf_counter() - start, 3)}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """The searched events and what all windows share."""

    events: BlindEvents
    mjj: FloatArray
    edges: FloatArray
    inclusive: SpectrumFit
    tasks: tuple[WindowTask, ...]


def run_analysis(
    events: str | Path,
    *,
    output: str | Path,
    config: AnalysisConfig | None = None,
    seed: int = 1,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    progress: bool = False,
) -> AnalysisResult:
    """Search a file of dijet events for a resonance and write result, workspace, figures and report.

    Parameters
    ----------
    events : path
        Events in any layout of :func:`bumphunt.pipeline.ingest.read_events`. A truth column is dropped unread.
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
    progress : bool
        Show a progress bar.

    Returns
    -------
    AnalysisResult
        What ``result.json`` holds.

    Raises
    ------
    InputError
        If events or settings cannot be used; nothing is written then.
    """
    config = config or AnalysisConfig()
    if seed < 0:
        raise InputError(f"seed is {seed}; give a number of at least 0")
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file; give a folder for --output")
    clock = _Clock()
    with clock.stage("events") as found:
        table = read_events(events, progress=progress)
        source = {"path": str(events), "sha256": file_sha256(events), "n_events": len(table), "columns": list(map(str, table.columns))}
        blind = drop_truth(table)
        found.update(_describe(blind))
    with clock.stage("spectrum") as found:
        search = _prepare(blind, config, seed)
        found.update(
            searched_low=float(search.edges[0]),
            searched_high=float(search.edges[-1]),
            n_searched=len(search.mjj),
            n_windows=len(search.tasks),
            family=search.inclusive.family,
            p_value=search.inclusive.p_value,
        )
    request = {"sha256": source["sha256"], "seed": seed, "config": config.model_dump(mode="json"), "version": _versions()["bumphunt"]}
    store = StageStore(output, request, resume=resume)
    with clock.stage("scan") as found:
        outcomes = _scan(search, store, workers=workers, scheduler=scheduler, progress=progress)
        results = [result for outcome in outcomes for result in outcome.results]
        scan = combine_windows(results, searched_low=float(search.edges[0]), searched_high=float(search.edges[-1]))
        best = _best(scan)
        task, outcome = _origin(best, search, outcomes)
        found.update(best_low=best.low, best_high=best.high, cut_fraction=best.cut_fraction, n_trials=scan.n_trials)
    with clock.stage("limit"):
        limit = _limit(search, task, best, output, config)
    with clock.stage("cross_checks"):
        checks_by_score, history = _cross_checks(search, store, task, outcome, config, seed)
    with clock.stage("masses") as found:
        in_fold = fold_counts(_selected(outcome, best) & task.window.signal_region(task.mjj), outcome.folds)
        checks = list(window_checks(best, in_fold, thresholds=config.checks))
        mass_fit: MassFit | None = None
        if scan.z_global >= EVIDENCE:
            mass_fit, found["cut_fraction"] = _masses(search, task, outcome, best, config)
            checks.append(mass_fit_check(mass_fit is not None))
        peaks, plane = _peaks(search, task, outcome, best, config)
        write_candidates(output / "candidates.csv", search.events, outcome.score, _selected(outcome, best) & task.window.signal_region(task.mjj))
    answers = _answers(scan, checks, mass_fit, limit)
    products = Products(
        inclusive=search.inclusive,
        scan=scan,
        peak_scan=peaks,
        mass_fit=mass_fit,
        plane=plane,
        limit=limit,
        cross_checks=checks_by_score,
        training=history,
    )
    result = AnalysisResult(
        schema_version=SCHEMA_VERSION,
        input=source,
        seed=seed,
        versions=_versions(),
        config=config.model_dump(mode="json"),
        answers=answers,
        checks=tuple(checks),
        stages=clock.stages,
    )
    write_json(output / "products.json", products.to_dict())
    write_json(output / "result.json", result.to_dict())
    from bumphunt.report.html import write_report

    write_report(output)
    return result


def _prepare(blind: BlindEvents, config: AnalysisConfig, seed: int) -> _Search:
    """Find the range that can be searched, the windows in it, and the features."""
    settings = config.search
    everything = blind["mjj"].to_numpy(dtype=np.float64)
    edges = searched_range(
        everything, ratio=settings.bin_ratio, family=settings.inclusive_family, low=settings.low, high=settings.high
    )
    inside = (everything >= edges[0]) & (everything < edges[-1])
    events = BlindEvents(blind.loc[inside].reset_index(drop=True))
    mjj = events["mjj"].to_numpy(dtype=np.float64)
    windows: tuple[MassWindow, ...]
    if settings.windows is None:
        windows = mass_windows(edges, width=settings.window_bins, step=settings.window_step, sideband=settings.sideband_bins)
    else:
        windows = tuple(window_on_grid(edges, low, high, sideband=settings.sideband_bins) for low, high in settings.windows)
    names = feature_names(events, config.cwola.features or [name for name in CWOLA_FEATURES if name in events.columns])
    features = feature_matrix(events, names)
    constant = [name for name, column in zip(names, features.T, strict=True) if np.ptp(column) == 0]
    if constant:
        raise InputError(f"feature {constant[0]!r} has the same value in every event and can tell nothing apart; leave it out")
    tasks = tuple(
        WindowTask(number=number, window=window, mjj=mjj, features=features, edges=edges, config=config, seed=seed)
        for number, window in enumerate(windows)
        if min(window.lower_sideband(mjj).sum(), window.signal_region(mjj).sum(), window.upper_sideband(mjj).sum()) >= MINIMUM_TRAINING
    )
    if not tasks:
        raise InputError(
            f"no window between {edges[0]:.0f} and {edges[-1]:.0f} GeV holds {MINIMUM_TRAINING} events in the region "
            "and in either sideband; give more events or wider windows"
        )
    inclusive = fit_spectrum(count(mjj, edges), edges, family="auto", sqrt_s=config.sqrt_s)
    return _Search(events=events, mjj=mjj, edges=edges, inclusive=inclusive, tasks=tasks)


MINIMUM_TRAINING = 100
"""Events that a signal region and each sideband must hold to train on."""


def _scan(
    search: _Search, store: StageStore, *, workers: int, scheduler: str | None, progress: bool
) -> list[WindowOutcome]:
    """Search every window that the store does not hold yet."""
    outcomes: dict[int, WindowOutcome] = {}
    for task in search.tasks:
        if store.has(f"window_{task.number:03d}.json"):
            arrays = store.load_arrays(f"window_{task.number:03d}.npz")
            rows = store.load_json(f"window_{task.number:03d}.json")
            outcomes[task.number] = WindowOutcome(
                score=arrays["score"],
                folds=arrays["folds"].astype(np.int64),
                results=tuple(WindowResult.from_dict(row) for row in rows),
            )
    missing = [task for task in search.tasks if task.number not in outcomes]
    with _bar("windows", len(search.tasks), done=len(outcomes), shown=progress) as advance:
        for index, outcome in parallel_map(search_window, missing, workers=workers, scheduler=scheduler):
            number = missing[index].number
            outcomes[number] = outcome
            store.save_arrays(f"window_{number:03d}.npz", outcome.to_arrays())
            store.save_json(f"window_{number:03d}.json", [result.to_dict() for result in outcome.results])
            advance()
    return [outcomes[task.number] for task in search.tasks]


@contextmanager
def _bar(text: str, total: int, *, done: int, shown: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(f"{text:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task(text, total=total, completed=done)
        yield lambda: bar.advance(task)


def _best(scan: ScanResult) -> WindowResult:
    window = scan.best_window
    if window is None:
        raise InputError("not one window could be searched; give more events or a wider range")
    return window


def _origin(best: WindowResult, search: _Search, outcomes: list[WindowOutcome]) -> tuple[WindowTask, WindowOutcome]:
    for task, outcome in zip(search.tasks, outcomes, strict=True):
        if any(result is best for result in outcome.results):
            return task, outcome
    raise AssertionError("the best window is one of those searched")


def _selected(outcome: WindowOutcome, best: WindowResult) -> npt.NDArray[np.bool_]:
    return select_fraction(outcome.score.astype(np.float64), outcome.folds, fraction=best.cut_fraction)


def _limit(search: _Search, task: WindowTask, best: WindowResult, output: Path, config: AnalysisConfig) -> UpperLimit | None:
    """Write the workspaces of the best window and return the limit on the inclusive spectrum."""
    signal = resonance_signal(search.edges, mass=best.centre, width=config.limit.width)
    if best.fit is not None:
        selected = build_workspace(best.fit, signal, channel="mjj_selected", sqrt_s=config.sqrt_s)
        write_workspace(selected, output / "workspace.json")
    masked = fit_spectrum(
        search.inclusive.counts, search.edges, family=search.inclusive.family, masked=task.window.bins(search.edges), sqrt_s=config.sqrt_s
    )
    inclusive = build_workspace(masked, signal, channel="mjj_inclusive", sqrt_s=config.sqrt_s)
    write_workspace(inclusive, output / "workspace_inclusive.json")
    if not config.limit.enabled:
        return None
    try:
        return upper_limit(inclusive, mass=best.centre, width=config.limit.width)
    except FitError as error:
        warnings.warn(f"no upper limit: {error}", stacklevel=2)
        return None


def _cross_checks(
    search: _Search, store: StageStore, task: WindowTask, outcome: WindowOutcome, config: AnalysisConfig, seed: int
) -> tuple[tuple[CrossCheck, ...], TrainingHistory | None]:
    if not config.vae.enabled:
        return (), None
    if store.has("vae.npz"):
        arrays = store.load_arrays("vae.npz")
    else:
        scores, history = vae_scores(search.events, config, seed=seed)
        arrays = {**scores, "history_loss": history.loss, "history_reconstruction": history.reconstruction, "history_kl": history.kl}
        store.save_arrays("vae.npz", arrays)
    history = TrainingHistory(
        loss=arrays["history_loss"], reconstruction=arrays["history_reconstruction"], kl=arrays["history_kl"]
    )
    names = [name for name in arrays if not name.startswith("history_")]
    fraction = max(config.search.cut_fractions)
    found = tuple(cross_check(f"vae_{name}", arrays[name], task, outcome.folds, fraction=fraction) for name in names)
    return found, history


def _masses(
    search: _Search, task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig
) -> tuple[MassFit | None, float | None]:
    """Fit the masses at the best cut, or at the next looser one where that leaves too little background."""
    response = load_response()
    mj1, mj2 = (search.events[name].to_numpy(dtype=np.float64) for name in ("mj1", "mj2"))
    masked = task.window.bins(search.edges)
    candidates = [result for result in outcome.results if result.fit is not None and result.cut_fraction >= best.cut_fraction]
    for result in sorted(candidates, key=lambda candidate: candidate.cut_fraction):
        chosen = _selected(outcome, result)
        assert result.fit is not None
        selected = SelectedEvents(
            mjj=search.mjj[chosen],
            mj1=mj1[chosen],
            mj2=mj2[chosen],
            in_window=task.window.signal_region(search.mjj[chosen]),
            spectrum=result.fit,
        )
        try:
            fit = fit_masses(
                selected,
                response=response,
                yield_of=lambda masses: box_yield(
                    search.mjj, mj1, mj2, masses=masses, edges=search.edges, masked=masked, response=response, widths=config.masses.box_widths
                ),
            )
        except FitError as error:
            logger.warning("mass fit at a cut of %g: %s", result.cut_fraction, error)
        else:
            return fit, result.cut_fraction
    return None, None


def _peaks(
    search: _Search, task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig
) -> tuple[PeakScan, JetPlane]:
    mj1, mj2 = (search.events[name].to_numpy(dtype=np.float64) for name in ("mj1", "mj2"))
    region = task.window.signal_region(search.mjj)
    selected = _selected(outcome, best)
    peaks = peak_scan(
        outcome.score[region].astype(np.float64),
        {"mjj": search.mjj[region], "mj1": mj1[region], "mj2": mj2[region]},
        bin_widths=config.masses.peak_scan_bins,
        take=default_take(best.n_observed),
    )
    outside = selected & ~region
    inside = selected & region
    return peaks, JetPlane(
        mj1_window=mj1[inside], mj2_window=mj2[inside], mj1_sideband=mj1[outside], mj2_sideband=mj2[outside]
    )


def _answers(scan: ScanResult, checks: list[Check], mass_fit: MassFit | None, limit: UpperLimit | None) -> Answers:
    if scan.z_global < EVIDENCE:
        status = "none"
    elif not all(check.passed for check in checks):
        status = "unverified_excess"
    else:
        status = "discovery" if scan.z_global >= DISCOVERY else "evidence"
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
        upper_limit={"n_signal_95": limit.n_signal_95, "mass": limit.mass} if limit else None,
    )


def _describe(events: pd.DataFrame) -> dict[str, Any]:
    return {"n_events": len(events), "mjj_median": float(events["mjj"].median())}


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
