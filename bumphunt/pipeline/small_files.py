"""What changes where events are few: the size of leaves, and what describes the spectrum after a cut.

Measured on labelled boxes of 1,000 events and validated without signal there (``analysis/small_samples.py``). At 3,000
and 5,000 the efficiency gains as well, but three of 66 boxes without signal came out above 3 before calibration, too
many to adopt it there; smaller leaves gain nothing at 5,000.
"""

from bumphunt.config import AnalysisConfig

FEW = 2_000
"""Searched events below which leaves are small and the efficiency of the cut is fitted instead of a form."""
LEAF, SMALL_LEAF = 40, 10
"""Training events in a leaf, at least, of many and of few events."""


def least_leaf(config: AnalysisConfig, n_events: int) -> int:
    """Return the least number of training events in a leaf for so many searched events."""
    asked = config.cwola.min_samples_leaf
    return asked if asked is not None else SMALL_LEAF if n_events < FEW else LEAF


def selected_background(config: AnalysisConfig, n_events: int) -> str:
    """Return what describes the spectrum after a cut: ``form``, or ``efficiency`` of the cut times that before it."""
    return config.search.selected_background or ("efficiency" if n_events < FEW else "form")
