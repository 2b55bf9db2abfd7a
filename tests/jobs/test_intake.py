"""What comes in: copies, cuts, other final states and energies, and what is said of all that in the result."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bumphunt
from bumphunt.cli import main
from bumphunt.errors import InputError
from bumphunt.jobs.requests import as_config
from bumphunt.jobs.run import run_analysis
from bumphunt.pipeline.verdict import WITHOUT_RESPONSE

SEED = 3


@pytest.fixture(scope="module")
def table(make_events):
    """A box without signal."""
    return make_events(7_000, seed=5, label=False)


@pytest.fixture(scope="module")
def reference(table, light_hunt):
    """The hunt that others are compared with."""
    return bumphunt.hunt(table, config=light_hunt, seed=SEED)


@pytest.fixture
def no_report(monkeypatch):
    """Draw nothing: the report has its own tests."""
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def signal_box(make_events):
    """A box with a clear resonance."""
    return make_events(8_000, signal=100, seed=5, label=False)


# --- copies ------------------------------------------------------------------------------------------


def copied(table, kind):
    """Return the table with copies, and how many of them are exact and how many nearly so."""
    rng, n = np.random.default_rng(1), len(table)
    if kind == "twice":
        return pd.concat([table, table]), (n, 0)
    if kind == "thrice, numbered":
        return pd.concat([table] * 3).assign(run=1, event=np.arange(3 * n)), (2 * n, 0)
    part = table.iloc[rng.permutation(n)[: int(0.3 * n)]]
    if kind == "30 %":
        return pd.concat([table, part]), (len(part), 0)
    return pd.concat([table, part * (1 + 1e-7 * rng.uniform(0.5, 1.0, part.shape))]), (0, len(part))


@pytest.mark.parametrize("kind", ["twice", "thrice, numbered", "30 %"])
def test_copies_change_no_answer_and_are_named(reference, table, light_hunt, no_report, tmp_path, kind):
    events, (exact, _) = copied(table, kind)
    path = tmp_path / "copies.parquet"
    events.to_parquet(path)
    sentence = f"{exact} of {len(events)} rows are copies of another row and were dropped"
    with pytest.warns(UserWarning, match=sentence):
        found = run_analysis(path, output=tmp_path / "out", config=as_config(light_hunt), seed=SEED)
    assert found.answers.to_dict() == reference.answers.to_dict()
    quality = json.loads((tmp_path / "out" / "result.json").read_text())["data_quality"]
    assert (quality["rows"], quality["duplicates"], quality["near_duplicates"]) == (len(events), exact, 0)
    assert sentence in quality["notes"]
    assert found.input["n_events"] == len(table)


def test_copies_with_a_jitter_of_a_ten_millionth_are_copies(reference, table, light_hunt):
    events, (_, near) = copied(table, "jitter")
    with pytest.warns(UserWarning, match=f"{near} of {len(events)} rows repeat another row up to rounding"):
        found = bumphunt.hunt(events, config=light_hunt, seed=SEED)
    assert found.result.data_quality["near_duplicates"] == near
    assert found.result.input["n_events"] == len(table)
    # Which of the two is kept is up to a hash that favours no value, and the seventh digit of the one that is kept
    # decides on its folds: all that is counted is equal, and what is trained differs as it does by another seed.
    np.testing.assert_array_equal(found.inclusive.counts, reference.inclusive.counts)
    ours, theirs = found.answers, reference.answers
    for name in ("status", "discovery", "n_trials", "calibration", "tested_to", "search", "assumptions",
                 "m_resonance", "m_x", "m_y", "n_signal", "upper_limit"):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("low", "high", "cut_fraction", "n_window"):
        assert [getattr(window, name) for window in found.scan.windows] == [
            getattr(window, name) for window in reference.scan.windows
        ], name
    assert abs(ours.z_local - theirs.z_local) < 2.0  # two trainings of one repeat each; copies that stay give 7
    copies = found.scores.iloc[len(table) :]
    originals = found.scores.iloc[: len(table)].loc[copies.index]
    np.testing.assert_array_equal(copies, originals)


# --- what is searched --------------------------------------------------------------------------------


def test_selected_rows_alone_are_searched(table, light_hunt):
    expression = "mj1 > 150 and tau21_1 < 0.8"
    kept = (table["mj1"] > 150) & (table["tau21_1"] < 0.8)
    assert 0 < kept.sum() < len(kept)
    with pytest.warns(UserWarning, match=f"{kept.sum()} of {len(kept)} rows fulfil"):
        found = bumphunt.hunt(table, config={**light_hunt, "select": expression}, seed=SEED)
    alone = bumphunt.hunt(table[kept], config=light_hunt, seed=SEED)
    assert found.answers.to_dict() == alone.answers.to_dict()
    assert found.scores[~kept].isna().all()
    pd.testing.assert_series_equal(found.scores[kept], alone.scores)
    with pytest.raises(InputError, match="no event fulfils select"):
        bumphunt.hunt(table, config={**light_hunt, "select": "mj1 > 1e5"})
    with pytest.raises(InputError, match="truth and must not choose"):
        bumphunt.hunt(table.assign(label=1.0), config={**light_hunt, "select": "label > 0"})


def test_a_final_state_without_daughters_is_searched(signal_box, light_hunt, no_report, tmp_path):
    """Muon pairs near 90 GeV: the mass is that of the excess, and the assumption is said."""
    scale = 1 / 40.0
    muons = signal_box.rename(columns={"mjj": "m_mumu", "mj1": "pt1", "mj2": "pt2"})
    muons["m_mumu"] *= scale
    path = tmp_path / "muons.parquet"
    muons.to_parquet(path)
    search = light_hunt["search"]
    config = {
        **light_hunt,
        "resonance": {"column": "m_mumu", "label": "dimuon mass"},
        "daughters": None,
        "features": ["pt1", "pt2", "tau21_1", "tau21_2"],
        "sqrt_s": None,
        "search": {
            **search,
            "low": search["low"] * scale,
            "high": search["high"] * scale,
            "windows": [[mass * scale for mass in search["windows"][0]]],
        },
    }
    found = run_analysis(path, output=tmp_path / "out", config=as_config(config), seed=SEED)
    answers = found.answers
    assert answers.z_global > 3
    assert answers.m_resonance.low < answers.m_resonance.value < answers.m_resonance.high
    assert answers.m_resonance.value == pytest.approx(3_500.0 * scale, rel=0.02)
    assert answers.m_x is None
    assert answers.m_y is None
    assert 30 < answers.n_signal.value < 150
    assert answers.masses_verified is None
    assert WITHOUT_RESPONSE in answers.assumptions
    candidates = pd.read_csv(tmp_path / "out" / "candidates.csv")
    assert "m_mumu" in candidates.columns


@pytest.mark.parametrize("sqrt_s", [8_000.0, pytest.param(14_000.0, marks=pytest.mark.long)])
def test_boxes_of_other_collision_energies(signal_box, light_hunt, sqrt_s):
    scale = sqrt_s / 13_000.0
    events = signal_box.assign(**{name: signal_box[name] * scale for name in ("mjj", "mj1", "mj2")})
    search = light_hunt["search"]
    config = {
        **light_hunt,
        "sqrt_s": sqrt_s,
        "search": {
            **search,
            "low": search["low"] * scale,
            "high": search["high"] * scale,
            "windows": [[mass * scale for mass in search["windows"][0]]],
        },
    }
    found = bumphunt.hunt(events, config=config, seed=SEED)
    assert found.answers.z_global > 3
    assert found.scan.best_window.low == pytest.approx(3_280.0 * scale, rel=0.02)
    if found.answers.m_resonance is not None:
        assert found.answers.m_resonance.value == pytest.approx(3_500.0 * scale, rel=0.03)


# --- what the answers say of themselves --------------------------------------------------------------


def test_the_answers_say_how_they_were_reached(signal_box, light_hunt):
    config = {**light_hunt, "cwola": {**light_hunt["cwola"], "repeats": 3}}
    answers = bumphunt.hunt(signal_box, config=config, seed=SEED).answers
    assert answers.z_global > 3
    assert answers.search == "cwola"
    [(name, own)] = answers.per_search.items()
    assert name == "cwola"
    assert (own["z_local"], own["z_global"]) == (answers.z_local, answers.z_global)
    assert own["low"] < 3500 < own["high"]
    assert answers.z_stat >= answers.z_global - 1e-9  # one went through its p-value
    assert 0 < answers.z_spread < 3
    assert set(answers.calibration) == {"method", "n", "width", "mean"}
    assert (answers.tested_to is None) == (answers.calibration["n"] == 0)
    assert isinstance(answers.masses_verified, bool)

    assert answers.assumptions


def test_a_width_set_by_hand_is_told(table, light_hunt):
    config = {**light_hunt, "search": {**light_hunt["search"], "null_width": 2.0}}
    calibration = bumphunt.hunt(table, config=config, seed=SEED).answers.calibration
    assert calibration["width"] == 2.0
    assert "null_width" in calibration["method"]


# --- looks and plans ---------------------------------------------------------------------------------


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_second_look_and_a_frozen_plan(table, light_hunt, no_report, tmp_path):
    box, config, plan, out = (tmp_path / name for name in ("box.parquet", "light.yaml", "plan.yaml", "out"))
    table.to_parquet(box)
    config.write_text(json.dumps(light_hunt))
    first = command("run", box, "--output", out, "--config", config, "--seed", 1)
    assert first.exit_code == 0, first.output
    assert json.loads((out / "result.json").read_text())["looks"] == {"number": 1, "text": "", "plan": None}
    refused = command("run", box, "--output", out, "--config", config, "--seed", 2)
    assert refused.exit_code == 2
    assert "finished result" in refused.output

    frozen = command("freeze", config, "--output", plan, "--seed", 2)
    assert frozen.exit_code == 0, frozen.output
    second = command("run", box, "--output", out, "--frozen", plan, "--overwrite")
    assert second.exit_code == 0, second.output
    assert "second look at these events; the other said: none" in second.output
    result = json.loads((out / "result.json").read_text())
    assert result["seed"] == 2
    assert result["looks"]["number"] == 2
    assert result["looks"]["plan"] in plan.read_text()
    assert len(result["looks"]["plan"]) == 64

    text = plan.read_text()
    assert "folds: 2" in text
    plan.write_text(text.replace("folds: 2", "folds: 4"))
    edited = command("run", box, "--output", tmp_path / "other", "--frozen", plan)
    assert edited.exit_code == 2
    assert "not as it was frozen" in edited.output
    assert not (tmp_path / "other").exists()
    both = command("run", box, "--output", tmp_path / "other", "--frozen", plan, "--config", config)
    assert both.exit_code == 2
