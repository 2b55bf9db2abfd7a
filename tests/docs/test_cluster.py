"""The recipes of docs/cluster.md: batch jobs behind a stand-in for the batch system, and a campaign of boxes."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CAMPAIGN = Path(__file__).resolve().parents[2] / "docs/campaign"
TINY = {
    "search": {"windows": [[3300, 3700]]},
    "cwola": {"repeats": 1, "folds": 2, "max_iter": 3},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
}


def stand_in(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_batch_jobs_behind_a_stand_in_for_slurm_give_the_same_table(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue", reason="the extra 'cluster' is not installed")
    from bumphunt.jobs.ingest import write_features
    from bumphunt.sources.lhco import RawChunk, write_raw

    particles = np.abs(np.random.default_rng(1).normal(0.0, 1.0, (6, 700, 3))) * [3.0, 1.0, 1.0]
    raw = write_raw(tmp_path / "raw.h5", [RawChunk(particles=particles, label=None)])
    here = write_features(raw, tmp_path / "here.parquet")
    commands = tmp_path / "bin"
    commands.mkdir()
    # the job file is copied, as a batch system does: it is deleted as soon as it is submitted
    stand_in(
        commands,
        "sbatch",
        f'cp "$1" {tmp_path}/job.sh; sh {tmp_path}/job.sh >{tmp_path}/job.log 2>&1 &\necho Submitted batch job $!',
    )
    stand_in(commands, "scancel", 'pkill -P "$1"; kill "$1"; true')
    command = [sys.executable, str(CAMPAIGN / "dask_jobs.py"), "--jobs", "1", "--memory", "1GB", "--interface", "lo"]
    command += ["--", "features", str(raw), "--output", str(tmp_path / "there.parquet")]
    environment = {**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "#SBATCH -n 1" in (tmp_path / "job.sh").read_text()
    pd.testing.assert_frame_equal(pd.read_parquet(here), pd.read_parquet(tmp_path / "there.parquet"))


def test_what_is_submitted_to_htcondor_starts_a_worker() -> None:
    jobs = pytest.importorskip("dask_jobqueue", reason="the extra 'cluster' is not installed")
    options = {"cores": 1, "processes": 1, "memory": "4GB", "disk": "2GB"}
    job = jobs.HTCondorCluster.job_cls(scheduler="tcp://10.0.0.1:8786", name="one", **options)
    script = job.job_script()
    assert "distributed.cli.dask_worker tcp://10.0.0.1:8786" in script.replace(
        "dask worker", "distributed.cli.dask_worker"
    )
    assert "RequestMemory" in script or "request_memory" in script.lower()


@pytest.fixture
def campaign(tmp_path: Path, make_events) -> list[str]:  # type: ignore[no-untyped-def]
    pytest.importorskip("snakemake", reason="the extra 'cluster' is not installed")
    boxes = []
    for number in range(2):
        boxes.append(str(tmp_path / f"box_{number}.parquet"))
        make_events(3_000, seed=number).to_parquet(boxes[-1])
    (tmp_path / "settings.json").write_text(json.dumps(TINY))
    # the command as it is, but without figures, which take longer than a small search
    (tmp_path / "search.py").write_text(
        "import sys, bumphunt.report.html as report\n"
        "report.write_report = lambda *_, **__: None\n"
        "from bumphunt.__main__ import main\n"
        "sys.argv[1:3] = []\nmain()\n"
    )
    stand_in(tmp_path, "python", f'exec {sys.executable} {tmp_path}/search.py "$@"')
    settings = {"boxes": boxes, "settings": str(tmp_path / "settings.json"), "python": str(tmp_path / "python")}
    (tmp_path / "boxes.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(CAMPAIGN / "Snakefile"), "--cores", "1"]
    return [*command, "--configfile", str(tmp_path / "boxes.yaml"), "--directory", str(tmp_path / "out")]


def test_a_campaign_is_planned_and_a_box_of_it_searched(campaign: list[str], tmp_path: Path) -> None:
    planned = subprocess.run([*campaign, "--dry-run"], capture_output=True, text=True, timeout=120, check=False)
    assert planned.returncode == 0, planned.stderr
    assert "search" in planned.stdout + planned.stderr
    assert not list((tmp_path / "out").glob("*/result.json"))
    done = subprocess.run([*campaign, "box_1/result.json"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out/box_1/result.json").read_text("utf-8"))
    assert found["input"]["path"].endswith("box_1.parquet")
    assert not (tmp_path / "out/box_0").exists()
