"""Efficiency of a learnt selection against how much signal there is to learn from, from repeated injections."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EfficiencyCurve:
    """Efficiency against the signal in the file, and what it was drawn through.

    It rises as there is more to learn from, and may fall where the signal fills the part of events that is kept. It
    is drawn in ``arcsin(sqrt(efficiency))``, whose spread over trainings depends least on where it is.

    Parameters
    ----------
    n_signal : array of shape (strengths,)
        Signal events in the file, rising.
    measured, error : arrays of shape (strengths,)
        Mean efficiency over the trainings at each strength, and its standard error.
    curve : array of shape (strengths,)
        Arcsine of the curve at the strengths.
    spread : array of shape (strengths,)
        Standard deviation of the arcsine of a single training about the curve, with the error of the curve itself.
    """

    n_signal: FloatArray
    measured: FloatArray
    error: FloatArray
    curve: FloatArray
    spread: FloatArray

    def __call__(self, n_signal: FloatArray, deviation: FloatArray | float = 0.0) -> FloatArray:
        """Return the curve at other strengths, shifted by a number of standard deviations of a single training.

        Beyond the largest strength it stays as it is. ``deviation`` broadcasts with ``n_signal``.
        """
        inside = np.clip(np.asarray(n_signal, dtype=np.float64), self.n_signal[0], self.n_signal[-1])
        if len(self.n_signal) == 1:
            middle = np.full(inside.shape, self.curve[0])
        else:
            from scipy.interpolate import PchipInterpolator

            middle = PchipInterpolator(self.n_signal, self.curve)(inside)
        spread = np.interp(inside, self.n_signal, self.spread)
        angle = np.clip(middle + spread * np.asarray(deviation), 0.0, 0.5 * np.pi)
        return np.asarray(np.sin(angle) ** 2, dtype=np.float64)

    def rows(self) -> list[list[float]]:
        """Return ``[strength, efficiency, error]`` of each strength."""
        rows = zip(self.n_signal, self.measured, self.error, strict=True)
        return [[float(number) for number in row] for row in rows]


def fit_efficiency(
    n_signal: FloatArray, efficiency: FloatArray, n_probes: FloatArray, *, excess_variance: float = 0.0
) -> EfficiencyCurve:
    """Fit a curve that rises to its highest strength and falls from there to the efficiencies of many trainings.

    At each strength the arcsines are averaged; neighbours that would do otherwise are averaged together (isotonic
    regression, each training counting the same), and between strengths a monotone cubic is drawn. The spread at a
    strength is that of the trainings there and, with half the weight, at its neighbours.

    Parameters
    ----------
    n_signal, efficiency, n_probes : arrays of shape (trainings,)
        Mean number of injected events, the efficiency found, and the signal events it was measured with.
    excess_variance : float
        Variance of the arcsine that these trainings have, for fewer repeats, and the training of the data has not.

    Raises
    ------
    InputError
        If there are no trainings or arrays of different lengths.

    Examples
    --------
    >>> import numpy as np
    >>> curve = fit_efficiency(np.array([0, 0, 100, 100]), np.array([0.01, 0.01, 0.4, 0.4]), np.full(4, 1000.0))
    >>> curve(np.array([0.0, 50.0, 100.0, 900.0])).round(3).tolist()
    [0.01, 0.146, 0.4, 0.4]
    """
    n, found, probes = (np.asarray(part, dtype=np.float64) for part in (n_signal, efficiency, n_probes))
    if not len(n) or not len(n) == len(found) == len(probes):
        raise InputError(f"{len(found)} efficiencies at {len(n)} strengths give no curve; give one for each training")
    angles = np.arcsin(np.sqrt(np.clip(found, 0.0, 1.0)))
    strengths, place = np.unique(n, return_inverse=True)
    trainings = np.bincount(place).astype(np.float64)
    means = np.bincount(place, angles) / trainings
    top = int(means.argmax())
    curve = np.concatenate(
        [_rising(means[: top + 1], trainings[: top + 1]), _rising(means[:top:-1], trainings[:top:-1])[::-1]]
    )
    variance = _near_variance(np.bincount(place, (angles - curve[place]) ** 2).astype(np.float64), trainings, curve)
    measured = np.bincount(place, found) / trainings
    # of the mean over trainings; at least that of the signal events it was counted with
    slope = 2.0 * np.sqrt(measured * (1.0 - measured))
    between = slope * np.sqrt(variance / trainings)
    counted = np.sqrt(np.maximum(measured * (1.0 - measured), 1e-12) / np.bincount(place, probes))
    single = np.maximum(variance - excess_variance, 0.0)
    return EfficiencyCurve(
        n_signal=strengths,
        measured=measured,
        error=np.maximum(between, counted),
        curve=curve,
        spread=np.sqrt(single + variance / trainings),
    )


def _near_variance(squares: FloatArray, trainings: FloatArray, curve: FloatArray) -> FloatArray:
    """Return the variance at each strength from sums of squares there and at its neighbours, shape (strengths,)."""
    blocks = np.concatenate([[True], np.diff(curve) != 0.0])
    # a strength that shares its mean with others takes part of a degree of freedom
    shared = np.bincount(np.cumsum(blocks) - 1)
    freedom = trainings - 1.0 / shared[np.cumsum(blocks) - 1]
    near = np.eye(len(squares)) + 0.5 * (np.eye(len(squares), k=1) + np.eye(len(squares), k=-1))
    return np.asarray((near @ squares) / np.maximum(near @ freedom, 1.0), dtype=np.float64)


def _rising(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the rising values nearest to ``values``, in weighted least squares (pool adjacent violators).

    Examples
    --------
    >>> _rising(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)).tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    blocks: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            last, before = blocks.pop(), blocks.pop()
            total = last[1] + before[1]
            blocks.append([(last[0] * last[1] + before[0] * before[1]) / total, total, last[2] + before[2]])
    return np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
