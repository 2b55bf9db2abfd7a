"""What all verbs share: the group, the options of one meaning and one name, errors in one line.

Exit status: 0 done, 2 the user's mistake (one line on standard error), 1 a fault of the program, 128 and the number of
the signal that ended it.
Heavy libraries are loaded inside the verbs, so that ``--help`` stays quick.
"""

import errno
import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from bumphunt import __version__
from bumphunt.address_space import check_room, take_buffers
from bumphunt.cli.hints import option_meant, verb_meant
from bumphunt.cli.signals import Terminated, termination
from bumphunt.cli.values import GivenPath, Number, WholeNumber
from bumphunt.errors import BumphuntError, InputError, as_line
from bumphunt.files import reason

if TYPE_CHECKING:
    from bumphunt.config import AnalysisConfig

MISTAKE, FAULT = 2, 1
INTERRUPTED, CLOSED_PIPE, TERMINATED = 130, 141, 143
"""What a shell reports of a program that SIGINT, SIGPIPE or SIGTERM has ended."""
STATUSES = {
    0: "done, whatever was found",
    FAULT: "a fault of the program: please report it",
    MISTAKE: "the input, an option or the disk: one line on standard error says what and how to go on",
    INTERRUPTED: "ended by Ctrl-C; `--resume` goes on",
    CLOSED_PIPE: "the program that read the output has ended",
    TERMINATED: "ended by SIGTERM; workers are stopped, and `--resume` goes on",
}
"""Exit statuses, as the documentation lists them."""


MOST_EVENTS, MOST_REPEATS, MOST_WORKERS = 1_000_000_000, 1_000_000, 4_096
"""More than anybody can mean: a slip of the hand ends in a line, and not in memory that runs out after hours."""

