"""Figures: ``plots.NAME(result, *, ax=None)`` returns ``(figure, ax)``; with several panels ``ax`` is a sequence.

A figure takes the matplotlib settings that are active (``mplhep.style.use("CMS")`` has an effect) and draws on the
axes it is given; :func:`bumphunt.plots.style.style` is the look of the report. matplotlib is loaded with the first
plot.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "spectrum": "spectra",
    "scan": "search",
    "cross_checks": "search",
    "hypothesis_map": "search",
    "plane": "masses",
    "mass_fit": "masses",
    "peak_scan": "masses",
    "limit": "upper_limits",
    "limits": "upper_limits",
    "null_rates": "calibration",
    "pulls": "calibration",
    "training": "learning",
    "classifier_history": "learning",
    "learning_curve": "learning",
    "importance": "learning",
    "score_distribution": "discrimination",
    "roc": "discrimination",
    "significance_improvement": "discrimination",
    "robustness": "discrimination",
}
_RENAMED = {"jet_plane": "plane", "false_alarm_rates": "null_rates"}

__all__ = [
    "classifier_history",
    "cross_checks",
    "hypothesis_map",
    "importance",
    "learning_curve",
    "limit",
    "limits",
    "mass_fit",
    "null_rates",
    "peak_scan",
    "plane",
    "pulls",
    "robustness",
    "roc",
    "scan",
    "score_distribution",
    "significance_improvement",
    "spectrum",
    "training",
]

if TYPE_CHECKING:
    from bumphunt.plots.calibration import null_rates, pulls
    from bumphunt.plots.discrimination import robustness, roc, score_distribution, significance_improvement
    from bumphunt.plots.learning import classifier_history, importance, learning_curve, training
    from bumphunt.plots.masses import mass_fit, peak_scan, plane
    from bumphunt.plots.search import cross_checks, hypothesis_map, scan
    from bumphunt.plots.spectra import spectrum
    from bumphunt.plots.upper_limits import limit, limits


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        warnings.warn(
            f"bumphunt.plots.{name} is now bumphunt.plots.{_RENAMED[name]}; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        name = _RENAMED[name]
    if name not in _PUBLIC:
        raise AttributeError(f"module 'bumphunt.plots' has no attribute {name!r}")
    return getattr(import_module(f"bumphunt.plots.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
