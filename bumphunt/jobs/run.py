"""``bumphunt run``: a hunt in a file, kept stage by stage in a folder, and written there when it is done."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.jobs.hunt import Hunt, hunt_and_keep
from bumphunt.jobs.looks import LEDGER, Look, record_look, request_key, sentence
from bumphunt.jobs.models import MODELS, check_onnx
from bumphunt.jobs.models import save_models as write_models
from bumphunt.jobs.own_calibration import Asked, check_asked, request_of
from bumphunt.jobs.progress import run_bar
from bumphunt.jobs.provenance import request
from bumphunt.jobs.store import RunKeeper, output_folder
from bumphunt.pipeline.frozen_selection import FrozenSelection, check_models_can_be_kept
from bumphunt.pipeline.hunt import Findings
from bumphunt.results import AnalysisResult
from bumphunt.table.preparation import MAX_BAD_ROWS

logger = logging.getLogger(__name__)


def run_analysis(
    events: str | Path | Sequence[str | Path],
    *,
    output: str | Path,
    config: AnalysisConfig | None = None,
    seed: int = 1,
    workers: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    max_bad_rows: float = MAX_BAD_ROWS,
    luminosity_mask: str | Path | None = None,
    ledger: str | Path | None = None,
    plan: str | None = None,
    save_models: bool = False,
    onnx: bool = False,
    calibration: Asked | None = None,
    progress: bool = False,
) -> AnalysisResult:
    """Search a file of events for a resonance and write result, workspace, figures and report.

    Parameters
    ----------
    events : path or several paths
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
        Replace a finished result in ``output``, which is an error otherwise; it stays until the new one is complete.
    max_bad_rows, luminosity_mask
        As in :func:`bumphunt.jobs.ingest.read_events`.
    ledger : path, optional
        A ledger of looks (:mod:`bumphunt.jobs.looks`) beside the one in ``output``.
    plan : str, optional
        Hash of the frozen plan that ``config`` and ``seed`` are from, to be recorded.
    save_models : bool
        Write the trained models of the best window into ``models/``, for :func:`bumphunt.jobs.apply_models`. They are
        trained once more for it.
    onnx : bool
        Write these as ONNX as well.
    calibration : int or path, optional
        As in :func:`bumphunt.jobs.hunt.hunt`; the searches are written to ``calibration.json`` in ``output``.
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
    if save_models:
        check_models_can_be_kept(settings)
    if onnx:
        if not save_models:
            raise InputError("onnx writes the saved models in another form; ask for save_models as well")
        check_onnx(settings)
    check_asked(calibration, settings)
    asked = request_of(calibration)
    with output_folder(output, resume=resume, overwrite=overwrite) as folder, run_bar(shown=progress) as bar:
        keepers: list[RunKeeper] = []

        def keeper(source: dict[str, Any]) -> RunKeeper:
            keepers.append(RunKeeper(folder, {**request(source, settings, seed), **asked}, resume=resume))
            return keepers[-1]

        found = hunt_and_keep(
            events,
            config=settings,
            seed=seed,
            bar=bar,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
            max_bad_rows=max_bad_rows,
            luminosity_mask=luminosity_mask,
            keeper=keeper,
            calibration=calibration,
        )
        found = found.with_looks(_looks(found, folder, ledger, seed=seed, plan=plan))
        bar.enter("report")
        place = keepers[-1].begin_writing()
        found.write_into(place)
        if save_models:
            write_models(place / MODELS, _trained_selection(found.findings, threads=workers), settings, onnx=onnx)
        keepers[-1].finish()
        return found.result


def _trained_selection(findings: Findings, *, threads: int) -> FrozenSelection:
    """Train the models of the best window once more; those of the prior-assisted search are not kept."""
    best = findings.verdict.best
    task, result = best.task, best.result
    if findings.verdict.search == "prior":
        logger.warning(
            "the smaller p-value is that of the prior-assisted search, whose models are not kept: the models written "
            "are those of the other search's best window"
        )
        result = min((found for found in best.scan.windows[:-1] if not found.note), key=lambda found: found.p_local)
        place = (result.low, result.high)
        task = next(each for each in findings.search.tasks if (each.window.low, each.window.high) == place)
    return FrozenSelection.of(findings.search, task, best=result.cut_fraction, threads=threads)


def _looks(found: Hunt, folder: Path, ledger: str | Path | None, *, seed: int, plan: str | None) -> dict[str, Any]:
    """Note this look at the events, and return what is known of others."""
    source, settings = found.result.input, AnalysisConfig.model_validate(found.result.config)
    key = request_key(request(source, settings, seed))
    ledgers = [folder / LEDGER, *([] if ledger is None else [Path(ledger)])]
    others: dict[str, Look] = {}
    for path in ledgers:
        looks = record_look(path, events=source["content"], request=key, seed=seed, answers=found.answers)
        others |= {look.request: look for look in looks}
    before = tuple(sorted(others.values(), key=lambda look: look.when))
    return {"number": len(before) + 1, "text": sentence(before), "plan": plan}
