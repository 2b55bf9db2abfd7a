"""The rooms of the package called in order."""
