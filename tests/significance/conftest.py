"""Spectra without signal that several files here use."""

import warnings

import numpy as np
import pytest

from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.functions import SQRT_S


@pytest.fixture(scope="session")
def edges():
    return mass_grid(3_000.0, 7_000.0, ratio=1.03)


@pytest.fixture(scope="session")
def smooth(edges):
    """The function that gives an exact dijet3 spectrum with this many events."""

    def spectrum(total):
        x = 0.5 * (edges[1:] + edges[:-1]) / SQRT_S
        shape = (1 - x) ** 10 / x**5 * np.diff(edges)
        return total * shape / shape.sum()

    return spectrum


@pytest.fixture(scope="session")
def pyhf():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import pyhf

        yield pyhf
