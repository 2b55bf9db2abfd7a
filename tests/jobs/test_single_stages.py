"""Single stages: what each gives on a small box whose truth is known to the test only."""

import contextlib
import json

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.jobs import single_stages as stages
from bumphunt.jobs.single_stages import masses_in_window, scan_file, score_events, with_window
from bumphunt.pipeline.search import prepare_search
from bumphunt.scores.quality import roc

WINDOW = (3250.0, 3750.0)
LIGHT = config_from_dict(
    {
        "search": {"cut_fractions": [0.1, 0.05]},
        "cwola": {"repeats": 1, "members": 1, "max_iter": 25, "learning_rate": 0.1, "folds": 3},
        "vae": {"hidden": [16], "epochs": 3, "batch_size": 500},
    }
)


@pytest.fixture(scope="module")
def table(make_events):
    events = make_events(20_000, signal=250)
    return events.assign(run=1, event=np.arange(len(events)))


@pytest.fixture(scope="module")
def box(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("stages") / "box.parquet"
    table.drop(columns="label").to_parquet(path)
    return path


@pytest.fixture(scope="module")
def scored(box):
    return score_events(box, window=WINDOW, config=LIGHT)


def test_one_window_takes_the_place_of_the_scan():
    config = AnalysisConfig()
    chosen = with_window(config, WINDOW)
    assert chosen.search.windows == [WINDOW]
    assert config.search.windows is None, "the one given stays as it was"
    assert chosen.model_dump(exclude={"search": {"windows"}}) == config.model_dump(exclude={"search": {"windows"}})


def test_scores_are_ranks_with_identifiers_in_the_order_of_the_file(scored, table):
    assert list(scored.columns) == ["run", "event", "mjj", "anomaly_score", "fold"]
    ranks = np.sort(scored["anomaly_score"].to_numpy())
    assert ranks[0] > 0
    assert ranks[-1] < 1
    np.testing.assert_allclose(np.diff(ranks), 1 / len(scored), rtol=0.02, atol=1e-6)
    for _, fold in scored.groupby("fold"):
        # each fold holds its share of every rank
        assert abs(fold["anomaly_score"].mean() - 0.5) < 0.05
    assert scored["event"].is_monotonic_increasing
    np.testing.assert_array_equal(scored["mjj"], table.set_index("event").loc[scored["event"], "mjj"])


def test_higher_is_more_anomalous(scored, table):
    truth = table.set_index("event").loc[scored["event"], "label"].to_numpy() > 0.5
    inside = scored["mjj"].between(*WINDOW).to_numpy()
    found = roc(scored["anomaly_score"].to_numpy()[inside], truth[inside])
    assert found.auc > 0.9
    assert scored["anomaly_score"][truth].median() > 0.95


def test_labels_do_not_reach_the_scores(scored, table, tmp_path):
    turned = table.assign(label=1 - table["label"])
    turned.to_parquet(tmp_path / "turned.parquet")
    again = score_events(tmp_path / "turned.parquet", window=WINDOW, config=LIGHT)
    pd.testing.assert_frame_equal(again, scored)


def test_scores_depend_on_the_seed_only(scored, box):
    pd.testing.assert_frame_equal(score_events(box, window=WINDOW, config=LIGHT, seed=1), scored)
    assert not score_events(box, window=WINDOW, config=LIGHT, seed=2)["anomaly_score"].equals(scored["anomaly_score"])


@pytest.mark.parametrize(
    ("window", "message"),
    [((3750.0, 3250.0), "low < high"), ((2100.0, 3300.0), "sideband below"), ((11_000.0, 12_000.0), "searched range")],
)
def test_windows_that_cannot_be_scored(box, window, message):
    with pytest.raises(InputError, match=message):
        score_events(box, window=window, config=LIGHT)


def test_masses_of_the_resonance(box):
    fit = masses_in_window(box, window=WINDOW, config=LIGHT)
    for interval, true in ((fit.m_resonance, 3500.0), (fit.m_x, 500.0), (fit.m_y, 100.0)):
        assert interval.low < interval.value < interval.high
        assert abs(interval.value - true) < 0.06 * true
    assert 0.5 * 250 < fit.n_selected.value < 1.2 * 250
    assert fit.n_selected.value < fit.n_events


def test_masses_that_cannot_be_fitted_are_no_numbers(box, monkeypatch):
    monkeypatch.setattr(stages, "estimate_masses", lambda *_, **__: (None, None))
    with pytest.raises(InputError, match="3250-3750 GeV"):
        masses_in_window(box, window=WINDOW, config=LIGHT)


def test_scan_of_events_is_the_scan_of_their_spectrum(box, table, tmp_path):
    found = scan_file(box, family="dijet3", n_toys=100)
    edges = found.windows[0].fit.edges
    counts = np.histogram(table["mjj"], bins=edges)[0]
    path = tmp_path / "spectrum.json"
    path.write_text(json.dumps({"edges": edges.tolist(), "counts": counts.tolist()}), "utf-8")
    again = scan_file(path, family="dijet3", n_toys=100)
    assert (again.z_local, again.z_global) == (found.z_local, found.z_global)
    np.testing.assert_array_equal(again.windows[0].fit.counts, counts)


def test_scan_bins_events_as_the_config_says(box):
    config = config_from_dict({"search": {"low": 3000.0, "high": 5200.0, "bin_ratio": 1.04}})
    found = scan_file(box, family="dijet3", window=WINDOW, config=config)
    edges = found.best_window.fit.edges
    assert edges[0] == 3000.0
    assert edges[-1] <= 5200.0
    np.testing.assert_allclose(edges[1:] / edges[:-1], 1.04)


def test_weighted_events_are_refused_and_equal_weights_are_not(make_events):
    events = make_events(20_000, seed=8, label=False)
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match=r"different weights.*unweight them"):
        prepare_search(drop_truth(events.assign(weight=rng.random(len(events)))), AnalysisConfig(), 1)
    prepare_search(drop_truth(events.assign(weight=2.0)), AnalysisConfig(), 1)


