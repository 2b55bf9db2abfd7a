"""The parameters of the mass fit, by name."""

import math
from typing import NamedTuple

from bumphunt.masses.signal_table import Masses


class Parameters(NamedTuple):
    """A point at which the likelihood is evaluated.

    Masses in GeV; ``n_signal`` counts signal in the whole file before any selection, ``n_background`` selected events
    over the fitted range. ``log_width_mjj`` and ``log_width_jets`` are the logarithms of the resolutions of mjj and of
    the jet masses over those of the nominal detector, ``background_shift`` is the relative change of the background
    under the window.

    Examples
    --------
    >>> at = Parameters(3500.0, 500.0, 100.0, 80.0, 250.0, 0.0, 0.0, 0.0)
    >>> at.masses, at.widening, at._replace(n_signal=90.0).n_signal
    ((3500.0, 500.0, 100.0), (1.0, 1.0), 90.0)
    """

    m_resonance: float
    m_x: float
    m_y: float
    n_signal: float
    n_background: float
    log_width_mjj: float
    log_width_jets: float
    background_shift: float

    @property
    def masses(self) -> Masses:
        """The three masses in GeV."""
        return self.m_resonance, self.m_x, self.m_y

    @property
    def widening(self) -> tuple[float, float]:
        """Factors on the resolutions of mjj and of the jet masses."""
        return math.exp(self.log_width_mjj), math.exp(self.log_width_jets)

    @property
    def log_scale_parameters(self) -> tuple[float, float, float, float, float]:
        """Logarithms of the masses and of the two factors on the resolutions."""
        log_resonance, log_x, log_y = (math.log(mass) for mass in self.masses)
        return log_resonance, log_x, log_y, self.log_width_mjj, self.log_width_jets
