"""The discovery fit and the limit as pyhf HistFactory workspaces that any pyhf user can open.

A workspace holds the bins of one window. Its background is the sideband fit's prediction, whose
covariance enters as one constrained shape variation per eigenvector; the sideband bins themselves
are left out, since they already made that prediction. The parameter of interest ``mu`` scales the
signal; ``mu = 1`` stands for :data:`EVENTS_PER_MU` events in the whole spectrum.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.errors import FitError, InputError
from bumphunt.results import SpectrumFit, UpperLimit, WindowResult
from bumphunt.results.rounding import mass_text
from bumphunt.significance.pyhf_tests import AsymptoticTests
from bumphunt.spectrum.families.registry import parametric_family
from bumphunt.spectrum.functions import design_matrix, gaussian_fractions

FloatArray = npt.NDArray[np.float64]

EVENTS_PER_MU = 100.0
"""Signal events that ``mu = 1`` stands for: minimisers like parameters near one."""


def build_workspace(
    fit: SpectrumFit,
    signal: FloatArray,
    *,
    channel: str,
    max_events: float | None = None,
    efficiency_error: float = 0.0,
) -> dict[str, Any]:
    """Return the HistFactory workspace of one window as plain data.

    Parameters
    ----------
    fit : SpectrumFit
        Background with the window masked.
    signal : array of shape (bins,)
        Part of the signal in each bin of the whole spectrum: Gaussian (:func:`resonance_signal`), a double-sided
        Crystal Ball or a template (:mod:`bumphunt.spectrum.signal_shapes`).
    channel : str
        Name of the channel.
    max_events : float, optional
        Upper bound of the signal in events; by default well above what was observed.
    efficiency_error : float
        Relative error of the signal's efficiency, a ``normsys`` of the signal.
    """
    window = fit.window
    if not window.any():
        raise InputError("the fit has no window, so there is nothing to test for signal")
    log_covariance = fit.window_log_covariance
    if log_covariance is None:  # a result stored before the fit carried it
        log_derivatives = design_matrix(fit.edges, parametric_family(fit.family), sqrt_s=fit.sqrt_s)[window]
        log_covariance = log_derivatives @ fit.covariance @ log_derivatives.T
    values, vectors = np.linalg.eigh(log_covariance)
    kept = values > SMALLEST_EIGENVALUE * max(values.max(), 1e-12)
    bins = _Bins(
        observed=fit.counts[window],
        expected=fit.expected[window],
        log_shifts=(vectors[:, kept] * np.sqrt(values[kept])).T[::-1],
        signal=signal[window],
    )
    return _workspace(bins, channel=channel, max_events=max_events, efficiency_error=efficiency_error)


def build_counting_workspace(
    found: WindowResult, signal_inside: float, *, channel: str, efficiency_error: float = 0.0
) -> dict[str, Any]:
    """Return the workspace of a window whose background was counted, not fitted: one bin, one uncertainty.

    ``signal_inside`` is the part of the signal in the window, ``efficiency_error`` as in :func:`build_workspace`.
    """
    relative = found.n_expected_error / max(found.n_expected, 1e-6)
    bins = _Bins(
        observed=np.array([float(found.n_observed)]),
        expected=np.array([found.n_expected]),
        log_shifts=np.array([[relative]]),
        signal=np.array([signal_inside]),
    )
    return _workspace(bins, channel=channel, max_events=None, efficiency_error=efficiency_error)


SMALLEST_EIGENVALUE = 1e-4
"""Part of the largest eigenvalue of the background's covariance below which a variation is left out."""

