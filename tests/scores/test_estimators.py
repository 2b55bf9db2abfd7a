"""Every estimator is one of scikit-learn's: cloned, set, put into pipelines and searched over like any other."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.scaling import QuantileFrontEnd
from bumphunt.scores.autoencoder import Autoencoder
from bumphunt.scores.cwola_network import NetworkClassifier
from bumphunt.scores.latent_cwola import LatentClassifier
from bumphunt.scores.mahalanobis import MahalanobisDistance
from bumphunt.scores.supervised.networks import MlpClassifier
from bumphunt.scores.supervised.trees import DecisionTree, SupervisedTrees
from bumphunt.scores.trees import BoostedTrees
from bumphunt.scores.vae import VariationalAutoencoder

NETWORK = {"hidden": (4,), "epochs": 1}
TREES = {"members": 1, "max_iter": 3}
ESTIMATORS = {
    "autoencoder": (Autoencoder(**NETWORK), {"latent_dim": [2, 1]}),
    "vae": (VariationalAutoencoder(**NETWORK), {"latent_dim": [1, 2]}),
    "mahalanobis": (MahalanobisDistance(), {"robust": [False, True]}),
    "trees": (BoostedTrees(**TREES), {"max_bins": [4, 16]}),
    "network": (NetworkClassifier(members=1, **NETWORK), {"dropout": [0.1, 0.0]}),
    "latent": (
        LatentClassifier(VariationalAutoencoder(**NETWORK), BoostedTrees(**TREES)),
        {"classifier__max_bins": [4, 16]},
    ),
    "decision tree": (DecisionTree(), {"max_depth": [2, 3]}),
    "supervised trees": (SupervisedTrees(**TREES), {"max_iter": [3, 2]}),
    "mlp": (MlpClassifier(epochs=1), {"width": [6, 8]}),
    "front end": (QuantileFrontEnd(), {"n_quantiles": [5, 10]}),
}
ALL = pytest.mark.parametrize("name", ESTIMATORS)
CLASSIFIERS = [name for name, (model, _) in ESTIMATORS.items() if isinstance(model, ClassifierMixin)]


def sample():
    rng = np.random.default_rng(0)
    regions = np.arange(400) % 2
    return np.clip(rng.random((400, 3)) * 0.8 + 0.2 * regions[:, None], 0.0, 1.0), regions.astype(bool)


def test_there_is_one_of_each_kind():
    assert len(CLASSIFIERS) == 6


@ALL
def test_it_can_be_made_without_arguments_and_stores_those_it_is_given(name):
    cls = type(ESTIMATORS[name][0])
    assert issubclass(cls, BaseEstimator)
    made = cls()
    for parameter in inspect.signature(cls.__init__).parameters.values():
        if parameter.name != "self":
            assert parameter.default is not inspect.Parameter.empty
            assert getattr(made, parameter.name) is parameter.default
    assert set(vars(made)) == set(made.get_params(deep=False))


@pytest.fixture(scope="module")
def fitted():
    """Return a function that trains each estimator once."""
    done = {}

    def get(name):
        if name not in done:
            model = clone(ESTIMATORS[name][0])
            given = model.get_params(deep=False)
            before = {key: repr(value) for key, value in given.items()}
            assert model.fit(*sample()[: 2 if name in CLASSIFIERS else 1]) is model
            done[name] = model, given, before
        return done[name]

    return get


@ALL
def test_fit_sets_only_what_ends_in_an_underscore(name, fitted):
    model, given, before = fitted(name)
    after = model.get_params(deep=False)
    assert all(after[key] is given[key] and repr(after[key]) == before[key] for key in given)
    learned = set(vars(model)) - set(given)
    assert learned
    assert all(key.endswith("_") and not key.startswith("_") for key in learned)
    assert model.n_features_in_ == 3


@ALL
def test_a_clone_is_unfitted_and_can_be_set(name, fitted):
    copy = clone(fitted(name)[0])
    assert not any(key.endswith("_") for key in vars(copy))
    key, values = next(iter(ESTIMATORS[name][1].items()))
    assert copy.get_params()[key] != values[1]
    assert copy.set_params(**{key: values[1]}).get_params()[key] == values[1]


@ALL
def test_it_works_in_a_pipeline_and_a_grid_search(name):
    model, grid = ESTIMATORS[name]
    features, regions = sample()
    step = type(model).__name__.lower()
    if name == "front end":
        pipeline = make_pipeline(clone(model), BoostedTrees(**TREES))
    else:
        pipeline = make_pipeline(MinMaxScaler(clip=True), clone(model))
    search = GridSearchCV(
        pipeline,
        {f"{step}__{key}": values[1:] for key, values in grid.items()},
        cv=[(np.arange(0, 300), np.arange(300, 400))],
        error_score="raise",
        # the variational autoencoder's parameter `score` stands where scikit-learn looks for a method
        scoring=(lambda fitted, rows, _=None: -float(np.mean(fitted[-1].reconstruction_error(rows))))
        if name == "vae"
        else None,
    ).fit(features * 0.9, regions)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    if name in CLASSIFIERS:
        assert search.predict(features).shape == (400,)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_answer_like_classifiers(name, fitted):
    (features, regions), model = sample(), fitted(name)[0]
    probability, score = model.predict_proba(features), model.decision_function(features)
    assert probability.shape == (400, 2)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.log(probability[:, 1] / probability[:, 0]), score, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(model.predict(features), probability[:, 1] > 0.5)
    assert model.classes_.tolist() == [False, True]
    assert model.score(features, regions) == np.mean(model.predict(features) == regions)


@pytest.mark.parametrize("name", ["autoencoder", "vae", "mahalanobis"])
def test_scorers_answer_like_outlier_detectors(name, fitted):
    features, model = sample()[0], fitted(name)[0]
    np.testing.assert_array_equal(model.score_samples(features), -model.anomaly_score(features))


def test_the_likelihood_of_a_gaussian_is_that_of_scipy():
    from scipy.stats import multivariate_normal

    features, _ = sample()
    model = MahalanobisDistance().fit(features)
    expected = multivariate_normal(model.centre_, model.covariance_).logpdf(features).mean()
    assert model.score(features) == pytest.approx(expected)


def test_the_decorrelation_is_cloned_and_set_as_well():
    # its transform takes the masses too, so that it stands in no pipeline
    made = clone(SmoothDecorrelation(degree=1)).set_params(slices=13)
    assert made.get_params() == {"degree": 1, "slices": 13}
