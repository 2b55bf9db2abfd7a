"""The chain from a table of events to the answers, in memory: rooms called in order."""
