"""Masses of the resonance and its daughters and the number of signal events: maximum likelihood, profile intervals."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError
from bumphunt.masses.acceptance import Select
from bumphunt.masses.likelihood import Likelihood, SelectedEvents, SelectedSignal, selected_signal
from bumphunt.masses.plane import PlaneDensity
from bumphunt.masses.projections import goodness, projections
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.masses.starts import starting_points
from bumphunt.masses.systematics import DETECTOR_PRIOR, SCORE_EFFICIENCY_ERROR, Shift, detector_shift
from bumphunt.masses.yields import EFFICIENCY_ERROR
from bumphunt.results import Interval, MassFit

FloatArray = npt.NDArray[np.float64]

MINIMUM_SIDEBAND = 15
"""Selected sideband events below which no background density can be estimated."""

SECOND_WITHIN = 9.0
"""Twice the difference in log likelihood within which another solution is reported."""

_LIGHTEST, _HEAVIEST = 25.0, 0.30
_ROUNDS = 3
_NEAR = (0.012, 0.025, 0.025)
"""Changes of the masses within which the response prepared for others still holds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """A minimum, with the likelihood it was found in."""

    minuit: Any
    likelihood: Likelihood
    masses: Masses
    value: float


def fit_masses(
    events: SelectedEvents,
    *,
    table: SignalTable,
    varied: SignalTable | None = None,
    select: Select | None = None,
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
    plane = PlaneDensity(
        events.mjj[outside], events.mj1[outside], events.mj2[outside], growth=events.growth, reference=events.centre
    )

    def signal_at(masses: Masses) -> SelectedSignal:
        return selected_signal(table, _within_grid(masses), ends=events.range, select=select, growth=events.growth)

    found: list[_Fit] = []
    for start in starting_points(events, plane):
        try:
            found.append(_converged(events, plane, start, signal_at, fits=found))
        except FitError:
            continue
    if not found:
        raise FitError("the mass fit did not converge; no masses can be given for this selection")
    found.sort(key=lambda fit: fit.value)
    best = found[0]
    intervals = [_profile(best.minuit, name) for name in ("m_z", "m_x", "m_y", "n_s")]
    shift = None if varied is None else detector_shift(table, varied, best.masses, ends=events.range, select=select)
    return _result(events, best, found[1:], intervals, shift, plane, select is not None)


def _within_grid(masses: Masses) -> Masses:
    """Return masses at which the response is built: the nearest that can be."""
    m_resonance = float(np.clip(masses[0], 1500.0, 9000.0))
    m_x, m_y = (float(np.clip(mass, _LIGHTEST, _HEAVIEST * m_resonance)) for mass in masses[1:])
    return m_resonance, m_x, m_y


def _converged(events: SelectedEvents, plane: PlaneDensity, start: Masses, signal_at: Any, *, fits: list[_Fit]) -> _Fit:
    """Minimise, move the response to the masses found, and minimise again until they stay."""
    signal = signal_at(start)
    likelihood = Likelihood(events, plane, signal)
    excess = max(float(events.in_window.sum()) - events.spectrum.window_expected, 3.0)
    efficiency = max(signal.efficiency(start), 1e-4)
    values = [*start, excess / efficiency, len(events.mjj) - excess, 0.0, 0.0, 0.0]
    for attempt in range(_ROUNDS):
        minuit = _minimise(likelihood, values, len(events.mjj), efficiency)
        values = [float(value) for value in minuit.values]
        masses = (values[0], values[1], values[2])
        if any(_same(masses, other.masses) for other in fits):
            break
        moved = np.abs(np.log(np.array(masses) / np.array(signal.model.masses)))
        if attempt == _ROUNDS - 1 or (attempt > 0 and (moved < _NEAR).all()):
            break
        # the tails of signal lie in the sidebands as well, where they must not count as background
        cleaned = plane.weighted(1.0 - likelihood.signal_probability(values)[events.outside])
        if (moved >= _NEAR).any():
            signal = signal_at(masses)
            efficiency = max(signal.efficiency(masses), 1e-4)
        likelihood = Likelihood(events, cleaned, signal)
    return _Fit(minuit=minuit, likelihood=likelihood, masses=masses, value=float(minuit.fval))


def _minimise(likelihood: Likelihood, values: list[float], n_events: int, efficiency: float) -> Any:
    from iminuit import Minuit

    spectrum = likelihood.events.spectrum
    minuit = Minuit(likelihood, *values, name=Likelihood.NAMES)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.limits = [
        (0.9 * spectrum.edges[0], 1.1 * spectrum.edges[-1]),
        (_LIGHTEST, _HEAVIEST * spectrum.edges[-1]),
        (_LIGHTEST, _HEAVIEST * spectrum.edges[-1]),
        (0.0, 4.0 * n_events / efficiency),
        (0.0, 2.0 * n_events),
        (-0.7, 0.7),
        (-0.7, 0.7),
        (-0.9, 5.0),
    ]
    count = max(values[3] * efficiency, 4.0)
    minuit.errors = [
        0.03 * values[0] / count**0.5,
        0.07 * values[1] / count**0.5,
        0.09 * values[2] / count**0.5,
        1.3 * count**0.5 / efficiency,
        n_events**0.5,
        0.05,
        0.05,
        max(likelihood.spectrum.error, 0.01),
    ]
    minuit.strategy = 1
    minuit.tol = 1.0
    minuit.migrad(ncall=4000)
    if not minuit.valid:
        minuit.simplex().migrad(ncall=6000)
    if not minuit.valid:
        raise FitError("the mass fit did not converge")
    if not minuit.accurate:
        minuit.hesse()
    return minuit


def _profile(minuit: Any, name: str) -> Interval:
    """Return the interval in which the profile likelihood rises by less than one."""
    value, error = float(minuit.values[name]), float(minuit.errors[name])
    low = high = error
    try:
        minuit.minos(name)
        merror = minuit.merrors[name]
        low = -float(merror.lower) if merror.lower_valid else error
        high = float(merror.upper) if merror.upper_valid else error
    except (RuntimeError, KeyError):
        pass
    return Interval(value=value, low=value - low, high=value + high)


def _with_systematic(statistical: Interval, fraction: float) -> Interval:
    """Return the total interval: both parts added in quadrature, the statistical one kept beside."""
    value, systematic = statistical.value, fraction * statistical.value
    return Interval(
        value=value,
        low=value - float(np.hypot(value - statistical.low, systematic)),
        high=value + float(np.hypot(statistical.high - value, systematic)),
        stat_low=statistical.low,
        stat_high=statistical.high,
    )


def _result(
    events: SelectedEvents,
    best: _Fit,
    others: list[_Fit],
    intervals: list[Interval],
    shift: Shift | None,
    plane: PlaneDensity,
    whole_file: bool,
) -> MassFit:
    order = [0, 1, 2, 3] if best.masses[1] >= best.masses[2] else [0, 2, 1, 3]
    names = [("m_z", "m_x", "m_y", "n_s")[index] for index in order]
    shifts = np.zeros(4) if shift is None else DETECTOR_PRIOR * np.abs(shift.as_array())
    shifts[3] = np.hypot(shifts[3], SCORE_EFFICIENCY_ERROR if whole_file else EFFICIENCY_ERROR)
    total = [_with_systematic(intervals[index], float(shifts[index])) for index in order]
    widening = (float(np.exp(best.minuit.values["log_k_z"])), float(np.exp(best.minuit.values["log_k_j"])))
    efficiency = best.likelihood.signal.efficiency(best.masses, widening)
    n_signal = replace(total[3], low=max(total[3].low, 0.0))
    covariance = best.minuit.covariance
    if covariance is None:
        best.minuit.hesse()
        covariance = best.minuit.covariance
    correlation = np.array([[covariance[a, b] for b in names] for a in names])
    spread = np.sqrt(np.maximum(np.diag(correlation), 1e-300))
    drawn = projections(best.likelihood, best.minuit, order)
    scaled = intervals[3]
    return MassFit(
        m_resonance=total[0],
        m_x=total[1],
        m_y=total[2],
        n_selected=Interval(
            value=scaled.value * efficiency, low=scaled.low * efficiency, high=scaled.high * efficiency
        ),
        n_signal=n_signal,
        efficiency=efficiency,
        efficiency_error=float(shifts[3] * efficiency),
        statistical=np.array([0.5 * (intervals[index].high - intervals[index].low) for index in order[:3]]),
        correlation=correlation / np.outer(spread, spread),
        projections=drawn,
        n_events=len(events.mjj),
        p_value=goodness(drawn),
        systematic=shifts[order],
        second=_second(best, others),
        acceptance_known=whole_file,
    )


def _same(one: Masses, other: Masses) -> bool:
    """Return whether two solutions are one, whichever daughter is called X."""
    distance = np.abs(np.log(np.sort(one[1:]) / np.sort(other[1:])))
    return bool(distance.max() < 0.08 and abs(np.log(one[0] / other[0])) < 0.03)


def _second(best: _Fit, others: list[_Fit]) -> dict[str, float] | None:
    """Return the likeliest other solution, if it is another and not far behind."""
    for other in others:
        if not _same(other.masses, best.masses) and other.value - best.value < SECOND_WITHIN:
            m_x, m_y = max(other.masses[1:]), min(other.masses[1:])
            behind = 0.5 * (other.value - best.value)
            return {"m_resonance": other.masses[0], "m_x": m_x, "m_y": m_y, "delta_log_likelihood": behind}
    return None
