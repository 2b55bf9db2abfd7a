"""Asymptotic tests of a pyhf model, every fit made once (arXiv:1007.1727).

``pyhf.infer.hypotest`` makes five fits for each signal strength, of which three are the same for all; a limit with its
band asks for some forty strengths. Here the fits are pyhf's as well, each begins where its neighbour ended, and the
expected limits follow from one smooth function, the root of the statistic of the Asimov data. The tests compare both.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from bumphunt.significance.asymptotics import half_chi2_p_value, tail_probabilities
from bumphunt.significance.limits import BANDS

FloatArray = npt.NDArray[np.float64]

_TOLERANCE = 1e-4
"""Relative error of a limit."""
_SMALLEST = 1e-4
"""Part of the largest signal strength below which no limit is looked for."""


class AsymptoticTests:
    """Statistics of one model and its data, as functions of the signal strength.

    Parameters
    ----------
    pyhf : module
        Imported by the caller, who knows its warnings.
    model, data
        Of a workspace whose signal strength is bounded below by zero.
    """

    def __init__(self, pyhf: Any, model: Any, data: Any) -> None:
        self._pyhf, self._model, self._data = pyhf, model, data
        _, self.largest = model.config.suggested_bounds()[model.config.poi_index]
        parameters, least = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
        self.best, self._least = float(parameters[model.config.poi_index]), float(least)
        none, at_none = pyhf.infer.mle.fixed_poi_fit(0.0, data, model, return_fitted_val=True)
        # a minimiser may end a little above the other
        self._least = min(self._least, float(at_none))
        self._at_none = float(at_none)
        self._asimov = model.expected_data(none)
        # data that are their own expectation are fitted best by what made them
        self._least_asimov = float(pyhf.infer.mle.twice_nll(none, self._asimov, model)[0])
        self._done: dict[tuple[str, float], float] = {}
        self._begin: dict[str, Any] = {"data": parameters, "asimov": none}

    def discovery(self) -> float:
        """Return the p-value of the background alone, from q0 (eqs. 12 and 52)."""
        return float(half_chi2_p_value(self._at_none - self._least)) if self.best > 0 else 0.5

    def limits(self, level: float) -> tuple[float, FloatArray]:
        """Return the observed CLs limit on the signal strength, and the five expected ones, from low to high.

        Raises
        ------
        ValueError
            If a limit lies beyond the largest strength of the model.
        """
        targets = [float(ndtri(1.0 - level * ndtr(band)) + band) for band in BANDS]
        expected = [self._root(partial(self._beyond, target)) for target in targets]
        observed = self._root(lambda strength: float(np.log(level)) - self._log_cls(strength))
        return observed, np.array(expected)

    def _beyond(self, target: float, strength: float) -> float:
        """Return by how much the root of the Asimov statistic lies above a target (eq. 89)."""
        return self._root_asimov(strength) - target

    def _root(self, rising: Callable[[float], float]) -> float:
        """Return where a function that rises with the strength is zero, between strengths that were fitted already."""
        low, high = _SMALLEST * self.largest, self.largest
        known = sorted(strength for kind, strength in self._done if kind == "asimov")
        while known:
            middle = len(known) // 2
            if rising(known[middle]) < 0.0:
                low, known = known[middle], known[middle + 1 :]
            else:
                high, known = known[middle], known[:middle]
        if high == self.largest:  # from below, since a fit far beyond the data is the hardest
            step = max(low, self.largest / 64.0)
            while step < self.largest and rising(step) < 0.0:
                low, step = step, 2.0 * step
            high = min(step, self.largest)
        root: float = brentq(rising, low, high, xtol=1e-12, rtol=_TOLERANCE)
        return root

    def _log_cls(self, strength: float) -> float:
        """Return the logarithm of CLs with the statistic of upper limits, q̃ (eqs. 16 and 64 to 66)."""
        rise = self._rise("data", strength) if strength >= self.best else 0.0
        with_signal, without = tail_probabilities(rise, self._rise("asimov", strength))
        return float(np.log(with_signal) - np.log(without))

    def _root_asimov(self, strength: float) -> float:
        return float(np.sqrt(max(self._rise("asimov", strength), 0.0)))

    def _rise(self, kind: str, strength: float) -> float:
        """Return by how much twice the negative log likelihood lies above its minimum at a strength."""
        if (kind, strength) not in self._done:
            data, least = (self._data, self._least) if kind == "data" else (self._asimov, self._least_asimov)
            begin = np.array(self._begin[kind], dtype=float)
            begin[self._model.config.poi_index] = strength
            parameters, value = self._pyhf.infer.mle.fixed_poi_fit(
                strength, data, self._model, init_pars=begin.tolist(), return_fitted_val=True
            )
            self._begin[kind] = parameters
            self._done[kind, strength] = float(value) - least
        return self._done[kind, strength]
