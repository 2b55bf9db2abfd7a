"""The trigger, and how many events a block asks for."""

import awkward as ak
import numpy as np

from bumphunt.features.dijets import KINEMATICS, dijet_table, event_table
from bumphunt.simulation.blocks import BATCH, _next_batch, trigger


def back_to_back(number=300, seed=2):
    """Two sprays of particles around the trigger threshold, a third of them too far forward, and odd events."""
    rng = np.random.default_rng(seed)
    events = []
    for index in range(number):
        pt, eta, phi = rng.uniform(1000, 1400), rng.normal(0, 2.0 if index % 3 == 0 else 0.5), rng.uniform(-3, 3)
        share = rng.dirichlet(np.ones(20))
        events.append(
            [
                {"pt": pt * s * scale, "eta": side * eta + rng.normal(0, 0.1), "phi": phi + turn + rng.normal(0, 0.1)}
                for side, turn, scale in ((1, 0, 1.0), (-1, np.pi, rng.uniform(0.8, 1.0)))
                for s in share
            ]
        )
    events[5], events[6] = [], [{"pt": 3000.0, "eta": 0.0, "phi": 0.0}]
    return ak.Array(events)


def test_trigger_loses_nothing_to_its_short_cut():
    particles = back_to_back()
    several = np.asarray(ak.num(particles)) > 1
    table = event_table(particles[several], kinematics=True)
    expected = np.zeros(len(particles), dtype=bool)
    expected[several] = ((table["ptj_lead"] > 1200) & (table["etaj_lead"].abs() < 2.5)) | (
        (table["ptj_sublead"] > 1200) & (table["etaj_sublead"].abs() < 2.5)
    )
    fired, pairs = trigger(particles)
    np.testing.assert_array_equal(fired, expected)
    assert 0.2 < fired.mean() < 0.8
    kept = table[expected[several]][list(KINEMATICS)].to_numpy()
    np.testing.assert_allclose(np.stack([pairs.pt, pairs.eta], axis=2).reshape(-1, 4), kept, rtol=1e-12)
    rows = dijet_table(pairs, kinematics=True)
    np.testing.assert_allclose(rows[list(KINEMATICS)].to_numpy(), kept, rtol=1e-12)


def test_trigger_of_no_events_that_could_fire():
    fired, pairs = trigger(ak.Array([[{"pt": 10.0, "eta": 0.0, "phi": 0.0}] * 3, []]))
    assert fired.tolist() == [False, False]
    assert pairs.number == 0


def test_batches_are_full_until_few_events_are_missing():
    assert _next_batch(1000, accepted=0, generated=0) == BATCH
    assert 100 < _next_batch(80, accepted=720, generated=1000) < 140
    assert _next_batch(1, accepted=0, generated=1000) == BATCH
