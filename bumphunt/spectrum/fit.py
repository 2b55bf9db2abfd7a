"""Binned Poisson fits of a smooth background, for one spectrum or for thousands at once.

`fit_spectrum` is for one spectrum, with its covariance, band and goodness. `fit_many` refits a
whole block of toys by Fisher scoring: the families are log-linear, so the likelihood is concave
and a few Newton steps of small matrices do what a general minimiser does in hundreds of calls.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from bumphunt.errors import FitError, InputError
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.functions import SQRT_S, design_matrix
from bumphunt.spectrum.functions import family as family_by_name
from bumphunt.spectrum.goodness import pearson_p_value, poisson_deviance

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MAX_STEPS = 60
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The linear algebra that all fits of one binning share.

    ``basis`` (bins, parameters) is orthonormal, for conditioning; ``to_parameters`` turns its
    coefficients into those of the family. ``merge`` (groups, bins) sums bins into the counts that
    enter the likelihood; a masked bin is in no group.
    """

    basis: FloatArray
    to_parameters: FloatArray
    log_width: FloatArray
    merge: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ManyFits:
    """Fits of many spectra, a row each.

    ``expected`` (toys, bins) counts, ``coefficients`` (toys, parameters) of the orthonormal basis with
    their ``covariance``, ``deviance`` and a ``converged`` flag.
    """

    expected: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    deviance: FloatArray
    converged: BoolArray


def make_design(
    edges: FloatArray,
    *,
    family: str,
    masked: BoolArray | None = None,
    merged: BoolArray | None = None,
    sqrt_s: float = SQRT_S,
) -> Design:
    """Prepare the fit of ``family`` on ``edges``.

    Parameters
    ----------
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    family : str
        Name of the background family.
    masked : bool array of shape (bins,), optional
        Bins left out of the likelihood.
    merged : bool array of shape (bins,), optional
        Bins that enter the likelihood as one count, their sum.
    """
    shape = family_by_name(family)
    raw = design_matrix(edges, shape, sqrt_s=sqrt_s)
    n_bins = len(raw)
    basis, triangle = np.linalg.qr(raw)
    used = np.ones(n_bins, dtype=bool) if masked is None else ~np.asarray(masked, dtype=bool)
    single = used if merged is None else used & ~np.asarray(merged, dtype=bool)
    rows = [np.eye(n_bins)[single]]
    if merged is not None and np.any(used & merged):
        rows.append((used & merged).astype(np.float64)[None, :])
    merge = np.concatenate(rows)
    if len(merge) < shape.n_parameters:
        raise InputError(
            f"{len(merge)} bins are left to fit the {shape.n_parameters} parameters of {family}; "
            "use a wider range, finer bins or a simpler family"
        )
    return Design(
        basis=basis,
        to_parameters=np.linalg.inv(triangle),
        log_width=np.log(np.diff(np.asarray(edges, dtype=np.float64))),
        merge=merge,
    )


