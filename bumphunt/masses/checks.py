"""Checks of the masses and the yield, apart from those of the excess, and what the numbers assume.

An excess may stand while its masses do not: the fit gives numbers for any events, whether or not they come from what it
assumes. Thresholds are declared here, before any data are seen.
"""

from functools import partial

import numpy as np

from bumphunt.masses.constants import (
    CHOICE_ERROR,
    GRID_MARGIN,
    JET_MASS_RATIOS,
    LARGEST_LOG_SCALE,
    LOST_BELOW,
    MAX_JET_SCALE_PULL,
    MAX_SCALE_PULL,
    MAX_SHARPER_PULL,
    MAX_YIELD_PULL,
    MIN_FIT_P_VALUE,
    MIN_PEAKS_OVER_PLAIN,
    MIN_YIELD_SIGNIFICANCE,
    MOST_LOST,
    SCORE_CUT_PRIOR,
    SCORE_EFFICIENCY_LEFT,
    TAU21_PRIOR,
    WIDTH_PRIOR,
)
from bumphunt.masses.response import jet_response
from bumphunt.masses.signal_table import SignalTable
from bumphunt.results import Check, FloatArray, Interval, MassFit

_check = partial(Check.judged, applies_to="masses")


def mass_checks(fit: MassFit, *, n_events: int, jet_ratio: float, table: SignalTable) -> tuple[Check, ...]:
    """Return the checks of a mass fit; where one fails, the masses and the yield are not verified.

    Parameters
    ----------
    fit : MassFit
        From :func:`bumphunt.pipeline.mass_estimate.estimate_masses`.
    n_events : int
        Events in the file.
    jet_ratio : float
        Median over the events of the heavier jet's mass over mjj.
    table : SignalTable
        The simulated signal that the response was read off.
    """
    found = [
        _check(
            "mass_fit_p_value",
            fit.p_value,
            at_least=MIN_FIT_P_VALUE,
            meaning="goodness-of-fit p-value of the mass fit, at least the threshold",
        ),
        _check(
            "inside_response_grid",
            outside_grid(fit, table),
            at_most=GRID_MARGIN,
            meaning="how far the fitted masses lie outside the masses that were simulated, in log mass, at most the "
            "threshold",
        ),
        _check(
            "jets_hold_decays",
            part_lost(fit, table),
            at_most=MOST_LOST,
            meaning="part of the jets of a daughter of the fitted mass that lose more than a quarter of its decay, in "
            "simulation, at most the threshold: a heavier daughter is no peak in the mass of one jet",
        ),
        _check(
            "yield_within_file",
            fit.n_signal.high / max(n_events, 1),
            at_most=1.0,
            meaning="upper end of the interval of the number of signal events over the events in the file, at most 1",
        ),
        _check(
            "yield_significance",
            _significance(fit.n_signal),
            at_least=MIN_YIELD_SIGNIFICANCE,
            meaning="number of signal events over its statistical error downwards, at least the threshold",
        ),
        _units(jet_ratio),
    ]
    if fit.acceptance_known:
        found.append(
            _check(
                "tau21_scale",
                # data of large error leave the scale near what is assumed of it, though no scale brings them near
                max(abs(float(np.log(max(fit.tau21_scale, 1e-9)))) / TAU21_PRIOR, fit.tau21_pull),
                at_most=min(MAX_SCALE_PULL, 0.99 * LARGEST_LOG_SCALE / TAU21_PRIOR),
                meaning="how far tau21 of the signal lies from simulation, in errors of the data and of what is "
                "assumed of its scale, at most the threshold: signal of another substructure lies beyond",
            )
        )
    if fit.cut_scale_error is not None:
        found.append(
            _check(
                "score_of_signal",
                fit.cut_scale_pull,
                at_most=MAX_SCALE_PULL,
                meaning="how much harder or softer the cut is for signal of the data than for simulated signal, by its "
                "counts at other cuts, in errors of the data and of what is assumed, at most the threshold",
            )
        )
    if fit.log_widths is not None:
        found.append(
            _check(
                "resolutions",
                _beyond_resolutions(fit.log_widths),
                at_most=1.0,
                meaning=f"fitted resolutions against the nominal ones, as a part of what is accepted: "
                f"{MAX_SCALE_PULL:g} errors of what is assumed if worse, {MAX_SHARPER_PULL:g} if better; at most 1",
            )
        )
    if fit.over_plain is not None:
        found.append(
            _check(
                "daughters_peak",
                fit.over_plain,
                at_least=MIN_PEAKS_OVER_PLAIN,
                meaning="twice the log likelihood of the fit above that of signal one or both of whose daughters are "
                "plain jets, without a peak in their mass, at least the threshold",
            )
        )
    if fit.jet_scale is not None:
        found.append(
            _check(
                "jet_mass_scale",
                fit.jet_scale.pull,
                at_most=MAX_JET_SCALE_PULL,
                meaning="jet masses over mjj of the background in the data against simulation, in errors of what is "
                "known of it, at most the threshold: beyond, these are other jets or events than those simulated",
            )
        )
    if fit.n_signal_box is not None and fit.acceptance_known:
        found.append(
            _check(
                "box_yield_agrees",
                _pull(fit.n_signal, fit.n_signal_box),
                at_most=MAX_YIELD_PULL,
                meaning="fitted number of signal events against a count in a box of jet masses without any score, in "
                "standard deviations, at most the threshold",
            )
        )
    if fit.excess is not None and fit.excess_error is not None and fit.n_selected_window is not None:
        found.append(
            _check(
                "yield_against_excess",
                abs(fit.n_selected_window - fit.excess) / max(fit.excess_error, 1e-9),
                at_most=MAX_YIELD_PULL,
                meaning="signal that the fit has in the window against the excess counted there, in standard "
                "deviations, at most the threshold",
            )
        )
    return tuple(found)


