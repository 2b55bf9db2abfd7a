"""The form of the background as a systematic of a window's significance: another one may expect more in the window.

Several forms describe the sidebands. How much more background another acceptable one expects is measured in the
spectrum before any cut, whose many events tell good forms from bad ones, and taken off the excess as a spurious signal.
"""

import math
from dataclasses import dataclass, replace

from bumphunt.errors import FitError, InputError
from bumphunt.results import WindowResult
from bumphunt.significance.p_values import counting_p_value
from bumphunt.spectrum.profiling import ENVELOPE, PENALTY, fit_all
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import z_from_p

FORM_TOLERANCE = 4.0
"""A form counts while its deviance, charged per parameter, is at most this above the best: two standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDifference:
    """How much more background, relatively, another acceptable form expects in the window than the best one.

    ``family`` names the form that expects most, the best one itself where ``relative`` is 0; it is empty where no form
    was compared.
    """

    relative: float = 0.0
    family: str = ""


NO_DIFFERENCE = FormDifference()


def form_difference(spectrum: Spectrum, *, families: tuple[str, ...] = ENVELOPE) -> FormDifference:
    """Return how much more background another acceptable form expects in the window than the best one, and which.

    Measured in a spectrum before selection, it is what the form may feign in a selected one: a spurious signal of
    this part of its background.

    Parameters
    ----------
    spectrum : Spectrum
        Counts before any cut, with window and masked bins.
    families : tuple of str
        Forms to compare.

    Returns
    -------
    FormDifference
        At least 0; 0 and without a name where no form fits.
    """
    try:
        fits = fit_all(spectrum, families=families)
    except (FitError, InputError):
        return NO_DIFFERENCE
    charged = [fit.deviance + PENALTY * len(fit.parameters) for fit in fits]
    best = fits[charged.index(min(charged))]
    if best.window_expected <= 0:
        return NO_DIFFERENCE
    acceptable = [fit for fit, charge in zip(fits, charged, strict=True) if charge - min(charged) <= FORM_TOLERANCE]
    most = max(acceptable, key=lambda fit: fit.window_expected)
    return FormDifference(relative=max(most.window_expected / best.window_expected - 1.0, 0.0), family=most.family)


def with_form_difference(found: WindowResult, difference: FormDifference) -> WindowResult:
    """Return a window's result with a spurious signal of a part of its background taken off the significance.

    Parameters
    ----------
    found : WindowResult
        Of the nominal family, with its significance in ``z_local``.
    difference : FormDifference
        From :func:`form_difference`.

    Returns
    -------
    WindowResult
        ``z_stat`` is the significance as it was, which is what a calibration of the null is about; ``z_local`` that
        over a background larger by the difference, never more; ``n_form`` is that background and ``form_family`` the
        form that asks for it.
    """
    nominal = replace(found, z_stat=found.z_local)
    if found.note or not math.isfinite(found.n_expected):
        return nominal
    expected = found.n_expected * (1.0 + difference.relative)
    nominal = replace(nominal, n_form=expected, form_family=difference.family)
    if found.fit is None or difference.relative == 0.0:
        return nominal
    p_value = max(counting_p_value(found.n_observed, expected, found.n_expected_error), found.p_local)
    return replace(nominal, p_local=p_value, z_local=z_from_p(p_value))
