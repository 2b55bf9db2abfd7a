"""What a score makes of ordinary events, which no signal explains: whether it follows the mass, or knows the window."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bumphunt.preprocessing.splits import MassWindow
from bumphunt.results import WindowResult
from bumphunt.scores.weak_supervision import leakage

FloatArray = npt.NDArray[np.float64]

LEFT_OUT, MOST_LEFT_OUT = 0.05, 0.5
"""Part of the events at the anomalous end that the checks of the score leave out, at least and at most."""

CLEAR_SIGNAL, TIMES_SIGNAL = 3.0, 2.0
"""Significance before any cut from which a signal is taken for real, and how many times its events are left out."""


def of_ordinary_events(
    score: FloatArray, window: MassWindow, mjj: FloatArray, *, excess: WindowResult
) -> dict[str, Any]:
    """Return what the checks of the score look at, as fields of the window's result.

    Parameters
    ----------
    score : array of shape (events,)
        Out-of-fold ranks, averaged over repeats.
    window : MassWindow
        The window.
    mjj : array of shape (events,)
        Masses in GeV.
    excess : WindowResult
        Of the window before any cut.
    """
    exclude = left_out(excess, len(mjj))
    sides = leakage(score, *window.sideband_halves(mjj), exclude=exclude)
    region = leakage(score, *window.parts(mjj), exclude=exclude)
    return {
        "leakage": sides[0],
        "leakage_error": sides[1],
        "ordinary": region[0],
        "ordinary_error": region[1],
    }


def left_out(inclusive: WindowResult, n_events: int) -> float:
    """Return the part of the events at the anomalous end that the checks of the score leave out.

    A strong signal would pass for sculpting: its tails reach into the inner halves of the sidebands. Where the
    spectrum shows one before any cut, as many events again as it has are left out.
    """
    excess = inclusive.n_observed - inclusive.n_expected if inclusive.z_local > CLEAR_SIGNAL else 0.0
    return float(np.clip(TIMES_SIGNAL * excess / n_events, LEFT_OUT, MOST_LEFT_OUT))
