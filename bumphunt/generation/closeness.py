"""How close generated events come to real ones: a Kolmogorov distance for each variable, and a classifier."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.errors import InputError
from bumphunt.events import FloatArray
from bumphunt.results import Result
from bumphunt.rng import integer_seed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closeness(Result):
    """Distances between two samples of events.

    Attributes
    ----------
    names : tuple of str
        Variables.
    ks : numpy.ndarray
        Kolmogorov distance of each variable, shape (variables,).
    ks_noise : float
        What two samples of these sizes of the same events exceed in 5 % of cases, for one variable.
    auc : float
        Area under the ROC of boosted trees that try to tell the samples apart, on events they were not
        trained on: 0.5 if they cannot, 1 if every event betrays its origin.
    auc_error : float
        Its standard error if the samples were the same (Mann and Whitney).
    n_real, n_generated : int
        Events of each used for the classifier.
    """

    names: tuple[str, ...]
    ks: FloatArray
    ks_noise: float
    auc: float
    auc_error: float
    n_real: int
    n_generated: int

    def __str__(self) -> str:
        worst = int(np.argmax(self.ks))
        return (
            f"largest KS distance {self.ks[worst]:.4f} ({self.names[worst]}; chance {self.ks_noise:.4f}), "
            f"classifier AUC {self.auc:.3f} ± {self.auc_error:.3f}"
        )


def closeness(
    real: pd.DataFrame,
    generated: pd.DataFrame,
    *,
    max_events: int = 40_000,
    folds: int = 3,
    max_iter: int = 100,
    seed: int = 0,
) -> Closeness:
    """Compare generated with real events, variable by variable and all at once.

    Compare with real events that the generator was *not* trained on, or copies of its training events look best.

    Parameters
    ----------
    real, generated : pandas.DataFrame
        Events with the same columns, in random order.
    max_events : int
        Events of each that the classifier uses; the distances use all.
    folds : int
        Parts of the cross-validation: each event is judged by trees that did not see it.
    max_iter : int
        Boosting rounds of the classifier.
    seed : int
        Decides folds.

    Raises
    ------
    InputError
        If columns differ, a value is not finite, or a sample has fewer than 20 events a fold.

    Notes
    -----
    The classifier two-sample test of arXiv:1610.06545: its AUC sees every way in which the samples differ
    that trees can find, correlations included, while the distances see one variable at a time.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> one, two = (pd.DataFrame({"x": rng.normal(size=600)}) for _ in range(2))
    >>> closeness(one, two, max_iter=20).auc < 0.56
    True
    """
    names = tuple(map(str, real.columns))
    if set(generated.columns) != set(real.columns):
        raise InputError(f"columns differ: {list(real.columns)} and {list(generated.columns)}; give the same ones")
    samples = [np.asarray(table[list(real.columns)], dtype=np.float64) for table in (real, generated)]
    fewest = min(map(len, samples))
    if not all(np.isfinite(sample).all() for sample in samples) or folds < 2 or fewest < 20 * folds:
        raise InputError(
            f"{fewest} events or values that are not finite; give 20 finite events for each of {folds} folds"
        )
    ks = np.array([kolmogorov(samples[0][:, i], samples[1][:, i]) for i in range(len(names))])
    noise = 1.358 * np.sqrt(sum(1.0 / len(sample) for sample in samples))
    first, second = (sample[:max_events] for sample in samples)
    n, m = len(first), len(second)
    return Closeness(
        names=names,
        ks=ks,
        ks_noise=float(noise),
        auc=_classifier_auc(first, second, folds=folds, max_iter=max_iter, seed=seed),
        auc_error=float(np.sqrt((n + m + 1) / (12.0 * n * m))),
        n_real=n,
        n_generated=m,
    )


def kolmogorov(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the largest distance between the cumulative distributions of two samples.

    Examples
    --------
    >>> kolmogorov([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0])
    0.5
    """
    a, b = np.sort(np.asarray(first, dtype=np.float64)), np.sort(np.asarray(second, dtype=np.float64))
    everything = np.concatenate([a, b])
    gaps = np.searchsorted(a, everything, "right") / len(a) - np.searchsorted(b, everything, "right") / len(b)
    return float(np.abs(gaps).max())


def _classifier_auc(real: FloatArray, generated: FloatArray, *, folds: int, max_iter: int, seed: int) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    rows = np.concatenate([real, generated])
    origin = np.repeat([0, 1], [len(real), len(generated)])
    split = StratifiedKFold(folds, shuffle=True, random_state=integer_seed(seed, "closeness", "folds"))
    areas = []
    for training, test in split.split(rows, origin):
        trees = HistGradientBoostingClassifier(
            max_iter=max_iter, early_stopping=False, random_state=integer_seed(seed, "closeness", "trees")
        ).fit(rows[training], origin[training])
        # folds share no scale: the mean of their areas, not the area of all scores together
        areas.append(roc_auc_score(origin[test], trees.decision_function(rows[test])))
    return float(np.mean(areas))
