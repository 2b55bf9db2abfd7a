"""Binned Poisson fit of a smooth background to one spectrum, with its covariance, band and goodness.

For thousands of spectra at once see :mod:`bumphunt.spectrum.batched`; for the choice of a family
:mod:`bumphunt.spectrum.choice`; for one family :mod:`bumphunt.spectrum.family_fit`.
"""

from typing import overload

import numpy as np
import numpy.typing as npt

from bumphunt.results import SpectrumFit
from bumphunt.spectrum.choice import resolve_family
from bumphunt.spectrum.family_fit import fit_family
from bumphunt.spectrum.profiling import fit_envelope
from bumphunt.spectrum.spectrum import UNSET, Energy, Spectrum, SpectrumLike, as_spectrum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@overload
def fit_spectrum(
    counts: Spectrum,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    window: BoolArray | None = None,
) -> SpectrumFit: ...
@overload
def fit_spectrum(
    counts: SpectrumLike,
    edges: FloatArray | None = None,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    window: BoolArray | None = None,
    sqrt_s: float | None,
) -> SpectrumFit: ...
def fit_spectrum(
    counts: SpectrumLike,
    edges: FloatArray | None = None,
    *,
    family: str = "dijet3",
    masked: BoolArray | None = None,
    window: BoolArray | None = None,
    sqrt_s: Energy = UNSET,
) -> SpectrumFit:
    """Fit one smooth background to one spectrum, with a window masked.

    Parameters
    ----------
    counts : Spectrum, array of shape (bins,) or histogram
        A :class:`~bumphunt.spectrum.spectrum.Spectrum`; or event counts; or any UHI histogram with one axis in GeV.
        Contents with a common weight are fitted as effective counts.
    edges : array of shape (bins + 1,), optional
        Bin edges in GeV, with an array of counts.
    family : str
        One of :data:`bumphunt.spectrum.families.registry.FAMILIES`; ``auto`` for the simplest dijet form that an
        F-like test on the deviance does not reject (:func:`bumphunt.spectrum.choice.choose_family`); ``gp`` for a
        Gaussian process (:mod:`bumphunt.spectrum.gaussian_process`), its kernel chosen by the marginal likelihood, or
        ``gp(length,amplitude)`` with a given one; ``envelope`` for the best of several families with the error
        of all that fit as well (:mod:`bumphunt.spectrum.profiling`). The result names what was used.
    masked : bool array of shape (bins,), optional
        Bins left out of the fit.
    window : bool array of shape (bins,), optional
        Those of the masked bins over which the expected events are summed; all of them otherwise.
    sqrt_s : float or None
        Collision energy in GeV, with bare counts or a histogram; None where none is meant. A user who leaves it out
        gets that of Run 2, 13 TeV; a spectrum has its own.

    Raises
    ------
    FitError
        If the fit does not converge.
    InputError
        If the counts are unusable, too few bins are left or there is no such family.
    """
    spectrum = as_spectrum(counts, edges, masked=masked, window=window, sqrt_s=sqrt_s).effective()
    if family == "envelope":
        return fit_envelope(spectrum)
    return fit_family(spectrum, family=resolve_family(spectrum, family=family))
