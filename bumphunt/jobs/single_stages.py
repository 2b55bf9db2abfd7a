"""Single stages of the analysis, for those who want one of them only."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import IDENTIFIERS
from bumphunt.jobs.ingest import name_of
from bumphunt.jobs.intake import Events, take_in
from bumphunt.pipeline.fold_selection import window_selection
from bumphunt.pipeline.mass_estimate import estimate_masses
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.windows import WindowOutcome, search_window
from bumphunt.results import MassFit, ScanResult
from bumphunt.results.rounding import mass_range
from bumphunt.rng import generator
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.sources.counts import looks_like_counts, read_counts
from bumphunt.sources.root_histograms import read_root_histogram
from bumphunt.spectrum.binning import searched_range
from bumphunt.spectrum.families.registry import check_family
from bumphunt.spectrum.histograms import Histogram, is_histogram
from bumphunt.spectrum.spectrum import Spectrum, as_spectrum
from bumphunt.table.weights import weight_columns, weight_numbers


def with_window(config: AnalysisConfig, window: tuple[float, float]) -> AnalysisConfig:
    """Return the configuration with one signal region (GeV) instead of a scan."""
    search = config.search.model_copy(update={"windows": [window]})
    return config.model_copy(update={"search": search})


def score_events(
    path: Events, *, window: tuple[float, float], config: AnalysisConfig | None = None, seed: int = 1
) -> pd.DataFrame:
    """Score events out of fold with CWoLa for one signal region.

    Parameters
    ----------
    path : DataFrame, path or several paths
        Events.
    window : (low, high)
        Signal region in GeV.
    config, seed
        As in :func:`bumphunt.jobs.run.run_analysis`.

    Returns
    -------
    pandas.DataFrame
        One row per event in the searched range, in the order they came: identifiers where there are any, mjj,
        ``anomaly_score`` (rank in (0, 1), higher is more anomalous) and ``fold``, that of the first repeat.
    """
    search, outcome = _one_window(path, window, config, seed)
    columns = [name for name in (*IDENTIFIERS, search.resonance) if name in search.events.columns]
    scored: pd.DataFrame = search.events[columns].copy()
    scored["anomaly_score"] = outcome.score
    scored["fold"] = outcome.folds
    return scored.iloc[np.argsort(search.rows, kind="stable")].reset_index(drop=True)


def masses_in_window(
    path: Events, *, window: tuple[float, float], config: AnalysisConfig | None = None, seed: int = 1
) -> MassFit:
    """Fit the masses in one signal region chosen beforehand, whatever its significance.

    Parameters
    ----------
    path : DataFrame, path or several paths
        Events.
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
    fit, _ = estimate_masses(search, task, outcome, best, config, selection=window_selection(search, task))
    if fit is None:
        raise InputError(
            f"the masses in {mass_range(window[0], window[1])} GeV cannot be fitted at any cut: too few events "
            "stand out or too few are left as background; give more events or another window"
        )
    return fit


def read_spectrum(path: Events | Histogram | Spectrum, *, config: AnalysisConfig | None = None) -> Spectrum:
    """Read the spectrum that a file or a histogram holds, or count events in bins.

    Parameters
    ----------
    path : path, DataFrame, histogram or Spectrum
        Counts as JSON or UHI (:func:`bumphunt.sources.counts.read_counts`; ``-`` is standard input), a histogram in a
        ROOT file (``file.root:name``), or an events file; or a table of events; or a UHI histogram or spectrum in
        memory. Events with weights make a spectrum with variances.
    config : AnalysisConfig, optional
        Its section ``search`` says how events are binned; it has the collision energy of all but a spectrum.

    Raises
    ------
    InputError
        If the file cannot be read, or what it holds cannot be a spectrum.
    """
    config = config or AnalysisConfig()
    if isinstance(path, Spectrum):
        return path
    if is_histogram(path):
        return as_spectrum(path, sqrt_s=config.sqrt_s)
    single = path if isinstance(path, str | Path) else None
    try:
        histogram = None if single is None else read_root_histogram(single)
        if histogram is not None:
            return Spectrum.from_histogram(histogram, sqrt_s=config.sqrt_s)
        if single is not None and looks_like_counts(single):
            found = read_counts(single)
            return Spectrum(counts=found.counts, edges=found.edges, variances=found.variances, sqrt_s=config.sqrt_s)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    events = take_in(path, config.model_copy(update={"daughters": None}), networks=False).events
    mjj = events[config.resonance.column].to_numpy(dtype=np.float64)
    settings = config.search
    edges = searched_range(mjj, ratio=settings.bin_ratio, low=settings.low, high=settings.high)
    carried = weight_columns(events)
    if not carried:
        return Spectrum.from_events(mjj, edges, sqrt_s=config.sqrt_s)
    weights = np.ones(len(events))
    for column in carried:
        factors = weight_numbers(events[column])
        if not np.isfinite(factors).all():
            name = "events" if isinstance(path, pd.DataFrame) else name_of(path)
            raise InputError(
                f"{name}: {int((~np.isfinite(factors)).sum())} of {len(factors)} weights in column {column!r} "
                "are no finite numbers; repair or drop the column"
            )
        weights *= factors
    return Spectrum(
        counts=np.histogram(mjj, bins=edges, weights=weights)[0],
        variances=np.histogram(mjj, bins=edges, weights=weights**2)[0],
        edges=edges,
        sqrt_s=config.sqrt_s,
    )


def scan_file(
    path: Events | Histogram | Spectrum,
    *,
    family: str = "auto",
    window: tuple[float, float] | None = None,
    n_toys: int = 1000,
    seed: int = 1,
    config: AnalysisConfig | None = None,
    method: Literal["counting", "q0", "bumphunter"] = "counting",
    mode: Literal["excess", "deficit"] = "excess",
) -> ScanResult:
    """Scan a spectrum, or the inclusive mjj spectrum of events.

    Parameters
    ----------
    path : path, DataFrame, histogram or Spectrum
        As in :func:`read_spectrum`.
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
    check_family(family)
    return scan_spectrum(
        read_spectrum(path, config=config),
        family=family,
        window=window,
        n_toys=n_toys,
        rng=generator(seed, "scan"),
        method=method,
        mode=mode,
        resolutions=(config.limit.width,),
    )


def _one_window(
    path: Events, window: tuple[float, float], config: AnalysisConfig | None, seed: int
) -> tuple[Search, WindowOutcome]:
    chosen = with_window(config or AnalysisConfig(), window)
    search = prepare_search(take_in(path, chosen, networks=False).events, chosen, seed)
    return search, search_window(search.tasks[0])
