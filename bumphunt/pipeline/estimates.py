"""Masses, yield and peak scan of the best window, from its scores."""

import logging
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.likelihood import SelectedEvents
from bumphunt.masses.peak_scan import Sideband, default_take, peak_scan, seed_estimate
from bumphunt.masses.signal_table import load_signal
from bumphunt.masses.systematics import DETECTOR_PRIOR
from bumphunt.masses.yields import box_yield
from bumphunt.pipeline.passing import FoldSelection
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measure
from bumphunt.results import JetPlane, MassFit, PeakScan, WindowResult
from bumphunt.rng import generator
from bumphunt.selection import select_fraction

logger = logging.getLogger(__name__)


def selected_at(outcome: WindowOutcome, best: WindowResult) -> npt.NDArray[np.bool_]:
    """Return the searched events that pass the cut of a result, at any mass."""
    return select_fraction(outcome.score.astype(np.float64), outcome.folds, fraction=best.cut_fraction)


def estimate_masses(
    search: Search,
    task: WindowTask,
    outcome: WindowOutcome,
    best: WindowResult,
    config: AnalysisConfig,
    *,
    selection: FoldSelection | None = None,
) -> tuple[MassFit | None, float | None]:
    """Fit the masses at the best cut, or at the next looser one where that leaves too little background.

    Parameters
    ----------
    search, task, outcome, best, config
        The search, its best window, what that found, the best of its results, and the settings.
    selection : FoldSelection, optional
        The window's fold models, through which simulated signal is sent to learn what the score does to it. Without
        them the number of signal events is that of a box of jet masses, which no score has touched.

    Returns
    -------
    MassFit or None, float or None
        The fit and its cut, or neither if no cut can be fitted.
    """
    table, varied = load_signal(), load_signal(varied=True)
    mj1, mj2 = (search.mass(name) for name in ("mj1", "mj2"))
    window = task.window.bins(search.edges)
    masked = task.window.masked_bins(search.edges, guard=config.search.guard_bins)
    growth = MassGrowth(search.mjj, mj1, mj2) if config.cwola.decorrelate else MassGrowth()
    score = outcome.score.astype(np.float64)
    fractions = sorted({*config.search.cut_fractions, *config.masses.looser_cuts})
    for fraction in (fraction for fraction in fractions if fraction >= best.cut_fraction):
        chosen = select_fraction(score, outcome.folds, fraction=fraction)
        result = measure(chosen, task, folds=outcome.folds, fraction=fraction)
        if result.fit is None:
            continue
        selected = SelectedEvents(
            mjj=search.mjj[chosen],
            mj1=mj1[chosen],
            mj2=mj2[chosen],
            in_window=task.window.signal_region(search.mjj[chosen]),
            spectrum=result.fit,
            growth=growth,
        )
        try:
            select = None if selection is None else selection.at(fraction)
            fit = fit_masses(selected, table=table, varied=varied, select=select)
            box = box_yield(
                search.mjj,
                mj1,
                mj2,
                masses=(fit.m_resonance.value, fit.m_x.value, fit.m_y.value),
                edges=search.edges,
                window=window,
                masked=masked,
                table=table,
                varied=varied,
                detector_prior=DETECTOR_PRIOR,
                widths=config.masses.box_widths,
            )
        except FitError as error:
            logger.info("mass fit at a cut of %g: %s", fraction, error)
            continue
        if selection is None:
            fit = replace(fit, n_signal=box.n_signal, efficiency=box.efficiency, efficiency_error=box.efficiency_error)
        return replace(fit, n_signal_box=box.n_signal), fraction
    return None, None


def describe_peaks(
    search: Search, task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig
) -> tuple[PeakScan, JetPlane]:
    """Return the seed document's peak scan in the window, and the selected events in the plane of jet masses."""
    masses = {"mjj": search.mjj, "mj1": search.mass("mj1"), "mj2": search.mass("mj2")}
    region = task.window.signal_region(search.mjj)
    selected = selected_at(outcome, best)
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
            variables={name: masses[name][beside] for name in ("mj1", "mj2")},
            scale=best.n_expected / max(int((selected & beside).sum()), 1),
        ),
        rng=generator(task.seed, "peak_scan"),
    )
    seed = seed_estimate(score[region], near, bin_widths=config.masses.peak_scan_bins)
    if seed is not None:
        peaks = replace(peaks, seed_mean=seed[0], seed_spread=seed[1])
    plane = JetPlane(
        mj1_window=masses["mj1"][inside],
        mj2_window=masses["mj2"][inside],
        mj1_sideband=masses["mj1"][outside],
        mj2_sideband=masses["mj2"][outside],
    )
    return peaks, plane
