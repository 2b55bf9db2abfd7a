"""Thousands of Poisson fits at once by Fisher scoring.

The families are log-linear, so the likelihood is concave and a few Newton steps of small matrices do what a general
minimiser does in hundreds of calls. :mod:`bumphunt.spectrum.minuit` is the reference these fits are tested against.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.spectrum.design import Design
from bumphunt.spectrum.goodness import poisson_deviance

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MAX_STEPS = 60
"""Steps after which a fit counts as failed; nearly all need fewer than ten."""
TOLERANCE = 1e-9
"""Gain in deviance of the next step below which a fit has converged."""
BLOCK = 1000
"""Toys treated together: their arrays then stay in the processor's cache."""
TINY = 1e-300
"""In place of an expected count of zero, of which there is no logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ManyFits:
    """Fits of many spectra, a row each.

    ``expected`` (toys, bins) counts, ``coefficients`` (toys, parameters) of the basis with their ``covariance``,
    ``deviance`` and a ``converged`` flag.
    """

    expected: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    deviance: FloatArray
    converged: BoolArray


def fit_many(counts: FloatArray, design: Design, *, with_covariance: bool = True) -> ManyFits:
    """Fit every row of ``counts`` by batched Fisher scoring with step halving.

    Parameters
    ----------
    counts : array of shape (toys, bins)
        Event counts; masked bins are ignored.
    design : Design
        From :func:`bumphunt.spectrum.design.make_design`.
    with_covariance : bool
        Invert the Fisher matrices, too; without, the covariance is empty and ill-conditioned fits are not flagged.

    Returns
    -------
    ManyFits
        Rows that did not converge are flagged, never dropped.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    blocks = [
        _fit_block(counts[first : first + BLOCK], design, with_covariance)
        for first in range(0, max(len(counts), 1), BLOCK)
    ]
    if len(blocks) == 1:
        return blocks[0]
    return ManyFits(
        expected=np.concatenate([block.expected for block in blocks]),
        coefficients=np.concatenate([block.coefficients for block in blocks]),
        covariance=np.concatenate([block.covariance for block in blocks]),
        deviance=np.concatenate([block.deviance for block in blocks]),
        converged=np.concatenate([block.converged for block in blocks]),
    )


def _fit_block(counts: FloatArray, design: Design, with_covariance: bool) -> ManyFits:
    n_toys, n_parameters = len(counts), design.basis.shape[1]
    theta = start(counts, design)
    expected, goal = _evaluate(theta, counts, design)
    active = np.ones(n_toys, dtype=bool)
    for _ in range(MAX_STEPS):
        rows = np.flatnonzero(active)
        if len(rows) == 0:
            break
        if len(rows) == n_toys:
            rows = slice(None)  # type: ignore[assignment]  # views instead of copies while all rows move
        gradient, fisher = derivatives(theta[rows], expected[rows], counts[rows], design)
        step = newton_step(fisher, gradient)
        trial = theta[rows] + step
        new_expected, new_goal = _evaluate(trial, counts[rows], design)
        size = 1.0
        for _ in range(20):
            worse = ~(new_goal <= goal[rows] + 1e-10 * (1 + np.abs(goal[rows])))
            if not worse.any():
                break
            size *= 0.5
            trial[worse] = theta[rows][worse] + size * step[worse]
            new_expected[worse], new_goal[worse] = _evaluate(trial[worse], counts[rows][worse], design)
        theta[rows], expected[rows], goal[rows] = trial, new_expected, new_goal
        # the Newton decrement is the expected gain in deviance of the step just taken
        decrement = np.einsum("tp,tp->t", gradient, step)
        active[rows] = ~(decrement < TOLERANCE)
    good = ~active & np.isfinite(goal)
    covariance = np.zeros((n_toys, n_parameters, n_parameters) if with_covariance else (n_toys, 0, 0))
    if with_covariance:
        fisher = derivatives(theta, expected, counts, design)[1]
        good &= np.isfinite(fisher).all(axis=(1, 2))
        fisher[~good] = np.eye(n_parameters)
        scale = 1.0 / np.sqrt(np.maximum(np.einsum("tpp->tp", fisher), TINY))
        # a spectrum that leaves a combination of parameters unmeasured has no error to give
        good &= np.linalg.eigvalsh(fisher * scale[:, :, None] * scale[:, None, :])[:, 0] > 1e-12
        covariance[good] = np.linalg.inv(fisher[good])
    return ManyFits(
        expected=expected,
        coefficients=theta,
        covariance=covariance,
        deviance=deviance(expected, counts, design),
        converged=good,
    )


def start(counts: FloatArray, design: Design) -> FloatArray:
    """Return first coefficients: those of the mean of all spectra where there are many, with each one's own norm."""
    flat = np.linalg.lstsq(design.basis, np.ones(len(design.log_width)), rcond=None)[0]
    constant: FloatArray = np.asarray(flat, dtype=np.float64)
    used = design.single | design.merged
    total = np.maximum(counts[:, used].sum(axis=1), 0.5)
    if len(counts) > 8:
        mean = counts.mean(axis=0, keepdims=True)
        pilot = _fit_block(mean, design, False)
        if pilot.converged[0]:
            shift = np.log(total / max(float(mean[:, used].sum()), 0.5))
            return np.asarray(pilot.coefficients + shift[:, None] * constant[None, :], dtype=np.float64)
    return _least_squares(counts, total, design, constant)


