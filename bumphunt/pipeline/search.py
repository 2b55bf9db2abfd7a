"""What all windows of a search share: the searched range, the windows in it, the features."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bumphunt.address_space import return_freed
from bumphunt.config import AnalysisConfig
from bumphunt.config.scores import check_settings
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents, common_weight, feature_matrix, feature_names
from bumphunt.pipeline.final_state import score_features
from bumphunt.pipeline.null import Null, null_of
from bumphunt.pipeline.small_files import decorrelation_for
from bumphunt.pipeline.windows import WindowTask
from bumphunt.preprocessing.content import canonical_order, content_keys
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.splits import MassWindow, mass_windows, window_on_grid
from bumphunt.results import SpectrumFit
from bumphunt.results.base import short_repr
from bumphunt.results.rounding import mass_range
from bumphunt.spectrum.binning import searched_range
from bumphunt.spectrum.families.registry import check_family
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """The events in the searched range (masses in GeV), its bin edges, the inclusive fit, and a task per window.

    ``rows`` are the places of the searched events in the table that was given, shape (searched events,).
    ``features`` names what the primary score sees; ``decorrelation`` is what those columns went through, if anything.
    """

    events: BlindEvents
    resonance: str
    rows: npt.NDArray[np.int64]
    mjj: FloatArray
    edges: FloatArray
    inclusive: SpectrumFit
    tasks: tuple[WindowTask, ...]
    features: tuple[str, ...]
    decorrelation: SmoothDecorrelation | None

    __repr__ = short_repr

    def score_features(self, table: BlindEvents) -> FloatArray:
        """Return what the primary score would see of other events, such as simulated signal, (events, features)."""
        rows = feature_matrix(table, self.features)
        if self.decorrelation is None:
            return rows
        return self.decorrelation.transform(rows, table[self.resonance].to_numpy(dtype=np.float64))

    def with_null(self, null: Null) -> "Search":
        """Return the same search with significances calibrated by another null."""
        return replace(self, tasks=tuple(replace(task, null=null) for task in self.tasks))

    def daughter_masses(self) -> tuple[FloatArray, FloatArray]:
        """Return the masses of the two daughters of the searched events in GeV, by the columns that are configured."""
        first, second = (self.events[name].to_numpy(dtype=np.float64) for name in self.tasks[0].config.daughters or ())
        return first, second

    def summary(self) -> dict[str, float | int | str]:
        """Return what is searched, for the result file."""
        return {
            "searched_low": float(self.edges[0]),
            "searched_high": float(self.edges[-1]),
            "n_searched": len(self.mjj),
            "n_windows": len(self.tasks),
            "family": self.inclusive.family,
            "p_value": self.inclusive.p_value,
        }


def prepare_search(blind: BlindEvents, config: AnalysisConfig, seed: int) -> Search:
    """Find the range that can be searched, the windows in it, and the features.

    Events are put in an order that their content gives, so that no answer depends on the order of rows.

    Raises
    ------
    InputError
        If no window can be searched, a feature is missing or constant, or events have weights.
    """
    settings = config.search
    check_family(settings.family)
    check_settings(config.cwola.classifier, config.cwola.model_dump(), AnalysisConfig().cwola.model_dump())
    common_weight(blind)
    resonance = config.resonance.column
    everything = blind[resonance].to_numpy(dtype=np.float64)
    edges = searched_range(
        everything,
        ratio=settings.bin_ratio,
        low=settings.low,
        high=settings.high,
        min_tail=settings.tail_events,
    )
    rows = np.flatnonzero((everything >= edges[0]) & (everything < edges[-1]))
    names = feature_names(blind, score_features(config, blind))
    content = [resonance, *(config.daughters or ()), *names]
    inside = blind.iloc[rows]
    keys = content_keys(inside, content, seed=seed)
    order = canonical_order(keys, inside, content)
    rows, keys, null = rows[order], keys[order], null_of(config, len(rows))
    events = BlindEvents(inside.iloc[order].reset_index(drop=True))
    del inside, everything, order
    mjj = events[resonance].to_numpy(dtype=np.float64)
    windows: tuple[MassWindow, ...]
    if settings.windows is None:
        windows = mass_windows(
            edges, width=settings.window_bins, step=settings.window_step, sideband=settings.sideband_bins
        )
        for width in settings.wide_window_bins or ():
            # as far apart, in their own widths, and with sidebands at least as wide
            step = max(settings.window_step * width // settings.window_bins, 1)
            windows += mass_windows(edges, width=width, step=step, sideband=max(settings.sideband_bins, width))
    else:
        windows = tuple(
            window_on_grid(edges, low, high, sideband=settings.sideband_bins) for low, high in settings.windows
        )
    features = feature_matrix(events, names)
    constant = [name for name, column in zip(names, features.T, strict=True) if np.ptp(column) == 0]
    if constant:
        raise InputError(
            f"feature {constant[0]!r} has the same value in every event and carries no information; leave it out"
        )
    decorrelation = decorrelation_for(len(mjj)).fit(features, mjj) if config.cwola.decorrelate else None
    if decorrelation is not None:
        features = decorrelation.transform(features, mjj)
    tasks = tuple(
        WindowTask(
            number=number,
            window=window,
            mjj=mjj,
            features=features,
            edges=edges,
            config=config,
            seed=seed,
            keys=keys,
            null=null,
        )
        for number, window in enumerate(windows)
        if min(window.lower_sideband(mjj).sum(), window.signal_region(mjj).sum(), window.upper_sideband(mjj).sum())
        >= settings.least_training
    )
    if not tasks:
        raise InputError(
            f"no window between {mass_range(edges[0], edges[-1], ' and ')} GeV holds {settings.least_training} events "
            "in the region and in either sideband; give more events or wider windows"
        )
    return_freed()
    inclusive = fit_spectrum(Spectrum.from_events(mjj, edges, sqrt_s=config.sqrt_s), family="auto")
    return Search(
        events=events,
        resonance=resonance,
        rows=rows,
        mjj=mjj,
        edges=edges,
        inclusive=inclusive,
        tasks=tasks,
        features=names,
        decorrelation=decorrelation,
    )