_LARGEST_SHIFT = 3.0
"""Largest logarithm of a variation: beyond a factor of twenty an interpolation says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bins:
    """Bins of a window, shape (bins,): counts, expected background, signal. ``log_shifts``: (variations, bins)."""

    observed: FloatArray
    expected: FloatArray
    log_shifts: FloatArray
    signal: FloatArray


def _workspace(bins: _Bins, *, channel: str, max_events: float | None, efficiency_error: float) -> dict[str, Any]:
    if not 0 <= efficiency_error < 1:
        raise InputError(f"a relative error of the efficiency of {efficiency_error:g} cannot be; give one below 1")
    signal_modifiers: list[dict[str, Any]] = [{"name": "mu", "type": "normfactor", "data": None}]
    if efficiency_error > 0:
        sizes = {"hi": 1.0 + efficiency_error, "lo": 1.0 / (1.0 + efficiency_error)}
        signal_modifiers.append({"name": "signal_efficiency", "type": "normsys", "data": sizes})
    observed, expected = bins.observed, np.maximum(bins.expected, 1e-6)
    modifiers: list[dict[str, Any]] = [
        {
            "name": f"background_eigen_{number}",
            "type": "histosys",
            "data": {"hi_data": (expected * np.exp(shift)).tolist(), "lo_data": (expected * np.exp(-shift)).tolist()},
        }
        for number, shift in enumerate(np.clip(bins.log_shifts, -_LARGEST_SHIFT, _LARGEST_SHIFT))
    ]
    inside = np.maximum(bins.signal, 1e-9)
    if max_events is None:
        spread = 10.0 * np.sqrt(observed.sum() + expected.sum() + 10.0)
        max_events = float((spread + 5.0 * abs(observed.sum() - expected.sum())) / inside.sum())
    # pyhf's asymptotic formulas need mu = 1 within bounds, however few events there are
    bound = max(float(max_events), 2.0 * EVENTS_PER_MU) / EVENTS_PER_MU
    return {
        "version": "1.0.0",
        "channels": [
            {
                "name": channel,
                "samples": [
                    {
                        "name": "signal",
                        "data": (EVENTS_PER_MU * inside).tolist(),
                        "modifiers": signal_modifiers,
                    },
                    {"name": "background", "data": expected.tolist(), "modifiers": modifiers},
                ],
            }
        ],
        "observations": [{"name": channel, "data": observed.tolist()}],
        "measurements": [
            {
                "name": "resonance",
                "config": {"poi": "mu", "parameters": [{"name": "mu", "inits": [0.1], "bounds": [[0.0, bound]]}]},
            }
        ],
    }


def labelled(workspace: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the same model under names of its own, so that ``pyhf combine`` joins it with those of other events.

    Channels, observations and measurements are named after the label, and what is uncertain of a background after its
    channel, since other events have another fit; ``mu`` and ``signal_efficiency`` keep their names and are shared.
    Two workspaces of one label share a measurement, which makes ``pyhf combine`` refuse to count events twice.

    Parameters
    ----------
    workspace : dict
        From :func:`build_workspace` or :func:`build_counting_workspace`.
    label : str
        Names the events, such as the beginning of a digest of their content.
    """
    named = copy.deepcopy(workspace)
    for channel, observation in zip(named["channels"], named["observations"], strict=True):
        channel["name"] = observation["name"] = f"{channel['name']}_{label}"
        for sample in channel["samples"]:
            for modifier in sample["modifiers"]:
                if modifier["name"] not in SHARED:
                    modifier["name"] = f"{channel['name']}_{modifier['name']}"
    for measurement in named["measurements"]:
        measurement["name"] = f"{measurement['name']}_{label}"
    return named


SHARED = ("mu", "signal_efficiency")
"""Parameters of the signal, which are the same whatever events are looked at."""


def resonance_signal(edges: FloatArray, *, mass: float, width: float) -> FloatArray:
    """Return the part of a resonance at ``mass`` (GeV) in each bin; ``width`` is the resolution over the mass."""
    return gaussian_fractions(edges, mass=mass, width=width * mass)


def discovery_p_value(workspace: dict[str, Any]) -> tuple[float, float]:
    """Return the asymptotic p-value of q0 and the best-fit number of signal events (arXiv:1007.1727, eq. 12, 52)."""
    with _pyhf() as pyhf:
        try:
            tests = AsymptoticTests(pyhf, *_open(pyhf, workspace))
        except pyhf.exceptions.FailedMinimization as error:
            raise FitError("pyhf could not fit the workspace of the best window") from error
    return tests.discovery(), tests.best * EVENTS_PER_MU


def upper_limit(workspace: dict[str, Any], *, mass: float, width: float, level: float = 0.05) -> UpperLimit:
    """Return the CLs upper limit on signal events, observed and expected (arXiv:1007.1727).

    Parameters
    ----------
    workspace : dict
        From :func:`build_workspace`.
    mass, width : float
        Carried to the result: mass of the resonance in GeV, its resolution as a fraction.
    level : float
        One minus the confidence level.
    """
    with _pyhf() as pyhf:
        try:
            tests = AsymptoticTests(pyhf, *_open(pyhf, workspace))
            observed, expected = tests.limits(level)
        except (pyhf.exceptions.FailedMinimization, ValueError) as error:
            raise FitError(f"pyhf found no upper limit at {mass_text(mass)} GeV ({error})") from error
    return UpperLimit(
        n_signal_95=observed * EVENTS_PER_MU,
        mass=mass,
        width=width * mass,
        expected=expected * EVENTS_PER_MU,
        q0_p_value=tests.discovery(),
        best_fit=tests.best * EVENTS_PER_MU,
    )


def _open(pyhf: Any, workspace: dict[str, Any]) -> tuple[Any, Any]:
    opened = pyhf.Workspace(workspace)
    model = opened.model()
    return model, opened.data(model)


@contextmanager
def _pyhf() -> Iterator[Any]:
    with warnings.catch_warnings():
        # pyhf 0.7.6 validates through jsonschema's old RefResolver
        warnings.filterwarnings("ignore", message=".*RefResolver.*", category=DeprecationWarning)
        # the root finder probes points where a likelihood ratio rounds to below zero
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="pyhf")
        import pyhf

        # a fit that fails is an error of ours; pyhf would print a traceback of its own beside it
        loud = logging.getLogger("pyhf")
        level = loud.level
        loud.setLevel(logging.CRITICAL + 1)
        try:
            yield pyhf
        finally:
            loud.setLevel(level)
