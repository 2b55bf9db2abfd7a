"""`bumphunt scan` of spectra: an injected bump, smooth counts, histograms, and the published dijets of CMS."""

import json

import numpy as np
import pytest

from .command_line import WINDOW, call, done_well, refused


@pytest.fixture(scope="module")
def spectrum():
    """Edges and expected counts of a smooth spectrum, and the counts with a bump of 6 sigma at 4 TeV."""
    edges = 3000.0 * 1.03 ** np.arange(26)
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000
    shape = (1 - x) ** 10 / x**5 * np.diff(edges)
    expected = 60_000 * shape / shape.sum()
    counts = np.random.default_rng(12).poisson(expected)
    bump = counts.copy()
    bump[9:11] += np.rint(4.5 * np.sqrt(expected[9:11])).astype(int)
    return edges, counts, bump


def write_counts(path, counts, edges):
    path.write_text(json.dumps({"counts": np.asarray(counts).tolist(), "edges": np.asarray(edges).tolist()}), "utf-8")
    return path


def scanned(path, *arguments):
    return json.loads(done_well(call("scan", path, "--toys", 100, "--json", *arguments)))


def test_scan_finds_an_injected_bump(spectrum, tmp_path):
    edges, _, bump = spectrum
    found = scanned(write_counts(tmp_path / "bump.json", bump, edges), "--family", "dijet3")
    for name in ("z_local", "p_local", "z_global", "p_global"):
        assert isinstance(found[name], float), name
    assert {"chi2", "ndf", "p_value"} <= found["fit"].keys()
    assert found["fit"]["family"] == "dijet3"
    window_bins = round(np.log(found["window"]["high"] / found["window"]["low"]) / np.log(1.03))
    assert found["fit"]["ndf"] == len(bump) - window_bins - 3
    assert found["z_local"] > 5
    assert 0 < found["p_local"] <= found["p_global"] < 1e-3
    assert found["window"]["low"] < edges[10] < found["window"]["high"]
    assert edges[7] <= found["window"]["low"]
    assert found["window"]["high"] <= edges[13]


def test_scan_claims_nothing_in_a_smooth_spectrum(spectrum, tmp_path):
    edges, counts, _ = spectrum
    found = scanned(write_counts(tmp_path / "smooth.json", counts, edges), "--family", "dijet3")
    assert found["z_global"] < 3
    assert found["p_global"] > found["p_local"]


def test_scan_of_one_window_has_no_trials(spectrum, tmp_path):
    edges, counts, bump = spectrum
    window = ("--family", "dijet3", "--window", edges[9] - 1, edges[11] + 1)
    found = scanned(write_counts(tmp_path / "bump.json", bump, edges), *window)
    assert found["p_global"] == found["p_local"]
    assert found["window"]["n_observed"] == bump[9:11].sum()
    quiet = scanned(write_counts(tmp_path / "smooth.json", counts, edges), *window)
    assert found["z_local"] > quiet["z_local"] + 4


def test_scan_takes_the_histograms_of_hist(spectrum, tmp_path):
    import hist
    from uhi.io import json as uhi_json

    edges, counts, bump = spectrum
    plain = scanned(write_counts(tmp_path / "bump.json", bump, edges), "--family", "dijet3")
    for name, options in (("flow", {}), ("plain", {"flow": False}), ("over", {"underflow": False})):
        histogram = hist.Hist(hist.axis.Variable(edges, name="mjj", **options), storage=hist.storage.Double())
        histogram.view()[:] = bump
        histogram.fill([100.0, 12_999.0, 12_999.0])  # flow bins, which are no part of the spectrum
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(histogram, default=uhi_json.default), "utf-8")
        assert scanned(path, "--family", "dijet3") == plain
    assert counts.sum() < bump.sum()


def test_scan_prints_for_people(spectrum, tmp_path):
    edges, _, bump = spectrum
    path = write_counts(tmp_path / "bump.json", bump, edges)
    text = done_well(call("scan", path, "--family", "dijet3", "--toys", 100))
    assert "local" in text
    assert "chi2/ndf" in text
    assert "GeV" in text


def test_scan_repeats_with_its_seed(spectrum, tmp_path):
    edges, counts, _ = spectrum
    path = write_counts(tmp_path / "smooth.json", counts, edges)
    first, again, other = (scanned(path, "--family", "dijet3", "--seed", seed) for seed in (5, 5, 6))
    assert first == again
    assert first["p_global"] != other["p_global"]
    assert first["p_local"] == other["p_local"]


def test_scan_takes_events_too(box):
    found = scanned(box, "--family", "dijet3", "--window", *WINDOW)
    assert found["window"]["low"] < 3500 < found["window"]["high"]
    assert found["z_local"] > 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda edges, counts: (edges / 1000, counts), ("TeV", "GeV")),
        (lambda edges, counts: (edges[:-1], counts), ("one more edge",)),
        (lambda edges, counts: (edges, -counts), ("negative",)),
        (lambda edges, counts: (edges[::-1], counts), ("rise",)),
        (lambda edges, counts: (edges[:4], counts[:3]), ("bins",)),
    ],
    ids=["TeV", "lengths", "negative", "falling", "short"],
)
def test_scan_refuses_what_is_no_spectrum(spectrum, tmp_path, change, words):
    edges, counts, _ = spectrum
    edges, counts = change(edges, counts)
    refused(call("scan", write_counts(tmp_path / "bad.json", counts, edges), "--toys", 100), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window", 1000, 2000], ("no bin",)),
        (["--window", 2900, 3500], ("sideband",)),
        (["--family", "dijet99"], ("dijet99",)),
    ],
)
def test_scan_refuses_what_cannot_be_looked_at(spectrum, tmp_path, arguments, words):
    edges, counts, _ = spectrum
    refused(call("scan", write_counts(tmp_path / "smooth.json", counts, edges), "--toys", 100, *arguments), *words)


def cms_dijets(data):
    """Counts and edges (GeV) of arXiv:1911.03947, Figure 5: published as pb/TeV, 137/fb."""
    table = json.loads((data / "cms_hepdata_spectra.json").read_text("utf-8"))["dijet"]
    centre, width, density = (np.array(table[key]) for key in ("x", "bin_widths_1d", "y"))
    counts = density * width / 1000.0 * 137_000.0
    edges = np.append(centre - width / 2, centre[-1] + width[-1] / 2)
    return counts, edges


def test_cms_dijets_are_converted_to_counts(shared_data):
    counts, edges = cms_dijets(shared_data)
    table = json.loads((shared_data / "cms_hepdata_spectra.json").read_text("utf-8"))["dijet"]
    relative = 0.5 * (np.array(table["y_up"]) + np.array(table["y_down"]))[:20] / np.array(table["y"])[:20]
    np.testing.assert_allclose(counts[:20], 1 / relative**2, rtol=0.01)
    np.testing.assert_allclose(edges[:3], [1530.0, 1607.0, 1687.0])
    few = counts[(counts > 0.5) & (counts < 20)]
    np.testing.assert_allclose(few, np.rint(few), rtol=0.01)


def test_cms_dijets_hold_no_new_particle(shared_data, tmp_path):
    """As CMS found: the largest excess of 137/fb of dijets is far below three standard deviations globally."""
    counts, edges = cms_dijets(shared_data)
    path = write_counts(tmp_path / "cms.json", np.rint(counts), edges)
    for family in ("dijet3", "dijet4"):
        found = scanned(path, "--family", family)
        assert found["z_global"] < 3, family
        assert found["fit"]["p_value"] > 0.01, family
        assert found["z_local"] < 3, family
