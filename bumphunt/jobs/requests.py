"""What is asked of a job, in values that travel whole: settings, seed and workers, and how a run goes about it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.errors import InputError, whole_number
from bumphunt.execution import Workers
from bumphunt.table.preparation import MAX_BAD_ROWS

Calibration = int | str | Path
"""Whole searches of either kind of pseudo-data, or a file of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run, blinded run or dry run goes about it.

    Parameters
    ----------
    resume : bool
        Go on with the stages that an interrupted run of the same request left in the output folder.
    overwrite : bool
        Replace a finished result there, which is an error otherwise; it stays until the new one is complete.
    max_bad_rows, luminosity_mask
        As in :func:`bumphunt.jobs.ingest.read_events`.
    ledger : path, optional
        A ledger of looks (:mod:`bumphunt.jobs.looks`) beside the one in the output folder.
    plan : str, optional
        Hash of the frozen plan that settings and seed are from, to be recorded.
    save_models : bool
        Write the trained models of the best window into ``models/``, for :func:`bumphunt.jobs.apply_models`. They are
        trained once more for it.
    onnx : bool
        Write these as ONNX as well.
    calibration : int or path, optional
        As in :func:`bumphunt.jobs.hunt.hunt`; the searches are written to ``calibration.json`` in the output folder.
    """

    resume: bool = False
    overwrite: bool = False
    max_bad_rows: float = MAX_BAD_ROWS
    luminosity_mask: str | Path | None = None
    ledger: str | Path | None = None
    plan: str | None = None
    save_models: bool = False
    onnx: bool = False
    calibration: Calibration | None = None

    @property
    def n_searches(self) -> int:
        """Whole searches of pseudo-data that the calibration asks for."""
        return self.calibration if isinstance(self.calibration, int) else 0

    def check(self, config: AnalysisConfig) -> None:
        """Refuse a calibration together with a width set by hand, before anything is computed.

        Raises
        ------
        InputError
            With the remedy.
        """
        if self.calibration is None:
            return
        if isinstance(self.calibration, bool) or not isinstance(self.calibration, int | str | Path):
            raise InputError(f"calibration is {self.calibration!r:.60}; give a number of searches or a file")
        if not str(self.calibration).strip():
            raise InputError("the calibration is empty; give a number of searches or a calibration.json")
        if config.search.null_width is not None:
            raise InputError(
                f"a calibration and search.null_width ({config.search.null_width:g}) are given; leave out one of them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a hunt is asked: settings and seed, on which its answers depend, and who works how."""

    config: AnalysisConfig
    seed: int
    workers: Workers = field(default_factory=Workers)
    options: RunOptions = field(default_factory=RunOptions)

    @classmethod
    def of(
        cls,
        config: AnalysisConfig | dict[str, Any] | None,
        seed: int,
        workers: int | Workers,
        options: RunOptions | None = None,
    ) -> "Request":
        """Return a request of what a public function was given.

        Raises
        ------
        InputError
            If settings, seed and options cannot go together.
        """
        seed = whole_number(seed, "seed", least=0)
        asked = cls(config=as_config(config), seed=seed, workers=Workers.of(workers), options=options or RunOptions())
        asked.options.check(asked.config)
        return asked


def as_config(config: AnalysisConfig | dict[str, Any] | None) -> AnalysisConfig:
    """Return settings given as an object, as plain data, or not at all."""
    if config is None:
        return AnalysisConfig()
    return config if isinstance(config, AnalysisConfig) else config_from_dict(config)
