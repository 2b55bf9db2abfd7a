"""Closed forms, pyhf and coverage: asymptotic formulas and upper limits."""

import numpy as np
import pytest
from scipy import optimize, stats

from bumphunt.errors import FitError, InputError
from bumphunt.significance.asymptotics import OnOff, expected_discovery_z, half_chi2_p_value, tail_probabilities
from bumphunt.significance.limits import (
    cross_section_limit,
    expected_window_limits,
    poisson_limits,
    spectrum_limits,
    window_limit,
    window_limits,
)
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.signal_fit import fit_signal


def on_off_spec(on, off, tau):
    """Return the on/off model as a HistFactory workspace: a background norm shared by window and sideband."""
    norm = {"name": "b", "type": "normfactor", "data": None}
    return {
        "channels": [
            {
                "name": "on",
                "samples": [
                    {
                        "name": "signal",
                        "data": [10.0],
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                    },
                    {"name": "background", "data": [off / tau], "modifiers": [norm]},
                ],
            },
            {"name": "off", "samples": [{"name": "background", "data": [off], "modifiers": [norm]}]},
        ],
        "observations": [{"name": "on", "data": [on]}, {"name": "off", "data": [off]}],
        "measurements": [
            {
                "name": "m",
                "config": {
                    "poi": "mu",
                    "parameters": [
                        {"name": "mu", "bounds": [[0.0, 60.0]], "inits": [1.0]},
                        {"name": "b", "bounds": [[1e-3, 10.0]], "inits": [1.0]},
                    ],
                },
            }
        ],
        "version": "1.0.0",
    }


CASES = [(130.0, 400.0, 4.0), (95.0, 400.0, 4.0), (12.0, 20.0, 3.0), (60.0, 30.0, 1.0)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("on", "off", "tau"), CASES)
def test_q0_cls_and_limits_are_those_of_pyhf(pyhf, on, off, tau):
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-6))
    try:
        workspace = pyhf.Workspace(on_off_spec(on, off, tau))
        model = workspace.model()
        data = workspace.data(model)
        ours = OnOff(on=np.array(on), off=np.array(off), tau=np.array(tau))
        p_value = float(pyhf.infer.hypotest(0.0, data, model, test_stat="q0"))
        assert float(half_chi2_p_value(ours.q0())) == pytest.approx(p_value, rel=1e-4, abs=1e-5)
        for mu in (1.0, 3.0, 6.0):
            cls, parts = pyhf.infer.hypotest(mu, data, model, return_tail_probs=True)
            with_signal, without = tail_probabilities(ours.q_tilde(10 * mu), ours.asimov().q_tilde(10 * mu))
            assert float(with_signal) == pytest.approx(float(parts[0]), abs=1e-5)
            assert float(without) == pytest.approx(float(parts[1]), abs=1e-5)
            assert float(with_signal / without) == pytest.approx(float(cls), abs=1e-5)
        observed, expected = pyhf.infer.intervals.upper_limits.toms748_scan(data, model, 0.01, 60.0, rtol=1e-7)
        error = np.sqrt(off) / tau
        assert float(window_limits(on, off / tau, error)) == pytest.approx(10 * float(observed), rel=1e-5)
        np.testing.assert_allclose(
            expected_window_limits(on, off / tau, error), 10 * np.array([float(e) for e in expected]), rtol=1e-5
        )
    finally:
        pyhf.set_backend("numpy")


def test_q0_of_a_known_background_is_the_closed_form():
    n, b = np.array([130.0, 9.0, 80.0]), np.array([100.0, 3.0, 100.0])
    model = OnOff.from_background(n, b, 0.0)
    expected = np.where(n > b, 2 * (n * np.log(n / b) - (n - b)), 0.0)
    np.testing.assert_allclose(model.q0(), expected, rtol=1e-5)
    # eq. 97 and its limit without error
    assert float(expected_discovery_z(10.0, 100.0, 1e-4)) == pytest.approx(float(expected_discovery_z(10.0, 100.0)))
    assert float(expected_discovery_z(1.0, 1e4)) == pytest.approx(0.01, rel=1e-3)


