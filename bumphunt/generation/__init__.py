"""Events drawn from a trained decoder: what the latent variables follow, draws, and how close they come."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
