"""A HEPData submission on disk: tables and other files by hepdata-lib, checked by hepdata-validator."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bumphunt.errors import InputError, MissingExtraError
from bumphunt.jobs.record_columns import RecordTable, Setting, Value, Variable

DIGITS = 6
"""Significant digits of what was computed; counts and edges keep theirs."""

EXACT = 12
"""Significant digits of counts and edges, of which hepdata-lib would keep five."""

THUMBNAIL = (240, 179)
"""Largest width and height of a thumbnail in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A file of the submission beside its tables: name, what it is, and its type in HEPData's words, if any."""

    name: str
    description: str
    file_type: str | None = None


def write_submission(
    folder: Path,
    tables: Sequence[RecordTable],
    *,
    setting: Setting,
    abstract: str,
    resources: Sequence[Resource],
    figures: Path,
) -> None:
    """Write ``submission.yaml`` and a data file a table into a folder that holds the resources already.

    Parameters
    ----------
    folder : path
        An existing folder.
    tables : sequence of RecordTable
        In the order of the record.
    setting : Setting
        What all tables share.
    abstract : str
        Of the record.
    resources : sequence of Resource
        All other files in the folder.
    figures : path
        Where PNG figures are looked for; those that are there go along with a thumbnail.

    Raises
    ------
    MissingExtraError
        If hepdata-lib is not installed.
    InputError
        If hepdata-validator finds fault with what was written.
    """
    with hepdata_lib() as library:
        submission = library.Submission()
        for resource in resources:
            submission.add_additional_resource(resource.description, resource.name, file_type=resource.file_type)
        head = {
            "comment": abstract,
            "data_license": submission.get_license(),
            "additional_resources": submission.additional_resources,
        }
        # Submission.create_files leaves an archive in the current folder, and makes thumbnails with ImageMagick
        text = yaml.safe_dump(head, default_flow_style=False, explicit_start=True)
        (folder / "submission.yaml").write_text(text, "utf-8")
        for table in tables:
            _table(library, table, setting, folder, figures).write_yaml(str(folder))
        check_submission(folder)


def check_submission(folder: Path) -> None:
    """Let hepdata-validator look at a submission.

    Raises
    ------
    InputError
        With the first fault.
    """
    with hepdata_lib():
        from hepdata_validator.full_submission_validator import FullSubmissionValidator

        validator = FullSubmissionValidator()
        if not validator.validate(directory=str(folder)):
            found = [str(message) for messages in validator.get_messages().values() for message in messages]
            raise InputError(
                f"hepdata-validator finds fault with the record ({len(found)} messages): {found[0] if found else ''}; "
                "repair the saved results, or report this"
            )


@contextmanager
def hepdata_lib() -> Iterator[Any]:
    """Give the library, or say which extra it comes with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ResourceWarning)  # the validator leaves the files it has read open
        try:
            import hepdata_lib as library
            import hepdata_validator  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(error.name or "hepdata_lib", "publish", "writing a HEPData record") from error
        yield library


def _table(library: Any, table: RecordTable, setting: Setting, folder: Path, figures: Path) -> Any:
    written = library.Table(table.name)
    written.description = table.description
    written.location = f"bumphunt, {table.name.lower()}"
    written.keywords = {"reactions": [setting.reaction], "observables": [table.observable]}
    if setting.sqrt_s is not None:
        written.keywords["cmenergies"] = [f"{setting.sqrt_s:g}"]
    for variable in table.independent:
        written.add_variable(_variable(library, variable, independent=True))
    for variable in table.dependent:
        column = _variable(library, variable, independent=False)
        for name, value, units in setting.qualifiers():
            column.add_qualifier(name, value, units)
        written.add_variable(column)
    for name, text in _images(table, folder, figures):
        written.add_additional_resource(text, name)
    return written


def _variable(library: Any, variable: Variable, *, independent: bool) -> Any:
    column = library.Variable(
        variable.name,
        is_independent=independent,
        is_binned=variable.binned,
        units=variable.units,
        zero_uncertainties_warning=False,
    )
    column.values = list(variable.values)
    column.digits = EXACT if variable.binned or all(map(_exact, variable.values)) else DIGITS
    for label, errors in variable.errors.items():
        symmetric = not any(isinstance(error, tuple) for error in errors)
        uncertainty = library.Uncertainty(label, is_symmetric=symmetric)
        uncertainty.values = list(errors)
        column.add_uncertainty(uncertainty)
    return column


def _exact(value: Value) -> bool:
    return isinstance(value, int | str)


def _images(table: RecordTable, folder: Path, figures: Path) -> list[tuple[str, str]]:
    """Put the figure of a table and its thumbnail into the folder, and return their names with what they are."""
    source = None if table.figure is None else figures / f"{table.figure}.png"
    if source is None or not source.is_file():
        return []
    from PIL import Image

    name = source.name
    (folder / name).write_bytes(source.read_bytes())
    with Image.open(source) as picture:
        small = picture.convert("RGB")
        small.thumbnail(THUMBNAIL)
        small.save(folder / f"thumb_{name}", format="PNG")
    return [(name, "Image file"), (f"thumb_{name}", "Thumbnail image file")]
