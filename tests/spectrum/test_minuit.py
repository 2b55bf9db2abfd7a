"""Batched Fisher scoring against iminuit: minima to 1e-4, parameters to 1e-3 of their errors."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.spectrum.batched import fit_many
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.families.registry import FAMILIES
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.minuit import minuit_fit
from bumphunt.spectrum.signal_fit import fit_background_given_signal, fit_signal


@pytest.mark.parametrize("total", [1e5, 2e3])
@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("hidden", [False, True], ids=["whole", "masked"])
def test_background_fits_agree(edges, smooth, window, family, total, hidden):
    counts = np.random.default_rng(1).poisson(smooth(total), (12, len(edges) - 1)).astype(float)
    masked = window if hidden else None
    design = make_design(edges, family=family, masked=masked)
    fits = fit_many(counts, design)
    assert fits.converged.all()
    for row in (0, 5, 11):
        reference = minuit_fit(counts[row], edges, family=family, masked=masked, strategy=2)
        assert reference.valid
        assert abs(reference.deviance - fits.deviance[row]) < 2e-4  # twice the likelihood
        parameters = design.to_parameters @ fits.coefficients[row]
        covariance = design.to_parameters @ fits.covariance[row] @ design.to_parameters.T
        # the parameters are all but degenerate: distances in units of the ellipsoid, not of each axis
        distance = parameters - reference.parameters
        assert np.sqrt(distance @ np.linalg.solve(covariance, distance)) < 3e-3
        assert np.abs(distance / np.sqrt(np.diag(covariance))).max() < 1e-3
        # Minuit differentiates numerically
        np.testing.assert_allclose(np.sqrt(np.diag(reference.covariance) / np.diag(covariance)), 1.0, atol=0.03)


@pytest.mark.parametrize("total", [1e5, 2e3])
def test_signal_fits_agree(edges, smooth, total):
    rng = np.random.default_rng(2)
    signal = gaussian_fractions(edges, mass=4_000.0, width=130.0)
    counts = rng.poisson(smooth(total) + 3 * np.sqrt(0.06 * total) * signal, (10, len(edges) - 1)).astype(float)
    design = make_design(edges, family="dijet3")
    null = fit_many(counts, design)
    fits = fit_signal(counts, design, signal, null=null)
    assert fits.converged.all()
    for row in (0, 4, 9):
        reference = minuit_fit(counts[row], edges, signal=signal)
        assert reference.valid
        assert abs(reference.deviance - (null.deviance[row] - fits.gain[row])) < 2e-4
        assert fits.n_signal[row] == pytest.approx(reference.parameters[-1], abs=1e-3 * fits.error[row])
        assert fits.error[row] == pytest.approx(np.sqrt(reference.covariance[-1, -1]), rel=0.1)
    # a signal held at the best value is the best fit
    held = fit_background_given_signal(counts, design, signal, np.maximum(fits.n_signal, 0.0), null=null)
    positive = fits.n_signal > 0
    np.testing.assert_allclose(held.gain[positive], fits.gain[positive], atol=1e-6)
    one_sided = fit_signal(counts, design, signal, null=null, negative=False)
    np.testing.assert_allclose(one_sided.n_signal[positive], fits.n_signal[positive], rtol=1e-6)
    assert (one_sided.n_signal >= 0).all()


def test_one_signal_for_all_rows_or_one_each(edges, smooth):
    counts = np.random.default_rng(3).poisson(smooth(1e4), (3, len(edges) - 1)).astype(float)
    design = make_design(edges, family="dijet3")
    shapes = np.array([gaussian_fractions(edges, mass=m, width=0.033 * m) for m in (3_500.0, 4_000.0, 5_000.0)])
    each = fit_signal(counts, design, shapes)
    for row in range(3):
        alone = fit_signal(counts[row : row + 1], design, shapes[row])
        assert each.n_signal[row] == pytest.approx(alone.n_signal[0], rel=1e-5)
        assert each.gain[row] == pytest.approx(alone.gain[0], abs=1e-6)


def test_a_fit_that_cannot_end_says_so(edges, smooth, window):
    design = make_design(edges, family="dijet3", merged=window)
    with pytest.raises(InputError, match="merged"):
        fit_signal(smooth(1e3)[None, :], design, np.ones(len(edges) - 1))
    # an empty last bin under a signal of that bin alone: no negative signal can be the best one
    counts = smooth(2e3).round()
    counts[-1] = 0.0
    last = np.eye(len(counts))[-1]
    deficit = fit_signal(counts[None, :], make_design(edges, family="dijet3"), last)
    assert np.isnan(deficit.signed_sqrt_q0()[0]) or deficit.n_signal[0] < 0


def test_bin_centres_are_as_good_as_integrals(edges, window):
    """A spectrum integrated in each bin is described by the function at the centres to a small part of its errors."""
    fine = np.linspace(0.0, 1.0, 41)
    x = (edges[:-1, None] + fine * np.diff(edges)[:, None]) / 13_000.0
    density = (1 - x) ** 10 / x**5
    exact = np.trapezoid(density, axis=1) / 40 * np.diff(edges)
    for total in (1e5, 1e7):
        counts = total * exact / exact.sum()
        design = make_design(edges, family="dijet3", masked=window)
        fit = fit_many(counts[None, :], design)
        gradient = fit.expected[0, window] @ design.basis[window]
        error = np.sqrt(gradient @ fit.covariance[0] @ gradient)
        assert abs(fit.expected[0, window].sum() - counts[window].sum()) < 0.02 * error
        assert fit.deviance[0] < 0.01
