"""Local significance of one window, and the windows of an anomaly search put together with Šidák.

:mod:`bumphunt.significance.spectrum_scan` searches one spectrum, without any score.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.results import ScanResult, SpectrumFit, WindowResult
from bumphunt.significance.correlated_trials import largest_p_value
from bumphunt.significance.p_values import counting_p_value, on_off_p_value, sidak
from bumphunt.spectrum.efficiency import fit_selected
from bumphunt.spectrum.families.registry import check_family
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import p_from_z, z_from_p

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def window_significance(
    spectrum: Spectrum,
    *,
    family: str = "auto",
    inclusive: FloatArray | None = None,
    neighbourhood: BoolArray | None = None,
    before: SpectrumFit | None = None,
) -> WindowResult:
    """Fit the background with one window masked and compare it with the events inside.

    Parameters
    ----------
    spectrum : Spectrum
        Counts with the window in which events are counted, and the bins left out of the fit.
    family : str
        Background family or ``auto``.
    inclusive : array of shape (bins,), optional
        Events per bin before selection. Where so few selected events lie outside the window that no
        shape can be fitted to them, or one whose error is larger than all that was there before, this is
        their shape: on against off, and no fit is given. Signal in the window only makes the answer more cautious.
    neighbourhood : bool array of shape (bins,), optional
        Bins to leave out, with the masked ones, where the goodness of the sidebands is judged.
    before : SpectrumFit, optional
        Fit of the spectrum before selection. The background after it is then this times a smooth efficiency
        (:mod:`bumphunt.spectrum.efficiency`), and ``family`` is not asked.

    Returns
    -------
    WindowResult
        With a ``note`` and p = 1 where nothing can be said; never an exception for one bad window of a scan.

    Raises
    ------
    InputError
        If there is no such family, which would fail everywhere.
    """
    check_family(family)
    counts, window = spectrum.counts, spectrum.window
    if not window.any():
        raise InputError("the spectrum has no window, so there is nothing to compare with the background")
    observed = round(float(counts[window].sum()))
    fit: SpectrumFit | None = None
    note = ""
    expected = error = math.nan
    p_local = 1.0
    try:
        fit = fit_spectrum(spectrum, family=family) if before is None else fit_selected(spectrum, before)
    except (FitError, InputError) as problem:
        note = f"not searched: {problem}"
    else:
        expected, error = fit.window_expected, fit.window_error
        # forms of a few events outside can grow without bound where none hold them: more than there was before the cut
        most = math.inf if inclusive is None else float(inclusive[window].sum())
        if error > expected and (expected < 1.0 or error > most):
            note = f"not searched: the sidebands predict {expected:.2g} ± {error:.2g} events"
        else:
            p_local = counting_p_value(observed, expected, error)
    if note and inclusive is not None and inclusive[window].sum() > 0:
        outside = ~spectrum.masked
        off = float(counts[outside].sum())
        tau = float(inclusive[outside].sum() / inclusive[window].sum())
        expected, error, note, fit = off / tau, math.sqrt(max(off, 1.0)) / tau, "", None
        p_local = on_off_p_value(observed, off, tau)
    return WindowResult(
        low=float(spectrum.edges[:-1][window].min()),
        high=float(spectrum.edges[1:][window].max()),
        cut_fraction=1.0,
        n_window=observed,
        n_observed=observed,
        n_expected=expected,
        n_expected_error=error,
        z_local=z_from_p(p_local),
        p_local=p_local,
        leakage=0.5,
        leakage_error=0.0,
        sideband_p_value=1.0 if fit is None else clear_p_value(spectrum, fit, neighbourhood, family=family),
        fit=fit,
        note=note,
    )


def clear_p_value(spectrum: Spectrum, fit: SpectrumFit, neighbourhood: BoolArray | None, *, family: str) -> float:
    """Return the goodness of the sidebands clear of a window's neighbourhood, where the tails of a signal lie.

    Where too few bins are left, the fit itself is the best judge.
    """
    if neighbourhood is None:
        return fit.p_value
    try:
        return fit_spectrum(spectrum.with_window(spectrum.masked | neighbourhood), family=family).p_value
    except (FitError, InputError):
        return fit.p_value


def combine_windows(
    windows: Sequence[WindowResult],
    *,
    searched_low: float,
    searched_high: float,
    correlation: FloatArray | None = None,
    rng: np.random.Generator | None = None,
) -> ScanResult:
    """Turn the local p-values of all windows and cuts into one global answer.

    Every window and cut is a trial. Neighbouring windows share events, and cuts are nested; how far they are
    correlated by that is known, and the global p-value is that of the largest of correlated significances
    (:mod:`bumphunt.significance.correlated_trials`).

    Parameters
    ----------
    windows : sequence of WindowResult
        All windows and cuts; those with a note were not searched.
    searched_low, searched_high : float
        The searched range in GeV.
    correlation : array of shape (searched, searched), optional
        Correlation of the significances of those that were searched, without signal; without it they count as
        independent, which bounds the p-value from above.
    rng : numpy.random.Generator, optional
        For the global p-values of correlated ones.

    Raises
    ------
    InputError
        If not one window could be searched.
    """
    searched = [index for index, window in enumerate(windows) if not window.note]
    if not searched:
        reason = windows[0].note if windows else "no window fits the spectrum"
        raise InputError(f"not one window could be searched ({reason}); give more events or a wider range")
    best = min(searched, key=lambda index: windows[index].p_local)
    p_local = windows[best].p_local
    z_stat = max(
        (windows[index].z_stat for index in searched if math.isfinite(windows[index].z_stat)), default=math.nan
    )
    p_global = sidak(p_local, len(searched))
    p_stat = sidak(p_from_z(z_stat), len(searched)) if math.isfinite(z_stat) else math.nan
    method = f"Sidak over {len(searched)} windows x cuts on local on/off p-values"
    if correlation is not None:
        rng = np.random.default_rng(rng)
        p_global = largest_p_value(z_from_p(p_local), correlation, rng=rng)
        p_stat = largest_p_value(z_stat, correlation, rng=rng) if math.isfinite(z_stat) else math.nan
        method = f"largest of {len(searched)} windows x cuts, correlated by the events they share"
    return ScanResult(
        windows=tuple(windows),
        best=best,
        searched_low=searched_low,
        searched_high=searched_high,
        p_local=p_local,
        z_local=z_from_p(p_local),
        p_global=p_global,
        z_global=z_from_p(p_global),
        p_global_method=method,
        n_trials=len(searched),
        n_toys=0,
        is_bound=correlation is None,
        z_stat=z_from_p(p_stat) if math.isfinite(p_stat) else math.nan,
    )
