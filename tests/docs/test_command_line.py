"""What the page on the command line says holds: kinds of output, JSON everywhere, completion, doctor."""

import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import AnalysisConfig
from bumphunt.jobs import doctor

ROOT = Path(__file__).resolve().parents[2]


def test_output_says_whether_it_is_a_file_or_a_folder() -> None:
    folders = {"run", "calibrate", "limits"}
    for verb, command in main.commands.items():
        for option in command.params:
            if "--output" in option.opts:
                assert isinstance(option, click.Option)
                assert option.metavar == ("FOLDER" if verb in folders else "FILE"), verb
                assert str(option.help).startswith(str(option.metavar).capitalize())


def test_every_verb_speaks_json() -> None:
    without = [
        verb for verb, command in main.commands.items() if not any("--json" in option.opts for option in command.params)
    ]
    assert not without


def test_the_configuration_as_json_is_the_default() -> None:
    done = CliRunner().invoke(main, ["config", "--json"])
    assert json.loads(done.stdout) == AnalysisConfig().model_dump(mode="json")


def test_a_frozen_plan_names_its_hash(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("{}", "utf-8")
    done = CliRunner().invoke(main, ["freeze", str(config), "--output", str(tmp_path / "plan.yaml"), "--json"])
    found = json.loads(done.stdout)
    assert found["hash"] in Path(found["path"]).read_text("utf-8")


@pytest.mark.parametrize("program", ["bumphunt", "python -m bumphunt"])
def test_a_misspelt_verb_is_told_the_command_that_helps(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main.main(["limts"], prog_name=program)
    assert status.value.code == 2
    assert "Did you mean 'limits'? See `bumphunt --help`." in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs(shell: str) -> None:
    code = "import sys; sys.argv = ['bumphunt']; from bumphunt.cli import main; main()"

    def ask(**more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        )  # fmt: skip
        return done.stdout

    assert "_BUMPHUNT_COMPLETE" in ask(_BUMPHUNT_COMPLETE=f"{shell}_source")
    number = {} if shell == "fish" else {"COMP_CWORD": "1"}
    incomplete = "simu" if shell == "fish" else "1"
    words = {"COMP_WORDS": "bumphunt simu", **number}
    if shell == "fish":
        words["COMP_CWORD"] = incomplete
    assert "simulate" in ask(_BUMPHUNT_COMPLETE=f"{shell}_complete", **words)


def test_doctor_prints_what_works() -> None:
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cores"] >= 1
    assert found["versions"]["bumphunt"]
    assert set(found["parts"]) == set(doctor.EXTRAS)
    assert found["ok"] == (not found["problems"])
    assert "cores" in CliRunner().invoke(main, ["doctor"]).stdout


def test_doctor_knows_every_extra() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])
    assert set(doctor.EXTRAS) == extras - {"dev"}


def test_doctor_tells_how_to_get_what_is_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def refuse(name: str, *rest: Any) -> Any:
        if name == "uproot":
            raise ModuleNotFoundError(name)
        if name == "pythia8mc":
            raise ImportError("undefined symbol")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", refuse)
    parts = {name: doctor.part(name, *doctor.EXTRAS[name]) for name in ("root", "simulation")}
    assert not parts["root"].works
    assert parts["root"].note == "missing: pip install 'bumphunt[root]'"
    assert "undefined symbol" in parts["simulation"].note
    assert "--force-reinstall" in parts["simulation"].note


def test_doctor_names_problems_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "memory_in_gib", lambda: 1.0)
    monkeypatch.setattr(doctor, "writable", lambda folder: False)
    monkeypatch.setattr(doctor, "requires", lambda name: ["numpy>=2", "nosuchpackage>=1", 'extra; extra == "dev"'])
    monkeypatch.setattr(doctor, "EXTRAS", {})
    found = doctor.diagnose()
    assert not found.to_dict()["ok"]
    told = str(found)
    assert "nosuchpackage is needed" in told
    assert "--workers 1" in told
    assert "BUMPHUNT_CACHE" in told
    assert "numpy is needed" not in told
