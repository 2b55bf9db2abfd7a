"""q0 over mass and width: local p-values of half a chi2, global ones of toys, and upcrossings beyond them."""

import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import FitError, InputError
from bumphunt.significance.likelihood_scan import (
    envelope_sqrt_q0,
    largest_z,
    likelihood_scan,
    mass_steps,
    signal_shapes,
    signed_roots,
    signed_sqrt_q0,
)
from bumphunt.significance.trials import global_p_value, gross_vitells, mean_upcrossings
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions


@pytest.fixture(scope="module")
def search(edges):
    masses = mass_steps(edges, width=0.033)
    return make_design(edges, family="dijet3"), signal_shapes(edges, masses, np.array([0.033])), masses


def test_the_signed_root_is_normal_without_signal(edges, smooth):
    toys = np.random.default_rng(1).poisson(smooth(3e5), (20_000, len(edges) - 1)).astype(float)
    shapes = signal_shapes(edges, np.array([3_600.0, 4_500.0]), np.array([0.033]))
    roots = signed_sqrt_q0(toys, make_design(edges, family="dijet3"), shapes)
    assert np.isfinite(roots).all()
    for root in roots.T:
        assert stats.kstest(root, "norm").pvalue > 0.01
        for z in (1.0, 2.0, 3.0):
            above, nominal = int(np.sum(root > z)), stats.norm.sf(z)
            assert stats.binomtest(above, len(root), 1.1 * nominal, alternative="greater").pvalue > 0.01


def test_only_promising_signals_are_fitted_and_none_is_missed(edges, smooth, search):
    design, shapes, _ = search
    for total in (2e4, 500.0):
        toys = np.random.default_rng(2).poisson(smooth(total), (300, len(edges) - 1)).astype(float)
        whole = np.nanmax(signed_sqrt_q0(toys, design, shapes), axis=1)
        np.testing.assert_allclose(largest_z(toys, design, shapes), np.maximum(whole, 0.0), atol=1e-4)


@pytest.mark.slow
def test_upcrossings_agree_with_toys(edges, smooth, search):
    design, shapes, _ = search
    toys = np.random.default_rng(3).poisson(smooth(2e4), (30_000, len(edges) - 1)).astype(float)
    best = largest_z(toys, design, shapes)
    crossings = mean_upcrossings(signed_sqrt_q0(toys[:400], design, shapes))
    for z, tolerance in ((2.5, 0.25), (3.0, 0.2), (3.5, 0.3)):
        assert gross_vitells(z, crossings) == pytest.approx(np.mean(best >= z), rel=tolerance)


