"""Docstrings name things by Sphinx roles; the site shows these names as code."""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|mod|meth|data|attr|exc|obj):`~?\.?([^`]+)`")


def plain(text: str) -> str:
    """Return a docstring with ``:func:`bumphunt.hunt``` as code.

    Examples
    --------
    >>> plain("see :func:`bumphunt.hunt`")
    'see `bumphunt.hunt`'
    """
    return _ROLE.sub(r"`\1`", text)


class Roles(griffe.Extension):
    """Rewrites each docstring as it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = plain(obj.docstring.value)
