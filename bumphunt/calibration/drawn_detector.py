"""Detectors drawn from the prior that the systematic errors stand for, to test the total intervals with."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bumphunt.events import DAUGHTERS, exchange_jets
from bumphunt.masses.constants import DETECTOR_PRIOR, JET_CORE, RESONANCE_CORE, TAU21_PRIOR, WIDTH_PRIOR
from bumphunt.masses.resolution import from_nominal
from bumphunt.masses.signal_table import Masses

FloatArray = npt.NDArray[np.float64]

_PEAK = 0.01
"""Logarithm of mass over true mass at which a peak lies, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnDetector:
    """How a detector differs from the nominal one.

    ``shift`` is the part of the way to the varied detector and shower, ``log_k_z`` and ``log_k_j`` are the logarithms
    of the factors on the resolutions of mjj and of the jet masses, ``log_tau21`` that of the factor on tau21.
    """

    shift: float
    log_k_z: float
    log_k_j: float
    log_tau21: float

    def seen(self, events: pd.DataFrame, masses: Masses) -> pd.DataFrame:
        """Return simulated signal as a detector with these resolutions and this tau21 would measure it.

        Parameters
        ----------
        events : pandas.DataFrame
            An event table of signal.
        masses : (m_resonance, m_x, m_y)
            True masses in GeV. A jet is taken to be that of the daughter nearer to its mass.
        """
        changed = events.copy()
        peaks = np.log(np.asarray(masses)) + _PEAK
        for name, factor, core, at in (
            ("mjj", self.log_k_z, RESONANCE_CORE, peaks[:1]),
            *((jet, self.log_k_j, JET_CORE, peaks[1:]) for jet in DAUGHTERS),
        ):
            logs = np.log(np.maximum(changed[name].to_numpy(dtype=np.float64), 1e-3))
            offsets = logs[:, None] - at
            nearest = np.abs(offsets).argmin(axis=1)
            moved = from_nominal(offsets[np.arange(len(logs)), nearest], float(np.exp(factor)), core)
            changed[name] = np.exp(at[nearest] + moved).astype(events[name].dtype)
        for name in ("tau21_1", "tau21_2"):
            changed[name] = np.clip(changed[name] * np.exp(self.log_tau21), 0.0, 1.0)
        heavier, lighter = (changed[jet].to_numpy() for jet in DAUGHTERS)
        return exchange_jets(changed, lighter > heavier)


def draw_detector(rng: np.random.Generator) -> DrawnDetector:
    """Draw a detector: a shift of 0 +- :data:`DETECTOR_PRIOR`, resolutions and tau21 by their priors."""
    shift, log_k_z, log_k_j, log_tau21 = rng.normal(0.0, [DETECTOR_PRIOR, WIDTH_PRIOR, WIDTH_PRIOR, TAU21_PRIOR])
    return DrawnDetector(shift=float(shift), log_k_z=float(log_k_z), log_k_j=float(log_k_j), log_tau21=float(log_tau21))
