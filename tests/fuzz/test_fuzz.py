"""A little of what ``make fuzz`` does at length."""

import importlib
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def mutations():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        return importlib.import_module("mutations")


@pytest.fixture(scope="module")
def result(mutations, tmp_path_factory):
    return mutations.finished_run(tmp_path_factory.mktemp("finished"))


def test_damaged_inputs_are_read_or_refused_in_a_line(mutations, result, tmp_path):
    counts, faults = mutations.fuzz(150, work=tmp_path, seed=7, keep=tmp_path / "kept", result=result)
    assert not faults, faults[0]
    assert sum(counts.values()) == 150
    assert min(sum(n for name, n in counts.items() if name.endswith(how)) for how in ("read", "refused")) > 20


def test_a_traceback_would_be_found(mutations, result, tmp_path, monkeypatch):
    def breaks(path):
        raise KeyError("fault")

    monkeypatch.setattr(importlib.import_module("good_inputs"), "read_counts", breaks)
    _, faults = mutations.fuzz(20, work=tmp_path, seed=1, keep=tmp_path / "kept", result=result)
    assert faults
    assert list((tmp_path / "kept").iterdir())
