"""Second opinions with stand-ins for networks: which are asked, what they see, and which end of a score counts."""

from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.config import config_from_dict
from bumphunt.errors import FitError, InputError
from bumphunt.pipeline import cross_checks
from bumphunt.pipeline.cross_checks import cross_check, run_cross_checks
from bumphunt.results import TrainingHistory


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


@pytest.mark.parametrize(
    ("changes", "names"),
    [({"features": ["a"]}, ["a"]), ({"features": ["a"], "vae": {"features": ["b"]}}, ["b"]), ({}, None)],
)
def test_latent_scores_are_measured_and_kept_with_their_history(monkeypatch, changes, names):
    seen, kept = [], {}
    monkeypatch.setattr(
        cross_checks, "unit_features", lambda events, given: seen.append(given) or SimpleNamespace(unit="unit")
    )
    history = TrainingHistory(loss=np.array([1.0]), reconstruction=np.array([2.0]), kl=np.array([3.0]))
    monkeypatch.setattr(cross_checks, "vae_scores", lambda events, config, seed, prepared: ({"z2": "score"}, history))
    monkeypatch.setattr(cross_checks, "_chosen", lambda bench, scores: [f"chosen of {sorted(scores)}"])
    monkeypatch.setattr(cross_checks, "train_latent_vae", lambda config, unit, seed: f"vae of {unit}")
    monkeypatch.setattr(cross_checks, "latent_features", lambda vae, unit: f"latent of {vae}")
    monkeypatch.setattr(cross_checks, "latent_classifier_score", lambda latent, task, folds: f"score of {latent}")
    monkeypatch.setattr(cross_checks, "cross_check", lambda name, score, *_, sign=None, **__: (name, score, sign))

    def keep(name, make):
        kept[name] = make()
        return kept[name]

    config = config_from_dict({"autoencoder": {"enabled": False}, **changes})
    found, told = run_cross_checks("events", None, SimpleNamespace(folds=np.zeros(2)), config, seed=1, keep=keep)
    assert found == (
        ("vae_z2", "score", None), "chosen of ['z2']", ("latent_cwola", "score of latent of vae of unit", 1),
    )  # fmt: skip
    assert seen == [names], "features are prepared once"
    assert sorted(kept) == ["latent", "vae"]
    assert (told.loss.tolist(), told.reconstruction.tolist(), told.kl.tolist()) == ([1.0], [2.0], [3.0])


def test_an_opinion_that_fails_is_left_out(monkeypatch):
    def fails(bench):
        raise FitError("diverged")

    monkeypatch.setattr(cross_checks, "_of_vae", fails)
    monkeypatch.setattr(cross_checks, "_of_autoencoder", lambda bench: ["autoencoder"])
    monkeypatch.setattr(cross_checks, "_of_latent_classifier", lambda bench: ["latent"])
    found, history = run_cross_checks("events", None, SimpleNamespace(folds=None), config_from_dict({}), seed=1)
    assert (found, history) == (("autoencoder", "latent"), None)


@pytest.mark.parametrize(("latent_dim", "robust"), [(1, False), (2, True)])
def test_a_distance_in_the_latent_space_is_asked_for_where_it_has_one(monkeypatch, latent_dim, robust):
    model = SimpleNamespace(history_={"loss": [1.0], "L_R": [2.0], "L_KL": [3.0]}, encode=lambda unit: ["means"])
    monkeypatch.setattr(
        cross_checks, "train_vae", lambda events, config, seed, prepared: SimpleNamespace(model=model, unit="unit")
    )
    monkeypatch.setattr(cross_checks, "latent_scores", lambda model, unit, distance: {"distance": distance})
    monkeypatch.setattr(
        cross_checks, "MahalanobisDistance", lambda robust: SimpleNamespace(fit=lambda means: (means, robust))
    )
    scores, history = cross_checks.vae_scores(None, config_from_dict({"vae": {"latent_dim": latent_dim}}), seed=1)
    assert scores["distance"] == (("means", True) if robust else None)
    assert (history.loss, history.reconstruction, history.kl) == ([1.0], [2.0], [3.0])


def test_too_few_events_choose_no_end_of_a_score_and_no_score(monkeypatch):
    def fails(*_, **__):
        raise InputError("too few")

    window = SimpleNamespace(signal_region=lambda mjj: mjj > 1, sidebands=lambda mjj: mjj <= 1)
    task = SimpleNamespace(window=window, mjj=np.arange(4.0), seed=1)
    monkeypatch.setattr(cross_checks, "orient", fails)
    assert cross_checks._orientation(np.zeros(4), task, task.mjj) == 1
    monkeypatch.setattr(cross_checks, "orient", lambda score, region, sidebands: -1)
    assert cross_checks._orientation(np.zeros(4), task, task.mjj) == -1
    bench = SimpleNamespace(task=task, folds=np.zeros(4), check=lambda name, score, sign: (name, score, sign))
    monkeypatch.setattr(cross_checks, "choose_out_of_fold", fails)
    assert cross_checks._chosen(bench, {}) == []
    monkeypatch.setattr(cross_checks, "choose_out_of_fold", lambda *_, **__: SimpleNamespace(score="best"))
    assert cross_checks._chosen(bench, {}) == [("vae_chosen", "best", 1)]


@pytest.mark.parametrize(("decorrelate", "latent"), [(True, "decorrelated"), (False, "latent")])
def test_trees_tell_the_window_in_the_latent_space(monkeypatch, decorrelate, latent):
    asked = []
    settings = {"cwola": {"decorrelate": decorrelate}, "latent": {"members": 3, "max_iter": 7}}
    task = SimpleNamespace(config=config_from_dict(settings), mjj=np.zeros(3), seed=1, number=2)
    monkeypatch.setattr(
        cross_checks, "training_sample", lambda task: SimpleNamespace(region="region", weights="weights")
    )
    monkeypatch.setattr(
        cross_checks, "decorrelation_for",
        lambda number: SimpleNamespace(fit=lambda *_: SimpleNamespace(transform=lambda *_: "decorrelated")),
    )  # fmt: skip
    monkeypatch.setattr(cross_checks, "out_of_fold_scores", lambda *given, **how: asked.append((given, how)) or "score")
    assert cross_checks.latent_classifier_score("latent", task, "folds") == "score"
    ((given, how),) = asked
    assert given == (latent, "region", "weights", "folds")
    trees = [how["make_classifier"](fold) for fold in (0, 1)]
    assert (trees[0].members, trees[0].max_iter, trees[0].learning_rate) == (3, 7, 0.1)
    assert trees[0].seed != trees[1].seed
    assert how["average"] == "score"
