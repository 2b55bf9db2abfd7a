"""Limits on simulated peaks hold for simulated signal, and one on a Gaussian does not."""

import warnings

import numpy as np
import pytest
from scipy.stats import binomtest

from bumphunt.masses.constants import FEW_LOST, LOST_BELOW
from bumphunt.masses.expected_shape import broadest_masses, expected_shape
from bumphunt.masses.response import jet_shape
from bumphunt.masses.signal_table import load_signal
from bumphunt.preprocessing.splits import window_on_grid
from bumphunt.significance.limits import expected_spectrum_limits, spectrum_limits
from bumphunt.significance.workspace import EVENTS_PER_MU, build_workspace, resonance_signal, upper_limit
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.fit import fit_spectrum

EDGES = 2_850.0 * 1.013 ** np.arange(60)
MASS = 3_500.0
FIT = {"family": "dijet3", "sqrt_s": 13_000.0}


@pytest.fixture(scope="module")
def truth():
    """A smooth spectrum of 100,000 events."""
    x = np.sqrt(EDGES[1:] * EDGES[:-1]) / 13_000.0
    shape = (1.0 - x) ** 10 * x**-5 * np.diff(EDGES)
    return 100_000.0 * shape / shape.sum()


@pytest.fixture(scope="module")
def shapes():
    masses = broadest_masses(load_signal(), MASS)
    return {
        "simulated": expected_shape(load_signal(), masses, EDGES).probabilities,
        "gaussian": resonance_signal(EDGES, mass=MASS, width=0.033),
    }


def covered(above):
    """Return the 95 % binomial interval of the part that is covered."""
    interval = binomtest(int(above.sum()), len(above)).proportion_ci()
    return interval.low, interval.high


@pytest.mark.parametrize("m_resonance", [2_800.0, 4_500.0, 6_000.0])
def test_no_signal_whose_daughters_jets_hold_has_a_weaker_limit(m_resonance):
    edges = 2_000.0 * 1.013 ** np.arange(115)
    x = np.sqrt(edges[1:] * edges[:-1]) / 13_000.0
    shape = (1.0 - x) ** 10 * x**-5 * np.diff(edges)
    counts, table = 100_000.0 * shape / shape.sum(), load_signal()
    masses = broadest_masses(table, m_resonance)
    top = masses[1]
    assert jet_shape(table, top, m_resonance).below(LOST_BELOW) == pytest.approx(FEW_LOST, abs=0.01)
    parts = (0.35, 0.6, 0.85, 1.0)
    pairs = [(60.0, 60.0), (top, 60.0), *((a * top, b * top) for a in parts for b in parts if b <= a)]
    signal = np.stack([expected_shape(table, (m_resonance, *pair), edges).probabilities for pair in pairs])
    design = make_design(edges, **FIT)
    limits = expected_spectrum_limits(np.tile(counts, (len(pairs), 1)), design, signal)[:, 2]
    assert pairs[limits.argmax()] == pytest.approx((top, top))
    assert limits.max() > 1.15 * np.median(limits)


def test_outside_the_simulated_resonances_nothing_is_known():
    assert broadest_masses(load_signal(), 2_650.0) is None
    assert broadest_masses(load_signal(), 9_000.0) is None


def test_limits_along_the_mass_hold_for_simulated_signal_and_those_on_a_gaussian_do_not(truth, shapes):
    design = make_design(EDGES, **FIT)
    rng = np.random.default_rng(1)
    found = {}
    for name, shape in shapes.items():
        number = expected_spectrum_limits(truth[None], design, shape)[0, 2]
        toys = rng.poisson(truth + number * shapes["simulated"], (400, len(truth))).astype(float)
        for method in ("CLs", "CLs+b"):
            limits = spectrum_limits(toys, design, shape, method=method)
            assert np.isfinite(limits).all()
            found[name, method] = covered(limits > number)
    low, high = found["simulated", "CLs+b"]
    assert low < 0.95 < high, "exact but for the asymptotic formula"
    assert found["simulated", "CLs"][1] > 0.95
    assert found["gaussian", "CLs"][1] < 0.90
    assert found["gaussian", "CLs+b"][1] < 0.90


@pytest.mark.long
def test_the_limit_of_the_best_window_holds_for_simulated_signal(truth, shapes):
    """The background is fitted without the window, and so with the signal's tails in its sidebands."""
    window = window_on_grid(EDGES, 3_300.0, 3_710.0, sideband=9)
    left_out = {"masked": window.masked_bins(EDGES, guard=2), "window": window.bins(EDGES)}

    def workspace(counts, shape):
        return build_workspace(fit_spectrum(counts, EDGES, **left_out, **FIT), shape, channel="mjj_inclusive")

    rng = np.random.default_rng(2)
    held = {}
    # with 120 toys a coverage of 95 % itself would fall below the lower bound in one study of twenty
    for (name, shape), number_of_toys in zip(shapes.items(), (400, 120), strict=True):
        number = upper_limit(workspace(np.round(truth), shape), mass=MASS, width=0.033).expected[2]
        toys = rng.poisson(truth + number * shapes["simulated"], (number_of_toys, len(truth))).astype(float)
        held[name] = covered(np.array([_kept(workspace(toy, shape), number) for toy in toys]))
    assert held["simulated"][1] > 0.95
    assert held["simulated"][0] > 0.85
    assert held["gaussian"][1] < 0.92


def _kept(workspace, number):
    """Tell whether so many signal events are not excluded at 95 % CLs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyhf

        opened = pyhf.Workspace(workspace)
        model = opened.model()
        return float(pyhf.infer.hypotest(number / EVENTS_PER_MU, opened.data(model), model)) >= 0.05
