"""Single stages of the analysis."""

import json
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from bumphunt.cli.group import (
    MOST_EVENTS,
    config_option,
    events_argument,
    json_option,
    main,
    output_file_option,
    path_type,
    positive,
    read_config,
    seed_option,
    show,
    show_written,
    window_option,
    workers_option,
)
from bumphunt.cli.values import WholeNumber
from bumphunt.errors import InputError


@main.command()
@events_argument
@output_file_option
@click.option("--window", nargs=2, type=positive, metavar="LOW HIGH", help="Signal region in GeV, to train on EVENTS.")
@click.option("--models", type=path_type, help="Models of `bumphunt run --save-models`, in place of training.")
@click.option("--same-events", is_flag=True, help="EVENTS are those of the models' run: give its scores bit for bit.")
@config_option
@seed_option
@json_option
@click.pass_context
def score(
    context: click.Context,
    events: tuple[Path, ...],
    output: Path,
    window: tuple[float, float] | None,
    models: Path | None,
    same_events: bool,
    config_path: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Score EVENTS out of fold for one signal region, or by saved models; higher is more anomalous."""
    from bumphunt.sources.tabular import write_table, writer_for

    writer_for(output)
    if models is not None:
        given = window is not None or config_path is not None
        if given or context.get_parameter_source("seed") is not ParameterSource.DEFAULT:
            raise InputError(
                "--models has its own window, configuration and seed; leave out --window, --config, --seed"
            )
        from bumphunt.jobs.apply_models import score_with_models

        scored = score_with_models(events, models=models, same_events=same_events)
    elif window is None or same_events:
        raise InputError("give --window LOW HIGH to train on EVENTS, or --models DIR for the models of a run")
    else:
        from bumphunt.jobs.single_stages import score_events

        scored = score_events(events, window=window, config=read_config(config_path), seed=seed)
    path = write_table(scored, output)
    n_scored = int(scored["anomaly_score"].notna().sum())
    show_written(path, as_json, rows=len(scored), scored=n_scored, columns=list(scored.columns))


@main.command()
@click.argument("spectrum", type=path_type, nargs=-1, required=True, metavar="SPECTRUM...")
@click.option(
    "--family",
    default="auto",
    show_default=True,
    help="dijet3, dijet4, dijet5, powexp, gp (Gaussian process), envelope (all of them) or auto.",
)
@click.option("--window", nargs=2, type=positive, metavar="LOW HIGH", help="Look at this one window only (GeV).")
@click.option(
    "--method",
    type=click.Choice(["counting", "q0", "bumphunter"]),
    default="counting",
    show_default=True,
    help="Window against sidebands, profile likelihood of a resonance, or BumpHunter statistic.",
)
@click.option("--deficit", is_flag=True, help="Look for a deficit (bumphunter only).")
@click.option(
    "--toys",
    type=WholeNumber(100, 10_000_000),
    default=1000,
    show_default=True,
    help="Toys for the global p-value.",
)
@click.option(
    "--luminosity",
    type=positive,
    help="Integrated luminosity in 1/fb; limits on cross sections.",
)
@config_option
@seed_option
@json_option
def scan(
    spectrum: tuple[Path, ...],
    family: str,
    window: tuple[float, float] | None,
    method: Literal["counting", "q0", "bumphunter"],
    deficit: bool,
    toys: int,
    luminosity: float | None,
    config_path: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Search SPECTRUM for a bump, without any score.

    SPECTRUM holds counts as JSON (- for standard input), a histogram (UHI JSON, file.root:name) or events.
    """
    from bumphunt.jobs.single_stages import scan_file
    from bumphunt.rng import generator
    from bumphunt.significance.summary import scan_summary, scan_text

    config = read_config(config_path)
    found = scan_file(
        spectrum[0] if len(spectrum) == 1 else spectrum,
        family=family,
        window=window,
        n_toys=toys,
        seed=seed,
        config=config,
        method=method,
        mode="deficit" if deficit else "excess",
    )
    summary = scan_summary(
        found,
        luminosity=luminosity or config.limit.luminosity,
        rng=generator(seed, "goodness"),
        thresholds=config.checks,
    )
    click.echo(json.dumps(summary) if as_json else scan_text(found, summary))


@main.command()
@events_argument
@window_option
@config_option
@seed_option
@json_option
def masses(
    events: tuple[Path, ...], window: tuple[float, float], config_path: Path | None, seed: int, as_json: bool
) -> None:
    """Fit the masses in one signal region of EVENTS, whatever its significance."""
    from bumphunt.jobs.single_stages import masses_in_window

    show(masses_in_window(events, window=window, config=read_config(config_path), seed=seed), as_json)


@main.command()
@events_argument
@output_file_option
@click.option("--number", type=WholeNumber(1, MOST_EVENTS), help="Events to draw; as many as trained on otherwise.")
@click.option(
    "--method",
    type=click.Choice(["mixture", "distribution"]),
    default="mixture",
    show_default=True,
    help="Gaussian mixture in many latent dimensions, or the best scipy distribution of a single one.",
)
@config_option
@seed_option
@workers_option
@json_option
def generate(
    events: tuple[Path, ...],
    output: Path,
    number: int | None,
    method: str,
    config_path: Path | None,
    seed: int,
    workers: int,
    as_json: bool,
) -> None:
    """Draw new events from a VAE trained on EVENTS."""
    from bumphunt.jobs.generation import generate_events
    from bumphunt.sources.tabular import write_table, writer_for

    writer_for(output)
    config = None if config_path is None else read_config(config_path)
    drawn, fit = generate_events(events, n_events=number, method=method, config=config, seed=seed, workers=workers)
    worst = max(fit["distances"], key=fit["distances"].get)
    path = write_table(drawn, output)
    if not as_json:
        click.echo(f"latent space: {fit['name']}; largest KS distance {fit['distances'][worst]:.4f} ({worst})")
    show_written(path, as_json, rows=len(drawn), latent_space=fit["name"], ks_distances=fit["distances"])
