"""Numbers of the chain that can be worked out by hand, at their edges."""

import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bumphunt.config import AnalysisConfig
from bumphunt.pipeline import mass_estimate
from bumphunt.pipeline.further_signals import SCALES, _scaled
from bumphunt.pipeline.mass_estimate import describe_peaks, resonance_alone
from bumphunt.pipeline.null import Null, NullPoint
from bumphunt.pipeline.windows import effective_spectrum
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.spectrum.binning import mass_grid

EDGES = mass_grid(3_000.0, 5_000.0, ratio=1.03)


def point(**changes):
    at = {"n_window": 1_000.0, "cut_fraction": 0.01, "n_features": 4, "repeats": 32}
    return NullPoint(
        **{**at, "mean": 0.0, "mean_error": 0.1, "width": 1.0, "width_error": 0.1, "n_boxes": 20, **changes}
    )


HERE = {"n_window": 1_000.0, "cut_fraction": 0.01, "n_features": 4, "repeats": 32}


@pytest.mark.parametrize(
    ("change", "distance"),
    [
        ({"n_window": 3_000.0}, 1.0),
        ({"n_window": 1_000.0 / 3.0}, 1.0),
        ({"n_window": 9_000.0}, 4.0),
        ({"cut_fraction": 0.03}, 1.0),
        ({"n_features": 6}, 1.0),
        ({"n_features": 9}, 4.0),
        ({"repeats": 16}, 1.0),
        ({"repeats": 8}, 4.0),
        ({"folds": 2}, 1.0),
        ({"folds": 2, "repeats": 64}, 2.0),
        ({"n_window": 3_000.0, "cut_fraction": 0.01 / 3.0, "n_features": 6, "repeats": 64}, 4.0),
    ],
)
def test_measured_points_count_by_their_distance_and_precision(change, distance):
    """One step is a factor of 3 in events or cut, 1.5 in features, 2 in repeats; weights are a Gaussian over errors."""
    far = point(**change, mean=1.0, width=2.0, mean_error=0.05, width_error=0.2)
    mean, width = Null(method="m", points=(point(), far)).at(**HERE)
    near = math.exp(-0.5 * distance)
    assert mean == pytest.approx(4.0 * near / (1.0 + 4.0 * near))
    assert width == pytest.approx((1.0 + 2.0 * near / 4.0) / (1.0 + near / 4.0))


def test_a_window_without_events_is_like_one_of_a_single_event():
    null = Null(method="m", points=(point(n_window=1.0, width=1.0), point(n_window=100.0, width=2.0)))
    assert null.at(**{**HERE, "n_window": 0.0}) == null.at(**{**HERE, "n_window": 1.0})
    placed = Null(method="m", points=tuple(replace(each, share=0.1 / each.width) for each in null.points))
    assert placed.at(**HERE, share=0.0) == placed.at(**HERE, share=1e-9)


def test_effective_counts_are_weights_over_their_mean_square_in_the_sidebands():
    window = window_on_grid(EDGES, 3_600.0, 4_000.0, sideband=4)
    centres = 0.5 * (EDGES[:-1] + EDGES[1:])
    masked = window.masked_bins(EDGES, guard=1)
    mjj, frequency = np.tile(centres, 2), np.concatenate([np.full(len(centres), 4), np.full(len(centres), 2)])
    config = AnalysisConfig(cwola={"repeats": 8})
    task = SimpleNamespace(
        mjj=mjj,
        edges=EDGES,
        window=window,
        config=config,
        masked_bins=lambda guard: window.masked_bins(EDGES, guard=guard),
    )
    found = effective_spectrum(frequency.astype(np.uint8), task)
    # sum of weights over sum of squares: 6 / 20 in every bin
    np.testing.assert_allclose(found.spectrum.counts, 6.0 * 0.3)
    assert found.gain == pytest.approx(0.3 * 8)
    np.testing.assert_array_equal(found.spectrum.window, window.bins(EDGES))
    np.testing.assert_array_equal(found.spectrum.masked, masked)
    inside = np.where(np.tile(masked, 2), frequency, 0)
    assert effective_spectrum(inside.astype(np.uint8), task) is None


BEST = {
    "cut_fraction": 0.1,
    "n_observed": 4,
    "n_expected": 2.0,
    "n_expected_error": 1.5,
    "centre": 3_500.0,
    "fit": None,
}


def best(**changes):
    return SimpleNamespace(**{**BEST, **changes})


@pytest.mark.parametrize("with_fit", [False, True])
def test_an_excess_without_daughters_has_the_mean_with_its_background_taken_off(with_fit):
    window = window_on_grid(EDGES, 3_300.0, 3_700.0, sideband=4)
    mjj = np.array([3_420.0, 3_480.0, 3_500.0, 3_560.0, 4_200.0, 3_490.0])
    chosen = np.array([True, True, True, True, True, False])
    task, outcome = SimpleNamespace(mjj=mjj, window=window), SimpleNamespace(selected=lambda cut: chosen)
    fit, flat = None, 3_500.0
    if with_fit:
        inside = window.bins(EDGES)
        expected = np.where(inside, np.linspace(3.0, 1.0, len(inside)), 9.0)
        fit = SimpleNamespace(edges=EDGES, window=inside, expected=expected)
        flat = float(np.average((0.5 * (EDGES[1:] + EDGES[:-1]))[inside], weights=expected[inside]))
    mass, number = resonance_alone(task, outcome, best(fit=fit))
    mean = (13_960.0 - 2.0 * flat) / 2.0
    spread = float(np.std(mjj[:4])) * 2.0 / 2.0
    assert (mass.value, mass.low, mass.high) == pytest.approx((mean, mean - spread, mean + spread))
    assert (number.value, number.low, number.high) == pytest.approx((2.0, 0.0, 2.0 + math.hypot(2.0, 1.5)))


