"""What the searched mass is called, and its unit: from the settings of a run into its results."""

import dataclasses
from typing import Any, TypeVar, cast

from bumphunt.results.base import Result

T = TypeVar("T")

DIJET_MASS = "dijet mass"
"""The label of the preset."""


def mass_named(config: dict[str, Any]) -> tuple[str, str]:
    """Return label and unit of the searched mass from the settings of a run.

    Examples
    --------
    >>> mass_named({"resonance": {"column": "m4l", "label": "four-lepton mass", "unit": "GeV"}})
    ('four-lepton mass', 'GeV')
    >>> mass_named({"resonance": {"column": "m4l", "label": "dijet mass"}}), mass_named({})
    (('m4l', 'GeV'), ('dijet mass', 'GeV'))
    """
    given = config.get("resonance")
    if not isinstance(given, dict):
        return DIJET_MASS, "GeV"
    column, label = given.get("column", "mjj"), given.get("label")
    if not label or (label == DIJET_MASS and column != "mjj"):
        label = DIJET_MASS if column == "mjj" else column
    return str(label), str(given.get("unit") or "GeV")


def name_mass(found: T, *, label: str, unit: str) -> T:
    """Return a result in which it and all that it holds name the searched mass so.

    Parameters
    ----------
    found : Result, tuple or anything else
        Results are looked through, tuples too; all else is returned as it is.
    label, unit : str
        Such as ``dimuon mass`` and ``GeV``.
    """
    named: Any = found
    if isinstance(named, tuple):
        renamed = tuple(name_mass(one, label=label, unit=unit) for one in named)
        named = found if all(a is b for a, b in zip(renamed, named, strict=True)) else renamed
    elif isinstance(named, Result):
        changes: dict[str, Any] = {}
        for field in dataclasses.fields(named):
            before = getattr(named, field.name)
            after = {"mass_label": label, "mass_unit": unit}.get(field.name)
            if after is None:
                after = name_mass(before, label=label, unit=unit)
            elif after == before:
                continue
            if after is not before:
                changes[field.name] = after
        named = dataclasses.replace(named, **changes) if changes else found
    return cast("T", named)
