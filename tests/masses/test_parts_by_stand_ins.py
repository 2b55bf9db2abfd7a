"""Parts of the mass fit whose neighbours are replaced by stand-ins, against values worked out by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bumphunt.errors import FitError
from bumphunt.masses import fit
from bumphunt.masses.acceptance import Acceptance
from bumphunt.masses.growth import MassGrowth
from bumphunt.masses.parameters import Parameters
from bumphunt.masses.plain_jets import _density
from bumphunt.masses.response import local_weights, signal_model
from bumphunt.results import Interval


def test_the_probability_to_pass_is_that_of_one_gev_for_lighter_jets():
    acceptance = object.__new__(Acceptance)
    acceptance._growth = SimpleNamespace(removed=lambda axis, mjj, logs, reference: logs + axis)
    acceptance._reference = 4_000.0
    places = acceptance._places(np.full(3, 3_500.0), np.array([0.0, 0.9, 1.2]), np.array([1.2, 0.5, 3.0]))
    np.testing.assert_allclose(places, [[0.0, 0.0, np.log(1.2)], [1.0 + np.log(1.2), 1.0, 1.0 + np.log(3.0)]])


def test_lines_of_equal_quantile_go_on_in_parallel():
    growth = MassGrowth()
    growth.log_mjj = np.log(4_000.0)
    growth._lines[0] = np.array([[4.0, 5.0, 6.0], [0.2, 0.4, 0.8], [0.0, 0.0, 0.0]])
    mjj = np.full(5, 4_000.0)
    moved = growth.removed(0, mjj, np.array([1.0, 4.0, 5.5, 6.0, 9.0]), reference=4_400.0)
    step = np.log(1.1)
    np.testing.assert_allclose(moved - [1.0, 4.0, 5.5, 6.0, 9.0], step * np.array([0.2, 0.2, 0.6, 0.8, 0.8]))


def test_no_point_counts_more_than_four_times_by_where_it_lies():
    """Of 64 points to one side and one, eight times as far, to the other, that one would count 4.5 times."""
    offsets = np.append(np.full(64, 1.0), -8.0)[:, None]
    slope = (64.0 - 8.0) / (64.0 + 64.0)
    expected = np.append(np.full(64, 1.0 - slope), 4.0)
    np.testing.assert_allclose(local_weights(offsets, (1e4,)), expected / expected.sum(), rtol=1e-4)


def test_a_fit_at_its_scale_is_charged_for_the_scale(monkeypatch):
    def interval(value):
        return Interval(value=value, low=value - 1.0, high=value + 1.0)

    asked = []

    def converged(events, plane, start, signal_at, *, known):
        asked.append(start)
        return found

    monkeypatch.setattr(fit, "at_scale", lambda select, scale: asked.append(scale))
    monkeypatch.setattr(fit, "_plane", lambda events: None)
    monkeypatch.setattr(fit, "_converged", converged)
    given = SimpleNamespace(
        tau21_scale=1.1, tau21_pull=3.0, m_resonance=interval(3_500.0), m_x=interval(500.0), m_y=interval(100.0)
    )
    found = SimpleNamespace(value=10.0)
    assert fit.objective_at_its_scale(None, given, table=None, select=None) == 19.0
    assert asked == [1.1, (3_500.0, 500.0, 100.0)]
    found = None
    with pytest.raises(FitError, match="did not converge"):
        fit.objective_at_its_scale(None, given, table=None, select=None)


@pytest.mark.parametrize("widening", [(1.0, 1.0), (1.3, 0.8)])
def test_two_peaks_without_plain_jets_have_the_density_of_signal(table, widening):
    """Where all events have the resonance of contained ones, and none is cut."""
    masses = (3_530.0, 480.0, 300.0)
    model = signal_model(table, masses)
    model = replace(model, uncontained=model.contained)
    logs = tuple(np.log([[3_500.0, 3_400.0, 3_300.0], [480.0, 500.0, 310.0], [290.0, 200.0, 150.0]]))
    signal = SimpleNamespace(model=model, acceptance=None, ends=(1.0, 1e6))
    likelihood = SimpleNamespace(signal=signal, logs=logs, accepted=np.array([1.0, 0.5, 2.0]))
    at = Parameters(*masses, 80.0, 250.0, 0.0, 0.0, 0.0)
    expected = model.density(logs, masses=masses, widening=widening) * likelihood.accepted
    np.testing.assert_allclose(_density(likelihood, at, widening, (False, False)), expected, rtol=1e-6)
