"""The goodness of a mass fit knows that simulated signal is finite."""

from dataclasses import replace

import numpy as np

from bumphunt.masses import projections
from bumphunt.masses.likelihood import Likelihood, selected_signal
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plane import PlaneDensity

from .test_fit import EDGES, MASSES, experiment


def thinned(table, events):
    """Return the simulated samples with some of their events."""
    return replace(
        table,
        log_resonance=table.log_resonance[:, events],
        log_jet=table.log_jet[:, :, events],
        substructure=table.substructure[:, :, events],
    )


def test_signal_as_strong_as_its_simulation_is_not_refused(table, signal, background, monkeypatch):
    events = experiment(signal, background, np.random.default_rng(3), n_signal=3_000)
    outside = events.outside
    plane = PlaneDensity(
        events.mjj[outside], events.mj1[outside], events.mj2[outside], growth=events.growth, reference=events.centre
    )
    at = Parameters(*MASSES, 3_000.0, 250.0, 0.0, 0.0, 0.0)
    found = {}
    for name, kept in (("few", slice(0, 40)), ("all", slice(None))):
        near = selected_signal(thinned(table, kept), MASSES, ends=(EDGES[0], EDGES[-1]), select=None)
        likelihood = Likelihood(events, plane, near)
        parts = projections.projections(likelihood, at)
        found[name] = projections.goodness(parts, likelihood, at)
        per_event = projections.simulated_per_event(likelihood, at)
        assert per_event < near.model.pool.weight.size / 3_000.0
        with monkeypatch.context() as patch:
            patch.setattr(projections, "simulated_per_event", lambda *_: np.inf)
            found[f"{name}, as if it were exact"] = projections.goodness(parts, likelihood, at)
    assert found["few, as if it were exact"] < 0.001
    assert found["few"] > 0.01
    assert found["all"] > 0.01
