r"""Small shifts that fool a classifier most, and what training on them is worth. For studies only.

Simulation never describes data exactly. The fast gradient sign method (FGSM, arXiv:1412.6572) moves each feature
by a small step in the direction that raises the loss; a network trained on such events is meant to rely
less on what a small mismodelling could undo. :func:`robustness` measures whether it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.scores.protocol import Features, check_features
from bumphunt.scores.quality import log_loss, roc
from bumphunt.scores.supervised.networks import MlpClassifier
from bumphunt.scores.supervised.trees import check_labelled

EPSILON = 0.01
"""The adversarial shift of Kalinowski's lecture, in standard deviations of each feature."""

RESERVED = ("clean", "attacked")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RobustnessResult(Result):
    """Quality of networks trained without and with adversarial events, on clean and on shifted samples.

    Attributes
    ----------
    samples : tuple of str
        ``clean``, the shifted samples by name, and ``attacked``: clean events moved against the very network
        that is tested, by ``epsilon``.
    epsilon : float
        Size of the shift, in standard deviations.
    auc_plain, auc_fgsm, log_loss_plain, log_loss_fgsm : numpy.ndarray
        Shape (trainings, samples). Row *i* of both kinds has the same seed; log losses give both
        classes the same weight.
    n_signal, n_background : int
        Size of the test sample.
    """

    samples: tuple[str, ...]
    epsilon: float
    auc_plain: FloatArray
    auc_fgsm: FloatArray
    log_loss_plain: FloatArray
    log_loss_fgsm: FloatArray
    n_signal: int
    n_background: int

    def __str__(self) -> str:
        lines = [f"median of {len(self.auc_plain)} trainings, plain -> adversarial (epsilon = {self.epsilon:g})"]
        for i, name in enumerate(self.samples):
            auc, other = np.median(self.auc_plain[:, i]), np.median(self.auc_fgsm[:, i])
            loss, less = np.median(self.log_loss_plain[:, i]), np.median(self.log_loss_fgsm[:, i])
            lines.append(f"{name}: AUC {auc:.4f} -> {other:.4f}, log loss {loss:.4f} -> {less:.4f}")
        return "\n".join(lines)


def fgsm(model: MlpClassifier, features: Features, truth: npt.ArrayLike, *, epsilon: float = EPSILON) -> FloatArray:
    r"""Return events moved by the step that raises the loss of a network most (to first order).

    .. math:: x' = x + \epsilon\,\sigma\,\mathrm{sign}\frac{\partial J(x, y)}{\partial x}

    with the standard deviation :math:`\sigma` of each feature (arXiv:1412.6572, section 4).

    Parameters
    ----------
    model : MlpClassifier
        Fitted.
    features : array_like or pandas.DataFrame
        Shape (events, features).
    truth : array_like
        Shape (events,), 1 for signal.
    epsilon : float
        At least 0, in standard deviations of each feature.

    Returns
    -------
    numpy.ndarray
        Shape (events, features), in the units of the features.

    Raises
    ------
    InputError
        On a negative ``epsilon``, a model that is not fitted, or shapes that do not agree.
    """
    if not hasattr(model, "network_"):
        raise InputError("the network is not fitted; call fit or load first")
    if not (epsilon >= 0 and np.isfinite(epsilon)):
        raise InputError(f"epsilon is {epsilon}; give a shift of at least 0 standard deviations")
    from bumphunt.scores.supervised.training import loss_gradient_sign

    matrix = check_features(features, width=model.n_features_in_)
    labels = np.asarray(truth, dtype=np.float32)
    if labels.shape != (len(matrix),):
        raise InputError(f"truth has shape {labels.shape}; give one entry for each of {len(matrix)} events")
    signs = loss_gradient_sign(model.network_, model.standardise(matrix), labels)
    return np.asarray(matrix + epsilon * model.scale_ * signs, dtype=np.float64)


def mismodelled(features: Features, *, scale: float = 1.0, smear: float = 0.0, rng: np.random.Generator) -> FloatArray:
    """Return events as another detector might have seen them: each feature rescaled and smeared.

    Parameters
    ----------
    features : array_like or pandas.DataFrame
        Shape (events, features).
    scale : float
        Factor on every feature, for example 1.02 for a scale 2 % too high.
    smear : float
        Width of the Gaussian noise added, in standard deviations of each feature.
    rng : numpy.random.Generator
        Draws the noise.

    Examples
    --------
    >>> import numpy as np
    >>> mismodelled([[100.0, 0.5]], scale=1.1, rng=np.random.default_rng(0)).round(3).tolist()
    [[110.0, 0.55]]
    """
    if not scale > 0 or not smear >= 0:
        raise InputError(f"scale is {scale} and smear {smear}; give a positive scale and a smear of at least 0")
    matrix = check_features(features)
    return np.asarray(matrix * scale + smear * matrix.std(axis=0) * rng.standard_normal(matrix.shape))


def robustness(
    features: Features,
    truth: npt.ArrayLike,
    test: tuple[Features, npt.ArrayLike],
    *,
    shifts: Mapping[str, Features],
    model: MlpClassifier | None = None,
    epsilon: float = EPSILON,
    seeds: Sequence[int] = (0, 1, 2),
) -> RobustnessResult:
    """Train networks without and with adversarial events, and test both on clean and shifted samples.

    Parameters
    ----------
    features, truth
        Labelled training events, as for :meth:`MlpClassifier.fit`.
    test : tuple
        Features and truth of the test events, which are not among those trained on.
    shifts : mapping of str to array_like
        The test events in the same order, each time distorted in some way, for example by :func:`mismodelled`.
    model : MlpClassifier, optional
        Its settings are used; it is not fitted itself.
    epsilon : float
        The shift trained with, and that of the attack tested with.
    seeds : sequence of int
        One pair of trainings each.

    Raises
    ------
    InputError
        As for the training; if a shifted sample has not the shape of the test sample, or a reserved name.
    """
    clean, signal = check_labelled(*test)
    distorted = {name: check_features(rows, width=clean.shape[1], name=name) for name, rows in shifts.items()}
    for name, rows in distorted.items():
        if name in RESERVED or len(rows) != len(clean):
            raise InputError(
                f"shifted sample {name!r} has {len(rows)} events; give the {len(clean)} test events under a name "
                f"other than {' and '.join(RESERVED)}"
            )
    if not seeds or not epsilon > 0:
        raise InputError(f"seeds are {tuple(seeds)} and epsilon is {epsilon}; give a seed and a positive epsilon")
    template = MlpClassifier() if model is None else model
    found: dict[bool, list[list[tuple[float, float]]]] = {False: [], True: []}
    for seed in seeds:
        for adversarial, trainings in found.items():
            trained: MlpClassifier = clone(template)
            trained.set_params(fgsm_epsilon=epsilon if adversarial else 0.0, seed=seed)
            trained.fit(features, truth)
            samples = (clean, *distorted.values(), fgsm(trained, clean, signal, epsilon=epsilon))
            scores = [trained.anomaly_score(sample) for sample in samples]
            trainings.append(
                [(roc(score, signal).auc, log_loss(score, signal, balanced=True).value) for score in scores]
            )
    plain, fooled = (np.array(found[adversarial]) for adversarial in (False, True))
    return RobustnessResult(
        samples=(RESERVED[0], *distorted, RESERVED[1]),
        epsilon=float(epsilon),
        auc_plain=plain[..., 0],
        auc_fgsm=fooled[..., 0],
        log_loss_plain=plain[..., 1],
        log_loss_fgsm=fooled[..., 1],
        n_signal=int(signal.sum()),
        n_background=int((~signal).sum()),
    )
