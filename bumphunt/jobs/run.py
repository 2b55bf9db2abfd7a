"""``bumphunt run``: a hunt in a file, kept stage by stage in a folder, and written there when it is done."""

from pathlib import Path
from typing import Any

from bumphunt.config import AnalysisConfig
from bumphunt.jobs.hunt import hunt_and_keep
from bumphunt.jobs.provenance import request
from bumphunt.jobs.store import FolderKeeper, output_folder
from bumphunt.results import AnalysisResult


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
    """Search a file of events for a resonance and write result, workspace, figures and report.

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
    settings = config or AnalysisConfig()
    with output_folder(output, resume=resume, overwrite=overwrite) as folder:

        def keeper(source: dict[str, Any]) -> FolderKeeper:
            return FolderKeeper(folder, request(source, settings, seed), resume=resume)

        found = hunt_and_keep(
            events,
            config=settings,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
            keeper=keeper,
        )
        found.write_into(folder)
        return found.result
