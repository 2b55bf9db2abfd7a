"""What README and the page on trust promise: tables are those of the last results, commands run as they are printed."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import AnalysisConfig, load_config

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
LIGHT = {"repeats": 1, "folds": 2, "max_iter": 15}


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    sys.path.insert(0, str(ROOT / "analysis"))
    try:
        spec = importlib.util.spec_from_file_location("trust_tables", ROOT / "analysis/trust_tables.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "analysis"))
    return module


@pytest.mark.parametrize("page", ["README.md", "docs/trust.md", "docs/cluster.md"])
def test_tables_are_those_of_the_last_results(tables: ModuleType, page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert tables.with_tables(text, tables.PAGES[page]) == text, "run python analysis/trust_tables.py"
    marked = set(re.findall(r"<!-- table: (\w+) -->", text))
    assert marked == set(tables.PAGES[page])


def test_another_result_makes_another_table(tables: ModuleType, tmp_path: Path) -> None:
    for path in (ROOT / "analysis/results").glob("*.json*"):
        (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")
    changed = json.loads((tmp_path / "joint_nulls.json").read_text("utf-8"))
    number = len(changed["boxes"])
    changed["boxes"][0]["z_both"] = changed["boxes"][1]["z_both"] = 3.1
    (tmp_path / "joint_nulls.json").write_text(json.dumps(changed), "utf-8")
    assert f"| 2 of {number} (" in tables.with_tables(README, tables.PAGES["README.md"], tmp_path)
    for size in (20_000, 100_000):
        own = sum(box["size"] == size for box in changed["boxes"])
        assert f"both, counted as two trials | {own} | " in tables.false_alarms(tmp_path)
    row = tables.alarm_row("disturbed", "both", [(3.5, False), (3.2, True), (2.5, True), (0.0, True)])
    assert [cell.split()[0] for cell in row[2:]] == ["4", "3", "3", "2", "1"], "an excess that is refused is no claim"


def test_the_row_of_real_signal_holds_the_truth(tables: ModuleType) -> None:
    """What the page claims of the real signal is near what is true of it."""
    found = json.loads((ROOT / "analysis/results/real_signal.json").read_text("utf-8"))
    true, answers = found["true"], found["answers"]
    assert true["n_signal"] == 872
    for name, value in true.items():
        one = answers[name]
        assert abs(one["value"] - value) < one["high"] - one["low"]
    assert true["n_signal"] < answers["upper_limit"]["n_signal_95"]
    assert tables.real_signal(found)[1] in README


def test_the_results_of_readme_fit_a_glance(tables: ModuleType) -> None:
    rows = [line for line in tables.summary(ROOT / "analysis/results").splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 6
    assert len(README.splitlines()) <= 120


def commands() -> list[str]:
    """Return the printed commands of the package."""
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("bumphunt ")]


def light(config: AnalysisConfig) -> AnalysisConfig:
    """Return settings that take seconds."""
    parts: dict[str, Any] = {
        "searches": ["cwola"],
        "search": config.search.model_copy(update={"windows": [(3300.0, 3700.0)], "high": 5000.0}),
        "cwola": config.cwola.model_copy(update=LIGHT),
        "vae": config.vae.model_copy(update={"enabled": False}),
        "autoencoder": config.autoencoder.model_copy(update={"enabled": False}),
        "limit": config.limit.model_copy(update={"enabled": False}),
    }
    return config.model_copy(update=parts)


@pytest.mark.slow
def test_commands_run_as_printed_one_after_the_other(
    make_events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped sample is replaced by a small one, and trainings are short; the lines are those of README."""
    assert len(commands()) >= 5
    (tmp_path / "data").mkdir()
    sample: pd.DataFrame = make_events(8_000, signal=120)
    sample.to_parquet(tmp_path / "data/lhco_rnd.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: Path(folder) / "report.html")
    for module in ("analysis", "stages"):
        monkeypatch.setattr(
            f"bumphunt.cli.{module}.read_config",
            lambda path: light(AnalysisConfig() if path is None else load_config(path)),
        )
    for line in commands():
        command, _, into = line.partition(" > ")
        words = [word if word != "2" else "1" for word in command.split()[1:]]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, f"{line}\n{done.stderr}\n{done.exception}"
        if into:
            Path(into).write_text(done.stdout, "utf-8")
    assert Path("results/result.json").exists()
    assert json.loads(Path("expected/result.json").read_text("utf-8"))["blind"]