path_type = GivenPath(path_type=Path)
positive = Number(min=0, min_open=True)
events_argument = click.argument("events", type=path_type, nargs=-1, required=True, metavar="EVENTS...")
bad_rows_option = click.option(
    "--max-bad-rows",
    type=Number(min=0, max=1, max_open=True),
    default=0.01,
    show_default=True,
    help="Part of the rows that may be dropped for NaN or impossible values.",
)
output_folder_option = click.option(
    "--output", type=path_type, required=True, metavar="FOLDER", help="Folder to write into; made if missing."
)
output_file_option = click.option(
    "--output", type=path_type, required=True, metavar="FILE", help="File to write; its ending says in which format."
)
seed_option = click.option(
    "--seed", type=WholeNumber(0, 2**63 - 1), default=1, show_default=True, help="Seed of the run."
)
config_option = click.option("--config", "config_path", type=path_type, help="YAML; see `bumphunt config`.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
window_option = click.option(
    "--window", nargs=2, type=positive, required=True, metavar="LOW HIGH", help="Signal region in GeV."
)
workers_option = click.option(
    "--workers", type=WholeNumber(1, MOST_WORKERS), default=1, show_default=True, help="Local processes."
)
scheduler_option = click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, instead of local processes.")


@contextmanager
def report_errors() -> Iterator[None]:
    """End in one line on standard error and the exit status that belongs to it; print warnings as lines.

    Besides the errors of this package these are the refusals of the operating system (a full disk, a folder that
    cannot be written to, a closed pipe), memory that does not suffice, and input nested too deeply.
    """
    with warnings.catch_warnings(), termination():
        warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {as_line(message)}", err=True)
        try:
            yield
            sys.stdout.flush()
        except BrokenPipeError:
            _discard(sys.stdout)
            sys.exit(CLOSED_PIPE)
        except InputError as error:
            _end(str(error), MISTAKE)
        except BumphuntError as error:
            _end(f"{type(error).__name__}: {error}", FAULT)
        except OSError as error:
            if error.errno == errno.ENOSPC and error.filename is None:
                _discard(sys.stdout)
                _end("cannot write the output: no space left on device", MISTAKE)
            place = f"{error.filename}: " if error.filename is not None else ""
            _end(f"{place}{reason(error)}; no file was left half-written", MISTAKE)
        except MemoryError as error:
            said = f" ({error})" if str(error) else ""
            _end(f"not enough memory{said}; give fewer events or --workers", MISTAKE)
        except RecursionError:
            _end("the input is nested too deeply; check its brackets", MISTAKE)
        except (ImportError, RuntimeError) as error:
            if not any(said in str(error) for said in _NO_ROOM):
                raise
            _end(f"not enough memory ({error}); give fewer events or --workers, or raise its limit", MISTAKE)
        except Terminated:
            _end("terminated; repeat the command with --resume where it has one", TERMINATED)
        except KeyboardInterrupt:
            _end("interrupted; repeat the command with --resume where it has one", INTERRUPTED)


_NO_ROOM = ("failed to map segment", "annot allocate memory", "can't start new thread")
"""What is said of memory in other words than MemoryError: by the loader of libraries, and by threads."""


def _end(message: str, status: int) -> NoReturn:
    with suppress(OSError):
        click.echo(f"bumphunt: {as_line(message)}", err=True)
    sys.exit(status)


def _discard(stream: TextIO) -> None:
    """Send what is still to be written nowhere, or Python would complain about it once more at its very end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Verb(click.Command):
    """A verb that knows what a misused option wants, and is refused where its libraries find no room."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            told = f"{error.message} {option_meant(error.option_name, self.params)}".strip()
            raise click.NoSuchOption(error.option_name, told, ctx=ctx) from error
        except click.BadOptionUsage as error:
            told, wanted = error.message, [each for each in self.params if error.option_name in each.opts]
            if wanted and wanted[0].nargs > 1:
                told += f" Give them with blanks between: {error.option_name} {wanted[0].metavar}."
            raise click.BadOptionUsage(error.option_name, told, ctx=ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        if self.name != "config":
            check_room(what=f"bumphunt {self.name}")
            take_buffers()
        return super().invoke(ctx)


class _Commands(click.Group):
    """Verbs whose misuse, too, ends in one line and exit status 2."""

    command_class = _Verb

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            told = f"{error.message} Options of a verb follow it: `bumphunt VERB {error.option_name} ...`."
            raise click.NoSuchOption(error.option_name, told, ctx=ctx) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            told = f"No such command {args[0]!r}. {verb_meant(args[0], self.list_commands(ctx))}"
            raise click.UsageError(told.strip(), ctx)
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        plain: Callable[..., Any] = super().main
        if not kwargs.pop("standalone_mode", True):
            return plain(*args, standalone_mode=False, **kwargs)
        try:
            with report_errors():
                status = plain(*args, standalone_mode=False, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(MISTAKE)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx is not None else "bumphunt"
            words = path.removeprefix("python -m ").split()
            command = " ".join(["bumphunt", *words[1:]])  # however the program was started
            told = as_line(error.format_message())
            stop = "" if told.endswith((".", "?")) else "."
            click.echo(f"bumphunt: {told}{stop} See `{command} --help`.", err=True)
            sys.exit(MISTAKE)
        except click.Abort:
            _end("interrupted", INTERRUPTED)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        # nearer to the verb than click, which has its own way with Ctrl-C
        with report_errors():
            return super().invoke(ctx)


def show_progress() -> bool:
    """Tell whether somebody is looking: a terminal on standard error."""
    return sys.stderr.isatty()


def read_config(path: Path | None) -> "AnalysisConfig":
    """Return the configuration in a file, or the default."""
    from bumphunt.config import AnalysisConfig, load_config
    from bumphunt.errors import ConfigError, InputError
    from bumphunt.spectrum.families.registry import check_family

    if path is None:
        return AnalysisConfig()
    config = load_config(path)
    try:
        check_family(config.search.family)
    except InputError as error:
        raise ConfigError(f"{path}: search.family: {error}") from error
    return config


def show(result: Any, as_json: bool) -> None:
    """Print a result as text, or as JSON."""
    click.echo(json.dumps(result.to_dict()) if as_json else str(result))


def show_written(path: Path, as_json: bool, **more: Any) -> None:
    """Say which file was written, as text or as JSON with what else is known of it."""
    click.echo(json.dumps({"path": str(path), **more}) if as_json else f"wrote {path}")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bumphunt")
@click.option(
    "-v", "--verbose", is_flag=True, help="Say what is being done, and how long it takes; for logs without a bar."
)
def main(verbose: bool) -> None:
    """Search dijet events for a new particle: p-value, masses, number of signal events."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("bumphunt").setLevel(logging.INFO if verbose else logging.WARNING)
