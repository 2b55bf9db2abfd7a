import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bumphunt.errors import InputError, TruthError
from bumphunt.scores.latent import latent_scores
from bumphunt.scores.mahalanobis import MahalanobisDistance

MIXING = np.array([[2.0, 0.0], [1.9, 0.1]])


def bulk(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)) @ MIXING.T + [5.0, -3.0]


@pytest.mark.parametrize("robust", [False, True])
def test_gaussian_events_have_chi_square_distances(robust):
    distance = MahalanobisDistance(robust=robust).fit(bulk(4000)).anomaly_score(bulk(4000, seed=1))
    assert stats.kstest(distance, stats.chi2(2).cdf).pvalue > 1e-3


def test_scaling_and_mixing_of_the_dimensions_do_not_matter():
    events = bulk(500)
    other = events @ np.array([[0.3, 7.0], [-2.0, 0.1]]) + 4.0
    np.testing.assert_allclose(
        MahalanobisDistance().fit(events).anomaly_score(events),
        MahalanobisDistance().fit(other).anomaly_score(other),
        rtol=1e-6,
    )


def test_robust_is_not_widened_by_the_anomalous():
    many = np.vstack([bulk(1600), np.random.default_rng(2).normal([5.0, 3.0], 0.1, (400, 2))])
    plain, robust = (MahalanobisDistance(robust=robust).fit(many) for robust in (False, True))
    bound = stats.chi2(2).ppf(0.999)
    assert np.median(plain.anomaly_score(many[1600:])) < bound
    assert (robust.anomaly_score(many[1600:]) > bound).all()
    np.testing.assert_allclose(robust.covariance_, MIXING @ MIXING.T, rtol=0.2)


def test_it_is_a_latent_score_where_asked_for():
    class Stub:
        def encode(self, features):
            return np.asarray(features), np.zeros_like(features)

        def reconstruction_error(self, features):
            return np.zeros(len(features))

    events = bulk(200)
    distance = MahalanobisDistance().fit(events)
    scores = latent_scores(Stub(), events, distance=distance)
    np.testing.assert_array_equal(scores["mahalanobis"], distance.anomaly_score(events))
    assert "mahalanobis" not in latent_scores(Stub(), events)


def test_saved_and_loaded(tmp_path):
    model = MahalanobisDistance(robust=True, seed=4).fit(bulk(300))
    model.save(tmp_path / "distance.npz")
    loaded = MahalanobisDistance.load(tmp_path / "distance.npz")
    np.testing.assert_array_equal(loaded.anomaly_score(bulk(50)), model.anomaly_score(bulk(50)))
    assert (loaded.robust, loaded.seed) == (True, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["distance.npz"]
    np.savez(tmp_path / "foreign.npz", metadata=np.array('{"format": "x"}'), centre=[0], covariance=[[1]])
    with pytest.raises(InputError, match="not a distance of version"):
        MahalanobisDistance.load(tmp_path / "foreign.npz")
    (tmp_path / "damaged.npz").write_bytes(b"x")
    with pytest.raises(InputError, match="not a saved distance"):
        MahalanobisDistance.load(tmp_path / "damaged.npz")
    with pytest.raises(InputError, match="no such file"):
        MahalanobisDistance.load(tmp_path / "absent.npz")
    with pytest.raises(InputError, match="must end in"):
        model.save(tmp_path / "distance.pkl")
    with pytest.raises(InputError, match="does not exist"):
        model.save(tmp_path / "absent" / "distance.npz")


@pytest.mark.parametrize("robust", [False, True])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.stack([np.arange(50.0), np.ones(50)], axis=1), "feature 1 is constant"),
        (np.stack([np.arange(50.0), 3 * np.arange(50.0) - 7], axis=1), "follows from the others"),
        (np.full((50, 2), np.nan), "NaN"),
        (np.ones((3, 2)), "too few"),
    ],
)
def test_bad_features_are_refused(robust, bad, message):
    with pytest.raises(InputError, match=message):
        MahalanobisDistance(robust=robust).fit(bad)


def test_truth_and_unfitted():
    with pytest.raises(TruthError):
        MahalanobisDistance().fit(pd.DataFrame({"z": np.arange(9.0), "label": 0.0}))
    with pytest.raises(InputError, match="not fitted"):
        MahalanobisDistance().anomaly_score([[1.0]])
