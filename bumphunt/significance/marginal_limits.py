"""Upper limits from a count whose background, signal efficiency and spread are known to errors: CLs and CLs+b.

What to use when: the selection has been learnt from the data, so that its efficiency depends on how much signal there
is and differs from one training to the next, and its counts spread more than Poisson. Unknowns are averaged over
their distributions (Cousins and Highland, Nucl. Instrum. Meth. A 320 (1992) 331), as the coverage of a limit on many
data sets that differ in them asks for: the background over a gamma distribution, in closed form, the number of signal
events that pass by a sum, and the efficiency by quadrature. With exactly known background and efficiency the limits are
those of :func:`bumphunt.significance.limits.poisson_limits`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaln, ndtr, xlogy

from bumphunt.errors import InputError
from bumphunt.significance.limits import BANDS

FloatArray = npt.NDArray[np.float64]

_DEVIATIONS = np.linspace(-6.0, 6.0, 49)
"""Deviations of the efficiency, in standard deviations, over which is averaged: far enough and close enough for the
tails of expected limits, where a probability of one in a thousand is compared with one in fifty."""

_MANY = 1000
"""Signal events that fit into a count, above which their number is not summed over."""

_GRID = 60
"""Numbers of signal events among which the limit is bracketed before it is found exactly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedCount:
    """A count in a window after a learnt selection, and what is known of it.

    Parameters
    ----------
    observed, expected, error : float
        Effective events in the window, their expectation without signal, and its standard error.
    efficiency : callable
        (Signal events in the file, deviation) -> part of them in the count, between 0 and 1: the mean over trainings
        at deviation 0, that of an unlucky training at deviation -1. Arrays that broadcast;
        :class:`bumphunt.significance.efficiency.EfficiencyCurve` is one.
    gain : float
        Effective events that a selected signal event counts.
    weight : float
        Mean squared over mean weight, in (0, 1], of a selected signal event; its mean weight is in the efficiency.
    mean, width : float
        Of the significance without signal: what the count has in common with trained selections of its kind.
    most : float
        Largest number of signal events asked about, such as all events of the file.
    """

    observed: float
    expected: float
    error: float
    efficiency: Callable[[FloatArray, FloatArray], FloatArray]
    gain: float = 1.0
    weight: float = 1.0
    mean: float = 0.0
    width: float = 1.0
    most: float = 1e9

    def __post_init__(self) -> None:
        """Refuse numbers that describe no count."""
        good = self.observed >= 0 and self.expected >= 0 and self.error >= 0 and self.width > 0 and self.most > 0
        if not (good and np.isfinite([self.observed, self.expected, self.error, self.width, self.mean]).all()):
            raise InputError(
                f"a count of {self.observed:g} on {self.expected:g} ± {self.error:g} events with a width of "
                f"{self.width:g} sets no limit; all must be finite and at least 0"
            )

    def limit(self, *, level: float = 0.05, method: str = "CLs") -> float:
        """Return the observed upper limit on signal events in the file; infinite where not even ``most`` is excluded.

        Examples
        --------
        No event on a known background: three, over the efficiency.

        >>> count = SelectedCount(observed=0.0, expected=0.5, error=0.0, efficiency=lambda n, _: 0.5)
        >>> round(count.limit(), 2)
        5.99
        """
        return self._crossing(self.observed / self.width**2, level=level, method=method)

    def expected_limits(self, *, level: float = 0.05, method: str = "CLs") -> FloatArray:
        """Return the limits expected without signal at -2 … 2 standard deviations, shape (5,).

        They do not depend on ``observed``.
        """
        counts = [self._quantile(float(ndtr(band))) for band in BANDS]
        return np.array([self._crossing(number, level=level, method=method) for number in counts])

    def p_value(self, n_signal: float) -> float:
        """Return CLs+b: the probability of a count as small as the observed one with so many signal events."""
        return float(self._below(self.observed / self.width**2, np.array([n_signal]))[0])

    def _below(self, number: float, n_signal: FloatArray) -> FloatArray:
        """Return the probability of at most ``number`` (in units of the width squared), shape of ``n_signal``."""
        n = np.atleast_1d(np.asarray(n_signal, dtype=np.float64))
        gain = self.gain / self.width**2
        efficiency = np.asarray(self.efficiency(n[:, None], _DEVIATIONS), dtype=np.float64)
        signal = gain * n[:, None] * np.broadcast_to(efficiency, (len(n), len(_DEVIATIONS)))
        # what one signal event counts where it passes; Poisson covers events that count one
        each = max(gain * self.weight, 1.0)
        density = np.exp(-0.5 * _DEVIATIONS**2)
        below = self._with_many if number > _MANY * each else self._with_few
        return np.asarray(below(number, signal, each) @ density / density.sum(), dtype=np.float64)

    def _with_few(self, number: float, signal: FloatArray, each: float) -> FloatArray:
        """Return the probability summed over how many signal events pass; ``signal`` of any shape is what they add."""
        passing = np.arange(int((number + 1.0) / each) + 1, dtype=np.float64)
        background = self._negative_binomial(np.asarray(number - each * passing, dtype=np.float64))
        mean = np.maximum(signal / each, 1e-300)[..., None]
        return np.asarray(np.exp(xlogy(passing, mean) - mean - gammaln(passing + 1.0)) @ background, dtype=np.float64)

    def _with_many(self, number: float, signal: FloatArray, each: float) -> FloatArray:
        """Return the same where so many fit into the count that their fluctuations widen the background's mean."""
        return self._negative_binomial(number, signal, (each - 1.0) * signal)

    def _negative_binomial(
        self, number: float | FloatArray, more: float | FloatArray = 0.0, variance: float | FloatArray = 0.0
    ) -> FloatArray:
        """Return the probability of at most ``number``, Poisson about the background's mean and ``more``."""
        expected, error = self._background()
        mean = expected + more
        # Poisson about a mean that follows a gamma distribution; a spread of nearly none gives Poisson
        shape = mean**2 / np.maximum(error**2 + variance, 1e-4 * mean)
        return np.asarray(betainc(shape, np.maximum(number + 1.0, 0.0), shape / (shape + mean)), dtype=np.float64)

    def _background(self) -> tuple[float, float]:
        """Return the expectation without signal and its standard error, in units of the width squared."""
        expected, error = max(self.expected, 1e-6) / self.width**2, self.error / self.width
        # a count that lies low on average without signal is no sign that there is none
        return max(expected + self.mean / self.width * float(np.hypot(np.sqrt(expected), error)), 0.1 * expected), error

    def _quantile(self, probability: float) -> float:
        """Return the count that is not exceeded with this probability without signal."""
        low, high = 0.0, 10.0 + 20.0 * (self.expected + self.error) / self.width**2
        none = np.zeros(1)
        if float(self._below(low, none)[0]) >= probability:
            return low
        for _ in range(36):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if float(self._below(middle, none)[0]) > probability else (middle, high)
        return 0.5 * (low + high)

    def _crossing(self, number: float, *, level: float, method: str) -> float:
        """Return the largest signal that is not excluded."""
        if not 0 < level < 0.5:
            raise InputError(f"a limit at a level of {level:g} makes no sense; use one between 0 and 0.5, such as 0.05")
        if method not in ("CLs", "CLs+b"):
            raise InputError(f"unknown kind of limit {method!r}; use CLs or CLs+b")
        without = float(self._below(number, np.zeros(1))[0]) if method == "CLs" else 1.0

        def excluded(n: FloatArray) -> npt.NDArray[np.bool_]:
            return np.asarray(self._below(number, n) <= level * without, dtype=np.bool_)

        grid = np.geomspace(1.0, self.most, _GRID) if self.most > 1.0 else np.array([self.most])
        allowed = np.flatnonzero(~excluded(grid))
        if len(allowed) and allowed[-1] == len(grid) - 1:
            return float("inf")
        low, high = (grid[allowed[-1]], grid[allowed[-1] + 1]) if len(allowed) else (0.0, grid[0])
        for _ in range(24):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if bool(excluded(np.array([middle]))[0]) else (middle, high)
        return float(0.5 * (low + high))
