"""What changes where events are few: leaves, the decorrelation, and what describes the spectrum after a cut.

Measured on labelled boxes of 1,000 events and validated without signal there (``analysis/small_samples.py``). At 3,000
and 5,000 the efficiency gains as well, but three of 66 boxes without signal came out above 3 before calibration, too
many to adopt it there; smaller leaves gain nothing at 5,000.
"""

from bumphunt.config import AnalysisConfig
from bumphunt.preprocessing.decorrelation import SmoothDecorrelation

FEW = 2_000
"""Searched events below which leaves are small, quantiles straight, and the efficiency of the cut is fitted."""
LEAF, SMALL_LEAF = 40, 10
"""Training events in a leaf, at least, of many and of few events."""
DEGREE, SMALL_DEGREE = 2, 1
"""Degree of the polynomials that features follow the mass by. Windows of small files are a large part of their range: a
parabola bends up in them for the signal itself, and a straight line cannot, while no bend is seen in so few events."""


def least_leaf(config: AnalysisConfig, n_events: int) -> int:
    """Return the least number of training events in a leaf for so many searched events."""
    asked = config.cwola.min_samples_leaf
    return asked if asked is not None else SMALL_LEAF if n_events < FEW else LEAF


def decorrelation_for(n_events: int) -> SmoothDecorrelation:
    """Return what makes the features of so many searched events independent of the mass; it has learned nothing yet."""
    return SmoothDecorrelation(degree=SMALL_DEGREE if n_events < FEW else DEGREE)


def selected_background(config: AnalysisConfig, n_events: int) -> str:
    """Return what describes the spectrum after a cut: ``form``, or ``efficiency`` of the cut times that before it."""
    return config.search.selected_background or ("efficiency" if n_events < FEW else "form")