def outside_grid(fit: MassFit, table: SignalTable) -> float:
    """Return how far the fitted masses lie outside the simulated ones, in log mass, 0 inside."""
    resonance, daughters = table.masses[:, 0], table.masses[:, 1:]
    ratios = daughters / resonance[:, None]
    m_resonance, m_x, m_y = fit.m_resonance.value, fit.m_x.value, fit.m_y.value
    distances = [
        np.log(m_resonance / resonance.max()),
        np.log(resonance.min() / max(m_resonance, 1e-9)),
        np.log(max(m_x / m_resonance, 1e-9) / ratios.max()),
        np.log(daughters.min() / max(m_y, 1e-9)),
    ]
    return max(float(max(distances)), 0.0)


def part_lost(fit: MassFit, table: SignalTable) -> float:
    """Return the part of simulated jets of the fitted daughters that lose much of the decay, that of the worse one."""
    m_resonance, m_x, m_y = table.nearest((fit.m_resonance.value, fit.m_x.value, fit.m_y.value))
    return max(float(jet_response(table, mass, m_resonance).shape.below(LOST_BELOW)) for mass in (m_x, m_y))


def assumptions(fit: MassFit, *, table: SignalTable, response: str = "shipped", varied: bool = True) -> tuple[str, ...]:
    """Return the sentences that say what masses and yield assume, and how far the data agree.

    ``response`` names the simulation that the response was read off, ``varied`` says whether there was a second
    detector to compare it with.
    """
    resonance, daughters = table.masses[:, 0], table.masses[:, 1:]
    most = float((daughters / resonance[:, None]).max())
    told = [
        f"A resonance decays to two particles, {_DECAYS.get(fit.hypothesis, fit.hypothesis)}; p-value of the fit "
        f"{fit.p_value:.2g}.",
        "The resonance and its daughters are narrow: widths are those of the detector.",
        f"The detector is that of the {response} response, its resolutions free within {100 * WIDTH_PRIOR:.0f} %"
        + (
            "."
            if fit.log_widths is None
            else f"; fitted: mjj {np.exp(fit.log_widths[0]):.2f}, jet masses {np.exp(fit.log_widths[1]):.2f} times the "
            "nominal ones."
        ),
        f"Signal was simulated for m_resonance from {resonance.min():.0f} to {resonance.max():.0f} GeV, daughters from "
        f"{daughters.min():.0f} GeV to {most:.3f} m_resonance.",
    ]
    for name, behind in (fit.hypotheses or {}).items():
        if name != fit.hypothesis and fit.yields is not None:
            told.append(
                f"This decay is assumed: without tau21 the data do not tell it. With {name} they would be described "
                f"{'better' if behind < 0 else 'worse'} by {abs(behind):.1f} in twice the log likelihood, with "
                f"{fit.yields[name]:.0f} signal events."
            )
        elif name != fit.hypothesis:
            told.append(
                f"With {name} the data are described worse by {behind:.1f} in twice the log likelihood"
                + (", which the intervals hold." if behind < 1.0 else ".")
            )
    told.append(_of_the_jets(fit, response))
    if not varied:
        told.append(
            "No second detector was simulated: intervals have no part for a wrong energy scale or shower of this one."
        )
    if fit.acceptance_known:
        told.append(
            f"Simulated signal tells what the score keeps of it, its tau21 scaled by {fit.tau21_scale:.2f} as the data "
            f"ask (prior 1 ± {TAU21_PRIOR:.2f})."
        )
        if fit.cut_scale_error is not None:
            told.append(
                f"Signal of the data passes the cut as simulated signal passes one that keeps {fit.cut_scale:.2f} "
                f"times as many events, known to {100 * fit.cut_scale_error:.0f} % by its counts at harder and looser "
                f"cuts (prior {100 * SCORE_CUT_PRIOR:.0f} % about what tau21 says). Declared beyond: "
                f"{100 * SCORE_EFFICIENCY_LEFT:.0f} % of the efficiency."
            )
        if fit.choice:
            told.append(
                f"Masses, window and cut were chosen where most events pass; {100 * fit.choice:.0f} % is taken off the "
                f"number of signal events for it, which is known to {100 * CHOICE_ERROR:.0f} % of that."
            )
    else:
        told.append("The number of signal events is counted in a box of jet masses, without any score.")
    return tuple(told)


