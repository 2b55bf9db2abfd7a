"""Figures: one small file per family, each function takes a result and returns ``(figure, axes)``."""
