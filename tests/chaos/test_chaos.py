"""A little of what ``make chaos`` does at length: killed runs resume to the same answers and leave no process."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc"),
]


def test_killed_runs_resume_to_the_same_answers_and_leave_no_process(tmp_path):
    spec = importlib.util.spec_from_file_location("kills", Path(__file__).with_name("kills.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = module
    spec.loader.exec_module(module)
    counts, faults = module.cause(4, work=tmp_path, cluster=False)
    assert not faults, "\n".join(faults)
    assert counts["kills"] >= 4
    assert counts["in mid-scan"] >= 2
    assert counts["finished"] >= 1
