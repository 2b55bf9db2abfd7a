"""What a search that assumes a kind of signal found: significance over the plane of the daughters' masses."""

from dataclasses import dataclass

import numpy as np

from bumphunt.results.base import FloatArray, Result
from bumphunt.results.maps import HypothesisMap


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HypothesisScan(Result):
    """One window (low, high in GeV) of the prior-assisted search, over hypotheses of the daughters' masses.

    ``m_x`` and ``m_y`` are the masses in GeV that were tried for the heavier and the lighter daughter; ``z_local``
    (m_x, m_y) is the significance of events weighted by their rank, NaN where m_y is above m_x. ``best_m_x`` and
    ``best_m_y`` are those of the largest; of its purest events, a part ``cut_fraction`` of all, there are
    ``n_observed`` in the window on ``n_expected`` of standard error ``n_expected_error``. ``null_median`` is the
    median of the largest over all windows and hypotheses without signal, ``p_global`` the probability that it
    reaches this window's.
    """

    low: float
    high: float
    m_x: FloatArray
    m_y: FloatArray
    z_local: FloatArray
    best_m_x: float
    best_m_y: float
    cut_fraction: float
    n_observed: int
    n_expected: float
    n_expected_error: float
    z_best: float
    n_hypotheses: int
    null_median: float
    p_global: float

    @property
    def centre(self) -> float:
        """Middle of the window in GeV."""
        return 0.5 * (self.low + self.high)

    @property
    def map(self) -> HypothesisMap:
        """The same plane as a map of local p-values, cut at the middle of the window."""
        from scipy.special import ndtr  # heavy, and results are loaded to draw

        z = self.z_local.T
        p = np.where(np.isfinite(z), ndtr(-z), np.nan)
        return HypothesisMap(m_x=self.m_x, m_y=self.m_y, p_local=p, z_local=z, m_resonance=self.centre)

    def at(self, m_x: float, m_y: float) -> float:
        """Return the significance of the hypothesis nearest, in logarithms, to these masses."""
        heavier, lighter = max(m_x, m_y), min(m_x, m_y)
        row = int(np.argmin(np.abs(np.log(self.m_x / heavier))))
        column = int(np.argmin(np.abs(np.log(self.m_y / lighter))))
        return float(self.z_local[row, column])

    def __str__(self) -> str:
        return (
            f"{self.low:.0f}-{self.high:.0f} GeV: best of {self.n_hypotheses} hypotheses at m_x {self.best_m_x:.0f}, "
            f"m_y {self.best_m_y:.0f} GeV, {self.n_observed} events on {self.n_expected:.1f} ± "
            f"{self.n_expected_error:.1f}, z = {self.z_best:.2f} local"
        )
