"""Second opinions: the local significance that other scores see in the best window."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bumphunt.plots.style import BLACK, BLUE, GREY, RED, new_figure, plain, styled
from bumphunt.results import CrossCheck, WindowResult


@styled
def cross_checks(checks: Sequence[CrossCheck], *, reference: WindowResult | None = None) -> tuple[Figure, tuple[Axes]]:
    """Draw one horizontal bar per score, named with its observed and expected events.

    Parameters
    ----------
    checks : sequence of CrossCheck
        In the order in which they are to be listed.
    reference : WindowResult, optional
        The best window of the main analysis, drawn first in another colour.

    Returns
    -------
    figure, (axes,)
    """
    seen: list[tuple[str, CrossCheck | WindowResult, str]] = [
        (_name(check.name, check.orientation), check, BLUE) for check in checks
    ]
    if reference is not None:
        seen.insert(0, ("Main analysis", reference, RED))
    rows = [(name, r.z_local, r.n_observed, r.n_expected, r.n_expected_error, colour) for name, r, colour in seen]
    figure = new_figure(0.9 + 0.5 * max(len(rows), 1))
    axes = figure.add_subplot()
    significances = [z for _, z, *_ in rows if math.isfinite(z)]
    low, high = min([0.0, *significances]), max([5.0, *significances])
    for i, (_, z, *_, colour) in enumerate(rows):
        shown = "no number"
        if math.isfinite(z):
            axes.barh(i, z, height=0.6, color=colour, alpha=0.85)
            shown = f"{z:.1f} σ".replace("-", "−")
        axes.text(max(z, 0.0) + 0.015 * (high - low) if math.isfinite(z) else 0.1, i, shown, va="center", fontsize=10)
    axes.axvline(0.0, color=BLACK, linewidth=0.9)
    for level in (3.0, 5.0):
        axes.axvline(level, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    texts = [f"{name}\n{observed} on {expected:.1f} ± {error:.1f}" for name, _, observed, expected, error, _ in rows]
    axes.set_yticks(range(len(rows)), texts, fontsize=9.5)
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(low - (0.05 * (high - low) if low < 0 else 0.0), high + 0.2 * (high - low))
    axes.set_xlabel("Local significance in the best window [σ]")
    return figure, (axes,)


def _name(name: str, orientation: int) -> str:
    side = {1: "high end", -1: "low end"}.get(orientation, "")
    return plain(f"{name.replace('_', ' ')} ({side})" if side else name.replace("_", " "))
