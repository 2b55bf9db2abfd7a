r"""Anomaly scores from a trained VAE's latent space, and their orientation and choice without truth.

Which end of a latent variable is the anomalous one, and which variable is best, depends on the
random start of the training. Both are settled by ARGOS, from a signal region and a background template
alone. What is chosen on events must not be judged on them: call :func:`choose` on training folds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bumphunt.errors import InputError, TruthError
from bumphunt.events import LABEL, FloatArray
from bumphunt.results import Result
from bumphunt.scores.losses import kl_divergence
from bumphunt.scores.protocol import AnomalyScorer, Features

FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Background efficiencies at which scores are compared."""

_MIN_TEMPLATE = 25
BoolArray = npt.NDArray[np.bool_]


class LatentModel(Protocol):
    """What :func:`latent_scores` needs of a model, such as a fitted ``VariationalAutoencoder``."""

    def encode(self, features: Features) -> tuple[FloatArray, FloatArray]:
        """Return mean and log variance, each of shape (events, latent dimensions)."""
        ...

    def reconstruction_error(self, features: Features, *, condition: npt.ArrayLike | None = None) -> FloatArray:
        """Return the reconstruction loss of each event; a conditional decoder needs its condition."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreChoice(Result):
    """The score chosen without truth: ``sign * scores[name]`` is higher for more anomalous events.

    ``argos`` is its largest ARGOS, reached at the background efficiency ``fraction``; ``noise`` is
    the standard deviation of ARGOS at any one efficiency when there is no signal.
    """

    name: str
    sign: int
    argos: float
    fraction: float
    noise: float


def latent_scores(
    model: LatentModel,
    features: Features,
    *,
    condition: npt.ArrayLike | None = None,
    distance: AnomalyScorer | None = None,
) -> dict[str, FloatArray]:
    r"""Return the classifiers of the latent space, one value per event each.

    Parameters
    ----------
    model : LatentModel
        A fitted VAE.
    features : array_like or pandas.DataFrame
        Shape (events, features), in [0, 1]; a table with truth is refused.
    condition : array_like, optional
        What the decoder of a conditional model is told, such as mjj, shape (events,). The other
        scores do not depend on it.
    distance : AnomalyScorer, optional
        A :class:`~bumphunt.scores.mahalanobis.MahalanobisDistance` fitted on latent means, for a
        latent space of more than one dimension.

    Returns
    -------
    dict of str to numpy.ndarray
        Each of shape (events,):

        - ``z``: the latent mean :math:`\mu`; for more than one dimension :math:`\sum_i |\mu_i|`,
        - ``z2``: :math:`\sum_i \mu_i^2`,
        - ``log_var``: :math:`\sum_i \log \sigma_i^2`,
        - ``kl``: the KL divergence to the standard Gaussian,
        - ``reconstruction_error``: the reconstruction loss,
        - ``mahalanobis``: with ``distance`` only, the distance of the mean from the bulk of the events.

        The first and third have no anomalous end by themselves: see :func:`orient`.
    """
    mean, log_var = model.encode(features)
    scores = {
        "z": mean[:, 0] if mean.shape[1] == 1 else np.abs(mean).sum(axis=1),
        "z2": (mean**2).sum(axis=1),
        "log_var": log_var.sum(axis=1),
        "kl": np.asarray(kl_divergence(mean, log_var), dtype=np.float64),
        "reconstruction_error": (
            model.reconstruction_error(features)
            if condition is None
            else model.reconstruction_error(features, condition=condition)
        ),
    }
    if distance is not None:
        scores["mahalanobis"] = distance.anomaly_score(mean)
    return scores


def argos(efficiency_sr: npt.ArrayLike, efficiency_bt: npt.ArrayLike) -> FloatArray:
    r"""Return :math:`\varepsilon_{SR} / \sqrt{\varepsilon_{BT}} - \sqrt{\varepsilon_{BT}}` (arXiv:2511.14832).

    Parameters
    ----------
    efficiency_sr : array_like
        The fraction of *signal-region* events (data: background and perhaps signal) that pass a cut.
    efficiency_bt : array_like
        The fraction of *background-template* events that pass the same cut, positive. The template
        is a sample free of signal whose features follow the background of the signal region; here
        the mass sidebands, which is right as far as the score does not follow the mass.

    Notes
    -----
    With a share :math:`f` of signal in the signal region and a perfect template it equals
    :math:`f\,(\varepsilon_S/\sqrt{\varepsilon_B} - \sqrt{\varepsilon_B})`, so it grows with the
    significance improvement although nothing is known about the signal. Without signal its standard
    deviation is :math:`\sqrt{1/n_{SR} + 1/n_{BT}}` (times :math:`\sqrt{1-\varepsilon}`) at every cut,
    so that its values at different cuts may be compared.

    Examples
    --------
    >>> float(argos(0.03, 0.01).round(3)), float(argos(0.25, 0.25))
    (0.2, 0.0)
    """
    sr, bt = np.asarray(efficiency_sr, dtype=np.float64), np.asarray(efficiency_bt, dtype=np.float64)
    if np.any(bt <= 0):
        raise InputError("background efficiency is 0 at a cut, where ARGOS is not defined; use looser cuts")
    root = np.sqrt(bt)
    return np.asarray(sr / root - root)


def orient(
    score: npt.ArrayLike,
    in_signal_region: npt.ArrayLike,
    in_sideband: npt.ArrayLike,
    *,
    fractions: Sequence[float] = FRACTIONS,
) -> int:
    """Return +1 if the high end of a score is the anomalous one, -1 if the low end is, without truth.

    Parameters
    ----------
    score : array_like
        Shape (events,).
    in_signal_region, in_sideband : array_like of bool
        Shape (events,); the sidebands are the background template.
    fractions : sequence of float
        Background efficiencies to try; those that leave fewer than 25 sideband events are passed over.

    Raises
    ------
    InputError
        On shapes that do not agree, overlapping regions, or too few events.

    Examples
    --------
    >>> import numpy as np
    >>> background = np.linspace(0, 1, 2000)
    >>> score = np.concatenate([background, background, np.full(100, 0.01)])
    >>> in_sideband = np.arange(4100) < 2000
    >>> orient(score, ~in_sideband, in_sideband)
    -1
    """
    signal, sideband = _masks(in_signal_region, in_sideband)
    return _best("score", score, signal, sideband, fractions).sign


def choose(
    scores: Mapping[str, npt.ArrayLike],
    in_signal_region: npt.ArrayLike,
    in_sideband: npt.ArrayLike,
    *,
    fractions: Sequence[float] = FRACTIONS,
) -> ScoreChoice:
    """Return the score and the orientation with the largest ARGOS, without truth.

    Parameters
    ----------
    scores : mapping of str to array_like
        Candidates, each of shape (events,), for example from :func:`latent_scores`. Earlier ones win ties.
    in_signal_region, in_sideband, fractions
        As for :func:`orient`.

    Raises
    ------
    TruthError
        If one of the scores is the truth column.
    InputError
        As for :func:`orient`.
    """
    if len(scores) == 0:
        raise InputError("no scores to choose from; give at least one")
    if LABEL in scores:
        raise TruthError(f"{LABEL!r} is truth and can never be a score")
    signal, sideband = _masks(in_signal_region, in_sideband)
    return max(
        (_best(name, scores[name], signal, sideband, fractions) for name in scores), key=lambda choice: choice.argos
    )


def _masks(in_signal_region: npt.ArrayLike, in_sideband: npt.ArrayLike) -> tuple[BoolArray, BoolArray]:
    signal, sideband = np.asarray(in_signal_region), np.asarray(in_sideband)
    if signal.dtype != bool or sideband.dtype != bool or signal.ndim != 1 or signal.shape != sideband.shape:
        raise InputError(
            f"region masks have shapes {signal.shape} and {sideband.shape} and types {signal.dtype} and "
            f"{sideband.dtype}; give two boolean masks, one entry per event"
        )
    if np.any(signal & sideband):
        raise InputError(
            f"{int((signal & sideband).sum())} events are in signal region and sideband; make them disjoint"
        )
    if not signal.any() or sideband.sum() < 2 * _MIN_TEMPLATE:
        raise InputError(
            f"{int(signal.sum())} events in the signal region and {int(sideband.sum())} in the sidebands; "
            f"at least 1 and {2 * _MIN_TEMPLATE} are needed: widen the windows"
        )
    return signal, sideband


def _best(
    name: str, score: npt.ArrayLike, signal: BoolArray, sideband: BoolArray, fractions: Sequence[float]
) -> ScoreChoice:
    values = np.asarray(score, dtype=np.float64)
    if values.shape != signal.shape or not np.isfinite(values).all():
        raise InputError(
            f"score {name!r} has shape {values.shape} or is not finite; "
            f"give one finite number for each of {len(signal)} events"
        )
    if not all(0 < fraction < 1 for fraction in fractions):
        raise InputError(f"fractions are {tuple(fractions)}; give background efficiencies between 0 and 1")
    template, region = np.sort(values[sideband]), np.sort(values[signal])
    noise = float(np.sqrt(1 / len(template) + 1 / len(region)))
    usable = [fraction for fraction in fractions if fraction * len(template) >= _MIN_TEMPLATE] or [0.5]
    best: ScoreChoice | None = None
    for sign in (1, -1):
        # One cut per fraction, on the sorted template; ties pass on both sides alike.
        ordered, data = (template, region) if sign == 1 else (-template[::-1], -region[::-1])
        cuts = np.quantile(ordered, 1 - np.array(usable))
        passing_bt = 1 - np.searchsorted(ordered, cuts, side="left") / len(ordered)
        passing_sr = 1 - np.searchsorted(data, cuts, side="left") / len(data)
        found = argos(passing_sr, passing_bt)
        top = int(np.argmax(found))
        if best is None or found[top] > best.argos:
            best = ScoreChoice(
                name=name, sign=sign, argos=float(found[top]), fraction=float(passing_bt[top]), noise=noise
            )
    assert best is not None
    return best
