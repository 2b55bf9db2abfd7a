"""Masses of the resonance and its daughters and the number of signal events: maximum likelihood, profile intervals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bumphunt.errors import FitError
from bumphunt.masses.acceptance import Select
from bumphunt.masses.constants import (
    HYSTERESIS,
    LOG_PARAMETER_RANGE,
    MAX_RESTARTS,
    MAX_ROUNDS,
    MAX_YIELD_MISMATCH,
    MAYBE_EQUAL,
    MINIMUM_SIDEBAND,
    RESPONSE_ERROR,
    RESPONSE_SPACING,
    SECOND_WITHIN,
)
from bumphunt.masses.equal_daughters import RESOLVED, ordered, with_shared_response
from bumphunt.masses.likelihood import Likelihood, SelectedEvents, SelectedSignal, selected_signal
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plain_jets import peaks_over_plain
from bumphunt.masses.plane import PlaneDensity
from bumphunt.masses.profile import (
    Curvature,
    DeeperMinimumError,
    Errors,
    curvature,
    minimise,
    profile_errors,
    rise_when_equal,
)
from bumphunt.masses.projections import goodness, projections
from bumphunt.masses.score_shift import ScoreCuts, ScoreShift, corrected, score_shift
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.masses.starts import starting_points
from bumphunt.masses.substructure import Tau21Scale, at_scale, tau21_scale
from bumphunt.masses.systematics import Fitted, Shift, detector_shift, relative_errors
from bumphunt.results import Interval, MassFit

ANSWERED = ("m_resonance", "m_x", "m_y", "n_signal")
"""Parameters that are answered with an interval."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """A minimum, with the likelihood it was found in."""

    minuit: Any
    likelihood: Likelihood

    @property
    def at(self) -> Parameters:
        """The parameters at the minimum."""
        return Parameters(*self.minuit.values)

    @property
    def value(self) -> float:
        """Twice the negative log likelihood."""
        return float(self.minuit.fval)


def fit_masses(
    events: SelectedEvents,
    *,
    table: SignalTable,
    varied: SignalTable | None = None,
    select: Select | None = None,
    interpolation: tuple[float, ...] = RESPONSE_ERROR,
    nominal: SignalTable | None = None,
    hypothesis: str = "two prongs",
    cuts: ScoreCuts | None = None,
) -> MassFit:
    """Fit the three masses and the number of signal events; intervals by profile likelihood.

    Parameters
    ----------
    events : SelectedEvents
        The selected events and their background.
    table : SignalTable
        Simulated signal, from :func:`bumphunt.masses.signal_table.load_signal`.
    varied : SignalTable, optional
        The same of another detector and shower, for the systematic part of the intervals.
    select : callable, optional
        Event table -> probability that each event passes the selection that ``events`` passed, where a
        score takes part: the mean over the folds' models. Without it all signal is taken to pass, the number of
        signal events is that among the selected, and masses are those of a selection that does not shape them.
    interpolation : tuple of float
        Relative errors of the three masses and the number from what ``table`` is read off between its points.
    nominal : SignalTable, optional
        What ``varied`` is compared with, where it is not ``table``.
    hypothesis : str
        What the daughters decay to in ``table``.
    cuts : ScoreCuts, optional
        Harder and looser cuts beside that of ``select``: counts of signal at them correct its efficiency.

    Returns
    -------
    MassFit
        Total intervals, with their statistical part in each; m_x is the heavier daughter.

    Raises
    ------
    FitError
        If there is too little background to estimate it from, or the fit does not converge.
    """
    outside = events.outside
    if int(outside.sum()) < MINIMUM_SIDEBAND:
        raise FitError(
            f"{int(outside.sum())} selected events in the sidebands are too few to estimate the background "
            f"under the masses; at least {MINIMUM_SIDEBAND} are needed: use a looser cut"
        )
    plane = _plane(events)

    def signal_at(masses: Masses) -> SelectedSignal:
        return selected_signal(table, table.nearest(masses), ends=events.range, select=select, growth=events.growth)

    found: list[_Fit] = []
    for start in starting_points(events, plane):
        try:
            fit = _converged(events, plane, start, signal_at, known=found)
        except FitError:
            continue
        if fit is not None:
            found.append(fit)
    if not found:
        raise FitError("the mass fit did not converge; no masses can be given for this selection")
    found.sort(key=lambda fit: fit.value)
    best, shape, intervals = _with_intervals(found[0], interpolation)
    prepared = best.likelihood.signal.model.masses  # a place of the lattice: it does not change with the last digits
    shift = (
        None if varied is None else detector_shift(nominal or table, varied, prepared, ends=events.range, select=select)
    )
    scale = None if select is None else tau21_scale(best.likelihood, best.at, select)
    moved = None if scale is None or cuts is None else score_shift(best.likelihood, best.at, scale, cuts)
    result = _result(events, best, found[1:], intervals, shape, shift, scale, moved)
    cost = 0.0 if scale is None else scale.cost
    return replace(
        result,
        hypothesis=hypothesis,
        objective=best.value + cost,
        tau21_compared=scale is not None and scale.compared,
        tau21_pull=float(np.sqrt(cost)),
    )


def objective_at_its_scale(events: SelectedEvents, fit: MassFit, *, table: SignalTable, select: Select) -> float:
    """Return the objective of a fit when what the cut keeps is that of tau21 at the scale the fit is charged for.

    Simulated as it is, signal of another decay passes a cut in a few places only, which crowd as the selected events
    do; scaled until its tau21 is that of the data, it passes elsewhere too.

    Raises
    ------
    FitError
        If that fit does not converge.
    """
    scaled = at_scale(select, fit.tau21_scale)

    def signal_at(masses: Masses) -> SelectedSignal:
        return selected_signal(table, table.nearest(masses), ends=events.range, select=scaled, growth=events.growth)

    start = fit.m_resonance.value, fit.m_x.value, fit.m_y.value
    found = _converged(events, _plane(events), start, signal_at, known=[])
    if found is None:
        raise FitError("the mass fit did not converge")
    return found.value + fit.tau21_pull**2


def _plane(events: SelectedEvents) -> PlaneDensity:
    """Return the density of background's jet masses, from the events beside the window."""
    beside = [mass[events.outside] for mass in (events.mjj, events.mj1, events.mj2)]
    return PlaneDensity(*beside, growth=events.growth, reference=events.centre)


