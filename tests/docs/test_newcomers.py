"""Mistakes of somebody's first hour, told as those of ``test_mistakes.py``: one line with the remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bumphunt
from bumphunt.cli import main
from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.errors import ConfigError, InputError
from bumphunt.jobs.limits import LimitOptions

RUN = ("run", "events.parquet", "--output", "out")
LIMITS = ("limits", "events.parquet", "--output", "out")
POINT = ("--masses", "3500", "500", "100")
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_events: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    make_events(2_000).to_parquet("events.parquet")
    Path("blocks").mkdir()
    Path("notes.txt").write_text("run 1 is good\n", "utf-8")
    Path("pointer.parquet").write_bytes(LFS)
    make_events(20).to_pickle("table.pkl")
    np.savez("table.npz", mjj=np.arange(3.0))
    return tmp_path


COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # name: what was typed, what the line says
    "a setting for an option": ((*RUN, "--features", "mj1,mj2"), ("features is a setting", "--config")),
    "the window for an option": ((*RUN, "--window", "3300", "3700"), ("write 'search: {windows: ...}'",)),
    "a key with its section": ((*RUN, "--search.low", "3000"), ("write 'search: {low: ...}'",)),
    "cores": ((*RUN, "--threads", "4"), ("'--threads'", "Did you mean --workers?")),
    "jobs as of make": ((*RUN, "-j4"), ("Did you mean --workers?",)),
    "force": ((*RUN, "--force"), ("Did you mean --overwrite?",)),
    "verbose after the verb": ((*RUN, "--verbose"), ("before the verb", "bumphunt -v VERB")),
    "the file alone": (("events.parquet",), ("`bumphunt run events.parquet --output FOLDER`",)),
    "an option before the verb": (("--config", "my.yaml", *RUN), ("`bumphunt VERB --config ...`",)),
    "help as a verb": (("help", "run"), ("`bumphunt VERB --help`",)),
    "another word for run": (("analyse", "events.parquet"), ("Did you mean 'run'?",)),
    "another word for report": (("plot", "out"), ("Did you mean 'report'?",)),
    "a file for the configuration": (("config", "--output", "my.yaml"), ("`> FILE`",)),
    "a mask that is a folder": ((*RUN, "--luminosity-mask", "blocks"), ("blocks", "the JSON of certified")),
    "a mask in words": ((*RUN, "--luminosity-mask", "notes.txt"), ('"run": [[first, last], ...]',)),
    "a calibration in words": ((*RUN, "--calibration", "notes.txt"), ("calibration.json", "give a number")),
    "the pointer of a file": (("run", "pointer.parquet", "--output", "out"), ("`git lfs pull`",)),
    "a pickle": (("run", "table.pkl", "--output", "out"), ("pickle", "to_parquet")),
    "arrays of numpy": (("run", "table.npz", "--output", "out"), (".npz", "convert what is in it to parquet")),
    "masses in another order": ((*LIMITS, "--masses", "500", "100", "3500"), ("heaviest; write 3500 500 100",)),
    "masses in TeV": ((*LIMITS, "--masses", "3.5", "0.5", "0.1"), ("TeV", "multiply by 1000")),
    "acceptance in per cent": ((*LIMITS, "events.parquet", "--acceptance", "60"), ("60 is too large", "at most 1")),
    "acceptance of masses": ((*LIMITS, *POINT, "--acceptance", "0.6"), ("it is known, leave it out",)),
    "acceptance alone": ((*LIMITS, "table.pkl", "--acceptance", "0.6"), ("give --luminosity (1/fb)",)),
    "data for the signal": ((*LIMITS, "./events.parquet"), ("as the data and as the signal",)),
    "boxes larger than the range": (
        ("calibrate", "events.parquet", "--null", "1", "--source", "smooth", "--size", "2000", "--output", "out"),
        ("searched range", "--source smooth", "or --size"),
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(here: Path, name: str) -> None:
    arguments, words = COMMANDS[name]
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 2, (done.stdout, done.stderr, done.exception)
    told = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert len(told) == 1, done.stderr
    assert told[0].startswith("bumphunt: ")
    for word in words:
        assert word in told[0], told[0]
    assert not Path("out/result.json").exists()


SETTINGS: dict[str, tuple[str, str]] = {
    "in TOML": ("[search]\nlow = 3000\n", "looks like TOML"),
    "a dotted key": ("search.low: 3000", r"write 'search: \{low: ...\}'"),
    "keys that are not indented": ("search:\nlow: 3000", "indent its keys below it"),
    "a section switched off": ("vae: false", r"write 'vae: \{enabled: false\}'"),
    "per cent": ("search: {cut_fractions: [1%, 0.2%]}", "write 0.01, without a unit"),
    "a unit": ("search: {low: 3000 GeV}", "write 3000, without a unit"),
    "None as of Python": ("search: {low: None}", "write null"),
    "a comma in a number": ("search: {low: 2,500}", "write 2500 and not 2,500"),
    "a window of one number": ("search: {windows: [3500]}", r"should be a pair, as in \[3300, 3700\]"),
    "a window of three": ("search: {windows: [[3300, 3500, 3700]]}", r"\(found \[3300, 3500, 3700\]\)"),
    "no daughters": ("daughters: []", "or null for none"),
    "a cut given twice": ("search: {cut_fractions: [0.01, 0.01]}", "0.01 is given twice"),
    "a window given twice": ("search: {windows: [[3300, 3700], [3300, 3700]]}", "each is a trial"),
    "several selections": ("select: [mj1 > 50, mj2 > 50]", "join comparisons by 'and'"),
    "dijets in TeV": ("resonance: {unit: TeV}", "read in GeV, not TeV"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting(tmp_path: Path, name: str) -> None:
    text, words = SETTINGS[name]
    (tmp_path / "my.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=words):
        bumphunt.load_config(tmp_path / "my.yaml")


def test_a_setting_in_python() -> None:
    with pytest.raises(ConfigError, match=r"^serach: unknown key; did you mean search\?"):
        AnalysisConfig(serach={})  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r"search\.low: should be a number"):
        AnalysisConfig(search={"low": "x"})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="by name"):
        AnalysisConfig({"search": {}})  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="low cannot be set any more"):
        AnalysisConfig().search.low = 3000.0  # type: ignore[misc]
    with pytest.raises(ConfigError, match=r"give AnalysisConfig\(\)"):
        config_from_dict(AnalysisConfig)
    with pytest.raises(ConfigError, match="500 is no name"):
        config_from_dict({500: None})


def test_what_is_no_result_for_a_figure(make_events: Any) -> None:
    with pytest.raises(InputError, match="takes numbers, or a mapping of names to them, found DataFrame"):
        bumphunt.plots.null_rates(pd.DataFrame({"z": ["a"]}))
    with pytest.raises(InputError, match="found AnalysisConfig"):
        bumphunt.plots.null_rates(AnalysisConfig())  # type: ignore[arg-type]
    figure, axes = bumphunt.plots.null_rates({"one": [0.5, 1.5]})
    assert axes.figure is figure
    with pytest.raises(InputError, match="ax is a Figure; give matplotlib axes"):
        bumphunt.plots.null_rates([0.5], ax=figure)  # type: ignore[arg-type]


def test_arguments_in_python(make_events: Any) -> None:
    table = make_events(100)
    with pytest.raises(InputError, match=r"ndarray is neither .*; make a table of it: pandas\.DataFrame"):
        bumphunt.read_events(table.to_numpy())
    with pytest.raises(InputError, match=r"give LimitOptions\(luminosity=\.\.\.\)"):
        bumphunt.limits(table, options={"luminosity": 139})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the table is given as the data and as the signal"):
        bumphunt.limits(table, table, options=LimitOptions())
