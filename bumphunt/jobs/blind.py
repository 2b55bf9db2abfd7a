"""The analysis before unblinding: scores and cuts as in a run, the counts of the signal regions unread."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bumphunt.config import AnalysisConfig
from bumphunt.errors import FitError, InputError
from bumphunt.execution import Workers
from bumphunt.files import write_json
from bumphunt.jobs.intake import take_in
from bumphunt.jobs.progress import bar
from bumphunt.jobs.provenance import request, versions
from bumphunt.jobs.requests import Request, RunOptions
from bumphunt.jobs.store import RunKeeper, output_folder
from bumphunt.keywords import gathered
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import WindowTask, primary_scores
from bumphunt.results import SCHEMA_VERSION, Answers, BlindResult, BlindWindow
from bumphunt.significance.expected import expected_significance, mask_counts, signal_needed
from bumphunt.spectrum.binning import count


@gathered(options=RunOptions, workers=Workers)
def run_blind(
    events: str | Path | Sequence[str | Path],
    *,
    output: str | Path,
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int | Workers = 1,
    options: RunOptions | None = None,
) -> BlindResult:
    """Return what each window and cut is expected to show, from its sidebands alone.

    The classifiers are those of the run with the same seed, so that unblinding changes nothing but the counts read:
    a run with ``resume`` in the same folder. A result that is not blinded is replaced with ``overwrite`` only.

    Parameters
    ----------
    events, output, config, seed, workers, options
        As in :func:`bumphunt.jobs.run.run_analysis`; ``result.json`` then has no answers, but ``expected``. There are
        no models to be saved, and no significance to be calibrated.

    Raises
    ------
    InputError
        If events, settings or options cannot be used.
    """
    asked = Request.of(config, seed, workers, options)
    how = asked.options
    if how.save_models or how.onnx:
        raise InputError("a blinded run keeps no models; leave out --save-models, or --blind")
    if how.calibration is not None:
        raise InputError("--blind gives no significance that --calibration could calibrate; leave out one of them")
    with output_folder(output, resume=how.resume, overwrite=how.overwrite) as folder:
        return _expect(events, folder, asked)


def _refuse_unblinded(folder: Path) -> None:
    path = folder / "result.json"
    try:
        if not path.exists() or json.loads(path.read_bytes()).get("blind") is True:
            return
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    raise InputError(
        f"{path} holds a result that is not blinded, which a blinded run does not replace; "
        "choose another --output, or give --overwrite instead of --resume"
    )


def _expect(events: str | Path | Sequence[str | Path], folder: Path, asked: Request) -> BlindResult:
    settings, seed, progress = asked.config, asked.seed, asked.workers.progress
    intake = take_in(events, settings, options=asked.options, networks=False, progress=progress)
    source = intake.source
    search = prepare_search(intake.events, settings, seed)
    # the request is that of the run, so that the run can go on in the same folder
    keeper = RunKeeper(folder, request(source, settings, seed), resume=asked.options.resume)
    if asked.options.resume:
        _refuse_unblinded(keeper.place)
    store = keeper.store
    found: dict[int, tuple[BlindWindow, ...]] = {}
    for index in range(len(search.tasks)):
        if store.has(_name(index)):
            found[index] = tuple(BlindWindow.from_dict(row) for row in store.load_json(_name(index)))
    missing = [index for index in range(len(search.tasks)) if index not in found]
    todo = [search.tasks[index] for index in missing]
    with bar("windows", len(search.tasks), done=len(found), shown=progress) as advance:
        for place, windows in asked.workers.map(expect_window, todo):
            found[missing[place]] = windows
            store.save_json(_name(missing[place]), [window.to_dict() for window in windows])
            advance()
    result = BlindResult(
        schema_version=SCHEMA_VERSION,
        input=source,
        seed=seed,
        versions=versions(),
        config=settings.model_dump(mode="json"),
        blind=True,
        answers=dict.fromkeys(Answers.__dataclass_fields__) | {"status": "blinded", "discovery": False},
        expected=tuple(
            replace(window, mass_unit=settings.resonance.unit) for index in sorted(found) for window in found[index]
        ),
    )
    write_json(keeper.place / "result.json", result.to_dict())
    keeper.finish()
    return result


def _name(index: int) -> str:
    return f"expected_{index:03d}.json"


def expect_window(task: WindowTask) -> tuple[BlindWindow, ...]:
    """Train and cut in one window, hide its counts, and return what its sidebands make one expect at each cut."""
    window, settings = task.window.bins(task.edges), task.config.search
    score = primary_scores(task, task.folds()).score
    found = []
    # as in the run: the spectrum before any cut first, if it is searched as well
    for fraction in ([1.0] if settings.inclusive else []) + settings.cut_fractions:
        selected = score > 1.0 - fraction if fraction < 1.0 else np.ones(len(score), dtype=np.bool_)
        counts = mask_counts(count(task.mjj[selected], task.edges), window)
        mean, width = task.null_at(fraction)
        try:
            expected = expected_significance(
                counts,
                task.edges,
                window=window,
                masked=task.window.masked_bins(task.edges, guard=settings.guard_bins),
                family=settings.family,
                sqrt_s=task.config.sqrt_s,
            )
        except (FitError, InputError) as problem:
            found.append(_unknown(task, fraction, f"not searched: {problem}"))
            continue
        found.append(
            BlindWindow(
                low=expected.low,
                high=expected.high,
                cut_fraction=fraction,
                n_expected=expected.n_expected,
                n_expected_error=expected.n_expected_error,
                # a run takes mean and width of its null distribution off z
                n_signal_3=signal_needed(mean + 3.0 * width, expected.n_expected, expected.n_expected_error),
                n_signal_5=signal_needed(mean + 5.0 * width, expected.n_expected, expected.n_expected_error),
                limits=expected.limits,
                note="",
            )
        )
    return tuple(found)


def _unknown(task: WindowTask, fraction: float, note: str) -> BlindWindow:
    nothing = float("nan")
    return BlindWindow(
        low=task.window.low,
        high=task.window.high,
        cut_fraction=fraction,
        n_expected=nothing,
        n_expected_error=nothing,
        n_signal_3=nothing,
        n_signal_5=nothing,
        limits=np.full(5, np.nan),
        note=note,
    )