def _with_intervals(fit: _Fit, interpolation: tuple[float, ...]) -> tuple[_Fit, Curvature, dict[str, Errors]]:
    """Return the fit, its curvature and the errors of what is answered; a deeper minimum found on the way counts."""
    for _ in range(MAX_RESTARTS):
        shape = curvature(fit.minuit)
        try:
            errors = {name: profile_errors(fit.likelihood, fit.minuit, name, shape=shape) for name in ANSWERED}
            errors |= _where_equal(fit, shape, errors)
            return (
                fit,
                shape,
                {name: errors[name].widened(own) for name, own in zip(ANSWERED, interpolation, strict=True)},
            )
        except DeeperMinimumError as lower:
            fit = _Fit(minuit=minimise(fit.likelihood, lower.at), likelihood=fit.likelihood)
    raise FitError("the mass fit did not converge: its profile falls ever lower; no masses can be given")


def _where_equal(fit: _Fit, shape: Curvature, errors: dict[str, Errors]) -> dict[str, Errors]:
    """Return the errors of two daughters that may be equal, none of others."""
    names = ("m_x", "m_y") if fit.at.m_x >= fit.at.m_y else ("m_y", "m_x")
    heavier, lighter = (errors[name] for name in names)
    rows = [Parameters._fields.index(name) for name in names]
    of_mean = float(np.sqrt(max(shape.covariance[np.ix_(rows, rows)].sum(), 0.0)) / 2.0)
    if heavier.value - lighter.value > MAYBE_EQUAL * (heavier.low + lighter.high):
        return {}
    rise = rise_when_equal(fit.likelihood, fit.minuit)
    if rise >= RESOLVED:
        return {}
    return {
        name: replace(errors[name], low=found.value - found.low, high=found.high - found.value)
        for name, found in zip(
            names, ordered(heavier.statistical(), lighter.statistical(), rise=rise, mean_error=of_mean), strict=True
        )
    }


