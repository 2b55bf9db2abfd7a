"""The upper limits of a HEPData record: of each search, along the mass, and with training repeated."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.jobs.record_columns import RecordTable, Setting, Variable, mass_columns, regions
from bumphunt.results import LimitCurve, SelectedLimit, SpectrumFit, WindowResult
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits, window_limit
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions

FloatArray = npt.NDArray[np.float64]

MOST_MASSES = 24
"""Masses along the inclusive limit, at most."""


def selected_limits(windows: Sequence[WindowResult], setting: Setting) -> RecordTable:
    """Return the limits on the events that pass each search."""
    found = [window_limit(each.n_observed, each.n_expected, each.n_expected_error) for each in windows]
    return RecordTable(
        name="Upper limit after selection",
        description=(
            "95 % CLs upper limit on the signal events that pass the selection and lie in the signal region, observed "
            "and expected without signal. To turn it into one on signal events, divide by the efficiency of the "
            "selection, which was trained on these data and depends on the strength of the signal."
        ),
        independent=regions(windows, setting),
        dependent=_limit_columns([limit.n_signal for limit in found], np.array([limit.expected for limit in found])),
        observable="CLS",
    )


def _limit_columns(observed: Iterable[float], expected: FloatArray, *, units: str = "") -> tuple[Variable, ...]:
    rows = np.atleast_2d(expected)
    median = rows[:, 2]
    errors: dict[str, Sequence[float | tuple[float, float] | None]] = {
        f"{number} sigma": [
            (float(low - middle), float(high - middle))
            for low, middle, high in zip(rows[:, 2 - number], median, rows[:, 2 + number], strict=True)
        ]
        for number in (1, 2)
    }
    return (
        Variable(name="Observed upper limit", values=[float(value) for value in observed], units=units),
        Variable(name="Expected upper limit", values=[float(value) for value in median], units=units, errors=errors),
    )


def inclusive_curve(fit: SpectrumFit, *, width: float) -> LimitCurve:
    """Return the limit on a narrow resonance in the spectrum before any cut, along its mass.

    Parameters
    ----------
    fit : SpectrumFit
        The spectrum and the family of its background.
    width : float
        Resolution of the mass as a fraction of it.
    """
    design = make_design(fit.edges, family=fit.family, sqrt_s=fit.sqrt_s)
    low, high = float(fit.edges[0]) / (1.0 - 2.0 * width), float(fit.edges[-1]) / (1.0 + 2.0 * width)
    # half a resolution apart where that is few enough
    number = int(np.clip(np.log(high / low) / (0.5 * width), 2, MOST_MASSES)) if high > low else 0
    masses = np.geomspace(low, high, number) if number else np.array([float(np.sqrt(fit.edges[0] * fit.edges[-1]))])
    signal = np.array([gaussian_fractions(fit.edges, mass=float(m), width=width * float(m)) for m in masses])
    counts = np.tile(fit.counts, (len(masses), 1))
    return LimitCurve(
        mass=masses,
        observed=spectrum_limits(counts, design, signal),
        expected=expected_spectrum_limits(counts, design, signal),
    )


def curve_table(curve: LimitCurve, setting: Setting) -> RecordTable:
    """Return the limits before any selection along the mass."""
    good = np.isfinite(curve.observed) & np.isfinite(curve.expected).all(axis=1)
    return RecordTable(
        name="Upper limit before selection",
        description=(
            "95 % CLs upper limit on the events of a narrow resonance in the spectrum before any selection, along its "
            "mass, observed and expected without signal; asymptotic, the background profiled."
        ),
        independent=(
            Variable(
                name="Mass of the resonance", values=[float(value) for value in curve.mass[good]], units=setting.unit
            ),
        ),
        dependent=_limit_columns(curve.observed[good], curve.expected[good]),
        observable="CLS",
        figure="limits",
    )


def limit_of_the_fitted(limit: SelectedLimit) -> RecordTable:
    """Return the limit after the selection at the fitted masses."""
    expected = np.asarray(limit.expected, dtype=np.float64)
    return RecordTable(
        name="Upper limit at the fitted masses",
        description=(
            "95 % CLs upper limit on the signal events of the whole file at the fitted masses, from the "
            f"{limit.cut_fraction:.3%} most anomalous events, and the efficiency of that cut for simulated signal. The "
            "same events have trained the selection."
        ),
        independent=mass_columns([[float(mass) for mass in limit.masses]]),
        dependent=(
            *_limit_columns([limit.n_signal_95], expected),
            Variable(
                name="Efficiency",
                values=[float(limit.efficiency)],
                errors={"total": [float(limit.efficiency * limit.efficiency_error)]},
            ),
        ),
        observable="CLS",
    )


def retrained_limits(limits: dict[str, Any]) -> list[RecordTable]:
    """Return the limits with training repeated at each strength, and the efficiencies behind them.

    Parameters
    ----------
    limits : dict
        One model (``n_signal_95``, ``expected``, ``efficiency``, ``masses``), or several as ``points``.
    """
    points = [point for point in limits.get("points", [limits]) if _is_limit(point)]
    if not points:
        return []
    masses = [point.get("masses") or [math.nan] * 3 for point in points]
    columns = list(
        _limit_columns([point["n_signal_95"] for point in points], np.array([point["expected"] for point in points]))
    )
    if all(point.get("cross_section_fb_95") is not None for point in points):
        values = [float(point["cross_section_fb_95"]) for point in points]
        columns.append(Variable(name="Observed upper limit on the cross section", values=values, units="FB"))
    found = [
        RecordTable(
            name="Upper limit with training repeated",
            description=(
                "95 % CLs upper limit on the signal events in the data before any selection. Signal of growing "
                "strength was injected and the whole selection trained anew each time."
            ),
            independent=mass_columns(masses),
            dependent=tuple(columns),
            observable="CLS",
        )
    ]
    rows = [(row, *entry) for row, point in zip(masses, points, strict=True) for entry in point.get("efficiency", [])]
    if rows:
        found.append(_efficiency_of_strength(rows))
    return found


def _efficiency_of_strength(rows: Sequence[tuple[Any, ...]]) -> RecordTable:
    return RecordTable(
        name="Efficiency against signal strength",
        description="Part of the injected signal that passes the selection trained on data with that much signal.",
        independent=(
            *mass_columns([row[0] for row in rows]),
            Variable(name="Injected signal events", values=[float(row[1]) for row in rows]),
        ),
        dependent=(
            Variable(
                name="Efficiency",
                values=[float(row[2]) for row in rows],
                errors={"stat": [float(row[3]) for row in rows]},
            ),
        ),
        observable="EFF",
    )


def _is_limit(point: Any) -> bool:
    return (
        isinstance(point, dict)
        and isinstance(point.get("n_signal_95"), int | float)
        and len(point.get("expected") or []) == 5
        and all(isinstance(value, int | float) for value in point["expected"])
    )
