"""How hard a cut is for signal of the data is found in its counts at other cuts, and the yield follows it."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.masses.acceptance import draw_signal
from bumphunt.masses.constants import SCORE_CUT_PRIOR, SCORE_CUTS
from bumphunt.masses.fit import _plane, fit_masses
from bumphunt.masses.likelihood import Likelihood, selected_signal
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.response import signal_model
from bumphunt.masses.score_shift import ScoreCuts, _efficiency, corrected, cuts_near, score_shift
from bumphunt.masses.substructure import Tau21Scale

from .test_fit import EDGES, HIGH, LOW, as_selected

MASSES = (3_530.0, 480.0, 160.0)
CUT = 0.01
SLOPE = 0.5
"""How much harder the threshold is, in the score, where a cut keeps a part of 1/e as many events."""


def score_of(table):
    """Return a score of clear prongs."""
    return -np.log(np.maximum(table["tau21_1"].to_numpy() * table["tau21_2"].to_numpy(), 1e-6))


def passes(table, fractions):
    return (score_of(table) > 2.6 - SLOPE * np.log(np.asarray(fractions)[:, None] / CUT)).astype(float)


def select(table):
    return passes(table, [CUT])[0]


@pytest.fixture(scope="module")
def pool(table):
    return draw_signal(signal_model(table, MASSES), 20_000, rng=np.random.default_rng(3)).table(MASSES)


@pytest.fixture(scope="module")
def experiment(pool, background):
    """Return a maker of selected events and all cuts: signal whose cut is harder by a factor, and background."""

    def make(log_factor, *, seed, n_signal=600, n_background=1_000):
        rng = np.random.default_rng(seed)
        events = pool.iloc[rng.permutation(len(pool))[:n_signal]]
        reached = score_of(events) + SLOPE * log_factor
        masses = np.stack([*background(n_background, rng, EDGES[0], EDGES[-1])])
        # the loosest cut keeps all of these, and each harder one half of the last
        of_background = np.minimum(rng.geometric(0.5, n_background) - 1, len(SCORE_CUTS) - 1)
        thresholds = 2.6 - SLOPE * np.log(np.array(cuts_near(CUT)) / CUT)
        of_signal = (reached[:, None] > thresholds).sum(axis=1) - 1
        every = np.concatenate([events[["mjj", "mj1", "mj2"]].to_numpy().T, masses], axis=1)
        hardest = np.concatenate([of_signal, of_background])
        kept = (hardest >= 0) & (every[0] >= EDGES[0]) & (every[0] < EDGES[-1])
        every, hardest = every[:, kept], hardest[kept]
        selected = as_selected(every[:, hardest >= 2])
        cuts = ScoreCuts(
            fraction=CUT,
            fractions=cuts_near(CUT),
            mjj=every[0],
            mj1=every[1],
            mj2=every[2],
            hardest=hardest,
            in_window=(every[0] >= LOW) & (every[0] < HIGH),
            outside=replace(selected, mjj=every[0]).outside,
            passes=passes,
        )
        return selected, cuts

    return make


@pytest.fixture(scope="module")
def at_truth(table, experiment):
    """Return a likelihood of one experiment, at the true parameters."""
    selected, _ = experiment(0.0, seed=1)
    signal = selected_signal(table, MASSES, ends=selected.range, select=select, growth=selected.growth)
    return Likelihood(selected, _plane(selected), signal), Parameters(*MASSES, 600.0, 250.0, 0.0, 0.0, 0.0)


def shift_of(at_truth, selected, cuts, scale=None):
    likelihood, at = at_truth
    told = Likelihood(selected, likelihood.plane, likelihood.signal)
    return score_shift(told, at, scale or Tau21Scale(), cuts)


@pytest.mark.parametrize("log_factor", [pytest.param(0.0, marks=pytest.mark.long), -0.6])
def test_the_yield_follows_what_signal_does_at_other_cuts(table, experiment, log_factor):
    """A factor scatters by 0.15: two experiments are averaged, and the prior draws it in by a sixth."""
    fits, plain = [], []
    for seed in (1, 2):
        selected, cuts = experiment(log_factor, seed=seed)
        fits.append(fit_masses(selected, table=table, select=select, cuts=cuts))
        plain.append(fit_masses(selected, table=table, select=select))
    error = np.mean([fit.n_signal.high - fit.n_signal.value for fit in fits]) / 2**0.5
    assert np.mean([np.log(fit.cut_scale) for fit in fits]) == pytest.approx(log_factor, abs=0.25)
    assert np.mean([fit.n_signal.value for fit in fits]) == pytest.approx(600, abs=2.0 * error)
    assert all(fit.cut_scale_pull < 3.0 for fit in fits)
    if log_factor:
        assert np.mean([fit.n_signal.value for fit in plain]) < 600 - 2.0 * error
    assert (plain[0].cut_scale, plain[0].cut_scale_error) == (1.0, None)
    assert plain[0].m_x.value == fits[0].m_x.value
    # efficiency and yield are told apart: their product is what was selected
    for one, other in zip(fits, plain, strict=True):
        assert one.n_signal.value * one.efficiency == pytest.approx(other.n_signal.value * other.efficiency)


def test_factors_drawn_from_the_prior_are_covered(at_truth, experiment):
    """What is said of the factor, value and error, is a posterior: pulls are standard normal."""
    drawn, pulls, errors = np.random.default_rng(8).normal(0.0, SCORE_CUT_PRIOR, 60), [], []
    for number, true in enumerate(drawn.tolist()):
        found = shift_of(at_truth, *experiment(true, seed=100 + number))
        pulls.append((found.log_factor - true) / found.error)
        errors.append(found.error)
    assert np.mean(pulls) == pytest.approx(0.0, abs=3.0 / 60**0.5)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.28)
    assert np.mean(errors) < 0.5 * SCORE_CUT_PRIOR


def test_without_signal_to_count_the_prior_stands(at_truth, experiment):
    selected, cuts = experiment(0.0, seed=5)
    few = replace(cuts, in_window=np.zeros_like(cuts.in_window))
    found = shift_of(at_truth, selected, few)
    assert found.log_factor == pytest.approx(0.0, abs=1e-6)
    assert found.error == pytest.approx(SCORE_CUT_PRIOR, rel=0.01)
    assert found.correction == pytest.approx(1.0, abs=1e-6)
    assert found.statistical < 0.2 * found.prior
    # it stands where tau21 has the efficiency, as wide as that is known
    told = shift_of(at_truth, selected, few, Tau21Scale(correction=1.1, statistical=0.03, prior=0.04))
    assert told.correction == pytest.approx(1.1, rel=1e-3)
    assert told.error > found.error
    assert told.pull == pytest.approx(0.0, abs=1e-3)


def test_simulated_signal_that_passes_nowhere_tells_nothing(at_truth, experiment):
    selected, cuts = experiment(0.0, seed=5)
    none = replace(cuts, passes=lambda table, fractions: np.zeros((len(fractions), len(table))))
    assert shift_of(at_truth, selected, none) is None
    scale = Tau21Scale(log_scale=0.1, correction=1.1, statistical=0.02, prior=0.03)
    assert corrected(scale, None) is scale
    moved = shift_of(at_truth, selected, cuts, scale)
    both = corrected(scale, moved)
    assert (both.log_scale, both.correction) == (0.1, moved.correction)
    assert (both.statistical, both.prior) == (moved.statistical, moved.prior)


def test_a_cut_has_harder_and_looser_ones_beside_it():
    assert cuts_near(0.01) == pytest.approx((0.04, 0.02, 0.01, 0.005, 0.0025))
    assert cuts_near(0.2) == pytest.approx((0.4, 0.2, 0.1, 0.05))
    assert cuts_near(0.9)[0] == 0.9


def test_the_efficiency_rises_between_and_beyond_the_cuts():
    fractions, passing = np.array([0.0025, 0.005, 0.01, 0.02]), np.array([0.2, 0.45, 0.44, 0.8])
    found = _efficiency(fractions, passing)
    np.testing.assert_allclose(found(np.log(fractions)), [0.2, 0.45, 0.45, 0.8])
    far = found(np.log(np.geomspace(1e-4, 0.5, 60)))
    assert (np.diff(far) >= 0.0).all()
    assert far[0] < 0.05
    assert far[-1] > 0.97
