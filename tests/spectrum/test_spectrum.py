"""The spectrum that travels: what it is made of, what it refuses, and that its collision energy reaches every fit."""

import itertools
import pickle

import boost_histogram as bh
import hist
import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.spectrum.choice import choose_family, choose_kernel
from bumphunt.spectrum.design import make_design
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.minuit import minuit_fit
from bumphunt.spectrum.spectrum import Spectrum, as_spectrum

EDGES = np.array([3000.0, 3200.0, 3500.0, 3900.0])
COUNTS = np.array([12.0, 7.0, 4.0])


def made(**changes):
    return Spectrum(**{"counts": COUNTS, "edges": EDGES, "sqrt_s": 13_000.0, **changes})


def test_it_is_frozen_small_to_look_at_and_a_copy():
    mine = COUNTS.copy()
    spectrum = made(counts=mine, masked=np.array([False, True, True]), window=np.array([False, True, False]))
    mine[0] = 99
    assert spectrum.counts[0] == 12
    with pytest.raises(ValueError, match="read-only"):
        spectrum.counts[0] = 1
    with pytest.raises(AttributeError):
        spectrum.sqrt_s = 8_000.0
    assert repr(spectrum) == ("Spectrum(23 events in 3 bins, 3000-3900 GeV, window 3200-3500 GeV, sqrt_s = 13000 GeV)")
    again = pickle.loads(pickle.dumps(spectrum))
    np.testing.assert_array_equal(again.masked, spectrum.masked)
    many = as_spectrum(np.ones(5_000), np.linspace(100.0, 6_000.0, 5_001))
    assert len(repr(many)) < 600


def test_events_are_counted_in_their_bins():
    found = Spectrum.from_events([3000.0, 3199.9, 3200.0, 3900.1, 2999.0], EDGES, sqrt_s=None)
    np.testing.assert_array_equal(found.counts, [2, 1, 0])
    assert found.sqrt_s is None
    assert found.scale == 2 * 3900.0


class Pairs:
    """A histogram that gives nothing but the protocol: an axis is a sequence of pairs."""

    kind = "COUNT"

    def __init__(self, edges, values):
        self.axes = [list(itertools.pairwise(edges))]
        self._values = values

    def values(self):
        return self._values

    def variances(self):
        return self._values


@pytest.fixture(scope="module")
def from_root(tmp_path_factory):
    uproot = pytest.importorskip("uproot")
    path = tmp_path_factory.mktemp("root") / "one.root"
    filled = hist.Hist(hist.axis.Variable(EDGES, name="mjj"), storage=hist.storage.Double())
    filled.view()[:] = COUNTS
    with uproot.recreate(path) as file:
        file["mjj"] = filled
    with uproot.open(path) as file:
        return file["mjj"]


def histograms(from_root):
    by_hist = hist.Hist(hist.axis.Variable(EDGES, name="mjj"))
    by_hist.view()[:] = COUNTS
    by_hist.fill([10.0, 5000.0])  # the flow bins are left out
    by_boost = bh.Histogram(bh.axis.Variable(EDGES), storage=bh.storage.Int64())
    by_boost.view()[:] = COUNTS
    return by_hist, by_boost, from_root, Pairs(EDGES, COUNTS)


def test_any_histogram_is_read_by_the_protocol(from_root):
    for histogram in histograms(from_root):
        found = Spectrum.from_histogram(histogram, sqrt_s=13_000.0)
        np.testing.assert_array_equal(found.counts, COUNTS)
        np.testing.assert_allclose(found.edges, EDGES)
        assert found.variances is None
        assert fit_spectrum(histogram, family="powexp").deviance == pytest.approx(
            fit_spectrum(COUNTS, EDGES, family="powexp").deviance
        )


def test_there_and_back_with_variances():
    weighted = made(variances=4.0 * COUNTS)
    for spectrum in (made(), weighted):
        again = Spectrum.from_histogram(spectrum.to_hist(), sqrt_s=spectrum.sqrt_s)
        np.testing.assert_array_equal(again.counts, spectrum.counts)
        np.testing.assert_array_equal(again.edges, spectrum.edges)
        assert (again.variances is None) == (spectrum.variances is None)
    np.testing.assert_array_equal(weighted.effective().counts, COUNTS / 4)
    assert weighted.weight() == 4.0
    assert made().effective().counts is not None
    assert made(variances=COUNTS).variances is None


