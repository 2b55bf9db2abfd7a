"""Fits of real data, as the study of them does: published CMS spectra, the Z, the Upsilon. Skipped without the data."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.signal_shapes import voigt_fractions


@pytest.fixture(scope="module")
def study():
    path = Path(__file__).resolve().parents[2] / "analysis/real_spectra.py"
    sys.path.append(str(path.parent))  # for its own imports
    spec = importlib.util.spec_from_file_location("real_spectra", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["dijet", "dijet_pair", "trijet", "diphoton", "dimuon"])
def test_published_values_become_whole_events(study, shared_data, name):
    counts, edges = study.published(shared_data, name)
    table = json.loads((shared_data / "cms_hepdata_spectra.json").read_text("utf-8"))[name]
    np.testing.assert_allclose(0.5 * (edges[1:] + edges[:-1]), table["x"], atol=0.3)
    assert len(counts) == len(table["y"])
    value, up = np.array(table["y"]), np.array(table["y_up"])
    few = (counts > 0) & (counts < 20)
    # values are events times a constant: where events are few, their ratios tell
    scale = value / np.where(name in ("trijet", "dimuon"), 1.0, 1.0 / np.diff(edges))
    ratio = scale[few] / counts[few]
    assert ratio.std() / ratio.mean() < 0.01
    many = counts > 1_000
    np.testing.assert_allclose((value / up)[many], np.sqrt(counts[many]), rtol=0.04)


@pytest.mark.parametrize(("name", "largest"), [("dijet", 1.2), ("trijet", 1.3), ("diphoton", 1.2), ("dimuon", 1.3)])
def test_cms_spectra_are_described(study, shared_data, name, largest):
    fit = fit_spectrum(*study.published(shared_data, name), family="auto")
    assert fit.chi2 / fit.ndf < largest
    assert fit.p_value > 0.05
    process = fit_spectrum(*study.published(shared_data, name), family="gp")
    assert process.p_value > 0.05


@pytest.mark.parametrize("name", ["dijet", "trijet"])
def test_nothing_stands_out_where_cms_saw_nothing(study, shared_data, name):
    found = study.search(name, *study.published(shared_data, name), 100)
    assert {method["z_global"] < 2 for method in found["search"].values()} == {True}
    assert found["family"] == "dijet3"


def test_the_z_is_where_it_is(study, shared_data):
    z = study.fit_z(shared_data / "cms_zmumu_2011.csv")
    assert z["mass"] == pytest.approx(91.19, abs=1.0)
    assert z["error"] < 0.06
    assert z["offset"] == pytest.approx(z["mass"] - 91.1876)
    assert z["chi2"] / z["ndf"] < 1.3


def test_the_upsilon_grows_under_anomaly_cuts(study, shared_data):
    """As published (arXiv:2502.14036): from below two to above six standard deviations."""
    rows = {row["false_positive_rate"]: row for row in study.upsilon(shared_data / "cms_upsilon_dimuon_masses.npz")}
    for family in ("dijet4", "gp"):
        assert rows[1.0][f"z_{family}"] < 2.5
        assert rows[0.05][f"z_{family}"] > 5.5
    assert (rows[0.05]["n_observed"], rows[0.05]["events"]) == (177, 797)


def test_a_voigt_profile_is_its_integral():
    from scipy import integrate, special

    edges = np.linspace(80.0, 100.0, 11)
    found = voigt_fractions(edges, mass=91.0, width=2.5, resolution=0.7)
    for part, low, high in zip(found, edges[:-1], edges[1:], strict=True):
        expected = integrate.quad(lambda m: special.voigt_profile(m - 91.0, 0.7, 1.25), low, high)[0]
        assert part == pytest.approx(expected, rel=1e-5)
