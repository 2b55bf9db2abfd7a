"""Which events train on what, and in which coordinates: scaling, splits and decorrelation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