def test_profiles_planes_and_names_are_no_spectra():
    profile = hist.Hist(hist.axis.Variable(EDGES), storage=hist.storage.Mean())
    flat = hist.Hist(hist.axis.Variable(EDGES), hist.axis.Regular(2, 0, 1))
    names = hist.Hist(hist.axis.StrCategory(["a", "b"]))
    gap = Pairs(EDGES, COUNTS)
    gap.axes[0][1] = (3300.0, 3500.0)
    for histogram, words in ((profile, "profile"), (flat, "2 axes"), (names, "names"), (gap, "gap between 3200")):
        with pytest.raises(InputError, match=words):
            Spectrum.from_histogram(histogram, sqrt_s=13_000.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edges": EDGES[:3]}, "3 counts do not fit 3 bin edges"),
        ({"counts": [], "edges": [3000.0]}, "no bins"),
        ({"counts": [1.0, np.nan, 2.0]}, "NaN or infinity"),
        ({"counts": [1.0, np.inf, 2.0]}, "NaN or infinity"),
        ({"counts": [1.0, -2.0, 2.0]}, "count -2 is negative"),
        ({"counts": [1.0, 1e17, 2.0]}, "1e\\+17 is no number of events"),
        ({"counts": [True, False, True]}, "real numbers"),
        ({"counts": np.array([True, False, True])}, "booleans"),
        ({"counts": [True, 2, 3]}, "'True'"),
        ({"counts": COUNTS + 1j}, "complex"),
        ({"counts": ["1", "2", "3"]}, "'1'"),
        ({"counts": [[1, 2, 3]]}, "do not fit"),
        ({"edges": EDGES + 0j}, "complex"),
        ({"edges": [3000.0, 3200.0, 3200.0, 3900.0]}, "3200 appears twice"),
        ({"edges": [3000.0, 3500.0, 3200.0, 3900.0]}, "3200 out of order"),
        ({"edges": [3000.0, 3200.0, 3500.0, np.inf]}, "NaN or infinity among the bin edges"),
        ({"edges": [0.0, 3200.0, 3500.0, 3900.0]}, "start at 0"),
        ({"edges": EDGES / 1000.0}, "looks like TeV"),
        ({"sqrt_s": 3_900.0}, "between 0 and sqrt_s = 3900"),
        ({"sqrt_s": np.nan}, "no collision energy"),
        ({"sqrt_s": np.inf}, "no collision energy"),
        ({"sqrt_s": -13_000.0}, "no collision energy"),
        ({"sqrt_s": "13"}, "no collision energy"),
        ({"masked": np.array([1, 0, 0])}, "3 booleans"),
        ({"masked": np.array([True, False])}, "3 booleans"),
        ({"window": np.array([True, False, False])}, "reaches beyond the masked bins"),
        ({"variances": COUNTS[:2]}, "3 finite variances"),
        ({"variances": -COUNTS}, "3 finite variances"),
    ],
)
def test_what_can_be_no_spectrum(changes, words):
    with pytest.raises(InputError, match=words) as caught:
        made(**changes)
    assert "\n" not in str(caught.value)


def test_low_masses_are_no_tev_where_no_energy_is_meant():
    assert made(edges=EDGES / 1000.0, sqrt_s=None).scale == pytest.approx(7.8)
    # the Upsilon at 13 TeV: the spectrum ends above 13, so that it cannot be in TeV
    assert made(edges=np.array([5.0, 9.0, 10.6, 16.0])).sqrt_s == 13_000.0


