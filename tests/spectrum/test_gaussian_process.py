"""The Gaussian process: no formula, the same answers, and errors that cover."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.spectrum.batched import band, fit_many, sum_error
from bumphunt.spectrum.choice import choose_kernel
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.gaussian_process import SHORTEST, Kernel, parse_kernel
from bumphunt.spectrum.spectrum import as_spectrum


def test_it_is_a_family_like_the_others(edges, smooth, window):
    counts = np.random.default_rng(1).poisson(smooth(5e4)).astype(float)
    fit = fit_spectrum(counts, edges, family="gp", masked=window)
    assert fit.family.startswith("gp(")
    assert parse_kernel(fit.family).length >= SHORTEST
    assert fit.p_value > 0.01
    dijet = fit_spectrum(counts, edges, family="dijet3", masked=window)
    assert fit.window_expected == pytest.approx(dijet.window_expected, abs=2 * fit.window_error)
    again = fit_spectrum(counts, edges, family=fit.family, masked=window)
    np.testing.assert_allclose(again.expected, fit.expected)
    # the process uses more parameters than the three without a prior, and far fewer than there are bins
    assert dijet.ndf - 5 <= fit.ndf <= dijet.ndf


def test_marginal_likelihood_prefers_a_stiff_kernel_for_a_smooth_spectrum(edges, smooth):
    x = np.log(0.5 * (edges[1:] + edges[:-1]))
    wavy = smooth(3e6) * np.exp(0.2 * np.sin(2 * np.pi * (x - x[0]) / 0.5))
    assert choose_kernel(as_spectrum(smooth(3e6), edges)).length > choose_kernel(as_spectrum(wavy, edges)).length


def test_a_narrow_signal_is_not_swallowed(edges, smooth):
    """At three to four standard deviations the kernel is chosen with the signal in the data, and most of it is left."""
    signal = 100 * gaussian_fractions(edges, mass=4_500.0, width=0.033 * 4_500)
    peak = np.argmax(signal)
    around = slice(peak - 2, peak + 3)
    fit = fit_spectrum(smooth(1e4) + signal, edges, family="gp")
    taken = (fit.expected - smooth(1e4))[around].sum() / signal[around].sum()
    dijet = fit_spectrum(smooth(1e4) + signal, edges, family="dijet3")
    assert taken < 0.6
    assert (dijet.expected - smooth(1e4))[around].sum() / signal[around].sum() < 0.45


def test_the_error_grows_into_the_mask(edges, smooth, window):
    counts = smooth(3e4)
    whole, masked = (fit_spectrum(counts, edges, family="gp(0.3,1)", masked=m) for m in (None, window))
    assert (masked.error[window] > whole.error[window]).all()
    relative = masked.error / masked.expected
    assert relative[9:11].min() > relative[6] * 1.1


@pytest.mark.parametrize("total", [3e4, 1e3])
def test_the_window_prediction_covers(edges, smooth, window, total):
    rng = np.random.default_rng(4)
    design = make_design(
        edges, family=choose_kernel(as_spectrum(smooth(total), edges, masked=window)).family, masked=window
    )
    toys = rng.poisson(smooth(total), (1_500, len(edges) - 1)).astype(float)
    fits = fit_many(toys, design)
    assert fits.converged.all()
    pairs = list(zip(fits.expected, fits.covariance, strict=True))
    errors = np.array([sum_error(mean, covariance, design, window) for mean, covariance in pairs])
    pulls = (fits.expected[:, window].sum(axis=1) - smooth(total)[window].sum()) / errors
    # a prior costs some bias and gives some variance back: intervals must cover all the same
    assert abs(pulls.mean()) < 0.5
    assert np.mean(np.abs(pulls) < 1) > 0.64
    assert np.mean(np.abs(pulls) < 2) > 0.93
    bands = np.array([band(mean, covariance, design) for mean, covariance in pairs])
    assert np.mean(np.abs(fits.expected - smooth(total)) < bands) > 0.6


@pytest.mark.parametrize(
    ("name", "words"), [("gp(0.05,1)", "swallow"), ("gp(0.3,-1)", "positive"), ("gp(a)", "unknown")]
)
def test_kernels_that_cannot_be_used(edges, smooth, name, words):
    with pytest.raises(InputError, match=words):
        fit_spectrum(smooth(1e3), edges, family=name)


def test_names():
    assert parse_kernel(Kernel(length=0.3, amplitude=1.0).family) == Kernel(length=0.3, amplitude=1.0)
    with pytest.raises(InputError, match="no kernel"):
        parse_kernel("gp")
