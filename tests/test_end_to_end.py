"""From the shipped file of events to the three answers, and what must not change them."""

import json
import math
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import config_from_dict
from bumphunt.jobs.run import run_analysis
from bumphunt.report.html import write_report
from bumphunt.results import AnalysisResult, Products
from bumphunt.spectrum.binning import searched_range

ROOT = Path(__file__).resolve().parents[1]
BOX = ROOT / "data/blackbox.parquet"
TRUTH = ROOT / "data/blackbox_truth.json"

# The whole scan takes minutes and is what `make run` does; here two of its windows, with fewer and shorter trees.
TREES = {"repeats": 1, "members": 1, "max_iter": 30, "learning_rate": 0.1, "folds": 3}
REAL = config_from_dict(
    {
        "searches": ["cwola"],
        "search": {"windows": [[3100.0, 3500.0], [3590.0, 4060.0]]},
        "cwola": TREES,
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
    }
)
SMALL = config_from_dict(
    {
        "searches": ["cwola"],
        "search": {"windows": [[3250.0, 3750.0], [3850.0, 4300.0]], "cut_fractions": [0.1, 0.05]},
        "cwola": {"repeats": 1, "members": 1, "max_iter": 25, "learning_rate": 0.1, "folds": 3},
        "vae": {"enabled": False},
        "autoencoder": {"enabled": False},
        "limit": {"enabled": False},
    }
)

INTERVAL = {"value": float, "low": float, "high": float}
ANSWERS = {
    "status": str,
    "discovery": bool,
    "p_local": float,
    "z_local": float,
    "p_global": float,
    "z_global": float,
    "p_global_method": str,
    "n_toys": int,
    "n_trials": int,
    "is_bound": bool,
}
CHECK = {"name": str, "passed": bool, "value": float, "threshold": float}

opened: list[str] = []
"""Every path opened by Python code in this process while it is listened to."""
_listening = [False]


def _listen(event, arguments):
    if _listening[0] and event in ("open", "os.listdir", "os.scandir") and arguments:
        opened.append(str(arguments[0]))


@pytest.fixture(scope="module")
def hook():
    """Audit hooks cannot be taken off again, so there is one, on during one run only."""
    sys.addaudithook(_listen)
    return _listen


@pytest.fixture
def no_report(monkeypatch):
    """Drawing takes seconds; it is done once, for the shipped box."""
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: folder)


def answers(result):
    """All that a run claims: answers and checks."""
    plain = result.to_dict()
    return {"answers": plain["answers"], "checks": plain["checks"]}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, hook):
    """The shipped box analysed with a report: folder, result, and what was opened on the way."""
    output = tmp_path_factory.mktemp("shipped") / "run"
    opened.clear()
    _listening[0] = True
    try:
        result = run_analysis(BOX, output=output, config=REAL, seed=1)
    finally:
        _listening[0] = False
    return output, result, tuple(opened)


@pytest.fixture(scope="module")
def truth():
    return json.loads(TRUTH.read_text("utf-8"))


# ---------------------------------------------------------------- the shipped box


def test_the_resonance_of_the_shipped_box_is_discovered(shipped):
    _, result, _ = shipped
    assert result.answers.status == "discovery", [check for check in result.checks if not check.passed]
    assert result.answers.discovery is True
    assert result.answers.z_global > 5
    assert result.answers.p_global >= result.answers.p_local
    assert {check.name for check in result.checks} >= {"sideband_fit", "sculpting", "fold_agreement", "mass_fit"}
    assert all(check.passed for check in result.checks)


@pytest.mark.parametrize(("name", "index"), [("m_resonance", 0), ("m_x", 1), ("m_y", 2)])
def test_the_masses_are_right_within_twice_their_interval(shipped, truth, name, index):
    interval = getattr(shipped[1].answers, name)
    true = truth["masses"][index]
    assert interval.low < interval.value < interval.high
    assert interval.value - 2 * (interval.value - interval.low) < true
    assert true < interval.value + 2 * (interval.high - interval.value)
    assert (interval.high - interval.low) / interval.value < 0.1, "an interval so wide says nothing"


def test_the_number_of_signal_events_is_right_within_twice_its_interval(shipped, truth):
    interval = shipped[1].answers.n_signal
    assert interval.value - 2 * (interval.value - interval.low) < truth["n_signal"]
    assert truth["n_signal"] < interval.value + 2 * (interval.high - interval.value)
    assert interval.low > 0
    assert interval.high - interval.low < truth["n_signal"]


