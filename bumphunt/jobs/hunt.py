"""A hunt for everybody: a table or a file of events in, the three answers and all behind them out.

Nothing is written before :meth:`Hunt.save`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bumphunt.calibration.whole_searches import WholeSearches
from bumphunt.config import AnalysisConfig
from bumphunt.events import BlindEvents
from bumphunt.execution import Workers
from bumphunt.files import write_json
from bumphunt.jobs.candidates import write_candidates
from bumphunt.jobs.costs import stage_costs
from bumphunt.jobs.intake import Events, take_in
from bumphunt.jobs.own_calibration import FILE, OwnCalibration
from bumphunt.jobs.progress import RunBar, run_bar
from bumphunt.jobs.provenance import versions
from bumphunt.jobs.replacement import replacing
from bumphunt.jobs.requests import Calibration, Request, RunOptions
from bumphunt.jobs.store import output_folder, refuse_foreign
from bumphunt.pipeline.final_state import content_columns
from bumphunt.pipeline.hunt import Clock, Findings, Hooks, hunt_events
from bumphunt.pipeline.keeping import Keeper, Memory
from bumphunt.results import (
    SCHEMA_VERSION,
    AnalysisResult,
    Answers,
    Check,
    MassFit,
    Products,
    ScanResult,
    SpectrumFit,
    UpperLimit,
)
from bumphunt.results.html import answers_html
from bumphunt.significance.workspace import labelled

logger = logging.getLogger(__name__)

LABEL_DIGITS = 8
"""Digits of the digest of the events' content by which names in workspaces tell them apart."""

