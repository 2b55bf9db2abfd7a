"""What a figure of the page says where a pointer rests: the numbers of a bin, or of a window."""

import math

import numpy as np

from bumphunt.plots.marks import signed_pulls
from bumphunt.report.formats import count, fraction, mass_range, p_value, sigma, with_error
from bumphunt.report.inline import Spot
from bumphunt.results import ScanResult, SpectrumFit


def spectrum_spots(fit: SpectrumFit) -> list[Spot]:
    """Return range, events, expectation and pull of each bin of a spectrum."""
    pulls = signed_pulls(fit.counts, fit.expected)
    rows = zip(fit.edges[:-1], fit.edges[1:], fit.counts, fit.expected, fit.error, pulls, fit.masked, strict=True)
    spots = []
    for low, high, n, expected, error, pull, masked in rows:
        lines = [
            f"{mass_range(low, high)} {fit.mass_unit}",
            f"observed {count(n)}",
            f"expected {with_error(float(expected), float(error))}",
            f"pull {sigma(float(pull))}",
        ]
        if masked:
            lines.append("left out of the fit")
        spots.append(Spot(low=float(low), high=float(high), text="\n".join(lines)))
    return spots


def window_spots(scan: ScanResult) -> list[Spot]:
    """Return, for each window, what every cut found; a column reaches half-way to the neighbouring windows."""
    groups: dict[tuple[float, float], list[str]] = {}
    for window in sorted(scan.windows, key=lambda one: (one.centre, -one.cut_fraction)):
        found = (
            f"{sigma(window.z_local)} (p = {p_value(window.p_local)}), {count(window.n_observed)} on "
            f"{with_error(window.n_expected, window.n_expected_error)}"
            if math.isfinite(window.z_local) and not window.note
            else f"not searched: {window.note}"
        )
        groups.setdefault((window.low, window.high), []).append(f"{fraction(window.cut_fraction)} kept: {found}")
    places = list(groups)
    if not places:
        return []
    centres = np.array([0.5 * (low + high) for low, high in places])
    between = 0.5 * (centres[1:] + centres[:-1])
    lows, highs = np.append(places[0][0], between), np.append(between, places[-1][1])
    return [
        Spot(low=float(a), high=float(b), text="\n".join([f"{mass_range(low, high)} {scan.mass_unit}", *lines]))
        for a, b, ((low, high), lines) in zip(lows, highs, groups.items(), strict=True)
    ]
