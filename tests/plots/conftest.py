"""The made-up analysis of the report's tests, for the figures too."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "report" / "conftest.py"


@pytest.fixture(scope="session")
def products() -> Any:
    """Return the function that makes the products of a status."""
    spec = importlib.util.spec_from_file_location("made_up_analysis", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_products
