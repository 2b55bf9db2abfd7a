"""Masses, yield and peak scan of the best window, from its scores."""

import logging
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError
from bumphunt.events import DAUGHTERS
from bumphunt.masses.checks import assumptions, mass_checks
from bumphunt.masses.decays import fit_decays
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.jet_scale import jet_mass_scale, on_scale
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.peak_scan import Sideband, default_take, peak_scan, seed_estimate
from bumphunt.masses.responses import Response, response_named
from bumphunt.masses.score_shift import ScoreCuts, cuts_near
from bumphunt.masses.yields import MassBox, box_yield
from bumphunt.pipeline.final_state import is_dijet
from bumphunt.pipeline.fold_selection import Selection
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measure
from bumphunt.results import Check, Interval, JetMassScale, JetPlane, MassFit, PeakScan, WindowResult
from bumphunt.rng import generator
from bumphunt.spectrum.spectrum import Spectrum

logger = logging.getLogger(__name__)

CLEAR_EXCESS = 5.0
"""Local significance from which the excess of a cut is enough to fit masses to."""

MIN_PURITY = 0.8
"""Part of the events in the window from which the excess fills a cut, and a looser one holds more of the signal."""


def estimate_masses(
    search: Search,
    task: WindowTask,
    outcome: WindowOutcome,
    best: WindowResult,
    config: AnalysisConfig,
    *,
    selection: Selection | None = None,
) -> tuple[MassFit | None, float | None]:
    """Fit the masses at the loosest cut whose excess is clear, or at a looser one if that leaves too little background.

    The looser the cut, the less the score has shaped the signal, and the better is its efficiency known.

    Parameters
    ----------
    search, task, outcome, best, config
        The search, its best window, what that found, the best of its results, and the settings.
    selection : Selection, optional
        The window's fold models, through which simulated signal is sent to learn what the score does to it. Without
        them the number of signal events is that of a box of jet masses, which no score has touched.

    Returns
    -------
    MassFit or None, float or None
        The fit and its cut, or neither if no cut can be fitted.
    """
    response = response_named(config.masses.response)
    mj1, mj2 = search.daughter_masses()
    masked = task.masked_bins(guard=config.search.guard_bins)
    bins = Spectrum(
        counts=search.inclusive.counts,
        edges=search.edges,
        sqrt_s=config.sqrt_s,
        masked=masked,
        window=task.window.bins(search.edges),
    )
    growth = MassGrowth(search.mjj, mj1, mj2) if config.cwola.decorrelate else MassGrowth()
    for fraction in _cuts_to_fit(task, outcome, best, config):
        chosen = outcome.selected(fraction)
        result = measure(chosen, task, fraction=fraction)
        if result.fit is None:
            continue
        selected = SelectedEvents(
            mjj=search.mjj[chosen],
            mj1=mj1[chosen],
            mj2=mj2[chosen],
            in_window=task.window.signal_region(search.mjj[chosen]),
            spectrum=result.fit,
            growth=growth,
            tau21=_tau21(search, chosen),
            n_file=len(search.mjj),
            width=task.null_at(fraction)[1],
        )
        try:
            select = None if selection is None else selection.at(fraction)
            cuts = None if selection is None else _score_cuts(search, task, outcome, fraction, selected, selection)
            fit = fit_decays(selected, response, select=select, cuts=cuts)
            around = MassBox(
                masses=(fit.m_resonance.value, fit.m_x.value, fit.m_y.value),
                widths=config.masses.box_widths,
                widening=_widening(fit),
            )
            box = box_yield((search.mjj, mj1, mj2), bins, around, response, hypothesis=fit.hypothesis)
        except FitError as error:
            logger.info("mass fit at a cut of %g: %s", fraction, error)
            continue
        if selection is None:
            fit = replace(fit, n_signal=box.n_signal, efficiency=box.efficiency, efficiency_error=box.efficiency_error)
        fit = replace(fit, n_signal=_at_most(fit.n_signal, len(search.mjj)), n_signal_box=box.n_signal)
        return on_scale(fit, _jet_scale(search, masked, response)), fraction
    return None, None


def _score_cuts(
    search: Search,
    task: WindowTask,
    outcome: WindowOutcome,
    fraction: float,
    selected: SelectedEvents,
    selection: Selection,
) -> ScoreCuts:
    """Return harder and looser cuts than that of the fit, in the data and for simulated signal."""
    fractions = cuts_near(fraction)
    passed = np.stack([outcome.selected(each) for each in fractions])
    kept = passed.any(axis=0)
    mjj, (mj1, mj2) = search.mjj[kept], (mass[kept] for mass in search.daughter_masses())
    return ScoreCuts(
        fraction=fraction,
        fractions=fractions,
        mjj=mjj,
        mj1=mj1,
        mj2=mj2,
        hardest=passed[:, kept].sum(axis=0) - 1,
        in_window=task.window.signal_region(mjj),
        outside=replace(selected, mjj=mjj).outside,
        passes=selection.passes,
    )


def _jet_scale(search: Search, masked: npt.NDArray[np.bool_], response: Response) -> JetMassScale | None:
    """Return the jet masses of the events beside the window against those of the response's own background."""
    if response.background is None:
        return None
    beside = ~masked[np.clip(np.digitize(search.mjj, search.edges) - 1, 0, len(masked) - 1)]
    mjj, mj1, mj2 = (mass[beside] for mass in (search.mjj, *search.daughter_masses()))
    return jet_mass_scale(mjj, mj1, mj2, known=response.background)


def _widening(fit: MassFit) -> tuple[float, float]:
    """Return the fitted resolutions of mjj and of the jet masses over the nominal ones."""
    if fit.log_widths is None:
        return 1.0, 1.0
    mjj, jets = np.exp(fit.log_widths).tolist()
    return mjj, jets


