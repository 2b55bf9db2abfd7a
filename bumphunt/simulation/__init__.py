"""Simulated dijet events: hard process, detector response, samples on disk."""