def test_an_excess_of_next_to_nothing_stays_inside_its_window():
    window = window_on_grid(EDGES, 3_300.0, 3_700.0, sideband=4)
    mjj = np.array([3_420.0, 3_480.0])
    task = SimpleNamespace(mjj=mjj, window=window)
    outcome = SimpleNamespace(selected=lambda cut: np.ones(2, dtype=bool))
    mass, number = resonance_alone(task, outcome, best(n_observed=2, n_expected=2.0, centre=3_700.0))
    assert mass.value == window.low
    assert mass.high - mass.value == pytest.approx(window.high - window.low)
    assert number.value == pytest.approx(0.0, abs=1e-8)
    mass, number = resonance_alone(task, outcome, best(n_observed=0, n_expected=0.0, n_expected_error=0.0))
    assert number.high == pytest.approx(1.0)


def test_events_are_near_in_units_of_the_resolution():
    table = pd.DataFrame({"mjj": [3_000.0, 3_000.0 * math.exp(0.03)], "mj1": [0.5, math.e], "tau21_1": [0.2, 0.4]})
    search = SimpleNamespace(tasks=[SimpleNamespace(config=SimpleNamespace(daughters=("mj1", "mj2")))], resonance="mjj")
    found = _scaled(table, ["mjj", "mj1", "tau21_1"], search)
    np.testing.assert_allclose(found[1] - found[0], [1.0, 10.0, 2.0])
    assert found[0, 1] == 0.0, "masses below 1 GeV are alike"
    assert SCALES == {"mass": 0.1, "resonance": 0.03, "ratio": 0.1}


def test_the_peak_scan_is_given_the_sidebands_in_the_measure_of_the_background(monkeypatch):
    window = window_on_grid(EDGES, 3_300.0, 3_700.0, sideband=4)
    low, high = window.sideband_low, window.sideband_high
    mjj = np.array([low, low + 1.0, window.low, 3_500.0, window.high, high - 1.0, high])
    chosen = np.array([True, True, True, True, False, True, True])
    search = SimpleNamespace(mjj=mjj, daughter_masses=lambda: (np.arange(7.0), np.arange(7.0) - 1.0))
    outcome = SimpleNamespace(selected=lambda cut: chosen, score=np.arange(7) / 10)
    seen = {}

    def scanned(score, near, **given):
        seen.update(given, score=score, near=near)
        return "peaks"

    monkeypatch.setattr(mass_estimate, "peak_scan", scanned)
    monkeypatch.setattr(mass_estimate, "seed_estimate", lambda *_, **__: None)
    task = SimpleNamespace(window=window, seed=1)
    peaks, plane = describe_peaks(search, task, outcome, best(n_expected=6.0), AnalysisConfig())
    assert peaks == "peaks"
    # of the events beside the window, strictly inside the sidebands, two pass the cut
    assert seen["sideband"].scale == 3.0
    np.testing.assert_array_equal(seen["sideband"].score, [0.1, 0.4, 0.5])
    np.testing.assert_array_equal(seen["sideband"].variables["mj2"], [0.0, 3.0, 4.0])
    np.testing.assert_array_equal(seen["score"], [0.2, 0.3])
    np.testing.assert_array_equal(plane.mj1_window, [2.0, 3.0])
    np.testing.assert_array_equal(plane.mj2_sideband, [-1.0, 0.0, 4.0, 5.0])

    @dataclass(frozen=True)
    class Peaks:
        seed_mean: str = ""
        seed_spread: str = ""

    monkeypatch.setattr(mass_estimate, "peak_scan", lambda *_, **__: Peaks())
    monkeypatch.setattr(mass_estimate, "seed_estimate", lambda *_, **__: ("mean", "spread"))
    seeded = describe_peaks(search, task, outcome, best(n_expected=6.0), AnalysisConfig())[0]
    assert (seeded.seed_mean, seeded.seed_spread) == ("mean", "spread")
    monkeypatch.setattr(mass_estimate, "peak_scan", scanned)
    monkeypatch.setattr(mass_estimate, "seed_estimate", lambda *_, **__: None)
    none_pass = SimpleNamespace(selected=lambda cut: np.zeros(7, dtype=bool), score=np.arange(7) / 10)
    describe_peaks(search, task, none_pass, best(n_expected=6.0), AnalysisConfig())
    assert seen["sideband"].scale == 6.0
    state = AnalysisConfig(resonance={"column": "m4l"}, daughters=None, sqrt_s=None, features=["a"])
    assert describe_peaks(search, task, outcome, best(), state) == (None, None)
