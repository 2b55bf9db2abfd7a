"""Pseudo-data: parts of a pool, or made smooth from one that holds a resonance; never an event twice."""

import numpy as np
import pytest

from bumphunt.calibration.pseudo_data import smooth_box, subsample_box, with_signal
from bumphunt.errors import InputError
from bumphunt.events import drop_truth
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum

EDGES = mass_grid(2_900.0, 5_200.0, ratio=1.03)


@pytest.fixture(scope="module")
def pool(make_events):
    """A pool with a resonance of about five standard deviations, every event numbered."""
    table = make_events(60_000, signal=450, seed=9)
    return drop_truth(table.assign(event=np.arange(len(table))))


def test_a_subsample_holds_no_event_twice(pool):
    box = subsample_box(pool, size=5_000, rng=np.random.default_rng(1))
    assert len(box) == box["event"].nunique() == 5_000
    other = subsample_box(pool, size=5_000, rng=np.random.default_rng(2))
    assert len(np.intersect1d(box["event"], other["event"])) < 0.12 * 5_000
    with pytest.raises(InputError, match="cannot be drawn"):
        subsample_box(pool, size=len(pool) + 1, rng=np.random.default_rng(1))


def test_a_smooth_box_has_lost_the_resonance_and_kept_how_features_follow_mjj(pool):
    resonance = (EDGES[:-1] > 3_300) & (EDGES[1:] < 3_750)
    before = fit_spectrum(count(pool["mjj"].to_numpy(), EDGES), EDGES, masked=resonance)
    assert before.counts[resonance].sum() > before.window_expected + 4 * np.sqrt(before.window_expected)
    pulls, slopes = [], []
    for seed in range(30):
        box = smooth_box(pool, EDGES, size=15_000, rng=np.random.default_rng(seed), sqrt_s=13_000.0)
        assert box["event"].nunique() == len(box)
        fit = fit_spectrum(count(box["mjj"].to_numpy(), EDGES), EDGES, masked=resonance)
        observed = fit.counts[resonance].sum()
        pulls.append((observed - fit.window_expected) / np.hypot(fit.window_error, np.sqrt(observed)))
        slopes.append(np.corrcoef(np.log(box["mjj"]), np.log(box["mj1"]))[0, 1])
    # the pool's own signal pulls its fit up a little, the same in every box
    assert abs(np.mean(pulls)) < 1.5
    assert 0.7 < np.std(pulls) < 1.3
    inside = pool[(pool["mjj"] > EDGES[0]) & (pool["mjj"] < EDGES[-1])]
    assert np.mean(slopes) == pytest.approx(np.corrcoef(np.log(inside["mjj"]), np.log(inside["mj1"]))[0, 1], abs=0.06)


def test_a_permuted_box_has_lost_how_features_follow_mjj(pool):
    box = smooth_box(pool, EDGES, size=15_000, rng=np.random.default_rng(1), spread=None, sqrt_s=13_000.0)
    assert box["event"].nunique() == len(box)
    assert abs(np.corrcoef(np.log(box["mjj"]), np.log(box["mj1"]))[0, 1]) < 4 / np.sqrt(len(box))
    kept = smooth_box(pool, EDGES, size=15_000, rng=np.random.default_rng(1), sqrt_s=13_000.0)
    assert np.corrcoef(np.log(kept["mjj"]), np.log(kept["mj1"]))[0, 1] > 6 / np.sqrt(len(kept))


def test_signal_is_mixed_in_at_random_places(pool, make_events):
    signal = drop_truth(make_events(200, signal=300, seed=3).query("label == 1").assign(event=-1.0))
    box = subsample_box(pool, size=3_000, rng=np.random.default_rng(1))
    mixed = with_signal(box, signal, number=100, rng=np.random.default_rng(2))
    places = np.flatnonzero(mixed["event"] == -1)
    assert len(places) == 100
    assert abs(places.mean() - len(mixed) / 2) < 400
    with pytest.raises(InputError, match="simulate more"):
        with_signal(box, signal, number=301, rng=np.random.default_rng(2))
    with pytest.raises(InputError, match="tau21_2"):
        with_signal(box, drop_truth(signal.drop(columns="tau21_2")), number=1, rng=np.random.default_rng(2))