def _of_the_jets(fit: MassFit, response: str) -> str:
    """Say what is known of the scale of jet masses."""
    seen = fit.jet_scale
    if seen is None:
        return (
            f"The scale of jet masses is that of the {response} response; it was not compared with jets of background."
        )
    told = (
        f"Jet masses of background are {100 * np.expm1(seen.log_scale):+.1f} ± {100 * seen.error:.1f} % from simulation"
    )
    if seen.applied == 0.0:
        return f"{told}, and nothing was taken out of m_x and m_y for it."
    return (
        f"{told}; {100 * np.expm1(seen.applied):+.1f} ± {100 * seen.applied_error:.1f} % was taken for a scale of jet "
        "masses and out of m_x and m_y."
    )


_DECAYS = {
    "two prongs": "each of them to two quarks that one jet holds (two prongs)",
    "three prongs": "each of them to three quarks that one jet holds (three prongs)",
    "as simulated": "each of them as in the simulated signal that the response was made of",
}


def _beyond_resolutions(log_widths: FloatArray) -> float:
    """Return the resolution that is farthest from the nominal one, over what is accepted on its side."""
    accepted = np.where(log_widths > 0.0, MAX_SCALE_PULL, MAX_SHARPER_PULL) * WIDTH_PRIOR
    return float((np.abs(log_widths) / accepted).max())


def _units(jet_ratio: float) -> Check:
    """Return the check that jet masses are in the unit of mjj."""
    low, high = JET_MASS_RATIOS
    factor = max(low / max(jet_ratio, 1e-12), jet_ratio / high)
    return _check(
        "jet_mass_units",
        factor,
        at_most=1.0,
        meaning=f"median of mj1 / mjj against the range {low:g} to {high:g}, as a factor beyond its nearer end, at "
        "most 1: jet masses and mjj must be in the same unit, GeV",
    )


def _significance(interval: Interval) -> float:
    low = interval.low if interval.stat_low is None else interval.stat_low
    return interval.value / max(interval.value - low, 1e-9) if interval.value > 0 else 0.0


def _pull(one: Interval, other: Interval) -> float:
    """Return the difference over the sides of the intervals that face each other."""
    lower, upper = (one, other) if one.value < other.value else (other, one)
    error = float(np.hypot(lower.high - lower.value, upper.value - upper.low))
    return (upper.value - lower.value) / max(error, 1e-9)
