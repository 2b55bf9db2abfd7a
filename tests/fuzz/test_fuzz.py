"""A little of what ``make fuzz`` does at length."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def mutations():
    spec = importlib.util.spec_from_file_location("mutations", Path(__file__).with_name("mutations.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_damaged_inputs_are_read_or_refused_in_a_line(mutations, tmp_path):
    counts, faults = mutations.fuzz(150, work=tmp_path, seed=7, keep=tmp_path / "kept")
    assert not faults, faults[0]
    assert sum(counts.values()) == 150
    assert min(sum(n for name, n in counts.items() if name.endswith(how)) for how in ("read", "refused")) > 20


def test_a_traceback_would_be_found(mutations, tmp_path, monkeypatch):
    def breaks(path):
        raise KeyError("fault")

    monkeypatch.setattr(mutations, "read_counts", breaks)
    _, faults = mutations.fuzz(20, work=tmp_path, seed=1, keep=tmp_path / "kept")
    assert faults
    assert list((tmp_path / "kept").iterdir())
