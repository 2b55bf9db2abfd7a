"""The window that several files here mask."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def window(edges):
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[8:12] = True
    return masked
