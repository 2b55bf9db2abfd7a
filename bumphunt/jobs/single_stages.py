"""Single stages of the analysis, for those who want one of them only."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import IDENTIFIERS, SPECTRUM, common_weight, drop_truth
from bumphunt.jobs.ingest import columns_used, read_events
from bumphunt.pipeline.fold_selection import window_selection
from bumphunt.pipeline.mass_estimate import estimate_masses
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.windows import WindowOutcome, search_window
from bumphunt.results import MassFit, ScanResult
from bumphunt.rng import generator
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.sources.counts import looks_like_counts, read_counts
from bumphunt.spectrum.binning import count, searched_range


def with_window(config: AnalysisConfig, window: tuple[float, float]) -> AnalysisConfig:
    """Return the configuration with one signal region (GeV) instead of a scan."""
    search = config.search.model_copy(update={"windows": [window]})
    return config.model_copy(update={"search": search})


def score_events(
    path: str | Path, *, window: tuple[float, float], config: AnalysisConfig | None = None, seed: int = 1
) -> pd.DataFrame:
    """Score events out of fold with CWoLa for one signal region.

    Parameters
    ----------
    path : path
        Events file.
    window : (low, high)
        Signal region in GeV.
    config, seed
        As in :func:`bumphunt.jobs.run.run_analysis`.

    Returns
    -------
    pandas.DataFrame
        One row per event in the searched range: identifiers where there are any, mjj, ``anomaly_score``
        (rank within its fold, in (0, 1), higher is more anomalous) and ``fold``.
    """
    search, outcome = _one_window(path, window, config, seed)
    columns = [name for name in (*IDENTIFIERS, "mjj") if name in search.events.columns]
    scored: pd.DataFrame = search.events[columns].copy()
    scored["anomaly_score"] = outcome.score
    scored["fold"] = outcome.folds
    return scored


def masses_in_window(
    path: str | Path, *, window: tuple[float, float], config: AnalysisConfig | None = None, seed: int = 1
) -> MassFit:
    """Fit the masses in one signal region chosen beforehand, whatever its significance.

    Parameters
    ----------
    path : path
        Events file.
    window : (low, high)
        Signal region in GeV.
    config, seed
        As in :func:`bumphunt.jobs.run.run_analysis`.

    Raises
    ------
    InputError
        If no cut leaves events that can be fitted.
    """
    config = config or AnalysisConfig()
    search, outcome = _one_window(path, window, config, seed)
    best = min(outcome.results, key=lambda result: result.p_local)
    task = search.tasks[0]
    fit, _ = estimate_masses(search, task, outcome, best, config, selection=window_selection(search, task, outcome))
    if fit is None:
        raise InputError(
            f"the masses in {window[0]:.0f}-{window[1]:.0f} GeV cannot be fitted at any cut: too few events stand out "
            "or too few are left as background; give more events or another window"
        )
    return fit


def scan_file(
    path: str | Path,
    *,
    family: str = "auto",
    window: tuple[float, float] | None = None,
    n_toys: int = 1000,
    seed: int = 1,
    config: AnalysisConfig | None = None,
    method: Literal["counting", "q0", "bumphunter"] = "counting",
    mode: Literal["excess", "deficit"] = "excess",
) -> ScanResult:
    """Scan a spectrum (counts as JSON) or the inclusive mjj spectrum of an events file.

    Parameters
    ----------
    path : path
        Counts for :func:`bumphunt.sources.counts.read_counts`, or an events file.
    family, window, n_toys
        As in :func:`bumphunt.significance.spectrum_scan.scan_spectrum`.
    seed : int
        Seed of the toys.
    config : AnalysisConfig, optional
        Its section ``search`` says how events are binned.
    method, mode
        As in :func:`bumphunt.significance.spectrum_scan.scan_spectrum`.
    """
    config = config or AnalysisConfig()
    if looks_like_counts(path):
        counts, edges = read_counts(path)
    else:
        events = read_events(path, final_state=SPECTRUM)
        common_weight(events, name=str(path))
        mjj = events["mjj"].to_numpy(dtype=np.float64)
        settings = config.search
        edges = searched_range(mjj, ratio=settings.bin_ratio, low=settings.low, high=settings.high)
        counts = count(mjj, edges)
    return scan_spectrum(
        counts,
        edges,
        family=family,
        window=window,
        n_toys=n_toys,
        rng=generator(seed, "scan"),
        method=method,
        mode=mode,
        resolutions=(config.limit.width,),
        sqrt_s=config.sqrt_s,
    )


def _one_window(
    path: str | Path, window: tuple[float, float], config: AnalysisConfig | None, seed: int
) -> tuple[Search, WindowOutcome]:
    chosen = with_window(config or AnalysisConfig(), window)
    search = prepare_search(
        drop_truth(read_events(path, used_columns=columns_used(chosen, networks=False))), chosen, seed
    )
    return search, search_window(search.tasks[0])
