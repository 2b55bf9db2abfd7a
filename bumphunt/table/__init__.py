"""The event table in parts; :mod:`bumphunt.events` is where their names are taken from."""
