"""Quality checks of an excess, each with a threshold that is declared before the data are seen."""

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from bumphunt.config import ChecksConfig
from bumphunt.results import Check, WindowResult

FloatArray = npt.NDArray[np.float64]


def fold_excesses(observed: FloatArray, expected: float) -> FloatArray:
    """Return each fold's excess over an equal share of the expected background, in Poisson standard deviations."""
    share = max(expected, 1e-9) / len(observed)
    return np.asarray((observed - share) / np.sqrt(np.maximum(observed, share)), dtype=np.float64)


def fold_agreement(observed: FloatArray) -> float:
    """Return the chi2 p-value for folds to differ as much as they do, were they draws of one sample.

    Models of different folds differ, so that their counts spread a little more than Poisson; a
    fold on its own, far from the others, is what this is to find.
    """
    mean = float(observed.mean())
    if mean <= 0:
        return 1.0
    return float(chdtrc(len(observed) - 1, float(np.sum((observed - mean) ** 2) / mean)))


def window_checks(window: WindowResult, fold_counts: FloatArray, *, thresholds: ChecksConfig) -> tuple[Check, ...]:
    """Return the checks of the best window."""
    # noise alone moves the area by its error; only what lies beyond two of them counts
    distance = max(abs(window.leakage - 0.5) - 2.0 * window.leakage_error, 0.0)
    folds_p_value = fold_agreement(fold_counts)
    return (
        Check(
            name="sideband_fit",
            passed=window.sideband_p_value >= thresholds.sideband_p_value,
            value=window.sideband_p_value,
            threshold=thresholds.sideband_p_value,
            meaning="goodness-of-fit p-value of the background outside the best window and its neighbourhood, "
            "at least the threshold",
        ),
        Check(
            name="sculpting",
            passed=distance <= thresholds.leakage,
            value=distance,
            threshold=thresholds.leakage,
            meaning="how far the score tells the inner from the outer sidebands, which a score blind to mjj cannot "
            "(distance of the AUC from 0.5 beyond two standard errors), at most the threshold",
        ),
        Check(
            name="fold_agreement",
            passed=folds_p_value >= thresholds.fold_p_value,
            value=folds_p_value,
            threshold=thresholds.fold_p_value,
            meaning="p-value for the folds to disagree as much as they do, at least the threshold",
        ),
        *_agreement(window, thresholds.estimates_pull),
    )


def _agreement(window: WindowResult, threshold: float) -> tuple[Check, ...]:
    """Return the check of the fitted background against the direct estimate, where there is one."""
    pull = abs(window.estimates_pull)
    if not np.isfinite(pull):
        return ()
    return (
        Check(
            name="estimates_agree",
            passed=pull <= threshold,
            value=pull,
            threshold=threshold,
            meaning="difference of the fitted background and the one from the sidebands' efficiencies, in standard "
            "deviations, at most the threshold",
        ),
    )


def mass_fit_check(converged: bool) -> Check:
    """Return the check that an excess has masses that can be fitted."""
    return Check(
        name="mass_fit",
        passed=converged,
        value=float(converged),
        threshold=1.0,
        meaning="1 when the likelihood fit of the three masses converged",
    )
