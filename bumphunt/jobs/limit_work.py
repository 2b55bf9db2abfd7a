"""What all limits of one request share: the data, their trained searches, where what is done is kept, the workers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bumphunt.errors import InputError, NotSearchedError
from bumphunt.execution import Workers
from bumphunt.jobs.limit_files import LimitStore
from bumphunt.jobs.progress import bar
from bumphunt.jobs.signal_models import ModelEvents
from bumphunt.pipeline.injections import SignalSample, inject
from bumphunt.pipeline.prior_limit import PriorData, PriorSignal, inject_prior, prior_limit
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.signal_limit import injections_of, selected_limits, strengths_of, with_threads
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, search_window
from bumphunt.results import MethodLimit

Task = TypeVar("Task")
Found = TypeVar("Found")

CWOLA, PRIOR, BEST = "cwola", "prior", "best"
SEARCHES = (CWOLA, PRIOR, BEST)
"""Searches that set limits; the last is both, and of their limits the one with the lowest expectation."""


@dataclass(kw_only=True, eq=False)
class Work:
    """What all models share; ``search`` is one of :data:`SEARCHES`."""

    prepared: Search
    n_events: int
    search: str
    workers: Workers
    store: LimitStore | None
    _prior: PriorData | None = field(default=None)

    def prior(self) -> PriorData:
        """Return the data with the score of the prior-assisted search, trained once."""
        if self._prior is None:
            self._prior = PriorData.of(self.prepared)
        return self._prior

    def limits_in(
        self, task: WindowTask, model: ModelEvents, sample: SignalSample, inclusive: MethodLimit | None
    ) -> tuple[tuple[MethodLimit, ...], tuple[str, ...]]:
        """Return the limits on a model after selection in a window, and sentences that belong to them."""
        found: tuple[MethodLimit, ...] = ()
        if self.search != PRIOR:
            injections = injections_of(task, sample, strengths_of(task, inclusive), name=model.name)
            threads = max(1, self.workers.number // len(injections))
            trained = self._map(inject, with_threads(injections, threads), model.name)
            found = selected_limits(task, self._outcome(task), trained, n_events=self.n_events)
        if self.search == CWOLA:
            return found, ()
        try:
            limit = self._prior_limit(task, model, sample)
        except NotSearchedError as error:
            if self.search == PRIOR:
                raise InputError(f"the prior-assisted search sets no limit here: {error}; choose 'cwola'") from error
            return found, (f"the prior-assisted search was left out: {error}",)
        if limit is None:
            return found, ("the prior-assisted search excludes no number of them",)
        return (*found, limit), ()

    def _prior_limit(self, task: WindowTask, model: ModelEvents, sample: SignalSample) -> MethodLimit | None:
        data = self.prior()
        signal = PriorSignal.of(data, sample, model.table, name=model.name)
        name = f"{model.name}, prior"
        return prior_limit(
            data,
            task.window,
            signal,
            lambda injections: self._map(inject_prior, injections, name),
            n_events=self.n_events,
        )

    def _outcome(self, task: WindowTask) -> WindowOutcome:
        """Return what training on the data themselves gives, computed once a window."""
        kept = None if self.store is None else self.store.window(task.number)
        if kept is None:
            kept = search_window(replace(task, threads=self.workers.number))
            if self.store is not None:
                self.store.keep_window(task.number, kept)
        return kept

    def _map(self, function: Callable[[Task], Found], tasks: Sequence[Task], name: str) -> list[Found]:
        """Return what the trainings with injected signal give, in their order."""
        results: dict[int, Found] = {}
        with bar(name, len(tasks), done=0, shown=self.workers.progress) as advance:
            for index, found in self.workers.map(function, tasks):
                results[index] = found
                advance()
        return [results[index] for index in range(len(tasks))]
