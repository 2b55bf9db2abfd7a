"""Figures as SVG inside the page: colours that follow its scheme, and values on hover; no script is needed.

matplotlib writes letters as shapes, so that a figure needs no font. Colours become CSS variables with the drawn colour
as the fallback; identifiers get the figure's name, because all figures share one page.
"""

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots import style

COLOURS = {
    style.BLACK: "ink",
    style.BLUE: "blue",
    style.SKY: "sky",
    style.GREEN: "green",
    style.ORANGE: "orange",
    style.RED: "red",
    style.PURPLE: "purple",
    style.GREY: "grey",
    "#ffffff": "paper",
}
"""Colours of figures by the name of their CSS variable, ``--figure-NAME`` in ``report.css``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A column of a panel, in data coordinates of its horizontal axis, and what it says on hover."""

    low: float
    high: float
    text: str


def svg(figure: Figure, name: str, *, description: str, hover: Sequence[tuple[Axes, Sequence[Spot]]] = ()) -> str:
    """Return a figure as an SVG element for the page, the same for the same figure.

    Parameters
    ----------
    figure : Figure
        Laid out already, as :func:`bumphunt.report.figure_files.save` leaves it.
    name : str
        Prefix of all identifiers in it.
    description : str
        For those who cannot see it.
    hover : sequence of (Axes, spots)
        Columns of panels that show a text where a pointer rests.
    """
    width, height = (72.0 * float(inches) for inches in figure.get_size_inches())
    written = io.StringIO()
    with style.style(), matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = written.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = _own_identifiers(body, name)
    for colour, variable in COLOURS.items():
        body = re.sub(f"{colour}(?![0-9a-f])", f"var(--figure-{variable}, {colour})", body, flags=re.IGNORECASE)
    # a line break may stand between any two elements
    body = re.sub(r">\s+<", ">\n<", body).strip()
    spots = "".join(_spot(axes, spot, width, height) for axes, several in hover for spot in several)
    return (
        f'<svg class="drawn" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{html.escape(description)}">\n'
        f"{body}\n{spots}</svg>"
    )


def _own_identifiers(body: str, name: str) -> str:
    """Keep identifiers that something refers to, under the figure's name, and drop the others."""
    used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', body))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    body = re.sub(r'\sid="([^"]+)"', renamed, body)
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body)
    return re.sub(r"url\(#", f"url(#{name}-", body).replace("xlink:href=", "href=")


def _spot(axes: Axes, spot: Spot, width: float, height: float) -> str:
    figure = style.figure_of(axes)
    box = axes.get_window_extent().transformed(figure.transFigure.inverted())
    left, right = axes.get_xlim()
    ends = [
        box.x0 + box.width * min(max((end - left) / (right - left), 0.0), 1.0) for end in sorted((spot.low, spot.high))
    ]
    return (
        f'<rect class="spot" x="{width * ends[0]:.1f}" y="{height * (1.0 - box.y1):.1f}" '
        f'width="{width * (ends[1] - ends[0]):.1f}" height="{height * box.height:.1f}">'
        f"<title>{html.escape(spot.text)}</title></rect>\n"
    )
