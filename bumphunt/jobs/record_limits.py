"""The upper limits of a HEPData record: of each search, along the mass, and with training repeated."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.jobs.record_columns import RecordTable, Setting, Variable, mass_columns, or_dash, regions
from bumphunt.results import LimitCurve, SelectedLimit, SpectrumFit, WindowLimits, WindowResult
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions

FloatArray = npt.NDArray[np.float64]

MOST_MASSES = 24
"""Masses along the inclusive limit, at most."""


def selected_limits(windows: Sequence[WindowResult], limits: WindowLimits, setting: Setting) -> RecordTable:
    """Return the limits on the events that pass each search."""
    return RecordTable(
        name="Upper limit after selection",
        description=(
            "95 % CLs upper limit on the signal events that pass the selection and lie in the signal region, observed "
            "and expected without signal. To turn it into one on signal events, divide by the efficiency of the "
            "selection, which was trained on these data and depends on the strength of the signal."
        ),
        independent=regions(windows, setting),
        dependent=_limit_columns(limits.observed.tolist(), limits.expected),
        observable="CLS",
    )


def _limit_columns(observed: Iterable[float], expected: FloatArray, *, units: str = "") -> tuple[Variable, Variable]:
    rows = np.atleast_2d(expected)
    errors: dict[str, Sequence[float | tuple[float, float] | None]] = {
        f"{number} sigma": [
            (float(row[2 - number] - row[2]), float(row[2 + number] - row[2])) if np.isfinite(row).all() else None
            for row in rows
        ]
        for number in (1, 2)
    }
    if not np.isfinite(rows).all():
        # a column of asymmetric errors has no place for those that are missing
        errors = {}
    return (
        Variable(name="Observed upper limit", values=[or_dash(float(value)) for value in observed], units=units),
        Variable(
            name="Expected upper limit", values=[or_dash(float(row[2])) for row in rows], units=units, errors=errors
        ),
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
        What ``limits.json`` of ``bumphunt limits`` holds, or what ``bumphunt limits --json`` prints: one model, or
        several as ``points``.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it holds something else.
    """
    points = [_point(each) for each in limits.get("points", [limits])]
    if not points:
        return []
    masses = [point["masses"] for point in points]
    models = Variable(name="Model", values=[point["name"] for point in points])
    columns = [
        *_limit_columns([point["n_signal_95"] for point in points], np.array([point["expected"] for point in points])),
        Variable(name="From", values=[point["chosen"] for point in points]),
    ]
    if all(point["to_fb"] is not None for point in points):
        factors = np.array([point["to_fb"] for point in points])
        observed, expected = _limit_columns(
            factors * np.array([point["n_signal_95"] for point in points]),
            factors[:, None] * np.array([point["expected"] for point in points]),
            units="FB",
        )
        columns += [
            replace(observed, name="Observed upper limit on the cross section"),
            replace(expected, name="Expected upper limit on the cross section"),
        ]
    found = [
        RecordTable(
            name="Upper limit with training repeated",
            description=(
                "95 % CLs upper limit on the signal events in the data before any selection. Signal of growing "
                "strength was injected and the whole selection trained anew each time; whether the limit is from the "
                "spectrum before or after the selection was decided by the expected one. A dash: nothing is excluded."
            ),
            independent=(models, *mass_columns(masses)),
            dependent=tuple(columns),
            observable="CLS",
        )
    ]
    rows = [(point["name"], point["masses"], *row) for point in points for row in point["efficiency"]]
    return found + ([_efficiency_of_strength(rows)] if rows else [])


def _efficiency_of_strength(rows: Sequence[tuple[Any, ...]]) -> RecordTable:
    return RecordTable(
        name="Efficiency against signal strength",
        description="Part of the injected signal that is counted, after training on data with that much signal.",
        independent=(
            Variable(name="Model", values=[row[0] for row in rows]),
            *mass_columns([row[1] for row in rows]),
            Variable(name="Injected signal events", values=[float(row[2]) for row in rows]),
        ),
        dependent=(
            Variable(
                name="Efficiency",
                values=[float(row[3]) for row in rows],
                errors={"stat": [float(row[4]) for row in rows]},
            ),
        ),
        observable="EFF",
    )


def _point(saved: dict[str, Any]) -> dict[str, Any]:
    """Return what is published of one model, of either form; limits that are infinite (null) are NaN."""
    answer, best, to_fb = saved, saved, None
    if isinstance(saved.get("inclusive"), dict) and "selected" in saved and "n_signal_95" not in saved:
        ways = {each["name"]: each for each in (saved["inclusive"], *saved["selected"])}
        answer = ways[saved["chosen"]]
        with_limit = [each for each in saved["selected"] if each["expected"][2] is not None]
        best = min(with_limit, key=lambda each: float(each["expected"][2]), default={})
        if saved.get("luminosity") is not None:
            to_fb = 1.0 / (float(saved["luminosity"]) * float(saved.get("acceptance", 1.0)))
    elif saved.get("cross_section_fb_95") is not None:
        to_fb = float(saved["cross_section_fb_95"]) / float(saved["n_signal_95"])
    expected = [_or_nan(value) for value in answer["expected"]]
    efficiency = [[float(value) for value in row] for row in best.get("efficiency") or []]
    masses = saved.get("masses") or [math.nan] * 3
    if len(expected) != 5 or len(masses) != 3 or any(len(row) != 3 for row in efficiency):
        raise ValueError("5 expected limits, 3 masses, and rows of 3 efficiencies are meant")
    return {
        "name": str(saved.get("name") or "signal"),
        "masses": masses,
        "n_signal_95": _or_nan(answer["n_signal_95"]),
        "expected": expected,
        "chosen": str(saved.get("chosen") or saved.get("search") or "-"),
        "efficiency": efficiency,
        "to_fb": to_fb,
    }


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
