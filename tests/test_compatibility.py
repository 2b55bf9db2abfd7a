"""What version 0.1 left behind still works for one release, or is refused in a line."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bumphunt import plots
from bumphunt.cli import main
from bumphunt.config import config_from_dict

STORED = Path(__file__).parent / "report" / "stored_v1"


def test_settings_of_version_1_are_settings_still():
    saved = json.loads((STORED / "result.json").read_text())
    assert saved["schema_version"] == "1"
    kept = config_from_dict(saved["config"]).model_dump(mode="json")
    for section, settings in saved["config"].items():
        if isinstance(settings, dict):
            assert {name: kept[section][name] for name in settings} == settings
        else:
            assert kept[section] == settings


@pytest.mark.parametrize("option", ["--resume", None])
def test_a_run_of_version_1_is_neither_resumed_nor_lost(make_events, tmp_path, option):
    folder = tmp_path / "run"
    shutil.copytree(STORED, folder)
    (folder / "stages").mkdir()
    # as version 0.1 wrote it
    (folder / "stages" / "request.json").write_text(json.dumps({"key": "0" * 64, "request": {"seed": 1}}))
    make_events(3_000, label=False).to_csv(tmp_path / "events.csv", index=False)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    arguments = ["run", str(tmp_path / "events.csv"), "--output", str(folder), *([option] if option else [])]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2, done.output
    assert "--overwrite" in done.stderr.splitlines()[-1]
    if option:
        assert "stages of another version of bumphunt" in done.stderr
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("name", sorted(plots._RENAMED))
def test_old_names_of_plots_work_and_warn(name):
    now = plots._RENAMED[name]
    with pytest.warns(DeprecationWarning, match=rf"bumphunt\.plots\.{name} is now bumphunt\.plots\.{now}"):
        old = getattr(plots, name)
    assert old is getattr(plots, now)
