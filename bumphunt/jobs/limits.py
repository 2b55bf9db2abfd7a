"""Limits on signal models by training with injected signal: files or tables and models in, limits out.

Each model is a point of its own; what a point found is kept in the output folder, and an interrupted grid goes on
with the next.
"""

import hashlib
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError, NotSearchedError
from bumphunt.execution import Workers
from bumphunt.jobs.intake import Events, take_in
from bumphunt.jobs.limit_files import LimitStore, limit_store, write_limits
from bumphunt.jobs.limit_work import BEST, CWOLA, PRIOR, SEARCHES, Work
from bumphunt.jobs.provenance import request, versions
from bumphunt.jobs.requests import Request
from bumphunt.jobs.signal_models import ModelEvents, model_of_masses, read_model
from bumphunt.keywords import gathered
from bumphunt.pipeline.fold_selection import window_models
from bumphunt.pipeline.prior_limit import PriorData, prior_trainings
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.signal_limit import (
    check_trainable,
    choose,
    inclusive_limit_of,
    injections_of,
    signal_sample,
    strengths_of,
    windows_of,
)
from bumphunt.results import ModelLimit, SignalLimits
from bumphunt.significance.limits import check_luminosity

SCHEMA = "1"

Signal = pd.DataFrame | str | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long limits will take: one training was timed, and is multiplied."""

    n_points: int
    n_trainings: int
    seconds_each: float
    workers: int
    n_prior: int = 0
    seconds_prior: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds in all, by this number of workers."""
        return (self.n_trainings * self.seconds_each + self.n_prior * self.seconds_prior) / self.workers

    def to_dict(self) -> dict[str, float | int]:
        """Return it as plain data."""
        return {
            "n_points": self.n_points,
            "n_trainings": self.n_trainings,
            "seconds_each": round(self.seconds_each, 4),
            "n_prior_trainings": self.n_prior,
            "seconds_prior_each": round(self.seconds_prior, 4),
            "workers": self.workers,
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        many = f"{self.n_points} points" if self.n_points > 1 else "1 point"
        parts = []
        if self.n_trainings:
            parts.append(f"{self.n_trainings} classifiers of {self.seconds_each:.3g} s each")
        if self.n_prior:
            parts.append(f"{self.n_prior} trainings of the prior-assisted search of {self.seconds_prior:.3g} s each")
        return (
            f"{many}, {' and '.join(parts)}: about {self.seconds:.3g} s "
            f"with {self.workers} worker{'s' if self.workers > 1 else ''}, and a few seconds a point for fits"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """Which limits are set, and where they are kept.

    Parameters
    ----------
    output : path, optional
        Folder for ``limits.json``, a table and figures, and for points that are done; nothing is written without it.
        It may be that of a finished run.
    resume, overwrite : bool
        Go on with the points that ``output`` holds, or replace finished limits in it.
    masses : sequence of (m_resonance, m_x, m_y)
        Models within the shipped response, GeV, beside or in place of simulated events.
    luminosity : float, optional
        1/fb; gives limits on cross sections in fb, too.
    acceptance : float, optional
        Part of produced signal events that the tables of signal hold. Without it these limits are on
        sigma x B x acceptance. That of ``masses`` is known.
    search : str, optional
        The search that sets limits: ``cwola``, ``prior``, or ``best``, both and of their limits the one with the lowest
        expectation, never the observed one. By default ``best`` where the configuration names both, else ``cwola``.
    windows : int
        Windows to look into, those that hold most of the signal; the one with the lowest expected limit answers.
    """

    output: str | Path | None = None
    resume: bool = False
    overwrite: bool = False
    masses: Sequence[Sequence[float]] = ()
    luminosity: float | None = None
    acceptance: float | None = None
    search: str | None = None
    windows: int = 1

    def check(self) -> None:
        """Refuse what makes no sense before anything is read.

        Raises
        ------
        InputError
            With the remedy.
        """
        if self.search is not None and self.search not in SEARCHES:
            raise InputError(f"no limits can be set by the search {self.search!r}; choose one of {', '.join(SEARCHES)}")
        if self.windows < 1:
            raise InputError(f"windows is {self.windows}; give at least 1")


@gathered(options=LimitOptions, workers=Workers)
def limits(
    events: Events,
    signals: Signal | Sequence[Signal] = (),
    *,
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int | Workers = 1,
    options: LimitOptions | None = None,
) -> SignalLimits:
    """Set upper limits on signal models, the search trained anew with each signal injected at several strengths.

    Parameters
    ----------
    events : DataFrame, path or several paths
        The data, as for :func:`bumphunt.hunt`.
    signals : DataFrame, path or several of them
        Simulated events, a table for each model. Columns of truth are dropped unread.
    config : AnalysisConfig or dict, optional
        Settings; ``limit.strengths``, ``limit.draws`` and ``limit.repeats`` say how signal is injected.
    seed : int
        Seed; answers do not depend on ``workers``.
    workers : int or Workers
        Who trains.
    options : LimitOptions, optional
        Models by their masses, luminosity, windows, and where points are kept.

    Raises
    ------
    InputError
        If events, signals or settings cannot be used.
    """
    asked, how = Request.of(config, seed, workers), options or LimitOptions()
    settings, models = asked.config, _given(events, signals, how)
    search = search_of(settings, how.search)
    luminosity = settings.limit.luminosity if how.luminosity is None else how.luminosity
    if luminosity is not None:
        check_luminosity(luminosity)
    intake = take_in(events, settings, networks=False)
    read = [_model(model, asked, how) for model in models]
    limited = {**request(intake.source, settings, seed), "windows": how.windows, "search": search}
    with _store(how, limited) as store:
        work = Work(
            prepared=prepare_search(intake.events, settings, seed),
            n_events=len(intake.events),
            search=search,
            workers=asked.workers,
            store=store,
        )
        points = tuple(_point(work, model, windows=how.windows, luminosity=luminosity) for model in read)
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
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int | Workers = 1,
    options: LimitOptions | None = None,
) -> Duration:
    """Say how long :func:`limits` would take, from the time of one repeat of one window; nothing is written."""
    asked, how = Request.of(config, seed, workers), options or LimitOptions()
    settings, models = asked.config, _given(events, signals, how)
    search = search_of(settings, how.search)
    intake = take_in(events, settings, networks=False)
    prepared = prepare_search(intake.events, settings, seed)
    searched: set[int] = set()
    injected = n_prior = 0
    for model in models:
        read = _model(model, asked, replace(how, acceptance=None))
        signal = signal_sample(prepared, read.table, name=read.name)
        for task in windows_of(prepared, signal, number=how.windows, name=read.name):
            searched.add(task.number)
            injected += len(injections_of(task, signal, strengths_of(task, None), name=read.name))
            n_prior += prior_trainings(settings)
    task = next(each for each in prepared.tasks if each.number in searched)
    each = seconds_each = 0.0
    n_trainings = 0
    if search != PRIOR:
        once = settings.model_copy(update={"cwola": settings.cwola.model_copy(update={"repeats": 1})})
        start = time.perf_counter()
        window_models(replace(task, config=once))
        each = (time.perf_counter() - start) / settings.cwola.folds
        repeats = len(searched) * settings.cwola.repeats + injected * settings.limit.repeats
        n_trainings = repeats * settings.cwola.folds
    if search != CWOLA:
        start = time.perf_counter()
        try:
            PriorData.of(prepared)
        except NotSearchedError as error:
            if search == PRIOR:
                raise InputError(f"the prior-assisted search sets no limit here: {error}; choose 'cwola'") from error
            n_prior = -1
        seconds_each = time.perf_counter() - start
    return Duration(
        n_points=len(models),
        n_trainings=n_trainings,
        seconds_each=each,
        n_prior=0 if search == CWOLA else n_prior + 1,
        seconds_prior=seconds_each,
        workers=asked.workers.number,
    )


def _point(work: Work, model: ModelEvents, *, windows: int, luminosity: float | None) -> ModelLimit:
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
            selected, said = work.limits_in(task, model, signal, inclusive)
            choice = choose(inclusive, selected)
            tried.append(
                ModelLimit(
                    name=model.name,
                    masses=model.masses,
                    low=task.window.low,
                    high=task.window.high,
                    in_window=float(task.window.signal_region(signal.mjj).mean()),
                    search=choice.search or (CWOLA if work.search == BEST else work.search),
                    inclusive=choice.inclusive,
                    selected=choice.selected,
                    chosen=choice.chosen,
                    notes=(*choice.notes, *said),
                    acceptance=model.acceptance,
                )
            )
        # the window, too, by what is expected
        kept = min(tried, key=lambda each: float(each.answer.expected[2]))
        if work.store is not None:
            work.store.keep_point(place, kept)
    return replace(kept, luminosity=luminosity, name=model.name)


def search_of(config: AnalysisConfig, search: str | None) -> str:
    """Return the search that sets limits, and refuse settings with which it cannot."""
    found = search or (BEST if "prior" in config.searches else CWOLA)
    if found != PRIOR:
        check_trainable(config)
    return found


def _store(options: LimitOptions, request: dict[str, Any]) -> AbstractContextManager[LimitStore | None]:
    if options.output is None:
        return nullcontext(None)
    return limit_store(options.output, request, resume=options.resume, overwrite=options.overwrite)


def _given(
    events: Events, signals: Signal | Sequence[Signal], options: LimitOptions
) -> list[Signal | tuple[float, ...]]:
    """Return all models that are asked for, or refuse what makes no sense before anything is read."""
    options.check()
    several = [signals] if isinstance(signals, pd.DataFrame | str | Path) else list(signals)
    if any(isinstance(point, Real) for point in options.masses):
        raise InputError(f"masses is {options.masses!r:.60}; give a list of points, as in [(3500, 500, 100)]")
    for one in several:
        if one is events or (isinstance(one, str | Path) and isinstance(events, str | Path) and _same(one, events)):
            what = "the table" if isinstance(one, pd.DataFrame) else str(one)
            raise InputError(f"{what} is given as the data and as the signal; give simulated events of the model")
    found = [*several, *(tuple(point) for point in options.masses)]
    if not found:
        raise InputError("no signal is given; name files of simulated events, or masses (m_resonance, m_x, m_y) in GeV")
    return found


def _same(one: str | Path, other: str | Path) -> bool:
    return Path(one).expanduser().resolve() == Path(other).expanduser().resolve()


def _model(given: Signal | tuple[float, ...], asked: Request, options: LimitOptions) -> ModelEvents:
    if isinstance(given, tuple):
        return model_of_masses(given, asked.config, seed=asked.seed)
    acceptance = options.acceptance
    if acceptance is not None and not 0 < acceptance <= 1:
        raise InputError(f"acceptance {acceptance:g} gives no cross section; it must lie between 0 and 1")
    return read_model(given, asked.config, acceptance=1.0 if acceptance is None else acceptance)
