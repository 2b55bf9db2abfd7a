"""Spectra that once failed or misled, a row each, with what is right: histograms, dead bins, absurd numbers."""

import json

import numpy as np
import pytest

from bumphunt.errors import InputError
from bumphunt.significance import scan_spectrum

from .test_cases import command, refused

EDGES = 2000.0 * 1.03 ** np.arange(41)


@pytest.fixture(scope="module")
def counts():
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000
    shape = (1 - x) ** 9 * x ** -(5 + 0.1 * np.log(x)) * np.diff(EDGES)
    return np.random.default_rng(5).poisson(shape / shape.sum() * 1e5).astype(float)


def scan(counts, edges=EDGES, **settings):
    return scan_spectrum(counts, edges, n_toys=100, rng=np.random.default_rng(1), **settings)


def written(tmp_path, counts, edges=EDGES, **more):
    path = tmp_path / "spectrum.json"
    path.write_text(json.dumps({"edges": list(edges), "counts": list(counts), **more}), "utf-8")
    return path


def scanned(path, *more):
    done = command("scan", path, "--toys", 100, "--json", *more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_histogram_objects_and_files_are_scanned_alike(counts, tmp_path):
    uproot, hist = pytest.importorskip("uproot"), pytest.importorskip("hist")
    path = tmp_path / "histograms.root"
    profile = hist.Hist(hist.axis.Variable(EDGES), storage=hist.storage.WeightedMean())
    profile.fill(EDGES[:-1] + 1.0, sample=EDGES[:-1], weight=2.0)
    with uproot.recreate(path) as file:
        file["mjj"] = (counts, EDGES)
        file["plane"] = (np.ones((3, 3)), np.arange(4.0), np.arange(4.0))
        file["profile"] = profile
    plain = scanned(written(tmp_path, counts))
    assert scanned(f"{path}:mjj")["z_local"] == pytest.approx(plain["z_local"])
    for name in ("plane", "profile"):
        refused("scan", f"{path}:{name}")
    with uproot.open(path) as file:
        assert scan(file["mjj"], None).z_local == pytest.approx(plain["z_local"])
    with pytest.raises(InputError):
        scan(profile, None)


def test_variances_halve_the_significance(counts, tmp_path):
    bump = counts.copy()
    bump[10:13] *= 1.08
    plain = scanned(written(tmp_path, np.rint(bump)), "--family", "dijet4")["z_local"]
    weighted = scanned(written(tmp_path, np.rint(bump), variances=list(4 * bump)), "--family", "dijet4")["z_local"]
    assert weighted == pytest.approx(plain / 2, rel=0.15)
    assert plain > 3


def test_fractional_counts_need_errors(counts, tmp_path):
    assert "no count of events" in refused("scan", written(tmp_path, 0.37 * counts))
    weighted = scanned(written(tmp_path, 0.37 * counts, errors=list(0.37 * np.sqrt(counts))))
    assert weighted["z_local"] == pytest.approx(scanned(written(tmp_path, counts))["z_local"], abs=0.01)


@pytest.mark.parametrize("bins", [[0], [0, 1, 2], [10], [10, 11], [10, 20]], ids=str)
def test_a_dead_bin_is_named_and_nothing_claimed(counts, tmp_path, bins):
    counts = counts.copy()
    counts[bins] = 0
    first, *others = command("scan", written(tmp_path, counts), "--toys", 100).stdout.splitlines()
    assert first.startswith("no claim: the goodness of fit fails")
    assert "holds 0 events" in first
    assert not any(word in line for line in others for word in ("z =", "global", "upper limit"))


@pytest.mark.parametrize("how", [("--method", "bumphunter", "--deficit"), ("--window", 2600, 2900)], ids=str)
def test_a_dead_bin_is_no_deficit_and_no_limit(counts, tmp_path, how):
    counts = counts.copy()
    counts[10] = 0
    first, *others = command("scan", written(tmp_path, counts), "--toys", 100, *how).stdout.splitlines()
    assert first.startswith("no claim: 2688-2768 GeV holds 0 events")
    assert not any(word in line for line in others for word in ("z =", "global", "upper limit"))
    assert scanned(written(tmp_path, counts), *how)["upper_limit"] is None


def test_a_deficit_beyond_the_toys_is_a_bound(counts, tmp_path):
    counts = counts.copy()
    counts[18:20] = np.rint(0.8 * counts[18:20])
    arguments = ("--method", "bumphunter", "--deficit", "--family", "dijet4")
    found = scanned(written(tmp_path, counts), *arguments)
    assert found["is_bound"]
    assert "at least" in command("scan", written(tmp_path, counts), "--toys", 100, *arguments).stdout.splitlines()[0]


def test_edges_in_tev_are_refused_everywhere(counts, tmp_path):
    with pytest.raises(InputError, match="TeV"):
        scan(counts, EDGES / 1000)
    assert "TeV" in refused("scan", written(tmp_path, counts, EDGES / 1000))


@pytest.mark.parametrize(
    "text",
    [
        '{"edges": [2000, 3000, 4000], "counts": [' + "9" * 5000 + ", 2]}",
        '{"edges": [2000, 3000, 4000], "counts": [1' + "0" * 300 + ", 2]}",
        '{"edges": [2000, 3000, 4000], "counts": [Infinity, 2]}',
        "[" * 100_000 + "]" * 100_000,
        '{"a": ' * 100_000,
    ],
    ids=["digits", "huge", "infinite", "deep list", "deep object"],
)
def test_absurd_numbers_and_nesting_are_one_line(tmp_path, text):
    (tmp_path / "absurd.json").write_text(text, "utf-8")
    assert "absurd.json" in refused("scan", tmp_path / "absurd.json")


@pytest.mark.parametrize("luminosity", ["nan", "inf", "-1", "0"])
def test_luminosity_is_a_positive_number(counts, tmp_path, luminosity):
    assert "luminosity" in refused("scan", written(tmp_path, counts), "--luminosity", luminosity)
