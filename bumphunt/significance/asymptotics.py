r"""Asymptotic distributions of profile likelihood ratios, and the on/off model in closed form (arXiv:1007.1727).

The on/off model counts n events in a window, Poisson with mean s + b, and m in a sideband, Poisson with mean tau b.
It stands for any window whose background is known to an error: tau = b / error**2 (arXiv:physics/0702156). Arrays
broadcast, so that thousands of experiments are one call.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, xlogy

FloatArray = npt.NDArray[np.float64]
Numbers = FloatArray | float


def half_chi2_p_value(q0: Numbers) -> FloatArray:
    """Return the p-value of q0, half a chi2 with one degree of freedom: ``1 - Phi(sqrt(q0))`` (eq. 52).

    Examples
    --------
    >>> half_chi2_p_value(25.0).round(10).tolist()
    2.867e-07
    """
    return np.asarray(ndtr(-np.sqrt(np.maximum(q0, 0.0))), dtype=np.float64)


def expected_discovery_z(signal: Numbers, background: Numbers, error: Numbers = 0.0) -> FloatArray:
    """Return the median significance of a counting experiment on a background known to ``error``.

    The Asimov value, eq. 97 of arXiv:1007.1727 without and eq. 20 of "Discovery sensitivity for a counting
    experiment with background uncertainty" (G. Cowan, 2012) with an error.

    Examples
    --------
    >>> expected_discovery_z(10.0, 100.0).round(3).tolist(), expected_discovery_z(10.0, 100.0, 10.0).round(3).tolist()
    (0.984, 0.69)
    """
    s, b = np.asarray(signal, dtype=np.float64), np.maximum(np.asarray(background, dtype=np.float64), 1e-12)
    variance = np.asarray(error, dtype=np.float64) ** 2
    known = (s + b) * np.log1p(s / b) - s
    safe = np.where(variance > 1e-12 * b, variance, 1.0)
    first = (s + b) * np.log((s + b) * (b + safe) / (b**2 + (s + b) * safe))
    second = b**2 / safe * np.log1p(safe * s / (b * (b + safe)))
    value = np.where(variance > 1e-12 * b, first - second, known)
    return np.asarray(np.sqrt(np.maximum(2.0 * value, 0.0)), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnOff:
    """Counts in a window and in a sideband ``tau`` times as rich in background; arrays of any common shape."""

    on: FloatArray
    off: FloatArray
    tau: FloatArray

    @classmethod
    def from_background(cls, observed: Numbers, expected: Numbers, error: Numbers) -> "OnOff":
        """Build the model from observed events and an expectation with its error."""
        b = np.maximum(np.asarray(expected, dtype=np.float64), 1e-9)
        # an error of zero is a sideband so large that the background is known
        tau = b / np.maximum(np.asarray(error, dtype=np.float64), 1e-4 * np.sqrt(b)) ** 2
        on, off, tau = np.broadcast_arrays(np.asarray(observed, dtype=np.float64), b * tau, tau)
        return cls(on=on, off=off, tau=tau)

    def best_signal(self) -> FloatArray:
        """Return the maximum-likelihood signal, negative for a deficit."""
        return np.asarray(self.on - self.off / self.tau, dtype=np.float64)

    def background_given(self, signal: Numbers) -> FloatArray:
        """Return the background that maximises the likelihood under a fixed signal."""
        s = np.asarray(signal, dtype=np.float64)
        half = self.on + self.off - (1.0 + self.tau) * s
        root = np.sqrt(half**2 + 4.0 * (1.0 + self.tau) * self.off * s)
        # for negative `half` the usual root would cancel
        plus = (half + root) / (2.0 * (1.0 + self.tau))
        other = 2.0 * self.off * s / np.maximum(root - half, 1e-300)
        return np.asarray(np.where(half >= 0, plus, other), dtype=np.float64)

    def twice_nll(self, signal: Numbers) -> FloatArray:
        """Return twice the negative log-likelihood, background profiled, relative to the saturated model."""
        b = self.background_given(signal)
        mean_on, mean_off = np.maximum(signal + b, 1e-300), np.maximum(self.tau * b, 1e-300)
        value = mean_on - self.on + xlogy(self.on, self.on) - xlogy(self.on, mean_on)
        value += mean_off - self.off + xlogy(self.off, self.off) - xlogy(self.off, mean_off)
        return np.asarray(2.0 * value, dtype=np.float64)

    def q0(self) -> FloatArray:
        """Return the discovery statistic, zero for a deficit (eq. 12)."""
        return np.asarray(np.where(self.best_signal() > 0, np.maximum(self.twice_nll(0.0), 0.0), 0.0), dtype=np.float64)

    def signed_sqrt_q0(self) -> FloatArray:
        """Return the signed root of the likelihood ratio of no signal."""
        return np.asarray(np.sign(self.best_signal()) * np.sqrt(np.maximum(self.twice_nll(0.0), 0.0)))

    def q_tilde(self, signal: Numbers) -> FloatArray:
        """Return the statistic for upper limits on a signal that cannot be negative (eq. 16)."""
        best = self.best_signal()
        lowest = np.where(best > 0, 0.0, self.twice_nll(0.0))  # the saturated model is reached where it is allowed
        ratio = np.maximum(self.twice_nll(signal) - lowest, 0.0)
        return np.asarray(np.where(best > signal, 0.0, ratio), dtype=np.float64)

    def asimov(self) -> "OnOff":
        """Return the counts expected without signal, the background fitted to what was observed."""
        b = self.background_given(0.0)
        return OnOff(on=b, off=self.tau * b, tau=self.tau)


def tail_probabilities(q: Numbers, q_asimov: Numbers) -> tuple[FloatArray, FloatArray]:
    """Return CLs+b and CLb of the statistic q-tilde, given its value on the background's Asimov data (eq. 64, 65).

    CLs is their ratio.
    """
    q, q_asimov = np.maximum(q, 0.0), np.maximum(q_asimov, 1e-12)
    root, sigma = np.sqrt(q), np.sqrt(q_asimov)
    beyond = q > q_asimov
    with_signal = np.where(beyond, ndtr(-(q + q_asimov) / (2.0 * sigma)), ndtr(-root))
    without = np.where(beyond, ndtr(-(q - q_asimov) / (2.0 * sigma)), ndtr(sigma - root))
    return np.asarray(with_signal, dtype=np.float64), np.asarray(without, dtype=np.float64)
