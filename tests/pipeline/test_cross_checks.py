"""Second opinions beside the primary score: declared beforehand, out of fold, never picked."""

import dataclasses
import logging

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import FitError, InputError
from bumphunt.events import drop_truth
from bumphunt.jobs.store import StageStore
from bumphunt.pipeline import cross_checks
from bumphunt.pipeline.cross_checks import cross_check, latent_classifier_score, run_cross_checks
from bumphunt.pipeline.networks import check_networks, unit_features
from bumphunt.pipeline.search import prepare_search
from bumphunt.pipeline.windows import WindowOutcome
from bumphunt.scores.quality import roc

LIGHT = {
    "search": {"low": 2_850.0, "windows": [[3_300.0, 3_710.0]], "cut_fractions": [0.05]},
    "cwola": {"folds": 3, "repeats": 1},
    "vae": {"hidden": [16], "epochs": 4, "batch_size": 500, "optimizer": "adam"},
    "autoencoder": {"hidden": [16], "epochs": 4},
    "latent": {"latent_dim": 3, "epochs": 10, "max_iter": 20},
}
VAE = ["vae_z", "vae_z2", "vae_log_var", "vae_kl", "vae_reconstruction_error", "vae_chosen"]


def prepared(table, changes=None):
    config = config_from_dict({**LIGHT, **(changes or {})})
    search = prepare_search(drop_truth(table), config, 1)
    return search, search.tasks[0], search.tasks[0].folds()[0]


def opinions(table, folder, changes=None, seed=1):
    search, task, folds = prepared(table, changes)
    nothing = {"score": np.zeros(len(folds), np.float32), "frequency": np.zeros((1, len(folds)), np.uint8)}
    outcome = WindowOutcome(**nothing, folds=folds, results=())
    store = StageStore(folder, {}, resume=True)
    return run_cross_checks(search.events, task, outcome, task.config, seed=seed, keep=store.keep)


