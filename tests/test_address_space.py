"""Limits of the address space (``ulimit -v``): the work is done with few threads, or refused in a line, never spun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bumphunt import address_space
from bumphunt.address_space import AMPLE, FRUGAL, be_frugal, check_free, check_room, take_buffers
from bumphunt.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
GB = 1_000_000 * 1024
LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from bumphunt.__main__ import main
main()
"""


def limited(limit, *arguments, **environment):
    """Run the command line with so much address space; no longer than a minute of CPU, whatever it does."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    plain = {name: value for name, value in os.environ.items() if name not in FRUGAL}
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(int(limit)), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**plain, "PYTHONPATH": path, **environment},
    )


@pytest.fixture
def allowed(monkeypatch):
    def give(limit, taken=0.0):
        monkeypatch.setattr(address_space, "limit", lambda: limit)
        monkeypatch.setattr(address_space, "_taken", lambda: taken)

    return give


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of the address space")
def test_a_scan_fits_into_two_gigabytes(tmp_path, make_events):
    make_events(8_000).to_parquet(tmp_path / "box.parquet")
    done = limited(1.3 * GB, "scan", tmp_path / "box.parquet", "--window", 3250, 3750, OPENBLAS_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("best window 3269-3790 GeV")


def test_a_run_with_networks_says_what_it_needs_and_how_to_do_without(allowed):
    from bumphunt.config import AnalysisConfig
    from bumphunt.pipeline.networks import check_networks
    from bumphunt.scores.backend import import_keras

    allowed(2.048e9)
    off = {"enabled": False}
    check_networks(None, AnalysisConfig(vae=off, autoencoder=off))
    for settings in ({"vae": off}, {"autoencoder": off}):
        with pytest.raises(InputError) as refused:
            check_networks(None, AnalysisConfig(**settings))
        assert str(refused.value) == (
            "the address space is limited to 2 GB (ulimit -v 2000000), and a run with networks needs about 3.5 GB; "
            "raise it to 3417969 or more, or set enabled: false in the sections vae and autoencoder of the "
            "configuration"
        )
    with pytest.raises(InputError, match="TensorFlow needs about"):
        import_keras()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of the address space")
def test_what_cannot_fit_is_refused_before_any_library_is_loaded(tmp_path):
    done = limited(0.3 * GB, "run", "events.parquet", "--output", tmp_path / "o")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("bumphunt: the address space is limited to 0.31 GB (ulimit -v 300000), and bumphunt")
    assert done.stderr.count("\n") == 1
    assert limited(0.3 * GB, "run", "--help").returncode == 0
    assert limited(0.3 * GB, "config").returncode == 0


def test_libraries_are_frugal_under_a_limit_and_what_the_user_set_stays(allowed):
    allowed(2e9)
    environment = {"OMP_NUM_THREADS": "4"}
    be_frugal(environment)
    assert environment == {**FRUGAL, "OMP_NUM_THREADS": "4"}


@pytest.mark.parametrize(
    ("limit", "cores", "spared"), [(None, 1, False), (AMPLE, 1, True), (1e11, 4, False), (3e10, 128, True)]
)
def test_nothing_is_spared_where_there_is_room(allowed, monkeypatch, limit, cores, spared):
    allowed(limit)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    environment = {}
    be_frugal(environment)
    assert bool(environment) is spared


def test_room_is_compared_with_the_limit(allowed):
    allowed(2e9, taken=1.7e9)
    check_room(2e9)
    check_free(0.3e9)
    take_buffers()
    with pytest.raises(InputError, match=r"limited to 2 GB \(ulimit -v 1953125\), and a needs about 2\.1 GB; raise"):
        check_room(2.1e9, what="a")
    with pytest.raises(InputError, match=r"of which 1\.7 GB are taken; raise it to 2832031 or more"):
        check_free(0.31e9)
    allowed(2e9, taken=1.9e9)
    with pytest.raises(InputError, match="of which"):
        take_buffers()
    allowed(None, taken=1e15)
    check_room(1e15)
    check_free(1e15)
    take_buffers()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ImportError("a.so: failed to map segment from shared object"), 2),
        (ImportError("a.so: cannot allocate memory in static TLS block"), 2),
        (RuntimeError("can't start new thread"), 2),
    ],
)
def test_other_words_for_memory_that_is_not_there(error, status, capsys):
    from bumphunt.cli.group import report_errors

    with pytest.raises(SystemExit) as ended, report_errors():
        raise error
    assert ended.value.code == status
    said = capsys.readouterr().err
    assert said.startswith(f"bumphunt: not enough memory ({error})")
    assert said.count("\n") == 1
    with pytest.raises(RuntimeError, match="another"), report_errors():
        raise RuntimeError("another")
