"""How good a score is, judged with truth: for studies only, never on the way to an answer."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result, pdg_round

MIN_BACKGROUND = 25
"""A significance improvement is quoted only where more background events than this pass: ε_B is then known to 20 %."""

METRICS = ("auc", "max_sic", "neg_log_loss")
"""What :func:`measure` can give: each a single number, higher is better."""

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RocResult(Result):
    """Receiver operating characteristic: one entry per distinct cut, from the tightest to the loosest.

    ``fpr`` and ``tpr`` are the background and signal efficiencies, shape (cuts,); both start at 0 and end at 1.
    """

    fpr: FloatArray
    tpr: FloatArray
    auc: float
    n_signal: int
    n_background: int

    def __str__(self) -> str:
        return f"AUC {self.auc:.3f} ({self.n_signal} signal, {self.n_background} background events)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SicResult(Result):
    r"""Significance improvement :math:`\varepsilon_S/\sqrt{\varepsilon_B}`, one entry per distinct cut.

    Attributes
    ----------
    eff_s, eff_b : numpy.ndarray
        Efficiencies, shape (cuts,), from the tightest cut to the loosest.
    sic, band : numpy.ndarray
        The improvement and its binomial standard deviation; NaN where no background passes.
    valid : numpy.ndarray of bool
        Where more than 25 background events pass. ``sic`` is to be quoted only there.
    max_sic, max_sic_band, max_sic_eff_s : float
        The largest valid improvement, its band and where it is; NaN if none is valid. It depends on
        the size of the test sample, so quote ``n_background`` with it.
    n_signal, n_background : int
        Size of the test sample.
    """

    eff_s: FloatArray
    eff_b: FloatArray
    sic: FloatArray
    band: FloatArray
    valid: BoolArray
    max_sic: float
    max_sic_band: float
    max_sic_eff_s: float
    n_signal: int
    n_background: int

    def __str__(self) -> str:
        return (
            f"max SIC {self.max_sic:.2f} ± {self.max_sic_band:.2f} at ε_S = {self.max_sic_eff_s:.3f} "
            f"({self.n_signal} signal, {self.n_background} background events)"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogLoss(Result):
    """Mean log loss of a classifier, in nats per event, with its standard error.

    ``balanced`` tells whether both classes had the same total weight; guessing then costs log 2 = 0.693.
    """

    value: float
    error: float
    balanced: bool
    n_signal: int
    n_background: int

    def __str__(self) -> str:
        value, error = pdg_round(self.value, self.error)
        return f"log loss {value} ± {error} ({self.n_signal} signal, {self.n_background} background events)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreDistribution(Result):
    """Histogram of a score by truth: counts of shape (bins,) between ``edges`` of shape (bins + 1,).

    Every event is in a bin; those beyond the range are in the first and in the last.
    """

    edges: FloatArray
    signal: FloatArray
    background: FloatArray

    def __str__(self) -> str:
        return f"{self.signal.sum():.0f} signal and {self.background.sum():.0f} background events by score"


def roc(score: npt.ArrayLike, truth: npt.ArrayLike) -> RocResult:
    """Return the ROC curve and its area, ties counted half.

    Parameters
    ----------
    score : array_like
        Shape (events,), higher is more anomalous.
    truth : array_like
        Shape (events,), true or 1 for signal.

    Raises
    ------
    InputError
        On shapes that differ, a score that is not finite, or truth of one class only.

    Examples
    --------
    >>> roc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).auc
    0.75
    """
    signal, background = _passing(score, truth)
    tpr, fpr = signal / signal[-1], background / background[-1]
    return RocResult(
        fpr=fpr,
        tpr=tpr,
        auc=float(np.trapezoid(tpr, fpr)),
        n_signal=int(signal[-1]),
        n_background=int(background[-1]),
    )


def significance_improvement(score: npt.ArrayLike, truth: npt.ArrayLike) -> SicResult:
    r"""Return the significance improvement :math:`\varepsilon_S/\sqrt{\varepsilon_B}` at every cut (arXiv:1010.3698).

    Its relative variance is :math:`(1-\varepsilon_S)/n_S + (1-\varepsilon_B)/(4 n_B)` with
    :math:`n_S`, :math:`n_B` the events that pass.

    Parameters
    ----------
    score, truth
        As for :func:`roc`.

    Raises
    ------
    InputError
        As for :func:`roc`.
    """
    n_s, n_b = (counts[1:] for counts in _passing(score, truth))
    eff_s, eff_b = n_s / n_s[-1], n_b / n_b[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        sic = np.where(n_b > 0, eff_s / np.sqrt(eff_b), np.nan)
        # eff_s²(1-eff_s)/n_s written so that it is 0, not NaN, where no signal passes.
        variance = eff_s * (1 - eff_s) / n_s[-1] / eff_b + eff_s**2 / eff_b * (1 - eff_b) / (4 * n_b)
        band = np.where(n_b > 0, np.sqrt(variance), np.nan)
    valid = n_b > MIN_BACKGROUND
    best = int(np.argmax(np.where(valid, sic, -np.inf))) if valid.any() else None
    return SicResult(
        eff_s=eff_s,
        eff_b=eff_b,
        sic=sic,
        band=band,
        valid=valid,
        max_sic=float("nan") if best is None else float(sic[best]),
        max_sic_band=float("nan") if best is None else float(band[best]),
        max_sic_eff_s=float("nan") if best is None else float(eff_s[best]),
        n_signal=int(n_s[-1]),
        n_background=int(n_b[-1]),
    )


def sic_at(result: SicResult, eff_s: float) -> tuple[float, float]:
    """Return the improvement and its band at the tightest cut that keeps the signal efficiency ``eff_s``.

    Parameters
    ----------
    result : SicResult
        From :func:`significance_improvement`.
    eff_s : float
        Signal efficiency in (0, 1].

    Raises
    ------
    InputError
        If ``eff_s`` is not in (0, 1], or 25 background events or fewer pass there.
    """
    if not 0 < eff_s <= 1:
        raise InputError(f"eff_s is {eff_s}; give a signal efficiency in (0, 1]")
    # A rounding error must not cost an event: 0.3 may be 3 of 10 events passing.
    index = int(np.searchsorted(result.eff_s, eff_s * (1 - 1e-12)))
    if not result.valid[index]:
        raise InputError(
            f"only {result.eff_b[index] * result.n_background:.0f} background events pass at ε_S = {eff_s:g}, and the "
            f"improvement is quoted only above {MIN_BACKGROUND}; use a larger test sample or a larger eff_s"
        )
    return float(result.sic[index]), float(result.band[index])


def log_loss(log_odds: npt.ArrayLike, truth: npt.ArrayLike, *, balanced: bool = False) -> LogLoss:
    r"""Return the mean log loss :math:`-\langle\log p_t\rangle` with its standard error.

    :math:`p_t` is the probability given to the class an event belongs to.
    The error is that at the given numbers of events of both classes.

    Parameters
    ----------
    log_odds : array_like
        :math:`\log p/(1-p)` of being signal, shape (events,): the anomaly score of the supervised classifiers.
    truth : array_like
        Shape (events,), true or 1 for signal.
    balanced : bool
        Give both classes the same total weight, as for a classifier trained on balanced samples.

    Raises
    ------
    InputError
        As for :func:`roc`.

    Examples
    --------
    >>> round(log_loss([0.0, 0.0, 0.0], [0, 1, 1]).value, 3)
    0.693
    """
    values, is_signal = _checked(log_odds, truth)
    losses = np.logaddexp(0.0, np.where(is_signal, -values, values))
    classes = (losses[is_signal], losses[~is_signal])
    weights = (0.5, 0.5) if balanced else (float(is_signal.mean()), float((~is_signal).mean()))
    value = sum(weight * float(part.mean()) for weight, part in zip(weights, classes, strict=True))
    # One event has no spread: it is then as uncertain as it is large.
    variances = [part.var(ddof=1) / len(part) if len(part) > 1 else float(part[0]) ** 2 for part in classes]
    error = float(np.sqrt(sum(weight**2 * part for weight, part in zip(weights, variances, strict=True))))
    return LogLoss(value=value, error=error, balanced=balanced, n_signal=len(classes[0]), n_background=len(classes[1]))


def score_distribution(
    score: npt.ArrayLike, truth: npt.ArrayLike, *, bins: int = 50, limits: tuple[float, float] | None = None
) -> ScoreDistribution:
    """Return the histogram of a score for signal and background apart.

    Parameters
    ----------
    score, truth
        As for :func:`roc`.
    bins : int
        Bins of equal width.
    limits : (float, float), optional
        Range of the bins, by default that of the scores; events beyond it are counted in the outermost bins.

    Raises
    ------
    InputError
        As for :func:`roc`; on no bins or empty limits.

    Examples
    --------
    >>> found = score_distribution([0.0, 0.2, 0.9, 7.0], [0, 0, 1, 1], bins=2, limits=(0, 1))
    >>> found.signal.tolist(), found.background.tolist()
    ([0.0, 2.0], [2.0, 0.0])
    """
    values, is_signal = _checked(score, truth)
    low, high = (float(values.min()), float(values.max())) if limits is None else limits
    if limits is None and low == high:
        low, high = low - 0.5, high + 0.5
    if bins < 1 or not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"{bins} bins from {low:g} to {high:g}; give at least 1 bin and limits that rise")
    edges = np.linspace(low, high, bins + 1)
    inside = np.clip(values, low, high)
    signal, background = (np.histogram(inside[flags], edges)[0].astype(float) for flags in (is_signal, ~is_signal))
    return ScoreDistribution(edges=edges, signal=signal, background=background)


def check_metric(metric: str) -> None:
    """Raise InputError unless ``metric`` is one of :data:`METRICS`."""
    if metric not in METRICS:
        raise InputError(f"metric is {metric!r}; choose one of {', '.join(METRICS)}")


def measure(metric: str, score: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Return one number that says how good a score is; higher is better.

    Parameters
    ----------
    metric : {"auc", "max_sic", "neg_log_loss"}
        Area under the ROC, largest valid significance improvement, or minus the log loss with both classes
        of the same weight (of a score that is log-odds).
    score, truth
        As for :func:`roc`.

    Raises
    ------
    InputError
        As for :func:`roc`; on an unknown metric; if no cut leaves the background that a SIC needs.

    Examples
    --------
    >>> measure("auc", [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    check_metric(metric)
    if metric == "auc":
        return roc(score, truth).auc
    if metric == "neg_log_loss":
        return -log_loss(score, truth, balanced=True).value
    found = significance_improvement(score, truth)
    if not found.valid.any():
        raise InputError(
            f"{found.n_background} background events, and max_sic needs more than {MIN_BACKGROUND}; use a larger sample"
        )
    return found.max_sic


def _passing(score: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return signal and background events that pass each distinct cut, tightest first, from none to all."""
    values, is_signal = _checked(score, truth)
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    signal = np.cumsum(is_signal[order])[last_of_ties]
    background = last_of_ties + 1 - signal
    return np.append(0.0, signal), np.append(0.0, background)


def _checked(score: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, BoolArray]:
    values, labels = np.asarray(score, dtype=np.float64), np.asarray(truth)
    if values.ndim != 1 or values.shape != labels.shape:
        raise InputError(f"score has shape {values.shape} and truth {labels.shape}; give one of each per event")
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).sum())} scores are NaN or infinite; repair the scorer")
    is_signal = labels > 0.5
    if is_signal.all() or not is_signal.any():
        raise InputError(f"truth has {int(is_signal.sum())} signal events of {len(labels)}; both classes are needed")
    return values, is_signal
