"""Background from sidebands whose efficiency drifts and bends, for many selections at once."""

from collections.abc import Callable

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.p_values import on_off_p_value
from bumphunt.significance.smooth_sidebands import (
    Sidebands,
    excess_p_values,
    excess_z,
    highest_z,
    rank_weights,
    sidebands,
    weighted,
)
from bumphunt.statistics import p_from_z


@pytest.fixture(scope="module")
def inclusive(smooth: Callable[[float], np.ndarray]) -> np.ndarray:
    return smooth(200_000.0)


def around(edges: np.ndarray, inclusive: np.ndarray, **kwargs: float) -> tuple[Sidebands, np.ndarray]:
    window = np.zeros(len(inclusive), dtype=bool)
    window[8:12] = True
    side = np.zeros(len(inclusive), dtype=bool)
    side[1:7] = side[13:20] = True
    shape = window * np.exp(-0.5 * ((np.arange(len(inclusive)) - 9.5) / 1.1) ** 2)
    return sidebands(inclusive, edges, signal=shape, side=side, part=1e-3, **kwargs), window


def test_a_constant_efficiency_is_predicted_without_bias(edges, inclusive) -> None:
    found, window = around(edges, inclusive)
    assert found.outside @ inclusive == pytest.approx(found.inside @ inclusive, rel=1e-9)
    assert not found.outside[window].any()
    assert (found.inside > 0).sum() == 4
    assert found.inside**2 @ inclusive == pytest.approx(found.inside @ inclusive)


@pytest.mark.parametrize(("slope", "curvature"), [(1.5, 0.0), (-1.5, 0.0), (0.0, 3.0), (1.0, -3.0)])
def test_a_drifting_and_bending_efficiency_is_followed(edges, inclusive, slope, curvature) -> None:
    found, _ = around(edges, inclusive, prior=(10.0, 30.0))
    stiff, _ = around(edges, inclusive, prior=(1e-4, 1e-4))
    places = np.log(0.5 * (edges[1:] + edges[:-1]))
    places = places - places[9:11].mean()
    kept = 1e-3 * inclusive * (1.0 + slope * places + curvature * places**2)
    exact = found.inside @ kept
    assert found.outside @ kept == pytest.approx(exact, rel=0.01)
    assert abs(stiff.outside @ kept / exact - 1.0) > 0.02


def test_significances_without_signal_spread_by_one(edges, inclusive) -> None:
    rng = np.random.default_rng(3)
    found, _ = around(edges, 5.0 * inclusive)
    counts = rng.poisson(5e-3 * inclusive, size=(20_000, len(inclusive)))
    z = excess_z(counts @ found.inside, counts @ found.outside, found.ratio)
    assert abs(z.mean()) < 0.1
    assert z.std() == pytest.approx(1.0, abs=0.04)
    assert (z > 2.0).mean() == pytest.approx(p_from_z(2.0), rel=0.25)


def test_p_values_are_those_of_on_and_off() -> None:
    for on, off, tau in ((4, 5, 5.0), (3, 0, 1.0), (40, 100, 4.0)):
        found = excess_p_values(np.array([float(on)]), np.array([off / tau]), 1.0 / tau)
        assert found[0] == pytest.approx(on_off_p_value(on, off, tau), rel=1e-10)


def test_the_highest_is_the_highest() -> None:
    rng = np.random.default_rng(5)
    for mean in (0.3, 3.0, 40.0):
        on, expected = (rng.poisson(mean, (300, 200)).astype(np.float32) for _ in range(2))
        exact = np.maximum(excess_z(on.astype(float), expected.astype(float), 0.4).max(axis=0), 0.0)
        np.testing.assert_allclose(highest_z(on, expected, 0.4), exact, rtol=1e-6)


def test_an_empty_window_is_refused(edges, inclusive) -> None:
    nothing = np.zeros(len(inclusive))
    with pytest.raises(InputError, match="hold no events"):
        sidebands(inclusive, edges, signal=nothing, side=inclusive > 0, part=0.1)


def test_weights_fall_with_rank_and_count_as_many() -> None:
    weights = rank_weights(300)
    assert (np.diff(weights) <= 0).all()
    assert weights.sum() == pytest.approx((weights**2).sum())
    assert weights[0] / weights[-1] > 4.0


def test_tails_of_weighted_sums_are_not_heavier_than_said(edges, inclusive) -> None:
    rng = np.random.default_rng(3)
    plain, _ = around(edges, inclusive)
    weights = rank_weights(60)
    share = inclusive / inclusive.sum()
    bins = np.searchsorted(np.cumsum(share)[:-1], rng.random((100_000, 60)))
    rates = {}
    for name, side in (("plain", plain), ("weighted", weighted(plain, weights, inclusive))):
        z = excess_z(side.inside[bins] @ weights, side.outside[bins] @ weights, side.ratio)
        rates[name] = [(z > at).mean() / p_from_z(at) for at in (2.0, 3.0, 3.5)]
    assert max(rates["weighted"]) < 1.0
    assert rates["plain"][1] > 2.0 * rates["weighted"][1], "two moments alone claim more"
