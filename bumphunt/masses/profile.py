"""Minimum and profile of the likelihood: where it has risen by one, and how it is known to be so."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError
from bumphunt.masses.constants import (
    BLUNTEST,
    DEEPER,
    HALFWAY,
    LEAST_VARIANCE,
    LIGHTEST_DAUGHTER,
    LOG_PARAMETER_RANGE,
    MINIMUM_TOLERANCE,
    PROFILE_TOLERANCE,
    SCAN_END,
    SCAN_HEIGHT,
    SCAN_STEP,
    SHARPEST,
    WIDTH_PRIOR,
)
from bumphunt.masses.likelihood import Likelihood
from bumphunt.masses.parameters import Parameters
from bumphunt.results import Interval

FloatArray = npt.NDArray[np.float64]


class DeeperMinimumError(Exception):
    """The profile found a lower point, ``at``, than the minimum it started from."""

    def __init__(self, at: Parameters) -> None:
        super().__init__("the profile found a lower point than the minimum")
        self.at = at


def minimise(likelihood: Likelihood, start: Parameters) -> Any:
    """Return the minimiser at the minimum.

    Raises
    ------
    FitError
        If it does not converge.
    """
    minuit = _prepared(likelihood, start)
    minuit.migrad(ncall=4000)
    if not minuit.valid:
        minuit.simplex().migrad(ncall=6000)
    if not minuit.valid and minuit.fmin.edm > 0.002:
        raise FitError("the mass fit did not converge")
    return minuit


def _prepared(likelihood: Likelihood, start: Parameters) -> Any:
    """Return a minimiser at the start, with steps for the number of events and limits about the start."""
    from iminuit import Minuit

    n_events, efficiency = len(likelihood.events.mjj), likelihood.selected_signal(start)[1]
    minuit = Minuit(likelihood, *start, name=Parameters._fields)
    minuit.errordef = Minuit.LEAST_SQUARES
    reach = dict(
        zip(("m_resonance", "m_x", "m_y", "log_width_mjj", "log_width_jets"), LOG_PARAMETER_RANGE, strict=True)
    )
    for name, lowest in (("m_resonance", 1.0), ("m_x", LIGHTEST_DAUGHTER), ("m_y", LIGHTEST_DAUGHTER)):
        mass, factor = getattr(start, name), float(np.exp(reach[name]))
        minuit.limits[name] = (max(mass / factor, lowest), mass * factor)
    for name in ("log_width_mjj", "log_width_jets"):
        width = getattr(start, name)
        minuit.limits[name] = (max(width - reach[name], SHARPEST), min(width + reach[name], BLUNTEST))
    most = 4.0 * n_events / efficiency
    if likelihood.events.n_file is not None:
        most = max(min(most, float(likelihood.events.n_file)), 1.0)
    minuit.limits["n_signal"] = (0.0, most)
    minuit.limits["n_background"] = (0.0, 2.0 * n_events)
    minuit.limits["background_shift"] = (-0.9, 5.0)
    count = max(start.n_signal * efficiency, 4.0)
    steps = Parameters(
        m_resonance=0.03 * start.m_resonance / count**0.5,
        m_x=0.07 * start.m_x / count**0.5,
        m_y=0.09 * start.m_y / count**0.5,
        n_signal=1.3 * count**0.5 / efficiency,
        n_background=n_events**0.5,
        log_width_mjj=0.05,
        log_width_jets=0.05,
        background_shift=max(likelihood.spectrum.error, 0.05),
    )
    minuit.errors = list(steps)
    minuit.strategy = 1
    minuit.tol = MINIMUM_TOLERANCE
    return minuit


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
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

    def statistical(self) -> Interval:
        """Return the statistical interval alone."""
        return Interval(value=self.value, low=self.value - self.low, high=self.value + self.high)

    def widened(self, relative: float) -> "Errors":
        """Return the same with a relative error added to the statistical one."""
        low, high = (float(np.hypot(error, relative * self.value)) for error in (self.low, self.high))
        return replace(self, low=low, high=high)

    def reduced(self, variance: float) -> "Errors":
        """Return the same with a part of the statistical variance taken off, or added if it is negative."""
        low, high = (
            float(np.sqrt(max(error**2 - variance, LEAST_VARIANCE * error**2))) for error in (self.low, self.high)
        )
        return replace(self, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curvature:
    """Covariance of the parameters at the minimum, shape (8, 8), in the order of :class:`Parameters`."""

    covariance: FloatArray

    def error(self, name: str) -> float:
        """Return the error of a parameter by the curvature."""
        index = Parameters._fields.index(name)
        return float(np.sqrt(max(self.covariance[index, index], 1e-300)))

    def assumed(self, name: str) -> float:
        """Return how far a parameter moves when what is assumed of the resolutions moves by its error.

        That part of an error is the detector's, not the data's. A resolution that the data tell leaves little of it.
        """
        index = Parameters._fields.index(name)
        widths = [Parameters._fields.index(width) for width in ("log_width_mjj", "log_width_jets")]
        return float(np.hypot(*(self.covariance[index, width] for width in widths)) / WIDTH_PRIOR)


def curvature(minuit: Any) -> Curvature:
    """Return the covariance from second derivatives at the minimum; the minimiser's own is only a by-product."""
    minuit.hesse()
    if minuit.covariance is None:
        raise FitError("the mass fit has no curvature at its minimum")
    return Curvature(covariance=np.array(minuit.covariance, dtype=np.float64))


