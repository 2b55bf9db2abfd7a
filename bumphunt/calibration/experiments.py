"""One pseudo-experiment: the whole analysis on a box whose truth is known, without report and cross-checks."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bumphunt.calibration.whole_searches import rows_of
from bumphunt.config import AnalysisConfig
from bumphunt.events import BlindEvents
from bumphunt.pipeline.keeping import Memory
from bumphunt.pipeline.prior_answer import prior_settings, run_prior
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.verdict import reach_verdict
from bumphunt.pipeline.windows import search_window
from bumphunt.results import Answers, Check, FloatArray, Result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExperimentResult(Result):
    """What one pseudo-experiment gave.

    ``z_local`` (searched windows × cuts) are all local significances, ``z_direct`` the same from the direct
    background estimate; ``searched`` (searched windows × cuts, 6) are the uncalibrated ones, as in
    :class:`bumphunt.calibration.whole_searches.WholeSearches`, ``n_searched`` the events in the searched range and
    ``features`` what the score saw; ``masses`` (3,) and ``n_signal`` are the truth, empty and 0 without signal.
    ``z_prior`` is the uncalibrated global significance of the prior-assisted search, NaN where there was none, and
    ``prior_settings`` what it depends on.
    """

    number: int
    masses: FloatArray
    n_signal: int
    z_local: FloatArray
    cut_fraction: FloatArray
    estimates_pull: FloatArray
    checks: tuple[Check, ...]
    answers: Answers
    searched: FloatArray
    n_searched: int
    features: tuple[str, ...]
    seconds: float
    z_prior: float = math.nan
    prior_settings: dict[str, Any] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)


def analyse_box(
    box: BlindEvents,
    *,
    config: AnalysisConfig,
    seed: int,
    number: int = 0,
    masses: tuple[float, ...] = (),
    n_signal: int = 0,
) -> ExperimentResult:
    """Analyse a box as a hunt would, and note the truth beside what was found.

    Parameters
    ----------
    box : BlindEvents
        The events.
    config, seed
        Settings and seed of the analysis.
    number : int
        Number of the experiment.
    masses, n_signal
        The truth: masses in GeV and number of signal events in the box; it reaches the result only.
    """
    start = time.perf_counter()
    search = prepare_search(box, config, seed)
    outcomes = [search_window(task) for task in search.tasks]
    prior = run_prior(search, keeper=Memory()) if "prior" in config.searches else None
    verdict = reach_verdict(search, outcomes, prior=prior, n_events=len(box))
    searched = [found for outcome in outcomes for found in outcome.results if not found.note]
    return ExperimentResult(
        number=number,
        masses=np.array(masses, dtype=np.float64),
        n_signal=n_signal,
        z_local=np.array([found.z_local for found in searched]),
        cut_fraction=np.array([found.cut_fraction for found in searched]),
        estimates_pull=np.array([found.estimates_pull for found in searched]),
        checks=verdict.checks,
        answers=verdict.answers(),
        searched=rows_of(searched, number=number),
        n_searched=len(search.mjj),
        features=search.features,
        seconds=time.perf_counter() - start,
        z_prior=math.nan if prior is None or prior.findings is None else round(prior.findings.z_global, 5),
        prior_settings={} if prior is None else prior_settings(search),
    )
