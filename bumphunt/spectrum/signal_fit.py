"""Thousands of fits of background plus a signal of known shape, for the profile likelihood.

The expected counts are ``exp(B theta) width + s S``, with the family's basis B and the part S of the signal in each
bin. They are not log-linear in s, but the Fisher matrix is positive all the same, so that scoring with step
halving climbs from the background-only fit to the maximum.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.spectrum.batched import BLOCK, TINY, ManyFits, fit_many, newton_step
from bumphunt.spectrum.design import Design

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MAX_STEPS = 60
"""Steps after which a fit counts as failed; nearly all need fewer than ten."""
SCORING_STEPS = 8
"""Steps of Fisher scoring before Newton's are tried, which are faster where the model is far from the data."""
TOLERANCE = 1e-8
"""Gain in deviance of the next step below which a fit has converged."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalFits:
    """Fits of background and signal, a row each.

    Attributes
    ----------
    n_signal, error : array of shape (rows,)
        Signal events in the whole spectrum, negative for a deficit, and their standard error.
    gain : array of shape (rows,)
        Twice the log-likelihood ratio to the background alone, ``t_0`` of arXiv:1007.1727, eq. 8.
    coefficients : array of shape (rows, parameters)
        Of the background.
    background : array of shape (rows, bins)
        Expected background counts.
    converged : bool array of shape (rows,)
        Both fits converged. A deficit so deep that the expected count of an empty bin reaches zero does not.
    """

    n_signal: FloatArray
    error: FloatArray
    gain: FloatArray
    coefficients: FloatArray
    background: FloatArray
    converged: BoolArray

    def signed_sqrt_q0(self) -> FloatArray:
        """Return the signed root of the likelihood ratio, standard normal without signal; NaN where not converged."""
        root = np.sign(self.n_signal) * np.sqrt(np.maximum(self.gain, 0.0))
        return np.asarray(np.where(self.converged, root, np.nan), dtype=np.float64)


def fit_signal(
    counts: FloatArray,
    design: Design,
    signal: FloatArray,
    *,
    null: ManyFits | None = None,
    negative: bool = True,
) -> SignalFits:
    """Fit a free signal on a free background to every row of ``counts``.

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Event counts.
    design : Design
        Background; no bins merged.
    signal : array of shape (bins,) or (rows, bins)
        Part of the signal in each bin.
    null : ManyFits, optional
        The background-only fits of the same rows, where they are at hand.
    negative : bool
        Let the signal be negative, too. Otherwise a deficit is returned as no signal and no gain.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    null = fit_many(counts, design, with_covariance=False) if null is None else null
    shapes = np.atleast_2d(np.asarray(signal, dtype=np.float64))
    # the sign of the signal is that of the score at zero: the likelihood has one maximum along the profile
    score = np.sum((counts / np.maximum(null.expected, TINY) - 1.0) * shapes * design.single, axis=1)
    moved = np.ones(len(counts), dtype=bool) if negative else score > 0
    zero = np.zeros(len(counts))
    found = _climb(counts[moved], design, _rows(shapes, moved), null.coefficients[moved], zero[moved], free=True)
    whole = SignalFits(
        n_signal=zero.copy(),
        error=np.full(len(counts), np.nan),
        gain=zero.copy(),
        coefficients=null.coefficients.copy(),
        background=null.expected.copy(),
        converged=null.converged.copy(),
    )
    whole.n_signal[moved], whole.error[moved] = found.n_signal, found.error
    whole.gain[moved], whole.coefficients[moved] = found.gain, found.coefficients
    whole.background[moved] = found.background
    whole.converged[moved] &= found.converged
    return whole


