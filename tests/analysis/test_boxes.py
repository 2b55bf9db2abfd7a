"""Studies share their boxes out to several processes, whatever their scripts keep for themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
STUDY = """
import sys
from functools import lru_cache
from pathlib import Path
import boxes

@lru_cache
def kept(number):
    return 2 * number

def one_box(task):
    return {"found": kept(task["number"])}

if __name__ == "__main__":
    tasks = [{"set": "any", "number": number} for number in range(3)]
    origin = {"commit": "c", "config": "d", "seed": 1, "command": "e"}
    boxes.grow(Path(sys.argv[1]), one_box, tasks, origin=origin, workers=2)
"""


def test_a_script_with_a_cache_of_its_own_runs_on_two_workers(tmp_path):
    (tmp_path / "study.py").write_text(STUDY)
    lines = tmp_path / "lines.jsonl"
    path = os.pathsep.join([str(ANALYSIS), str(ANALYSIS.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command, environment = [sys.executable, "study.py", str(lines)], {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert sorted((line["number"], line["found"]) for line in found) == [(0, 0), (1, 2), (2, 4)]


def test_of_a_repeated_box_the_last_line_counts(monkeypatch):
    monkeypatch.syspath_prepend(str(ANALYSIS))
    import boxes

    lines = [{"set": name, "number": 0, "commit": commit} for name, commit in (("a", "1"), ("b", "1"), ("a", "2"))]
    assert boxes.latest(lines) == [lines[2], lines[1]]
