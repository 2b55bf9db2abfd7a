"""More than one signal: what was claimed is taken out, and the search repeated with what is left.

The range of a claimed resonance is left out of the search: its events train nothing and are in no fit. Its tails reach
beyond; as many events as the fitted signal is expected to have there are taken out, those nearest to simulated ones in
mass and substructure. Windows whose training sample this does not touch keep their scores. The others get a first look
with few repeats, and all repeats where it shows anything at all; a claim is always made with all of them, and every
window is a trial whichever way it was looked at, so that claims can only become rarer by it.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from bumphunt.errors import FitError, InputError
from bumphunt.events import BlindEvents, feature_matrix
from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.response import signal_model
from bumphunt.masses.responses import response_named
from bumphunt.pipeline.search import Search
from bumphunt.pipeline.small_files import decorrelation_for
from bumphunt.pipeline.verdict import Verdict, reach_verdict
from bumphunt.pipeline.windows import WindowOutcome, WindowTask, measured_again
from bumphunt.results import MassFit
from bumphunt.rng import generator
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

logger = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]
Scan = Callable[[Search], list[WindowOutcome]]

CLAIMED = ("evidence", "discovery")
BY_CWOLA_ALONE = (
    "further resonances are searched for by cwola alone: the prior-assisted search is not repeated, its significances "
    "are none of this answer, and it is no trial"
)
NUMBERS = 1000
"""Numbers of windows in one search, so that those of the next are its own."""
NEIGHBOURS = 20
"""Events among which the nearest that is still there is looked for."""
FIRST_LOOK, WORTH_ALL = 4, 1.5
"""Repeats with which a window near a claimed resonance is looked at first, and local z from which it gets all."""
LOOKS = 500 * NUMBERS
"""Added to the number of a window that is looked at so."""
SCALES = {"mass": 0.1, "resonance": 0.03, "ratio": 0.1}
"""Distance that counts as one: in the logarithm of a daughter's mass, of the resonance's, and in other observables."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Further:
    """Claims beyond the first, in the order they were found, and how significant the last that was none was.

    ``z_rest`` is its global significance, NaN where nothing was left to search; ``searches`` says for each search which
    windows it was of.
    """

    verdicts: tuple[Verdict, ...] = ()
    z_rest: float = float("nan")
    status: str = "none"
    searches: tuple["Looked", ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return what the result file says of it."""
        left = None if math.isnan(self.z_rest) else self.z_rest
        said = {"n_claimed": len(self.verdicts), "z_global_of_the_rest": left, "status_of_the_rest": self.status}
        return {**said, "searches": [each.to_dict() for each in self.searches]}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """Which windows, (low, high) in GeV, kept their scores, had a first look only, or were trained with all repeats."""

    kept: tuple[tuple[float, float], ...]
    first_look: tuple[tuple[float, float], ...]
    trained: tuple[tuple[float, float], ...]

    def to_dict(self) -> dict[str, list[list[float]]]:
        """Return it for the result file."""
        return {name: [list(window) for window in getattr(self, name)] for name in ("kept", "first_look", "trained")}

    def __str__(self) -> str:
        return (
            f"of {len(self.kept) + len(self.first_look) + len(self.trained)} windows, all counted as trials, "
            f"{len(self.kept)} kept their scores, {len(self.trained)} were trained again, and {len(self.first_look)} "
            f"had a first look with {FIRST_LOOK} of the repeats that showed nothing above {WORTH_ALL:g} sigma"
        )


def further_signals(
    search: Search,
    outcomes: list[WindowOutcome],
    verdict: Verdict,
    *,
    scan: Scan,
    threads: int = 1,
    n_events: int | None = None,
) -> Further:
    """Take claimed resonances out one by one, and search again until nothing more is claimed.

    Parameters
    ----------
    search, outcomes, verdict
        The first search, what its windows gave, and its verdict.
    scan : callable
        Searches all windows of a search.
    threads, n_events
        As for :func:`bumphunt.pipeline.verdict.reach_verdict`.
    """
    found: list[Verdict] = []
    looked: list[Looked] = []
    brief: set[int] = set()
    most = search.tasks[0].config.search.most_signals
    while verdict.status in CLAIMED and len(found) + 1 < most:
        try:
            rest = without_signal(search, verdict)
        except (FitError, InputError) as error:
            # a small file may hold too little beside a resonance that was taken out
            logger.info("no further search: %s", error)
            rest = None
        if rest is None:
            return Further(verdicts=tuple(found), searches=tuple(looked))
        search, kept, untouched = rest
        again = {
            task.number: measured_again(outcomes[place], task, rows=kept)
            for place, task in zip(*untouched, strict=True)
        }
        brief = {number for number in again if number - NUMBERS in brief}
        unchanged = set(again) - brief
        brief = _look_again(search, again, brief, scan=scan)
        looked.append(_which(search, kept=unchanged, brief=brief))
        outcomes = [again[task.number] for task in search.tasks]
        before = verdict
        try:
            verdict = reach_verdict(search, outcomes, threads=threads, n_events=n_events)
        except (FitError, InputError) as error:
            logger.info("no further signal: %s", error)
            return Further(verdicts=tuple(found), searches=tuple(looked))
        if verdict.status in CLAIMED:
            said: tuple[str, ...] = (f"{_condition(before)}; {looked[-1]}",)
            if "prior" in search.tasks[0].config.searches:
                said = (BY_CWOLA_ALONE, *said)
            found.append(replace(verdict, assumptions=(*verdict.assumptions, *said)))
    if verdict.status in CLAIMED:
        return Further(verdicts=tuple(found), searches=tuple(looked))
    z_rest = verdict.best.scan.z_global
    return Further(verdicts=tuple(found), z_rest=z_rest, status=verdict.status, searches=tuple(looked))


def _look_again(search: Search, outcomes: dict[int, WindowOutcome], brief: set[int], *, scan: Scan) -> set[int]:
    """Add outcomes of the windows that have none yet, and return those that had a first look only.

    ``brief`` are windows with outcomes of a first look from before, which get all repeats if they show more now.
    """
    missing = [task for task in search.tasks if task.number not in outcomes]
    settings = search.tasks[0].config.cwola
    if settings.repeats > FIRST_LOOK and missing:
        config = search.tasks[0].config
        few = config.model_copy(update={"cwola": settings.model_copy(update={"repeats": FIRST_LOOK})})
        looks = tuple(replace(task, number=task.number + LOOKS, config=few) for task in missing)
        new = scan(replace(search, tasks=looks))
        outcomes |= {task.number: outcome for task, outcome in zip(missing, new, strict=True)}
        brief = brief | {task.number for task in missing}
        missing = [task for task in search.tasks if task.number in brief and _shows_something(outcomes[task.number])]
    if missing:
        new = scan(replace(search, tasks=tuple(missing)))
        outcomes |= {task.number: outcome for task, outcome in zip(missing, new, strict=True)}
    return brief - {task.number for task in missing}


def _shows_something(outcome: WindowOutcome) -> bool:
    """Tell whether a first look shows anything."""
    return any(result.z_local > WORTH_ALL for result in outcome.results if not result.note)


def _which(search: Search, *, kept: set[int], brief: set[int]) -> Looked:
    windows = {task.number: (task.window.low, task.window.high) for task in search.tasks}
    trained = set(windows) - kept - brief
    return Looked(
        **{
            name: tuple(windows[number] for number in sorted(numbers))
            for name, numbers in (("kept", kept), ("first_look", brief), ("trained", trained))
        }
    )


def without_signal(
    search: Search, verdict: Verdict
) -> tuple[Search, npt.NDArray[np.int64], tuple[list[int], list[WindowTask]]] | None:
    """Return the search without a claimed resonance, the rows it kept, and which windows keep their scores.

    Returns
    -------
    Search, array, (list, list)
        The search of what is left; the places of its events in the one before; the places of the windows whose training
        sample is as it was, among those before, and their tasks. None where no window is left.
    """
    best = verdict.best.task
    guard = best.config.search.guard_bins
    own = best.window.masked_bins(search.edges, guard=guard)
    excluded = own if best.excluded is None else own | best.excluded
    edges, mjj = search.edges, search.mjj
    low, high = float(edges[:-1][own].min()), float(edges[1:][own].max())
    keep = ~((mjj >= low) & (mjj < high))
    if verdict.mass_fit is not None:
        keep[_tails(search, verdict.mass_fit, there=keep, excluded=excluded, seed=best.seed)] = False
    rows = np.flatnonzero(keep)
    events = BlindEvents(search.events.iloc[rows].reset_index(drop=True))
    mjj = mjj[rows]
    features = feature_matrix(events, search.features)
    decorrelation = None
    if search.decorrelation is not None:
        decorrelation = decorrelation_for(len(mjj)).fit(features, mjj)
        features = decorrelation.transform(features, mjj)
    tasks, places = [], []
    for place, task in enumerate(search.tasks):
        window = task.window
        beside = window.high <= low or window.low >= high
        parts = (window.lower_sideband(mjj), window.signal_region(mjj), window.upper_sideband(mjj))
        if not beside or min(part.sum() for part in parts) < best.config.search.least_training:
            continue
        number = task.number + NUMBERS
        tasks.append(
            replace(task, number=number, mjj=mjj, features=features, keys=task.keys[rows], excluded=excluded, threads=1)
        )
        places.append(place)
    if not tasks:
        return None
    clear = [task.window.sideband_high <= low or task.window.sideband_low >= high for task in tasks]
    untouched = (
        [place for place, is_clear in zip(places, clear, strict=True) if is_clear],
        [task for task, is_clear in zip(tasks, clear, strict=True) if is_clear],
    )
    spectrum = Spectrum.from_events(mjj, edges, sqrt_s=best.config.sqrt_s).with_window(excluded)
    rest = replace(
        search,
        events=events,
        rows=search.rows[rows],
        mjj=mjj,
        inclusive=fit_spectrum(spectrum, family="auto"),
        tasks=tuple(tasks),
        decorrelation=decorrelation,
    )
    return rest, rows, untouched


def _tails(search: Search, fit: MassFit, *, there: BoolArray, excluded: BoolArray, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows of events that stand for the fitted signal where it was not left out already."""
    response = response_named(search.tasks[0].config.masses.response)
    masses = fit.as_measured
    rng = generator(seed, "further signal")
    number = round(fit.n_signal.value)
    if number < 1:
        return np.array([], dtype=np.int64)
    drawn = draw_signal(signal_model(response.table, masses), number, rng=rng).table(masses)
    rows = np.flatnonzero(there)
    # simulated events inside the range that was left out stand for events that are gone already
    bins = np.digitize(drawn[search.resonance], search.edges) - 1
    searched = (bins >= 0) & (bins < len(excluded))
    searched[searched] &= ~excluded[bins[searched]]
    drawn, data = drawn[searched], search.events.iloc[rows]
    if len(drawn) == 0 or len(rows) == 0:
        return np.array([], dtype=np.int64)
    names = [name for name in (search.resonance, *search.features) if name in drawn.columns]
    tree = cKDTree(_scaled(data, names, search))
    found = tree.query(_scaled(drawn, names, search), k=min(NEIGHBOURS, len(rows)))
    distance, near = (np.asarray(part).reshape(len(drawn), -1) for part in found)
    taken: set[int] = set()
    for row in np.argsort(distance[:, 0], kind="stable"):
        free = next((int(place) for place in near[row] if int(place) not in taken), None)
        if free is not None:
            taken.add(free)
    return rows[np.array(sorted(taken), dtype=np.int64)]


def _scaled(table: pd.DataFrame, names: list[str], search: Search) -> npt.NDArray[np.float64]:
    """Return columns in units in which a distance of one is about the resolution, (events, columns)."""
    daughters = search.tasks[0].config.daughters or ()
    columns = []
    for name in names:
        values = table[name].to_numpy(dtype=np.float64)
        if name == search.resonance:
            columns.append(np.log(values) / SCALES["resonance"])
        elif name in daughters:
            columns.append(np.log(np.maximum(values, 1.0)) / SCALES["mass"])
        else:
            columns.append(values / SCALES["ratio"])
    return np.stack(columns, axis=1)


def _condition(first: Verdict) -> str:
    """Say on what the p-value of a further signal depends."""
    window = first.best.task.window
    return (
        f"its p-value is for the windows that are left, given that the resonance claimed in {window} is real and was "
        "taken out"
    )
