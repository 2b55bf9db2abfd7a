"""The background families by name, and the names that stand for a procedure.

A new family is one file with a :class:`~bumphunt.spectrum.families.base.Family` and one line below. This module loads
nothing but numpy, so that a config can be checked without waiting.
"""

import difflib
import re

from bumphunt.errors import InputError
from bumphunt.spectrum.families.base import Family
from bumphunt.spectrum.families.dijet import dijet3, dijet4, dijet5
from bumphunt.spectrum.families.power_exponential import powexp

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        dijet3,
        dijet4,
        dijet5,
        powexp,
    )
}
"""Parametric families by name."""

PROCEDURES = {
    "gp": "Gaussian process",
    "envelope": "all of them, profiled",
    "auto": "the simplest dijet form that suffices",
}
"""Names that stand for more than one formula, and for what."""

KERNEL = re.compile(r"gp(?:\(([0-9.eE+-]+),\s*([0-9.eE+-]+)\))?$")
"""A Gaussian process, with or without its kernel: ``gp`` or ``gp(length,amplitude)``."""


def family_names() -> tuple[str, ...]:
    """Return all names that can be asked for, but kernels.

    Examples
    --------
    >>> family_names()[0], family_names()[-3:]
    ('dijet3', ('gp', 'envelope', 'auto'))
    """
    return (*FAMILIES, *PROCEDURES)


def profiled_names() -> tuple[str, ...]:
    """Return the families that ``envelope`` profiles."""
    return tuple(family.name for family in FAMILIES.values() if family.profiled)


def check_family(name: str) -> str:
    """Return the name of a family or procedure as it is, or refuse it with the list of those there are.

    Parameters
    ----------
    name : str
        As it is asked for in a config or with ``--family``.

    Raises
    ------
    InputError
        If there is none of this name.

    Examples
    --------
    >>> check_family("dijet33")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    bumphunt.errors.InputError: unknown background family 'dijet33', did you mean 'dijet3'? There are dijet3, ...
    """
    if isinstance(name, str) and (name in family_names() or KERNEL.match(name)):
        return name
    raise unknown_family(name)


def parametric_family(name: str) -> Family:
    """Return the family called ``name``.

    Raises
    ------
    InputError
        If there is none, or the name stands for a procedure.
    """
    if name not in FAMILIES:
        raise unknown_family(name)
    return FAMILIES[name]


def unknown_family(name: object) -> InputError:
    """Return the error for a name that is no family, with the closest one that is."""
    shown = str(name)[:40]
    close = difflib.get_close_matches(shown, family_names(), n=1)
    hint = f", did you mean {close[0]!r}?" if close else ";"
    return InputError(f"unknown background family {shown!r}{hint} There are {', '.join(family_names())}")
