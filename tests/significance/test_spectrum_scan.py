"""The search of a user's spectrum: methods, histograms, few events, and what is told of it."""

import hist
import numpy as np
import pytest
from scipy import stats

from bumphunt.errors import InputError
from bumphunt.significance.likelihood_scan import likelihood_scan
from bumphunt.significance.scan import window_significance
from bumphunt.significance.spectrum_scan import scan_spectrum
from bumphunt.significance.summary import scan_summary, scan_text
from bumphunt.significance.toys import window_curves
from bumphunt.significance.window_likelihood import window_sqrt_q0
from bumphunt.spectrum.functions import SQRT_S, gaussian_fractions
from bumphunt.spectrum.spectrum import Spectrum, as_spectrum

METHODS = ("counting", "q0", "bumphunter")


def scan(counts, edges, seed=1, **options):
    return scan_spectrum(
        counts, edges, rng=np.random.default_rng(seed), **{"n_toys": 150, "family": "dijet3", **options}
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_same_bump(edges, smooth, method):
    counts = np.random.default_rng(1).poisson(
        smooth(2e4) + 400 * gaussian_fractions(edges, mass=4_200.0, width=0.033 * 4_200)
    )
    found = scan(counts, edges, method=method)
    assert found.z_local > 4
    assert found.p_local <= found.p_global < 0.01
    assert found.best_window.low < 4_200 < found.best_window.high
    assert found.best_window.fit.family == "dijet3"
    quiet = scan(smooth(2e4).round(), edges, method=method)
    assert quiet.z_local < 1.5
    assert quiet.p_global > 0.1


@pytest.mark.parametrize("method", ["counting", "q0"])
@pytest.mark.parametrize("family", ["dijet3", "auto", "gp", "envelope", "powexp"])
def test_one_window_by_every_family(edges, smooth, method, family):
    counts = smooth(2e4).round()
    counts[8:12] += round(np.sqrt(smooth(2e4)[8:12].sum()))
    found = scan(counts, edges, window=(edges[8], edges[12]), family=family, method=method)
    assert 2.2 < found.z_local < 4.2
    assert found.p_global == found.p_local


def test_a_window_by_likelihood_and_by_counting_agree_for_many_events(edges, smooth):
    rng = np.random.default_rng(2)
    for counts in rng.poisson(smooth(5e4), (6, len(edges) - 1)):
        by_count, by_likelihood = (
            scan(counts, edges, window=(edges[8], edges[12]), method=method).z_local for method in ("counting", "q0")
        )
        assert by_likelihood == pytest.approx(by_count, abs=0.04)


@pytest.mark.parametrize("total", [2e4, 300.0])
def test_the_root_of_a_window_is_normal(edges, smooth, total):
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[8:12] = True
    toys = np.random.default_rng(3).poisson(smooth(total), (6_000, len(edges) - 1)).astype(float)
    roots = window_sqrt_q0(toys, as_spectrum(toys[0], edges, masked=masked), family="dijet3")
    assert np.isfinite(roots).mean() > 0.995
    roots = roots[np.isfinite(roots)]
    assert stats.kstest(roots, "norm").statistic < (0.02 if total > 1e3 else 0.06)
    for z in (1.0, 2.0):
        assert np.mean(roots > z) < 1.15 * stats.norm.sf(z)


CWOLA_EDGES = np.arange(2_000.0, 4_700.0, 150.0)


@pytest.mark.parametrize("total", [20, 60, 200, 2_000])
@pytest.mark.parametrize("method", ["counting", "q0"])
def test_few_events_in_few_wide_bins_are_fitted(total, method):
    """A hard cut leaves a few events a bin, and bins without any: the answer is there, and calibrated."""
    x = 0.5 * (CWOLA_EDGES[1:] + CWOLA_EDGES[:-1]) / SQRT_S
    shape = (1 - x) ** 10 / x**6 * np.diff(CWOLA_EDGES)
    expected = total * shape / shape.sum()
    rng = np.random.default_rng(total)
    z, failed = [], 0
    for counts in rng.poisson(expected, (120, len(expected))):
        try:
            z.append(scan(counts, CWOLA_EDGES, window=(2_750.0, 3_200.0), method=method).z_local)
        except InputError as error:
            failed += 1
            assert "not searched" in str(error)  # noqa: PT017
    assert failed <= (6 if total < 100 else 0)
    assert np.mean(np.array(z) > 2) < 0.08
    signal = rng.poisson(expected)
    signal[5:8] += round(8 * np.sqrt(expected[5:8].sum() + 1) / 3)
    assert scan(signal, CWOLA_EDGES, window=(2_750.0, 3_200.0), method=method).z_local > 3


def test_histograms_are_taken_as_they_are(edges, smooth):
    counts = np.random.default_rng(4).poisson(smooth(2e4))
    histogram = hist.Hist(hist.axis.Variable(edges, name="mjj"), storage=hist.storage.Double())
    histogram.view()[:] = counts
    histogram.fill([100.0, 12_000.0])
    taken = scan_spectrum(histogram, family="dijet3", n_toys=100, rng=np.random.default_rng(1))
    assert taken.to_dict() == scan(counts, edges, n_toys=100).to_dict()
    with pytest.raises(InputError, match="has its own edges"):
        scan_spectrum(histogram, edges, rng=np.random.default_rng(1))
    with pytest.raises(InputError, match="without bin edges"):
        scan_spectrum(counts, rng=np.random.default_rng(1))
    flat = hist.Hist(hist.axis.Regular(2, 1, 2), hist.axis.Regular(2, 1, 2))
    with pytest.raises(InputError, match="2 axes"):
        scan_spectrum(flat, rng=np.random.default_rng(1))


def test_a_deficit_is_found_by_bumphunter_alone(edges, smooth):
    counts = smooth(2e4).round()
    counts[8:12] -= 150
    found = scan(counts, edges, method="bumphunter", mode="deficit")
    assert found.z_local > 4
    assert "deficit" in found.p_global_method
    with pytest.raises(InputError, match="excesses only"):
        scan(counts, edges, mode="deficit")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "median"}, "unknown method"),
        ({"method": "bumphunter", "window": (3_500.0, 4_000.0)}, "every window"),
        ({"window": (2_000.0, 3_500.0)}, "no sideband"),
        ({"method": "bumphunter", "family": "envelope"}, "one background"),
    ],
)
def test_what_cannot_be_searched(edges, smooth, options, words):
    with pytest.raises(InputError, match=words):
        scan(smooth(1e3).round(), edges, **options)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_told_of_a_scan(edges, smooth, method):
    counts = np.random.default_rng(5).poisson(smooth(2e4))
    found = scan(counts, edges, method=method)
    told = scan_summary(found, luminosity=137.0, rng=np.random.default_rng(2))
    assert {"z_local", "p_local", "z_global", "p_global", "window", "fit", "goodness", "upper_limit"} <= told.keys()
    assert 0 < told["goodness"]["p_value_toys"] <= 1
    assert told["upper_limit"]["cross_section"] == pytest.approx(told["upper_limit"]["n_signal"] / 137.0)
    text = scan_text(found, told)
    assert "not searched" in text
    assert "sigma x B x A" in text
    if method != "bumphunter":
        first, last = told["not_searched"][0], told["not_searched"][-1]
        assert first["low"] == edges[0]
        assert last["high"] == edges[-1]


