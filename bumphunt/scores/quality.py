"""How good a score is, judged with truth: for studies only, never on the way to an answer."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result

MIN_BACKGROUND = 25
"""A significance improvement is quoted only where more background events than this pass: ε_B is then known to 20 %."""

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
    r"""Return the significance improvement :math:`\varepsilon_S/\sqrt{\varepsilon_B}` at every cut.

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


def _passing(score: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return signal and background events that pass each distinct cut, tightest first, from none to all."""
    values, labels = np.asarray(score, dtype=np.float64), np.asarray(truth)
    if values.ndim != 1 or values.shape != labels.shape:
        raise InputError(f"score has shape {values.shape} and truth {labels.shape}; give one of each per event")
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).sum())} scores are NaN or infinite; repair the scorer")
    is_signal = labels > 0.5
    if is_signal.all() or not is_signal.any():
        raise InputError(f"truth has {int(is_signal.sum())} signal events of {len(labels)}; both classes are needed")
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    signal = np.cumsum(is_signal[order])[last_of_ties]
    background = last_of_ties + 1 - signal
    return np.append(0.0, signal), np.append(0.0, background)
