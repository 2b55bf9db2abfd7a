"""The registry of scores: each is made from its settings, and what does not apply is refused."""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from bumphunt.config import AnalysisConfig, config_from_dict
from bumphunt.config.scores import SCORES, Score, check_settings, score_names, settings_that_do_not_apply
from bumphunt.errors import ConfigError
from bumphunt.scores.protocol import AnomalyScorer, check_features
from bumphunt.scores.registry import make_score


@pytest.mark.parametrize("name", SCORES)
def test_every_score_obeys_every_setting_it_names(name):
    score = SCORES[name]
    if score.section:
        section = getattr(AnalysisConfig(), score.section).model_dump()
    else:  # of Python alone
        section = make_score(name).get_params(deep=False)
    assert set(score.settings) <= set(section)
    changed = {key: _other(section[key]) for key in score.settings}
    made = make_score(name, changed, seed=77)
    assert isinstance(made, AnomalyScorer)
    parameters = made.get_params(deep=False)
    assert parameters["seed"] == 77
    for key, value in changed.items():
        assert parameters[key] == (tuple(value) if isinstance(value, list) else value)


def _other(value):
    if isinstance(value, list):
        return [8, 4]
    return "another" if isinstance(value, str) else 7 if value is None else value * 2


def test_what_is_not_set_keeps_the_estimators_default():
    assert make_score("network", {"learning_rate": None}).learning_rate == 1e-3
    assert make_score("network", {"learning_rate": 0.02, "max_bins": 3}).learning_rate == 0.02
    assert make_score("trees").max_bins == 32


def test_settings_that_do_not_apply_are_refused_when_changed():
    defaults = AnalysisConfig().cwola.model_dump()
    check_settings("network", defaults, defaults)
    check_settings("network", {**defaults, "learning_rate": 0.01, "members": 3}, defaults)
    refused = settings_that_do_not_apply("network")
    assert {"max_iter", "max_leaf_nodes", "min_samples_leaf", "l2_regularization", "max_bins"} <= set(refused)
    for key in refused:
        with pytest.raises(ConfigError, match=rf"cwola.{key} is .*no such setting; leave it out, or choose .*\btrees"):
            check_settings("network", {**defaults, key: (defaults[key] or 0) + 1}, defaults)
    assert not set(settings_that_do_not_apply("trees")) & set(SCORES["network"].settings)


def listed(names):
    *first, last = names
    return f"{', '.join(first)} or {last}"


def test_a_name_that_is_none_is_refused_with_the_names_there_are():
    assert {"trees", "network", "vae", "autoencoder", "mahalanobis"} <= set(SCORES)
    names = listed(SCORES)
    with pytest.raises(ConfigError, match=f"no score 'tree'; did you mean trees\\? There is {names}"):
        make_score("tree")
    with pytest.raises(ConfigError, match=f"no score 'x'; choose {names}"):
        make_score("x")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tree", "no score 'tree'; did you mean trees? There is {names}"),
        ("forest", "no score 'forest'; choose {names}"),
        ("vae", "the score 'vae' does not learn from regions; choose {names}"),
    ],
)
def test_the_configuration_knows_the_names(name, said):
    said = said.format(names=listed(score_names(needs="regions")))
    with pytest.raises(ConfigError) as caught:
        config_from_dict({"cwola": {"classifier": name}})
    assert (
        str(caught.value)
        == f"config: cwola.classifier: {said.replace('no score', 'there is no score')}; see `bumphunt config`"
    )


def test_the_configuration_loads_no_score():
    code = "import sys; import bumphunt.config; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "bumphunt.config.scores" in loaded
    assert not {"bumphunt.scores", "numpy", "pandas", "sklearn", "tensorflow"} & set(loaded)


def test_a_new_score_is_one_file_and_one_line(monkeypatch):
    """What CONTRIBUTING tells: this class in a file of its own, and its entry in the registry."""

    class Lightest(BaseEstimator):
        """An event is the stranger the farther its first feature is from the mean."""

        def __init__(self, *, power: float = 1.0, seed: int = 0) -> None:
            self.power = power
            self.seed = seed

        def fit(self, features, y=None):
            self.mean_ = check_features(features)[:, 0].mean()
            return self

        def anomaly_score(self, features):
            return np.abs(check_features(features)[:, 0] - self.mean_) ** self.power

    module = ModuleType("one_file")
    module.Lightest = Lightest
    monkeypatch.setitem(sys.modules, "one_file", module)
    entry = Score(estimator="one_file:Lightest", section="mine", settings=("power",), needs="features")
    monkeypatch.setitem(SCORES, "lightest", entry)

    assert "lightest" in score_names(needs="features")
    made = make_score("lightest", {"power": 2.0, "others": 1}, seed=3)
    assert isinstance(made, AnomalyScorer)
    assert made.fit([[0.0], [2.0]]).anomaly_score([[4.0]]).tolist() == [9.0]