def test_the_upper_limit_lies_above_what_is_there(shipped, truth):
    limit = shipped[1].answers.upper_limit
    assert truth["n_signal"] < limit["n_signal_95"] < 10 * truth["n_signal"]
    assert abs(limit["mass"] - truth["masses"][0]) < 300


def of_kind(value, kind):
    """Tell whether a JSON value is of a type; whole numbers are numbers, truth values are not."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def holds(data, schema, where):
    assert isinstance(data, dict), where
    for name, kind in schema.items():
        assert name in data, f"{where}.{name} is missing"
        assert of_kind(data[name], kind), f"{where}.{name} is {data[name]!r}"


def check_result(data, *, masses):
    """Hold a ``result.json`` against the description of the interface."""
    holds(
        data,
        {"schema_version": str, "input": dict, "seed": int, "versions": dict, "config": dict, "answers": dict,
         "checks": list, "stages": dict},
        "result",
    )  # fmt: skip
    assert data["schema_version"] == "2"
    holds(data["input"], {"path": str, "sha256": str, "n_events": int, "columns": list}, "input")
    assert re.fullmatch(r"[0-9a-f]{64}", data["input"]["sha256"])
    assert {"bumphunt", "python", "numpy", "scipy", "scikit-learn"} <= data["versions"].keys()
    assert all(isinstance(number, str) and number for number in data["versions"].values())
    holds(data["answers"], ANSWERS, "answers")
    assert data["answers"]["status"] in ("none", "evidence", "discovery", "unverified_excess")
    assert 0 < data["answers"]["p_local"] <= 1
    assert 0 < data["answers"]["p_global"] <= 1
    for name in ("m_resonance", "m_x", "m_y", "n_signal"):
        assert name in data["answers"]
        if masses:
            holds(data["answers"][name], INTERVAL, name)
        else:
            assert data["answers"][name] is None, "below 3 sigma no number is made up"
    assert "upper_limit" in data["answers"]
    if data["answers"]["upper_limit"] is not None:
        holds(data["answers"]["upper_limit"], {"n_signal_95": float, "mass": float}, "upper_limit")
    assert data["checks"]
    for check in data["checks"]:
        holds(check, CHECK, f"check {check.get('name')}")
    for name, stage in data["stages"].items():
        holds(stage, {"seconds": float}, f"stage {name}")
    assert AnalysisResult.from_dict(data).to_dict() == data


def test_the_result_file_is_as_described(shipped):
    import hashlib

    output, result, _ = shipped
    data = json.loads((output / "result.json").read_text("utf-8"))
    check_result(data, masses=True)
    assert data == result.to_dict()
    assert data["input"]["sha256"] == hashlib.sha256(BOX.read_bytes()).hexdigest()
    assert data["input"]["n_events"] == 1_000_000
    assert data["input"]["columns"][:3] == ["mjj", "mj1", "mj2"]
    assert "label" not in data["input"]["columns"], "the shipped box has no truth in it"
    assert config_from_dict(data["config"]) == REAL, "config and seed are enough to repeat the run"


class _Loads(HTMLParser):
    """Everything that a page would fetch or run."""

    def __init__(self, text):
        super().__init__()
        self.loads = []
        self.pictures = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "iframe", "object", "embed", "base"):
            self.loads.append(tag)
        if tag == "svg":
            self.pictures += 1
        for name, value in attrs:
            text = (value or "").strip()
            loads = name in ("src", "srcset", "data", "poster", "background") or (tag == "link" and name == "href")
            if loads and not text.startswith("data:image/"):
                self.loads.append(f"{tag} {name}={text[:60]}")


def test_the_report_needs_nothing_else(shipped):
    output, result, _ = shipped
    text = (output / "report.html").read_text("utf-8")
    page = _Loads(text)
    assert page.loads == []
    assert page.pictures >= 5
    assert not re.search(r"url\(\s*['\"]?(?!data:)[a-z/]", text)
    assert "@import" not in text
    shown = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert str(result.answers.m_resonance).split()[0] in shown
    assert "discovery" in shown.lower()


def test_figures_are_there_twice(shipped):
    folder = shipped[0] / "figures"
    names = {path.stem for path in folder.iterdir()}
    assert {"spectrum_before", "spectrum_after", "scan", "mass_fit", "jet_plane", "peak_scan", "limit"} <= names
    for name in names:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")
def test_anyone_can_check_the_p_value_with_pyhf(shipped):
    import pyhf

    workspace = pyhf.Workspace(json.loads((shipped[0] / "workspace.json").read_text("utf-8")))
    model = workspace.model()
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    p_value = float(pyhf.infer.hypotest(0.0, workspace.data(model), model, test_stat="q0"))
    assert p_value < 1e-6


def test_the_products_are_enough_to_draw_again(shipped, page_only, tmp_path):
    output, result, _ = shipped
    for name in ("result.json", "products.json"):
        shutil.copy(output / name, tmp_path / name)
    products = Products.from_dict(json.loads((output / "products.json").read_text("utf-8")))
    assert products.mass_fit.m_resonance.to_dict() == result.answers.m_resonance.to_dict()
    assert products.scan.p_global == result.answers.p_global
    page = write_report(tmp_path)
    pictures = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")
    again, first = (pictures.sub("", path.read_text("utf-8")) for path in (page, output / "report.html"))
    assert again == first
    drawn, before = ({path.name for path in (folder / "figures").iterdir()} for folder in (tmp_path, output))
    assert drawn == before


def test_the_truth_is_not_opened(shipped):
    _, _, seen = shipped
    assert any(name.endswith("blackbox.parquet") for name in seen), "the hook hears what is read"
    assert not [name for name in seen if "truth" in Path(name).name]


def test_only_the_simulation_knows_of_truth_files():
    for path in sorted((ROOT / "bumphunt").rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and "simulation" not in path.parts:
            assert not re.search(rb"(?<!drop)(?<!hide)_truth", path.read_bytes()), path


# ---------------------------------------------------------------- nothing there, nothing claimed


def test_a_box_without_resonance_claims_nothing(no_report, tmp_path):
    """Real events whose mjj are exchanged: every spectrum stays, and what was joint is gone."""
    table = pd.read_parquet(BOX)
    table["mjj"] = np.random.default_rng(5).permutation(table["mjj"].to_numpy())
    table.iloc[:100_000].to_parquet(tmp_path / "empty.parquet")
    result = run_analysis(tmp_path / "empty.parquet", output=tmp_path / "run", config=REAL, seed=1)
    assert result.answers.status == "none"
    assert not result.answers.discovery
    assert result.answers.z_global < 3
    check_result(json.loads((tmp_path / "run/result.json").read_text("utf-8")), masses=False)


# ---------------------------------------------------------------- what must not change the answers


@pytest.fixture(scope="module")
def labelled(make_events, one_decay):
    return make_events(20_000, signal=250)


def analyse(table, folder):
    folder.mkdir()
    table.to_parquet(folder / "box.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bumphunt.report.html.write_report", lambda output: output)
        return run_analysis(folder / "box.parquet", output=folder / "run", config=SMALL, seed=1)


@pytest.fixture(scope="module")
def reference(labelled, tmp_path_factory):
    """Answers from the box without labels."""
    result = analyse(labelled.drop(columns="label"), tmp_path_factory.mktemp("small") / "reference")
    assert result.answers.status in ("evidence", "discovery")
    return answers(result)


def test_labels_and_identifiers_change_nothing(labelled, reference, tmp_path):
    """Truth is never an input, right or shuffled, nor is what names an event (absent: ``tests/jobs/test_run.py``)."""
    rng = np.random.default_rng(4)
    label, number = rng.permutation(labelled["label"].to_numpy()), rng.permutation(len(labelled))
    table = labelled.assign(label=label, run=7, event=number)
    assert answers(analyse(table, tmp_path / "named")) == reference
    candidates = pd.read_csv(tmp_path / "named/run/candidates.csv")
    found = table.set_index("event").loc[candidates["event"], "mjj"].to_numpy()
    np.testing.assert_allclose(found, candidates["mjj"], rtol=1e-5)


def test_the_layout_of_the_file_changes_nothing(labelled, reference, no_report, tmp_path):
    table = labelled.drop(columns="label")
    table.to_csv(tmp_path / "box.csv", index=False)
    result = run_analysis(tmp_path / "box.csv", output=tmp_path / "run", config=SMALL, seed=1, workers=2)
    assert answers(result) == reference


@pytest.mark.parametrize("signal", [1_000, 5_000, 10_000])
def test_a_strong_signal_stays_in_the_searched_range(make_events, signal):
    """An obvious resonance spoils the smooth fit; the range may not move up past it, or nothing is found at all."""
    mjj = make_events(50_000, signal=signal)["mjj"].to_numpy()
    edges = searched_range(mjj, ratio=1.03)
    assert edges[1] < 3400.0
