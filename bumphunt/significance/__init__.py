"""Local and global p-values, limits, toys, and the pyhf workspace."""
