"""What is run by `make mutants` and imports its neighbour is no module of tests."""

collect_ignore = ["equivalent.py", "mutants.py", "tracing.py"]
