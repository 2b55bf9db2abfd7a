"""Figures: ``plots.NAME(result, *, ax=None)`` returns ``(figure, ax)``; with several panels ``ax`` is a sequence.

A figure takes the matplotlib settings that are active (``mplhep.style.use("CMS")`` has an effect) and draws on the
axes it is given; :func:`bumphunt.plots.style.style` is the look of the report. matplotlib is loaded with the first
plot.
"""

import warnings
from typing import Any

import lazy_loader

from bumphunt.plots.given import checked

_RENAMED = {"jet_plane": "plane", "false_alarm_rates": "null_rates"}
"""Names of version 0.1, and what they are called now; they work for one release."""

_attached, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name not in _RENAMED and name not in __all__:
        raise AttributeError(f"module 'bumphunt.plots' has no attribute {name!r}")
    if name in _RENAMED:
        warnings.warn(
            f"bumphunt.plots.{name} is now bumphunt.plots.{_RENAMED[name]}; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
    name = _RENAMED.get(name, name)
    plot = checked(_attached(name))
    globals()[name] = plot  # where lazy_loader has put the plain one
    return plot
