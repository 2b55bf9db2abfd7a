"""How well a response predicts signal of masses that were not simulated: every point in turn from the others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.masses.constants import RESPONSE_ERROR
from bumphunt.masses.response import SignalModel, containment, place, signal_model
from bumphunt.masses.signal_table import SignalTable
from bumphunt.masses.systematics import core_mean
from bumphunt.results import Result

FloatArray = npt.NDArray[np.float64]

QUANTITIES = ("m_resonance", "m_x", "m_y", "contained")
"""What is compared: where the cores of mjj and of both jets lie, and how often both jets hold their decays."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interpolation(Result):
    """Points of a response predicted by the others.

    Parameters
    ----------
    masses : array of shape (points, 3)
        GeV.
    differences : array of shape (points, 4)
        Relative differences, predicted over simulated, of :data:`QUANTITIES`.
    inner : array of shape (points,)
        1 where the others lie to either side, so that the prediction is no extrapolation.
    errors : array of shape (4,)
        Their spread over inner points (from the median), at least what is declared of the shipped response: the
        relative errors that the fit takes. What the finite number of simulated events does is part of them: a response
        of few events is not better known than it predicts its own points.
    """

    masses: FloatArray
    differences: FloatArray
    inner: FloatArray
    errors: FloatArray

    def __str__(self) -> str:
        head = "leave-one-out, predicted over simulated, in percent (edge: extrapolated)"
        lines = [
            head,
            f"{'m_resonance':>11} {'m_x':>7} {'m_y':>7}    {'  '.join(f'{name:>11}' for name in QUANTITIES)}",
        ]
        for point, row, inside in zip(self.masses, self.differences, self.inner, strict=True):
            numbers = "  ".join(f"{100 * number:>+11.2f}" for number in row)
            lines.append(
                f"{point[0]:>11.0f} {point[1]:>7.0f} {point[2]:>7.0f}    {numbers}{'' if inside else '  edge'}"
            )
        numbers = "  ".join(f"{100 * number:>11.2f}" for number in self.errors)
        return "\n".join([*lines, f"{'errors that fits take':>27}    {numbers}"])


def leave_one_out(table: SignalTable, *, most: int = 100) -> Interpolation:
    """Predict each of the points (at most ``most``, evenly chosen) from all the others."""
    chosen = np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).astype(int))
    rows = []
    for point in chosen:
        others = table.at(np.arange(len(table)) != point)
        m_resonance, m_x, m_y = table.masses[point].tolist()
        model = signal_model(others, (m_resonance, m_x, m_y))
        predicted = _cores(model.pool.ratio, _log_resonance(model), model.pool.weight)
        seen = _cores(table.log_jet[point], table.log_resonance[point], np.ones(table.log_resonance.shape[1]))
        rows.append([*(predicted[:3] - seen[:3]), predicted[3] / max(seen[3], 1e-3) - 1.0])
    differences = np.array(rows)
    inner = _inner(table)[chosen]
    used = inner if inner.sum() >= 3 else np.ones(len(chosen), dtype=bool)
    # by the median: a point whose jets hardly hold a decay has no core to be compared
    errors = np.maximum(1.4826 * np.median(np.abs(differences[used]), axis=0), RESPONSE_ERROR)
    return Interpolation(
        masses=table.masses[chosen], differences=differences, inner=inner.astype(np.float64), errors=errors
    )


def _log_resonance(model: SignalModel) -> FloatArray:
    pool, heavy, light = model.pool, model.heavy, model.light
    return np.asarray(pool.residual + heavy.pull_at(pool.ratio[0]) + light.pull_at(pool.ratio[1]), dtype=np.float64)


def _cores(log_jet: FloatArray, log_resonance: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the cores of mjj and both jets and the contained part of weighted events, (4,)."""
    contained = containment(log_jet[0]) * containment(log_jet[1])
    held = contained > 0.5
    if not held.any():
        return np.zeros(4)
    cores = [(log_resonance[held], weight[held]), (log_jet[0], weight), (log_jet[1], weight)]
    means = [core_mean(values, weights)[0] for values, weights in cores]
    return np.array([*means, float((contained * weight).sum() / weight.sum())])


def _inner(table: SignalTable) -> npt.NDArray[np.bool_]:
    """Return which points have others to either side in m_resonance and in both daughters, shape (points,)."""
    along, across = place(table.masses[:, 1:], table.masses[:, :1])
    places = np.column_stack([along[:, 0], across])
    return np.asarray(
        ((places > places.min(axis=0) + 1e-9) & (places < places.max(axis=0) - 1e-9)).all(axis=1), dtype=np.bool_
    )
