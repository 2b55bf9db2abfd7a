"""A hunt for everybody: the same answers however the events come, a score for each row, nothing written unasked."""

import json

import numpy as np
import pandas as pd
import pytest

import bumphunt
from bumphunt.config import config_from_dict
from bumphunt.errors import InputError

SEED = 3


@pytest.fixture(scope="module")
def table(make_events):
    """A box without signal in single precision, so that it can be saved in double without loss."""
    events = make_events(7_000, seed=5, label=False)
    return events.astype(np.float32)


@pytest.fixture
def hunted(light_hunt):
    """Return the function that hunts with light settings."""

    def run(events, **changes):
        return bumphunt.hunt(events, config={**light_hunt, **changes}, seed=SEED)

    return run


@pytest.fixture(scope="module")
def reference(table, light_hunt):
    """The hunt that others are compared with."""
    return bumphunt.hunt(table, config=light_hunt, seed=SEED)


def assert_same(found, reference):
    assert found.answers.to_dict() == reference.answers.to_dict()
    assert found.scan.to_dict() == reference.scan.to_dict()
    assert [check.to_dict() for check in found.checks] == [check.to_dict() for check in reference.checks]


def test_scores_belong_to_rows(reference, table):
    scores = reference.scores
    assert scores.name == "anomaly_score"
    assert scores.index.equals(table.index)
    searched = table["mjj"].between(*reference.inclusive.edges[[0, -1]], inclusive="left")
    np.testing.assert_array_equal(scores.notna(), searched)
    assert 0 < searched.sum() < len(table), "the range leaves rows out"
    assert scores.dropna().between(0, 1, inclusive="neither").all()
    assert scores.dropna().is_unique
    chosen = scores > 0.95
    window = table["mjj"].between(*reference.scan.windows[0].fit.edges[[0, -1]])
    best = reference.scan.windows[-1]
    low, high = best.low, best.high
    assert best.cut_fraction == 0.05
    assert int((chosen & window & (table["mjj"] >= low) & (table["mjj"] < high)).sum()) == best.n_observed


def test_a_table_and_its_file_are_the_same_hunt(reference, table, hunted, tmp_path, monkeypatch):
    path = tmp_path / "box.parquet"
    table.to_parquet(path)
    monkeypatch.chdir(tmp_path)
    found = hunted(path)
    assert_same(found, reference)
    np.testing.assert_array_equal(found.scores, reference.scores)
    assert len(found.result.input["sha256"]) == 64
    assert found.result.input["content"] == reference.result.input["content"]
    assert [each.name for each in tmp_path.iterdir()] == ["box.parquet"], "nothing is written before save"


def test_rows_columns_files_and_precision_do_not_matter(reference, table, hunted, tmp_path):
    order = np.random.default_rng(1).permutation(len(table))
    shuffled = hunted(table.iloc[order])
    assert_same(shuffled, reference)
    pd.testing.assert_series_equal(shuffled.scores.sort_index(), reference.scores)

    table.iloc[4_000:].to_parquet(tmp_path / "a.parquet")
    table.iloc[:4_000].to_parquet(tmp_path / "b.parquet")
    split = hunted([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert_same(split, reference)
    np.testing.assert_array_equal(np.sort(split.scores.dropna()), np.sort(reference.scores.dropna()))

    rewritten = hunted(table[table.columns[::-1]].astype(np.float64))
    assert_same(rewritten, reference)
    pd.testing.assert_series_equal(rewritten.scores, reference.scores)


def test_an_index_of_any_kind_comes_back(reference, table, hunted):
    twice = table.set_axis(np.arange(len(table)) // 2)
    found = hunted(twice)
    assert_same(found, reference)
    assert found.scores.index.equals(twice.index)
    np.testing.assert_array_equal(found.scores, reference.scores)


@pytest.mark.parametrize("kind", ["classes", "words", "missing", "shuffled"])
def test_truth_is_never_read(reference, table, hunted, kind):
    rng = np.random.default_rng(2)
    label = {
        "classes": rng.integers(-1, 3, len(table)),
        "words": rng.choice(["signal", "background"], len(table)),
        "missing": np.full(len(table), np.nan),
        "shuffled": rng.permutation(np.arange(len(table)) < 500).astype(float),
    }[kind]
    assert_same(hunted(table.assign(label=label)), reference)


def test_copies_share_the_score_of_the_one_kept(reference, table, hunted):
    with pytest.warns(UserWarning, match="7000 of 14000 rows are copies of another row and were dropped"):
        found = hunted(pd.concat([table, table]))
    assert_same(found, reference)
    assert len(found.scores) == 2 * len(table)
    np.testing.assert_array_equal(found.scores.iloc[: len(table)], reference.scores)
    np.testing.assert_array_equal(found.scores.iloc[len(table) :], reference.scores)


def test_it_shows_itself_in_a_few_lines(reference):
    assert len(repr(reference)) < 600
    assert "none" in repr(reference)
    assert "7000 events" in repr(reference)
    page = reference._repr_html_()
    assert page.startswith("<table>")
    assert "nothing found" in page
    assert "<svg" in page
    assert "p-value" in str(reference)


def test_its_parts_show_themselves_in_a_few_lines(reference):
    found = reference.findings
    best = found.verdict.best
    for part in (found, found.search, found.verdict, best, best.task, best.outcome, best.task.null):
        assert len(repr(part)) < 600, type(part)
        assert repr(part).startswith(f"{type(part).__name__}(")


def test_settings_are_an_object_or_plain_data(reference, table, light_hunt):
    assert_same(bumphunt.hunt(table, config=config_from_dict(light_hunt), seed=SEED), reference)
    with pytest.raises(InputError, match=r"did you mean cwola\.folds"):
        bumphunt.hunt(table, config={"cwola": {"fold": 2}})
    with pytest.raises(InputError, match="seed is -1"):
        bumphunt.hunt(table, config=light_hunt, seed=-1)


@pytest.mark.slow
def test_save_writes_what_a_run_writes(reference, tmp_path, monkeypatch):
    folder = reference.save(tmp_path / "out")
    written = {path.name for path in folder.iterdir()}
    assert written >= {"result.json", "products.json", "workspace.json", "candidates.csv", "report.html", "figures"}
    assert json.loads((folder / "result.json").read_text()) == reference.result.to_dict()
    assert list((folder / "figures").iterdir())
    with pytest.raises(InputError, match="holds a finished result"):
        reference.save(folder)
    monkeypatch.setattr("bumphunt.report.html.write_report", lambda folder: folder)
    reference.save(folder, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("years of work")
    with pytest.raises(InputError, match="was not made by this program"):
        reference.save(tmp_path / "mine")
    assert (tmp_path / "mine" / "report.html").read_text() == "years of work"