def test_the_asimov_significance_is_the_median_of_toys():
    rng = np.random.default_rng(1)
    b, error, s = 80.0, 8.0, 45.0
    tau = b / error**2
    toys = OnOff(
        on=rng.poisson(s + b, 40_000).astype(float),
        off=rng.poisson(b * tau, 40_000).astype(float),
        tau=np.full(40_000, tau),
    )
    assert np.median(toys.signed_sqrt_q0()) == pytest.approx(float(expected_discovery_z(s, b, error)), abs=0.05)


def test_exact_limits_of_few_events_solve_their_equation():
    n, b = np.array([0.0, 1.0, 3.0, 7.0]), np.array([3.0, 0.2, 3.0, 2.0])
    for limit, count, known in zip(poisson_limits(n, b), n, b, strict=True):
        brute = optimize.brentq(
            lambda s, c=count, k=known: stats.poisson.cdf(c, s + k) / stats.poisson.cdf(c, k) - 0.05, 0.01, 50
        )
        assert limit == pytest.approx(brute, rel=1e-6)
    # for many events the asymptotic limit is the same
    assert float(window_limits(420.0, 400.0, 0.0)) == pytest.approx(
        float(poisson_limits(np.array(420.0), np.array(400.0))), rel=0.02
    )


@pytest.mark.parametrize(("background", "error", "signal"), [(400.0, 15.0, 50.0), (60.0, 6.0, 20.0)])
def test_limits_of_windows_cover(background, error, signal):
    rng = np.random.default_rng(2)
    tau = background / error**2
    off = rng.poisson(background * tau, 20_000)
    on = rng.poisson(signal + background, 20_000)
    estimate, spread = off / tau, np.sqrt(off) / tau
    assert np.mean(window_limits(on, estimate, spread, method="CLs+b") >= signal) == pytest.approx(0.95, abs=0.01)
    assert np.mean(window_limits(on, estimate, spread, method="CLs") >= signal) >= 0.94


def test_limits_of_spectra_cover_and_agree_with_a_scan(edges, smooth):
    rng = np.random.default_rng(3)
    shape = gaussian_fractions(edges, mass=4_000.0, width=132.0)
    design = make_design(edges, family="dijet3")
    counts = rng.poisson(smooth(2e4) + 90 * shape, (2_000, len(edges) - 1)).astype(float)
    limits = spectrum_limits(counts, design, shape, method="CLs+b")
    assert np.isfinite(limits).all()
    assert np.mean(limits >= 90.0) == pytest.approx(0.95, abs=0.0125)
    cls = spectrum_limits(counts[:400], design, shape)
    assert np.mean(cls >= 90.0) >= 0.94
    assert (cls >= limits[:400] - 1e-6).all()
    # far from the boundary the CLs+b limit is 1.64 standard errors above the best fit
    fits = fit_signal(counts, design, shape, null=fit_many(counts, design))
    far = fits.n_signal > 2.5 * fits.error
    assert np.median((limits - fits.n_signal)[far] / fits.error[far]) == pytest.approx(1.645, abs=0.08)


def test_a_limit_with_its_cross_section():
    limit = window_limit(12.0, 10.0, 2.0, luminosity=137.0)
    assert limit.cross_section == pytest.approx(limit.n_signal / 137.0)
    assert "sigma x B x A" in str(limit)
    assert (np.diff(limit.expected) > 0).all()
    assert "sigma x B <" in str(window_limit(12.0, 10.0, 2.0, luminosity=137.0, acceptance=0.5))
    assert window_limit(12.0, 10.0, 2.0).cross_section is None


def test_limits_that_make_no_sense():
    with pytest.raises(InputError, match="unknown kind"):
        window_limits(1.0, 1.0, 1.0, method="bayes")
    with pytest.raises(InputError, match=r"level of 0\.9"):
        window_limits(1.0, 1.0, 1.0, level=0.9)
    with pytest.raises(InputError, match="no cross section"):
        cross_section_limit(3.0, luminosity=-1.0)
    with pytest.raises(FitError, match="excluded"):
        spectrum_limits(np.ones((1, 5)), make_design(np.geomspace(3e3, 4e3, 6), family="dijet3"), np.zeros(5))
