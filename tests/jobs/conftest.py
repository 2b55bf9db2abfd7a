"""Settings light enough to hunt in a few seconds, shared by the tests of jobs."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def light_hunt() -> dict[str, Any]:
    """A configuration as plain data; not to be changed."""
    return {
        "search": {"low": 2_850.0, "high": 5_400.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
        "cwola": {"folds": 2, "repeats": 1, "members": 1, "max_iter": 8},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
        "limit": {"enabled": False},
    }
