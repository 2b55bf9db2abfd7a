"""Masses of the resonance and its daughters, and the number of signal events, with intervals."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
