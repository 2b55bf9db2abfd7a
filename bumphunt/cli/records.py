"""What others can use of a run: its record, and its score for new events."""

import json
from pathlib import Path

import click

from bumphunt.cli.group import json_option, main, path_type


@main.command()
@click.argument("directory", type=path_type)
@click.option("--title", default="Search for a resonance with bumphunt", show_default=True, help="Of the record.")
@click.option("--author", "authors", multiple=True, metavar="NAME", help="Of the record, to be cited; repeatable.")
@json_option
def publish(directory: Path, title: str, authors: tuple[str, ...], as_json: bool) -> None:
    """Write a HEPData record and the likelihoods in HS3 of the finished run in DIRECTORY."""
    from bumphunt.jobs.publish import publish as write_record

    done = write_record(directory, title=title, authors=authors)
    click.echo(json.dumps(done.to_dict()) if as_json else str(done))
