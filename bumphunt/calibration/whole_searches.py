"""Whole searches without signal, and the null that they make of a file's own events.

Each repeats the search on pseudo-data of the file, training included, with folds, decorrelation and seeds of its own.
Two kinds of pseudo-data are needed, since neither is exact: *permuted* gives masses drawn from the smooth fit the
features of any event, which is right only where all features together are independent of the mass; *smooth* gives them
those of events of neighbouring mass, which keeps what follows the mass and a little of any resonance. In each window
and cut the null that leaves less of the significance counts.

The prior-assisted search is repeated on the same pseudo-data. Permuted ones say only whether its own permutations of
the masses are right where nothing follows the mass, which they are by construction; smooth ones say how far they are
where something does.
"""

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bumphunt.calibration.pseudo_data import smooth_box
from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents
from bumphunt.pipeline.null import Null, NullPoint
from bumphunt.pipeline.prior_answer import permuted_significance, prior_settings, reason_against
from bumphunt.pipeline.prior_null import null_of_searches
from bumphunt.pipeline.search import Search, prepare_search
from bumphunt.pipeline.small_files import least_leaf, selected_background
from bumphunt.pipeline.windows import search_window
from bumphunt.results import FloatArray, Result, WindowResult
from bumphunt.rng import generator, integer_seed

