"""Mass spectra: binning, smooth background families, fits of one or many spectra, and their goodness."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
