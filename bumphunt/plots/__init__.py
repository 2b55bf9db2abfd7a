"""Figures: ``plots.NAME(result, *, ax=None)`` returns ``(figure, ax)``; with several panels ``ax`` is a sequence.

A figure takes the matplotlib settings that are active (``mplhep.style.use("CMS")`` has an effect) and draws on the
axes it is given; :func:`bumphunt.plots.style.style` is the look of the report. matplotlib is loaded with the first
plot.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