KeeperFor = Callable[[dict[str, Any]], Keeper]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Hunt:
    """What a hunt found.

    Parameters
    ----------
    result : AnalysisResult
        What ``result.json`` holds.
    products : Products
        What figures are drawn from.
    scores : pandas.Series
        Anomaly score of the best window, aligned with the input's index: rank in (0, 1), higher is more anomalous;
        NaN outside the searched range.
    findings : Findings
        The parts, as the chain handed them on; for those who extend it.
    calibration : WholeSearches or None
        The searches without signal that significances were calibrated by, where these were asked for.
    """

    result: AnalysisResult
    products: Products
    scores: "pd.Series[float]"
    findings: Findings
    calibration: WholeSearches | None = None

    @property
    def answers(self) -> Answers:
        """The three answers."""
        return self.result.answers

    @property
    def checks(self) -> tuple[Check, ...]:
        """Quality checks, each with the threshold declared beforehand."""
        return self.result.checks

    @property
    def scan(self) -> ScanResult:
        """All windows and cuts."""
        return self.products.scan

    @property
    def inclusive(self) -> SpectrumFit:
        """The spectrum before any selection, with its fit."""
        return self.products.inclusive

    @property
    def mass_fit(self) -> MassFit | None:
        """Masses and yield, where an excess gives reason to fit them."""
        return self.products.mass_fit

    @property
    def limit(self) -> UpperLimit | None:
        """Upper limit on a narrow resonance in the inclusive spectrum."""
        return self.products.limit

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # only what is not found elsewhere
            where = f"; it is in .answers.{name}" if name in Answers.__dataclass_fields__ else ""
            raise AttributeError(f"a Hunt has no {name!r}{where}")

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write what ``bumphunt run`` writes: result, products, workspaces, candidates, figures and report.

        Parameters
        ----------
        folder : path
            Made if missing.
        overwrite : bool
            Replace a finished result in it, which is an error otherwise.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            If it holds a finished result, or files of these names that this program did not make, or cannot be
            written to.
        """
        with output_folder(folder, resume=False, overwrite=overwrite) as directory:
            refuse_foreign(directory)
            with replacing(directory) as place:
                self.write_into(place)
            return directory

    def write_into(self, directory: Path) -> None:
        """Write all files of a hunt into a folder that is ours already."""
        write_json(directory / "workspace.json", self.findings.workspaces["selected"])
        if "inclusive" in self.findings.workspaces:
            write_json(directory / "workspace_inclusive.json", self.findings.workspaces["inclusive"])
        best = self.findings.verdict.best
        events = self.findings.search.events
        write_candidates(
            directory / "candidates.csv",
            events,
            best.outcome.score,
            best.candidates(),
            columns=content_columns(best.task.config, events),
        )
        if self.calibration is not None:
            write_json(directory / FILE, {"searches": self.calibration.to_dict()})
        write_json(directory / "products.json", self.products.to_dict())
        write_json(directory / "result.json", self.result.to_dict())
        from bumphunt.report.html import write_report

        write_report(directory)

    def with_looks(self, looks: dict[str, Any]) -> "Hunt":
        """Return the same hunt with what is known of other looks at its events."""
        return replace(self, result=replace(self.result, looks=looks))

    def __str__(self) -> str:
        return str(self.answers)

    def __repr__(self) -> str:
        found = self.answers
        return (
            f"<Hunt in {self.result.input['n_events']} events: {found.status}, z_global = {found.z_global:.2f}, "
            f"{len(self.scan.windows)} windows and cuts>"
        )

    def _repr_html_(self) -> str:
        return answers_html(self.answers, self.inclusive)


def hunt(
    events: Events,
    *,
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool = False,
    calibration: Calibration | None = None,
) -> Hunt:
    """Search events for a resonance: p-value, masses, number of signal events.

    Parameters
    ----------
    events : DataFrame, path or several paths
        One row an event with the columns of :mod:`bumphunt.events`, masses in GeV; or files of them in any layout of
        :func:`bumphunt.jobs.ingest.read_events`. A truth column is dropped unread, copies of events are dropped.
    config : AnalysisConfig or dict, optional
        Settings, as an object or as plain data like ``{"search": {"windows": [[3300, 3700]]}}``; the default otherwise.
    seed : int
        Seed; answers depend on it and on the events, not on ``workers``.
    workers, scheduler
        As in :func:`bumphunt.execution.parallel_map`.
    progress : bool
        Show a progress bar.
    calibration : int or path, optional
        Calibrate significances on these events: by so many whole searches, training included, of pseudo-data of either
        kind (:mod:`bumphunt.calibration.whole_searches`) by each declared search, or by a file of them; what was
        measured on simulated boxes otherwise.

    Returns
    -------
    Hunt
        Answers, checks, scan, masses, limit, a score for each event. Nothing is written before :meth:`Hunt.save`.

    Raises
    ------
    InputError
        If events or settings cannot be used.
    """
    request = Request.of(config, seed, Workers(workers, scheduler, progress), RunOptions(calibration=calibration))
    with run_bar(shown=progress) as bar:
        return hunt_and_keep(events, request, bar=bar)


def hunt_and_keep(events: Events, request: Request, *, bar: RunBar, keeper: KeeperFor | None = None) -> Hunt:
    """Hunt, with finished stages kept by ``keeper(description of the input)`` and followed by ``bar``."""
    config, options = request.config, request.options
    own = None if options.calibration is None else OwnCalibration(asked=request, watch=bar.watch)

    def expect(stage: str, found: dict[str, Any]) -> None:
        if stage == "spectrum":
            sizes = {name: found[name] for name in ("n_searched", "n_windows")}
            bar.expect(stage_costs(config, n_events=n_events, **sizes, calibration=options.n_searches))

    clock = Clock(entered=bar.enter, left=expect)
    with clock.stage("events") as found:
        intake = take_in(events, config, options=options, progress=request.workers.progress)
        found["n_events"] = n_events = len(intake.events)
        # the search makes a table of its own, and this one is not to stay beside it
        events_in, intake = [intake.events], replace(intake, events=BlindEvents(intake.events.iloc[:0]))
    findings = hunt_events(
        events_in.pop(),
        config,
        seed=request.seed,
        workers=request.workers,
        hooks=Hooks(
            keeper=Memory() if keeper is None else keeper(intake.source), watch=bar.watch, clock=clock, calibrate=own
        ),
    )
    label = intake.source["content"][:LABEL_DIGITS]
    findings = replace(findings, workspaces={name: labelled(each, label) for name, each in findings.workspaces.items()})
    scores = np.full(n_events, np.nan)
    scores[findings.search.rows] = findings.verdict.best.outcome.score
    result = AnalysisResult(
        schema_version=SCHEMA_VERSION,
        input=intake.source,
        seed=request.seed,
        versions=versions(),
        config=config.model_dump(mode="json"),
        answers=findings.answers,
        checks=findings.verdict.checks,
        stages=findings.stages,
        signals=tuple(replace(each.answers(), mass_unit=config.resonance.unit) for each in findings.further),
        data_quality=intake.quality.to_dict(),
    )
    return Hunt(
        result=result,
        products=findings.products,
        scores=intake.per_row(scores).rename("anomaly_score"),
        findings=findings,
        calibration=own.searches if own is not None else None,
    )
