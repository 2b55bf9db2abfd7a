"""The whole analysis: run it, configure it, calibrate it, draw its report again."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bumphunt.cli.group import (
    MOST_EVENTS,
    MOST_REPEATS,
    bad_rows_option,
    config_option,
    events_argument,
    json_option,
    main,
    output_file_option,
    output_folder_option,
    path_type,
    positive,
    read_config,
    scheduler_option,
    seed_option,
    show,
    show_progress,
    show_written,
    workers_option,
)
from bumphunt.cli.values import WholeNumber
from bumphunt.errors import InputError

if TYPE_CHECKING:
    from bumphunt.jobs.experiments import Source


@main.command()
@events_argument
@output_folder_option
@config_option
@seed_option
@workers_option
@scheduler_option
@bad_rows_option
@click.option("--luminosity-mask", type=path_type, help="JSON of certified runs and luminosity blocks; others go.")
@click.option(
    "--calibration",
    metavar="N|FILE",
    help="Calibrate on these events: N whole searches of either kind of pseudo-data, or a calibration.json of before.",
)
@click.option("--frozen", type=path_type, help="A plan of `bumphunt freeze`, in place of --config and --seed.")
@click.option("--ledger", type=path_type, help="Ledger of looks beside the one in the output folder.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of the same request stopped.")
@click.option("--overwrite", is_flag=True, help="Replace a finished result in the output folder.")
@click.option("--save-models", is_flag=True, help="Keep the trained models of the best window, for `bumphunt score`.")
@click.option("--onnx", is_flag=True, help="With --save-models: write these as ONNX as well.")
@click.option("--blind", is_flag=True, help="Expected results only, without looking at the signal regions.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and about how long it takes.")
@json_option
def run(
    events: tuple[Path, ...],
    output: Path,
    config_path: Path | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    max_bad_rows: float,
    luminosity_mask: Path | None,
    calibration: str | None,
    frozen: Path | None,
    ledger: Path | None,
    resume: bool,
    overwrite: bool,
    save_models: bool,
    onnx: bool,
    blind: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the whole analysis on EVENTS (files, patterns, folders) and print the three answers."""
    from bumphunt.execution import Workers
    from bumphunt.jobs.blind import run_blind
    from bumphunt.jobs.dry_run import dry_run as look_ahead
    from bumphunt.jobs.requests import RunOptions
    from bumphunt.jobs.run import run_analysis

    plan = None
    if frozen is not None:
        from bumphunt.jobs.plan import load_plan

        if config_path is not None:
            raise InputError("--frozen has its own configuration; leave out --config")
        config, seed, plan = load_plan(frozen)
    else:
        config = read_config(config_path)
    asked = int(calibration) if calibration and re.fullmatch("-?[0-9]{1,18}", calibration) else calibration
    if onnx and not save_models:
        raise InputError("--onnx writes the saved models in another form; give --save-models as well")
    options = RunOptions(
        resume=resume,
        overwrite=overwrite,
        max_bad_rows=max_bad_rows,
        luminosity_mask=luminosity_mask,
        ledger=ledger,
        plan=plan,
        save_models=save_models,
        onnx=onnx,
        calibration=asked,
    )
    job = look_ahead if dry_run else run_blind if blind else run_analysis
    who = Workers(workers, scheduler, progress=show_progress())
    show(job(events, output=output, config=config, seed=seed, workers=who, options=options), as_json)
    if job is run_analysis:
        click.echo(f"report: {output / 'report.html'}", err=True)


@main.command()
@click.argument("config_path", metavar="CONFIG", type=path_type)
@output_file_option
@seed_option
@json_option
def freeze(config_path: Path, output: Path, seed: int, as_json: bool) -> None:
    """Fix searches, windows, cuts and checks of CONFIG with a hash, before the data are opened."""
    from bumphunt.jobs.plan import freeze as freeze_plan
    from bumphunt.jobs.plan import plan_hash

    config = read_config(config_path)
    show_written(freeze_plan(config, output, seed=seed), as_json, hash=plan_hash(config, seed))


@main.command("config")
@json_option
def show_config(as_json: bool) -> None:
    """Print the commented default configuration."""
    from bumphunt.config import AnalysisConfig, default_yaml

    if as_json:
        click.echo(json.dumps(AnalysisConfig().model_dump(mode="json")))
    else:
        click.echo(default_yaml(), nl=False)


@main.command()
@click.argument("pool", type=path_type)
@output_folder_option
@click.option("--null", type=WholeNumber(0, MOST_REPEATS), default=20, show_default=True, help="Boxes without signal.")
@click.option(
    "--masses",
    nargs=3,
    type=positive,
    multiple=True,
    metavar="MZ MX MY",
    help="Inject signal of these masses; repeatable.",
)
@click.option(
    "--signal", type=WholeNumber(1, MOST_EVENTS), default=300, show_default=True, help="Signal events in a box."
)
@click.option(
    "--repeats", type=WholeNumber(1, MOST_REPEATS), default=1, show_default=True, help="Boxes for each --masses."
)
@click.option("--size", type=WholeNumber(1, MOST_EVENTS), default=100_000, show_default=True, help="Events in a box.")
@click.option(
    "--detectors",
    type=WholeNumber(0, MOST_REPEATS),
    default=0,
    show_default=True,
    help="Detectors drawn from the prior of the systematic errors for each --masses; 0: the nominal one.",
)
@click.option(
    "--source",
    type=click.Choice(["subsample", "smooth", "permuted"]),
    default="subsample",
    show_default=True,
    help="Random parts of a POOL without signal, or masses from its smooth fit with features of neighbours or of any.",
)
@config_option
@seed_option
@workers_option
@scheduler_option
@json_option
def calibrate(
    pool: Path,
    output: Path,
    null: int,
    masses: tuple[tuple[float, float, float], ...],
    signal: int,
    repeats: int,
    size: int,
    detectors: int,
    source: "Source",
    config_path: Path | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Run the analysis on pseudo-data from the events in POOL: false-alarm rates, pulls, coverage.

    Repeat an interrupted calibration with the same options to go on.
    """
    from bumphunt.execution import Workers
    from bumphunt.jobs.calibrate import CalibrationPlan
    from bumphunt.jobs.calibrate import calibrate as run_calibration

    plan = CalibrationPlan(
        null=null,
        points=masses,
        n_signal=signal,
        repeats=repeats,
        size=size,
        detectors=detectors,
        source=source,
    )
    who = Workers(workers, scheduler, progress=show_progress())
    show(run_calibration(pool, plan, output=output, config=read_config(config_path), seed=seed, workers=who), as_json)


@main.command()
@click.argument("directory", type=path_type)
@json_option
def report(directory: Path, as_json: bool) -> None:
    """Draw the figures and report of a finished run in DIRECTORY again."""
    from bumphunt.jobs.store import settle
    from bumphunt.report.html import write_report

    settle(directory)
    show_written(write_report(directory), as_json)