def fit_many(counts: FloatArray, design: Design) -> ManyFits:
    """Fit every row of ``counts`` by batched Fisher scoring with step halving.

    Parameters
    ----------
    counts : array of shape (toys, bins)
        Event counts; masked bins are ignored.
    design : Design
        From :func:`make_design`.

    Returns
    -------
    ManyFits
        Rows that did not converge are flagged, never dropped.
    """
    counts = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    data = counts @ design.merge.T
    n_toys, n_parameters = len(counts), design.basis.shape[1]
    theta = _start(data, design)
    expected, deviance = _evaluate(theta, data, design)
    active = np.ones(n_toys, dtype=bool)
    covariance = np.zeros((n_toys, n_parameters, n_parameters))
    for _ in range(MAX_STEPS):
        rows = np.flatnonzero(active)
        if len(rows) == 0:
            break
        gradient, fisher = _derivatives(expected[rows], data[rows], design)
        step = np.linalg.solve(fisher, gradient[..., None])[..., 0]
        size = np.ones(len(rows))
        trial = theta[rows] + step
        new_expected, new_deviance = _evaluate(trial, data[rows], design)
        for _ in range(20):
            worse = ~(new_deviance <= deviance[rows] + 1e-10 * (1 + np.abs(deviance[rows])))
            if not worse.any():
                break
            size[worse] *= 0.5
            trial[worse] = theta[rows[worse]] + size[worse, None] * step[worse]
            new_expected[worse], new_deviance[worse] = _evaluate(trial[worse], data[rows[worse]], design)
        theta[rows], expected[rows], deviance[rows] = trial, new_expected, new_deviance
        # the Newton decrement is the expected gain in deviance of the step just taken
        decrement = np.einsum("tp,tp->t", gradient, step)
        active[rows[decrement < TOLERANCE]] = False
    _, fisher = _derivatives(expected, data, design)
    good = ~active & np.isfinite(deviance) & (np.linalg.cond(fisher) < 1e14)
    covariance[good] = np.linalg.inv(fisher[good])
    return ManyFits(expected=expected, coefficients=theta, covariance=covariance, deviance=deviance, converged=good)


def _start(data: FloatArray, design: Design) -> FloatArray:
    """Least squares on log counts, from every group spread evenly over its bins."""
    per_bin = data @ (design.merge / design.merge.sum(axis=1, keepdims=True))
    total = data.sum(axis=1, keepdims=True)
    covered = design.merge.sum(axis=0) > 0
    weights = np.where(covered, np.maximum(per_bin, 0.3), 1e-9)
    target = np.log(np.maximum(per_bin, 0.3)) - design.log_width
    gram = np.einsum("fp,tf,fq->tpq", design.basis, weights, design.basis)
    moment = np.einsum("fp,tf->tp", design.basis, weights * target)
    theta = np.linalg.solve(gram, moment[..., None])[..., 0]
    # set the normalisation exactly, so that the first step starts from the right number of events
    expected = np.exp(np.clip(theta @ design.basis.T + design.log_width, -60, 60)) @ design.merge.T
    shift = np.log(np.maximum(total[:, 0], 0.5) / np.maximum(expected.sum(axis=1), 1e-300))
    constant = np.linalg.lstsq(design.basis, np.ones(len(design.log_width)), rcond=None)[0]
    return np.asarray(theta + shift[:, None] * constant[None, :], dtype=np.float64)


def _evaluate(theta: FloatArray, data: FloatArray, design: Design) -> tuple[FloatArray, FloatArray]:
    expected = np.exp(np.clip(theta @ design.basis.T + design.log_width, -60.0, 60.0))
    return expected, poisson_deviance(data, np.maximum(expected @ design.merge.T, 1e-300))


def _derivatives(expected: FloatArray, data: FloatArray, design: Design) -> tuple[FloatArray, FloatArray]:
    groups = np.maximum(expected @ design.merge.T, 1e-300)
    jacobian = np.einsum("gf,tf,fp->tgp", design.merge, expected, design.basis, optimize=True)
    gradient = np.einsum("tgp,tg->tp", jacobian, data / groups - 1.0)
    fisher = np.einsum("tgp,tg,tgq->tpq", jacobian, 1.0 / groups, jacobian, optimize=True)
    return gradient, fisher


def band(expected: FloatArray, covariance: FloatArray, design: Design) -> FloatArray:
    """Return the standard error of the expected count in each bin of one fit, shape (bins,)."""
    variance = np.einsum("fp,pq,fq->f", design.basis, covariance, design.basis)
    return np.asarray(expected * np.sqrt(np.maximum(variance, 0.0)), dtype=np.float64)


def sum_error(expected: FloatArray, covariance: FloatArray, design: Design, bins: BoolArray) -> float:
    """Return the standard error of the expected count summed over ``bins`` of one fit."""
    gradient = expected[bins] @ design.basis[bins]
    return float(np.sqrt(max(float(gradient @ covariance @ gradient), 0.0)))


