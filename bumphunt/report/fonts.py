"""Fonts in PDF files without the tables that only a typesetter needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fontTools.subset  # gives the usual classes of tables methods, and so comes before others take their place
import fontTools.ttLib
from fontTools.ttLib.tables import otTables

Placing, Replacing, Codes = (fontTools.ttLib.getTableClass(tag) for tag in ("GPOS", "GSUB", "cmap"))


class EmptyPlacing(Placing):  # type: ignore[misc, valid-type]
    """No rules of placing letters."""

    def decompile(self, data: bytes, font: Any) -> None:
        """Take nothing from the file."""
        self.table = _no_rules(otTables.GPOS())


class EmptyReplacing(Replacing):  # type: ignore[misc, valid-type]
    """No rules of replacing letters."""

    def decompile(self, data: bytes, font: Any) -> None:
        """Take nothing from the file."""
        self.table = _no_rules(otTables.GSUB())


class EmptyCodes(Codes):  # type: ignore[misc, valid-type]
    """No letters for codes."""

    def decompile(self, data: bytes, font: Any) -> None:
        """Take nothing from the file."""
        self.tableVersion, self.tables = 0, list[Any]()


EMPTY = {"GPOS": EmptyPlacing, "GSUB": EmptyReplacing, "cmap": EmptyCodes}
"""Tables that no reader of a PDF uses: the file says itself where which letter stands, and what its code is."""


def _no_rules(table: Any) -> Any:
    table.Version = 0x00010000
    table.ScriptList = table.FeatureList = table.LookupList = None
    return table


@contextmanager
def without_typesetting() -> Iterator[None]:
    """Take the tables of :data:`EMPTY` as empty in fonts that are embedded inside a ``with`` block.

    Reading them takes two thirds of the time in which a font is reduced to the letters that are used.
    """
    for tag, empty in EMPTY.items():
        fontTools.ttLib.registerCustomTableClass(tag, __name__, empty.__name__)
    try:
        yield
    finally:
        for tag in EMPTY:
            fontTools.ttLib.unregisterCustomTableClass(tag)
