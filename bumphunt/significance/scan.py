"""Local significance of one window, and the windows of an anomaly search put together with Šidák.

:mod:`bumphunt.significance.spectrum_scan` searches one spectrum, without any score.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.results import ScanResult, SpectrumFit, WindowResult
from bumphunt.significance.p_values import counting_p_value, on_off_p_value, sidak, widened_p_value
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import SQRT_S
from bumphunt.statistics import z_from_p

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def window_significance(
    counts: FloatArray,
    edges: FloatArray,
    window: BoolArray,
    *,
    masked: BoolArray | None = None,
    family: str = "auto",
    cut_fraction: float = 1.0,
    n_window: int | None = None,
    leakage: float = 0.5,
    leakage_error: float = 0.0,
    null_width: float = 1.0,
    inclusive: FloatArray | None = None,
    neighbourhood: BoolArray | None = None,
    sqrt_s: float = SQRT_S,
) -> WindowResult:
    """Fit the background with one window masked and compare it with the events inside.

    Parameters
    ----------
    counts : array of shape (bins,)
        Selected events per bin of ``edges`` (GeV).
    window : bool array of shape (bins,)
        The bins in which events are counted.
    masked : bool array of shape (bins,), optional
        Bins left out of the fit, where wider than the window.
    family : str
        Background family or ``auto``.
    cut_fraction, n_window, leakage, leakage_error
        Carried to the result: part of events kept, events in the window before the cut, and how well
        the score tells the inner from the outer halves of the sidebands, with its error.
    null_width : float
        Standard deviation of the significance without signal, where it was found to exceed one; the
        significance is divided by it.
    inclusive : array of shape (bins,), optional
        Events per bin before selection. Where so few selected events lie outside the window that no
        shape can be fitted to them, this is their shape: on against off, and no fit is given. Signal in
        the window only makes the answer more cautious.
    neighbourhood : bool array of shape (bins,), optional
        Bins to leave out, with the masked ones, where the goodness of the sidebands is judged.
    sqrt_s : float
        Collision energy in GeV.

    Returns
    -------
    WindowResult
        With a ``note`` and p = 1 where nothing can be said; never an exception for one bad window of a scan.
    """
    low, high = float(edges[:-1][window].min()), float(edges[1:][window].max())
    observed = int(counts[window].sum())
    left_out = window if masked is None else masked
    fit: SpectrumFit | None = None
    note = ""
    expected = error = math.nan
    p_local = 1.0
    try:
        fit = fit_spectrum(counts, edges, family=family, masked=left_out, window=window, sqrt_s=sqrt_s)
    except (FitError, InputError) as problem:
        note = f"not searched: {problem}"
    else:
        expected, error = fit.window_expected, fit.window_error
        if error > expected and expected < 1.0:
            note = f"not searched: the sidebands predict {expected:.2g} ± {error:.2g} events"
        else:
            p_local = counting_p_value(observed, expected, error)
    if note and inclusive is not None and inclusive[window].sum() > 0:
        off = float(counts[~left_out].sum())
        tau = float(inclusive[~left_out].sum() / inclusive[window].sum())
        expected, error, note, fit = off / tau, math.sqrt(max(off, 1.0)) / tau, "", None
        p_local = on_off_p_value(observed, off, tau)
    p_local = widened_p_value(p_local, null_width)
    sideband_p_value = fit.p_value if fit is not None else 1.0
    if fit is not None and neighbourhood is not None:
        try:
            clear = fit_spectrum(counts, edges, family=family, masked=left_out | neighbourhood, sqrt_s=sqrt_s)
            sideband_p_value = clear.p_value
        except (FitError, InputError):
            pass  # too few bins are left: the fit itself is then the best judge
    return WindowResult(
        low=low,
        high=high,
        cut_fraction=cut_fraction,
        n_window=observed if n_window is None else n_window,
        n_observed=observed,
        n_expected=expected,
        n_expected_error=error,
        z_local=z_from_p(p_local),
        p_local=p_local,
        z_folds=np.array([]),
        leakage=leakage,
        leakage_error=leakage_error,
        sideband_p_value=sideband_p_value,
        fit=fit,
        note=note,
    )


def combine_windows(windows: Sequence[WindowResult], *, searched_low: float, searched_high: float) -> ScanResult:
    """Turn the local p-values of all windows and cuts into one global answer.

    Every window and cut is a trial. Neighbouring windows share events, and cuts are nested, so
    Šidák's formula for independent trials is an upper bound on the global p-value.

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
    p_global = sidak(p_local, len(searched))
    return ScanResult(
        windows=tuple(windows),
        best=best,
        searched_low=searched_low,
        searched_high=searched_high,
        p_local=p_local,
        z_local=z_from_p(p_local),
        p_global=p_global,
        z_global=z_from_p(p_global),
        p_global_method=f"Sidak over {len(searched)} windows x cuts on local on/off p-values",
        n_trials=len(searched),
        n_toys=0,
        is_bound=True,
    )
