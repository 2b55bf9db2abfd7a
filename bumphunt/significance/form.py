"""The form of the background as a systematic of one window's significance, by discrete profiling (arXiv:1408.6865).

The nominal family is one of several that describe the sidebands. With the family as one more, discrete, nuisance
parameter the likelihood ratio of no signal is the smallest over families f of ``z_f**2 + d_f``: the excess over that
family's background, and how much worse than the best it describes the sidebands, charged
:data:`bumphunt.spectrum.profiling.PENALTY` per parameter. A form that leaves less of an excess takes away from the
significance as far as the sidebands believe in it, and none adds to it.
"""

import math
from dataclasses import replace

from bumphunt.errors import FitError, InputError
from bumphunt.results import WindowResult
from bumphunt.significance.p_values import counting_p_value
from bumphunt.spectrum.profiling import ENVELOPE, PENALTY, fit_all
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import p_from_z, z_from_p

FORM_TOLERANCE = 4.0
"""A form counts while its deviance, charged per parameter, is at most this above the best: two standard deviations."""


def form_difference(spectrum: Spectrum, *, families: tuple[str, ...] = ENVELOPE) -> float:
    """Return how much more background, relatively, another acceptable form expects in the window than the best one.

    Measured in a spectrum before selection, whose many events tell good forms from bad ones, it is what the
    form may feign in a selected one: a spurious signal of this part of its background.

    Parameters
    ----------
    spectrum : Spectrum
        Counts before any cut, with window and masked bins.
    families : tuple of str
        Forms to compare.

    Returns
    -------
    float
        At least 0; 0 where no two forms fit.
    """
    try:
        fits = fit_all(spectrum, families=families)
    except (FitError, InputError):
        return 0.0
    charged = [fit.deviance + PENALTY * len(fit.parameters) for fit in fits]
    best = fits[charged.index(min(charged))].window_expected
    acceptable = [
        fit.window_expected
        for fit, charge in zip(fits, charged, strict=True)
        if charge - min(charged) <= FORM_TOLERANCE
    ]
    return max(max(acceptable) / best - 1.0, 0.0) if best > 0 else 0.0


def with_form_difference(found: WindowResult, relative: float) -> WindowResult:
    """Return a window's result with a spurious signal of a part of its background taken off the significance.

    Parameters
    ----------
    found : WindowResult
        Of the nominal family, with its significance in ``z_local``.
    relative : float
        From :func:`form_difference`.

    Returns
    -------
    WindowResult
        ``z_stat`` is the significance as it was, which is what a calibration of the null is about; ``z_local`` that
        over a background larger by ``relative``, never more; ``n_form`` is that background.
    """
    nominal = replace(found, z_stat=found.z_local)
    if found.note or not math.isfinite(found.n_expected):
        return nominal
    expected = found.n_expected * (1.0 + relative)
    if found.fit is None or relative == 0.0:
        return replace(nominal, n_form=expected)
    p_value = max(counting_p_value(found.n_observed, expected, found.n_expected_error), found.p_local)
    return replace(nominal, p_local=p_value, z_local=z_from_p(p_value), n_form=expected)


def with_form(found: WindowResult, spectrum: Spectrum, *, families: tuple[str, ...] = ENVELOPE) -> WindowResult:
    """Return a window's result with the form of the background profiled.

    Parameters
    ----------
    found : WindowResult
        Of the nominal family, from :func:`bumphunt.significance.scan.window_significance`.
    spectrum : Spectrum
        The counts it was made from, with window and masked bins.
    families : tuple of str
        Forms to profile.

    Returns
    -------
    WindowResult
        ``z_stat`` is the nominal significance, which is what a calibration of the null is about; ``z_local`` and
        ``p_local`` have the form in them and are never more significant. ``form_family`` is the form that takes away
        most, ``n_form`` the background that it expects. Where nothing was searched, or no form fits, all stays as is.
    """
    nominal = replace(found, z_stat=found.z_local)
    if found.fit is None or found.note:
        return nominal
    try:
        fits = fit_all(spectrum, families=families)
    except (FitError, InputError):
        return nominal
    charged = [fit.deviance + PENALTY * len(fit.parameters) for fit in fits]
    lowest, name, expected = math.inf, "", math.nan
    for fit, charge in zip(fits, charged, strict=True):
        z = z_from_p(counting_p_value(found.n_observed, fit.window_expected, fit.window_error))
        ratio = math.copysign(z**2, z) + charge - min(charged)
        if ratio < lowest:
            lowest, name, expected = ratio, fit.family, fit.window_expected
    z = math.copysign(math.sqrt(abs(lowest)), lowest)
    if z >= found.z_local:
        return replace(nominal, form_family=found.fit.family, n_form=found.n_expected)
    return replace(nominal, z_local=z, p_local=p_from_z(z), form_family=name, n_form=expected)