def test_scan_uses_the_weights_of_events(make_events, tmp_path):
    """Equal weights change nothing but a note; different ones make fewer effective events."""
    events = make_events(20_000, signal=400, seed=9, label=False)
    weights = {
        "none": events,
        "equal": events.assign(weight=0.05),
        "random": events.assign(weight=np.random.default_rng(1).exponential(1.0, len(events))),
    }
    found, rows = {}, {}
    for name, table in weights.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        told = pytest.warns(UserWarning, match="weight 0.05") if name == "equal" else contextlib.nullcontext()
        with told:
            found[name] = scan_file(tmp_path / f"{name}.parquet", family="dijet3", window=WINDOW)
        rows[name] = found[name].best_window
    assert found["none"].z_local > 4
    assert found["equal"].z_local == pytest.approx(found["none"].z_local, abs=1e-6)
    assert "0.05 times" in found["equal"].notes[0]
    # exponential weights: the sum of squares is twice the sum, so that half the events are left
    assert rows["random"].n_observed == pytest.approx(0.5 * rows["none"].n_observed, rel=0.1)
    assert found["random"].z_local < 0.9 * found["none"].z_local


def test_search_refuses_a_family_that_is_none_before_any_training(make_events):
    events = drop_truth(make_events(5_000, seed=8))
    with pytest.raises(InputError, match=r"dijet33.*dijet3"):
        prepare_search(events, config_from_dict({"search": {"family": "dijet33"}}), 1)


def test_search_refuses_a_range_above_the_collision_energy_before_any_training(make_events):
    events = drop_truth(make_events(20_000, seed=8))
    with pytest.raises(InputError, match="sqrt_s = 5000"):
        prepare_search(events, config_from_dict({"sqrt_s": 5_000.0}), 1)
    assert prepare_search(events, config_from_dict({"sqrt_s": 14_000.0}), 1).inclusive.sqrt_s == 14_000.0