def test_global_p_values_are_uniform(edges, smooth):
    rng = np.random.default_rng(4)
    p_values = [
        likelihood_scan(counts, edges, family="dijet3", n_toys=60, rng=rng).p_global
        for counts in rng.poisson(smooth(1e4), (50, len(edges) - 1))
    ]
    assert stats.kstest(p_values, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(np.array(p_values) < 0.1) < 0.25


@pytest.mark.parametrize("family", ["dijet3", "auto", "gp"])
def test_a_resonance_is_found_with_its_mass_and_yield(edges, smooth, family):
    signal = 350 * gaussian_fractions(edges, mass=4_200.0, width=0.033 * 4_200)
    counts = np.random.default_rng(5).poisson(smooth(2e4) + signal)
    found = likelihood_scan(counts, edges, family=family, n_toys=150, rng=np.random.default_rng(6))
    assert found.z_local > 4
    assert found.p_global >= found.p_local
    assert found.is_bound
    assert "Gross-Vitells" in found.p_global_method
    assert found.best_mass == pytest.approx(4_200.0, abs=120.0)
    assert found.best_signal == pytest.approx(350, abs=150)
    assert "local" in str(found)


def test_profiling_the_family_costs_significance_and_keeps_the_root_normal(edges, smooth):
    designs = [make_design(edges, family=family) for family in ("dijet3", "dijet4", "powexp")]
    shapes = signal_shapes(edges, np.array([3_600.0]), np.array([0.033]))
    toys = np.random.default_rng(7).poisson(smooth(2e4), (3_000, len(edges) - 1)).astype(float)
    roots, _ = envelope_sqrt_q0(toys, designs, shapes)
    assert np.isfinite(roots).all()
    assert np.std(roots) < 1.03
    for z in (1.0, 2.0):
        assert np.mean(roots > z) < 1.15 * stats.norm.sf(z)
    alone = envelope_sqrt_q0(toys, designs[:1], shapes)
    np.testing.assert_allclose(alone[0], signed_sqrt_q0(toys, designs[0], shapes), atol=1e-5)
    # a signal that one family needs and another describes counts for little
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000.0
    curved = smooth(2e5) * np.exp(3.0 * np.log(x / 0.3) ** 2)
    envelope, single = (envelope_sqrt_q0(curved[None], part, shapes)[0][0, 0] for part in (designs, designs[:1]))
    assert abs(single) > 5 * abs(envelope) + 1
    found = likelihood_scan(curved, edges, family="envelope", n_toys=100, rng=np.random.default_rng(1))
    assert found.family == "envelope"
    assert found.z_local < 1.5
    assert found.p_global > 0.1


def test_a_floating_width_finds_a_wide_resonance(edges, smooth):
    signal = 900 * gaussian_fractions(edges, mass=4_200.0, width=0.07 * 4_200)
    found = likelihood_scan(
        smooth(2e4) + signal,
        edges,
        family="dijet3",
        widths=(0.03, 0.05, 0.07),
        n_toys=100,
        rng=np.random.default_rng(1),
    )
    assert found.best_width == 0.07
    assert found.z.shape == (3, len(found.masses))


def test_a_fixed_mass_has_no_trials(edges, smooth):
    found = likelihood_scan(smooth(2e4), edges, family="dijet3", masses=[4_000.0], rng=np.random.default_rng(1))
    assert (found.p_global, found.n_toys) == (found.p_local, 0)
    assert found.p_global_method == "one mass and width, no trials"


def test_what_cannot_be_searched(edges, smooth):
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="not searched"):
        likelihood_scan(smooth(1e3), edges, masses=[9_000.0], rng=rng)
    with pytest.raises(InputError, match="fractions of the mass"):
        likelihood_scan(smooth(1e3), edges, widths=(130.0,), rng=rng)
    with pytest.raises(InputError, match="too short"):
        mass_steps(edges[:3], width=0.1)
    with pytest.raises(FitError, match="did not converge"):
        likelihood_scan(np.eye(len(edges) - 1)[3], edges, family="dijet3", rng=rng)


def test_upcrossings_pass_over_failed_fits():
    assert mean_upcrossings(np.array([[0.0, np.nan, 2.0, np.nan, 2.0, 0.0]])) == 1.0
    with pytest.raises(InputError, match="at least one toy"):
        mean_upcrossings(np.zeros((0, 3)))


def test_the_global_procedure():
    few = global_p_value(5.0, 2.9e-7, n_exceed=0, n_toys=100, upcrossings=2.0)
    assert few[0] == pytest.approx(gross_vitells(5.0, 2.0))
    assert few[2]
    many = global_p_value(2.0, 0.023, n_exceed=30, n_toys=100, upcrossings=2.0)
    assert many[0] == 31 / 101
    assert not many[2]
    # toys that are sharper than the bound are used, and nothing is ever below the local p-value
    assert global_p_value(2.0, 0.023, n_exceed=1, n_toys=100, upcrossings=9.0)[0] == 0.023
    assert gross_vitells(0.5, 3.0) == 1.0


def test_the_old_name_still_works(edges, smooth, search):
    design, shapes, _ = search
    counts = smooth(1e4)[None, :]
    with pytest.warns(DeprecationWarning, match="signed_sqrt_q0"):
        old = signed_roots(counts, design, shapes[:2])
    np.testing.assert_array_equal(old, signed_sqrt_q0(counts, design, shapes[:2]))
