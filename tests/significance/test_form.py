"""The form of the background as a systematic: beside the nominal significance, and never above it."""

from dataclasses import replace

import numpy as np
import pytest

from bumphunt.significance.form import with_form
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
    return with_form(window_significance(spectrum, family=family), spectrum)


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
            assert np.isnan(plain.z_stat)
            assert plain.form_family == ""


def test_it_is_the_likelihood_ratio_minimised_over_the_forms(edges, smooth, window):
    counts = np.random.default_rng(2).poisson(smooth(2e4) + 300 * gaussian_fractions(edges, mass=4_300.0, width=140.0))
    spectrum = at(counts, edges, window)
    found = formed(spectrum, family="dijet3")
    single, charged = {}, {}
    for name in ENVELOPE:
        fit = fit_spectrum(spectrum, family=name)
        single[name] = window_significance(spectrum, family=name).z_local
        charged[name] = fit.deviance + len(fit.parameters)
    best = min(charged.values())
    wanted = {name: single[name] ** 2 + charged[name] - best for name in ENVELOPE}
    assert found.z_local == pytest.approx(np.sqrt(min(wanted.values())))
    assert found.form_family == min(wanted, key=wanted.get)
    assert found.n_form == pytest.approx(fit_spectrum(spectrum, family=found.form_family).window_expected)
    # one form alone takes nothing away
    alone = with_form(window_significance(spectrum, family="dijet3"), spectrum, families=("dijet3",))
    assert alone.z_local == alone.z_stat == pytest.approx(single["dijet3"])


def test_an_excess_that_a_form_makes_is_taken_away_by_the_right_form(edges, smooth, window):
    """Events of a four-parameter spectrum, fitted with three parameters, look like an excess or a deficit."""
    x = np.log(0.5 * (edges[1:] + edges[:-1]) / 13_000.0)
    curved = np.round(smooth(8e6) * np.exp(1.5 * (x - x.mean()) ** 2))
    wrong = formed(at(curved, edges, window), family="dijet3")
    assert wrong.z_stat > 5
    assert wrong.z_local < 1
    assert wrong.form_family != "dijet3"


def test_without_signal_it_is_no_sharper_and_no_wilder_than_a_normal_deviate(edges, smooth, window):
    rng = np.random.default_rng(3)
    z = [
        formed(at(counts, edges, window), family="auto").z_local
        for counts in rng.poisson(smooth(2e4), (300, len(edges) - 1))
    ]
    assert 0.8 < np.std(z) < 1.1
    assert -0.4 < np.mean(z) < 0.05
    assert np.mean(np.array(z) > 2) < 0.04


def test_what_has_no_fit_has_no_form(edges, window):
    spectrum = at(np.zeros(len(edges) - 1), edges, window)
    found = formed(spectrum, family="dijet3")
    assert found.note
    assert found.z_stat == found.z_local
    assert found.form_family == ""
    counted = replace(found, note="", fit=None, z_local=4.0)  # on against off, no shape at all
    assert with_form(counted, spectrum).z_local == 4.0
