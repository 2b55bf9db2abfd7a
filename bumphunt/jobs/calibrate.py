"""Calibrate the whole analysis: boxes without signal for its p-values, boxes with signal for its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bumphunt.calibration.drawn_detector import draw_detector
from bumphunt.calibration.experiments import ExperimentResult
from bumphunt.calibration.pseudo_data import check_size
from bumphunt.calibration.summary import Calibration, searches_of, summarise_injections, summarise_null
from bumphunt.config import AnalysisConfig
from bumphunt.errors import InputError
from bumphunt.execution import Workers
from bumphunt.files import write_json
from bumphunt.jobs.experiments import Experiment, Injection, Source, n_drawable, run_experiments
from bumphunt.jobs.requests import Request
from bumphunt.jobs.store import output_folder
from bumphunt.keywords import gathered
from bumphunt.rng import generator, integer_seed
from bumphunt.sources.tabular import write_table

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPlan:
    """Which boxes a calibration analyses.

    Parameters
    ----------
    null : int
        Boxes without signal.
    points : sequence of (m_resonance, m_x, m_y)
        Masses of injected signals in GeV.
    n_signal : int
        Signal events in a box.
    repeats : int
        Boxes at each point.
    size : int
        Events in a box; see ``source``.
    source : {"subsample", "smooth", "permuted"}
        A random part of the pool (:func:`bumphunt.calibration.pseudo_data.subsample_box`), or masses drawn from the
        smooth fit with features of neighbours or of any event (:func:`bumphunt.calibration.pseudo_data.smooth_box`).
    signal_events : int, optional
        Signal simulated at each point, from which each box takes its own; ten boxes' worth otherwise.
    detectors : int
        Detectors drawn from the prior of the systematic errors at each point, which its boxes take in turn
        (:mod:`bumphunt.calibration.drawn_detector`), with ``signal_events`` for each; 0 for the nominal one. The
        background of boxes stays as it is.
    """

    null: int = 0
    points: Sequence[Point] = ()
    n_signal: int = 300
    repeats: int = 1
    size: int = 100_000
    source: Source = "subsample"
    signal_events: int | None = None
    detectors: int = 0

    def check(self) -> None:
        """Refuse what cannot be made, before any of it is.

        Raises
        ------
        InputError
            If a number or mass cannot be, or nothing is asked for.
        """
        if min(self.null, self.detectors) < 0 or min(self.repeats, self.n_signal, self.size) < 1:
            raise InputError("null and detectors must not be negative, and repeats, n_signal and size at least 1")
        if self.null == 0 and not self.points:
            raise InputError("nothing to calibrate; give boxes without signal (--null) or masses of signal (--masses)")
        from bumphunt.simulation.request import Sample

        for point in self.points:
            Sample(signal=self.made, masses=point).check()
        if self.points and self.n_signal > self.size:
            raise InputError(
                f"{self.n_signal} signal events (--signal) are more than the {self.size} of a box (--size); give fewer"
            )
        if self.points and self.n_signal > self.made:
            raise InputError(
                f"{self.n_signal} signal events a box cannot be drawn from signal_events = {self.made}; simulate more"
            )

    @property
    def made(self) -> int:
        """Signal events simulated for each point and detector."""
        boxes_a_file = -(-self.repeats // self.detectors) if self.detectors else 10
        return self.signal_events or max(min(boxes_a_file, 10) * self.n_signal, 2000)


@gathered(plan=CalibrationPlan, workers=Workers)
def calibrate(
    pool: str | Path,
    plan: CalibrationPlan | None = None,
    *,
    output: str | Path,
    config: AnalysisConfig | dict[str, Any] | None = None,
    seed: int = 1,
    workers: int | Workers = 1,
) -> Calibration:
    """Run the analysis on pseudo-data with and without signal and compare its answers with the truth.

    An interrupted calibration goes on when it is repeated with the same settings.

    Parameters
    ----------
    pool : path
        Background events, of which boxes are made; a truth column is dropped unread, so that there must be no signal
        in it unless the plan's ``source`` is another.
    plan : CalibrationPlan
        Which boxes are analysed.
    output : path
        Folder of single results, simulated signal and ``calibration.json``.
    config, seed, workers
        As in :func:`bumphunt.jobs.run.run_analysis`.

    Raises
    ------
    InputError
        If nothing is asked for, an input cannot be used, or ``output`` holds another calibration.
    """
    plan, asked = plan or CalibrationPlan(), Request.of(config, seed, workers)
    plan.check()
    with output_folder(output) as folder:
        # what cannot be read or is too small is refused before signal is simulated for minutes
        check_size(plan.size, n_drawable(str(pool), asked.config, plan.source), source=plan.source)
        injections = _injections(plan, asked, folder)

        def experiments(chosen: Sequence[Injection | None], first: int) -> list[Experiment]:
            return [
                Experiment(
                    number=first + place,
                    pool=str(pool),
                    size=plan.size,
                    source=plan.source,
                    injection=injection,
                    config=asked.config,
                    seed=seed,
                )
                for place, injection in enumerate(chosen)
            ]

        without: tuple[ExperimentResult, ...] = ()
        signals: tuple[ExperimentResult, ...] = ()
        if plan.null:
            without = run_experiments(experiments([None] * plan.null, 0), output=folder / "null", workers=asked.workers)
        if injections:
            place = folder / ("drawn_detectors" if plan.detectors else "injections")
            signals = run_experiments(experiments(injections, 100_000), output=place, workers=asked.workers)
        calibration = Calibration(
            null=summarise_null(without) if without else None,
            injections=summarise_injections(signals) if signals else None,
            searches=searches_of(without, kind=plan.source, config=asked.config, seed=seed),
        )
        write_json(folder / "calibration.json", calibration.to_dict())
        return calibration


def _injections(plan: CalibrationPlan, asked: Request, folder: Path) -> list[Injection]:
    """Simulate what is still missing of the signal, and say which of it each box takes."""
    chosen = list(range(plan.detectors)) if plan.detectors else [None]
    files = [[_signal_file(folder, point, plan.made, each, asked) for each in chosen] for point in plan.points]
    return [
        Injection(events=str(own[repeat % len(own)]), masses=point, n_signal=plan.n_signal)
        for repeat in range(plan.repeats)
        for point, own in zip(plan.points, files, strict=True)
    ]


def _signal_file(folder: Path, point: Point, number: int, detector: int | None, asked: Request) -> Path:
    """Simulate signal of one point, as the nominal detector sees it or the drawn one of that number."""
    workers = asked.workers.number
    name = "_".join(f"{mass:g}" for mass in point)
    path = folder / (f"signal_{name}.parquet" if detector is None else f"signal_{name}_detector_{detector}.parquet")
    if path.exists():
        return path
    from bumphunt.simulation.presets import towards_shifted
    from bumphunt.simulation.request import Sample
    from bumphunt.simulation.samples import simulate_sample

    places = [round(mass) for mass in point]
    sample = Sample(signal=number, masses=point)
    if detector is None:
        return simulate_sample(path, sample, seed=integer_seed(asked.seed, "signal", *places), workers=workers)
    drawn = draw_detector(generator(asked.seed, "detector", *places, detector))
    response, shower = towards_shifted(drawn.shift)
    plain = simulate_sample(
        path.with_name(f"{path.stem}_before.parquet"),
        replace(sample, detector=response, shower=shower),
        seed=integer_seed(asked.seed, "signal", *places, detector + 1),
        workers=workers,
    )
    write_table(drawn.seen(pd.read_parquet(plain), point), path)
    plain.unlink()
    return path