def profile_errors(likelihood: Likelihood, minuit: Any, name: str, *, shape: Curvature) -> Errors:
    """Return where the profile likelihood has risen by one, apart from the part that the detector has in it.

    Raises
    ------
    DeeperMinimumError
        If the profile falls below the minimum.
    """
    profile = _Profile(likelihood, minuit, name, shape)
    low, high = profile.crossing(-1.0), profile.crossing(1.0)
    assumed = min(shape.assumed(name), low, high)
    return Errors(value=profile.value, low=low, high=high, assumed=assumed).reduced(assumed**2)


def rise_when_equal(likelihood: Likelihood, minuit: Any) -> float:
    """Return by how much twice the negative log likelihood rises when both daughters are given one mass.

    Raises
    ------
    DeeperMinimumError
        If it falls below the minimum.
    """
    from iminuit import Minuit

    best, x, y = Parameters(*minuit.values), *(Parameters._fields.index(name) for name in ("m_x", "m_y"))

    def equal(*values: float) -> float:
        return likelihood(*values[:y], values[x], *values[y:])

    one = Minuit(equal, *np.delete(np.array(best._replace(m_x=0.5 * (best.m_x + best.m_y))), y))
    one.errordef, one.strategy, one.tol = 1.0, 0, PROFILE_TOLERANCE
    one.errors = [0.3 * max(error, 1e-6) for index, error in enumerate(minuit.errors) if index != y]
    one.limits = [
        (min(minuit.limits["m_x"][0], minuit.limits["m_y"][0]), max(minuit.limits["m_x"][1], minuit.limits["m_y"][1]))
        if index == x
        else limit
        for index, limit in enumerate(minuit.limits)
        if index != y
    ]
    one.migrad(ncall=1500)
    rise = float(one.fval) - float(minuit.fval)
    if rise < -DEEPER:
        found = [float(value) for value in one.values]
        raise DeeperMinimumError(Parameters(*np.insert(found, y, found[x]).tolist()))
    return max(rise, 0.0)