def fit_background_given_signal(
    counts: FloatArray, design: Design, signal: FloatArray, n_signal: FloatArray, *, null: ManyFits | None = None
) -> SignalFits:
    """Fit the background of every row under a signal of fixed size; ``gain`` is relative to no signal at all.

    Parameters
    ----------
    counts : array of shape (rows, bins)
        Event counts.
    design : Design
        Background; no bins merged.
    signal : array of shape (bins,) or (rows, bins)
        Part of the signal in each bin.
    n_signal : array of shape (rows,)
        Signal events, not negative.
    null : ManyFits, optional
        The background-only fits of the same rows.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    null = fit_many(counts, design, with_covariance=False) if null is None else null
    shapes = np.atleast_2d(np.asarray(signal, dtype=np.float64))
    found = _climb(counts, design, shapes, null.coefficients, np.asarray(n_signal, dtype=np.float64), free=False)
    found.converged[:] &= null.converged
    return found


def _rows(shapes: FloatArray, rows: BoolArray) -> FloatArray:
    return shapes if len(shapes) == 1 else shapes[rows]


def _climb(
    counts: FloatArray, design: Design, shapes: FloatArray, theta: FloatArray, strength: FloatArray, *, free: bool
) -> SignalFits:
    if design.merged.any():
        raise InputError("a signal cannot be fitted with bins merged; mask them or leave them apart")
    parts = [
        _climb_block(
            counts[first : first + BLOCK],
            design,
            shapes if len(shapes) == 1 else shapes[first : first + BLOCK],
            theta[first : first + BLOCK].copy(),
            strength[first : first + BLOCK].copy(),
            free,
        )
        for first in range(0, max(len(counts), 1), BLOCK)
    ]
    names = SignalFits.__dataclass_fields__
    return SignalFits(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _climb_block(
    counts: FloatArray, design: Design, shapes: FloatArray, theta: FloatArray, strength: FloatArray, free: bool
) -> SignalFits:
    single = design.single.astype(np.float64)
    shapes = shapes * single
    background, goal = _evaluate(theta, strength, counts, shapes, design)
    base = _evaluate(theta, np.zeros_like(strength), counts, shapes, design)[1]
    active = np.ones(len(counts), dtype=bool)
    for number in range(MAX_STEPS):
        rows = np.flatnonzero(active)
        if len(rows) == 0:
            break
        signal = shapes if len(shapes) == 1 else shapes[rows]
        place = theta[rows], strength[rows], background[rows], counts[rows], signal, design
        gradient, fisher = _derivatives(*place)
        step = _step(gradient, fisher, free)
        if number >= SCORING_STEPS:
            # where the model is far from the data, scoring creeps; Newton's step is taken wherever it leads uphill
            newton = _step(gradient, fisher + _residual_curvature(*place), free)
            uphill = np.einsum("tp,tp->t", gradient, newton) > 0
            step[uphill] = newton[uphill]
        size = np.ones(len(rows))
        here = goal[rows]
        new_theta, new_strength = theta[rows] + step[:, :-1], strength[rows] + step[:, -1]
        new_background, new_goal = _evaluate(new_theta, new_strength, counts[rows], signal, design)
        for _ in range(25):
            worse = ~(new_goal <= here + 1e-11 * (1 + np.abs(here)))
            if not worse.any():
                break
            size[worse] *= 0.5
            new_theta[worse] = theta[rows[worse]] + size[worse, None] * step[worse, :-1]
            new_strength[worse] = strength[rows[worse]] + size[worse] * step[worse, -1]
            new_background[worse], new_goal[worse] = _evaluate(
                new_theta[worse], new_strength[worse], counts[rows[worse]], _rows(signal, worse), design
            )
        theta[rows], strength[rows], background[rows], goal[rows] = new_theta, new_strength, new_background, new_goal
        decrement = np.einsum("tp,tp->t", gradient, step)
        active[rows] = ~(decrement * size < TOLERANCE) | (size < 1.0)
    good = ~active & np.isfinite(goal)
    fisher = _derivatives(theta, strength, background, counts, shapes, design)[1]
    good &= np.isfinite(fisher).all(axis=(1, 2))
    error = np.full(len(counts), np.nan)
    if free and good.any():
        unit = np.zeros((int(good.sum()), fisher.shape[1]))
        unit[:, -1] = 1.0
        error[good] = np.sqrt(np.maximum(newton_step(fisher[good], unit)[:, -1], 0.0))
    return SignalFits(
        n_signal=strength,
        error=error,
        gain=base - goal,
        coefficients=theta,
        background=background,
        converged=good,
    )


def _step(gradient: FloatArray, curvature: FloatArray, free: bool) -> FloatArray:
    if not free:
        gradient[:, -1] = 0.0
        curvature = curvature.copy()
        curvature[:, -1, :], curvature[:, :, -1], curvature[:, -1, -1] = 0.0, 0.0, 1.0
    with np.errstate(all="ignore"):
        return newton_step(curvature, gradient)


def _residual_curvature(
    theta: FloatArray,
    strength: FloatArray,
    background: FloatArray,
    counts: FloatArray,
    shapes: FloatArray,
    design: Design,
) -> FloatArray:
    """Return what the observed information has beyond the Fisher matrix: the residuals' part."""
    n_rows, n_parameters = len(counts), design.basis.shape[1]
    expected = np.maximum(background + strength[:, None] * shapes, 1e-100)  # its square is no zero
    excess = design.single * (counts / expected - 1.0) / expected
    curvature = np.empty((n_rows, n_parameters + 1, n_parameters + 1))
    # second derivatives of the log: of background twice, of background and signal, of signal twice
    both = excess * background**2 - design.single * (counts / expected - 1.0) * background
    curvature[:, :-1, :-1] = (both @ design.products).reshape(n_rows, n_parameters, n_parameters)
    curvature[:, -1, :-1] = curvature[:, :-1, -1] = (excess * background * shapes) @ design.basis
    curvature[:, -1, -1] = np.sum(excess * shapes**2, axis=1)
    return curvature


