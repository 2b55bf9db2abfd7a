"""The tables of a HEPData record, from the saved results of a run alone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.jobs.record_columns import RecordTable, Setting, Value, Variable, mass_columns, regions, whole
from bumphunt.jobs.record_limits import (
    curve_table,
    inclusive_curve,
    limit_of_the_fitted,
    retrained_limits,
    selected_limits,
)
from bumphunt.pipeline.other_limits import limits_of_windows
from bumphunt.results import AnalysisResult, Products, SpectrumFit, WindowResult

FloatArray = npt.NDArray[np.float64]


def record_tables(result: AnalysisResult, products: Products, limits: dict[str, Any] | None) -> list[RecordTable]:
    """Return the tables of a run: spectra, scan, limits, efficiencies, cut flow.

    Parameters
    ----------
    result, products : AnalysisResult, Products
        What the run saved.
    limits : dict, optional
        What ``bumphunt limits`` saved.
    """
    setting = Setting.of(result, limits)
    found = [_spectrum("Spectrum before selection", products.inclusive, setting, "all events", "spectrum_before")]
    best, shown = products.scan.best_window, products.scan.best_spectrum
    if shown is not None and shown.fit is not None and shown.cut_fraction < 1.0:
        kept = f"the {shown.cut_fraction:.3%} most anomalous events of the search in {_window(shown, setting)}"
        found.append(_spectrum("Spectrum after selection", shown.fit, setting, kept, "spectrum_after"))
    searched = [window for window in products.scan.windows if not window.note]
    limits_there = products.window_limits or limits_of_windows(searched)
    if searched and limits_there is not None:
        found += [_scan(searched, setting), selected_limits(searched, limits_there, setting)]
    curve = products.limit_curve
    if curve is None or len(curve.mass) < 2:
        curve = inclusive_curve(products.inclusive, width=setting.width)
    found.append(curve_table(curve, setting))
    if products.limit is not None and products.limit.selected is not None:
        found.append(limit_of_the_fitted(products.limit.selected))
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
            Variable(name="Observed events", values=[whole(value) for value in fit.counts]),
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


def _scan(windows: Sequence[WindowResult], setting: Setting) -> RecordTable:
    return RecordTable(
        name="Local significance",
        description=(
            "One-sided local p-value of each signal region at each cut, calibrated by what is found without signal, "
            "and the events it rests on. Searches whose background could not be fitted are left out."
        ),
        independent=regions(windows, setting),
        dependent=(
            Variable(name="Local p-value", values=[float(found.p_local) for found in windows]),
            Variable(name="Local significance", values=[float(found.z_local) for found in windows], units="SIGMA"),
            Variable(name="Observed events", values=[whole(found.n_observed) for found in windows]),
            Variable(
                name="Expected background",
                values=[float(found.n_expected) for found in windows],
                errors={"fit": [float(found.n_expected_error) for found in windows]},
            ),
        ),
        observable="P-VALUE",
        figure="scan",
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
        independent=mass_columns([[fit.m_resonance.value, fit.m_x.value, fit.m_y.value]]),
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