class _Profile:
    """Rise of twice the negative log likelihood, the other parameters minimised, with one parameter held."""

    def __init__(self, likelihood: Likelihood, minuit: Any, name: str, shape: Curvature) -> None:
        from iminuit import Minuit

        self.value, self.error = float(minuit.values[name]), shape.error(name)
        self.ends = minuit.limits[name]
        self._lowest, self._best = float(minuit.fval), np.array(minuit.values)
        index = Parameters._fields.index(name)
        self._slopes = shape.covariance[index] / shape.covariance[index, index]
        self._limits, self._name = [minuit.limits[field] for field in Parameters._fields], name
        self._minuit = Minuit(likelihood, *minuit.values, name=Parameters._fields)
        self._minuit.errordef, self._minuit.strategy, self._minuit.tol = 1.0, 0, PROFILE_TOLERANCE
        self._minuit.limits, self._minuit.fixed[name] = self._limits, True
        self._errors = [0.3 * shape.error(field) for field in Parameters._fields]

    def rise(self, distance: float) -> float:
        """Return the rise at a signed distance from the minimum."""
        inner = [
            (low + 1e-3 * (high - low), high - 1e-3 * (high - low)) if np.isfinite(high - low) else (low, high)
            for low, high in self._limits
        ]
        start = np.clip(self._best + distance * self._slopes, *np.transpose(inner))
        start[Parameters._fields.index(self._name)] = self.value + distance
        self._minuit.reset()
        self._minuit.values, self._minuit.errors = start, self._errors
        self._minuit.migrad(ncall=1500)
        found = float(self._minuit.fval) - self._lowest
        if found < -DEEPER:
            raise DeeperMinimumError(Parameters(*self._minuit.values))
        return max(found, 0.0)

    def crossing(self, side: float) -> float:
        """Return the distance on one side at which the profile has risen by one."""
        end = (self.ends[1] - self.value) if side > 0 else (self.value - self.ends[0])
        farthest = max(0.999 * float(end), 1e-6 * self.error)
        unit = min(self.error, farthest)
        half, whole = self.rise(0.5 * side * unit), self.rise(side * unit)
        if not (HALFWAY[0] * whole < half < HALFWAY[1] * whole and 0.2 < whole < 5.0):
            return self._scanned(side, farthest)
        # rise = a d^2 + b d^3 through both, then once more through the point where that has risen by one
        known = [(0.5, half), (1.0, whole)]
        for _ in range(2):
            (d_1, g_1), (d_2, g_2) = known[-2:]
            slope = (g_2 / d_2**2 - g_1 / d_1**2) / (d_2 - d_1)
            guess = _root(g_2 / d_2**2 - slope * d_2, slope)
            if guess is None or guess * unit > farthest or guess > 3.0:
                return self._scanned(side, farthest)
            if abs(guess - d_2) < 0.003:
                return guess * unit
            known.append((guess, self.rise(side * guess * unit)))
        distance, height = known[-1]
        return unit * distance / float(np.sqrt(max(height, 0.25)))

    def _scanned(self, side: float, farthest: float) -> float:
        """Return the outermost distance at which the profile passes one, from steps over the whole valley."""
        last, found = (0.0, 0.0), None
        for step in np.arange(SCAN_STEP, SCAN_END + 1e-9, SCAN_STEP):
            distance = min(float(step) * self.error, farthest)
            height = self.rise(side * distance)
            if height >= 1.0 > last[1]:
                roots = np.sqrt([last[1], height])
                found = last[0] + (distance - last[0]) * float((1.0 - roots[0]) / (roots[1] - roots[0]))
            elif height < 1.0:
                found = None
            last = distance, height
            if height > SCAN_HEIGHT or distance >= farthest:
                break
        return max(last[0], self.error) if found is None else found


def _root(square: float, cube: float) -> float | None:
    """Return the distance at which ``square d^2 + cube d^3`` is one, None where it never is."""
    distance = 1.0
    for _ in range(20):
        value, slope = square * distance**2 + cube * distance**3 - 1.0, 2 * square * distance + 3 * cube * distance**2
        if slope <= 0.0:
            return None
        distance = float(np.clip(distance - value / slope, 0.1, 5.0))
    return distance
