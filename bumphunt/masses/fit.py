"""Masses of the resonance and its daughters and the number of signal events: maximum likelihood, profile intervals."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError
from bumphunt.masses.acceptance import Select
from bumphunt.masses.likelihood import (
    WIDTH_PRIOR,
    Likelihood,
    SelectedEvents,
    SelectedSignal,
    masses_and_widths,
    selected_signal,
)
from bumphunt.masses.plane import PlaneDensity
from bumphunt.masses.projections import goodness, projections
from bumphunt.masses.signal_table import Masses, SignalTable
from bumphunt.masses.starts import starting_points
from bumphunt.masses.substructure import Tau21Scale, tau21_scale
from bumphunt.masses.systematics import (
    DETECTOR_PRIOR,
    RESPONSE_ERROR,
    SCORE_EFFICIENCY_ERROR,
    Shift,
    detector_shift,
)
from bumphunt.masses.yields import EFFICIENCY_ERROR
from bumphunt.results import Interval, MassFit

FloatArray = npt.NDArray[np.float64]

MINIMUM_SIDEBAND = 15
"""Selected sideband events below which no background density can be estimated."""

SECOND_WITHIN = 9.0
"""Twice the difference in log likelihood within which another solution is reported."""

_LIGHTEST, _HEAVIEST = 25.0, 0.30
_REACH = (0.06, 0.10, 0.10, 0.35, 0.35)
"""How far a fit may move the logarithms of masses and widths from where its likelihood was prepared."""
_SHARPEST, _BLUNTEST = -1.2, 0.7
"""Ends of the logarithms of the resolutions over the nominal ones."""
_ROUNDS = 5
_LEAST = 0.1
"""Least part of a variance that stays when another is taken off."""
_NUMBERS = 0.10
"""Relative difference of fitted and seen events that is still put down to the efficiency's interpolation."""
_NEAR = (0.012, 0.025, 0.025)
"""Changes of the masses within which the response prepared for others still holds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fit:
    """A minimum, with the likelihood it was found in."""

    minuit: Any
    likelihood: Likelihood
    masses: Masses
    value: float
    efficiency: float


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
    names = ("m_z", "m_x", "m_y", "n_s")
    assumed = _assumed(best)
    intervals = [
        _profile(best.minuit, name, part).widened(own)
        for name, part, own in zip(names, assumed, RESPONSE_ERROR, strict=True)
    ]
    shift = None if varied is None else detector_shift(table, varied, best.masses, ends=events.range, select=select)
    scale = None if select is None else tau21_scale(best.likelihood, list(best.minuit.values), select)
    return _result(best, found[1:], intervals, shift, scale)


def _within_grid(masses: Masses) -> Masses:
    """Return masses at which the response is built: the nearest that can be."""
    m_resonance = float(np.clip(masses[0], 1500.0, 9000.0))
    m_x, m_y = (float(np.clip(mass, _LIGHTEST, _HEAVIEST * m_resonance)) for mass in masses[1:])
    return m_resonance, m_x, m_y


def _converged(events: SelectedEvents, plane: PlaneDensity, start: Masses, signal_at: Any, *, fits: list[_Fit]) -> _Fit:
    """Minimise, move the response to the masses found, and minimise again until they stay."""
    signal = signal_at(start)
    likelihood = Likelihood(events, plane, signal, (*start, 0.0, 0.0))
    excess = max(float(events.in_window.sum()) - events.spectrum.window_expected, 3.0)
    efficiency = max(signal.efficiency(start), 1e-4)
    values = [*start, excess / efficiency, len(events.mjj) - excess, 0.0, 0.0, 0.0]
    for attempt in range(_ROUNDS):
        minuit = _minimise(likelihood, values, efficiency)
        values = [float(value) for value in minuit.values]
        masses = (values[0], values[1], values[2])
        if any(_same(masses, other.masses) for other in fits):
            break
        settled = all(near < 0.5 * reach for near, reach in zip(_moved(likelihood, values), _REACH, strict=True))
        if attempt == _ROUNDS - 1 or (attempt > 0 and settled):
            break
        # the tails of signal lie in the sidebands as well, where they must not count as background
        cleaned, density, values = likelihood.separated(values)
        if any(abs(np.log(a / b)) >= near for a, b, near in zip(masses, signal.model.masses, _NEAR, strict=True)):
            signal = signal_at(masses)
        efficiency = max(signal.efficiency(*masses_and_widths(values)), 1e-4)
        likelihood = Likelihood(cleaned, density, signal, (*masses, values[5], values[6]))
    _check_numbers(likelihood, values)
    return _Fit(minuit=minuit, likelihood=likelihood, masses=masses, value=float(minuit.fval), efficiency=efficiency)


def _check_numbers(likelihood: Likelihood, values: list[float]) -> None:
    """Refuse a minimum whose signal and background are not as many as the events, as they are at any true one.

    Where a cut keeps little of a strong signal, the efficiency may be followed to where it no longer holds.
    """
    signal = values[3] * likelihood.signal.efficiency(*masses_and_widths(values))
    expected, seen = signal + values[4] * (1.0 + values[7] * likelihood.spectrum.share), len(likelihood.events.mjj)
    if abs(expected / seen - 1.0) > _NUMBERS:
        raise FitError(f"the mass fit ended at {expected:.0f} events where there are {seen}")


def _moved(likelihood: Likelihood, values: list[float]) -> FloatArray:
    """Return how far masses and widths are from where the likelihood was prepared, in logarithms."""
    origin = np.append(np.log(likelihood.origin[:3]), likelihood.origin[3:])
    return np.asarray(np.abs(np.append(np.log(values[:3]), values[5:7]) - origin), dtype=np.float64)


def _prepared(likelihood: Likelihood, values: list[float], efficiency: float) -> Any:
    """Return a minimiser at the values, with steps for the number of events and limits about the origin."""
    from iminuit import Minuit

    n_events = len(likelihood.events.mjj)
    minuit = Minuit(likelihood, *values, name=Likelihood.NAMES)
    minuit.errordef = Minuit.LEAST_SQUARES
    masses = [
        (max(mass * float(np.exp(-reach)), lowest), mass * float(np.exp(reach)))
        for mass, reach, lowest in zip(likelihood.origin[:3], _REACH[:3], (1.0, _LIGHTEST, _LIGHTEST), strict=True)
    ]
    widths = [
        (max(width - reach, _SHARPEST), min(width + reach, _BLUNTEST))
        for width, reach in zip(likelihood.origin[3:], _REACH[3:], strict=True)
    ]
    most = 4.0 * n_events / efficiency
    minuit.limits = [*masses, (0.0, most), (0.0, 2.0 * n_events), *widths, (-0.9, 5.0)]
    count = max(values[3] * efficiency, 4.0)
    minuit.errors = [
        0.03 * values[0] / count**0.5,
        0.07 * values[1] / count**0.5,
        0.09 * values[2] / count**0.5,
        1.3 * count**0.5 / efficiency,
        n_events**0.5,
        0.05,
        0.05,
        max(likelihood.spectrum.error, 0.05),
    ]
    minuit.strategy = 1
    minuit.tol = 1.0
    return minuit


def _minimise(likelihood: Likelihood, values: list[float], efficiency: float) -> Any:
    """Return the minimiser at the minimum.

    Raises
    ------
    FitError
        If it does not converge.
    """
    minuit = _prepared(likelihood, values, efficiency)
    minuit.migrad(ncall=4000)
    if not minuit.valid:
        minuit.simplex().migrad(ncall=6000)
    if not minuit.valid:
        raise FitError("the mass fit did not converge")
    return minuit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errors:
    """An estimate with its errors downwards and upwards, statistical and from what is assumed of the detector."""

    value: float
    low: float
    high: float
    assumed: float

    def interval(self, *, scale: float = 1.0, systematic: float = 0.0) -> Interval:
        """Return the total interval with its statistical part; ``systematic`` is a further relative error."""
        assumed = np.hypot(self.assumed, systematic * self.value)
        return Interval(
            value=scale * self.value,
            low=scale * (self.value - float(np.hypot(self.low, assumed))),
            high=scale * (self.value + float(np.hypot(self.high, assumed))),
            stat_low=scale * (self.value - self.low),
            stat_high=scale * (self.value + self.high),
        )

    def widened(self, relative: float) -> "_Errors":
        """Return the same with a relative error added to the statistical one."""
        low, high = (float(np.hypot(error, relative * self.value)) for error in (self.low, self.high))
        return replace(self, low=low, high=high)

    def reduced(self, variance: float) -> "_Errors":
        """Return the same with a part of the statistical variance taken off, or added if it is negative."""
        low, high = (float(np.sqrt(max(error**2 - variance, _LEAST * error**2))) for error in (self.low, self.high))
        return replace(self, low=low, high=high)


def _profile(minuit: Any, name: str, assumed: float) -> _Errors:
    """Return where the profile likelihood has risen by one, apart from ``assumed``, the detector's part of that."""
    value, error = float(minuit.values[name]), float(minuit.errors[name])
    low = high = error
    try:
        minuit.minos(name)
        merror = minuit.merrors[name]
        low = -float(merror.lower) if merror.lower_valid else error
        high = float(merror.upper) if merror.upper_valid else error
    except (RuntimeError, KeyError):
        pass
    assumed = min(assumed, low, high)
    return _Errors(value=value, low=low, high=high, assumed=assumed).reduced(assumed**2)


