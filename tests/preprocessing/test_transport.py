"""Features moved to a reference mass: the inverse of the quantiles, and blind to mjj."""

import numpy as np
import pytest

from bumphunt.preprocessing.decorrelation import SmoothDecorrelation
from bumphunt.preprocessing.transport import features_at


@pytest.fixture(scope="module")
def drifting() -> tuple[np.ndarray, np.ndarray, SmoothDecorrelation]:
    rng = np.random.default_rng(1)
    mjj = 3_000.0 * np.exp(0.5 * rng.random(40_000))
    features = np.column_stack([np.log(0.1 * mjj) + 0.3 * rng.standard_normal(40_000), rng.beta(3, 4, 40_000)])
    return features, mjj, SmoothDecorrelation().fit(features, mjj)


def test_at_its_own_mass_an_event_keeps_its_features(drifting) -> None:
    features, mjj, decorrelation = drifting
    reference = 3_700.0
    quantiles = decorrelation.transform(features, np.full(len(mjj), reference))
    moved = features_at(quantiles, decorrelation, reference)
    np.testing.assert_allclose(moved, features, atol=1e-9)
    np.testing.assert_array_equal(features_at(quantiles, decorrelation, reference, first=1), moved[:, :1])


def test_the_rarest_values_go_on_linearly(drifting) -> None:
    _, _, decorrelation = drifting
    far = np.array([[12.0, 5.0], [1.0, -2.0]])
    quantiles = decorrelation.transform(far, np.full(2, 3_300.0))
    assert (np.abs(quantiles - 0.5) > 0.5).all()
    np.testing.assert_allclose(features_at(quantiles, decorrelation, 3_300.0), far, rtol=1e-6)


def test_moved_features_do_not_follow_mjj(drifting) -> None:
    features, mjj, decorrelation = drifting
    moved = features_at(decorrelation.transform(features, mjj), decorrelation, 3_500.0)
    assert abs(np.corrcoef(features[:, 0], mjj)[0, 1]) > 0.3
    assert abs(np.corrcoef(moved[:, 0], mjj)[0, 1]) < 0.02
    assert np.median(moved[:, 0]) == pytest.approx(np.log(350.0), abs=0.01)


def test_a_feature_of_few_values_keeps_them():
    rng = np.random.default_rng(3)
    mjj = 3_000.0 * (1.0 - rng.random(20_000)) ** (-1 / 6)
    features = rng.poisson(5.0 * (mjj / 3_000.0) ** 0.5).astype(float)[:, None]
    decorrelation = SmoothDecorrelation().fit(features, mjj)
    quantiles = decorrelation.transform(features, mjj)
    moved = features_at(quantiles, decorrelation, 3_500.0)
    assert set(np.unique(moved)) <= set(np.unique(features))
    here = np.abs(np.log(mjj / 3_500.0)) < 0.01
    assert (moved[here] == features[here]).mean() > 0.95
    assert moved[mjj > 4_500.0].mean() < features[mjj > 4_500.0].mean() - 0.3
