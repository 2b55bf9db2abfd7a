"""Particles in, one row of jet observables per event out."""
