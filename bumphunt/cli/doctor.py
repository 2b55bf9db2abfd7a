"""What is installed here, and what works."""

import json

import click

from bumphunt.cli.group import json_option, main


@main.command()
@json_option
def doctor(as_json: bool) -> None:
    """Tell versions, cores, memory and GPU, which optional parts work, and what to do about those that do not."""
    import warnings

    from bumphunt.jobs.doctor import diagnose

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other packages as they are imported
        found = diagnose()
    click.echo(json.dumps(found.to_dict()) if as_json else str(found))
