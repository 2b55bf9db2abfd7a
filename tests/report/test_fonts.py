"""What of a font is in a PDF, and that fonts elsewhere are left as they are."""

import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import fontTools.ttLib
import matplotlib

from bumphunt.plots.style import new_figure, style
from bumphunt.report.figure_files import save
from bumphunt.report.fonts import EMPTY, without_typesetting


def test_fonts_in_a_pdf_hold_letters_and_no_rules_of_typesetting(tmp_path: Path) -> None:
    with style():
        figure = new_figure(2.0)
        figure.add_subplot().set_xlabel("Office of fjords σ − 10⁻³ $m_{jj}$")
    pdf, _ = save(figure, tmp_path / "letters")
    fonts = list(embedded(pdf.read_bytes()))
    assert 2 <= len(fonts) <= 3
    for font in fonts:
        assert {"glyf", "head", "hhea", "hmtx", "loca", "maxp"} <= set(font.keys())
        assert font["maxp"].numGlyphs < 60
        assert not any(rules.table.LookupList for rules in (font[tag] for tag in ("GPOS", "GSUB") if tag in font))
    assert matplotlib.rcParams["ps.fonttype"] == 3, "the user's settings are as they were"


def test_fonts_elsewhere_keep_their_tables() -> None:
    usual = [fontTools.ttLib.getTableClass(tag) for tag in EMPTY]
    with without_typesetting():
        assert [fontTools.ttLib.getTableClass(tag) for tag in EMPTY] == list(EMPTY.values())
    assert [fontTools.ttLib.getTableClass(tag) for tag in EMPTY] == usual


def embedded(pdf: bytes) -> Iterator[fontTools.ttLib.TTFont]:
    """Yield the fonts of a PDF: the streams with the length of a font's file."""
    for match in re.finditer(rb"/Length1 \d+[^>]*>>\s*stream\r?\n", pdf):
        data = zlib.decompressobj().decompress(pdf[match.end() :])
        yield fontTools.ttLib.TTFont(io.BytesIO(data))