def _assumed(fit: _Fit) -> FloatArray:
    """Return how far masses and number move when what is assumed of the resolutions moves by its error, shape (4,).

    That part of an error is the detector's, not the data's. A resolution that the data tell leaves little of it.
    """
    likelihood, values = fit.likelihood, np.array(fit.minuit.values)
    moved = []
    for centre in ((WIDTH_PRIOR, 0.0), (0.0, WIDTH_PRIOR)):
        likelihood.assumed = centre
        try:
            moved.append(np.array(_minimise(likelihood, values.tolist(), fit.efficiency).values)[:4] - values[:4])
        except FitError:
            moved.append(np.zeros(4))
        finally:
            likelihood.assumed = (0.0, 0.0)
    return np.asarray(np.hypot(*moved), dtype=np.float64)


def _plane_variance(fit: _Fit) -> float:
    """Return the variance of the selected signal that comes from the density of background in the plane of jet masses.

    What lies under the peak is known from the sideband events of the same masses: as many as there are under the peak,
    times what the sidebands hold over what the window holds.
    """
    events, probability = fit.likelihood.events, fit.likelihood.signal_probability(list(fit.minuit.values))
    under = float((probability * (1.0 - probability))[events.in_window].sum())
    ratio = float(events.outside.sum()) / max(events.spectrum.window_expected, 1.0)
    return under / max(ratio, 1e-3)


