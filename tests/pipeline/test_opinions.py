"""Second opinions with stand-ins for networks: which are asked, what they see, and which end of a score counts."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.pipeline import cross_checks
from bumphunt.pipeline.cross_checks import cross_check, run_cross_checks


def window_task():
    return SimpleNamespace(mjj=np.linspace(3_000.0, 5_000.0, 170))


@pytest.mark.parametrize(("signs", "orientation"), [((1, 1, -1), 1), ((-1, -1, 1), -1), ((1, -1), -1)])
def test_each_fold_is_turned_as_the_others_say(monkeypatch, signs, orientation):
    task = window_task()
    folds = np.arange(len(task.mjj)) % len(signs)
    score, given, seen = np.linspace(0.1, 1.0, len(task.mjj)), iter(signs), []
    monkeypatch.setattr(cross_checks, "_orientation", lambda score, task, mjj: seen.append(len(mjj)) or next(given))
    monkeypatch.setattr(cross_checks, "select_fraction", lambda score, folds, fraction: score)
    result = SimpleNamespace(n_observed=3, n_expected=2.0, n_expected_error=0.5, z_local=1.5)
    measured = []
    monkeypatch.setattr(cross_checks, "measure", lambda chosen, task, fraction: measured.append(chosen) or result)
    found = cross_check("one", score, task, folds, fraction=0.05)
    np.testing.assert_array_equal(measured[0], score * np.array(signs)[folds])
    assert seen == [(folds != fold).sum() for fold in range(len(signs))]
    assert (found.name, found.orientation, found.cut_fraction, found.n_observed) == ("one", orientation, 0.05, 3)
    assert (found.n_expected, found.n_expected_error, found.z_local) == (2.0, 0.5, 1.5)
    declared = cross_check("one", score, task, folds, fraction=0.05, sign=-1)
    np.testing.assert_array_equal(measured[1], -score)
    assert declared.orientation == -1


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["vae", "autoencoder", "latent"]),
        ({"vae": {"enabled": False}}, ["autoencoder"]),
        ({"autoencoder": {"enabled": False}}, ["vae", "latent"]),
        ({"latent": {"enabled": False}}, ["vae", "autoencoder"]),
    ],
)
def test_second_opinions_are_those_that_are_enabled(monkeypatch, changes, names):
    for name, part in (("_of_vae", "vae"), ("_of_autoencoder", "autoencoder"), ("_of_latent_classifier", "latent")):
        monkeypatch.setattr(cross_checks, name, lambda bench, part=part: [part])
    outcome = SimpleNamespace(folds=np.zeros(3))
    found, history = run_cross_checks("events", None, outcome, config_from_dict(changes), seed=1)
    assert list(found) == names
    assert history is None


def test_networks_see_features_of_their_own_or_those_of_all(monkeypatch):
    seen = []
    monkeypatch.setattr(
        cross_checks, "unit_features",
        lambda events, names: seen.append(names) or SimpleNamespace(unit=np.zeros((2, 3)), features=("a", "b", "c")),
    )  # fmt: skip
    monkeypatch.setattr(
        cross_checks, "cross_check", lambda name, score, task, folds, fraction, sign=None: (name, sign, fraction)
    )
    monkeypatch.setattr(
        cross_checks, "train_autoencoder",
        lambda config, unit, seed: SimpleNamespace(reconstruction_error=lambda unit: np.ones(2)),
    )  # fmt: skip
    outcome = SimpleNamespace(folds=np.zeros(2))
    width = {"vae": {"enabled": False}, "autoencoder": {"latent_dim": 2}, "search": {"cut_fractions": [0.01, 0.2]}}
    for more, names in (
        ({"features": ["a"]}, ["a"]),
        ({"features": ["a"], "autoencoder": {"latent_dim": 2, "features": ["b"]}}, ["b"]),
        ({}, None),
    ):
        found, _ = run_cross_checks("events", None, outcome, config_from_dict({**width, **more}), seed=1)
        assert found == (("autoencoder_error", 1, 0.2),)
        assert seen.pop() == names
    # a bottleneck as wide as its features are many hides nothing
    wide = {**width, "autoencoder": {"latent_dim": 3}}
    assert run_cross_checks("events", None, outcome, config_from_dict(wide), seed=1) == ((), None)
