"""Limits on signal models by training with injected signal: files or tables and models in, limits out.

Each model is a point of its own; what a point found is kept in the output folder, and an interrupted grid goes on
with the next.
"""

import hashlib
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.execution import parallel_map
from bumphunt.jobs.hunt import as_config
from bumphunt.jobs.intake import Events, take_in
from bumphunt.jobs.limit_files import LimitStore, limit_store, write_limits
from bumphunt.jobs.progress import bar
from bumphunt.jobs.provenance import request, versions
from bumphunt.jobs.signal_models import ModelEvents, model_of_masses, read_model
from bumphunt.pipeline.fold_selection import window_models
from bumphunt.pipeline.injections import Injection, InjectionResult, inject
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.signal_limit import (
    check_trainable,
    choose,
    inclusive_limit_of,
    injections_of,
    selected_limits,
    signal_sample,
    strengths_of,
    windows_of,
    with_threads,
)
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, search_window
from bumphunt.results import ModelLimit, SignalLimits
from bumphunt.significance.limits import check_luminosity

SCHEMA = "1"
SEARCHES = ("cwola",)
"""Searches whose selection can be trained with injected signal."""

Signal = pd.DataFrame | str | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long limits will take: one training was timed, and is multiplied."""

    n_points: int
    n_trainings: int
    seconds_each: float
    workers: int

    @property
    def seconds(self) -> float:
        """Seconds in all, by this number of workers."""
        return self.n_trainings * self.seconds_each / self.workers

    def to_dict(self) -> dict[str, float | int]:
        """Return it as plain data."""
        return {
            "n_points": self.n_points,
            "n_trainings": self.n_trainings,
            "seconds_each": round(self.seconds_each, 4),
            "workers": self.workers,
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        many = f"{self.n_points} points" if self.n_points > 1 else "1 point"
        return (
            f"{many}, {self.n_trainings} classifiers of {self.seconds_each:.3g} s each: about {self.seconds:.3g} s "
            f"with {self.workers} worker{'s' if self.workers > 1 else ''}, and a few seconds a point for fits"
        )


def limits(
    events: Events,
    signals: Signal | Sequence[Signal] = (),
    *,
    masses: Sequence[Sequence[float]] = (),
    output: str | Path | None = None,
    luminosity: float | None = None,
    acceptance: float | None = None,
    config: AnalysisConfig | dict[str, Any] | None = None,
    search: str = "cwola",
    windows: int = 1,
    seed: int = 1,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> SignalLimits:
    """Set upper limits on signal models, the search trained anew with each signal injected at several strengths.

    Parameters
    ----------
    events : DataFrame, path or several paths
        The data, as for :func:`bumphunt.hunt`.
    signals : DataFrame, path or several of them
        Simulated events, a table for each model. Columns of truth are dropped unread.
    masses : sequence of (m_resonance, m_x, m_y)
        Models within the shipped response, GeV, beside or in place of ``signals``.
    output : path, optional
        Folder for ``limits.json``, a table and figures, and for points that are done; nothing is written without it.
        It may be that of a finished run.
    luminosity : float, optional
        1/fb; gives limits on cross sections in fb, too.
    acceptance : float, optional
        Part of produced signal events that the tables of ``signals`` hold. Without it these limits are on
        sigma x B x acceptance. That of ``masses`` is known.
    config : AnalysisConfig or dict, optional
        Settings; ``limit.strengths``, ``limit.draws`` and ``limit.repeats`` say how signal is injected.
    search : str
        The search whose selection is trained; ``cwola``.
    windows : int
        Windows to look into, those that hold most of the signal; the one with the lowest expected limit answers.
    seed : int
        Seed; answers do not depend on ``workers``.
    workers, scheduler
        As in :func:`bumphunt.execution.parallel_map`.
    resume, overwrite : bool
        Go on with the points that ``output`` holds, or replace finished limits in it.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InputError
        If events, signals or settings cannot be used.
    """
    settings, models = as_config(config), _given(signals, masses, search, windows, seed)
    check_trainable(settings)
    if luminosity is None:
        luminosity = settings.limit.luminosity
    if luminosity is not None:
        check_luminosity(luminosity)
    intake = take_in(events, settings, networks=False)
    read = [_model(model, settings, acceptance, seed) for model in models]
    asked = {**request(intake.source, settings, seed), "windows": windows, "search": search}
    opened = nullcontext(None) if output is None else limit_store(output, asked, resume=resume, overwrite=overwrite)
    with opened as store:
        work = _Work(
            prepared=prepare_search(intake.events, settings, seed),
            n_events=len(intake.events),
            workers=workers,
            scheduler=scheduler,
            store=store,
            watch=partial(bar, shown=progress),
        )
        points = tuple(_point(work, model, search=search, windows=windows, luminosity=luminosity) for model in read)
        found = SignalLimits(
            schema_version=SCHEMA,
            input=intake.source,
            seed=seed,
            versions=versions(),
            config=settings.model_dump(mode="json"),
            points=points,
        )
        if store is not None:
            write_limits(found, store.output)
    return found


def limits_duration(
    events: Events,
    signals: Signal | Sequence[Signal] = (),
    *,
    masses: Sequence[Sequence[float]] = (),
    config: AnalysisConfig | dict[str, Any] | None = None,
    search: str = "cwola",
    windows: int = 1,
    seed: int = 1,
    workers: int = 1,
) -> Duration:
    """Say how long :func:`limits` would take, from the time of one repeat of one window; nothing is written."""
    settings, models = as_config(config), _given(signals, masses, search, windows, seed)
    intake = take_in(events, settings, networks=False)
    prepared = prepare_search(intake.events, settings, seed)
    searched: set[int] = set()
    injected = 0
    for model in models:
        read = _model(model, settings, None, seed)
        signal = signal_sample(prepared, read.table, name=read.name)
        for task in windows_of(prepared, signal, number=windows, name=read.name):
            searched.add(task.number)
            injected += len(injections_of(task, signal, strengths_of(task, None, signal), name=read.name))
    task = next(each for each in prepared.tasks if each.number in searched)
    once = settings.model_copy(update={"cwola": settings.cwola.model_copy(update={"repeats": 1})})
    start = time.perf_counter()
    window_models(replace(task, config=once))
    each = (time.perf_counter() - start) / settings.cwola.folds
    repeats = len(searched) * settings.cwola.repeats + injected * settings.limit.repeats
    return Duration(
        n_points=len(models), n_trainings=repeats * settings.cwola.folds, seconds_each=each, workers=workers
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Work:
    """What all points share."""

    prepared: Search
    n_events: int
    workers: int
    scheduler: str | None
    store: LimitStore | None
    watch: Any

    def outcome(self, task: WindowTask) -> WindowOutcome:
        """Return what training on the data themselves gives, computed once a window."""
        kept = None if self.store is None else self.store.window(task.number)
        if kept is None:
            kept = search_window(replace(task, threads=self.workers))
            if self.store is not None:
                self.store.keep_window(task.number, kept)
        return kept

    def train(self, injections: list[Injection], name: str) -> list[InjectionResult]:
        """Return what the trainings with injected signal give, in their order."""
        results: dict[int, InjectionResult] = {}
        todo = with_threads(injections, max(1, self.workers // len(injections)))
        with self.watch(name, len(todo), done=0) as advance:
            for index, found in parallel_map(inject, todo, workers=self.workers, scheduler=self.scheduler):
                results[index] = found
                advance()
        return [results[index] for index in range(len(todo))]


def _point(work: _Work, model: ModelEvents, *, search: str, windows: int, luminosity: float | None) -> ModelLimit:
    """Return the limit on one model, from the store where it is done."""
    place = hashlib.sha256(f"{model.key} {model.acceptance!r}".encode()).hexdigest()[:16]
    kept = None if work.store is None else work.store.point(place)
    if kept is None:
        signal = signal_sample(work.prepared, model.table, name=model.name)
        tried = []
        for task in windows_of(work.prepared, signal, number=windows, name=model.name):
            if task.config.limit.strengths is not None:  # refuse a small sample before anything is fitted
                injections_of(task, signal, task.config.limit.strengths, name=model.name)
            inclusive = inclusive_limit_of(work.prepared, task, signal)
            injections = injections_of(task, signal, strengths_of(task, inclusive, signal), name=model.name)
            trained = work.train(injections, model.name)
            selected = selected_limits(task, work.outcome(task), trained, n_events=work.n_events)
            choice = choose(inclusive, selected)
            tried.append(
                ModelLimit(
                    name=model.name,
                    masses=model.masses,
                    low=task.window.low,
                    high=task.window.high,
                    in_window=float(task.window.signal_region(signal.mjj).mean()),
                    search=search,
                    inclusive=choice.inclusive,
                    selected=choice.selected,
                    chosen=choice.chosen,
                    notes=choice.notes,
                    acceptance=model.acceptance,
                )
            )
        # the window, too, by what is expected
        kept = min(tried, key=lambda each: float(each.answer.expected[2]))
        if work.store is not None:
            work.store.keep_point(place, kept)
    return replace(kept, luminosity=luminosity, name=model.name)


def _given(
    signals: Signal | Sequence[Signal], masses: Sequence[Sequence[float]], search: str, windows: int, seed: int
) -> list[Signal | tuple[float, ...]]:
    """Return all models that are asked for, or refuse what makes no sense before anything is read."""
    if search == "prior":
        raise InputError(
            "search is 'prior', which is trained on simulated signal of all masses and not again with one model "
            "injected; limits are set by 'cwola'"
        )
    if search not in SEARCHES:
        raise InputError(f"no limits can be set by the search {search!r}; choose one of {', '.join(SEARCHES)}")
    if windows < 1:
        raise InputError(f"windows is {windows}; give at least 1")
    if seed < 0:
        raise InputError(f"seed is {seed}; give a number of at least 0")
    several = [signals] if isinstance(signals, pd.DataFrame | str | Path) else list(signals)
    found = [*several, *(tuple(point) for point in masses)]
    if not found:
        raise InputError("no signal is given; name files of simulated events, or masses (m_resonance, m_x, m_y) in GeV")
    return found


def _model(
    given: Signal | tuple[float, ...], config: AnalysisConfig, acceptance: float | None, seed: int
) -> ModelEvents:
    if isinstance(given, tuple):
        return model_of_masses(given, config, seed=seed)
    if acceptance is not None and not 0 < acceptance <= 1:
        raise InputError(f"acceptance {acceptance:g} gives no cross section; it must lie between 0 and 1")
    return read_model(given, config, acceptance=1.0 if acceptance is None else acceptance)
