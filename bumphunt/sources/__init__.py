"""Bytes on disk or on the network in, tables and particle chunks out."""
