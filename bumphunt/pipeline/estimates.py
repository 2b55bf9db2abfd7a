"""Masses, yield and peak scan of the best window, from its scores."""

import logging

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError
from bumphunt.masses.fit import SelectedEvents, fit_masses
from bumphunt.masses.peak_scan import default_take, peak_scan
from bumphunt.masses.response import load_response
from bumphunt.masses.yields import box_yield
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measure
from bumphunt.results import JetPlane, MassFit, PeakScan, WindowResult
from bumphunt.selection import select_fraction

logger = logging.getLogger(__name__)


def selected_at(outcome: WindowOutcome, best: WindowResult) -> npt.NDArray[np.bool_]:
    """Return the searched events that pass the cut of a result, at any mass."""
    return select_fraction(outcome.score.astype(np.float64), outcome.folds, fraction=best.cut_fraction)


def estimate_masses(
    search: Search, task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig
) -> tuple[MassFit | None, float | None]:
    """Fit the masses at the best cut, or at the next looser one where that leaves too little background.

    Returns
    -------
    MassFit or None, float or None
        The fit and its cut, or neither if no cut can be fitted.
    """
    response = load_response()
    mj1, mj2 = (search.mass(name) for name in ("mj1", "mj2"))
    window = task.window.bins(search.edges)
    masked = task.window.masked_bins(search.edges, guard=config.search.guard_bins)
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
        )
        try:
            fit = fit_masses(
                selected,
                response=response,
                yield_of=lambda masses: box_yield(
                    search.mjj,
                    mj1,
                    mj2,
                    masses=masses,
                    edges=search.edges,
                    window=window,
                    masked=masked,
                    response=response,
                    widths=config.masses.box_widths,
                ),
            )
        except FitError as error:
            logger.info("mass fit at a cut of %g: %s", fraction, error)
        else:
            return fit, fraction
    return None, None


def describe_peaks(
    search: Search, task: WindowTask, outcome: WindowOutcome, best: WindowResult, config: AnalysisConfig
) -> tuple[PeakScan, JetPlane]:
    """Return the seed document's peak scan in the window, and the selected events in the plane of jet masses."""
    mj1, mj2 = (search.mass(name) for name in ("mj1", "mj2"))
    region = task.window.signal_region(search.mjj)
    selected = selected_at(outcome, best)
    peaks = peak_scan(
        outcome.score[region].astype(np.float64),
        {"mjj": search.mjj[region], "mj1": mj1[region], "mj2": mj2[region]},
        bin_widths=config.masses.peak_scan_bins,
        take=default_take(best.n_observed),
    )
    outside = selected & ~region
    inside = selected & region
    return peaks, JetPlane(
        mj1_window=mj1[inside], mj2_window=mj2[inside], mj1_sideband=mj1[outside], mj2_sideband=mj2[outside]
    )
