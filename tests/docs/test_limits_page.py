"""The commands of docs/limits.md work as printed, on small samples."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.config import load_config
from bumphunt.report import html
from bumphunt.report.figures import Picture

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text("utf-8")
LIGHTER = """
search: {low: 2900, high: 5500, windows: [[3300, 3710], [3800, 4280]], cut_fractions: [0.05], family: dijet3}
vae: {enabled: false}
autoencoder: {enabled: false}
limit: {draws: 1, repeats: 1, strengths: [0, 150]}
cwola: {repeats: 1, folds: 2, max_iter: 5}
"""


def test_commands_work_as_printed(make_events, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # the figures of a run are drawn elsewhere, and take longer than all the rest
    names = ("spectrum_before", "spectrum_after", "scan", "jet_plane", "peak_scan", "mass_fit", "limit", "cross_checks")
    pictures = {
        name: Picture(name=name, caption="", description="", svg="<svg></svg>") for name in (*names, "training")
    }
    monkeypatch.setattr(html, "draw_figures", lambda *_, **__: pictures)
    make_events(9000, seed=1).to_parquet("events.parquet")
    make_events(0, signal=1000, seed=2).to_parquet("my_model.parquet")
    # what the page calls light.yaml is read as a configuration, then made lighter still
    printed = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert printed is not None
    Path("light.yaml").write_text(printed.group(1))
    assert load_config("light.yaml").limit.draws == 2
    Path("light.yaml").write_text(LIGHTER)
    commands = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(commands) == 6
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "bumphunt"
        found = CliRunner().invoke(main, arguments)
        assert found.exit_code == 0, f"{command}: {found.output}"
    assert "Signal models" in Path("found/report.html").read_text("utf-8")
    assert Path("grid/figures/model_limits.png").exists()
    assert Path("limits/limits.json").exists()


@pytest.mark.parametrize("key", ["strengths", "draws", "repeats"])
def test_settings_of_the_page_exist(key):
    from bumphunt.config.sections import LimitConfig

    assert f"`limit.{key}`" in PAGE
    assert key in LimitConfig.model_fields
