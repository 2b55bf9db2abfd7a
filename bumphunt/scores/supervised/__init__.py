"""Supervised references for studies: they train on truth, and nothing that gives an answer may import them."""