def _covariance(minuit: Any) -> Any:
    minuit.hesse()  # the minimiser's own is a by-product, and may be far off
    return minuit.covariance


def _result(
    best: _Fit,
    others: list[_Fit],
    intervals: list[_Errors],
    shift: Shift | None,
    scale: Tau21Scale | None,
) -> MassFit:
    order = [0, 1, 2, 3] if best.masses[1] >= best.masses[2] else [0, 2, 1, 3]
    names = [("m_z", "m_x", "m_y", "n_s")[index] for index in order]
    shifts = np.zeros(4) if shift is None else DETECTOR_PRIOR * np.abs(shift.as_array())
    yields, known = intervals[3], scale or Tau21Scale()
    shifts[3] = np.hypot(shifts[3], EFFICIENCY_ERROR if scale is None else SCORE_EFFICIENCY_ERROR)
    efficiency = best.likelihood.signal.efficiency(*masses_and_widths(list(best.minuit.values)))
    n_selected = yields.interval(scale=efficiency)
    own = known.statistical**2 * yields.value**2 + _plane_variance(best) / max(efficiency, 1e-6) ** 2
    yields = yields.reduced(-own)
    shifts[3] = np.hypot(shifts[3], known.prior)
    total = [intervals[index].interval(systematic=float(shifts[index])) for index in order[:3]]
    n_signal = yields.interval(scale=1.0 / known.correction, systematic=float(shifts[3]))
    n_signal = replace(n_signal, low=max(n_signal.low, 0.0))
    covariance = _covariance(best.minuit)
    correlation = np.array([[covariance[a, b] for b in names] for a in names])
    spread = np.sqrt(np.maximum(np.diag(correlation), 1e-300))
    drawn = projections(best.likelihood, best.minuit, order)
    return MassFit(
        m_resonance=total[0],
        m_x=total[1],
        m_y=total[2],
        n_selected=Interval(value=n_selected.value, low=n_selected.low, high=n_selected.high),
        n_signal=n_signal,
        efficiency=efficiency * known.correction,
        efficiency_error=float(shifts[3] * efficiency * known.correction),
        statistical=np.array([0.5 * (intervals[index].high + intervals[index].low) for index in order[:3]]),
        correlation=correlation / np.outer(spread, spread),
        projections=drawn,
        n_events=len(best.likelihood.events.mjj),
        p_value=goodness(drawn),
        systematic=np.array(
            [
                *(np.hypot(shifts[i], intervals[i].assumed / intervals[i].value) for i in order[:3]),
                np.hypot(shifts[3], intervals[3].assumed / max(intervals[3].value, 1e-9)),
            ]
        ),
        second=_second(best, others),
        acceptance_known=scale is not None,
        tau21_scale=float(np.exp(known.log_scale)),
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
