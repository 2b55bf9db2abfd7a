"""The tables of a HEPData record, from the saved results of a run alone."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.results import AnalysisResult, LimitCurve, Products, SelectedLimit, SpectrumFit, WindowResult
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits, window_limit
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions

FloatArray = npt.NDArray[np.float64]
Value = float | str | tuple[float, float]

MOST_MASSES = 24
"""Masses along the inclusive limit, at most."""
DIJET_REACTION = "P P --> JET JET X"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variable:
    """One column: values, or pairs of bin edges, with errors by label (one number, minus and plus, or None a row)."""

    name: str
    values: Sequence[Value]
    units: str = ""
    errors: dict[str, Sequence[float | tuple[float, float] | None]] = field(default_factory=dict)

    @property
    def binned(self) -> bool:
        """Whether values are pairs of edges."""
        return len(self.values) > 0 and isinstance(self.values[0], tuple)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordTable:
    """A table: what it depends on, what was measured, and the stem of the figure that shows it, if any."""

    name: str
    description: str
    independent: tuple[Variable, ...]
    dependent: tuple[Variable, ...]
    observable: str
    figure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """What all tables of a record have in common: the searched variable and the qualifiers (name, value, units)."""

    variable: str
    unit: str
    reaction: str
    sqrt_s: float | None
    luminosity: float | None
    simulation: bool

    @classmethod
    def of(cls, result: AnalysisResult) -> "Setting":
        """Read it from a saved result."""
        config = result.config
        resonance = config.get("resonance") or {}
        column = str(resonance.get("column", "mjj"))
        dijet = column == "mjj"
        return cls(
            variable="M(JET JET)" if dijet else str(resonance.get("label") or column),
            unit="GeV" if dijet else str(resonance.get("unit") or ""),
            reaction=DIJET_REACTION if dijet else f"P P --> X, resonance in {column}",
            sqrt_s=config.get("sqrt_s"),
            luminosity=(config.get("limit") or {}).get("luminosity"),
            simulation=bool(result.input.get("simulation")),
        )

    def qualifiers(self) -> list[tuple[str, float | str, str]]:
        """Return the qualifiers of every measured column."""
        found: list[tuple[str, float | str, str]] = [("RE", self.reaction, "")]
        if self.sqrt_s is not None:
            found.append(("SQRT(S)", float(self.sqrt_s), "GeV"))
        if self.simulation:
            found.append(("DATA", "Simulation", ""))
        if self.luminosity is not None:
            found.append(("LUMINOSITY", float(self.luminosity), "FB-1"))
        elif not self.simulation:
            found.append(("LUMINOSITY", "not given", ""))
        return found


def record_tables(result: AnalysisResult, products: Products, limits: dict[str, Any] | None) -> list[RecordTable]:
    """Return the tables of a run: spectra, scan, limits, efficiencies, cut flow.

    Parameters
    ----------
    result, products : AnalysisResult, Products
        What the run saved.
    limits : dict, optional
        What ``bumphunt limits`` saved.
    """
    setting = Setting.of(result)
    found = [_spectrum("Spectrum before selection", products.inclusive, setting, "all events", "spectrum_before")]
    best = products.scan.best_window
    if best is not None and best.fit is not None and best.cut_fraction < 1.0:
        kept = f"the {best.cut_fraction:.3%} most anomalous events of the search in {_window(best, setting)}"
        found.append(_spectrum("Spectrum after selection", best.fit, setting, kept, "spectrum_after"))
    searched = [window for window in products.scan.windows if not window.note]
    if searched:
        found += [_scan(searched, setting), _selected_limits(searched, setting)]
    curve = products.limit_curve
    if curve is None or len(curve.mass) < 2:
        curve = inclusive_curve(products.inclusive, width=float(result.config["limit"]["width"]))
    found.append(_curve(curve, setting))
    if products.limit is not None and products.limit.selected is not None:
        found.append(_limit_of_the_fitted(products.limit.selected))
    found += retrained_limits(limits) if limits is not None else []
    efficiencies = _efficiencies(result, products)
    found += [] if efficiencies is None else [efficiencies]
    return [*found, _cut_flow(result, best)]


def _window(found: WindowResult, setting: Setting) -> str:
    return f"{found.low:.0f}-{found.high:.0f} {setting.unit}".rstrip()


def _bins(edges: FloatArray) -> list[Value]:
    return [(float(low), float(high)) for low, high in pairwise(edges)]


def _spectrum(name: str, fit: SpectrumFit, setting: Setting, which: str, figure: str) -> RecordTable:
    hidden = " Bins of the signal region are left out of the fit." if fit.masked.any() else ""
    return RecordTable(
        name=name,
        description=(
            f"Number of events in bins of {setting.variable}, {which}, with the background fit ({fit.family}, p-value "
            f"of its goodness {fit.p_value:.3g}) and its standard error.{hidden}"
        ),
        independent=(Variable(name=setting.variable, values=_bins(fit.edges), units=setting.unit),),
        dependent=(
            Variable(name="Observed events", values=[_count(value) for value in fit.counts]),
            Variable(
                name="Background fit",
                values=[float(value) for value in fit.expected],
                errors={"fit": [float(value) for value in fit.error]},
            ),
            Variable(name="Used in the fit", values=["no" if masked else "yes" for masked in fit.masked]),
        ),
        observable="N",
        figure=figure,
    )


def _count(value: float) -> float:
    """Return a count as a whole number where it is one."""
    return int(value) if float(value).is_integer() else float(value)


def _regions(windows: Sequence[WindowResult], setting: Setting) -> tuple[Variable, ...]:
    return (
        Variable(
            name=f"Signal region in {setting.variable}",
            values=[(float(found.low), float(found.high)) for found in windows],
            units=setting.unit,
        ),
        Variable(name="Part of the events kept", values=[float(found.cut_fraction) for found in windows]),
    )


def _scan(windows: Sequence[WindowResult], setting: Setting) -> RecordTable:
    return RecordTable(
        name="Local significance",
        description=(
            "One-sided local p-value of each signal region at each cut, calibrated by what is found without signal, "
            "and the events it rests on. Searches whose background could not be fitted are left out."
        ),
        independent=_regions(windows, setting),
        dependent=(
            Variable(name="Local p-value", values=[float(found.p_local) for found in windows]),
            Variable(name="Local significance", values=[float(found.z_local) for found in windows], units="SIGMA"),
            Variable(name="Observed events", values=[_count(found.n_observed) for found in windows]),
            Variable(
                name="Expected background",
                values=[float(found.n_expected) for found in windows],
                errors={"fit": [float(found.n_expected_error) for found in windows]},
            ),
        ),
        observable="P-VALUE",
        figure="scan",
    )


def _selected_limits(windows: Sequence[WindowResult], setting: Setting) -> RecordTable:
    found = [window_limit(each.n_observed, each.n_expected, each.n_expected_error) for each in windows]
    return RecordTable(
        name="Upper limit after selection",
        description=(
            "95 % CLs upper limit on the signal events that pass the selection and lie in the signal region, observed "
            "and expected without signal. To turn it into one on signal events, divide by the efficiency of the "
            "selection, which was trained on these data and depends on the strength of the signal."
        ),
        independent=_regions(windows, setting),
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


def _curve(curve: LimitCurve, setting: Setting) -> RecordTable:
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


def _limit_of_the_fitted(limit: SelectedLimit) -> RecordTable:
    expected = np.asarray(limit.expected, dtype=np.float64)
    return RecordTable(
        name="Upper limit at the fitted masses",
        description=(
            "95 % CLs upper limit on the signal events of the whole file at the fitted masses, from the "
            f"{limit.cut_fraction:.3%} most anomalous events, and the efficiency of that cut for simulated signal. The "
            "same events have trained the selection."
        ),
        independent=_mass_columns([[float(mass) for mass in limit.masses]]),
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


def _mass_columns(rows: Sequence[Sequence[Any]]) -> tuple[Variable, ...]:
    names = ("Mass of the resonance", "Mass of the heavier daughter", "Mass of the lighter daughter")
    return tuple(
        Variable(name=name, values=[_or_dash(row[place]) for row in rows], units="GeV")
        for place, name in enumerate(names)
    )


def _efficiencies(result: AnalysisResult, products: Products) -> RecordTable | None:
    """Return the efficiency at the fitted masses, where these are among the answers."""
    fit = products.mass_fit
    if fit is None or result.answers.m_resonance is None:
        return None
    return RecordTable(
        name="Efficiency of the selection",
        description=(
            "Part of the signal events at the fitted masses that passes the selection and enters the mass fit, from "
            "simulated signal that went through the trained classifiers."
            if fit.acceptance_known
            else "Part of the signal events at the fitted masses that the mass fit takes to enter it."
        ),
        independent=_mass_columns([[fit.m_resonance.value, fit.m_x.value, fit.m_y.value]]),
        dependent=(
            Variable(
                name="Efficiency", values=[float(fit.efficiency)], errors={"total": [float(fit.efficiency_error)]}
            ),
            Variable(
                name="Signal events before selection",
                values=[float(fit.n_signal.value)],
                errors={
                    "total": [
                        (fit.n_signal.low - fit.n_signal.value, fit.n_signal.high - fit.n_signal.value),
                    ]
                },
            ),
        ),
        observable="EFF",
    )


def _cut_flow(result: AnalysisResult, best: WindowResult | None) -> RecordTable:
    quality, stages = result.data_quality, result.stages
    events = int(result.input["n_events"])
    steps: list[tuple[str, int]] = [("rows given", int(quality.get("rows") or events))]
    if quality.get("dropped"):
        steps.append(("rows with possible values", steps[0][1] - int(quality["dropped"])))
    steps.append(("events, without copies", events))
    searched = stages.get("spectrum", {}).get("n_searched")
    if searched is not None:
        steps.append(("in the searched range", int(searched)))
    if best is not None and not best.note:
        steps.append((f"in the best signal region, {best.low:.0f}-{best.high:.0f}", int(best.n_window)))
        if best.cut_fraction < 1.0:
            steps.append((f"among the {best.cut_fraction:.3%} most anomalous", int(best.n_observed)))
    return RecordTable(
        name="Cut flow",
        description="Events left after each step of the selection of the most significant search.",
        independent=(Variable(name="Step", values=[name for name, _ in steps]),),
        dependent=(Variable(name="Events", values=[number for _, number in steps]),),
        observable="N",
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
            independent=_mass_columns(masses),
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
            *_mass_columns([row[0] for row in rows]),
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


def _or_dash(value: Any) -> Value:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else "-"