def _place(masses: Masses, *, before: Masses | None = None) -> Masses:
    """Return the place of the lattice near the masses; the one before is kept while they stay near it.

    What a response prepared at the fitted masses themselves would pass on to the likelihood is every step of the
    minimiser: a relative change of 1e-9 in the data then changes the answer by a good part of its error.
    """
    spacing, logs = np.array(RESPONSE_SPACING), np.log(masses)
    if before is not None and bool((np.abs(logs - np.log(before)) < HYSTERESIS * spacing).all()):
        return before
    m_resonance, m_x, m_y = np.exp(np.round(logs / spacing) * spacing).tolist()
    return m_resonance, m_x, m_y


def _converged(
    events: SelectedEvents,
    plane: PlaneDensity,
    start: Masses,
    signal_at: Callable[[Masses], SelectedSignal],
    *,
    known: list[_Fit],
) -> _Fit | None:
    """Minimise, move the response to the masses found, and minimise again until they stay; None if they are known."""
    place = _place(start)
    prepared = with_shared_response(place)
    likelihood = Likelihood(events, plane, signal_at(prepared))
    excess = max(float(events.in_window.sum()) - events.spectrum.window_expected, 3.0)
    efficiency = max(likelihood.signal.efficiency(start), 1e-4)
    at = Parameters(*start, excess / efficiency, len(events.mjj) - excess, 0.0, 0.0, 0.0)
    for attempt in range(MAX_ROUNDS):
        minuit = minimise(likelihood, at)
        origin, at = at, Parameters(*minuit.values)
        if any(_same(at.masses, other.at.masses) for other in known):
            return None
        moved = np.abs(np.subtract(at.log_scale_parameters, origin.log_scale_parameters))
        settled = bool((moved < 0.5 * np.array(LOG_PARAMETER_RANGE)).all())
        place = _place(at.masses, before=place)
        prepared, before = with_shared_response(place), prepared
        if attempt == MAX_ROUNDS - 1 or (attempt > 0 and settled and prepared == before):
            break
        # the tails of signal lie in the sidebands as well, where they must not count as background
        cleaned, density, at = likelihood.separated(at)
        signal = likelihood.signal if prepared == before else signal_at(prepared)
        likelihood = Likelihood(cleaned, density, signal)
    _check_numbers(likelihood, at)
    return _Fit(minuit=minuit, likelihood=likelihood)


def _check_numbers(likelihood: Likelihood, at: Parameters) -> None:
    """Refuse a minimum whose signal and background are not as many as the events, as they are at any true one."""
    expected, seen = likelihood.expected(at), len(likelihood.events.mjj)
    if abs(expected / seen - 1.0) > MAX_YIELD_MISMATCH:
        raise FitError(f"the mass fit ended at {expected:.0f} events where there are {seen}")


def _plane_variance(fit: _Fit) -> float:
    """Return the variance of the selected signal that comes from the density of background in the plane of jet masses.

    What lies under the peak is known from the sideband events of the same masses: as many as there are under the peak,
    times what the sidebands hold over what the window holds.
    """
    events, probability = fit.likelihood.events, fit.likelihood.signal_probability(fit.at)
    under = float((probability * (1.0 - probability))[events.in_window].sum())
    ratio = float(events.outside.sum()) / max(events.spectrum.window_expected, 1.0)
    return under / max(ratio, 1e-3)


