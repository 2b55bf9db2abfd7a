"""``bumphunt run --dry-run``: what a run would do and about how long it would take; nothing is trained or written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bumphunt.calibration.whole_searches import null_searches
from bumphunt.config import AnalysisConfig
from bumphunt.execution import Workers
from bumphunt.jobs.costs import SPREAD, expected_seconds, in_words, stage_costs
from bumphunt.jobs.intake import Events, take_in
from bumphunt.jobs.own_calibration import searches_for
from bumphunt.jobs.requests import Request, RunOptions
from bumphunt.jobs.store import output_folder, refuse_foreign
from bumphunt.pipeline.networks import check_networks
from bumphunt.pipeline.prior_answer import reason_against
from bumphunt.pipeline.search import prepare_search


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DryRun:
    """What a run would do.

    Parameters
    ----------
    n_events, n_searched : int
        Events that a run would take, and those in the searched range.
    unit : str
        Unit of the searched variable.
    searched : (float, float)
        The searched range.
    windows : tuple of (float, float)
        Signal regions.
    cut_fractions : tuple of float
        Parts of the events that the cuts keep.
    features : tuple of str
        What the primary score sees.
    n_trainings : int
        Trainings of the primary score in all windows.
    searches : tuple of str
        Declared searches that apply to these events.
    networks : tuple of str
        Networks trained for cross-checks.
    seconds : dict
        Expected CPU seconds of each stage.
    workers : int
        Processes.
    """

    n_events: int
    n_searched: int
    unit: str
    searched: tuple[float, float]
    windows: tuple[tuple[float, float], ...]
    cut_fractions: tuple[float, ...]
    features: tuple[str, ...]
    n_trainings: int
    searches: tuple[str, ...]
    networks: tuple[str, ...]
    seconds: dict[str, float]
    workers: int

    @property
    def wall_seconds(self) -> float:
        """Expected duration."""
        return expected_seconds(self.seconds, workers=self.workers)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "n_events": self.n_events,
            "n_searched": self.n_searched,
            "unit": self.unit,
            "searched": list(self.searched),
            "windows": [list(each) for each in self.windows],
            "cut_fractions": list(self.cut_fractions),
            "features": list(self.features),
            "n_trainings": self.n_trainings,
            "searches": list(self.searches),
            "networks": list(self.networks),
            "seconds": {stage: round(each, 1) for stage, each in self.seconds.items()},
            "workers": self.workers,
            "wall_seconds": round(self.wall_seconds, 1),
        }

    def __str__(self) -> str:
        low, high = self.searched
        first, last = self.windows[0], self.windows[-1]
        places = 0 if high - low > 100.0 else 2
        longest = max(self.seconds, key=lambda stage: self.seconds[stage])
        cuts = ", ".join(f"{100 * fraction:g} %" for fraction in self.cut_fractions)
        return "\n".join(
            [
                f"events       {self.n_events}, {self.n_searched} of them searched, "
                f"{low:.{places}f} to {high:.{places}f} {self.unit}",
                f"searches     {', '.join(self.searches)}",
                f"windows      {len(self.windows)}, from {first[0]:.{places}f}-{first[1]:.{places}f} "
                f"to {last[0]:.{places}f}-{last[1]:.{places}f} {self.unit}",
                f"cuts         {cuts} of the events",
                f"features     {', '.join(self.features)}",
                f"trainings    {self.n_trainings} of the primary score; networks: {', '.join(self.networks) or 'none'}",
                f"time         about {in_words(self.wall_seconds)} with {self.workers} worker(s), within a factor "
                f"{SPREAD:g}; most of it: {longest}",
            ]
        )


def dry_run(
    events: Events,
    *,
    output: str | Path,
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int | Workers = 1,
    options: RunOptions | None = None,
) -> DryRun:
    """Read and check events, settings and folder as :func:`bumphunt.jobs.run.run_analysis` does, and stop there.

    Parameters are those of a run. No window is looked into, so that this is no look at the data, and nothing that is
    in the folder is changed.

    Raises
    ------
    InputError
        If a run would refuse the events, the settings or the folder.
    """
    asked = Request.of(config, seed, workers, options)
    settings, how = asked.config, asked.options
    with output_folder(output, resume=how.resume, overwrite=how.overwrite) as folder:
        if not how.resume:
            refuse_foreign(folder)
    blind = take_in(events, settings, options=how).events
    search = prepare_search(blind, settings, seed)
    check_networks(search.events, settings)
    if how.n_searches:
        null_searches(search, number=how.n_searches, seed=seed)
    elif isinstance(how.calibration, str | Path):
        searches_for(search, how.calibration)
    cwola = settings.cwola
    declared = [name for name in settings.searches if name != "prior" or reason_against(search) is None]
    names = {"vae": settings.vae.enabled, "autoencoder": settings.autoencoder.enabled}
    return DryRun(
        n_events=len(blind),
        n_searched=len(search.mjj),
        unit=settings.resonance.unit,
        searched=(float(search.edges[0]), float(search.edges[-1])),
        windows=tuple((task.window.low, task.window.high) for task in search.tasks),
        cut_fractions=tuple(settings.search.cut_fractions),
        features=search.features,
        n_trainings=len(search.tasks) * cwola.repeats * cwola.folds * cwola.members,
        searches=tuple(declared),
        networks=tuple(name for name, enabled in names.items() if enabled),
        seconds=stage_costs(
            settings.model_copy(update={"searches": declared}),
            n_events=len(blind),
            n_searched=len(search.mjj),
            n_windows=len(search.tasks),
            calibration=how.n_searches,
        ),
        workers=asked.workers.number,
    )
