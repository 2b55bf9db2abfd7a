"""What importing costs: nothing heavy before it is asked for."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "tensorflow",
    "keras",
    "sklearn",
    "xgboost",
    "pyhf",
    "matplotlib",
    "pandas",
    "fastjet",
    "awkward",
    "pythia8mc",
    "uproot",
    "h5py",
    "scipy.stats",
)
ROOT = Path(__file__).resolve().parents[1]


def loaded(code: str) -> list[str]:
    """Return the heavy modules in memory after running ``code`` in a fresh interpreter."""
    ask = f"import sys, json; print(); print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{ask}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_the_check_itself_sees_a_heavy_module():
    assert loaded("import h5py") == ["h5py"]


@pytest.mark.parametrize(
    "module", ["bumphunt", "bumphunt.errors", "bumphunt.rng", "bumphunt.config", "bumphunt.execution"]
)
def test_importing_loads_nothing_heavy(module):
    assert loaded(f"import {module}") == []


@pytest.mark.parametrize(
    "module",
    [
        "bumphunt.spectrum.fit",
        "bumphunt.significance.scan",
        "bumphunt.significance.workspace",
        "bumphunt.masses.fit",
    ],
)
def test_rooms_load_their_heavy_libraries_when_they_use_them(module):
    assert loaded(f"import {module}") == []


def test_scorers_load_their_learning_library_when_they_learn():
    # sklearn (which loads scipy.stats) for the base class alone: an estimator is one of scikit-learn's
    assert loaded("import bumphunt.scores.trees") == ["sklearn", "pandas", "scipy.stats"]
    assert "tensorflow" not in loaded("import bumphunt.scores.cwola_network")


def test_help_loads_nothing_heavy():
    if importlib.util.find_spec("bumphunt.cli") is None or importlib.util.find_spec("bumphunt.__main__") is None:
        pytest.skip("there is no command line yet")
    code = (
        "import runpy, sys\n"
        "sys.argv = ['bumphunt', '--help']\n"
        "try:\n    runpy.run_module('bumphunt', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
    )
    assert loaded(code) == []


@pytest.mark.skipif(sys.platform == "win32", reason="it asks the system for the CPU time of children")
def test_help_takes_less_than_a_fifth_of_a_second_of_the_processor():
    """CPU time of compiled modules, and the best of several: what else the machine does is not counted."""
    import resource

    compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "bumphunt", "--help"]
    spent: list[float] = []
    while len(spent) < 9 and min(spent, default=1.0) >= 0.2:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=compiled)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.2, spent