def _least_squares(counts: FloatArray, total: FloatArray, design: Design, constant: FloatArray) -> FloatArray:
    """Least squares on log counts, merged bins sharing their sum."""
    per_bin = counts.copy()
    if design.merged.any():
        per_bin[:, design.merged] = counts[:, design.merged].mean(axis=1, keepdims=True)
    used = design.single | design.merged
    weights = np.where(used, np.maximum(per_bin, 0.3), 1e-9)
    target = np.log(np.maximum(per_bin, 0.3)) - design.log_width
    n_parameters = design.basis.shape[1]
    gram = (weights @ design.products).reshape(-1, n_parameters, n_parameters) + np.diag(design.penalty)
    theta = np.linalg.solve(gram, ((weights * target) @ design.basis)[..., None])[..., 0]
    # set the normalisation exactly, so that the first step starts from the right number of events
    expected = np.exp(np.clip(theta @ design.basis.T + design.log_width, -60, 60))
    shift = np.log(total / np.maximum(expected[:, used].sum(axis=1), TINY))
    return np.asarray(theta + shift[:, None] * constant[None, :], dtype=np.float64)


def _evaluate(theta: FloatArray, counts: FloatArray, design: Design) -> tuple[FloatArray, FloatArray]:
    """Return the expected counts, and minus twice the log-likelihood and prior up to a constant of the counts."""
    logarithm = np.clip(theta @ design.basis.T + design.log_width, -60.0, 60.0)
    expected = np.exp(logarithm)
    single = design.single.astype(np.float64)
    goal = 2.0 * (expected @ single - np.einsum("tb,tb,b->t", counts, logarithm, single))
    if design.merged.any():
        group = np.maximum(expected[:, design.merged].sum(axis=1), TINY)
        goal += 2.0 * (group - counts[:, design.merged].sum(axis=1) * np.log(group))
    if design.penalty.any():
        goal += theta**2 @ design.penalty
    return expected, goal


def derivatives(
    theta: FloatArray, expected: FloatArray, counts: FloatArray, design: Design
) -> tuple[FloatArray, FloatArray]:
    """Return gradient (toys, parameters) and Fisher matrix of the log-likelihood with its prior."""
    n_toys, n_parameters = len(counts), design.basis.shape[1]
    single = design.single
    if single.all():
        gradient, fisher = (counts - expected) @ design.basis, expected @ design.products
    else:
        gradient = (counts[:, single] - expected[:, single]) @ design.basis[single]
        fisher = expected[:, single] @ design.products[single]
    fisher = fisher.reshape(n_toys, n_parameters, n_parameters)
    if design.merged.any():
        inside = expected[:, design.merged]
        group = np.maximum(inside.sum(axis=1), TINY)
        jacobian = inside @ design.basis[design.merged]
        gradient += jacobian * (counts[:, design.merged].sum(axis=1) / group - 1.0)[:, None]
        fisher += np.einsum("tp,tq,t->tpq", jacobian, jacobian, 1.0 / group)
    if design.penalty.any():
        gradient -= theta * design.penalty
        fisher += np.diag(design.penalty)
    return gradient, fisher


def newton_step(fisher: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return the solutions of ``fisher step = gradient``, shape (rows, parameters).

    Rows and columns are scaled to a unit diagonal first, so that a singular matrix is one of correlations and the small
    number added to its diagonal decides: a direction that nothing measures stands still.
    """
    diagonal = np.einsum("tpp->tp", fisher)
    scale = 1.0 / np.sqrt(np.maximum(diagonal, 1e-200))
    scaled = fisher * scale[:, :, None] * scale[:, None, :]
    np.einsum("tpp->tp", scaled)[...] += 1e-12
    return np.asarray(np.linalg.solve(scaled, (gradient * scale)[..., None])[..., 0] * scale, dtype=np.float64)


def deviance(expected: FloatArray, counts: FloatArray, design: Design) -> FloatArray:
    """Return the Poisson deviance of the bins that enter the likelihood, shape (toys,)."""
    single = design.single
    total = poisson_deviance(counts[:, single], np.maximum(expected[:, single], TINY))
    if design.merged.any():
        group = np.maximum(expected[:, design.merged].sum(axis=1, keepdims=True), TINY)
        total = total + poisson_deviance(counts[:, design.merged].sum(axis=1, keepdims=True), group)
    return total


def effective_parameters(theta: FloatArray, expected: FloatArray, counts: FloatArray, design: Design) -> float:
    """Return how many parameters one fit uses: all of a formula, fewer where a prior holds some of them back."""
    fisher = derivatives(theta[None], expected[None], counts[None], design)[1][0]
    return float(len(fisher) - np.sum(np.diag(np.linalg.inv(fisher)) * design.penalty))


def band(expected: FloatArray, covariance: FloatArray, design: Design) -> FloatArray:
    """Return the standard error of the expected count in each bin of one fit, shape (bins,)."""
    variance = np.einsum("fp,pq,fq->f", design.basis, covariance, design.basis)
    return np.asarray(expected * np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


def sum_error(expected: FloatArray, covariance: FloatArray, design: Design, bins: BoolArray) -> float:
    """Return the standard error of the expected count summed over ``bins`` of one fit."""
    gradient = expected[bins] @ design.basis[bins]
    return float(np.sqrt(max(float(gradient @ covariance @ gradient), 0.0)))
