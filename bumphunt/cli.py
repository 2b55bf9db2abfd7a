"""The command line: one verb a stage, each a few lines around one call of the library.

Exit status: 0 done, 2 the user's mistake (one line on standard error), 1 a fault of the program.
Heavy libraries are loaded inside the verbs, so that ``--help`` stays quick.
"""

import json
import logging
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from bumphunt import __version__
from bumphunt.errors import BumphuntError, InputError

if TYPE_CHECKING:
    from bumphunt.config import AnalysisConfig

P = ParamSpec("P")
R = TypeVar("R")

MISTAKE, FAULT = 2, 1

_path = click.Path(path_type=Path)
output_option = click.option("--output", type=_path, required=True, help="What to write.")
seed_option = click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the run.")
config_option = click.option("--config", "config_path", type=_path, help="YAML; see `bumphunt config`.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
window_option = click.option(
    "--window", nargs=2, type=float, required=True, metavar="LOW HIGH", help="Signal region in GeV."
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Local processes."
)
scheduler_option = click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, instead of local processes.")


def _one_line(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the user's mistakes into one line and exit status 2, and warnings into lines."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {message}", err=True)
            try:
                return function(*args, **kwargs)
            except InputError as error:
                click.echo(f"bumphunt: {' '.join(str(error).split())}", err=True)
                sys.exit(MISTAKE)
            except BumphuntError as error:
                click.echo(f"bumphunt: {type(error).__name__}: {' '.join(str(error).split())}", err=True)
                sys.exit(FAULT)
            except KeyboardInterrupt:
                click.echo("bumphunt: interrupted; repeat the command with --resume where it has one", err=True)
                sys.exit(FAULT)

    return wrapper


class _Commands(click.Group):
    """Verbs whose misuse, too, ends in one line and exit status 2."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        plain: Callable[..., Any] = super().main
        if not kwargs.pop("standalone_mode", True):
            return plain(*args, standalone_mode=False, **kwargs)
        try:
            status = plain(*args, standalone_mode=False, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(MISTAKE)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx is not None else "bumphunt"
            text = " ".join(error.format_message().split())
            click.echo(f"bumphunt: {text} See `{command} --help`.", err=True)
            sys.exit(MISTAKE)
        except click.Abort:
            click.echo("bumphunt: interrupted", err=True)
            sys.exit(FAULT)
        sys.exit(status if isinstance(status, int) else 0)


def _progress() -> bool:
    return sys.stderr.isatty()


def _config(path: Path | None) -> "AnalysisConfig":
    from bumphunt.config import AnalysisConfig, load_config

    return load_config(path) if path is not None else AnalysisConfig()


def _show(result: Any, as_json: bool) -> None:
    click.echo(json.dumps(result.to_dict()) if as_json else str(result))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bumphunt")
@click.option("-v", "--verbose", is_flag=True, help="Say what is being done.")
def main(verbose: bool) -> None:
    """Search dijet events for a new particle: p-value, masses, number of signal events."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("bumphunt").setLevel(logging.INFO if verbose else logging.WARNING)


@main.command()
@click.argument("events", type=_path)
@output_option
@config_option
@seed_option
@workers_option
@scheduler_option
@click.option("--resume", is_flag=True, help="Go on where an interrupted run of the same request stopped.")
@click.option("--blind", is_flag=True, help="Expected results only, without looking at the signal regions.")
@json_option
@_one_line
def run(
    events: Path,
    output: Path,
    config_path: Path | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    resume: bool,
    blind: bool,
    as_json: bool,
) -> None:
    """Run the whole analysis on EVENTS and print the three answers."""
    if blind:
        raise InputError("--blind is not available yet; leave it out, or use `bumphunt scan` on sideband data")
    from bumphunt.pipeline.run import run_analysis

    result = run_analysis(
        events,
        output=output,
        config=_config(config_path),
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        resume=resume,
        progress=_progress(),
    )
    _show(result, as_json)
    click.echo(f"report: {output / 'report.html'}", err=True)


@main.command("config")
@_one_line
def show_config() -> None:
    """Print the commented default configuration."""
    from bumphunt.config import default_yaml

    click.echo(default_yaml(), nl=False)


@main.command()
@output_option
@click.option(
    "--preset", type=click.Choice(["lhco-rnd", "blackbox-like", "empty-box", "shifted"]), help="A known sample."
)
@click.option("--background", type=click.IntRange(min=0), help="QCD events after the trigger.")
@click.option("--signal", type=click.IntRange(min=0), help="Signal events after the trigger.")
@click.option("--masses", nargs=3, type=float, metavar="MZ MX MY", help="Masses of Z', X and Y in GeV.")
@click.option("--prongs", type=click.IntRange(2, 3), default=2, show_default=True, help="Quarks in a daughter's decay.")
@click.option(
    "--widths",
    nargs=3,
    type=float,
    metavar="WZ WX WY",
    help="Widths of Z', X and Y over their masses, up to 0.3; those of the official R&D sample otherwise.",
)
@seed_option
@workers_option
@scheduler_option
@click.option("--raw", is_flag=True, help="Write particles in the LHC Olympics raw layout.")
@click.option("--hide-truth", is_flag=True, help="Leave out the label column; truth goes to a JSON beside the file.")
@_one_line
def simulate(
    output: Path,
    preset: str | None,
    background: int | None,
    signal: int | None,
    masses: tuple[float, float, float] | None,
    prongs: int,
    widths: tuple[float, float, float] | None,
    seed: int,
    workers: int,
    scheduler: str | None,
    raw: bool,
    hide_truth: bool,
) -> None:
    """Simulate dijet events; an interrupted run goes on when repeated."""
    from bumphunt.simulation.presets import PRESETS
    from bumphunt.simulation.samples import simulate_sample

    chosen = PRESETS[preset] if preset else None
    if chosen is None and background is None and signal is None:
        raise InputError("nothing to simulate; give --preset, or --background and --signal")
    nominal = PRESETS["lhco-rnd"]
    path = simulate_sample(
        output,
        background=background if background is not None else (chosen.background if chosen else 0),
        signal=signal if signal is not None else (chosen.signal if chosen else 0),
        masses=masses or (chosen.masses if chosen else None),
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        prongs=prongs,
        widths=widths,
        raw=raw,
        hide_truth=hide_truth or (chosen.hide_truth if chosen else False),
        progress=_progress(),
        detector=(chosen or nominal).detector,
        shower=(chosen or nominal).shower,
    )
    click.echo(f"wrote {path}")


@main.command()
@click.argument("raw", type=_path)
@output_option
@_one_line
def features(raw: Path, output: Path) -> None:
    """Cluster RAW particles of the LHC Olympics layout into an event table."""
    from bumphunt.pipeline.ingest import write_features

    click.echo(f"wrote {write_features(raw, output, progress=_progress())}")


@main.command()
@click.argument("name")
@click.option("--cache", type=_path, help="Folder for downloads; otherwise $BUMPHUNT_CACHE or the user's cache.")
@_one_line
def fetch(name: str, cache: Path | None) -> None:
    """Download the public sample NAME and check its sum."""
    from bumphunt.sources.registry import fetch as fetch_file

    click.echo(str(fetch_file(name, cache=cache, progress=_progress())))


@main.command()
@click.argument("events", type=_path)
@output_option
@window_option
@config_option
@seed_option
@_one_line
def score(events: Path, output: Path, window: tuple[float, float], config_path: Path | None, seed: int) -> None:
    """Score EVENTS out of fold for one signal region; higher is more anomalous."""
    from bumphunt.pipeline.stages import score_events
    from bumphunt.sources.tabular import write_table, writer_for

    writer_for(output)
    scored = score_events(events, window=window, config=_config(config_path), seed=seed)
    click.echo(f"wrote {write_table(scored, output)}")


@main.command()
@click.argument("spectrum", type=_path)
@click.option("--family", default="auto", show_default=True, help="dijet3, dijet4, dijet5, powexp or auto.")
@click.option("--window", nargs=2, type=float, metavar="LOW HIGH", help="Look at this one window only (GeV).")
@click.option(
    "--toys", type=click.IntRange(min=100), default=1000, show_default=True, help="Toys for the global p-value."
)
@seed_option
@json_option
@_one_line
def scan(spectrum: Path, family: str, window: tuple[float, float] | None, toys: int, seed: int, as_json: bool) -> None:
    """Search SPECTRUM (counts as JSON, or events) for a bump, without any score."""
    from bumphunt.pipeline.stages import scan_file

    found = scan_file(spectrum, family=family, window=window, n_toys=toys, seed=seed)
    if as_json:
        best = found.best_window
        fit = best.fit.to_dict() if best is not None and best.fit is not None else None
        summary = {key: value for key, value in found.to_dict().items() if key != "windows"}
        window_found = None if best is None else {k: v for k, v in best.to_dict().items() if k != "fit"}
        click.echo(json.dumps({**summary, "window": window_found, "fit": fit}))
    else:
        click.echo(str(found))
        if found.best_window is not None and found.best_window.fit is not None:
            click.echo(f"background {found.best_window.fit}; global p-value from {found.p_global_method}")


@main.command()
@click.argument("events", type=_path)
@window_option
@config_option
@seed_option
@json_option
@_one_line
def masses(events: Path, window: tuple[float, float], config_path: Path | None, seed: int, as_json: bool) -> None:
    """Fit the masses in one signal region of EVENTS, whatever its significance."""
    from bumphunt.pipeline.stages import masses_in_window

    _show(masses_in_window(events, window=window, config=_config(config_path), seed=seed), as_json)


@main.command()
@click.argument("events", type=_path)
@output_option
@click.option("--number", type=click.IntRange(min=1), help="Events to draw; as many as trained on otherwise.")
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
@_one_line
def generate(
    events: Path, output: Path, number: int | None, method: str, config_path: Path | None, seed: int, workers: int
) -> None:
    """Draw new events from a VAE trained on EVENTS."""
    from bumphunt.pipeline.generation import generate_events
    from bumphunt.sources.tabular import write_table, writer_for

    writer_for(output)
    config = None if config_path is None else _config(config_path)
    drawn, fit = generate_events(events, n_events=number, method=method, config=config, seed=seed, workers=workers)
    worst = max(fit["distances"], key=fit["distances"].get)
    click.echo(f"latent space: {fit['name']}; largest KS distance {fit['distances'][worst]:.4f} ({worst})")
    click.echo(f"wrote {write_table(drawn, output)}")


@main.command()
@click.argument("directory", type=_path)
@_one_line
def report(directory: Path) -> None:
    """Draw the figures and report of a finished run in DIRECTORY again."""
    from bumphunt.report.html import write_report

    click.echo(f"wrote {write_report(directory)}")
