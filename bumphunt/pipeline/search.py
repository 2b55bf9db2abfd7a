"""What all windows of a search share: the searched range, the windows in it, the features."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import IDENTIFIERS, BlindEvents, common_weight, feature_matrix, feature_names
from bumphunt.pipeline.windows import WindowTask
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.splits import MassWindow, mass_windows, window_on_grid
from bumphunt.results import SpectrumFit
from bumphunt.spectrum.binning import count, searched_range
from bumphunt.spectrum.fit import fit_spectrum

FloatArray = npt.NDArray[np.float64]

CWOLA_FEATURES = ("mj1", "mj2", "tau21_1", "tau21_2")
"""Features of the primary score where the config names none: few, so that rare signal is not drowned."""

MINIMUM_TRAINING = 100
"""Events that a signal region and each sideband must hold to train on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Search:
    """The events in the searched range (masses in GeV), its bin edges, the inclusive fit, and a task per window.

    ``features`` names what the primary score sees; ``decorrelation`` is what those columns went through, if anything.
    """

    events: BlindEvents
    mjj: FloatArray
    edges: FloatArray
    inclusive: SpectrumFit
    tasks: tuple[WindowTask, ...]
    features: tuple[str, ...]
    decorrelation: SmoothDecorrelation | None

    def score_features(self, table: BlindEvents) -> FloatArray:
        """Return what the primary score would see of other events, such as simulated signal, (events, features)."""
        rows = feature_matrix(table, self.features)
        if self.decorrelation is None:
            return rows
        return self.decorrelation.transform(rows, table["mjj"].to_numpy(dtype=np.float64))

    def mass(self, name: str) -> FloatArray:
        """Return a mass column of the searched events in GeV."""
        return self.events[name].to_numpy(dtype=np.float64)

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

    Raises
    ------
    InputError
        If no window can be searched, a feature is missing or constant, or events have weights.
    """
    settings = config.search
    common_weight(blind)
    everything = blind["mjj"].to_numpy(dtype=np.float64)
    edges = searched_range(everything, ratio=settings.bin_ratio, low=settings.low, high=settings.high)
    inside = (everything >= edges[0]) & (everything < edges[-1])
    events = BlindEvents(blind.loc[inside].reset_index(drop=True))
    mjj = events["mjj"].to_numpy(dtype=np.float64)
    windows: tuple[MassWindow, ...]
    if settings.windows is None:
        windows = mass_windows(
            edges, width=settings.window_bins, step=settings.window_step, sideband=settings.sideband_bins
        )
    else:
        windows = tuple(
            window_on_grid(edges, low, high, sideband=settings.sideband_bins) for low, high in settings.windows
        )
    names = feature_names(events, config.cwola.features or [name for name in CWOLA_FEATURES if name in events.columns])
    features = feature_matrix(events, names)
    constant = [name for name, column in zip(names, features.T, strict=True) if np.ptp(column) == 0]
    if constant:
        raise InputError(
            f"feature {constant[0]!r} has the same value in every event and can tell nothing apart; leave it out"
        )
    decorrelation = SmoothDecorrelation().fit(features, mjj) if config.cwola.decorrelate else None
    if decorrelation is not None:
        features = decorrelation.transform(features, mjj)
    groups = _copies(events)
    tasks = tuple(
        WindowTask(
            number=number,
            window=window,
            mjj=mjj,
            features=features,
            edges=edges,
            config=config,
            seed=seed,
            groups=groups,
        )
        for number, window in enumerate(windows)
        if min(window.lower_sideband(mjj).sum(), window.signal_region(mjj).sum(), window.upper_sideband(mjj).sum())
        >= MINIMUM_TRAINING
    )
    if not tasks:
        raise InputError(
            f"no window between {edges[0]:.0f} and {edges[-1]:.0f} GeV holds {MINIMUM_TRAINING} events in the region "
            "and in either sideband; give more events or wider windows"
        )
    inclusive = fit_spectrum(count(mjj, edges), edges, family="auto", sqrt_s=config.sqrt_s)
    return Search(
        events=events,
        mjj=mjj,
        edges=edges,
        inclusive=inclusive,
        tasks=tasks,
        features=names,
        decorrelation=decorrelation,
    )


def _copies(events: BlindEvents) -> npt.NDArray[np.int64] | None:
    """Return a number that copies of one event share, (events,), where the identifiers tell events apart at all."""
    names = [name for name in IDENTIFIERS if name in events.columns]
    if "event" not in names:
        return None
    numbers: npt.NDArray[np.int64] = np.asarray(events.groupby(names, sort=False).ngroup(), dtype=np.int64)
    different = int(numbers.max()) + 1
    # numbers that repeat all over the file identify nothing
    return numbers if len(events) // 2 < different < len(events) else None
