"""What is run by `make fuzz` and imports its neighbour is no module of tests."""

collect_ignore = ["good_inputs.py", "mutations.py"]
