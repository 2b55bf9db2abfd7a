"""What all verbs share: the group, the options of one meaning and one name, errors in one line.

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

path_type = click.Path(path_type=Path)
output_option = click.option("--output", type=path_type, required=True, help="What to write.")
seed_option = click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the run.")
config_option = click.option("--config", "config_path", type=path_type, help="YAML; see `bumphunt config`.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
window_option = click.option(
    "--window", nargs=2, type=float, required=True, metavar="LOW HIGH", help="Signal region in GeV."
)
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Local processes."
)
scheduler_option = click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, instead of local processes.")


def one_line(function: Callable[P, R]) -> Callable[P, R]:
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


def show_progress() -> bool:
    """Tell whether somebody is looking: a terminal on standard error."""
    return sys.stderr.isatty()


def read_config(path: Path | None) -> "AnalysisConfig":
    """Return the configuration in a file, or the default."""
    from bumphunt.config import AnalysisConfig, load_config

    return load_config(path) if path is not None else AnalysisConfig()


def show(result: Any, as_json: bool) -> None:
    """Print a result as text, or as JSON."""
    click.echo(json.dumps(result.to_dict()) if as_json else str(result))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bumphunt")
@click.option("-v", "--verbose", is_flag=True, help="Say what is being done.")
def main(verbose: bool) -> None:
    """Search dijet events for a new particle: p-value, masses, number of signal events."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("bumphunt").setLevel(logging.INFO if verbose else logging.WARNING)
