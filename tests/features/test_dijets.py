"""Jet observables against the published R&D events, and on events that hardly are events."""

import warnings
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bumphunt.events import FEATURES
from bumphunt.features.dijets import KINEMATICS, event_table, momenta, padded
from bumphunt.features.substructure import substructure

DATA = Path(__file__).resolve().parents[2] / "../shared/data"


def particles(*events):
    """Make a jagged array from lists of (pt, eta, phi)."""
    return ak.Array([[{"pt": float(p), "eta": float(e), "phi": float(f)} for p, e, f in event] for event in events])


def spray(rng, number, eta, phi, pt=100.0, width=0.3):
    return [(rng.exponential(pt) + 1, rng.normal(eta, width), rng.normal(phi, width)) for _ in range(number)]


def test_two_one_particle_jets_give_their_invariant_mass():
    table = event_table(particles([(1000, 0.0, 0.0), (1000, 0.0, np.pi)]))
    assert table.loc[0, "mjj"] == pytest.approx(2000.0)
    assert table.loc[0, "mj1"] == pytest.approx(0.0, abs=1e-3)
    assert table.loc[0, ["tau21_1", "tau32_1", "tau21_2", "tau32_2"]].tolist() == [0, 0, 0, 0]
    assert table.loc[0, ["massdrop_1", "massdrop_2"]].tolist() == [1, 1]


def test_mass_of_two_particles_in_one_jet():
    # m^2 = 2 pT1 pT2 (cosh d_eta - cos d_phi)
    table = event_table(particles([(500, 0.2, 0.0), (300, -0.2, 0.0), (700, 0, 3.0)]))
    assert table.loc[0, "mj1"] == pytest.approx(np.sqrt(2 * 500 * 300 * (np.cosh(0.4) - 1)))
    assert table.loc[0, "tau21_1"] == 0.0
    assert table.loc[0, "massdrop_1"] == pytest.approx(0.0, abs=1e-5)


def test_jet_of_three_particles_has_tau2_but_no_tau3():
    table = event_table(particles([(500, 0.2, 0.0), (300, -0.2, 0.0), (100, 0.0, 0.3), (700, 0, 3.0)]))
    assert 0 < table.loc[0, "tau21_1"] < 1
    assert table.loc[0, "tau32_1"] == 0.0


def test_heavier_jet_comes_first_whatever_its_pt():
    light_leads = event_table(particles([(2000, 0, 3.1), (500, 0.3, 0), (500, -0.3, 0)]), kinematics=True)
    heavy_leads = event_table(particles([(200, 0, 3.1), (500, 0.3, 0), (500, -0.3, 0)]), kinematics=True)
    for table in (light_leads, heavy_leads):
        assert table.loc[0, "mj1"] > 250 > 1 > table.loc[0, "mj2"]
    assert light_leads.loc[0, "ptj_lead"] == pytest.approx(2000)
    assert heavy_leads.loc[0, "ptj_sublead"] == pytest.approx(200)
    assert set(KINEMATICS) <= set(light_leads.columns)


def test_events_with_fewer_than_two_jets_are_kept_and_counted():
    full = [(500, 0.2, 0.0), (300, -0.2, 0.0), (700, 0, 3.0)]
    with pytest.warns(UserWarning, match="2 of 4 events have fewer than two jets"):
        table = event_table(particles(full, [], [(500, 0.1, 0), (400, 0, 0.1)], full), label=[0, 1, 0, 1])
    assert np.isfinite(table.to_numpy()).all()
    assert table.loc[1, ["mjj", "mj1", "mj2", "massdrop_2"]].tolist() == [0, 0, 0, 1]
    assert table.loc[2, "mj2"] == 0
    assert table.loc[2, "mjj"] == pytest.approx(table.loc[2, "mj1"])
    assert table.loc[2, "mj1"] > 10
    assert table["label"].tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(table.loc[0, list(FEATURES)].to_numpy(), table.loc[3, list(FEATURES)].to_numpy())


def test_chunk_of_empty_events():
    with pytest.warns(UserWarning, match="3 of 3"):
        table = event_table(padded(np.zeros((3, 700, 3))))
    assert len(table) == 3
    assert (table["mjj"] == 0).all()


def test_two_prongs_have_small_tau21_and_one_prong_has_not():
    rng = np.random.default_rng(1)
    core = [(20 * rng.random() + 1, rng.normal(0, 0.15), rng.normal(0, 0.15)) for _ in range(40)]
    twice = [
        (20 * rng.random() + 1, rng.normal(s, 0.02), rng.normal(3.14, 0.02)) for s in (-0.3, 0.3) for _ in range(20)
    ]
    table = event_table(particles(core + twice))
    assert table.loc[0, "tau21_1"] < 0.25 < 0.5 < table.loc[0, "tau21_2"]
    assert table.loc[0, "massdrop_1"] < 0.3


def test_result_does_not_depend_on_order_padding_or_neighbours():
    rng = np.random.default_rng(2)
    event = spray(rng, 40, 0, 0) + spray(rng, 30, 0.5, 3)
    array = np.zeros((2, 100, 3))
    array[0, :70] = event
    array[1, 100 - 1 - 2 * np.arange(0, 35)] = event[:35]
    array[1, 2 * np.arange(0, 35)] = event[35:]
    table = event_table(padded(array))
    np.testing.assert_allclose(table.loc[0].to_numpy(), table.loc[1].to_numpy(), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(1e-3, 3e3), st.floats(-4.9, 4.9), st.floats(-3.14, 3.14)), max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_never_nan_and_in_range(events):
    if not any(events):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = event_table(particles(*events))
    assert len(table) == len(events)
    assert np.isfinite(table.to_numpy()).all()
    assert (table["mj1"] >= table["mj2"]).all()
    assert table[["massdrop_1", "massdrop_2"]].to_numpy().min() >= 0
    assert table[["massdrop_1", "massdrop_2"]].to_numpy().max() <= 1
    assert (table[["tau21_1", "tau21_2", "tau32_1", "tau32_2"]].to_numpy() >= 0).all()


def test_ghosts_that_fill_small_jets_change_nothing():
    rng = np.random.default_rng(3)
    jet = spray(rng, 6, 0, 0)
    both = momenta(particles(jet, jet[:3]))
    alone = substructure(both.select(np.array([True, False])))
    together = substructure(both)
    assert alone.tau21[0] == pytest.approx(together.tau21[0], abs=1e-12)


def test_clustering_is_silent(capfd):
    event_table(particles([(1000, 0, 0), (900, 0.1, 0.2), (800, 0, 3)]))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not beside the project")
def test_tau21_of_real_signal_and_background_separate():
    import h5py
    import hdf5plugin  # noqa: F401

    with h5py.File(DATA / "lhco_rnd_tiny.h5") as file:
        values = file["df/block0_values"][:]
    table = event_table(padded(values[:, :2100].reshape(-1, 700, 3)), label=values[:, -1])
    signal = table["label"] == 1
    # published: medians 0.189 (heavier jet of the signal), 0.38 (lighter), background 0.491, 0.600
    assert table.loc[signal, "tau21_1"].median() == pytest.approx(0.189, abs=0.04)
    assert table.loc[signal, "tau21_2"].median() == pytest.approx(0.380, abs=0.04)
    window = ~signal & table["mjj"].between(3300, 3700)
    assert table.loc[window, "tau21_1"].median() == pytest.approx(0.491, abs=0.04)
    assert table.loc[window, "tau21_2"].median() == pytest.approx(0.600, abs=0.04)
