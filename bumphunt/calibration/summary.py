"""What many pseudo-experiments say: false-alarm rates without signal, claims and pulls with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bumphunt.calibration.experiments import ExperimentResult
from bumphunt.calibration.false_alarms import FalseAlarms, false_alarms
from bumphunt.calibration.pulls import PullSummary, summarise_pulls
from bumphunt.calibration.whole_searches import WholeSearches, whole_searches
from bumphunt.config import AnalysisConfig
from bumphunt.results import Interval, Result
from bumphunt.significance.checks import EVIDENCE

QUANTITIES = ("m_resonance", "m_x", "m_y", "n_signal")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullSummary(Result):
    """What boxes without signal gave.

    ``local`` are the rates over all windows and cuts, ``global_rates`` over boxes; ``mean_z`` and ``width_z`` are those
    of the local significances (0 and 1 for an exact method; below is cautious), ``claims`` counts boxes with a
    global significance of 3 or more, ``checks_passed`` is the part of boxes whose checks all passed.
    """

    boxes: int
    local: FalseAlarms
    global_rates: FalseAlarms
    mean_z: float
    width_z: float
    largest_z_global: float
    claims: int
    discoveries: int
    checks_passed: float
    failed_checks: dict[str, int]

    def __str__(self) -> str:
        return (
            f"{self.boxes} boxes without signal: {self.claims} claims, {self.discoveries} discoveries, "
            f"checks passed in {100 * self.checks_passed:.0f} %, largest z_global {self.largest_z_global:.2f}\n"
            f"local z: mean {self.mean_z:+.2f}, width {self.width_z:.2f}\n{self.local}\nglobal:\n{self.global_rates}"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InjectionSummary(Result):
    """What boxes with signal gave: claims, passed checks, and the pulls of each quantity where there was a claim."""

    boxes: int
    claims: int
    discoveries: int
    checks_passed: float
    failed_checks: dict[str, int]
    pulls: dict[str, PullSummary]

    def __str__(self) -> str:
        lines = [
            f"{self.boxes} boxes with signal: {self.claims} claimed at 3 sigma or more, "
            f"{self.discoveries} discoveries, checks passed in {100 * self.checks_passed:.0f} % of the claims"
        ]
        return "\n".join(lines + [f"{name:12s} {pulls}" for name, pulls in self.pulls.items()])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration(Result):
    """The content of ``calibration.json``; ``searches`` are what ``run --calibration FILE`` uses."""

    null: NullSummary | None
    injections: InjectionSummary | None
    searches: WholeSearches | None = None

    def __str__(self) -> str:
        return "\n\n".join(str(part) for part in (self.null, self.injections) if part is not None)


def summarise_null(results: Sequence[ExperimentResult]) -> NullSummary:
    """Return false-alarm rates of boxes without signal."""
    local = np.concatenate([each.z_local for each in results])
    overall = np.array([each.answers.z_global for each in results])
    return NullSummary(
        boxes=len(results),
        local=false_alarms(local),
        global_rates=false_alarms(overall),
        mean_z=float(local.mean()),
        width_z=float(local.std()),
        largest_z_global=float(overall.max()),
        claims=int((overall >= EVIDENCE).sum()),
        discoveries=sum(each.answers.discovery for each in results),
        checks_passed=float(np.mean([each.verified for each in results])),
        failed_checks=_failures(results),
    )


def searches_of(
    results: Sequence[ExperimentResult], *, kind: str, config: AnalysisConfig, seed: int
) -> WholeSearches | None:
    """Return boxes without signal as whole searches to calibrate others by; None where nothing was searched."""
    rows = [each.searched for each in results if len(each.searched)]
    if not rows:
        return None
    made = whole_searches(
        {kind: rows},
        config=config,
        features=results[0].features,
        n_events=float(np.mean([each.n_searched for each in results])),
        seed=seed,
    )
    by_prior = [each for each in results if np.isfinite(each.z_prior)]
    if not by_prior:
        return made
    return made.with_prior({kind: np.array([each.z_prior for each in by_prior])}, by_prior[0].prior_settings)


def summarise_injections(results: Sequence[ExperimentResult]) -> InjectionSummary:
    """Return claims and pulls of boxes with signal."""
    claimed = [each for each in results if each.answers.z_global >= EVIDENCE]
    pulls: dict[str, PullSummary] = {}
    for place, name in enumerate(QUANTITIES):
        given: list[Interval] = []
        truth: list[float] = []
        for each in claimed:
            interval = getattr(each.answers, name)
            if interval is not None:
                given.append(interval)
                truth.append(float((*each.masses, each.n_signal)[place]))
        if len(given) > 1:
            pulls[name] = summarise_pulls(given, truth)
    return InjectionSummary(
        boxes=len(results),
        claims=len(claimed),
        discoveries=sum(each.answers.discovery for each in results),
        checks_passed=float(np.mean([each.verified for each in claimed])) if claimed else 1.0,
        failed_checks=_failures(claimed),
        pulls=pulls,
    )


def _failures(results: Sequence[ExperimentResult]) -> dict[str, int]:
    names = [check.name for each in results for check in each.checks if not check.passed]
    return {name: names.count(name) for name in sorted(set(names))}
