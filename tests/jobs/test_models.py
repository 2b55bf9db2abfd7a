"""Saved models as a function: the run's own scores again, new events treated as the data were, nothing else loaded."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bumphunt
from bumphunt.cli import main
from bumphunt.config import config_from_dict
from bumphunt.errors import ConfigError, InputError
from bumphunt.files import file_sha256
from bumphunt.jobs.apply_models import score_with_models
from bumphunt.jobs.intake import take_in
from bumphunt.jobs.models import decorrelation_arrays, decorrelation_from, load_models
from bumphunt.jobs.requests import RunOptions
from bumphunt.jobs.run import run_analysis
from bumphunt.pipeline.search import prepare_search
from bumphunt.preprocessing import SmoothDecorrelation
from bumphunt.scores.repeats import RepeatedModels

CUT = "frequency_0.05"


@pytest.fixture(scope="module")
def stored(finished):
    """Score and frequency of each searched event as the run stored them, and the folder and the events."""
    run, path = finished
    with np.load(run / "stages" / "window_000.npz") as archive:
        return dict(archive), run, pd.read_parquet(path)


@pytest.fixture(scope="module")
def again(finished):
    return score_with_models(finished[1], models=finished[0], same_events=True)


def test_the_events_of_the_run_have_the_scores_of_the_run_bit_for_bit(stored, again, finished):
    arrays, run, events = stored
    config = config_from_dict(json.loads((run / "result.json").read_text())["config"])
    rows = prepare_search(take_in(events, config).events, config, 7).rows
    np.testing.assert_array_equal(again["anomaly_score"].to_numpy()[rows], arrays["score"])
    np.testing.assert_array_equal(2 * again[CUT].to_numpy()[rows], arrays["frequency"][0])
    assert again["anomaly_score"].notna().sum() == len(rows)
    assert again["event"].tolist() == events["event"].tolist(), "a row for each given, in their order"


def test_a_file_in_another_order_has_the_same_scores(again, finished):
    shuffled = pd.read_parquet(finished[1]).sample(frac=1.0, random_state=3)
    found = score_with_models(shuffled, models=finished[0] / "models", same_events=True)
    assert found.index.equals(shuffled.index)
    np.testing.assert_array_equal(found.sort_index()["anomaly_score"], again["anomaly_score"])


def test_an_event_of_the_training_alone_meets_only_models_that_have_not_seen_it(again, finished, monkeypatch):
    few = pd.read_parquet(finished[1]).iloc[2_000:2_400]
    alone = score_with_models(few, models=finished[0])
    there = alone["anomaly_score"].notna()
    difference = (alone["anomaly_score"] - again["anomaly_score"].iloc[2_000:2_400])[there]
    assert np.abs(difference).median() < 2e-3, "as in the run, but for the quantiles that stand for its events"
    assert np.abs(difference).max() < 0.03
    top = again["anomaly_score"].iloc[2_000:2_400] > 0.95
    assert top.sum() > 5
    assert np.abs(difference[top[there]]).max() < 2e-3
    np.testing.assert_array_equal(alone[CUT][there], again[CUT].iloc[2_000:2_400][there])
    # had the models that have seen it looked at it, scores would differ by far more
    plain = RepeatedModels.scores
    monkeypatch.setattr(
        RepeatedModels,
        "scores",
        lambda self, features, *, folds, ties: plain(self, features, folds=(folds + 1) % 3, ties=ties),
    )
    wrong = score_with_models(few, models=finished[0])["anomaly_score"]
    assert np.abs(wrong - again["anomaly_score"].iloc[2_000:2_400]).max() > 0.1


def test_new_events_pass_as_often_as_the_data_and_signal_more_often(finished, make_events):
    new = make_events(6_000, signal=300, seed=99, label=True)
    found = score_with_models(new.drop(columns="label"), models=finished[0])
    signal = new["label"].to_numpy() == 1
    inside = found["anomaly_score"].notna().to_numpy()
    assert 0.02 < found[CUT][inside & ~signal].mean() < 0.08
    assert found[CUT][inside & signal].mean() > 0.4
    assert found["anomaly_score"][inside].between(0, 1).all()
    one = score_with_models(new.drop(columns="label").iloc[[50]], models=finished[0])
    np.testing.assert_array_equal(one.iloc[0], found.iloc[50])


def test_truth_and_the_order_of_columns_do_not_matter(finished, make_events):
    new = make_events(500, signal=50, seed=98)
    found = score_with_models(new, models=finished[0])
    other = score_with_models(new.assign(label=1 - new["label"])[new.columns[::-1]], models=finished[0])
    pd.testing.assert_frame_equal(found, other)


def test_other_events_are_not_taken_for_those_of_the_run(finished):
    part = pd.read_parquet(finished[1]).iloc[:10_000]
    with pytest.raises(InputError, match="not the events that the models were trained on"):
        score_with_models(part, models=finished[0], same_events=True)
    with pytest.raises(InputError, match="tau21_1"):
        score_with_models(part.drop(columns="tau21_1"), models=finished[0])


def test_the_models_say_what_they_are(finished):
    frozen, config = load_models(finished[0] / "models")
    saved = json.loads((finished[0] / "models" / "models.json").read_text())
    assert saved["features"] == ["mj1", "mj2", "tau21_1", "tau21_2"]
    assert saved["sqrt_s"] == config.sqrt_s == 13_000.0
    assert saved["cut_fractions"] == [0.05]
    assert saved["versions"]["bumphunt"] == bumphunt.__version__
    assert frozen.window.low == pytest.approx(3_300.0, abs=60.0)
    assert set(saved["files"]) | {"models.json"} == {path.name for path in (finished[0] / "models").iterdir()}


def changed(name):
    def damage(folder):
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 0xFF
        (folder / name).write_bytes(data)

    return damage


def edited(**entries):
    def damage(folder):
        saved = json.loads((folder / "models.json").read_text())
        (folder / "models.json").write_text(json.dumps({**saved, **entries}))

    return damage


def stamped(change):
    """Damage the tables of models and write their checksum anew, as a careless or a hostile hand would."""

    def damage(folder):
        with np.load(folder / "tables.npz") as archive:
            arrays = change(dict(archive))
        (folder / "tables.npz").write_bytes(b"no archive")
        if arrays is not None:
            np.savez(folder / "tables.npz", **arrays)
        saved = json.loads((folder / "models.json").read_text())
        saved["files"]["tables.npz"] = file_sha256(folder / "tables.npz")
        (folder / "models.json").write_text(json.dumps(saved))

    return damage


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (changed("repeat_001_fold_02.skops"), "checksum"),
        (changed("tables.npz"), "checksum"),
        (lambda folder: (folder / "repeat_000_fold_00.skops").unlink(), "missing"),
        (lambda folder: (folder / "models.json").write_text("{"), "damaged"),
        (lambda folder: (folder / "models.json").unlink(), "no models"),
        (edited(format=7), "format 7"),
        (edited(folds=[3, 4]), "damaged"),
        (edited(classifier="os:system"), "no score 'os:system'"),
        (edited(searched=[]), "damaged"),
        (stamped(lambda arrays: None), "damaged"),
        (stamped(lambda arrays: arrays | {"average_upto": arrays["average_upto"][:1]}), "average_upto"),
        (stamped(lambda arrays: arrays | {"average_values": arrays["average_values"][::-1]}), "do not rise"),
        (stamped(lambda arrays: arrays | {"average_below": np.nan * arrays["average_below"]}), "average_below"),
        (stamped(lambda arrays: arrays | {"decorrelation_coefficients": np.zeros(3)}), "three dimensions"),
    ],
)
def test_damaged_models_are_refused_in_one_line(finished, tmp_path, damage, word):
    folder = tmp_path / "models"
    shutil.copytree(finished[0] / "models", folder)
    damage(folder)
    with pytest.raises(InputError, match=word):
        load_models(folder)


def test_settings_whose_models_cannot_be_kept_are_refused_before_the_run(finished, light_hunt, tmp_path):
    config = config_from_dict({**light_hunt, "cwola": {**light_hunt["cwola"], "folds": 3, "nested": True}})
    with pytest.raises(ConfigError, match="nested"):
        run_analysis(finished[1], output=tmp_path / "run", config=config, options=RunOptions(save_models=True))
    assert not (tmp_path / "run").exists()


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_writes_a_table_of_scores(finished, tmp_path):
    output = tmp_path / "scores.csv"
    done = call("score", finished[1], "--models", finished[0], "--output", output, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["columns"] == ["event", "mjj", "anomaly_score", CUT]
    assert len(pd.read_csv(output)) == said["rows"] == 12_150 > said["scored"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ([], "--window LOW HIGH"),
        (["--window", "3300", "3700", "--same-events"], "--models DIR"),
        (["--models", "{models}", "--window", "3300", "3700"], "leave out --window"),
        (["--models", "{models}", "--seed", "1"], "--seed"),
        (["--models", "{models}/stages"], "no models"),
    ],
)
def test_misuse_of_score_ends_in_one_line(finished, tmp_path, options, word):
    given = [option.format(models=finished[0]) for option in options]
    done = call("score", finished[1], "--output", tmp_path / "scores.csv", *given)
    assert done.exit_code == 2
    assert word in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_blinded_run_keeps_no_models(finished, tmp_path):
    done = call("run", finished[1], "--output", tmp_path / "run", "--blind", "--save-models")
    assert done.exit_code == 2
    assert "keeps no models" in done.stderr


def test_the_trees_are_the_same_in_onnx(finished, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    from bumphunt.jobs.models import save_models

    frozen, config = load_models(finished[0] / "models")
    folder = save_models(tmp_path / "models", frozen, config, onnx=True)
    features = np.random.default_rng(4).uniform(-0.05, 1.05, (500, 4))
    features[:200, 0] = np.resize(frozen.models.models[0][0].edges_[0], 200)  # on the edges of bins
    for repeat, fold in ((0, 0), (1, 2)):
        session = runtime.InferenceSession(folder / f"repeat_{repeat:03d}_fold_{fold:02d}.onnx")
        (score,) = session.run(["anomaly_score"], {"features": features})
        ours = frozen.models.models[repeat][fold].anomaly_score(features)
        assert np.ptp(ours) > 0.5
        np.testing.assert_allclose(score, ours, atol=1e-5)
    again, _ = load_models(folder)
    assert again.digest == frozen.digest


def test_onnx_is_refused_where_it_cannot_be(finished, light_hunt, tmp_path, monkeypatch):
    config = config_from_dict({**light_hunt, "cwola": {"classifier": "network"}})
    options = RunOptions(save_models=True, onnx=True)
    with pytest.raises(ConfigError, match="trees only, not network"):
        run_analysis(finished[1], output=tmp_path / "run", config=config, options=options)
    done = call("run", finished[1], "--output", tmp_path / "run", "--onnx")
    assert done.exit_code == 2
    assert "--save-models" in done.stderr
    from bumphunt.jobs.models import save_models

    monkeypatch.setitem(sys.modules, "onnxmltools.convert", None)
    with pytest.raises(InputError, match=r"pip install 'bumphunt\[onnx\]'"):
        save_models(tmp_path / "models", *load_models(finished[0] / "models"), onnx=True)


def test_the_scale_of_a_feature_of_few_values_is_stored_with_the_models():
    rng = np.random.default_rng(1)
    mjj = 3_000.0 * (1.0 - rng.random(2_000)) ** (-1 / 6)
    features = np.column_stack([rng.gamma(2.0, 100.0, 2_000), rng.poisson(4.0, 2_000)])
    decorrelation = SmoothDecorrelation().fit(features, mjj)
    again = decorrelation_from(decorrelation_arrays(decorrelation))
    np.testing.assert_array_equal(again.transform(features, mjj), decorrelation.transform(features, mjj))
    assert again.steps_[0] is None