def _evaluate(
    theta: FloatArray, strength: FloatArray, counts: FloatArray, shapes: FloatArray, design: Design
) -> tuple[FloatArray, FloatArray]:
    """Return the background, and minus twice the log-likelihood, infinite where an expected count is negative."""
    background = np.exp(np.clip(theta @ design.basis.T + design.log_width, -60.0, 60.0))
    expected = background + strength[:, None] * shapes
    negative = (expected < 0).any(axis=1)
    single = design.single.astype(np.float64)
    logarithm = np.log(np.maximum(expected, TINY))
    goal = 2.0 * (expected @ single - np.einsum("tb,tb,b->t", counts, logarithm, single))
    if design.penalty.any():
        goal += theta**2 @ design.penalty
    return background, np.where(negative, np.inf, goal)


def _derivatives(
    theta: FloatArray,
    strength: FloatArray,
    background: FloatArray,
    counts: FloatArray,
    shapes: FloatArray,
    design: Design,
) -> tuple[FloatArray, FloatArray]:
    """Return gradient and Fisher matrix of the coefficients and, last, the signal."""
    n_rows, n_parameters = len(counts), design.basis.shape[1]
    inverse = design.single / np.maximum(background + strength[:, None] * shapes, TINY)
    pull = counts * inverse - design.single
    weighted = background * inverse
    gradient = np.empty((n_rows, n_parameters + 1))
    gradient[:, :-1] = (pull * background) @ design.basis - theta * design.penalty
    gradient[:, -1] = np.sum(pull * shapes, axis=1)
    fisher = np.empty((n_rows, n_parameters + 1, n_parameters + 1))
    fisher[:, :-1, :-1] = ((weighted * background) @ design.products).reshape(n_rows, n_parameters, n_parameters)
    fisher[:, :-1, :-1] += np.diag(design.penalty)
    fisher[:, -1, :-1] = fisher[:, :-1, -1] = (weighted * shapes) @ design.basis
    fisher[:, -1, -1] = np.maximum(np.sum(shapes**2 * inverse, axis=1), 1e-12)
    return gradient, fisher
