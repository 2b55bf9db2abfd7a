"""The efficiency of a cut times the spectrum before it: right on average, and surer than a form with few events."""

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance.p_values import counting_p_value
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.binning import mass_grid
from bumphunt.spectrum.efficiency import fit_efficiency, fit_selected
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import z_from_p

EDGES = mass_grid(3_000.0, 4_600.0, ratio=1.03)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])
SHAPE = (1 - CENTRES / 13_000.0) ** 10 / (CENTRES / 13_000.0) ** 5 * np.diff(EDGES)
WINDOW = (np.arange(len(CENTRES)) >= 5) & (np.arange(len(CENTRES)) < 9)
MASKED = (np.arange(len(CENTRES)) >= 4) & (np.arange(len(CENTRES)) < 10)


def spectrum(counts):
    return Spectrum(counts=counts, edges=EDGES, sqrt_s=13_000.0).with_window(WINDOW, masked=MASKED)


def test_an_exact_efficiency_is_recovered():
    before = 1e4 * SHAPE / SHAPE.sum()
    efficiency = 0.02 * (CENTRES / 3_500.0) ** 2
    found = fit_efficiency(spectrum(before * efficiency), before)
    assert found.family == "efficiency1"
    np.testing.assert_allclose(found.expected, before * efficiency, rtol=1e-6)
    assert found.window_expected == pytest.approx((before * efficiency)[WINDOW].sum())


def test_a_bent_efficiency_takes_one_degree_more():
    before = 1e6 * SHAPE / SHAPE.sum()
    bent = 0.02 * np.exp(3.0 * np.log(CENTRES / 3_600.0) ** 2)
    found = fit_efficiency(spectrum(before * bent), before)
    assert found.family == "efficiency2"
    np.testing.assert_allclose(found.expected, before * bent, rtol=1e-3)


def test_significances_of_few_events_are_standard_normal_and_errors_shorter_than_those_of_a_form():
    rng = np.random.default_rng(1)
    z, errors = [], []
    for _ in range(400):
        before = rng.poisson(1_000 * SHAPE / SHAPE.sum()).astype(float)
        after = rng.binomial(before.astype(int), 0.05).astype(float)
        smooth = fit_spectrum(spectrum(before), family="dijet3")
        found = fit_selected(spectrum(after), smooth)
        assert found.window_error > fit_efficiency(spectrum(after), smooth.expected).window_error
        z.append(z_from_p(counting_p_value(after[WINDOW].sum(), found.window_expected, found.window_error)))
        errors.append((found.window_error, fit_spectrum(spectrum(after), family="dijet3").window_error))
    # p-values of few events are cautious; the form's error is the larger one
    assert abs(np.mean(z)) < 0.2
    assert 0.8 < np.std(z) < 1.1
    mine, form = np.median(errors, axis=0)
    assert mine < 0.75 * form


def test_signal_stands_out():
    before = np.round(1_000 * SHAPE / SHAPE.sum())
    after = np.round(0.05 * before)
    after[6] += 12
    found = window_significance(
        spectrum(after), inclusive=before, before=fit_spectrum(spectrum(before), family="dijet3")
    )
    assert found.fit is not None
    assert found.fit.family == "efficiency1"
    assert found.z_local > window_significance(spectrum(after), inclusive=before).z_local > 0


def test_bins_without_events_before_the_cut_have_none_after_it():
    before = 1_000 * SHAPE / SHAPE.sum()
    before[-1] = 0.0
    found = fit_efficiency(spectrum(0.05 * before), before)
    assert found.expected[-1] < 1e-9
    assert found.window_expected == pytest.approx(0.05 * before[WINDOW].sum(), rel=1e-6)


def test_too_little_to_fit_is_said():
    before = np.zeros(len(CENTRES))
    before[:2] = 100.0
    with pytest.raises(InputError, match="2 bins are left to fit an efficiency of degree 1"):
        fit_efficiency(spectrum(before), before)


def test_nothing_in_the_sidebands_is_counted_on_against_off():
    before, after = 1_000 * SHAPE / SHAPE.sum(), np.zeros(len(CENTRES))
    after[6] = 3
    found = window_significance(
        spectrum(after), inclusive=before, before=fit_spectrum(spectrum(before), family="dijet3")
    )
    assert found.fit is None
    assert 0.5 < found.z_local < 3