def test_the_rest_of_the_spectrum_was_not_searched_with_one_window(edges, smooth):
    found = scan(smooth(2e4).round(), edges, window=(edges[8], edges[12]))
    told = scan_summary(found, rng=np.random.default_rng(2))
    assert [(part["low"], part["high"]) for part in told["not_searched"]] == [
        (edges[0], edges[8]),
        (edges[12], edges[-1]),
    ]
    assert told["upper_limit"]["cross_section"] is None


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_the_energy_of_the_spectrum(edges, smooth, method):
    """Masses and energy scaled alike leave every significance as it is; another energy alone does not."""
    counts = np.random.default_rng(6).poisson(smooth(2e4))
    options = {"method": method, "n_toys": 40}
    if method != "bumphunter":
        options["window"] = (edges[8], edges[12])
    here = scan(counts, edges, **options, sqrt_s=13_000.0)
    if "window" in options:
        options["window"] = (0.6 * edges[8], 0.6 * edges[12])
    there = scan(counts, 0.6 * edges, **options, sqrt_s=7_800.0)
    other = scan(counts, 0.6 * edges, **options, sqrt_s=5_000.0)
    assert there.z_local == pytest.approx(here.z_local, rel=1e-6)
    assert there.z_global == here.z_global or "window" in options
    assert other.z_local != pytest.approx(here.z_local, rel=1e-4)


def test_a_family_that_is_none_stops_the_scan_and_the_window(edges, smooth):
    """A typing error is no reason to count on against off."""
    counts = smooth(2e4).round()
    with pytest.raises(InputError, match="did you mean 'dijet3'"):
        scan(counts, edges, family="dijet33")
    masked = np.zeros(len(counts), dtype=bool)
    masked[8:12] = True
    with pytest.raises(InputError, match="did you mean 'dijet3'"):
        window_significance(as_spectrum(counts, edges, masked=masked), family="dijet33", inclusive=10 * counts)


def test_toys_and_profiled_forms_take_the_energy_of_the_spectrum(edges, smooth):
    rng = np.random.default_rng(7)
    toys = rng.poisson(smooth(2e4), (5, len(edges) - 1)).astype(float)
    masked = np.zeros(len(edges) - 1, dtype=bool)
    masked[8:12] = True
    here = Spectrum(counts=toys[0], edges=edges, sqrt_s=13_000.0)
    there = Spectrum(counts=toys[0], edges=0.6 * edges, sqrt_s=7_800.0)
    other = Spectrum(counts=toys[0], edges=0.6 * edges, sqrt_s=5_000.0)
    for family in ("dijet3", "envelope"):
        curves = [window_curves(toys, spectrum, [masked], family=family) for spectrum in (here, there, other)]
        np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)
        assert not np.allclose(curves[2], curves[0], rtol=1e-3)
        options = {"family": family, "n_toys": 5, "widths": (0.033,)}
        scans = [
            likelihood_scan(spectrum, masses=masses, rng=np.random.default_rng(1), **options)
            for spectrum, masses in ((here, [4e3, 4.5e3]), (there, [2.4e3, 2.7e3]), (other, [2.4e3, 2.7e3]))
        ]
        np.testing.assert_allclose(scans[1].z, scans[0].z, rtol=1e-5)
        assert not np.allclose(scans[2].z, scans[0].z, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"n_toys": 0}, "n_toys is 0; give a whole number of at least 1"),
        ({"n_toys": -1}, "n_toys is -1"),
        ({"n_toys": True}, "n_toys is True"),
        ({"window": (3300.0,)}, "give \\(low, high\\) in GeV"),
    ],
)
def test_toys_and_window_are_checked_before_any_work(options, told):
    with pytest.raises(InputError, match=told):
        scan_spectrum(np.ones(20), np.geomspace(2000.0, 6000.0, 21), **options, rng=np.random.default_rng(1))