def _result(
    events: SelectedEvents,
    best: _Fit,
    others: list[_Fit],
    intervals: dict[str, Errors],
    shape: Curvature,
    shift: Shift | None,
    scale: Tau21Scale | None,
    moved: ScoreShift | None = None,
) -> MassFit:
    at, known = best.at, corrected(scale or Tau21Scale(), moved)
    # m_x is the heavier daughter, whichever of the two the fit calls so
    names = ["m_resonance", "m_x", "m_y"] if at.m_x >= at.m_y else ["m_resonance", "m_y", "m_x"]
    shifts = relative_errors(
        Fitted(
            signal=best.likelihood.signal.model,
            shift=shift,
            scale=None if scale is None else known,
            counted=moved is not None,
        )
    )
    efficiency = best.likelihood.selected_signal(at)[1]
    yields = intervals["n_signal"]
    n_selected = yields.interval(scale=efficiency)
    own = known.statistical**2 * yields.value**2 + _plane_variance(best) / efficiency**2
    yields = yields.reduced(-own)
    total = [intervals[name].interval(systematic=shifts[name]) for name in names]
    n_signal = yields.interval(scale=1.0 / known.correction, systematic=shifts["n_signal"])
    n_signal = replace(n_signal, low=max(n_signal.low, 0.0))
    rows = [Parameters._fields.index(name) for name in (*names, "n_signal")]
    covariance = shape.covariance[np.ix_(rows, rows)]
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    drawn = projections(best.likelihood, at)
    excess = float(events.in_window.sum()) - events.spectrum.window_expected
    return MassFit(
        m_resonance=total[0],
        m_x=total[1],
        m_y=total[2],
        n_selected=Interval(value=n_selected.value, low=n_selected.low, high=n_selected.high),
        n_signal=n_signal,
        efficiency=efficiency * known.correction,
        efficiency_error=shifts["n_signal"] * efficiency * known.correction,
        statistical=np.array([0.5 * (intervals[name].high + intervals[name].low) for name in names]),
        correlation=covariance / np.outer(spread, spread),
        projections=drawn,
        n_events=len(best.likelihood.events.mjj),
        p_value=goodness(drawn, best.likelihood, at),
        systematic=np.array(
            [
                float(np.hypot(shifts[name], intervals[name].assumed / max(intervals[name].value, 1e-9)))
                for name in (*names, "n_signal")
            ]
        ),
        second=_second(best, others),
        acceptance_known=scale is not None,
        tau21_scale=float(np.exp(known.log_scale)),
        cut_scale=1.0 if moved is None else float(np.exp(moved.log_factor)),
        cut_scale_error=None if moved is None else moved.error,
        cut_scale_pull=0.0 if moved is None else moved.pull,
        log_widths=np.array([at.log_width_mjj, at.log_width_jets]),
        over_plain=peaks_over_plain(best.likelihood, at),
        excess=excess,
        excess_error=float(np.hypot(np.sqrt(max(float(events.in_window.sum()), 1.0)), events.spectrum.window_error)),
        n_selected_window=float(best.likelihood.signal_probability(at)[events.in_window].sum()),
    )


def _same(one: Masses, other: Masses) -> bool:
    """Return whether two solutions are one, whichever daughter is called X."""
    distance = np.abs(np.log(np.sort(one[1:]) / np.sort(other[1:])))
    return bool(distance.max() < 0.08 and abs(np.log(one[0] / other[0])) < 0.03)


def _second(best: _Fit, others: list[_Fit]) -> dict[str, float] | None:
    """Return the likeliest other solution, if it is another and not far behind."""
    for other in others:
        if not _same(other.at.masses, best.at.masses) and other.value - best.value < SECOND_WITHIN:
            m_x, m_y = max(other.at.masses[1:]), min(other.at.masses[1:])
            behind = 0.5 * (other.value - best.value)
            return {"m_resonance": other.at.masses[0], "m_x": m_x, "m_y": m_y, "delta_log_likelihood": behind}
    return None
