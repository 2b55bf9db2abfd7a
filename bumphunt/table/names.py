"""Names of columns that settings know as well, in a module that loads nothing."""

DAUGHTERS = ("mj1", "mj2")
"""Masses of the two jets of a dijet, the heavier first."""
