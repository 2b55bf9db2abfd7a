"""The prior-assisted search as a part of a hunt: where it applies, what is kept, its calibration, its selection."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import NotSearchedError
from bumphunt.events import BlindEvents, drop_truth
from bumphunt.execution import ALONE, Workers
from bumphunt.masses.acceptance import Select
from bumphunt.masses.hypotheses import known_features
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.final_state import is_dijet
from bumphunt.pipeline.keeping import Arrays, Keeper, Memory, Watch, unwatched
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.ordinary_events import LEFT_OUT
from bumphunt.pipeline.prior_null import (
    NOT_REPEATED,
    calibrated,
    excess_left,
    not_tested,
    prior_null,
    with_decisive_first,
)
from bumphunt.pipeline.prior_search import (
    PreparedPrior,
    PriorFindings,
    covered_windows,
    dismiss_idle,
    prepare_prior,
    scan_hypotheses,
    what_it_sees,
)
from bumphunt.pipeline.prior_windows import PriorSettings, score_by
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask
from bumphunt.preprocessing.content import Keys, fold_assignments
from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import HypothesisScan, WindowResult
from bumphunt.scores.ranks import ranks
from bumphunt.scores.weak_supervision import leakage
from bumphunt.significance.checks import fold_agreement
from bumphunt.significance.permutations import Tail
from bumphunt.statistics import p_from_z

FloatArray = npt.NDArray[np.float64]

FOLDS = 2
"""Parts of the events, each scored by models of signal against the other."""

NOT_DIJET = "it knows simulated resonances of mjj with the two daughters mj1 and mj2 only"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorAnswer:
    """What the prior-assisted search found, None where it was left out; sentences say why, or what it covers."""

    findings: PriorFindings | None
    said: tuple[str, ...] = ()
    null: Null = field(default_factory=lambda: Null(method="none"))

    @property
    def z_global(self) -> float:
        """Significance over all its windows and hypotheses, calibrated."""
        return float("nan") if self.findings is None else calibrated(self.findings.z_global, self.null)

    def calibrated_by(self, own: Null | None) -> "PriorAnswer":
        """Return the same, its significance calibrated by whole searches of the file's own pseudo-data.

        None says that a calibration repeated the other search only: the null stays as it is, and a sentence says so.
        """
        if self.findings is None:
            return self
        if own is None:
            return replace(self, said=(*self.said, NOT_REPEATED))
        elsewhere = not_tested(len(self.findings.selected))
        own = with_decisive_first(own, self.findings.z_global)
        said = tuple(each for each in self.said if each not in elsewhere)
        return replace(self, null=own, said=(*said, *excess_left(own)))

    def summary(self) -> dict[str, float | int | str]:
        """Return what the result file says of the stage."""
        if self.findings is None:
            return {"left_out": self.said[0]}
        best = self.findings.maps[self.findings.best]
        return {
            "low": best.low,
            "high": best.high,
            "m_x": best.best_m_x,
            "m_y": best.best_m_y,
            "z_local": self.findings.z_local,
            "z_global": self.z_global,
            "n_windows": len(self.findings.maps),
            "n_hypotheses": sum(each.n_hypotheses for each in self.findings.maps),
        }


def reason_against(search: Search) -> str | None:
    """Return why the prior-assisted search does not apply to these events, as far as that is known before; or None."""
    config = search.tasks[0].config
    if not is_dijet(config):
        return NOT_DIJET
    table = response_named(config.masses.response).table
    try:
        what_it_sees(search.events, _covered(search), search.edges, settings=_settings(config), table=table)
    except NotSearchedError as error:
        return str(error)
    return None


def run_prior(search: Search, *, keeper: Keeper, workers: Workers = ALONE, watch: Watch = unwatched) -> PriorAnswer:
    """Run the prior-assisted search beside the other one, or say why it is left out."""
    if not is_dijet(search.tasks[0].config):
        return _left_out(NOT_DIJET)
    windows = _covered(search)
    missing = len(search.tasks) - len(windows)
    said = not_tested(len(search.mjj))
    if missing and windows:
        said = (
            *said,
            f"{missing} of {len(search.tasks)} windows lie where no signal is simulated: the prior-assisted search "
            "covers the others only",
        )

    def make() -> Arrays:
        dismiss_idle(workers, len(search.mjj))
        prepared = prepare_for(search, threads=workers.number)
        found = scan_hypotheses(prepared, seed=search.tasks[0].seed, workers=workers, watch=watch)
        return stored_findings(found)

    try:
        return PriorAnswer(
            findings=findings_from(keeper.keep("prior", make)), said=said, null=prior_null(len(search.mjj))
        )
    except NotSearchedError as error:
        return _left_out(error)


def permuted_significance(search: Search) -> float:
    """Return the global significance by permutations alone, NaN where the prior-assisted search does not apply."""
    found = run_prior(search, keeper=Memory()).findings
    return float("nan") if found is None else found.z_global


def _left_out(reason: object) -> PriorAnswer:
    return PriorAnswer(findings=None, said=(f"the prior-assisted search was left out: {reason}",))


def _covered(search: Search) -> tuple[MassWindow, ...]:
    table = response_named(search.tasks[0].config.masses.response).table
    return covered_windows([task.window for task in search.tasks], table)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorRequest:
    """What the score is trained on: searched events, hashes of their content, windows with simulated signal, bins."""

    events: BlindEvents
    keys: Keys
    windows: tuple[MassWindow, ...]
    edges: FloatArray
    config: AnalysisConfig
    seed: int

    def prepare(self, *, threads: int = 1) -> PreparedPrior:
        """Train the score, as many folds at a time as ``threads``."""
        return prepare_prior(
            self.events,
            self.windows,
            self.edges,
            self.folds(),
            seed=self.seed,
            settings=_settings(self.config),
            table=response_named(self.config.masses.response).table,
            threads=threads,
        )

    def folds(self) -> npt.NDArray[np.int64]:
        """Return the part of the events that each is in, shape (events,)."""
        return fold_assignments(self.keys, folds=FOLDS, repeat=0)


def request_of(search: Search) -> PriorRequest:
    """Return what the score of a search is trained on: the windows are those in which signal is simulated."""
    first = search.tasks[0]
    return PriorRequest(
        events=search.events,
        keys=first.keys,
        windows=_covered(search),
        edges=search.edges,
        config=first.config,
        seed=first.seed,
    )


def prepare_for(search: Search, *, threads: int = 1) -> PreparedPrior:
    """Train the score for the windows of a search in which signal is simulated."""
    return request_of(search).prepare(threads=threads)


def prior_settings(search: Search) -> dict[str, Any]:
    """Return what the significance of the prior-assisted search depends on beside the windows, as plain data."""
    config = search.tasks[0].config
    response = response_named(config.masses.response)
    seen = [name for name in known_features(response.table) if name in search.events.columns]
    declared = dataclasses.asdict(_settings(config))
    allowed = declared.pop("features")
    features = [name for name in seen if allowed is None or name in allowed]
    found: dict[str, Any] = json.loads(
        json.dumps({"features": features, "response": response.sha256, "declared": declared})
    )
    return found


def _settings(config: AnalysisConfig) -> PriorSettings:
    """Return what is declared; of the features only those that every score may see."""
    allowed = None if config.features is None else tuple(config.features)
    return PriorSettings(family=config.search.family, sqrt_s=config.sqrt_s, features=allowed)


def stored_findings(found: PriorFindings) -> Arrays:
    """Return findings as arrays, to be kept."""
    facts = {
        "maps": [each.to_dict() for each in found.maps],
        "best": found.best,
        "fitted": found.fitted.to_dict(),
        "z_local": found.z_local,
        "p_global": found.p_global,
        "tail": dataclasses.asdict(found.tail),
        "elsewhere": found.elsewhere if np.isfinite(found.elsewhere) else None,
    }
    text = np.array(json.dumps(facts))
    return {"selected": found.selected, "score": found.score, "maxima": found.maxima, "facts": text}


def findings_from(arrays: Arrays) -> PriorFindings:
    """Rebuild findings from :func:`stored_findings`."""
    facts = json.loads(str(arrays["facts"]))
    return PriorFindings(
        maps=tuple(HypothesisScan.from_dict(each) for each in facts["maps"]),
        best=facts["best"],
        selected=arrays["selected"],
        score=arrays["score"],
        fitted=WindowResult.from_dict(facts["fitted"]),
        z_local=facts["z_local"],
        p_global=facts["p_global"],
        maxima=arrays["maxima"],
        tail=Tail(**facts["tail"]),
        elsewhere=float("nan") if facts["elsewhere"] is None else facts["elsewhere"],
    )


def outcome_of(search: Search, found: PriorFindings) -> tuple[WindowTask, WindowOutcome]:
    """Return the best window of the prior-assisted search as that of the other one would be: score, cut, result.

    Its result has the significance of the weighted events, and what the checks of an excess need.
    """
    covered = set(_covered(search))
    task = [task for task in search.tasks if task.window in covered][found.best]
    score = ranks(found.score.astype(np.float64), ties=task.ties()[0])
    folds = fold_assignments(task.keys, folds=FOLDS, repeat=0)
    of_score = leakage(score, *task.window.sideband_halves(task.mjj), exclude=LEFT_OUT)
    # on one scale the surer of two models would keep more of a strong signal, and folds would seem to disagree
    inside = purest_in_each_fold(score, folds, found.fitted.cut_fraction) & task.window.signal_region(task.mjj)
    result = dataclasses.replace(
        found.fitted,
        z_local=found.z_local,
        p_local=max(p_from_z(found.z_local), 1e-300),
        z_stat=float("nan"),
        leakage=of_score[0],
        leakage_error=of_score[1],
        fold_p_values=np.array([fold_agreement(fold_counts(inside, folds))]),
        note="",
    )
    passes = (score > 1.0 - result.cut_fraction).astype(np.uint8)
    return task, WindowOutcome(
        score=score.astype(np.float32), folds=folds, frequency=passes[None, :], results=(result,)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorSelection:
    """The models of the prior-assisted search and the hypothesis it selected by; ``score`` is that of the data."""

    prepared: PreparedPrior
    number: int
    m_x: float
    m_y: float
    score: FloatArray

    def at(self, fraction: float) -> Select:
        """Return the selection of the ``fraction`` most like signal: how often each event of a table passes it."""
        return lambda table: self.passes(table, (fraction,))[0]

    def passes(self, table: pd.DataFrame, fractions: Sequence[float]) -> FloatArray:
        """Return how often each event of a table passes each of several such selections, (fractions, events)."""
        places = [-max(round(fraction * len(self.score)), 1) for fraction in fractions]
        thresholds = np.partition(self.score, places)[places]
        task = self.prepared.tasks[self.number]
        inputs = self.prepared.inputs(self.number, drop_truth(table))
        passed = np.zeros((len(fractions), len(inputs)))
        # an event of the file was scored by the model of the other part: a simulated one by each in turn
        for fold in task.models:
            folds = np.full(len(inputs), fold, dtype=np.int64)
            passed += score_by(task.models, task, inputs, folds, self.m_x, self.m_y) >= thresholds[:, None]
        return passed / len(task.models)


def prior_selection(search: Search, found: PriorFindings) -> PriorSelection:
    """Return what the search does to events in no file; its models are trained anew and are the same."""
    best = found.maps[found.best]
    return PriorSelection(
        prepared=prepare_for(search),
        number=found.best,
        m_x=best.best_m_x,
        m_y=best.best_m_y,
        score=found.score.astype(np.float64),
    )


def purest_in_each_fold(score: FloatArray, folds: npt.NDArray[np.integer], fraction: float) -> npt.NDArray[np.bool_]:
    """Return which events are among the part ``fraction`` of their own fold that scores highest, (events,)."""
    chosen = np.zeros(len(score), dtype=bool)
    for fold in range(FOLDS):
        rows = np.flatnonzero(folds == fold)
        chosen[rows[np.argsort(-score[rows], kind="stable")[: max(round(fraction * len(rows)), 1)]]] = True
    return chosen


def fold_counts(chosen: npt.NDArray[np.bool_], folds: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return how many of the chosen events each fold holds, shape (folds,)."""
    return np.bincount(folds[chosen], minlength=int(folds.max()) + 1).astype(np.float64)
