"""Bytes on disk or on the network in, tables and particle chunks out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
