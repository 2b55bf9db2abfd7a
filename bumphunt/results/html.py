"""The three answers and a small spectrum as HTML, for notebooks. Text is escaped; nothing is loaded or run."""

import html
import math
from typing import TYPE_CHECKING

import numpy as np

from bumphunt.results.rounding import mass_text

if TYPE_CHECKING:
    from bumphunt.results.analysis import Answers
    from bumphunt.results.spectra import SpectrumFit

WORDS = {
    "none": "nothing found",
    "evidence": "evidence",
    "discovery": "discovery",
    "unverified_excess": "unverified excess",
}
WIDTH, HEIGHT, MARGIN = 420, 170, 26


def answers_html(answers: "Answers", spectrum: "SpectrumFit | None" = None) -> str:
    """Return the three answers as a small table, and below it the spectrum where one is given."""
    unverified = " (not verified)" if answers.masses_verified is False else ""
    tested = "" if answers.tested_to is None else f"; calibrated to {answers.tested_to:.1f} σ"
    rows = [
        ("Is there a new particle?", f"{WORDS.get(answers.status, answers.status)}: {answers.z_global:.1f} σ global "
         f"(p {'≤' if answers.is_bound else '='} {answers.p_global:.2g}), {answers.z_local:.1f} σ local{tested}"),
        ("What are the masses?", "none to give"),
        ("How many signal events?", "none to give" if answers.n_signal is None else str(answers.n_signal)),
    ]  # fmt: skip
    if answers.m_resonance is not None:
        named = (("m_X", answers.m_x), ("m_Y", answers.m_y))
        unit = answers.mass_unit
        masses = [f"{answers.m_resonance} {unit}", *(f"{name} {value} {unit}" for name, value in named if value)]
        rows[1] = (rows[1][0], ", ".join(masses) + unverified)
    if answers.n_signal is None and answers.upper_limit is not None:
        rows[2] = (rows[2][0], f"none to give; at most {answers.upper_limit['n_signal_95']:.0f} (95 % CLs)")
    cells = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(question)}</th>'
        f'<td style="text-align:left">{html.escape(answer)}</td></tr>'
        for question, answer in rows
    )
    return f"<table><tbody>{cells}</tbody></table>" + ("" if spectrum is None else spectrum_svg(spectrum))


def spectrum_svg(fit: "SpectrumFit") -> str:
    """Return a small inline SVG: events per bin as points, the background fit as a line, the window shaded."""
    counts, expected, edges = (np.asarray(a, dtype=np.float64) for a in (fit.counts, fit.expected, fit.edges))
    positive = np.concatenate([counts[counts > 0], expected[expected > 0]])
    if not len(positive):
        return ""
    low, high = math.log10(max(float(positive.min()), 0.3) * 0.7), math.log10(float(positive.max()) * 1.5)
    span = max(high - low, 1e-9)

    def x(mass: float) -> float:
        return float(MARGIN + (WIDTH - 2 * MARGIN) * (mass - edges[0]) / (edges[-1] - edges[0]))

    def y(value: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(max((math.log10(max(value, 1e-9)) - low) / span, 0.0), 1.0)

    centres, unit = 0.5 * (edges[1:] + edges[:-1]), html.escape(fit.mass_unit)
    line = " ".join(f"{x(m):.1f},{y(b):.1f}" for m, b in zip(centres, expected, strict=True))
    points = "".join(
        f'<circle cx="{x(m):.1f}" cy="{y(n):.1f}" r="2">'
        f"<title>{mass_text(m)} {unit}: {n:.0f} events, {b:.1f} expected</title></circle>"
        for m, n, b in zip(centres, counts, expected, strict=True)
        if n > 0
    )
    shaded = "".join(
        f'<rect x="{x(edges[i]):.1f}" y="{MARGIN}" width="{x(edges[i + 1]) - x(edges[i]):.1f}" '
        f'height="{HEIGHT - 2 * MARGIN}" fill="#E69F00" fill-opacity="0.25"/>'
        for i in np.flatnonzero(fit.masked)
    )
    bottom, name = HEIGHT - 8, html.escape(fit.mass_label)
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-size="11" '
        f'fill="currentColor" aria-label="Spectrum of the {name} with its background fit">{shaded}'
        f'<polyline points="{line}" fill="none" stroke="#0072B2" stroke-width="1.5"/>{points}'
        f'<text x="{MARGIN}" y="{bottom}">{mass_text(edges[0])}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{bottom}" text-anchor="end">{mass_text(edges[-1])} {unit}</text>'
        f'<text x="{MARGIN}" y="14">{name}: {counts.sum():.0f} events, log scale</text></svg>'
    )
