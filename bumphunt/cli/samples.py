"""Events: simulate them, make features of particles, fetch public files."""

import json
from dataclasses import replace
from pathlib import Path

import click

from bumphunt.cli.group import (
    MOST_EVENTS,
    json_option,
    main,
    output_file_option,
    path_type,
    positive,
    scheduler_option,
    seed_option,
    show_progress,
    show_written,
    workers_option,
)
from bumphunt.cli.values import Number, WholeNumber
from bumphunt.errors import InputError


@main.command()
@output_file_option
@click.option(
    "--preset",
    type=click.Choice(["lhco-rnd", "blackbox-like", "empty-box", "shifted", "blackbox3-like"]),
    help="A known sample.",
)
@click.option("--background", type=WholeNumber(0, MOST_EVENTS), help="QCD events after the trigger.")
@click.option("--signal", type=WholeNumber(0, MOST_EVENTS), help="Signal events after the trigger.")
@click.option("--masses", nargs=3, type=positive, metavar="MZ MX MY", help="Masses of Z', X and Y in GeV.")
@click.option("--prongs", type=WholeNumber(2, 3), default=2, show_default=True, help="Quarks in a daughter's decay.")
@click.option(
    "--widths",
    nargs=3,
    type=positive,
    metavar="WZ WX WY",
    help="Widths of Z', X and Y over their masses, up to 0.3; those of the official R&D sample otherwise.",
)
@click.option(
    "--dijet",
    type=Number(min=0, max=1),
    help="Part of the signal that decays to two quarks without X and Y; 0 otherwise.",
)
@seed_option
@workers_option
@scheduler_option
@click.option("--raw", is_flag=True, help="Write particles in the LHC Olympics raw layout.")
@click.option("--hide-truth", is_flag=True, help="Leave out the label column; truth goes to a JSON beside the file.")
@json_option
def simulate(
    output: Path,
    preset: str | None,
    background: int | None,
    signal: int | None,
    masses: tuple[float, float, float] | None,
    prongs: int,
    widths: tuple[float, float, float] | None,
    dijet: float | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    raw: bool,
    hide_truth: bool,
    as_json: bool,
) -> None:
    """Simulate dijet events; an interrupted run goes on when repeated."""
    from bumphunt.execution import Workers
    from bumphunt.simulation.presets import PRESETS
    from bumphunt.simulation.request import Sample
    from bumphunt.simulation.samples import simulate_sample

    chosen = PRESETS[preset] if preset else None
    if chosen is None and background is None and signal is None:
        raise InputError("nothing to simulate; give --preset, or --background and --signal")
    known = chosen or Sample()
    sample = replace(
        known,
        background=known.background if background is None else background,
        signal=known.signal if signal is None else signal,
        masses=masses or known.masses,
        prongs=prongs,
        widths=widths,
        dijet=known.dijet if dijet is None else dijet,
        raw=raw,
        hide_truth=hide_truth or known.hide_truth,
    )
    path = simulate_sample(output, sample, seed=seed, workers=Workers(workers, scheduler, progress=show_progress()))
    show_written(path, as_json)


@main.command()
@click.argument("raw", type=path_type, nargs=-1, required=True, metavar="RAW...")
@output_file_option
@workers_option
@scheduler_option
@json_option
def features(raw: tuple[Path, ...], output: Path, workers: int, scheduler: str | None, as_json: bool) -> None:
    """Cluster RAW particles of the LHC Olympics layout into an event table."""
    from bumphunt.execution import Workers
    from bumphunt.jobs.ingest import write_features

    written = write_features(raw, output, workers=Workers(workers, scheduler, progress=show_progress()))
    show_written(Path(written), as_json)


@main.command()
@click.argument("name")
@click.option("--cache", type=path_type, help="Folder for downloads; otherwise $BUMPHUNT_CACHE or the user's cache.")
@json_option
def fetch(name: str, cache: Path | None, as_json: bool) -> None:
    """Download the public sample NAME and check its sum."""
    from bumphunt.sources.registry import fetch as fetch_file

    path = fetch_file(name, cache=cache, progress=show_progress())
    click.echo(json.dumps({"path": str(path)}) if as_json else str(path))
