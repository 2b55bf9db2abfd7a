"""Parametric background families: one file a family, one line in :mod:`bumphunt.spectrum.families.registry`."""
