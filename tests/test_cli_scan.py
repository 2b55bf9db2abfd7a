"""`bumphunt scan`: methods, families, limits in events and cross sections, and what was not searched."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from bumphunt.cli import main
from bumphunt.spectrum.functions import gaussian_fractions

EDGES = 3000.0 * 1.03 ** np.arange(26)


def scan(*arguments):
    return CliRunner().invoke(main, ["scan", *map(str, arguments), "--toys", "100"])


def scanned(*arguments):
    done = scan(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bump(tmp_path_factory):
    """A spectrum with a bump at 4 TeV, as a file."""
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000
    shape = (1 - x) ** 10 / x**5 * np.diff(EDGES)
    expected = 30_000 * shape / shape.sum() + 420 * gaussian_fractions(EDGES, mass=4_000.0, width=130.0)
    path = tmp_path_factory.mktemp("scan") / "bump.json"
    counts = np.random.default_rng(3).poisson(expected)
    path.write_text(json.dumps({"counts": counts.tolist(), "edges": EDGES.tolist()}), "utf-8")
    return path


@pytest.mark.parametrize("method", ["counting", "q0", "bumphunter"])
def test_every_method_finds_the_bump(bump, method):
    found = scanned(bump, "--family", "dijet3", "--method", method)
    assert found["z_local"] > 3.5
    assert found["p_local"] <= found["p_global"] < 0.02
    assert found["window"]["low"] < 4_000 < found["window"]["high"]
    assert {"chi2", "ndf", "p_value", "p_value_toys"} <= found["goodness"].keys()
    assert found["p_global_method"]
    assert {"n_toys", "n_trials", "is_bound"} <= found.keys()


@pytest.mark.parametrize("family", ["dijet3", "dijet4", "dijet5", "powexp", "gp", "auto", "envelope"])
def test_every_family_finds_it_in_its_window(bump, family):
    found = scanned(bump, "--family", family, "--window", EDGES[8], EDGES[12])
    assert found["z_local"] > 3
    assert found["fit"]["family"].startswith(family if family not in ("auto", "envelope") else ("dijet", "powexp"))
    assert [part["reason"] for part in found["not_searched"]] == ["outside the window that was asked for"] * 2


def test_a_luminosity_gives_a_cross_section(bump, tmp_path):
    window = ("--family", "dijet3", "--window", EDGES[8], EDGES[12])
    without = scanned(bump, *window)["upper_limit"]
    assert without["cross_section"] is None
    assert without["n_signal"] > without["expected"][2] > 0
    by_option = scanned(bump, *window, "--luminosity", 137)["upper_limit"]
    assert by_option["cross_section"] == pytest.approx(without["n_signal"] / 137.0)
    config = tmp_path / "config.yaml"
    config.write_text("limit:\n  luminosity: 137.0\n", "utf-8")
    assert scanned(bump, *window, "--config", config)["upper_limit"] == by_option
    text = scan(bump, *window, "--luminosity", 137).stdout
    assert "sigma x B x A <" in text
    assert "not searched: " in text
    assert "from toys" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "median"], "counting"),
        (["--luminosity", "-1"], "Invalid value for '--luminosity'"),
        (["--luminosity", "nan"], "Invalid value for '--luminosity'"),
        (["--luminosity", "inf"], "Invalid value for '--luminosity'"),
        (["--luminosity", "0"], "Invalid value for '--luminosity'"),
        (["--family", "dijet33"], "did you mean 'dijet3'"),
        (["--deficit"], "excesses only"),
        (["--method", "bumphunter", "--window", "3500", "4000"], "every window"),
        (["--family", "gp(0.01,1)"], "swallow"),
    ],
)
def test_misuse_is_one_line_and_status_2(bump, arguments, words):
    done = scan(bump, *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_deficit_is_searched_on_request(bump):
    found = scanned(bump, "--family", "dijet3", "--method", "bumphunter", "--deficit")
    assert found["window"]["high"] < 3_900 or found["window"]["low"] > 4_100


EXPECTED = 78_000.0 * 0.844 ** np.arange(40.0) * 0.2 + 0.5
WIDE = 2000.0 * 1.03 ** np.arange(41)


def spectrum(tmp_path, *, seed=1, **changes):
    """A file with a smooth spectrum of 40 bins, and what is changed in it."""
    data = {"edges": WIDE.tolist(), "counts": np.random.default_rng(seed).poisson(EXPECTED).tolist(), **changes}
    path = tmp_path / "spectrum.json"
    path.write_text(json.dumps(data), "utf-8")
    return path


def counts_of(path):
    return json.loads(path.read_text("utf-8"))["counts"]


def test_a_sound_spectrum_has_its_checks_passed(bump):
    found = scanned(bump, "--family", "dijet3")
    assert [check["name"] for check in found["checks"]] == ["goodness_of_fit", "no_deficit"]
    assert all(check["passed"] for check in found["checks"])
    assert found["status"] in ("evidence", "discovery", "none")
    assert found["notes"] == []
    assert scan(bump, "--family", "dijet3").stdout.startswith("best window")


@pytest.mark.parametrize("method", ["counting", "q0", "bumphunter"])
@pytest.mark.parametrize("left", [0, 0.6])
def test_a_dead_bin_is_named_before_any_significance(tmp_path, method, left):
    counts = counts_of(spectrum(tmp_path))
    counts[10] = int(left * counts[10])
    path = spectrum(tmp_path, counts=counts)
    found = scanned(path, "--method", method)
    checks = {check["name"]: check for check in found["checks"]}
    assert not checks["goodness_of_fit"]["passed"]
    assert not checks["no_deficit"]["passed"]
    assert found["status"] == ("unverified_excess" if found["z_global"] >= 3 else "none")
    if left == 0 and method != "bumphunter":  # of which a hundred toys reach 2.3 only
        assert found["z_global"] > 3
    first, *others = scan(path, "--method", method).stdout.splitlines()
    assert "the goodness of fit fails" in first
    assert f"{WIDE[10]:.0f}-{WIDE[11]:.0f} GeV holds {counts[10]} events" in first
    assert ("a dead bin" if counts[10] == 0 else "a deficit") in first
    assert "local" not in first
    assert not any("local" in line or "upper limit" in line for line in others)
    assert found["upper_limit"] is None


def test_a_strong_signal_is_no_failure_of_the_fit(tmp_path):
    """Its tails fill the bins beside the window, which are not judged."""
    counts = np.array(counts_of(spectrum(tmp_path)))
    signal = 6_000 * gaussian_fractions(WIDE, mass=3_000.0, width=130.0)
    path = spectrum(tmp_path, counts=(counts + np.random.default_rng(2).poisson(signal)).tolist())
    found = scanned(path)
    assert found["z_global"] > 5
    assert found["goodness"]["p_value"] < 1e-4  # of the bins right beside the window
    assert found["status"] == "discovery"


def test_few_events_have_empty_bins_and_no_deficit(tmp_path):
    counts = np.random.default_rng(3).poisson(EXPECTED / 300.0).tolist()
    assert 0 in counts[10:35]
    found = scanned(spectrum(tmp_path, counts=counts), "--family", "dijet3")
    assert all(check["passed"] for check in found["checks"])


def test_a_significance_that_only_toys_bound_is_at_least_so_much(tmp_path):
    counts = counts_of(spectrum(tmp_path))
    counts[10:13] = [int(0.8 * count) for count in counts[10:13]]
    path = spectrum(tmp_path, counts=counts)
    arguments = ("--method", "bumphunter", "--deficit")
    found = scanned(path, *arguments)
    assert found["is_bound"]
    assert found["p_global"] == pytest.approx(1 / 101)
    assert f"at least {found['z_global']:.2f} global" in scan(path, *arguments).stdout
    one = ("--window", WIDE[20], WIDE[24])
    assert not scanned(path, *one)["is_bound"]
    assert "at least" not in scan(path, *one).stdout


def test_a_quiet_spectrum_has_no_negative_significance_in_words(tmp_path):
    done = scan(spectrum(tmp_path, counts=np.round(EXPECTED).tolist()))
    assert "nothing globally (p = 1)" in done.stdout


def test_weighted_contents_are_effective_events(tmp_path):
    window = ("--family", "dijet3", "--window", WIDE[9], WIDE[13])
    counts = np.array(counts_of(spectrum(tmp_path)))
    counts[9:13] += 250
    plain = scanned(spectrum(tmp_path, counts=counts.tolist()), *window)
    for changes in ({"variances": (4 * counts).tolist()}, {"errors": (2 * np.sqrt(counts)).tolist()}):
        path = spectrum(tmp_path, counts=counts.tolist(), **changes)
        weighted = scanned(path, *window)
        assert plain["z_local"] > 3
        assert weighted["z_local"] == pytest.approx(0.5 * plain["z_local"], rel=0.03)
        assert weighted["window"]["n_observed"] == round(counts[9:13].sum() / 4)
        assert "4 times as large" in weighted["notes"][0]
        assert weighted["notes"][0] in scan(path, *window).stdout
    # scaled contents with their errors are the same events
    scaled = spectrum(tmp_path, counts=(0.37 * counts).tolist(), variances=(0.37**2 * counts).tolist())
    assert scanned(scaled, *window)["z_local"] == pytest.approx(plain["z_local"], abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counts": (0.37 * EXPECTED).tolist()}, "is no count of events"),
        ({"edges": (WIDE / 1000.0).tolist()}, "looks like TeV"),
        ({"edges": (WIDE * 3.0).tolist()}, "sqrt_s = 13000"),
        ({"counts": [1e300, *EXPECTED.round()[1:]]}, "no number of events"),
        ({"counts": [10**5000, *EXPECTED.round()[1:]]}, "JSON"),
        ({"counts": [10**400, *EXPECTED.round()[1:]]}, "real numbers"),
        ({"counts": [float("nan"), *EXPECTED.round()[1:]]}, "NaN"),
        ({"counts": [-1, *EXPECTED.round()[1:]]}, "negative"),
        ({"counts": [True] * 40}, "real numbers"),
        ({"counts": [0] * 40}, "no events"),
        ({"counts": [], "edges": []}, "one more edge"),
        ({"counts": [], "edges": [3000]}, "no bins"),
        ({"variances": [0] * 40}, "all zero"),
    ],
)
def test_what_is_no_spectrum_is_one_line_and_status_2(tmp_path, changes, words):
    limit = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(0)  # to write a number that is refused where it is read
        path = spectrum(tmp_path, **changes)
    finally:
        sys.set_int_max_str_digits(limit)
    done = scan(path)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 500


def test_the_same_from_python(tmp_path):
    """What the command line refuses, the function refuses."""
    from bumphunt.errors import InputError
    from bumphunt.significance.spectrum_scan import scan_spectrum

    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="looks like TeV"):
        scan_spectrum(EXPECTED.round(), WIDE / 1000.0, rng=rng)
    with pytest.raises(InputError, match="is no count"):
        scan_spectrum(EXPECTED * 0.37, WIDE, rng=rng)
    with pytest.raises(InputError, match="did you mean 'envelope'"):
        scan_spectrum(EXPECTED.round(), WIDE, family="envelop", rng=rng)


def test_standard_input_and_root_histograms(bump, tmp_path):
    import hist
    import uproot

    window = ("--family", "dijet3", "--window", EDGES[8], EDGES[12], "--json")
    expected = json.loads(scan(bump, *window).stdout)
    text = bump.read_text("utf-8")
    piped = CliRunner().invoke(main, ["scan", "-", *map(str, window), "--toys", "100"], input=text)
    assert piped.exit_code == 0, piped.output
    assert json.loads(piped.stdout) == expected
    histogram = hist.Hist(hist.axis.Variable(EDGES, name="mjj"), storage=hist.storage.Double())
    histogram.view()[:] = json.loads(text)["counts"]
    one, two = tmp_path / "one.root", tmp_path / "two.root"
    with uproot.recreate(one) as file:
        file["mjj"] = histogram
    with uproot.recreate(two) as file:
        file["nominal"] = histogram
        file["folder/JES_up"] = histogram * 2
        file["plane"] = hist.Hist(hist.axis.Regular(2, 0, 1), hist.axis.Regular(2, 0, 1))
    for source in (one, f"{one}:mjj", f"{two}:nominal"):
        found = json.loads(scan(source, *window).stdout)
        assert found["z_local"] == pytest.approx(expected["z_local"], abs=1e-9)
    assert json.loads(scan(f"{two}:folder/JES_up", *window).stdout)["z_local"] != expected["z_local"]
    for source, words in ((two, f"give {two}:nominal"), (f"{one}:other", "there is mjj"), (f"{two}:plane", "2 axes")):
        done = scan(source)
        assert done.exit_code == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_sparse_histogram_is_scanned_as_the_dense_one(bump, tmp_path):
    hist, uhi = pytest.importorskip("hist"), pytest.importorskip("uhi.io")
    from uhi.io import json as uhi_json

    counts = np.array(json.loads(bump.read_text())["counts"], dtype=float)
    histogram = hist.Hist(hist.axis.Variable(EDGES, name="mjj"), storage=hist.storage.Double())
    histogram.view()[:] = counts
    sparse = uhi.to_sparse(histogram._to_uhi_())
    kept = np.asarray(sparse["storage"]["index"]).reshape(-1)
    # as other programs write it: in any order, and only what is filled
    order = np.random.default_rng(1).permutation(len(kept))
    sparse["storage"]["index"] = kept[order].reshape(1, -1)
    sparse["storage"]["values"] = np.asarray(sparse["storage"]["values"])[order]
    path = tmp_path / "sparse.json"
    path.write_text(json.dumps(sparse, default=uhi_json.default), "utf-8")
    assert "index" in path.read_text()
    assert scanned(path) == scanned(bump)

    content = json.loads(path.read_text())
    content["storage"]["index"][0][0] = 10_000
    path.write_text(json.dumps(content), "utf-8")
    done = scan(path)
    assert done.exit_code == 2
    assert "sparse storage" in done.stderr
    assert done.stderr.count("\n") == 1
