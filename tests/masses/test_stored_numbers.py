"""Numbers of the response, the likelihood and the fits are those stored: see ``stored_numbers.py``."""

import json

import numpy as np
import pytest

from bumphunt.results.codec import encode

from . import stored_numbers as numbers


def differences(stored, found, relative, where=""):
    """Return what differs, by name."""
    if isinstance(stored, dict):
        if not isinstance(found, dict) or stored.keys() != found.keys():
            return [where]
        return [each for name in stored for each in differences(stored[name], found[name], relative, f"{where}.{name}")]
    if isinstance(stored, list):
        if not isinstance(found, list) or len(stored) != len(found):
            return [where]
        pairs = enumerate(zip(stored, found, strict=True))
        return [each for at, (a, b) in pairs for each in differences(a, b, relative, f"{where}[{at}]")]
    if isinstance(stored, float) and isinstance(found, float):
        absolute = numbers.ABSOLUTE if relative == numbers.RELATIVE else 2e-3
        same = np.isclose(found, stored, rtol=relative, atol=absolute, equal_nan=True)
    else:
        same = stored == found
    return [] if same else [f"{where}: {found} where {stored} is stored"]


@pytest.fixture(scope="module")
def made(table, varied):
    return numbers.Made(table, varied)


@pytest.fixture(scope="module")
def stored():
    return json.loads(numbers.STORED.read_text("utf-8"))


@pytest.mark.parametrize("name", numbers.EXACT)
def test_numbers_are_those_stored(made, stored, name):
    assert not differences(stored[name], encode(numbers.EXACT[name](made)), numbers.RELATIVE)


@pytest.mark.parametrize("name", numbers.BY_FIT)
def test_numbers_of_fits_are_those_stored(made, stored, name):
    assert not differences(stored[name], encode(numbers.BY_FIT[name](made)), numbers.FITTED)


def test_scales_of_jet_masses_are_those_stored(made, stored):
    exact, fitted = numbers.of_jet_scales(made)
    assert not differences(stored["of_jet_scales"][0], encode(exact), numbers.RELATIVE)
    assert not differences(stored["of_jet_scales"][1], encode(fitted), numbers.FITTED)


def test_a_difference_is_seen():
    assert differences({"a": [1.0, None]}, {"a": [1.0 + 1e-5, None]}, numbers.RELATIVE)
    assert differences({"a": [1.0, None]}, {"a": [1.0, 0.0]}, numbers.RELATIVE)
    assert differences({"a": 1.0}, {"b": 1.0}, numbers.RELATIVE)
    assert not differences({"a": [1.0, None]}, {"a": [1.0 + 1e-8, None]}, numbers.RELATIVE)
