"""A response of one's own detector."""

import json
from pathlib import Path

import click

from bumphunt.cli.group import MOST_EVENTS, json_option, main, output_file_option, path_type
from bumphunt.cli.values import WholeNumber


@main.command()
@click.argument("signal", type=path_type, nargs=-1, required=True, metavar="SIGNAL...")
@output_file_option
@click.option("--varied", type=path_type, multiple=True, help="Signal of another detector, at some of the masses.")
@click.option("--background", type=path_type, multiple=True, help="Background, to compare jet masses of data with.")
@click.option(
    "--events", type=WholeNumber(1, MOST_EVENTS), default=5000, show_default=True, help="Events kept of each point."
)
@json_option
def response(
    signal: tuple[Path, ...],
    output: Path,
    varied: tuple[Path, ...],
    background: tuple[Path, ...],
    events: int,
    as_json: bool,
) -> None:
    """Make a response of simulated SIGNAL, for masses.response in the configuration.

    True masses (GeV) stand in the columns m_resonance, m_x and m_y, or in the names of the files, as in
    signal_3500_500_100.parquet. At least six points of masses are needed.
    """
    from bumphunt.jobs.response import make_response

    found = make_response(
        signal, output=output, varied=varied or None, most_events=events, background=background or None
    )
    click.echo(json.dumps(found.to_dict()) if as_json else f"{found}\nwrote {output}")