@pytest.fixture(scope="module")
def table(make_events):
    return make_events(20_000, signal=300, seed=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("opinions")


@pytest.fixture(scope="module")
def found(table, folder):
    return opinions(table, folder)


def test_all_that_were_declared_are_reported_in_their_order(found):
    checks, history = found
    assert [check.name for check in checks] == [*VAE, "autoencoder_error", "latent_cwola"]
    assert all(np.isfinite(check.z_local) and check.n_expected > 0 for check in checks)
    assert [check.orientation for check in checks[-2:]] == [1, 1], "their anomalous end is declared, not chosen"
    assert len(history.loss) == 4


def test_a_second_look_trains_nothing_and_says_the_same(found, table, folder, monkeypatch):
    for name in ("train_vae", "train_autoencoder", "train_latent_vae", "latent_classifier_score"):
        monkeypatch.setattr(cross_checks, name, lambda *_, **__: pytest.fail("trained again"))
    again, history = opinions(table, folder)
    assert [check.to_dict() for check in again] == [check.to_dict() for check in found[0]]
    np.testing.assert_array_equal(history.loss, found[1].loss)


def test_truth_changes_nothing(found, table, tmp_path):
    turned, _ = opinions(table.assign(label=1 - table["label"]), tmp_path)
    assert [check.to_dict() for check in turned] == [check.to_dict() for check in found[0]]


@pytest.mark.parametrize(
    ("off", "left"),
    [
        (["vae"], ["autoencoder_error"]),
        (["autoencoder", "latent"], VAE),
        (["vae", "autoencoder"], []),
    ],
)
def test_each_can_be_left_out_and_no_vae_means_no_latent_classifier(table, folder, tmp_path, off, left, monkeypatch):
    fast = {"epochs": 1}
    changes = {name: {**LIGHT[name], **fast} for name in ("vae", "autoencoder", "latent")}
    changes |= {name: {**changes[name], "enabled": False} for name in off}
    checks, history = opinions(table, tmp_path, changes)
    assert [check.name for check in checks] == left
    assert (history is None) == ("vae" in off)


def test_a_network_that_diverges_is_left_out_with_a_warning(table, tmp_path, monkeypatch, caplog):
    def diverge(*_, **__):
        raise FitError("training diverged in epoch 1")

    monkeypatch.setattr(cross_checks, "train_autoencoder", diverge)
    changes = {"vae": {"enabled": False}}
    with caplog.at_level(logging.WARNING):
        assert opinions(table, tmp_path, changes) == ((), None)
    assert "training diverged" in caplog.text


def test_a_bottleneck_that_is_none_gives_no_opinion(table, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        changes = {"vae": {"enabled": False}, "autoencoder": {"features": ["mj1", "mj2"]}}
        assert opinions(table, tmp_path, changes) == ((), None)
    assert "bottleneck of 2" in caplog.text


# --- CWoLa in a latent space -------------------------------------------------------------------------


def test_the_latent_classifier_remembers_no_event_it_scores(table):
    _, task, folds = prepared(table, {"cwola": {"folds": 3, "repeats": 1, "decorrelate": False}})
    noise = np.random.default_rng(0).normal(size=(len(folds), 4))
    score = latent_classifier_score(noise, task, folds)
    region, sidebands = task.window.signal_region(task.mjj), task.window.sidebands(task.mjj)
    used = region | sidebands
    error = np.sqrt((used.sum() + 1) / (12.0 * region.sum() * sidebands.sum()))
    # trees that had seen the events would reach more than 0.6 on noise
    assert abs(roc(score[used], region[used]).auc - 0.5) < 4 * error


def test_the_latent_classifier_finds_a_cluster_in_the_window(table):
    search, task, folds = prepared(table)
    rng = np.random.default_rng(1)
    signal = task.window.signal_region(task.mjj) & (rng.random(len(folds)) < 0.05)
    latent = rng.normal(size=(len(folds), 3)) + np.where(signal, 2.5, 0.0)[:, None]
    score = latent_classifier_score(latent, task, folds)
    assert roc(score, signal).auc > 0.9
    assert cross_check("latent_cwola", score, task, folds, fraction=0.05, sign=1).z_local > 5
    # a latent space that follows mjj makes no bump of it
    follows = rng.normal(size=(len(folds), 3)) + np.log(search.mjj / 3_000.0)[:, None] * 5
    assert (
        cross_check("x", latent_classifier_score(follows, task, folds), task, folds, fraction=0.05, sign=1).z_local < 3
    )


def test_without_signal_the_latent_classifier_sees_none(make_events):
    z = []
    for seed in range(10):
        _, task, folds = prepared(make_events(12_000, seed=60 + seed))
        noise = np.random.default_rng(seed).normal(size=(len(folds), 3))
        score = latent_classifier_score(noise, dataclasses.replace(task, seed=seed), folds)
        z.append(cross_check("latent_cwola", score, task, folds, fraction=0.05, sign=1).z_local)
    assert abs(np.mean(z)) < 3 / np.sqrt(len(z)), z
    assert 0.3 < np.std(z) < 1.6, z
    assert max(z) < 3.5


# --- orientation -----------------------------------------------------------------------------------


def test_an_undeclared_end_is_chosen_by_the_other_folds_and_a_declared_one_is_kept(table):
    _, task, folds = prepared(table)
    rng = np.random.default_rng(2)
    signal = task.window.signal_region(task.mjj) & (rng.random(len(folds)) < 0.1)
    low = rng.normal(size=len(folds)) - np.where(signal, 3.0, 0.0)
    chosen = cross_check("low", low, task, folds, fraction=0.05)
    assert chosen.orientation == -1
    assert chosen.z_local > 5
    declared = cross_check("low", low, task, folds, fraction=0.05, sign=1)
    assert declared.orientation == 1
    assert declared.z_local < 2


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", ["vae", "autoencoder"])
@pytest.mark.parametrize(("name", "message"), [("nsub", "'nsub' is not a column"), ("tau21_1", "the same value")])
def test_features_that_cannot_be_used_are_refused_before_the_search(table, section, name, message):
    config = config_from_dict({**LIGHT, section: {"features": ["mj1", "mj2", name]}})
    with pytest.raises(InputError, match=message):
        check_networks(drop_truth(table.assign(tau21_1=0.5)), config)


def test_a_constant_column_that_nobody_named_is_left_out(table, caplog):
    with caplog.at_level(logging.WARNING):
        seen = unit_features(drop_truth(table.assign(tau21_1=0.5)), None)
    assert seen.features == ("mj1", "mj2", "tau21_2")
    assert seen.unit.shape == (len(table), 3)
    assert "tau21_1" in caplog.text