def test_weights_that_differ_from_bin_to_bin_have_no_effective_counts():
    rng = np.random.default_rng(1)
    edges = np.geomspace(3000.0, 6000.0, 9)
    masses = rng.uniform(3000.0, 6000.0, 20_000)
    weights = rng.exponential(1.0, 20_000)
    random = Spectrum(
        counts=np.histogram(masses, edges, weights=weights)[0],
        variances=np.histogram(masses, edges, weights=weights**2)[0],
        edges=edges,
        sqrt_s=13_000.0,
    )
    assert random.weight() == pytest.approx(2.0, rel=0.03)  # the second over the first moment
    steep = np.where(masses > 4_500.0, 1.0, 5.0)
    with pytest.raises(InputError, match="weights differ from bin to bin"):
        Spectrum(
            counts=np.histogram(masses, edges, weights=steep)[0],
            variances=np.histogram(masses, edges, weights=steep**2)[0],
            edges=edges,
            sqrt_s=13_000.0,
        ).effective()
    with pytest.raises(InputError, match="content but no variance"):
        made(variances=[30.0, 0.0, 9.0]).effective()
    with pytest.raises(InputError, match="all zero"):
        made(counts=[0.0, 0.0, 0.0], variances=[1.0, 0.0, 0.0]).effective()


def test_what_is_no_count_is_told_from_what_is():
    made().check_whole()
    made(counts=COUNTS + 1e-9).check_whole()
    made(counts=1.5 * COUNTS, variances=2.25 * COUNTS).check_whole()
    with pytest.raises(InputError, match=r"4\.44 is no count of events"):
        made(counts=0.37 * COUNTS).check_whole()


def test_arguments_given_twice_or_not_at_all():
    with pytest.raises(InputError, match="has its own edges"):
        as_spectrum(made(), EDGES)
    with pytest.raises(InputError, match="leave out sqrt_s"):
        as_spectrum(made(), sqrt_s=8_000.0)
    with pytest.raises(InputError, match="without bin edges"):
        as_spectrum(COUNTS)
    assert as_spectrum(made(), sqrt_s=13_000.0).sqrt_s == 13_000.0
    assert as_spectrum(COUNTS, EDGES, sqrt_s=None).sqrt_s is None


@pytest.mark.parametrize("family", ["dijet3", "dijet5", "powexp", "gp", "auto", "envelope"])
@pytest.mark.parametrize("sqrt_s", [8_000.0, 14_000.0, None])
def test_the_energy_reaches_every_fit(edges, smooth, window, family, sqrt_s):
    """Fitted in the mass over the collision energy, a spectrum scaled with that energy gives the same numbers."""
    factor = 1.0 if sqrt_s is None else sqrt_s / 13_000.0
    counts = np.random.default_rng(1).poisson(smooth(2e4))
    there = Spectrum(counts=counts, edges=edges * factor, sqrt_s=sqrt_s, masked=window)
    here = Spectrum(
        counts=counts, edges=edges, sqrt_s=13_000.0 if sqrt_s is not None else 2.0 * edges[-1], masked=window
    )
    found, wanted = fit_spectrum(there, family=family), fit_spectrum(here, family=family)
    assert found.sqrt_s == sqrt_s
    assert found.window_expected == pytest.approx(wanted.window_expected, rel=1e-6)
    assert found.window_error == pytest.approx(wanted.window_error, rel=1e-6)
    assert found.family == wanted.family


def test_a_spectrum_says_all_that_loose_arrays_say(edges, smooth, window):
    counts = np.random.default_rng(2).poisson(smooth(2e4))
    spectrum = Spectrum(counts=counts, edges=edges, sqrt_s=9_000.0, masked=window)
    loose = fit_spectrum(counts, edges, masked=window, sqrt_s=9_000.0)
    assert fit_spectrum(spectrum).to_dict() == loose.to_dict()
    assert loose.to_dict() != fit_spectrum(counts, edges, masked=window).to_dict()
    np.testing.assert_array_equal(
        make_design(spectrum, family="dijet3").basis, make_design(edges, family="dijet3", sqrt_s=9_000.0).basis
    )
    np.testing.assert_array_equal(make_design(spectrum, family="dijet3").single, ~window)
    assert minuit_fit(spectrum).deviance == pytest.approx(loose.deviance, rel=1e-6)
    assert choose_family(spectrum) in ("dijet3", "dijet4", "dijet5")
    assert choose_kernel(spectrum).length >= 0.3
    assert not spectrum.whole().masked.any()
