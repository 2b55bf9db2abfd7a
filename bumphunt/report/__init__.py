"""A run's saved results as figures and one self-contained page."""
