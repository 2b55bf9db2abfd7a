"""The worked examples of CONTRIBUTING and the documentation: their code is run as it is printed there."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pandas as pd
import pytest
import yaml

import bumphunt
from bumphunt.cli import main
from bumphunt.config import config_from_dict
from bumphunt.config.scores import SCORES, Score
from bumphunt.masses import systematics
from bumphunt.masses.profile import Errors
from bumphunt.masses.substructure import Tau21Scale
from bumphunt.masses.systematics import Fitted, Shift
from bumphunt.pipeline.final_state import final_state_of, score_features
from bumphunt.pipeline.frozen_selection import check_models_can_be_kept
from bumphunt.scores.protocol import AnomalyScorer
from bumphunt.scores.registry import make_score
from bumphunt.significance.form import form_difference
from bumphunt.sources import recognition
from bumphunt.sources.layouts import Location
from bumphunt.spectrum.families import registry
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
EXAMPLES = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def blocks(title, language="python"):
    """Return the code below a heading of CONTRIBUTING."""
    section = EXAMPLES.split(f"\n### {title}\n")[1].split("\n##")[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)


def module(name, code, monkeypatch):
    """Make a module of printed code, as if its file had been written."""
    made = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(compile(code, name, "exec"), made.__dict__)
    return made


@pytest.mark.parametrize(
    ("title", "files"),
    [
        ("A score", 2),
        ("A classifier for the primary search", 2),
        ("A background family", 2),
        ("A systematic", 1),
        ("A flat input layout", 2),
        ("A final state", 0),
    ],
)
def test_files_that_have_to_be_touched(title, files):
    """One new, and one with a line more; what does not exist yet is the new one."""
    section = EXAMPLES.split(f"\n### {title}\n")[1].split("\n##")[0]
    named = set(re.findall(r"`(bumphunt/\w+(?:/\w+)*\.py)`", section))
    assert len(named) == files
    new = [name for name in named if not (ROOT / name).exists()]
    assert len(new) == (1 if files == 2 else 0)


def test_a_score(monkeypatch):
    code, line = blocks("A score")
    module("bumphunt.scores.lightest", code, monkeypatch)
    [(name, score)] = eval("{" + line + "}", {"Score": Score}).items()
    monkeypatch.setitem(SCORES, name, score)
    made = make_score(name, {"power": 2.0}, seed=3)
    assert isinstance(made, AnomalyScorer)
    assert made.fit([[0.0], [2.0]]).anomaly_score([[4.0]]).tolist() == [9.0]


def test_a_classifier_for_the_primary_search(monkeypatch, make_events):
    """Refused before it is there; then a hunt by it finds what is far out in the features."""
    code, line = blocks("A classifier for the primary search")
    config = {**LIGHT, "cwola": {"classifier": "linear", "folds": 2, "repeats": 1}, "limit": {"enabled": False}}
    config |= {"searches": ["cwola"], "search": {**LIGHT["search"], "cut_fractions": [0.02]}}
    with pytest.raises(bumphunt.InputError, match="there is no score 'linear'"):
        config_from_dict(config)
    made = module("bumphunt.scores.linear", code, monkeypatch)
    [(name, score)] = eval("{" + line + "}", {"Score": Score}).items()
    monkeypatch.setitem(SCORES, name, score)
    assert isinstance(made.Linear(), AnomalyScorer)
    table = make_events(6_000, signal=60, seed=4)
    found = bumphunt.hunt(table, config=config)
    assert found.result.config["cwola"]["classifier"] == "linear"
    inside = found.scores.notna() & table["mjj"].between(3300, 3700)
    of_signal = found.scores[inside & (table["label"] == 1)]
    assert of_signal.median() > 0.8, "signal is what a region has and its sidebands have not"
    with pytest.raises(bumphunt.InputError, match="the score 'linear' has no such setting"):
        bumphunt.hunt(make_events(2_000, seed=4), config={**config, "cwola": {"classifier": "linear", "max_bins": 8}})
    with pytest.raises(bumphunt.InputError, match="linear cannot be saved"):
        check_models_can_be_kept(config_from_dict(config))


def counts_of(edges):
    return np.round(1e4 * np.exp(-edges[:-1] / 800.0) * np.diff(edges) / np.diff(edges)[0])


@pytest.fixture
def edges():
    return np.geomspace(2_500.0, 6_000.0, 30)


def test_a_background_family(monkeypatch, edges):
    [code] = blocks("A background family")
    family = module("bumphunt.spectrum.families.exponential", code, monkeypatch).exponential
    with pytest.raises(bumphunt.InputError, match="unknown background family"):
        fit_spectrum(counts_of(edges), edges, family="exponential")
    monkeypatch.setitem(registry.FAMILIES, family.name, family)
    assert len(fit_spectrum(counts_of(edges), edges, family="exponential").parameters) == 2
    assert "exponential" not in registry.profiled_names()


def test_a_systematic_of_the_form(monkeypatch, edges):
    """One more acceptable form, and its expectation in the window counts."""
    code = blocks("A background family")[0].replace("profiled=False", "profiled=True")
    family = module("bumphunt.spectrum.families.exponential", code, monkeypatch).exponential
    monkeypatch.setitem(registry.FAMILIES, family.name, family)
    assert "exponential" in registry.profiled_names()
    window = (edges[:-1] > 3_300) & (edges[:-1] < 3_700)
    counts = np.random.default_rng(4).poisson(counts_of(edges))
    spectrum = Spectrum(counts=counts, edges=edges, sqrt_s=13_000.0).with_window(window, masked=window)
    alone = form_difference(spectrum, families=("powexp",)).relative
    both = form_difference(spectrum, families=("powexp", "exponential")).relative
    assert alone == 0.0
    assert both > 0.0


def test_a_systematic_of_the_masses(monkeypatch):
    """It is added in quadrature, and leaves the statistical part alone."""
    [code] = blocks("A systematic")
    source = module("bumphunt.masses.jet_scale", code, monkeypatch).jet_scale
    scale = Tau21Scale(prior=0.05)
    fitted = Fitted(signal=None, shift=Shift(m_resonance=0.02, m_x=0.01, m_y=0.0, efficiency=0.1), scale=scale)
    monkeypatch.setattr(systematics, "SOURCES", (systematics.varied_detector, systematics.substructure))
    before = systematics.relative_errors(fitted)
    monkeypatch.setattr(systematics, "SOURCES", (*systematics.SOURCES, source))
    after = systematics.relative_errors(fitted)
    for name in ("m_resonance", "m_x", "m_y"):
        assert after[name] == pytest.approx(np.hypot(before[name], 0.005))
    assert after["n_signal"] == before["n_signal"] == pytest.approx(np.hypot(0.05, 0.05))
    known = Errors(value=500.0, low=3.0, high=3.0, assumed=0.0)
    wider = known.interval(systematic=after["m_y"])
    assert wider.high - wider.value == pytest.approx(np.hypot(3.0, 2.5))
    assert wider.stat_high - wider.value == pytest.approx(3.0)


def test_a_flat_layout(monkeypatch, tmp_path):
    code, line = blocks("A flat input layout")
    module("bumphunt.sources.numpy_table", code, monkeypatch)
    table = np.zeros(3, dtype=[("mjj", float), ("mj1", float), ("mj2", float)])
    table["mjj"], table["mj1"], table["mj2"] = 3_500.0, 500.0, 100.0
    path = tmp_path / "events.npy"
    np.save(path, table)
    with pytest.raises(bumphunt.InputError, match="a numpy array, which is not read"):
        recognition.read(Location(path=path))

    layout = eval(line, {"Layout": recognition.Layout})
    monkeypatch.setattr(recognition, "LAYOUTS", (layout, *recognition.LAYOUTS))
    read = bumphunt.read_events(path)
    assert read["mj1"].tolist() == [500.0] * 3
    assert recognition.identify(path) == "numpy"


def test_a_final_state(make_events):
    """Its printed configuration is enough to search a table."""
    [text] = blocks("A final state", "yaml")
    assert len(text.splitlines()) <= 15
    config = config_from_dict(yaml.safe_load(text))
    state = final_state_of(config)
    assert state.required == ("m4l", "mz1", "mz2")
    assert score_features(config, pd.DataFrame()) == ["mz1", "mz2", "pt4l"]
    light = {**LIGHT, **yaml.safe_load(text), "limit": {"enabled": False}}
    names = {"mjj": "m4l", "mj1": "mz1", "mj2": "mz2", "tau21_1": "pt4l"}
    table = make_events(8_000, signal=120, seed=4, label=False).rename(columns=names)
    found = bumphunt.hunt(table, config=light)
    assert found.answers.z_global > 3
    assert found.answers.m_resonance.value == pytest.approx(3_500, rel=0.03)
    with pytest.raises(bumphunt.InputError, match="mz2"):
        bumphunt.hunt(table.drop(columns="mz2"), config=light)


def test_the_dimuon_configuration_is_short_and_its_keys_exist():
    text = (ROOT / "docs/any-resonance.md").read_text("utf-8")
    [printed] = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    assert len(printed.splitlines()) <= 15
    config = config_from_dict(yaml.safe_load(printed))
    assert config.resonance.column == "dimu_mass"
    assert config.daughters is None
    assert config.search.windows == [(9.34, 9.58)]
    for key in re.findall(r"^\| `([a-z_.]+)`", text, re.M):
        value = config
        for part in key.split("."):
            value = getattr(value, part)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))]
    local = [target for target in targets if target and "://" not in target]
    assert local or page.name == "python.md"
    assert not [target for target in local if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_the_documentation_exist(page):
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    text = page.read_text("utf-8")
    shown = re.findall(r"^```bash\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in shown for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text)
    for line in lines:
        for target in re.findall(r"(?:^|&& )make ([a-z-]+)", line):
            assert target in targets, line
        for tail in re.findall(r"(?:^|[\s/;&|])bumphunt ([a-z]+[^|;&>]*)", line):
            words = tail.split()
            assert words[0] in main.commands, line
            parameters = main.commands[words[0]].params
            options = {name for each in parameters if isinstance(each, click.Option) for name in each.opts}
            used = {word for word in words if word.startswith("--")}
            assert used <= options | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_in_the_documentation_names_what_exists(page):
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        for path in re.findall(r"\bbumphunt((?:\.[A-Za-z_]+)+)", code):
            if re.search(rf"(?:from|import|estimator=\") *bumphunt{re.escape(path)}", code):
                continue  # a new file of an example, or an import that its own test runs
            thing = bumphunt
            for name in path.strip(".").split("."):
                thing = getattr(thing, name)


LIGHT = {
    "searches": ["cwola"],
    "search": {"low": 3000.0, "high": 5000.0, "windows": [[3300.0, 3700.0]]},
    "cwola": {"folds": 2, "repeats": 1, "max_iter": 15},
    "vae": {"enabled": False},
    "autoencoder": {"enabled": False},
}


@pytest.fixture(scope="module")
def hunted(make_events, one_decay):
    """A table and the hunt in it, which the examples of all pages make."""
    table = make_events(12_000, signal=150)
    return table, bumphunt.hunt(table, config=LIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/tutorials/fifteen_lines.ipynb"])
def test_the_first_example_in_python_runs(page, hunted, monkeypatch, tmp_path, capsys):
    text = (ROOT / page).read_text("utf-8")
    if page.endswith(".ipynb"):
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        code = "\n".join("".join(cell["source"]) for cell in cells)
    else:
        [code, *_] = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len([line for line in code.splitlines() if line]) <= 15
    table, done = hunted
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    monkeypatch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)  # has tests of its own
    monkeypatch.setattr(pd, "read_parquet", lambda path: table)
    monkeypatch.setattr(bumphunt, "hunt", lambda events, **given: done if 0 < len(events) <= len(table) else None)
    names: dict[str, object] = {}
    exec(compile(code, page, "exec"), names)
    assert len(names["found"].scores) == len(table)
    plt.close("all")
    assert re.findall(r"^(?:import|from) (bumphunt\S*)", code, re.M) == ["bumphunt"], "no import of a room"
    written = [path.name for path in tmp_path.iterdir()]
    assert written == re.findall(r"save\(\"(\w+)\"\)", code), "nothing is written but what is asked for"
    if page != "README.md":  # a newcomer's way: events, hunt, axes of one's own, masses, limit
        said = capsys.readouterr().out
        assert str(names["found"].mass_fit.m_x) in said
        assert re.search(r"\d events at \d+\S* GeV", said)
        assert "save" not in code
        assert all(ax.has_data() for ax in (names["spectrum"], names["residuals"], names["scan"]))


def test_the_changelog_names_every_old_name():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")[1]
    assert not [name for name in bumphunt._OLD_NAMES if f"`{name}`" not in text]


def test_a_spectrum_is_scanned_as_printed(capsys):
    [code] = [
        code
        for code in re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text("utf-8"), re.M | re.S)
        if "scan_spectrum" in code
    ]
    exec(compile(code, "python.md", "exec"), {})
    assert re.fullmatch(r"\S+ \S+\n", capsys.readouterr().out)
