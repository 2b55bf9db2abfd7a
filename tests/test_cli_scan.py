"""`bumphunt scan`: methods, families, limits in events and cross sections, and what was not searched."""

import json

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
        (["--luminosity", "-1"], "luminosity"),
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