def _at_most(interval: Interval, number: int) -> Interval:
    """Return the interval with its value at most ``number``; an upper end beyond it tells that it was reached."""
    return replace(interval, value=min(interval.value, float(number)), low=min(interval.low, float(number)))


def masses_checked(
    search: Search, fit: MassFit, *, n_events: int | None = None
) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """Return the checks of a mass fit and the sentences that say what it assumes.

    Where a check fails the masses and the yield are not verified; an excess may stand nevertheless.

    Parameters
    ----------
    search : Search
        The searched events.
    fit : MassFit
        From :func:`estimate_masses`.
    n_events : int, optional
        Events in the file; those searched by default.
    """
    response = response_named(search.tasks[0].config.masses.response)
    jet_ratio = float(np.median(search.daughter_masses()[0] / search.mjj))
    number = len(search.mjj) if n_events is None else n_events
    return (
        mass_checks(fit, n_events=number, jet_ratio=jet_ratio, table=response.of(fit.hypothesis)),
        assumptions(fit, table=response.of(fit.hypothesis), response=response.name, varied=response.varied is not None),
    )


def _cuts_to_fit(task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig) -> list[float]:
    """Return the cuts in the order in which a mass fit is tried: the loosest clear one first, then ever looser ones."""
    first = max(
        (
            found.cut_fraction
            for found in outcome.results
            if not found.note and found.z_local >= CLEAR_EXCESS and found.cut_fraction < 1.0
        ),
        default=best.cut_fraction,
    )
    every = sorted({*config.search.cut_fractions, *config.masses.looser_cuts})
    # before any cut jets of a plain background hide the daughters' masses; the loosest cut is then the first
    first = min(max(first, best.cut_fraction), every[-1])
    for fraction in sorted(cut for cut in config.masses.looser_cuts if cut > first):
        found = measure(outcome.selected(fraction), task, fraction=fraction)
        if found.fit is None or found.n_observed - found.n_expected < MIN_PURITY * found.n_observed:
            break
        first = fraction
    return [fraction for fraction in every if fraction >= first]


def _tau21(search: Search, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64] | None:
    """Return tau21 of both jets of the chosen events, shape (2, events), if the table has it."""
    names = ("tau21_1", "tau21_2")
    if not set(names) <= set(search.events.columns):
        return None
    columns = [pd.to_numeric(search.events[name], errors="coerce") for name in names]
    found = np.stack([column.to_numpy(dtype=np.float64)[chosen] for column in columns])
    return found if np.isfinite(found).all() else None


def resonance_alone(task: WindowTask, outcome: WindowOutcome, best: WindowResult) -> tuple[Interval, Interval]:
    """Return mass and yield of an excess whose daughters nobody knows.

    Returns
    -------
    m_resonance : Interval
        Mean mass in the window with the background's part taken off, as far as the excess is from none.
    n_signal : Interval
        Excess in the window after the cut.
    """
    chosen = task.mjj[outcome.selected(best.cut_fraction) & task.window.signal_region(task.mjj)]
    excess = max(best.n_observed - best.n_expected, 1e-9)
    error = float(np.hypot(np.sqrt(max(best.n_observed, 1)), best.n_expected_error))
    flat = best.centre
    if best.fit is not None:
        centres = 0.5 * (best.fit.edges[1:] + best.fit.edges[:-1])[best.fit.window]
        expected = best.fit.expected[best.fit.window]
        flat = float(np.average(centres, weights=expected))
    mean = float((chosen.sum() - best.n_expected * flat) / excess)
    mean = min(max(mean, task.window.low), task.window.high)
    spread = float(np.std(chosen)) * float(np.sqrt(max(best.n_observed, 1))) / excess
    spread = min(spread, task.window.high - task.window.low)
    return (
        Interval(value=mean, low=mean - spread, high=mean + spread),
        Interval(value=excess, low=max(excess - error, 0.0), high=excess + error),
    )


def describe_peaks(
    search: Search, task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig
) -> tuple[PeakScan | None, JetPlane | None]:
    """Return Vaupotič's peak scan in the window, and the selected events in the plane of jet masses.

    Neither for another final state than dijets.
    """
    if not is_dijet(config):
        return None, None
    masses = dict(zip(("mjj", *DAUGHTERS), (search.mjj, *search.daughter_masses()), strict=True))
    region = task.window.signal_region(search.mjj)
    selected = outcome.selected(best.cut_fraction)
    inside, outside = selected & region, selected & ~region
    score = outcome.score.astype(np.float64)
    beside = ~region & (search.mjj > task.window.sideband_low) & (search.mjj < task.window.sideband_high)
    near = {name: mass[region] for name, mass in masses.items()}
    peaks = peak_scan(
        score[region],
        near,
        bin_widths=config.masses.peak_scan_bins,
        take=default_take(best.n_observed),
        sideband=Sideband(
            score=score[beside],
            variables={name: masses[name][beside] for name in DAUGHTERS},
            scale=best.n_expected / max(int((selected & beside).sum()), 1),
        ),
        rng=generator(task.seed, "peak_scan"),
    )
    seed = seed_estimate(score[region], near, bin_widths=config.masses.peak_scan_bins)
    if seed is not None:
        peaks = replace(peaks, seed_mean=seed[0], seed_spread=seed[1])
    heavier, lighter = (masses[name] for name in DAUGHTERS)
    plane = JetPlane(
        mj1_window=heavier[inside],
        mj2_window=lighter[inside],
        mj1_sideband=heavier[outside],
        mj2_sideband=lighter[outside],
    )
    return peaks, plane