def fit_spectrum(
    counts: FloatArray,
    edges: FloatArray,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    window: BoolArray | None = None,
    sqrt_s: float = SQRT_S,
) -> SpectrumFit:
    """Fit one smooth background to one spectrum, with a window masked.

    Parameters
    ----------
    counts : array of shape (bins,)
        Event counts.
    edges : array of shape (bins + 1,)
        Bin edges in GeV.
    family : str
        One of :data:`bumphunt.spectrum.functions.FAMILIES`, or ``auto`` for the simplest dijet form
        that an F-like test on the deviance does not reject (:func:`choose_family`).
    masked : bool array of shape (bins,), optional
        Bins left out of the fit.
    window : bool array of shape (bins,), optional
        Those of the masked bins over which the expected events are summed; all of them otherwise.
    sqrt_s : float
        Collision energy in GeV.

    Raises
    ------
    FitError
        If the fit does not converge.
    InputError
        If the counts are unusable or too few bins are left.
    """
    counts = np.asarray(counts, dtype=np.float64)
    edges = np.asarray(edges, dtype=np.float64)
    if counts.shape != (len(edges) - 1,):
        raise InputError(f"{counts.size} counts do not fit {len(edges)} bin edges; one more edge than counts is needed")
    if not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise InputError("counts must be finite and not negative")
    mask = np.zeros(len(counts), dtype=bool) if masked is None else np.asarray(masked, dtype=bool)
    region = mask if window is None else np.asarray(window, dtype=bool)
    if np.any(region & ~mask):
        raise InputError("the window reaches beyond the masked bins; its events would make their own background")
    if family == "auto":
        family = choose_family(counts, edges, masked=mask, sqrt_s=sqrt_s)
    design = make_design(edges, family=family, masked=mask, sqrt_s=sqrt_s)
    many = fit_many(counts[None, :], design)
    if not many.converged[0]:
        raise FitError(
            f"the {family} fit of {counts[~mask].sum():.0f} events in {int((~mask).sum())} bins did not converge"
        )
    expected, covariance = many.expected[0], many.covariance[0]
    n_parameters = design.basis.shape[1]
    chi2, ndf, p_value = pearson_p_value(counts[~mask], expected[~mask], n_parameters=n_parameters)
    return SpectrumFit(
        edges=edges,
        counts=counts,
        masked=mask,
        window=region,
        family=family,
        expected=expected,
        error=band(expected, covariance, design),
        parameters=design.to_parameters @ many.coefficients[0],
        covariance=design.to_parameters @ covariance @ design.to_parameters.T,
        window_expected=float(expected[region].sum()),
        window_error=sum_error(expected, covariance, design, region),
        deviance=float(many.deviance[0]),
        chi2=chi2,
        ndf=ndf,
        p_value=p_value,
    )


def choose_family(
    counts: FloatArray,
    edges: FloatArray,
    *,
    masked: BoolArray | None = None,
    candidates: tuple[str, ...] = ("dijet3", "dijet4", "dijet5"),
    threshold: float = 0.05,
    sqrt_s: float = SQRT_S,
) -> str:
    """Return the first nested family that the next one does not improve significantly.

    The gain in deviance of one more parameter is chi2-distributed with one degree of freedom where
    the simpler family is true (Wilks); a p-value above ``threshold`` stops the search.
    """
    previous: tuple[str, float] | None = None
    for name in candidates:
        many = fit_many(
            np.asarray(counts, dtype=np.float64)[None, :], make_design(edges, family=name, masked=masked, sqrt_s=sqrt_s)
        )
        if not many.converged[0]:
            break
        deviance = float(many.deviance[0])
        if previous is not None and float(chdtrc(1, max(previous[1] - deviance, 0.0))) > threshold:
            break
        previous = (name, deviance)
    return candidates[0] if previous is None else previous[0]
