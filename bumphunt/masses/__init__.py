"""Masses of the resonance and its daughters, and the number of signal events, with intervals."""
