"""Histograms of any library go where counts go: each public function gives what it gives for counts and edges."""

import itertools

import boost_histogram as bh
import hist
import numpy as np
import pytest

import bumphunt
from bumphunt.significance import (
    bump_hunt,
    expected_significance,
    likelihood_scan,
    mask_counts,
    scan_spectrum,
    window_z,
)
from bumphunt.spectrum import fit_spectrum, make_design, minuit_fit
from bumphunt.spectrum.spectrum import Spectrum

EDGES = np.geomspace(2_500.0, 6_000.0, 21)
COUNTS = np.random.default_rng(3).poisson(4e3 * np.exp(-EDGES[:-1] / 600.0) * np.diff(EDGES)).astype(float)
WINDOW = (EDGES[:-1] > 3_300.0) & (EDGES[1:] < 3_900.0)


class ProtocolAlone:
    """What the protocol asks for and nothing else: an axis is a sequence of pairs."""

    kind = "COUNT"

    def __init__(self):
        self.axes = [list(itertools.pairwise(EDGES))]

    def values(self):
        return COUNTS

    def variances(self):
        return COUNTS


def of_hist():
    made = hist.Hist(hist.axis.Variable(EDGES, name="mjj"))
    made.view()[:] = COUNTS
    return made


def of_boost_histogram():
    made = bh.Histogram(bh.axis.Variable(EDGES), storage=bh.storage.Int64())
    made.view()[:] = COUNTS
    return made


@pytest.fixture(params=["hist", "boost-histogram", "uproot", "protocol"])
def histogram(request, tmp_path):
    if request.param == "uproot":
        uproot = pytest.importorskip("uproot", reason="the extra 'root' is not installed")
        with uproot.recreate(tmp_path / "one.root") as file:
            file["mjj"] = of_hist()
        with uproot.open(tmp_path / "one.root") as file:
            return file["mjj"]
    return {"hist": of_hist, "boost-histogram": of_boost_histogram, "protocol": ProtocolAlone}[request.param]()


def rng():
    return np.random.default_rng(1)


def design(*source):
    return make_design(source[0] if len(source) == 1 else source[1], family="dijet3", masked=WINDOW)


CALLS = {
    "fit_spectrum": lambda *given: fit_spectrum(*given, family="dijet3", masked=WINDOW),
    "minuit_fit": lambda *given: minuit_fit(*given, family="dijet3", masked=WINDOW),
    "make_design": design,
    "scan_spectrum": lambda *given: scan_spectrum(*given, family="dijet3", n_toys=20, rng=rng()),
    "likelihood_scan": lambda *given: likelihood_scan(*given, family="dijet3", masses=[3_500.0], n_toys=20, rng=rng()),
    "bump_hunt": lambda *given: bump_hunt(*given, design=design(*given), n_toys=20, rng=rng()),
    "window_z": lambda *given: window_z(COUNTS[None], given[-1], WINDOW, family="dijet3"),
    "mask_counts": lambda *given: mask_counts(given[0], WINDOW),
    "expected_significance": lambda *given: expected_significance(
        mask_counts(given[0], WINDOW), given[-1], window=WINDOW, n_signal=[50.0], family="dijet3"
    ),
}


def numbers(found):
    """Return every number of a result in a row."""
    if isinstance(found, np.ndarray | float | int):
        return np.ravel(found).tolist()
    if isinstance(found, dict | list | tuple):
        return [number for each in (found.values() if isinstance(found, dict) else found) for number in numbers(each)]
    if hasattr(found, "to_dict"):
        return numbers(found.to_dict())
    names = getattr(found, "__dataclass_fields__", ())
    return [number for name in names for number in numbers(getattr(found, name))]


@pytest.mark.parametrize("name", CALLS)
def test_a_histogram_gives_what_its_counts_and_edges_give(name, histogram):
    expected = numbers(CALLS[name](COUNTS, EDGES))
    assert len(expected) > 0
    np.testing.assert_array_equal(numbers(CALLS[name](histogram)), expected)


def test_a_histogram_is_scanned_like_a_file(histogram, tmp_path):
    path = tmp_path / "counts.json"
    path.write_text(f'{{"edges": {EDGES.tolist()}, "counts": {COUNTS.tolist()}}}')
    by_file, in_memory = (bumphunt.scan_file(source, family="dijet3", n_toys=20) for source in (path, histogram))
    assert in_memory.to_dict() == by_file.to_dict()


def test_a_spectrum_is_scanned_with_its_own_energy():
    spectrum = Spectrum(counts=COUNTS, edges=EDGES, sqrt_s=8_000.0)
    found = bumphunt.scan_file(spectrum, family="dijet3", n_toys=20)
    assert found.best_window.fit.sqrt_s == 8_000.0


def test_a_bump_hunt_of_weighted_contents_is_that_of_effective_counts():
    """The background comes in the units of the contents."""
    weighted = Spectrum(counts=3.0 * COUNTS, variances=9.0 * COUNTS, edges=EDGES, sqrt_s=None).to_hist()
    smooth = fit_spectrum(COUNTS, EDGES, family="dijet3").expected
    found = bump_hunt(weighted, background=3.0 * smooth, n_toys=20, rng=rng())
    expected = bump_hunt(COUNTS, EDGES, background=smooth, n_toys=20, rng=rng())
    assert found.p_local == pytest.approx(expected.p_local)
    assert found.n_expected == pytest.approx(expected.n_expected)
    with pytest.raises(bumphunt.InputError, match="contents are weighted"):
        mask_counts(weighted, WINDOW)
    with pytest.raises(bumphunt.InputError, match="contents are weighted"):
        expected_significance(mask_counts(COUNTS, WINDOW), weighted, window=WINDOW)


def test_a_histogram_with_a_window_that_can_be_seen_is_refused(histogram):
    with pytest.raises(bumphunt.InputError, match="must be NaN"):
        expected_significance(histogram, histogram, window=WINDOW)