FORMAT = 1
"""Of the file."""
KINDS = ("permuted", "smooth")
"""Pseudo-data that ``run --calibration N`` makes, N of each."""
LEAST, MOST = 10, 100_000
"""Searches that a width can be measured from at all, and that anybody can mean."""
SIZE_TOLERANCE = 0.2
"""Part by which the number of searched events may differ from that of the calibration."""
SPREAD = 0.85
"""Spread of the mass over which ``smooth`` exchanges features, in widths of the widest window (both in log mass): 0.1
for the default windows."""
KNOWN = 0.05
"""A mean below 0 or a width below 1 would make significances larger: not used before they are known to this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeSearches(Result):
    """Uncalibrated significances of whole searches without signal, and what they were made with.

    ``n_events`` is the mean number of searched events, ``features`` what the score saw, ``settings`` what else decides,
    with its hash; ``found`` holds for each kind of pseudo-data an array (rows, 6), a row for each window and cut that
    was searched: number of the search, low and high end of the window in GeV, cut, events in the window, z.
    ``prior`` holds the global significances of the prior-assisted search by permutations, (searches,) for each kind,
    and ``prior_settings`` what they depend on; both are empty where it was not repeated.
    """

    format: int
    n_events: float
    features: tuple[str, ...]
    settings: dict[str, Any]
    settings_sha256: str
    seed: int
    found: dict[str, FloatArray]
    prior: dict[str, FloatArray] = field(default_factory=dict)
    prior_settings: dict[str, Any] = field(default_factory=dict)

    @property
    def n_searches(self) -> int:
        """Searches of each kind, at least."""
        return min(len(np.unique(rows[:, 0])) for rows in self.found.values())

    def null(self) -> Null:
        """Return the null of these searches; of several kinds that counts in each window which leaves less."""
        repeats, folds = (int(self.settings["cwola"][name]) for name in ("repeats", "folds"))
        nulls = [
            Null(
                method=f"{len(np.unique(rows[:, 0]))} whole searches of this kind of file ({kind})",
                points=null_points(rows, n_features=len(self.features), repeats=repeats, folds=folds),
                n_searches=self.n_searches,
            )
            for kind, rows in self.found.items()
        ]
        return replace(nulls[0].beside(*nulls[1:]), of_prior=null_of_searches(self.prior))

    def with_prior(self, found: dict[str, FloatArray], settings: dict[str, Any]) -> "WholeSearches":
        """Return the same beside searches by the prior-assisted one, global significances (searches,) by kind."""
        return replace(self, prior=found, prior_settings=settings)

    def check(self, search: Search, *, name: str) -> None:
        """Refuse to calibrate a search that is not the one these were made for; ``name`` is that of the file.

        Raises
        ------
        InputError
            With the first difference, and both values.
        """
        config = search.tasks[0].config
        wanted = decisive_settings(config, len(search.mjj))
        difference = _first_difference(self.settings, wanted)
        if difference is None and self.prior and "prior" in config.searches:
            difference = _first_difference(self.prior_settings, prior_settings(search), name="prior")
        if difference is not None:
            key, then, now = difference
            raise InputError(
                f"{name} was made with {key} {then!r:.80}, and this search has {now!r:.80}: make one with "
                "`bumphunt calibrate` and the same configuration, or give --calibration a number"
            )
        if tuple(self.features) != search.features:
            raise InputError(
                f"{name} was made with the features {', '.join(self.features)}, and this search sees "
                f"{', '.join(search.features)}: calibrate with the same ones, or give --calibration a number"
            )
        if abs(len(search.mjj) / self.n_events - 1.0) > SIZE_TOLERANCE:
            raise InputError(
                f"{name} was made with {self.n_events:.0f} searched events, and this file has {len(search.mjj)}: they "
                f"may differ by {SIZE_TOLERANCE:.0%}; calibrate with boxes of this size, or give --calibration a number"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NullSearch:
    """One search of pseudo-data: which kind, which number, by which search, of which events in which bins."""

    kind: str
    number: int
    by: str
    events: BlindEvents
    edges: FloatArray
    config: AnalysisConfig
    seed: int


def null_searches(search: Search, *, number: int, seed: int) -> list[NullSearch]:
    """Return ``number`` searches of each kind of pseudo-data of the searched events, by all declared that apply.

    Raises
    ------
    InputError
        If they are too few to measure a width.
    """
    if number < LEAST:
        raise InputError(
            f"calibration is {number}: fewer than {LEAST} repeated searches measure no width; give more, or a file"
        )
    if number > MOST:
        raise InputError(f"calibration is {number}: give at most {MOST} repeated searches, or a file")
    config = search.tasks[0].config
    # the windows are those of the data, wherever the range of the pseudo-data would end
    fixed = {"low": float(search.edges[0]), "high": float(search.edges[-1]) * (1.0 + 1e-9)}
    config = config.model_copy(update={"search": config.search.model_copy(update=fixed)})
    declared = [by for by in ("cwola", "prior") if by in config.searches]
    if "prior" in declared and reason_against(search) is not None:
        declared.remove("prior")
    return [
        NullSearch(kind=kind, number=each, by=by, events=search.events, edges=search.edges, config=config, seed=seed)
        for each in range(number)
        for kind in KINDS
        for by in declared
    ]


def run_null_search(task: NullSearch) -> FloatArray:
    """Make the pseudo-data and search them.

    Returns
    -------
    array
        A row for each window and cut, as in :class:`WholeSearches`; of the prior-assisted search its global
        significance, shape (1,).
    """
    settings = task.config.search
    rng = generator(task.seed, "calibration", KINDS.index(task.kind), task.number)
    windows = settings.windows or [
        (1.0, settings.bin_ratio**bins) for bins in (settings.window_bins, *(settings.wide_window_bins or ()))
    ]
    widest = max(math.log(high / low) for low, high in windows)
    box = smooth_box(
        task.events,
        task.edges,
        rng=rng,
        family=settings.family,
        spread=None if task.kind == "permuted" else SPREAD * widest,
        sqrt_s=task.config.sqrt_s,
        column=task.config.resonance.column,
    )
    own = integer_seed(task.seed, "calibration search", KINDS.index(task.kind), task.number)
    search = prepare_search(box, task.config, own)
    if task.by == "prior":
        return np.array([round(permuted_significance(search), 5)])
    return rows_of([found for window in search.tasks for found in search_window(window).results], number=task.number)


def rows_of(found: list[WindowResult], *, number: int) -> FloatArray:
    """Return the uncalibrated significances of a search, (windows x cuts, 6), as in :class:`WholeSearches`."""
    rows = [
        [number, each.low, each.high, each.cut_fraction, each.n_window, round(each.z_raw, 5)]
        for each in found
        if not each.note and each.cut_fraction < 1.0
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def whole_searches(
    found: dict[str, list[FloatArray]], *, config: AnalysisConfig, features: tuple[str, ...], n_events: float, seed: int
) -> WholeSearches:
    """Put searches together: lists of rows by kind of pseudo-data, and what they were made with."""
    settings = decisive_settings(config, round(n_events))
    return WholeSearches(
        format=FORMAT,
        n_events=n_events,
        features=features,
        settings=settings,
        settings_sha256=hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        seed=seed,
        found={kind: np.concatenate(rows) for kind, rows in found.items()},
    )


def decisive_settings(config: AnalysisConfig, n_events: int) -> dict[str, Any]:
    """Return the settings that significances without signal of so many searched events depend on."""
    plain = config.model_dump(mode="json")
    del plain["search"]["null_width"], plain["search"]["most_signals"]
    plain["search"]["selected_background"] = selected_background(config, n_events)
    plain["cwola"]["min_samples_leaf"] = least_leaf(config, n_events)
    # named by themselves
    del plain["cwola"]["features"]
    return {name: plain[name] for name in ("resonance", "search", "cwola", "sqrt_s")}


def null_points(rows: FloatArray, *, n_features: int, repeats: int, folds: int) -> tuple[NullPoint, ...]:
    """Return mean and width of z by cut, in thirds of the events in the window where there are several windows."""
    points = []
    for cut in np.unique(rows[:, 3]):
        own = rows[rows[:, 3] == cut]
        own = own[np.argsort(own[:, 4], kind="stable")]
        for part in np.array_split(own, min(3, len(np.unique(own[:, 1:3], axis=0)))):
            z = part[:, 5]
            # windows of one search overlap: searches, not windows, are independent
            searches = len(np.unique(part[:, 0]))
            if searches < 2:
                continue
            mean, spread = float(z.mean()), float(z.std(ddof=1))
            mean_error, width_error = spread / searches**0.5, spread / (2 * searches) ** 0.5
            points.append(
                NullPoint(
                    n_window=float(np.exp(np.log(np.maximum(part[:, 4], 1.0)).mean())),
                    cut_fraction=float(cut),
                    n_features=n_features,
                    repeats=repeats,
                    mean=mean if mean > 0.0 or mean_error < KNOWN else 0.0,
                    mean_error=max(mean_error, 1e-3),
                    width=spread if spread > 1.0 or width_error < KNOWN else 1.0,
                    width_error=max(width_error, 1e-3),
                    n_boxes=searches,
                    folds=folds,
                )
            )
    if not points:
        raise InputError("not one window of the repeated searches could be fitted; give more events or other windows")
    return tuple(points)


def _first_difference(then: Any, now: Any, *, name: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            found = _first_difference(then.get(key), now.get(key), name=f"{name}.{key}" if name else key)
            if found is not None:
                return found
        return None
    return None if then == now else (name, then, now)
