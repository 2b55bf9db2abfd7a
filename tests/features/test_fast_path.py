"""The flat, all-at-once observables equal those of fastjet used plainly, one event at a time."""

import warnings
from pathlib import Path

import awkward as ak
import fastjet
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bumphunt.features import jets
from bumphunt.features.dijets import dijet_table, dijets, event_table, joined, momenta, padded
from bumphunt.features.nsubjettiness import contrib_taus, taus
from bumphunt.features.substructure import OFFSET, substructure

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
ANTIKT = fastjet.JetDefinition(fastjet.antikt_algorithm, 1.0)
CAMBRIDGE = fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0)


def showers(events=25, seed=5):
    """Events of two to four collimated groups of particles, and soft ones everywhere; some across phi = pi."""
    rng = np.random.default_rng(seed)
    array = np.zeros((events, 700, 3))
    for event in array:
        axes = np.stack([rng.uniform(-2, 2, 4), rng.uniform(-np.pi, np.pi, 4)], axis=1)
        axes[1] = axes[0] + [0.3, np.pi]
        hard, soft = rng.integers(30, 120), rng.integers(5, 60)
        angles = axes[rng.choice(4, hard, p=[0.4, 0.4, 0.1, 0.1])] + rng.normal(0, 0.25, (hard, 2))
        event[:hard, 0] = rng.exponential(25, hard) + 0.3
        event[:hard, 1:] = angles
        event[hard : hard + soft, 0] = rng.exponential(1, soft) + 0.1
        event[hard : hard + soft, 1:] = rng.uniform([-5, -np.pi], [5, np.pi], (soft, 2))
    array[..., 2] = np.mod(array[..., 2] + np.pi, 2 * np.pi) - np.pi
    return array


def plainly(event):
    """Return the row of one event of shape (slots, 3), by fastjet's own objects."""
    pt, eta, phi = event[event[:, 0] > 0].T
    parts = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], axis=1)
    sequence = fastjet.ClusterSequence([fastjet.PseudoJet(*map(float, part)) for part in parts], ANTIKT)
    found = []
    for jet in fastjet.sorted_by_pt(sequence.inclusive_jets())[:2]:
        inside = np.array([[p.px(), p.py(), p.pz(), p.e()] for p in jet.constituents()])
        again = fastjet.ClusterSequence([fastjet.PseudoJet(*map(float, part)) for part in inside], CAMBRIDGE)
        whole = inside.sum(axis=0)
        mass = np.sqrt(max(whole[3] ** 2 - (whole[:3] ** 2).sum(), 0.0))
        heavier = max(np.sqrt(max(half.m2(), 0.0)) for half in again.exclusive_jets(2))
        record = ak.zip(dict(zip(("px", "py", "pz", "E"), inside.T, strict=True)), with_name="Momentum4D")
        tau = fastjet.ClusterSequence(ak.unflatten(record, [len(inside)]), CAMBRIDGE).njettiness(
            measure_definition="NormalizedMeasure",
            axes_definition="OnePass_KT_Axes",
            njets=[1, 2, 3],
            beta=1.0,
            R0=1.0,
        )
        tau = np.asarray(tau).ravel()
        found.append((mass, tau[1] / (tau[0] + OFFSET), tau[2] / (tau[1] + OFFSET), heavier / mass, whole))
    first, second = sorted(found, key=lambda jet: -jet[0])
    total = first[-1] + second[-1]
    row = {"mjj": np.sqrt(total[3] ** 2 - (total[:3] ** 2).sum())}
    for number, jet in (("1", first), ("2", second)):
        row |= {f"mj{number}": jet[0], f"tau21_{number}": jet[1], f"tau32_{number}": jet[2]}
        row[f"massdrop_{number}"] = jet[3]
    return row


def check_rows(array):
    table = event_table(padded(array))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fastjet's, of exclusive jets
        rows = [plainly(event) for event in array]
    for name in rows[0]:
        np.testing.assert_allclose(table[name], [row[name] for row in rows], rtol=1e-9, err_msg=name)


def test_rows_equal_those_of_fastjet_event_by_event():
    check_rows(showers())


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not beside the project")
def test_rows_of_real_events_equal_those_of_fastjet_event_by_event():
    import h5py
    import hdf5plugin  # noqa: F401

    with h5py.File(DATA / "lhco_rnd_tiny.h5") as file:
        values = file["df/block0_values"][:40, :2100]
    check_rows(values.reshape(-1, 700, 3).astype(np.float64))


def test_taus_of_any_chunk_equal_those_of_contrib(monkeypatch):
    monkeypatch.setattr("bumphunt.features.nsubjettiness._CHUNK", 20)
    constituents = dijets(momenta(padded(showers(seed=6)))).leading.constituents
    slow = contrib_taus(constituents, measure="NormalizedMeasure", axes="OnePass_KT_Axes", beta=1.0, radius=1.0)
    np.testing.assert_allclose(taus(constituents, radius=1.0), slow, rtol=1e-9)


def test_groups_too_wide_for_one_frame_go_to_contrib():
    rng = np.random.default_rng(4)
    wide = jets.massless(rng.uniform(1, 5, 30), rng.normal(0, 0.3, 30), rng.uniform(-np.pi, np.pi, 30), counts=[30])
    assert np.isnan(taus(wide, radius=1.0)).all()
    slow = contrib_taus(wide, measure="NormalizedMeasure", axes="OnePass_KT_Axes", beta=1.0, radius=1.0)[0]
    assert substructure(wide).tau21[0] == pytest.approx(slow[1] / (slow[0] + OFFSET), rel=1e-12)


def test_other_axes_are_those_asked_for():
    constituents = dijets(momenta(padded(showers(4)))).leading.constituents
    slow = contrib_taus(constituents, measure="NormalizedMeasure", axes="WTA_KT_Axes", beta=1.0, radius=1.0)
    np.testing.assert_allclose(substructure(constituents, axes="WTA_KT_Axes").tau21, slow[:, 1] / (slow[:, 0] + OFFSET))
    assert not np.allclose(substructure(constituents).tau21, substructure(constituents, axes="WTA_KT_Axes").tau21)


def test_jets_chosen_and_joined_are_those_of_the_whole():
    array = showers(12)
    array[3] = 0.0
    array[7, 1:] = 0.0
    whole = dijets(momenta(padded(array)))
    chosen = np.arange(12) % 3 != 1
    parts = joined([dijets(momenta(padded(array[:5]))), dijets(momenta(padded(array[5:])))]).select(chosen)
    expected = dijet_table(whole, kinematics=True)[chosen].reset_index(drop=True)
    np.testing.assert_allclose(dijet_table(parts, kinematics=True).to_numpy(), expected.to_numpy(), rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1e-3, 3e3), st.floats(-4.9, 4.9), st.floats(-3.14, 3.14)),
        min_size=1,
        max_size=12,
    )
)
def test_no_jet_is_harder_than_the_bound(event):
    group = jets.massless(*np.array(event).T, counts=[len(event)])
    assert dijets(group).pt[0, 0] <= jets.hardest_possible(group)[0]


def test_bound_is_close_for_dijets_and_zero_for_nothing():
    group = jets.massless([1000.0, 900.0], [0.0, 0.5], [0.0, np.pi], counts=[2, 0])
    assert jets.hardest_possible(group) == pytest.approx([1000.0, 0.0], rel=1e-6)
