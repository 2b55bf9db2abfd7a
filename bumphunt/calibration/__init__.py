"""The chain repeated on pseudo-data, to learn how far its answers can be trusted."""
