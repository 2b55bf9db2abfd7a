"""``bumphunt run``: a hunt in a file, kept stage by stage in a folder, and written there when it is done."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.execution import Workers
from bumphunt.jobs.hunt import Hunt, hunt_and_keep
from bumphunt.jobs.looks import LEDGER, Look, check_ledger, record_look, request_key, sentence
from bumphunt.jobs.models import MODELS, check_onnx
from bumphunt.jobs.models import save_models as write_models
from bumphunt.jobs.own_calibration import request_of
from bumphunt.jobs.progress import run_bar
from bumphunt.jobs.provenance import request
from bumphunt.jobs.requests import Request, RunOptions
from bumphunt.jobs.store import RunKeeper, output_folder
from bumphunt.keywords import gathered
from bumphunt.pipeline.frozen_selection import FrozenSelection, check_models_can_be_kept
from bumphunt.pipeline.hunt import Clock, Findings
from bumphunt.results import AnalysisResult

logger = logging.getLogger(__name__)


@gathered(options=RunOptions, workers=Workers)
def run_analysis(
    events: str | Path | Sequence[str | Path],
    *,
    output: str | Path,
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int | Workers = 1,
    options: RunOptions | None = None,
) -> AnalysisResult:
    """Search a file of events for a resonance and write result, workspace, figures and report.

    Parameters
    ----------
    events : path or several paths
        Events in any layout of :func:`bumphunt.jobs.ingest.read_events`. A truth column is dropped unread.
    output : path
        Folder for ``result.json``, ``report.html``, ``workspace.json`` and ``figures/``.
    config : AnalysisConfig or dict, optional
        Settings; the default otherwise.
    seed : int
        Seed of the run; answers depend on it and on the events, not on ``workers``.
    workers : int or Workers
        Local processes; or these, a Dask scheduler, and whether progress is shown.
    options : RunOptions, optional
        Whether to resume or to overwrite, which rows to take, what else to keep, how to calibrate.

    Returns
    -------
    AnalysisResult
        What ``result.json`` holds.

    Raises
    ------
    InputError
        If events or settings cannot be used, or ``output`` cannot be written to or holds a finished result.
    """
    asked = Request.of(config, seed, workers, options)
    settings, how = asked.config, asked.options
    if how.save_models:
        check_models_can_be_kept(settings)
    if how.onnx:
        if not how.save_models:
            raise InputError("onnx writes the saved models in another form; ask for save_models as well")
        check_onnx(settings)
    calibrated = request_of(how.calibration)
    opened = output_folder(output, resume=how.resume, overwrite=how.overwrite)
    with opened as folder, run_bar(shown=asked.workers.progress) as bar:
        for ledger in _ledgers(folder, asked):
            check_ledger(ledger)
        keepers: list[RunKeeper] = []

        def keeper(source: dict[str, Any]) -> RunKeeper:
            wanted = {**request(source, settings, seed), **calibrated}
            keepers.append(RunKeeper(folder, wanted, resume=how.resume))
            return keepers[-1]

        found = hunt_and_keep(events, asked, bar=bar, keeper=keeper)
        found = found.with_looks(_looks(found, folder, asked))
        place = keepers[-1].begin_writing()
        with Clock(entered=bar.enter).stage("report"):
            found.write_into(place)
        if how.save_models:
            trained = _trained_selection(found.findings, threads=asked.workers.number)
            write_models(place / MODELS, trained, settings, onnx=how.onnx)
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


def _ledgers(folder: Path, asked: Request) -> list[Path]:
    own = asked.options.ledger
    return [folder / LEDGER, *([] if own is None else [Path(own)])]


def _looks(found: Hunt, folder: Path, asked: Request) -> dict[str, Any]:
    """Note this look at the events, and return what is known of others."""
    source = found.result.input
    key = request_key(request(source, asked.config, asked.seed))
    others: dict[str, Look] = {}
    for path in _ledgers(folder, asked):
        looks = record_look(path, events=source["content"], request=key, seed=asked.seed, answers=found.answers)
        others |= {look.request: look for look in looks}
    before = tuple(sorted(others.values(), key=lambda look: look.when))
    return {"number": len(before) + 1, "text": sentence(before), "plan": asked.options.plan}
