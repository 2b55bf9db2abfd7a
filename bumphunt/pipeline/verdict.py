"""From the windows of a search to its verdict: the best window, the checks it must pass, the status."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.masses.choice import without_choice
from bumphunt.masses.constants import PRIOR_CHOICES
from bumphunt.pipeline.deficits import no_deficit
from bumphunt.pipeline.final_state import is_dijet
from bumphunt.pipeline.fold_selection import Selection, window_selection
from bumphunt.pipeline.mass_estimate import estimate_masses, masses_checked, resonance_alone
from bumphunt.pipeline.neighbours import windows_beside
from bumphunt.pipeline.null import Null
from bumphunt.pipeline.prior_answer import PriorAnswer, outcome_of, prior_selection
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask
from bumphunt.results import Answers, Check, Interval, MassFit, ScanResult, UpperLimit, WindowResult
from bumphunt.results.base import short_repr
from bumphunt.rng import generator
from bumphunt.significance.checks import EVIDENCE, hypotheses_check, mass_fit_check, verdict, window_checks
from bumphunt.significance.correlated_trials import shared_weights
from bumphunt.significance.limits import cross_section_limit
from bumphunt.significance.scan import combine_windows
from bumphunt.statistics import SMALLEST_P, p_from_z, z_from_p

WITHOUT_RESPONSE = (
    "no response of daughters is known for this final state: the mass is that of the excess in the spectrum, and "
    "n_signal counts the excess in the window after the cut"
)
LIMIT_BELOW_THE_YIELD = (
    "the upper limit is from the spectrum before any cut alone, whose fluctuations are its own: it lies below the "
    "yield found after the cut, and the yield is the better number"
)
SELECTED_BELOW_THE_YIELD = (
    "the upper limit after the selection is from the counts in the best window alone, and lies below the yield that "
    "the mass fit finds: the two disagree, and neither should be quoted without the other"
)
LIMIT_ON_A_GAUSSIAN = (
    "the upper limit is on a Gaussian of the resolution, because no simulated signal covers this mass or final state: "
    "signal with tails is excluded only at more events"
)
LIMIT_ON_SIMULATION = (
    "the upper limit is on simulated signal with two daughters of {:.0f} GeV, the heaviest whose decay most jets hold: "
    "signal of lighter ones peaks more sharply and is excluded at fewer events, that of heavier ones makes no narrow "
    "peak in mjj"
)
OUTSIDE_THE_SURFACE = (
    "the width of the significance without signal was not measured at this number of events, cut, features and "
    "repeats; the nearest measured ones are used: --calibration measures it on these events"
)
OTHER_TRAINING = (
    "the width of the significance without signal was measured with other settings of the training than {}: "
    "--calibration measures it on these events with yours"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestWindow:
    """The global answer, and the best window with its task, scores and result."""

    scan: ScanResult
    task: WindowTask
    outcome: WindowOutcome
    result: WindowResult

    __repr__ = short_repr

    def candidates(self) -> npt.NDArray[np.bool_]:
        """Return which searched events pass the best cut and lie in the window, shape (events,)."""
        return self.outcome.selected(self.result.cut_fraction) & self.task.window.signal_region(self.task.mjj)


def best_window(search: Search, outcomes: list[WindowOutcome]) -> BestWindow:
    """Return the global answer of all windows and cuts, and the best of them.

    Windows and cuts that share events are correlated as far as they do; what is left of the trials counts.
    """
    every = [
        (task, outcome, found)
        for task, outcome in zip(search.tasks, outcomes, strict=True)
        for found in outcome.results
    ]
    low, high = float(search.edges[0]), float(search.edges[-1])
    cuts = search.tasks[0].config.search.cut_fractions
    weights = (
        np.where(task.window.signal_region(task.mjj), outcome.weights(found, cuts), 0.0)
        for task, outcome, found in every
        if not found.note
    )
    scan = combine_windows(
        [found for _, _, found in every],
        searched_low=low,
        searched_high=high,
        correlation=shared_weights(weights),
        rng=generator(search.tasks[0].seed, "trials"),
    )
    task, outcome, result = every[scan.best or 0]
    return BestWindow(scan=scan, task=task, outcome=outcome, result=result)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """The best window, the checks it has to pass, and the masses with the cut at which they were fitted, if any.

    ``assumptions`` are sentences that belong to the answers; ``selection`` sends simulated signal through the models of
    the window; ``search`` names the search whose p-value is the smallest, ``per_search`` what each found alone;
    ``of_prior`` is what calibrates the prior-assisted search, if that is the one.
    """

    best: BestWindow
    checks: tuple[Check, ...]
    mass_fit: MassFit | None = None
    mass_cut: float | None = None
    assumptions: tuple[str, ...] = ()
    selection: Selection | None = None
    search: str = "cwola"
    per_search: dict[str, dict[str, float]] = field(default_factory=dict)
    of_prior: Null | None = None

    __repr__ = short_repr

    @property
    def null(self) -> Null:
        """What calibrates the search that the answers are from."""
        return self.best.task.null if self.of_prior is None else self.of_prior

    @property
    def status(self) -> str:
        """What is claimed; an excess that fails a check is unverified."""
        return verdict(self.best.scan.z_global, [check for check in self.checks if check.applies_to == "excess"])

    def answers(self, limit: UpperLimit | None = None) -> Answers:
        """Return the three answers, beside a limit; an excess that fails a check is unverified, and no discovery.

        A failed check of the masses leaves the excess as it is: the masses are then not verified. With a luminosity
        (1/fb) the limit is given on sigma x B x acceptance in fb as well.
        """
        scan, fit, null = self.best.scan, self.mass_fit, self.null
        config, result = self.best.task.config, self.best.result
        status = self.status
        masses = [check.passed for check in self.checks if check.applies_to == "masses"]
        m_resonance, n_signal = (fit.m_resonance, fit.n_signal) if fit else self._of_the_resonance()
        said = self.assumptions
        if limit is not None and fit is None:
            said = (*said, _of_the_shape(limit))
        if limit is not None and n_signal is not None and limit.n_signal_95 < n_signal.value:
            said = (*said, LIMIT_BELOW_THE_YIELD)
        selected = None if limit is None else limit.selected
        if selected is not None and n_signal is not None and selected.n_signal_95 < n_signal.value:
            said = (*said, SELECTED_BELOW_THE_YIELD)
        return Answers(
            status=status,
            discovery=status == "discovery",
            p_local=scan.p_local,
            z_local=scan.z_local,
            p_global=scan.p_global,
            z_global=scan.z_global,
            p_global_method=scan.p_global_method,
            n_toys=scan.n_toys,
            n_trials=scan.n_trials,
            is_bound=scan.is_bound,
            m_resonance=m_resonance,
            m_x=fit.m_x if fit else None,
            m_y=fit.m_y if fit else None,
            n_signal=n_signal,
            upper_limit=_limit(limit, config.limit.luminosity) if limit else None,
            search=self.search if status != "none" else None,
            per_search=self.per_search or {self.search: {"z_local": scan.z_local, "z_global": scan.z_global}},
            z_stat=_finite(scan.z_stat),
            z_spread=_finite(result.z_spread),
            tested_to=null.tested_to if null.n_searches else None,
            calibration=null.to_dict(),
            masses_verified=all(masses) if fit else None,
            assumptions=said,
        )

    def _of_the_resonance(self) -> tuple[Interval | None, Interval | None]:
        """Return mass and yield of an excess without daughters to tell more of it."""
        if is_dijet(self.best.task.config) or self.best.scan.z_global < EVIDENCE:
            return None, None
        return resonance_alone(self.best.task, self.best.outcome, self.best.result)


def reach_verdict(
    search: Search,
    outcomes: list[WindowOutcome],
    *,
    prior: PriorAnswer | None = None,
    threads: int = 1,
    n_events: int | None = None,
) -> Verdict:
    """Find the best window of a search, check it and, from evidence on, fit the masses.

    Parameters
    ----------
    search, outcomes
        The search and what its windows gave.
    prior : PriorAnswer, optional
        What the prior-assisted search found beside it.
    threads : int
        Folds trained side by side, to learn what the score does to signal.
    n_events : int, optional
        Events of the file, which its signal cannot exceed; those searched by default.
    """
    best, finder, per_search = _of_all_searches(search, best_window(search, outcomes), prior)
    config = best.task.config
    beside = windows_beside(search, outcomes, best.task, best.outcome)
    checks = (*window_checks(best.result, thresholds=config.checks, beside=beside), *no_deficit(best.task, best.result))
    if finder == "prior" and prior is not None and prior.findings is not None:
        checks = (*checks, *hypotheses_check(prior.findings.elsewhere))
    said = _of_the_calibration(best) if finder == "cwola" else ()
    said = (*said, *(prior.said if prior else ()))
    null = prior.null if prior is not None and finder == "prior" else None
    found = Verdict(best=best, checks=checks, assumptions=said, search=finder, per_search=per_search, of_prior=null)
    if best.scan.z_global < EVIDENCE:
        return found
    if not is_dijet(config):
        return replace(found, assumptions=(*said, WITHOUT_RESPONSE))
    selection: Selection | None
    if finder == "prior" and prior is not None and prior.findings is not None:
        selection = prior_selection(search, prior.findings)
        # its features are always decorrelated, whatever those of the other search are
        config = config.model_copy(update={"cwola": config.cwola.model_copy(update={"decorrelate": True})})
    else:
        selection = window_selection(search, best.task, threads=threads)
    mass_fit, cut = estimate_masses(search, best.task, best.outcome, best.result, config, selection=selection)
    checks = (*checks, mass_fit_check(mass_fit is not None))
    if mass_fit is None:
        return replace(found, checks=checks)
    mass_fit = without_choice(mass_fit, PRIOR_CHOICES if finder == "prior" else 0)
    of_masses, assumed = masses_checked(search, mass_fit, n_events=n_events)
    return replace(
        found,
        checks=(*checks, *of_masses),
        mass_fit=mass_fit,
        mass_cut=cut,
        assumptions=(*said, *assumed),
        selection=selection,
    )


def _of_all_searches(
    search: Search, best: BestWindow, prior: PriorAnswer | None
) -> tuple[BestWindow, str, dict[str, dict[str, float]]]:
    """Return the best window of the search with the smaller p-value, its name, and what each found alone.

    The searches share events, and their p-values are correlated; counted as independent (Sidak) the smaller is never
    called rarer than it is.
    """
    scan = best.scan
    found = {"cwola": _alone(scan.z_local, scan.z_global, best.result)}
    if prior is None or prior.findings is None:
        return best, "cwola", found
    findings, finder = prior.findings, "cwola"
    task, outcome = outcome_of(search, findings)
    found["prior"] = _alone(findings.z_local, prior.z_global, outcome.results[0])
    # what is behind it is counted: both searches' windows, cuts and hypotheses
    n_trials = scan.n_trials + sum(each.n_hypotheses for each in findings.maps)
    method = scan.p_global_method
    if prior.z_global > scan.z_global:
        finder, method = "prior", findings.method
        windows = (*scan.windows, outcome.results[0])
        scan = replace(
            scan,
            windows=windows,
            best=len(windows) - 1,
            p_local=outcome.results[0].p_local,
            z_local=findings.z_local,
            z_stat=math.nan,
            n_toys=len(findings.maxima),
            is_bound=False,
        )
        best = BestWindow(scan=scan, task=task, outcome=outcome, result=outcome.results[0])
    p_both = max(-math.expm1(2.0 * math.log1p(-p_from_z(found[finder]["z_global"]))), SMALLEST_P)
    scan = replace(
        scan,
        p_global=p_both,
        z_global=z_from_p(p_both),
        n_trials=n_trials,
        p_global_method=f"{method}; the smaller p-value of two searches, both counted (Sidak)",
    )
    return replace(best, scan=scan), finder, found


def _alone(z_local: float, z_global: float, window: WindowResult) -> dict[str, float]:
    return {"z_local": z_local, "z_global": z_global, "low": window.low, "high": window.high}


def _of_the_calibration(best: BestWindow) -> tuple[str, ...]:
    """Say where the significance was calibrated elsewhere than here."""
    task, result = best.task, best.result
    settings = task.config.cwola
    unlike = task.null.unlike(settings)
    inside = task.null.inside(
        n_window=result.n_window,
        share=result.n_window / len(task.mjj),
        cut_fraction=result.cut_fraction,
        n_features=task.features.shape[1],
        repeats=settings.repeats,
        folds=None if any(each.startswith("cwola.folds") for each in unlike) else settings.folds,
    )
    if not inside:
        return (OUTSIDE_THE_SURFACE,)
    # before any cut no score was seen, whatever it was trained with
    return (OTHER_TRAINING.format(", ".join(unlike)),) if unlike and result.cut_fraction < 1.0 else ()


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _of_the_shape(limit: UpperLimit) -> str:
    """Say what signal a limit without fitted masses is on."""
    return LIMIT_ON_A_GAUSSIAN if limit.masses is None else LIMIT_ON_SIMULATION.format(limit.masses[1])


def _limit(limit: UpperLimit, luminosity: float | None) -> dict[str, Any]:
    numbers: dict[str, Any] = {"n_signal_95": limit.n_signal_95, "mass": limit.mass}
    numbers["expected"] = [float(number) for number in limit.expected]
    numbers["masses"] = None if limit.masses is None else [float(mass) for mass in limit.masses]
    numbers["selected"] = None if limit.selected is None else limit.selected.to_dict()
    if luminosity is not None:
        numbers["cross_section_fb_95"] = cross_section_limit(limit.n_signal_95, luminosity=luminosity)
    return numbers
