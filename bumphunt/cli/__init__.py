"""The command line: one verb a stage, each a few lines around one call of the library."""

# each module puts its verbs into the group
from bumphunt.cli import analysis, doctor, limits, records, responses, samples, stages
from bumphunt.cli.group import main

__all__ = ["analysis", "doctor", "limits", "main", "records", "responses", "samples", "stages"]
