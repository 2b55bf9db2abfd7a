"""pyhf, without its warning about jsonschema."""

import warnings

import pytest


@pytest.fixture(scope="session")
def pyhf():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import pyhf

        yield pyhf
