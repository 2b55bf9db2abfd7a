"""Limits on signal models by training with injected signal."""

import json
from pathlib import Path

import click

from bumphunt.cli.group import (
    config_option,
    json_option,
    main,
    output_folder_option,
    path_type,
    positive,
    read_config,
    scheduler_option,
    seed_option,
    show,
    show_progress,
    workers_option,
)
from bumphunt.cli.values import Number, WholeNumber
from bumphunt.errors import InputError


@main.command()
@click.argument("events", type=path_type)
@click.argument("signals", type=path_type, nargs=-1, metavar="SIGNAL...")
@output_folder_option
@click.option(
    "--masses",
    nargs=3,
    type=positive,
    multiple=True,
    metavar="MZ MX MY",
    help="A model within the shipped response, in GeV; repeatable, beside or in place of SIGNAL.",
)
@click.option("--luminosity", type=positive, help="Integrated luminosity in 1/fb, for limits on cross sections.")
@click.option(
    "--acceptance",
    type=Number(min=0, max=1, min_open=True),
    help="Part of produced signal that SIGNAL holds.  [default: 1]",
)
@click.option(
    "--windows",
    type=WholeNumber(1, 1_000),
    default=1,
    show_default=True,
    help="Windows to look into, those with most of the signal.",
)
@click.option(
    "--search",
    metavar="NAME",
    help="cwola, prior, or best: both, and of their limits the lowest expected one.  [default: best where the "
    "configuration names both]",
)
@config_option
@seed_option
@workers_option
@scheduler_option
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of the same request stopped.")
@click.option("--overwrite", is_flag=True, help="Replace finished limits in the output folder.")
@click.option("--dry-run", is_flag=True, help="Say how long it will take, and write nothing.")
@json_option
def limits(
    events: Path,
    signals: tuple[Path, ...],
    output: Path,
    masses: tuple[tuple[float, float, float], ...],
    luminosity: float | None,
    acceptance: float | None,
    windows: int,
    search: str | None,
    config_path: Path | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Set limits on signal models in EVENTS, training anew with the events of each SIGNAL injected.

    Each SIGNAL is a file of simulated events of one model.
    """
    from bumphunt.execution import Workers
    from bumphunt.jobs.limits import LimitOptions, limits_duration
    from bumphunt.jobs.limits import limits as set_limits

    options = LimitOptions(
        output=output,
        resume=resume,
        overwrite=overwrite,
        masses=masses,
        luminosity=luminosity,
        acceptance=acceptance,
        search=search,
        windows=windows,
    )
    config = read_config(config_path)
    if acceptance is not None and not signals:
        raise InputError("--acceptance is that of SIGNAL files; of --masses it is known, leave it out")
    if acceptance is not None and luminosity is None and config.limit.luminosity is None:
        raise InputError("--acceptance is for limits on a cross section; give --luminosity (1/fb) with it")
    who = Workers(workers, scheduler, progress=show_progress())
    if dry_run:
        show(limits_duration(events, signals, config=config, seed=seed, workers=who, options=options), as_json)
        return
    found = set_limits(events, signals, config=config, seed=seed, workers=who, options=options)
    click.echo(json.dumps(found.summary()) if as_json else str(found))
