"""Discrete profiling: the choice of the background family as one more, discrete, nuisance parameter (arXiv:1408.6865).

Every family is fitted; each is charged :data:`PENALTY` per parameter in twice the negative log-likelihood, and the
envelope of their profile likelihoods gives the interval of the expected events in the window. Where one family is
clearly best the interval is that of its own fit; where several describe the sidebands, it spans what they say.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.families.registry import profiled_names
from bumphunt.spectrum.family_fit import fit_family
from bumphunt.spectrum.spectrum import Spectrum

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PENALTY = 1.0
"""Charge per parameter in twice the negative log-likelihood: the value that paper recommends (its section 5)."""

ENVELOPE = profiled_names()
"""Families that are profiled."""


def envelope_interval(
    deviance: FloatArray,
    value: FloatArray,
    error: FloatArray,
    n_parameters: FloatArray,
    *,
    penalty: float = PENALTY,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return the best family of each row and the 68 % interval of the envelope of parabolas.

    Parameters
    ----------
    deviance, value, error : array of shape (rows, families)
        Minimum of each family, where it lies and its standard error; a family that failed has an infinite deviance.
    n_parameters : array of shape (families,)
        Parameters each is charged for.
    penalty : float
        Charge per parameter.

    Returns
    -------
    best : int array of shape (rows,)
    low, high : array of shape (rows,)
        Ends of the region where any family lies within one of the best.

    Examples
    --------
    Two families equally good, one event apart: the interval spans both.

    >>> import numpy as np
    >>> best, low, high = envelope_interval(np.array([[10.0, 9.0]]), np.array([[20.0, 21.0]]), np.array([[2.0, 2.0]]),
    ...                                     np.array([3.0, 4.0]))
    >>> best.tolist(), low.tolist(), high.tolist()
    ([0], [18.0], [23.0])
    """
    charged = np.asarray(deviance) + penalty * np.asarray(n_parameters)
    best = np.argmin(charged, axis=1)
    lowest = charged.min(axis=1, keepdims=True)
    # a family whose minimum is d above the best one reaches the level 1 at sqrt(1 - d) of its errors
    room = np.where(np.isfinite(charged), 1.0 - (charged - np.where(np.isfinite(lowest), lowest, 0.0)), -1.0)
    reach = np.where(room >= 0, np.sqrt(np.maximum(room, 0.0)), np.nan)
    low = np.where(room >= 0, value - reach * error, np.inf).min(axis=1)
    high = np.where(room >= 0, value + reach * error, -np.inf).max(axis=1)
    return best.astype(np.int64), low, high


def fit_all(spectrum: Spectrum, *, families: tuple[str, ...] = ENVELOPE) -> list[SpectrumFit]:
    """Return the fits of all families that can be fitted.

    Parameters
    ----------
    spectrum : Spectrum
        Counts, masked bins and window.
    families : tuple of str
        Families to fit; what is wrong with the spectrum itself shows in the first.

    Raises
    ------
    FitError
        If no family can be fitted.
    """
    fits: list[SpectrumFit] = []
    for name in families:
        try:
            fits.append(fit_family(spectrum, family=name))
        except FitError:
            continue
        except InputError:
            if name == families[0]:
                raise
    if not fits:
        raise FitError(f"none of {', '.join(families)} could be fitted; use a wider range or finer bins")
    return fits


def fit_envelope(spectrum: Spectrum, *, families: tuple[str, ...] = ENVELOPE, penalty: float = PENALTY) -> SpectrumFit:
    """Return the best family's fit with the error in the window widened to that of the envelope.

    Parameters
    ----------
    spectrum : Spectrum
        Counts, masked bins and window.
    families : tuple of str
        Families to profile.
    penalty : float
        Charge per parameter.

    Raises
    ------
    FitError
        If no family can be fitted.
    """
    fits = fit_all(spectrum, families=families)
    best, low, high = envelope_interval(
        np.array([[fit.deviance for fit in fits]]),
        np.array([[fit.window_expected for fit in fits]]),
        np.array([[fit.window_error for fit in fits]]),
        np.array([float(len(fit.parameters)) for fit in fits]),
        penalty=penalty,
    )
    chosen = fits[int(best[0])]
    if not chosen.window.any() or chosen.window_error <= 0:
        return chosen
    error = float(max(high[0] - chosen.window_expected, chosen.window_expected - low[0]))
    widening = error / chosen.window_error
    log_covariance = chosen.window_log_covariance
    return dataclasses.replace(
        chosen,
        window_error=error,
        window_log_covariance=None if log_covariance is None else log_covariance * widening**2,
    )
