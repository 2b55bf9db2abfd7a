"""The spectrum after a cut as that before it times a smooth efficiency, with no form of the background assumed.

A score that is nearly independent of the mass passes nearly the same part of the background everywhere, so that two
parameters describe what passes, where a form of the whole spectrum needs three to five. Bumps of the spectrum before
the cut, real or of chance, are in both and drop out; signal among the events before the cut makes the answer a little
more cautious, by its part of the window.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from bumphunt.errors import FitError, InputError
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import Design
from bumphunt.spectrum.family_fit import fit_design
from bumphunt.spectrum.spectrum import Spectrum

FloatArray = npt.NDArray[np.float64]

DEGREES = (1, 2)
"""Degrees in log mass of the logarithm of the efficiency; the next is taken where it describes the sidebands better."""
GAIN_P_VALUE = 0.01
"""p-value of the gain in deviance below which the next degree is taken."""


def fit_efficiency(spectrum: Spectrum, before: FloatArray, *, degrees: tuple[int, ...] = DEGREES) -> SpectrumFit:
    """Fit the efficiency of a cut in the bins that are not masked, and return the background that it leaves.

    Parameters
    ----------
    spectrum : Spectrum
        Counts after the cut, masked bins and window.
    before : array of shape (bins,)
        Counts before the cut. Bins without any do not take part.
    degrees : tuple of int
        Degrees to try, in rising order; the first that the next does not improve significantly is taken.

    Returns
    -------
    SpectrumFit
        Of the family ``efficiency`` with the degree, such as ``efficiency1``.

    Raises
    ------
    FitError
        If the fit does not converge.
    InputError
        If too few bins are left for the first degree.

    Examples
    --------
    >>> import numpy as np
    >>> edges, before = np.geomspace(2000.0, 4000.0, 11), np.full(10, 1000.0)
    >>> window = np.arange(10) == 5
    >>> after = Spectrum(counts=np.full(10, 20.0), edges=edges, sqrt_s=None).with_window(window, masked=window)
    >>> found = fit_efficiency(after, before)
    >>> found.family, round(found.window_expected, 6)
    ('efficiency1', 20.0)
    """
    best: tuple[Design, str] | None = None
    last = np.inf
    for degree in degrees:
        try:
            design = efficiency_design(spectrum, before, degree=degree)
        except InputError:
            if best is None:
                raise
            break
        many = fit_many(spectrum.counts[None, :], design)
        if not many.converged[0]:
            break
        deviance = float(many.deviance[0])
        if best is not None and float(chdtrc(1, max(last - deviance, 0.0))) > GAIN_P_VALUE:
            break
        best, last = (design, f"efficiency{degree}"), deviance
    if best is None:
        raise FitError("the efficiency of the cut could not be fitted: too few events pass it outside the window")
    return fit_design(spectrum, best[0], family=best[1])


def efficiency_design(spectrum: Spectrum, before: FloatArray, *, degree: int) -> Design:
    """Return the design whose offset is the logarithm of the counts before the cut, instead of bin widths."""
    known = np.asarray(before, dtype=np.float64) > 0.0
    used = known & ~spectrum.masked
    if int(used.sum()) < degree + 2:
        raise InputError(
            f"{int(used.sum())} bins are left to fit an efficiency of degree {degree}; use a wider range or finer bins"
        )
    place = np.log(0.5 * (spectrum.edges[:-1] + spectrum.edges[1:]))
    place = (place - place.mean()) / max(float(np.ptp(place)), 1e-12)
    basis, triangle = np.linalg.qr(np.vander(place, degree + 1, increasing=True))
    return Design(
        basis=basis,
        to_parameters=np.linalg.inv(triangle),
        # a bin without events before the cut has none after it
        log_width=np.log(np.where(known, before, 1e-12)),
        single=used,
        merged=np.zeros(len(used), dtype=np.bool_),
        penalty=np.zeros(degree + 1),
        products=np.einsum("bp,bq->bpq", basis, basis).reshape(len(used), -1),
    )


def fit_selected(spectrum: Spectrum, before: SpectrumFit, *, degrees: tuple[int, ...] = DEGREES) -> SpectrumFit:
    """Fit an efficiency times a form that was fitted to the spectrum before the cut, and add up both errors.

    In contrast to the counts before the cut, the form knows of their excess in the window, and uses it.

    Parameters
    ----------
    spectrum : Spectrum
        Counts after the cut, masked bins and window.
    before : SpectrumFit
        The spectrum before the cut, with the same bins masked.
    degrees : tuple of int
        As for :func:`fit_efficiency`.

    Raises
    ------
    FitError, InputError
        As for :func:`fit_efficiency`.
    """
    found = fit_efficiency(spectrum, before.expected, degrees=degrees)
    relative = before.window_error / max(before.window_expected, 1e-12)
    per_bin = found.expected * before.error / np.maximum(before.expected, 1e-12)
    covariance = found.window_log_covariance
    if covariance is not None and before.window_log_covariance is not None:
        covariance = covariance + before.window_log_covariance
    return replace(
        found,
        error=np.hypot(found.error, per_bin),
        window_error=float(np.hypot(found.window_error, found.window_expected * relative)),
        window_log_covariance=covariance,
    )
