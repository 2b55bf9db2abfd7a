"""What was tried over many masses: significances in the plane of the daughters, limits along the resonance's mass."""

from dataclasses import dataclass

import numpy as np

from bumphunt.results.base import FloatArray, Result
from bumphunt.results.rounding import mass_text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HypothesisMap(Result):
    """Local p-values of signal hypotheses on a grid of daughter masses, GeV.

    ``m_x`` (columns,) and ``m_y`` (rows,) are the tried masses of the heavier and lighter daughter; ``p_local`` and
    ``z_local`` have shape (rows, columns), NaN where a point was not tried. ``m_resonance`` is the mass of the
    resonance at which the plane was cut, or None where each point has the best of its own.
    """

    m_x: FloatArray
    m_y: FloatArray
    p_local: FloatArray
    z_local: FloatArray
    m_resonance: float | None = None

    def __str__(self) -> str:
        if not np.isfinite(self.z_local).any():
            return f"no hypothesis of {self.z_local.size} was tried"
        row, column = np.unravel_index(int(np.nanargmax(self.z_local)), self.z_local.shape)
        return (
            f"largest of {int(np.isfinite(self.z_local).sum())} hypotheses: {self.z_local[row, column]:.2f} sigma "
            f"local at m_x = {self.m_x[column]:.0f} GeV, m_y = {self.m_y[row]:.0f} GeV"
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimitCurve(Result):
    """95 % CLs upper limits along the mass of the resonance, in ``mass_unit``.

    ``observed`` (masses,) and ``expected`` (masses, 5) at -2, -1, 0, +1, +2 standard deviations without signal, in
    ``unit`` (``events`` or ``fb``) of ``quantity``; ``theory`` (masses,) is a predicted cross section to compare with;
    ``label`` says of what signal.
    """

    mass: FloatArray
    observed: FloatArray
    expected: FloatArray
    quantity: str = "signal events"
    unit: str = "events"
    theory: FloatArray | None = None
    theory_name: str = ""
    label: str = ""
    mass_unit: str = "GeV"

    def __str__(self) -> str:
        return "\n".join(
            f"{mass_text(mass)} {self.mass_unit}: {observed:.4g} {self.unit} (expected {expected[2]:.4g})"
            for mass, observed, expected in zip(self.mass, self.observed, self.expected, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowLimits(Result):
    """95 % CLs upper limits on signal events that pass a cut and lie in a signal region, a row each.

    ``low``, ``high``, ``cut_fraction`` and ``observed`` (rows,); ``expected`` (rows, 5) at -2 … 2 standard deviations
    without signal. ``m_x`` and ``m_y`` (rows,), in GeV, are the hypotheses that the prior-assisted search selected by.
    """

    low: FloatArray
    high: FloatArray
    cut_fraction: FloatArray
    observed: FloatArray
    expected: FloatArray
    m_x: FloatArray | None = None
    m_y: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimitPlane(Result):
    """Limits over the masses of the daughters at one mass of the resonance, all in GeV.

    ``m_x``, ``m_y``, ``observed`` and ``expected`` (the median) have shape (points,), in ``unit`` of ``quantity``.
    """

    m_resonance: float
    m_x: FloatArray
    m_y: FloatArray
    observed: FloatArray
    expected: FloatArray
    quantity: str = "signal events"
    unit: str = "events"
