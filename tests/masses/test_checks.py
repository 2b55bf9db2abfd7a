"""Checks of masses and yield: what each is to catch, and what must pass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bumphunt.errors import InputError
from bumphunt.masses.checks import assumptions, mass_checks
from bumphunt.masses.expected_shape import expected_shape
from bumphunt.masses.fit import fit_masses
from bumphunt.masses.likelihood import _without_signal
from bumphunt.masses.responses import Response
from bumphunt.masses.yields import MassBox, box_yield
from bumphunt.results import Check, Interval, MassFit
from bumphunt.spectrum.binning import count, mass_grid
from bumphunt.spectrum.fit import fit_spectrum
from bumphunt.spectrum.spectrum import Spectrum

from .test_fit import EDGES, MASKED, MASSES, WINDOW, experiment

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module")
def fit(table, signal, background):
    found = fit_masses(experiment(signal, background, np.random.default_rng(11), n_signal=150), table=table)
    return replace(found, acceptance_known=True, n_signal_box=interval(140.0, 25.0))


def interval(value, error):
    return Interval(value=value, low=value - error, high=value + error, stat_low=value - error, stat_high=value + error)


def failed(fit, table, *, n_events=40_000, jet_ratio=0.08):
    return {c.name for c in mass_checks(fit, n_events=n_events, jet_ratio=jet_ratio, table=table) if not c.passed}


def test_signal_like_the_response_passes_every_check(fit, table):
    checks = mass_checks(fit, n_events=40_000, jet_ratio=0.08, table=table)
    assert {check.applies_to for check in checks} == {"masses"}
    assert [check.name for check in checks if not check.passed] == []
    assert len(checks) == 11


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"p_value": 1e-5}, "mass_fit_p_value"),
        ({"p_value": float("nan")}, "mass_fit_p_value"),
        ({"m_resonance": interval(9_400.0, 60.0)}, "inside_response_grid"),
        ({"m_x": interval(1_300.0, 10.0)}, "inside_response_grid"),
        ({"m_x": interval(900.0, 10.0)}, "jets_hold_decays"),
        ({"m_y": interval(30.0, 2.0)}, "inside_response_grid"),
        ({"n_signal": interval(30_000.0, 32_000.0)}, "yield_within_file"),
        ({"n_signal": Interval(value=0.0, low=0.0, high=110.0, stat_low=0.0, stat_high=110.0)}, "yield_significance"),
        ({"over_plain": 8.0}, "daughters_peak"),
        ({"tau21_scale": 1.49}, "tau21_scale"),
        ({"tau21_scale": 0.82, "tau21_pull": 3.8}, "tau21_scale"),
        ({"tau21_scale": 0.67}, "tau21_scale"),
        ({"log_widths": np.array([0.0, 0.69])}, "resolutions"),
        ({"n_signal_box": interval(300.0, 30.0)}, "box_yield_agrees"),
        ({"excess": 400.0}, "yield_against_excess"),
    ],
)
def test_each_check_catches_its_fault(fit, table, changes, name):
    assert name in failed(replace(fit, **changes), table)


@pytest.mark.parametrize("jet_ratio", [8e-5, 80.0])
def test_jet_masses_in_another_unit_are_caught(fit, table, jet_ratio):
    assert failed(fit, table, jet_ratio=jet_ratio) == {"jet_mass_units"}


def test_assumptions_name_hypothesis_detector_and_grid(fit, table):
    told = " ".join(assumptions(fit, table=table, response="own"))
    for words in ("two prongs", "narrow", "own response", "8937 GeV", "tau21 scaled by 1.00"):
        assert words in told


def test_results_of_before_are_read(fit):
    check = Check.from_dict({"name": "a", "passed": True, "value": 1.0, "threshold": 1.0, "meaning": "m"})
    assert check.applies_to == "excess"
    old = fit.to_dict()
    for name in ("log_widths", "excess", "excess_error", "n_selected_window"):
        del old[name]
    assert MassFit.from_dict(old).m_x.value == fit.m_x.value


def test_the_expected_shape_is_that_of_simulated_signal(table):
    """Of the shipped labelled sample, none of whose events the response was read off."""
    edges, masses = np.array([1500.0, 3000.0, 3300.0, 3450.0, 3600.0, 3800.0, 5000.0]), (3500.0, 500.0, 100.0)
    shape = expected_shape(table, masses, edges)
    events = pd.read_parquet(DATA / "lhco_rnd.parquet", columns=["mjj", "label"])
    seen = np.histogram(events["mjj"][events["label"] == 1], edges)[0] / (events["label"] == 1).sum()
    # read off neighbouring masses, whose spreads differ, it is up to a tenth wider than signal and never sharper
    np.testing.assert_allclose(shape.probabilities, seen, atol=0.04)
    assert 0.9 * seen[3] < shape.probabilities[3] < 1.02 * seen[3]
    assert 0.97 < shape.probabilities.sum() <= 1.0
    assert 0.0 < shape.trigger_acceptance <= 1.0
    sharper = expected_shape(table, masses, edges, widening=0.6)
    assert sharper.probabilities[3] > 1.1 * shape.probabilities[3]
    with pytest.raises(InputError, match="not ascending"):
        expected_shape(table, MASSES, edges[::-1])


@pytest.mark.parametrize("sqrt_s", [8_000.0, 14_000.0])
def test_the_spectrum_without_signal_is_fitted_at_the_same_energy(signal, background, sqrt_s):
    events = experiment(signal, background, np.random.default_rng(4), n_background=2_000)
    counts = count(events.mjj, EDGES)
    spectrum = fit_spectrum(counts, EDGES, family="dijet3", masked=MASKED, window=WINDOW, sqrt_s=sqrt_s)
    events = replace(events, spectrum=spectrum)
    again = _without_signal(events, np.ones(int(events.outside.sum())))
    np.testing.assert_allclose(again.spectrum.expected, spectrum.expected, rtol=1e-6)
    other = fit_spectrum(counts, EDGES, family="dijet3", masked=MASKED, window=WINDOW)
    assert np.abs(other.expected / spectrum.expected - 1.0).max() > 1e-6


def test_a_box_is_counted_above_the_default_energy(table):
    rng = np.random.default_rng(1)
    edges = mass_grid(9_000.0, 13_600.0, ratio=1.05)
    mjj = rng.uniform(edges[0], edges[-1], 4_000)
    window, masked = np.zeros((2, len(edges) - 1), dtype=bool)
    window[3], masked[2:5] = True, True
    bins = Spectrum(counts=np.zeros(len(window)), edges=edges, window=window, masked=masked, sqrt_s=14_000.0)
    events = mjj, np.full(len(mjj), 500.0), np.full(len(mjj), 210.0)
    box, response = MassBox(masses=(6_000.0, 500.0, 200.0)), Response(name="own", table=table, varied=None)
    assert np.isfinite(box_yield(events, bins, box, response).n_expected)
    with pytest.raises(InputError, match="sqrt_s"):
        replace(bins, sqrt_s=13_000.0)
