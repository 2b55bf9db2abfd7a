"""The form of the background as a systematic: beside the nominal significance, and never above it."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.significance.form import FORM_TOLERANCE, NO_DIFFERENCE, form_difference, with_form_difference
from bumphunt.significance.scan import window_significance
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.functions import gaussian_fractions
from bumphunt.spectrum.profiling import ENVELOPE
from bumphunt.spectrum.spectrum import Spectrum
from bumphunt.statistics import p_from_z


@pytest.fixture(scope="module")
def window(edges):
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[10:14] = True
    return masked


def at(counts, edges, window):
    return Spectrum(counts=counts, edges=edges, sqrt_s=13_000.0, masked=window)


def formed(spectrum, *, family):
    return with_form_difference(window_significance(spectrum, family=family), form_difference(spectrum))


def test_the_nominal_significance_is_kept_and_the_form_only_takes_away(edges, smooth, window):
    rng = np.random.default_rng(1)
    signal = gaussian_fractions(edges, mass=4_300.0, width=140.0)
    for total, events in ((2e4, 300.0), (3e3, 80.0), (2e5, 0.0)):
        for counts in rng.poisson(smooth(total) + events * signal, (20, len(edges) - 1)):
            spectrum = at(counts, edges, window)
            plain = window_significance(spectrum, family="dijet3")
            both = formed(spectrum, family="dijet3")
            assert both.z_stat == plain.z_local
            assert both.z_local <= both.z_stat
            assert both.p_local == pytest.approx(p_from_z(both.z_local))
            assert (both.n_expected, both.n_expected_error) == (plain.n_expected, plain.n_expected_error)
            assert both.form_family in ENVELOPE
            assert both.n_form >= both.n_expected
            assert np.isnan(plain.z_stat)
            assert plain.form_family == ""


def test_it_is_the_form_that_expects_most_of_those_that_fit(edges, smooth, window):
    counts = np.random.default_rng(2).poisson(smooth(2e4))
    spectrum = at(counts, edges, window)
    found = form_difference(spectrum)
    fits = {name: fit_spectrum(spectrum, family=name) for name in ENVELOPE}
    charged = {name: fit.deviance + len(fit.parameters) for name, fit in fits.items()}
    best = min(charged, key=charged.get)
    expected = {
        name: fits[name].window_expected for name in ENVELOPE if charged[name] <= charged[best] + FORM_TOLERANCE
    }
    assert len(expected) > 1
    assert found.family == max(expected, key=expected.get)
    assert found.relative == pytest.approx(max(expected.values()) / expected[best] - 1.0)
    # one form alone takes nothing away
    alone = form_difference(spectrum, families=("dijet3",))
    assert (alone.relative, alone.family) == (0.0, "dijet3")


def test_what_is_taken_off_is_the_difference_of_the_backgrounds(edges, smooth, window):
    counts = np.random.default_rng(2).poisson(smooth(2e4) + 300 * gaussian_fractions(edges, mass=4_300.0, width=140.0))
    spectrum = at(counts, edges, window)
    plain, difference = window_significance(spectrum, family="dijet3"), form_difference(spectrum)
    found = with_form_difference(plain, replace(difference, relative=0.02))
    assert found.n_form == pytest.approx(1.02 * plain.n_expected)
    lost = (found.z_stat - found.z_local) * np.hypot(np.sqrt(plain.n_expected), plain.n_expected_error)
    assert lost == pytest.approx(0.02 * plain.n_expected, rel=0.25)


def test_without_signal_it_is_no_sharper_and_no_wilder_than_a_normal_deviate(edges, smooth, window):
    rng = np.random.default_rng(3)
    z = [
        formed(at(counts, edges, window), family="auto").z_local
        for counts in rng.poisson(smooth(2e4), (300, len(edges) - 1))
    ]
    assert 0.8 < np.std(z) < 1.1
    assert -0.6 < np.mean(z) < 0.05
    assert np.mean(np.array(z) > 2) < 0.04


def test_what_has_no_fit_has_no_form(edges, window):
    spectrum = at(np.zeros(len(edges) - 1), edges, window)
    found = formed(spectrum, family="dijet3")
    assert found.note
    assert found.z_stat == found.z_local
    assert found.form_family == ""
    counted = replace(found, note="", fit=None, z_local=4.0)  # on against off, no shape at all
    assert with_form_difference(counted, replace(NO_DIFFERENCE, relative=0.1, family="dijet3")).z_local == 4.0
