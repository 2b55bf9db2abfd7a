"""Pseudo-experiments from files of events, side by side.

Each is one task, runs anywhere, depends on its own number and the seed alone, and is kept on disk when done.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bumphunt.calibration.experiments import ExperimentResult, analyse_box
from bumphunt.calibration.pseudo_data import NEIGHBOUR_SPREAD, smooth_box, subsample_box, with_signal
from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.events import BlindEvents
from bumphunt.execution import Workers
from bumphunt.files import file_sha256
from bumphunt.jobs.intake import take_in
from bumphunt.jobs.progress import bar
from bumphunt.jobs.store import StageStore, output_folder
from bumphunt.rng import generator, integer_seed
from bumphunt.sources.locations import locate
from bumphunt.spectrum.binning import searched_range

logger = logging.getLogger(__name__)

Source = Literal["subsample", "smooth", "permuted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """Signal to be mixed into a box: a file of simulated events, its masses (GeV) and how many of them."""

    events: str
    masses: tuple[float, float, float]
    n_signal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One pseudo-experiment.

    ``pool`` is a file of background events, ``size`` the events of a box (of all masses with ``source`` subsample, in
    the searched range with smooth or permuted); ``injection`` None leaves the box without signal.
    """

    number: int
    pool: str
    size: int
    source: Source
    injection: Injection | None
    config: AnalysisConfig
    seed: int


def run_experiment(experiment: Experiment) -> ExperimentResult:
    """Draw the box of an experiment and analyse it as ``bumphunt run`` would, without report and cross-checks."""
    rng = generator(experiment.seed, "box", experiment.number)
    pool = events_of(experiment.pool, experiment.config)
    box = (
        subsample_box(pool, size=experiment.size, rng=rng)
        if experiment.source == "subsample"
        else _smooth(pool, experiment, rng)
    )
    injection = experiment.injection
    if injection is not None:
        box = with_signal(box, events_of(injection.events, experiment.config), number=injection.n_signal, rng=rng)
    return analyse_box(
        box,
        config=experiment.config,
        seed=integer_seed(experiment.seed, "analysis", experiment.number),
        number=experiment.number,
        masses=injection.masses if injection else (),
        n_signal=injection.n_signal if injection else 0,
    )


def events_of(path: str, config: AnalysisConfig) -> BlindEvents:
    """Return the events that boxes are made of, read once a process and configuration."""
    return _events(path, config.model_dump_json())


@lru_cache(maxsize=32)
def _events(path: str, settings: str) -> BlindEvents:
    """Read events, truth and copies dropped; the configuration is JSON, to be hashed."""
    return take_in(path, AnalysisConfig.model_validate_json(settings), networks=False).events


def n_drawable(path: str, config: AnalysisConfig, source: str) -> int:
    """Return of how many events of a pool a box can be made: of all masses, or of those in the searched range."""
    pool = events_of(path, config)
    if source == "subsample":
        return len(pool)
    edges, mass = _edges(pool, config), pool[config.resonance.column].to_numpy(dtype=np.float64)
    return int(((mass >= edges[0]) & (mass < edges[-1])).sum())


def _edges(pool: BlindEvents, config: AnalysisConfig) -> npt.NDArray[np.float64]:
    search = config.search
    return searched_range(
        pool[config.resonance.column].to_numpy(dtype=np.float64),
        ratio=search.bin_ratio,
        low=search.low,
        high=search.high,
        min_tail=search.tail_events,
    )


def _smooth(pool: BlindEvents, experiment: Experiment, rng: np.random.Generator) -> BlindEvents:
    search = experiment.config.search
    edges = _edges(pool, experiment.config)
    spread = None if experiment.source == "permuted" else NEIGHBOUR_SPREAD
    return smooth_box(
        pool,
        edges,
        size=experiment.size,
        family=search.family,
        rng=rng,
        spread=spread,
        sqrt_s=experiment.config.sqrt_s,
        column=experiment.config.resonance.column,
    )


def run_experiments(
    experiments: Sequence[Experiment],
    *,
    output: str | Path,
    workers: int | Workers = 1,
) -> tuple[ExperimentResult, ...]:
    """Run pseudo-experiments side by side, each kept in ``output`` when done; what is there already is not repeated.

    Parameters
    ----------
    experiments : sequence of Experiment
        What to run; more than last time is fine, other settings are not.
    output : path
        Folder of the results.
    workers : int or Workers
        Who runs them.

    Returns
    -------
    tuple of ExperimentResult
        In the order of ``experiments``.

    Raises
    ------
    InputError
        If ``output`` holds experiments of other settings, or an input cannot be used.
    """
    if not experiments:
        raise InputError("no pseudo-experiment is asked for; give a number of at least 1")
    workers = Workers.of(workers)
    names = [f"experiment_{experiment.number:05d}.json" for experiment in experiments]
    with output_folder(output) as folder:
        store = StageStore(folder, _request(experiments), resume=True)
        kept = {name: store.load_json(name) for name in names if store.has(name)}
        missing = [number for number, name in enumerate(names) if name not in kept]
        with bar("experiments", len(names), done=len(kept), shown=workers.progress) as advance:
            todo = [experiments[number] for number in missing]
            for index, result in workers.map(run_experiment, todo):
                # as it reads when it comes back, so that the summary of a resumed calibration is the same
                kept[names[missing[index]]] = json.loads(json.dumps(result.to_dict()))
                store.save_json(names[missing[index]], result.to_dict())
                advance()
    results = tuple(ExperimentResult.from_dict(kept[name]) for name in names)
    for experiment, found in zip(experiments, results, strict=True):
        _check_same(experiment, found, output)
    return results


def _request(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """Return what all experiments of a folder share."""
    shared = {(each.pool, each.size, each.source, each.seed) for each in experiments}
    if len(shared) > 1:
        raise InputError("pseudo-experiments of one folder must share pool, size, source and seed; use several folders")
    first = experiments[0]
    return {
        "pool": _checksum(first.pool),
        "size": first.size,
        "source": first.source,
        "seed": first.seed,
        "config": first.config.model_dump(mode="json"),
        "version": version("bumphunt"),
        # stored experiments of another form are another calibration's
        "experiment": sorted(ExperimentResult.__dataclass_fields__),
    }


def _checksum(pool: str) -> str:
    """Return the checksum of one file, or one of all files that a pattern, a folder or a tree stands for."""
    if Path(pool).is_file():
        return file_sha256(pool)
    parts = [f"{file_sha256(location.path)} {location.member or ''}" for location in locate(pool)[0]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _check_same(experiment: Experiment, found: ExperimentResult, output: str | Path) -> None:
    injection = experiment.injection
    asked = (*injection.masses, injection.n_signal) if injection else (0,)
    if (*found.masses.tolist(), found.n_signal) != tuple(map(float, asked)):
        raise InputError(
            f"{output} holds experiment {experiment.number} with other masses or signal than asked for; "
            "choose another folder"
        )
